import { generateIdentity, identityToRecipient } from "age-encryption";
import { beforeAll, describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../src/render/index.js";
import { createSealer, type SealMode } from "../../src/seal/index.js";
import { ageRecipient } from "../../src/seal/sops-recipient.js";
import { noon } from "../builders.js";
import { failureOf } from "../common/failure-of.js";
import { openDataKey, openSops, openValue, parseSops } from "./open-sops.js";

const object: KubernetesObject = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "mp-shop-1", namespace: "kyma-system", labels: { app: "mp-shop" } },
  type: "Opaque",
  data: { b: "placeholder", a: "placeholder" },
};

const base64 = (values: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString("base64")]));

let identities: string[];
let recipients: string[];

beforeAll(async () => {
  identities = await Promise.all([generateIdentity(), generateIdentity(), generateIdentity()]);
  recipients = await Promise.all(identities.slice(0, 2).map(identityToRecipient));
});

const seal = (values: Readonly<Record<string, string>>, to: readonly string[] = recipients.slice(0, 1), now = noon) =>
  createSealer({ mode: "sops", recipients: to }).seal(object, base64(values), now);

describe("a Secret sealed for sops", () => {
  it("is the Secret with sealed data, and what sops wants to know at its end", async () => {
    const text = await seal({ b: "second", a: "first" });

    const { sops, data, ...open } = parseSops(text);
    const { data: _placeholders, ...expected } = object;
    expect(open).toEqual(expected);
    const sealed = expect.stringMatching(/^ENC\[AES256_GCM,data:.+,iv:.+,tag:.+,type:str\]$/);
    expect(data).toEqual({ a: sealed, b: sealed });
    expect(sops).toEqual({
      age: [
        {
          recipient: recipients[0],
          enc: expect.stringMatching(
            /^-----BEGIN AGE ENCRYPTED FILE-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END AGE ENCRYPTED FILE-----\n$/,
          ),
        },
      ],
      encrypted_regex: "^(data|stringData)$",
      lastmodified: "2026-11-22T12:00:00Z",
      mac: sealed,
      mac_only_encrypted: true,
      version: expect.stringMatching(/^3\.\d+\.\d+$/),
    });
    const keys = [...text.matchAll(/^([A-Za-z]+):/gm)].map(([, key]) => key);
    expect(keys).toEqual(["apiVersion", "kind", "metadata", "data", "type", "sops"]);
    expect([...text.matchAll(/^ {2}([ab]): ENC/gm)].map(([, key]) => key)).toEqual(["a", "b"]);
    expect([...text.slice(text.indexOf("\nsops:")).matchAll(/^ {2}([a-z_]+):/gm)].map(([, key]) => key)).toEqual(
      Object.keys(sops).sort(),
    );
  });

  it("has whole seconds, whatever the clock says", async () => {
    const text = await seal({ a: "1" }, recipients, new Date("2026-11-22T12:00:00.987Z"));

    expect(parseSops(text).sops.lastmodified).toBe("2026-11-22T12:00:00Z");
    expect(text).toContain('  lastmodified: "2026-11-22T12:00:00Z"\n');
  });

  it.each([
    ["of one byte", "x"],
    ["of 100 KB", "0123456789".repeat(10_240)],
    ["of several bytes a character", "Zürich 日本語 😀"],
    ["that Flux would substitute", "$".concat("{FOO} $$ $").concat("{A.B}")],
    ["like a number", "0123"],
    ["like a date", "2026-11-22"],
    ["like a time", "12:30:45"],
    ["like a boolean", "yes"],
    ["like null", "null"],
    ["like YAML", "a: b\n- c\n"],
    ["with white space at its ends", " \t x \n"],
    ["with every control character", String.fromCharCode(...Array.from({ length: 32 }, (_, code) => code))],
  ])("gives back a value %s", async (_, value) => {
    const text = await seal({ password: value, username: "user" });

    expect(await openSops(text, identities[0] ?? "")).toEqual({ password: value, username: "user" });
  });

  it("leaves an empty value empty, as sops does, and counts it as nothing", async () => {
    const text = await seal({ a: "", b: "x" });

    expect(parseSops(text).data.a).toBe("");
    expect(await openSops(text, identities[0] ?? "")).toEqual({ a: "", b: "x" });
  });

  it("with nothing in it can be opened, too", async () => {
    expect(await openSops(await seal({}), identities[0] ?? "")).toEqual({});
  });

  it("can be opened by each of two recipients, and by nobody else", async () => {
    const text = await seal({ a: "value" }, recipients);

    expect(parseSops(text).sops.age.map(({ recipient }) => recipient)).toEqual(recipients);
    expect(await openSops(text, identities[0] ?? "", 0)).toEqual({ a: "value" });
    expect(await openSops(text, identities[1] ?? "", 1)).toEqual({ a: "value" });
    await expect(openSops(text, identities[2] ?? "", 0)).rejects.toThrow();
    await expect(openSops(text, identities[1] ?? "", 0)).rejects.toThrow();
  });

  it("binds each value to its key, and all of them to one another", async () => {
    const text = await seal({ a: "one", b: "other" });
    const [a, b] = ["a", "b"].map((key) => parseSops(text).data[key] ?? "") as [string, string];
    const swapped = text.replace(a, "X").replace(b, a).replace("X", b);
    const emptied = text.replace(b, '""');

    await expect(openSops(swapped, identities[0] ?? "")).rejects.toThrow();
    await expect(openSops(emptied, identities[0] ?? "")).rejects.toThrow("wrong code");
  });

  it("has the time bound into its code", async () => {
    const text = (await seal({ a: "one" })).replace("12:00:00Z", "12:00:01Z");

    await expect(openSops(text, identities[0] ?? "")).rejects.toThrow();
  });

  it("never looks twice the same, nor for equal values", async () => {
    const [one, other] = [await seal({ a: "same", b: "same" }), await seal({ a: "same", b: "same" })];

    const all = [one, other].flatMap((text) => Object.values(parseSops(text).data));
    const parts = all.flatMap((value) => value.split(",").slice(1));
    // Data, nonce and tag of each; the last part is the type with the tag.
    expect(parts).toHaveLength(4 * 4);
    expect(new Set(parts.filter((part) => !part.startsWith("type:"))).size).toBe(4 * 3);
  });

  it("has a key of its own, of 32 bytes", async () => {
    const files = [await seal({ a: "same" }), await seal({ a: "same" })];

    const keys = await Promise.all(files.map((text) => openDataKey(text, identities[0] ?? "")));

    expect(keys.map(({ length }) => length)).toEqual([32, 32]);
    expect(Buffer.from(keys[0] ?? [])).not.toEqual(Buffer.from(keys[1] ?? []));
  });

  it("is sealed in the order of its keys, however they came", async () => {
    const text = await createSealer({ mode: "sops", recipients }).seal(
      object,
      base64({ z: "1", B: "2", a: "3", "a.b": "4" }),
      noon,
    );

    expect(await openSops(text, identities[0] ?? "")).toEqual({ z: "1", B: "2", a: "3", "a.b": "4" });
    expect(Object.keys(parseSops(text).data)).toEqual(["B", "a", "a.b", "z"]);
  });

  it.each([
    ["nothing like one", "canary"],
    ["empty", ""],
    ["one with a wrong checksum", "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8q"],
    ["an identity by mistake", "AGE-SECRET-KEY-1CANARY"],
    ["a plugin's", "age1yubikey1canary"],
  ])("cannot be for a recipient that is %s, which is not repeated", async (_, recipient) => {
    const sealing = seal({ a: "value" }, [recipients[0] ?? "", recipient]);

    await expect(sealing).rejects.toMatchObject({
      name: "Failure",
      code: "SealingImpossible",
      stage: "seal",
      retryable: false,
      message: "an age recipient of secrets.sops.age cannot be used",
      hint: expect.not.stringMatching(/canary/i),
    });
  });

  it("cannot be for nobody", () => {
    expect(() => createSealer({ mode: "sops", recipients: [] })).toThrow(
      expect.objectContaining({ code: "SealingImpossible" }),
    );
  });
});

