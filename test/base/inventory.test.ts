import { describe, expect, it } from "vitest";
import { formatInventory, type Inventory, readInventory, sealKeyID } from "../../src/base/index.js";

const sealKey = Buffer.alloc(32, 7);
const blob = "a".repeat(40);
const sha256 = "b".repeat(64);

const anInventory = (changes: Partial<Inventory> = {}): Inventory => ({
  owner: "0e4d8b1a-5a5b-4c3d-9e9f-000000000001",
  sealKey: sealKeyID(sealKey),
  formerSealKeys: ["0123456789abcdef"],
  files: [
    { path: "kustomization.yaml", id: null, blob, sha256 },
    { path: "applications/mp-x/secrets/mp-x-1.yaml", id: "id-x", blob, sha256, input: "in", fingerprint: "fp" },
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
      `"sealKey": "${sealKeyID(sealKey)}",`,
      '"formerSealKeys": ["0123456789abcdef"],',
      '"files": [',
      `{"path":"applications/mp-x/application.yaml","id":"id-x","blob":"${"c".repeat(64)}","sha256":"${sha256}","input":"in"},`,
      `{"path":"applications/mp-x/secrets/mp-x-1.yaml","id":"id-x","blob":"${blob}","sha256":"${sha256}","input":"in","fingerprint":"fp"},`,
      `{"path":"kustomization.yaml","id":null,"blob":"${blob}","sha256":"${sha256}"}`,
      "],",
      expect.stringMatching(/^"hmac": "[0-9a-f]{64}"$/),
      "}",
      "",
    ]);
  });

  it("may be without files", () => {
    const inventory = anInventory({ files: [], formerSealKeys: [] });

    expect(readInventory(formatInventory(inventory, sealKey), sealKey)).toEqual({ state: "verified", inventory });
  });

  it.each([
    ["owner", (text: string) => text.replace("000000000001", "000000000002")],
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
      sealKeys: [],
    });
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
