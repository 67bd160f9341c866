/** Signatures of commits, made and checked in this process. */

import { Failure } from "../../common/failure.js";
import type { Secret } from "../../common/secret.js";
import { isValidAt, readSigners } from "./allowed-signers.js";
import { isSignedByOpenPGP, readOpenPGPKey, signOpenPGP } from "./openpgp.js";
import { publicBlob, readPrivateKey } from "./openssh-key.js";
import { isSignedBySSH, signSSH } from "./ssh.js";

/** Gives the armored signature over a commit. */
export type Signer = (payload: Buffer) => Promise<string>;

/** Reads the key, so that one that cannot sign is known before there is anything to sign. Throws `SigningImpossible`. */
export async function createSigner(format: "ssh" | "openpgp", key: Secret): Promise<Signer> {
  const signer = format === "ssh" ? sshSigner(key) : await openPGPSigner(key);
  // Some keys can be read but may not sign: expired ones, and those for encryption alone.
  await signer(Buffer.from("a trial"));
  return signer;
}

function sshSigner(secret: Secret): Signer {
  const key = readPrivateKey(secret.reveal());
  if (key === "protected") throw impossible("is protected by a passphrase", "ssh-keygen -p -N '' -f FILE");
  if (key === "malformed") throw impossible("is no private SSH key", "ssh-keygen -t ed25519 -N '' -f FILE");
  if (key === "unsupported" || publicBlob(key) === null) {
    throw impossible("is of a kind that cannot sign here", "ssh-keygen -t ed25519 -N '' -f FILE");
  }
  return async (payload) => signSSH(payload, key);
}

async function openPGPSigner(secret: Secret): Promise<Signer> {
  const key = await readOpenPGPKey(secret.reveal());
  const mend = "gpg --armor --export-secret-keys ID, of a key without passphrase";
  if (key === "protected") throw impossible("is protected by a passphrase", mend);
  if (key === null) throw impossible("is no armored private OpenPGP key", mend);
  return async (payload) => {
    try {
      return await signOpenPGP(payload, key);
    } catch {
      throw impossible("may not sign: it has expired, was revoked, or is for encryption alone", mend);
    }
  };
}

const impossible = (what: string, command: string) =>
  new Failure(`commits cannot be signed: git.signing.key ${what}`, {
    code: "SigningImpossible",
    stage: "publish",
    hint: `Nothing is committed without the signature that was asked for. Give a key as from: ${command}; and check git.signing.format.`,
  });

/**
 * Tells whether bytes are signed by one of the keys in a text: allowed signers, public SSH keys, public OpenPGP keys. `at` is
 * when the signature says to have been made, which has to be within what the line of the key allows.
 */
export function createSignatureCheck(
  signers: string,
): (payload: Buffer, signature: string, at: Date) => Promise<boolean> {
  const known = readSigners(signers);
  return async (payload, signature, at) => {
    if (!/BEGIN SSH SIGNATURE/.test(signature)) return isSignedByOpenPGP(payload, signature, signers);
    const valid = known.filter((signer) => isValidAt(signer, at));
    return isSignedBySSH(
      payload,
      signature,
      valid.map(({ blob }) => blob),
    );
  };
}

/** True when the text names somebody. */
export const namesSigners = (signers: string): boolean =>
  readSigners(signers).length > 0 || /-----BEGIN PGP PUBLIC KEY BLOCK-----/.test(signers);
