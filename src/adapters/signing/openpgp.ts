/** OpenPGP signatures; the only importer of openpgp, which is loaded when it is needed. */

import type { PrivateKey } from "openpgp";

const load = () => import("openpgp");

/** Reads an armored private key. Null when it is none; `protected` when it needs a passphrase. */
export async function readOpenPGPKey(armored: string): Promise<PrivateKey | "protected" | null> {
  const { readPrivateKey } = await load();
  try {
    const key = await readPrivateKey({ armoredKey: armored });
    return key.isDecrypted() ? key : "protected";
  } catch {
    // Without the cause, which may quote the key.
    return null;
  }
}

/** A detached, armored signature over the bytes, as gpg gives it to git. Throws when the key may not sign. */
export async function signOpenPGP(payload: Buffer, key: PrivateKey): Promise<string> {
  const { createMessage, sign } = await load();
  const message = await createMessage({ binary: new Uint8Array(payload) });
  const armored = await sign({ message, signingKeys: key, detached: true, format: "armored" });
  return `${String(armored).replaceAll("\r\n", "\n").trimEnd()}\n`;
}

/** True when one of these armored public keys signed the bytes. Never throws. */
export async function isSignedByOpenPGP(payload: Buffer, armored: string, keys: string): Promise<boolean> {
  const { createMessage, readKeys, readSignature, verify } = await load();
  try {
    const blocks = keys.match(/-----BEGIN PGP PUBLIC KEY BLOCK-----[\s\S]*?-----END PGP PUBLIC KEY BLOCK-----/g) ?? [];
    const verificationKeys = (await Promise.all(blocks.map((armoredKeys) => readKeys({ armoredKeys })))).flat();
    const signature = await readSignature({ armoredSignature: armored });
    const message = await createMessage({ binary: new Uint8Array(payload) });
    const { signatures } = await verify({ message, signature, verificationKeys });
    const verdicts = await Promise.all(signatures.map(({ verified }) => verified.catch(() => false)));
    return verdicts.some(Boolean);
  } catch {
    return false;
  }
}
