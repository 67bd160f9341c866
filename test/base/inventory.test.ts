import { describe, expect, it } from "vitest";
import {
  formatInventory,
  type Inventory,
  readInventory,
  type SecretReference,
  sealKeyID,
} from "../../src/base/index.js";

const sealKey = Buffer.alloc(32, 7);
const blob = "a".repeat(40);
const sha256 = "b".repeat(64);

const aRecord = {
  serial: 3,
  at: "2026-11-22T12:00:00.000Z",
  applications: 1,
  secrets: 2,
  ofApplications: 13,
  ofSecrets: 14,
};
const reference: SecretReference = {
  bundle: "bundle-x",
  type: "OAuth",
  keys: ["clientId", "clientSecret"],
  authenticationURL: "https://auth.example.com/token",
  csrfTokenEndpointURL: null,
  hosts: ["auth.example.com", "shop.example.com:8443"],
  values: "digest",
};

const anInventory = (changes: Partial<Inventory> = {}): Inventory => ({
  owner: "0e4d8b1a-5a5b-4c3d-9e9f-000000000001",
  tenant: "tenant-1",
  serial: 17,
  deletions: [aRecord],
  sealKey: sealKeyID(sealKey),
  formerSealKeys: ["0123456789abcdef"],
  files: [
    { path: "kustomization.yaml", id: null, blob, sha256 },
    {
      path: "applications/mp-x/secrets/mp-x-1.yaml",
      id: "id-x",
      blob,
      sha256,
      written: "d".repeat(40),
      absent: true,
      former: ["e".repeat(40), "f".repeat(64)],
      input: "in",
      fingerprint: "fp",
      reference,
    },
    { path: "applications/mp-x/application.yaml", id: "id-x", blob: "c".repeat(64), sha256, input: "in" },
  ],
  ...changes,
});

/** Reads a changed text of a good inventory. */
const readChanged = (change: (text: string) => string) => {
  const text = formatInventory(anInventory(), sealKey).toString();
  const changed = change(text);
  expect(changed).not.toBe(text);
  return readInventory(Buffer.from(changed), sealKey);
};

