import { generateKeyPairSync, publicEncrypt, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { sealedSecretVerdict } from "../../src/verify/sealed-secret-verdict.js";

/** As its parts are written, for a key of so many bytes. */
const sealed = (bytes: number, key: Buffer = randomBytes(bytes)) => {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes);
  return Buffer.concat([length, key, randomBytes(40)]).toString("base64");
};
const verdictOn = (password: string) => sealedSecretVerdict({ spec: { encryptedData: { password } } });

describe("a value of a SealedSecret", () => {
  it.each([2048, 2056, 2560, 3072, 4096, 7680, 16_384])("is sealed for a key of %i bits", (bits) => {
    expect(verdictOn(sealed(bits / 8))).toBeNull();
  });

  it("is sealed by a real key of an odd size", () => {
    const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2560 });

    expect(verdictOn(sealed(320, publicEncrypt(publicKey, randomBytes(32))))).toBeNull();
  });

  it.each([
    ["a key that is too short", sealed(128)],
    [
      "a key that nobody has, as the first letters of a long text say",
      Buffer.from("hunter2 ".repeat(5000)).toString("base64"),
    ],
    ["less than it says", sealed(320, randomBytes(200))],
    ["a text", Buffer.from("hunter2").toString("base64")],
  ])("is not sealed with %s", (_, password) => {
    expect(verdictOn(password)).toMatchObject({ code: "ClearSecret" });
  });
});
