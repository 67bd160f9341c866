import { randomBytes } from "node:crypto";
import { generateHybridIdentity, identityToRecipient } from "age-encryption";
import { describe, expect, it } from "vitest";
import { createSealer } from "../../src/seal/index.js";
import { openSopsFile, readSopsFile, type SopsFile } from "../../src/seal/sops-file.js";
import { noon } from "../builders.js";
import { openDataKey, openSops } from "./open-sops.js";

const identity = await generateHybridIdentity();
const recipient = await identityToRecipient(identity);
const object = { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "n" }, type: "Opaque" };
const data = { "9": "OQ==", "10": "MTA=", a: "YQ==", empty: "" };
const text = await createSealer({ mode: "sops", recipients: [recipient] }).seal(object, data, noon);
const key = Buffer.from(await openDataKey(text, identity));
const read = (given: string): SopsFile => {
  const file = readSopsFile(given);
  if (file === null) throw new Error("it was not read");
  return file;
};

describe("a SOPS file for a post-quantum recipient", () => {
  it("opens with its identity", async () => {
    expect(recipient).toMatch(/^age1pq1.{1952}$/);
    const sealed = await createSealer({ mode: "sops", recipients: [recipient] }).seal(object, { a: "YQ==" }, noon);

    expect(await openSops(sealed, identity)).toEqual({ a: "a" });
  });
});

describe("the reader of SOPS files", () => {
  it("opens what was sealed, by the key of its data, in the order of the file", () => {
    expect(openSopsFile(read(text), key)).toEqual(data);
    expect(read(text).data.map(([name]) => name)).toEqual(["10", "9", "a", "empty"]);
  });

  it("opens nothing by another key", () => {
    expect(() => openSopsFile(read(text), randomBytes(32))).toThrow();
  });

  it.each<[string, (given: string) => string]>([
    ["a value under another key", (given) => given.replace("  a: ENC", "  b: ENC")],
    ["a value less", (given) => given.replace(/ {2}a: ENC.*\n/, "")],
    ["a value that is clear", (given) => given.replace(/( {2}a: )ENC.*\n/, "$1YQ==\n")],
    ["another time", (given) => given.replace("12:00:00Z", "12:00:01Z")],
    ["two values in another order", (given) => given.replace(/( {2}"10": .*\n)( {2}"9": .*\n)/, "$2$1")],
  ])("refuses a file with %s", (_, change) => {
    const changed = change(text);

    expect(changed).not.toBe(text);
    expect(() => openSopsFile(read(changed), key)).toThrow();
  });

  it.each<[string, string]>([
    ["nothing", ""],
    ["half an edit", "data:\n  a: 'x"],
    ["a readable Secret", "kind: Secret\ndata:\n  a: YQ==\n"],
    ["one of which more than data is sealed", text.replace("^(data|stringData)$", ".*")],
  ])("takes %s for no such file", (_, given) => {
    expect(readSopsFile(given)).toBeNull();
  });
});