describe("the inventory", () => {
  it("is read as it was written, sorted by path", () => {
    const reading = readInventory(formatInventory(anInventory(), sealKey), sealKey);

    const { files, ...rest } = anInventory();
    expect(reading).toEqual({
      state: "verified",
      inventory: { ...rest, files: [files[2], files[1], files[0]] },
    });
  });

  it("has one line per file and ends with its code, whatever the order it came in", () => {
    const text = formatInventory(anInventory(), sealKey).toString();
    const turned = formatInventory(anInventory({ files: [...anInventory().files].reverse() }), sealKey).toString();

    expect(turned).toBe(text);
    expect(text.split("\n")).toEqual([
      "{",
      '"version": 1,',
      '"owner": "0e4d8b1a-5a5b-4c3d-9e9f-000000000001",',
      '"tenant": "tenant-1",',
      '"serial": 17,',
      '"deletions": [{"serial":3,"at":"2026-11-22T12:00:00.000Z","applications":1,"secrets":2,"ofApplications":13,"ofSecrets":14}],',
      `"sealKey": "${sealKeyID(sealKey)}",`,
      '"formerSealKeys": ["0123456789abcdef"],',
      '"files": [',
      `{"path":"applications/mp-x/application.yaml","id":"id-x","blob":"${"c".repeat(64)}","sha256":"${sha256}","input":"in"},`,
      `{"path":"applications/mp-x/secrets/mp-x-1.yaml","id":"id-x","blob":"${blob}","sha256":"${sha256}",` +
        `"written":"${"d".repeat(40)}","absent":true,"former":["${"e".repeat(40)}","${"f".repeat(64)}"],"input":"in","fingerprint":"fp",` +
        '"reference":{"bundle":"bundle-x","type":"OAuth","keys":["clientId","clientSecret"],"authenticationURL":"https://auth.example.com/token","csrfTokenEndpointURL":null,' +
        '"hosts":["auth.example.com","shop.example.com:8443"],"values":"digest"}},',
      `{"path":"kustomization.yaml","id":null,"blob":"${blob}","sha256":"${sha256}"}`,
      "],",
      expect.stringMatching(/^"hmac": "[0-9a-f]{64}"$/),
      "}",
      "",
    ]);
  });

  it("verifies with a deletion of which no serial is told, as versions before wrote them", () => {
    const deletions = [{ ...aRecord, serial: 0 }];
    const bytes = formatInventory(anInventory({ deletions }), sealKey);

    expect(bytes.toString()).toContain('"deletions": [{"at":');
    expect(readInventory(bytes, sealKey)).toMatchObject({ state: "verified", inventory: { deletions } });
  });

  it("has its keys in one order, whatever the order of the values it is made from", () => {
    const turned = <T extends object>(value: T): T => Object.fromEntries(Object.entries(value).reverse()) as T;
    const files = anInventory().files.map((row) =>
      turned(row.reference === undefined ? row : { ...row, reference: turned(row.reference) }),
    );

    expect(formatInventory(turned(anInventory({ files, deletions: [turned(aRecord)] })), sealKey)).toEqual(
      formatInventory(anInventory(), sealKey),
    );
  });

  it("may be without files, deletions and a tenant", () => {
    const inventory = anInventory({ files: [], formerSealKeys: [], deletions: [], tenant: null, serial: 0 });

    expect(readInventory(formatInventory(inventory, sealKey), sealKey)).toEqual({ state: "verified", inventory });
  });

  it.each([
    ["owner", (text: string) => text.replace("000000000001", "000000000002")],
    ["tenant", (text: string) => text.replace("tenant-1", "tenant-2")],
    ["tenant, removed", (text: string) => text.replace('"tenant": "tenant-1"', '"tenant": null')],
    ["serial", (text: string) => text.replace('"serial": 17', '"serial": 18')],
    ["the time of a deletion", (text: string) => text.replace("2026-11-22", "2026-11-21")],
    ["the number of a deletion", (text: string) => text.replace('"applications":1', '"applications":0')],
    ["what there was before a deletion", (text: string) => text.replace('"ofSecrets":14', '"ofSecrets":99')],
    ["deletions, removed", (text: string) => text.replace(/"deletions": \[.*\]/, '"deletions": []')],
    ["written", (text: string) => text.replace("dddd", "ddde")],
    ["written, removed", (text: string) => text.replace(/"written":"d+",/, "")],
    ["absent, removed", (text: string) => text.replace('"absent":true,', "")],
    ["former", (text: string) => text.replace("eeee", "eeed")],
    ["former, removed", (text: string) => text.replace(/"former":\[[^\]]*\],/, "")],
    ["reference, removed", (text: string) => text.replace(/,"reference":\{.*?\}/, "")],
    ["bundle of a reference", (text: string) => text.replace("bundle-x", "bundle-y")],
    ["type of a reference", (text: string) => text.replace('"OAuth"', '"Basic"')],
    ["token endpoint of a reference", (text: string) => text.replace("example.com/token", "example.com/other")],
    ["host of a reference", (text: string) => text.replace("shop.example.com", "evil.example.com")],
    ["values of a reference", (text: string) => text.replace('"digest"', '"others"')],
    ["seal key", (text: string) => text.replace(sealKeyID(sealKey), "ffffffffffffffff")],
    ["former seal keys", (text: string) => text.replace("0123456789abcdef", "0123456789abcdee")],
    ["former seal keys, removed", (text: string) => text.replace('["0123456789abcdef"]', "[]")],
    ["path", (text: string) => text.replaceAll("mp-x/", "mp-y/")],
    ["id", (text: string) => text.replace('"id":"id-x"', '"id":"id-y"')],
    ["id, removed", (text: string) => text.replace('"id":"id-x"', '"id":null')],
    ["blob", (text: string) => text.replace("cccc", "cccd")],
    ["sha256", (text: string) => text.replace("bbbb", "bbbc")],
    ["input", (text: string) => text.replace('"input":"in"', '"input":"on"')],
    ["input, removed", (text: string) => text.replace(',"input":"in"', "")],
    ["fingerprint", (text: string) => text.replace('"fp"', '"fq"')],
    ["fingerprint, removed", (text: string) => text.replace(',"fingerprint":"fp"', "")],
    ["a file, removed", (text: string) => text.replace(/\{"path":"applications\/mp-x\/application.*\n/, "")],
    ["code", (text: string) => text.replace(/"hmac": "(.)/, (_, digit) => `"hmac": "${digit === "0" ? "1" : "0"}`)],
  ])("shows when somebody changed it: %s", (_, change) => {
    expect(readChanged(change)).toMatchObject({
      state: "unverified",
      reason: "it was not written with this agent's seal key, or was changed since",
    });
  });

  it("of another seal key does not verify", () => {
    const bytes = formatInventory(anInventory(), Buffer.alloc(32, 8));

    expect(readInventory(bytes, sealKey)).toMatchObject({ state: "unverified" });
  });

  it("survives a formatter", () => {
    const pretty = JSON.stringify(JSON.parse(formatInventory(anInventory(), sealKey).toString()), null, 4);

    expect(readInventory(Buffer.from(pretty), sealKey)).toMatchObject({ state: "verified" });
  });

  it.each([
    ["not JSON", () => "nonsense", "it is not JSON"],
    ["cut", (text: string) => text.slice(0, 200), "it is not JSON"],
    ["a list", () => "[]", "it has no version"],
    ["null", () => "null", "it has no version"],
    [
      "of a later version",
      (text: string) => text.replace('"version": 1', '"version": 2'),
      "its version is not known to this agent",
    ],
    ["without a code", (text: string) => text.replace(/,\n"hmac".*/, ""), "it is not well-formed at hmac"],
    ["with a key of its own", (text: string) => text.replace("{", '{"more": 1,'), "it is not well-formed at the top"],
    ["with a wrong id", (text: string) => text.replace(blob, "A".repeat(40)), "it is not well-formed at files 2 blob"],
    ["with half a serial", (text: string) => text.replace("17", "17.5"), "it is not well-formed at serial"],
    ["with a negative serial", (text: string) => text.replace("17", "-17"), "it is not well-formed at serial"],
    [
      "with a deletion at no time",
      (text: string) => text.replace("2026-11-22T", "today "),
      "it is not well-formed at deletions 1 at",
    ],
    [
      "with a reference of another type",
      (text: string) => text.replace('"OAuth"', '"Certificate"'),
      "it is not well-formed at files 2 reference type",
    ],
    [
      "with a file that is absent: false",
      (text: string) => text.replace("true", "false"),
      "it is not well-formed at files 2 absent",
    ],
    [
      "with the same path twice",
      (text: string) => text.replace("secrets/mp-x-1.yaml", "application.yaml"),
      "it is not well-formed at files",
    ],
  ])("that is %s is unverified, with a reason", (_, change, reason) => {
    expect(readChanged(change)).toMatchObject({ state: "unverified", reason });
  });

  it.each([
    "README.md",
    "/kustomization.yaml",
    "../kustomization.yaml",
    "applications/../kustomization.yaml",
    "applications/mp-x/../../x.yaml",
    "applications/mp..x/application.yaml",
    "applications/../application.yaml",
    "applications/MP/application.yaml",
    "applications/mp-x/application.yaml\\n",
    "applications/mp-x/secrets/.yaml",
    "applications/mp-x/secrets/a/b.yaml",
    "applications/mp-x/other.yaml",
    ".runtime-agent/inventory.json",
    ".runtime-agent/approve",
    "applications/-x/application.yaml",
  ])("never names a path outside of the layout: %s", (path) => {
    const inventory = anInventory({ files: [{ path, id: null, blob, sha256 }] });

    expect(readChanged((text) => text.replace('"kustomization.yaml"', `"${path}"`))).toMatchObject({
      state: "unverified",
      reason: "it is not well-formed at files 3 path",
    });
    expect(() => formatInventory(inventory, sealKey)).toThrow();
  });

  it.each([
    "kustomization.yaml",
    "revision.yaml",
    ".runtime-agent/.gitattributes",
    "applications/a/application.yaml",
    "applications/mp-x.y/secrets/mp-x-0123.yaml",
  ])("may name %s", (path) => {
    const inventory = anInventory({ files: [{ path, id: null, blob, sha256 }] });

    expect(readInventory(formatInventory(inventory, sealKey), sealKey)).toEqual({ state: "verified", inventory });
  });

  it("is not read beyond 64 MiB", () => {
    expect(readInventory(Buffer.alloc(64 * 1024 * 1024 + 1, 0x20), sealKey)).toEqual({
      state: "unverified",
      reason: "it is larger than 64 MiB",
      owner: null,
      tenant: null,
      sealKeys: [],
      deletions: null,
      paths: null,
      newer: false,
    });
  });

  it("that does not verify still says what it knows of deletions, and null where that cannot be read", () => {
    expect(readChanged((text) => text.replace("bbbb", "bbbc"))).toMatchObject({ deletions: [aRecord] });
    expect(readChanged((text) => text.replace('"serial": 17', '"serial": "x"'))).toMatchObject({
      deletions: [aRecord],
    });
    expect(readChanged((text) => text.replace('"secrets":2', '"secrets":-2'))).toMatchObject({ deletions: null });
    expect(readChanged((text) => text.replace(/"deletions".*\n/, ""))).toMatchObject({ deletions: null });
    expect(readChanged((text) => text.slice(0, 200))).toMatchObject({ deletions: null });
  });

  it.each([
    ["2", true],
    ["7", true],
    ["1.5", true],
    ["0", false],
    ['"2"', false],
    ["null", false],
  ])("of version %s is a later version's: %s", (version, newer) => {
    expect(readChanged((text) => text.replace('"version": 1', `"version": ${version}`))).toMatchObject({
      state: "unverified",
      newer,
    });
  });

  it("of this version is no later version's, however much it was changed", () => {
    expect(readChanged((text) => text.replace("{", '{"more": 1,'))).toMatchObject({ newer: false });
  });

  it("that does not verify still says whom it names as owner, where it can be read that far", () => {
    const { owner } = anInventory();

    expect(readChanged((text) => text.replace("bbbb", "bbbc"))).toMatchObject({ state: "unverified", owner });
    expect(readChanged((text) => text.replace('"version": 1', '"version": 2'))).toMatchObject({ owner });
    expect(readChanged((text) => text.replace(/"owner": "[^"]*"/, '"owner": 7'))).toMatchObject({ owner: null });
    expect(readChanged((text) => text.slice(0, 200))).toMatchObject({ owner: null });
  });

  it("repeats nothing of what it found in its reason", () => {
    const reading = readChanged((text) => text.replace('"version": 1,', '"version": 1, "canary": 1,'));

    expect(JSON.stringify(reading)).not.toContain("canary");
  });
});

describe("the id of a seal key", () => {
  it("is short, stable and different for each key", () => {
    expect(sealKeyID(sealKey)).toMatch(/^[0-9a-f]{16}$/);
    expect(sealKeyID(sealKey)).toBe(sealKeyID(Buffer.from(sealKey)));
    expect(sealKeyID(sealKey)).not.toBe(sealKeyID(Buffer.alloc(32, 8)));
  });
});
