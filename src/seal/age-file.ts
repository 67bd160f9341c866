/** The key of one file wrapped for one X25519 recipient by node:crypto, three to four times as fast as the library (bench/age.ts). */

import {
  createCipheriv,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from "node:crypto";

export interface AgeKey {
  /** As it stands in the stanza's salt, 32 bytes. */
  readonly bytes: Buffer;
  readonly key: KeyObject;
}

/** What stands before the 32 bytes of a public key in DER (RFC 8410). */
const DER_HEAD = Buffer.from("302a300506032b656e032100", "hex");

const LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/** Of a recipient (`age1…`) that is known to be well-formed, its checksum included; null for one of another kind. */
export function readAgeKey(recipient: string): AgeKey | null {
  const word = /^age1([02-9ac-hj-np-z]{58})$/.exec(recipient)?.[1];
  if (word === undefined) return null;
  // Five bits a letter; the last six letters are the checksum, and what is left of the bits fills the last letter up.
  const bits = [...word.slice(0, -6)].map((letter) => LETTERS.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const bytes = Buffer.from(Array.from({ length: 32 }, (_, at) => Number.parseInt(bits.slice(at * 8, at * 8 + 8), 2)));
  return { bytes, key: createPublicKey({ key: Buffer.concat([DER_HEAD, bytes]), format: "der", type: "spki" }) };
}

const derive = (secret: Buffer, salt: Buffer, purpose: string) =>
  Buffer.from(hkdfSync("sha256", secret, salt, purpose, 32));

function encrypt(key: Buffer, nonce: Buffer, plain: Buffer): Buffer {
  const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: 16 });
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

const unpadded = (bytes: Buffer) => bytes.toString("base64").replace(/=+$/, "");

/**
 * An age file (C2SP age, version 1) with one stanza that holds `content`, which is shorter than one chunk of 64 KiB. The keys are
 * used once each, so their nonces may be zero.
 */
export function ageFile(content: Buffer, { bytes, key }: AgeKey): Buffer {
  const fileKey = randomBytes(16);
  const own = generateKeyPairSync("x25519");
  const share = own.publicKey.export({ type: "spki", format: "der" }).subarray(DER_HEAD.length);
  const shared = diffieHellman({ privateKey: own.privateKey, publicKey: key });
  const wrapping = derive(shared, Buffer.concat([share, bytes]), "age-encryption.org/v1/X25519");
  const body = unpadded(encrypt(wrapping, Buffer.alloc(12), fileKey));
  const header = `age-encryption.org/v1\n-> X25519 ${unpadded(share)}\n${body}\n---`;
  const code = createHmac("sha256", derive(fileKey, Buffer.alloc(0), "header"))
    .update(header)
    .digest();
  const nonce = randomBytes(16);
  // The first chunk, which is the last one as well.
  const chunk = Buffer.concat([Buffer.alloc(11), Buffer.from([1])]);
  const payload = encrypt(derive(fileKey, nonce, "payload"), chunk, content);
  return Buffer.concat([Buffer.from(`${header} ${unpadded(code)}\n`), nonce, payload]);
}