describe("the test's own reader", () => {
  it("refuses a nonce of another length", async () => {
    const { data } = parseSops(await seal({ a: "value" }));

    expect(() =>
      openValue((data.a ?? "").replace(/iv:[^,]+/, `iv:${Buffer.alloc(12).toString("base64")}`), Buffer.alloc(32), ""),
    ).toThrow("not a sealed value");
  });
});

describe("the identity of a way of sealing", () => {
  const identityOf = (...to: string[]) => createSealer({ mode: "sops", recipients: to }).identity;

  it("changes with the recipients and the mode, and not with the recipients' order", () => {
    const identities = [
      createSealer({ mode: "plain" }).identity,
      identityOf("a"),
      identityOf("b"),
      identityOf("a", "b"),
    ];

    expect(new Set(identities).size).toBe(4);
    expect(identityOf("b", "a")).toBe(identityOf("a", "b"));
  });
});

describe("a Secret in plain mode", () => {
  it("has its data in base64, to the byte the same each time", async () => {
    const sealer = createSealer({ mode: "plain" });
    const data = base64({ password: "Zürich ✓", empty: "" });

    const text = await sealer.seal(object, data, noon);

    expect(text).toBe(await sealer.seal(object, data, new Date()));
    expect(parseSops(text)).toEqual({ ...object, data: { password: "WsO8cmljaCDinJM=", empty: "" } });
  });
});

describe("a recipient that lies", () => {
  type Recipient = NonNullable<Extract<SealMode, { mode: "sops" }>["others"]>[number];
  const sealFor = (wrap: Recipient["wrap"]) => {
    const others: Recipient[] = [{ kind: "age", identity: "liar", wrap }];
    return failureOf(createSealer({ mode: "sops", recipients: [], others }).seal(object, base64({ a: "value" }), noon));
  };

  it.each<[string, Recipient["wrap"]]>([
    ["with no file of age", async () => ({ recipient: "liar", enc: "nothing" })],
    ["with an entry that sops cannot read", async () => ({ enc: "nothing" })],
    [
      "with another key",
      async (key) => {
        key.fill(0);
        return ageRecipient(recipients[0] ?? "").wrap(key, noon);
      },
    ],
  ])("is found out before the commit: %s", async (_, wrap) => {
    const failure = await sealFor(wrap);

    expect(failure).toMatchObject({ code: "Internal", message: expect.stringContaining("could not be opened again") });
  });
});
