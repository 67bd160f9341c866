import { createPublicKey, randomBytes } from "node:crypto";
import { Decrypter, generateHybridIdentity, generateX25519Identity, identityToRecipient } from "age-encryption";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ageFile, readAgeKey } from "../../src/seal/age-file.js";
import { runs } from "../common/property.js";

/** What the library makes of a file. */
async function opened(file: Uint8Array, identity: string): Promise<Buffer> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return Buffer.from(await decrypter.decrypt(file));
}

async function aPair() {
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}

const keyOf = (recipient: string) => {
  const key = readAgeKey(recipient);
  if (key === null) throw new Error("it is no X25519 recipient");
  return key;
};

describe("an age file", () => {
  it("is opened by the library, whoever it is for and whatever it holds", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 64 }), async (content) => {
        const { identity, recipient } = await aPair();

        const file = ageFile(Buffer.from(content), keyOf(recipient));

        expect(await opened(file, identity)).toEqual(Buffer.from(content));
      }),
      runs(100),
    );
  });

  it("is not opened by another identity, nor with a byte of it changed", async () => {
    const [mine, other] = [await aPair(), await aPair()];
    const file = ageFile(randomBytes(32), keyOf(mine.recipient));

    await expect(opened(file, other.identity)).rejects.toThrow();
    for (const at of [30, 60, 120, file.length - 1]) {
      const changed = Buffer.from(file);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expect(opened(changed, mine.identity)).rejects.toThrow();
    }
  });

  it("is not made for a point of low order, with which everybody would share its key", () => {
    const { key } = keyOf("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p");
    const head = key.export({ type: "spki", format: "der" }).subarray(0, 12);
    const zero = createPublicKey({ key: Buffer.concat([head, Buffer.alloc(32)]), format: "der", type: "spki" });

    expect(() => ageFile(randomBytes(32), { bytes: Buffer.alloc(32), key: zero })).toThrow();
  });

  it("is another one each time", async () => {
    const { recipient } = await aPair();
    const [one, two] = [1, 2].map(() => ageFile(Buffer.alloc(32), keyOf(recipient)).toString("latin1"));

    expect(one?.split("\n")[1]).not.toBe(two?.split("\n")[1]);
    expect(one?.slice(-48)).not.toBe(two?.slice(-48));
  });

  it.each(["age1", "AGE1QL3Z7HJY54PW3HYWW5AYYFG7ZQGVC7W3J2ELW8ZMRJ2KG5SFN9AQMCAC8P", "ssh-ed25519 AAAA"])(
    "is for X25519 recipients alone: not for %s",
    (text) => {
      expect(readAgeKey(text)).toBeNull();
    },
  );

  it("is for X25519 recipients alone: not for a hybrid one", async () => {
    expect(readAgeKey(await identityToRecipient(await generateHybridIdentity()))).toBeNull();
  });
});
