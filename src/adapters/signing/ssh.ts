/** Signatures as `ssh-keygen -Y sign -n git` makes them (OpenSSH's PROTOCOL.sshsig). Pure but for ECDSA's randomness. */

import { createHash, type KeyObject, sign, verify } from "node:crypto";
import { curveOf, padded, publicBlob, Reader, readPublicBlob, sshNumber, sshString, unsigned } from "./openssh-key.js";

const MAGIC = Buffer.from("SSHSIG");
const NAMESPACE = "git";
const HASH = "sha512";

/** Signs for git. Throws a TypeError for a kind of key that SSH does not know. */
export function signSSH(payload: Buffer, key: KeyObject): string {
  const known = publicBlob(key);
  if (known === null) throw new TypeError("SSH knows no such key");
  const { type, blob } = known;
  const [name, signature] = rawSignature(covered(payload, HASH), type, key);
  const version = Buffer.from([0, 0, 0, 1]);
  const parts = [blob, NAMESPACE, "", HASH, Buffer.concat([sshString(name), sshString(signature)])];
  const bytes = Buffer.concat([MAGIC, version, ...parts.map(sshString)]);
  const lines = bytes.toString("base64").match(/.{1,70}/g) ?? [];
  return ["-----BEGIN SSH SIGNATURE-----", ...lines, "-----END SSH SIGNATURE-----", ""].join("\n");
}

function covered(payload: Buffer, hash: string): Buffer {
  const digest = createHash(hash).update(payload).digest();
  return Buffer.concat([MAGIC, ...[NAMESPACE, "", hash, digest].map(sshString)]);
}

function rawSignature(data: Buffer, type: string, key: KeyObject): [name: string, bytes: Buffer] {
  if (type === "ssh-ed25519") return [type, sign(null, data, key)];
  const curve = curveOf(type);
  if (curve === null) return ["rsa-sha2-512", sign("sha512", data, key)];
  const both = sign(curve.hash, data, { key, dsaEncoding: "ieee-p1363" });
  const [r, s] = [both.subarray(0, curve.size), both.subarray(curve.size)];
  return [type, Buffer.concat([sshNumber(r), sshNumber(s)])];
}

/** True when one of the keys, as in `authorized_keys`, signed this for git. Never throws. */
export function isSignedBySSH(payload: Buffer, armored: string, known: readonly Buffer[]): boolean {
  try {
    const body = /-----BEGIN SSH SIGNATURE-----([\s\S]*?)-----END SSH SIGNATURE-----/.exec(armored)?.[1] ?? "";
    const reader = new Reader(Buffer.from(body, "base64"));
    if (!reader.take(MAGIC.length).equals(MAGIC) || reader.uint32() !== 1) return false;
    const [blob, namespace, , hash] = [reader.string(), reader.text(), reader.string(), reader.text()];
    if (namespace !== NAMESPACE || (hash !== "sha512" && hash !== "sha256")) return false;
    if (!known.some((each) => each.equals(blob))) return false;
    const signature = new Reader(reader.string());
    return isRight(covered(payload, hash), blob, signature.text(), signature.string());
  } catch {
    return false;
  }
}

function isRight(data: Buffer, blob: Buffer, name: string, signature: Buffer): boolean {
  const { type, key } = readPublicBlob(blob);
  const curve = curveOf(type);
  if (type === "ssh-ed25519") return name === type && verify(null, data, key, signature);
  if (type === "ssh-rsa") {
    const digest = { "rsa-sha2-512": "sha512", "rsa-sha2-256": "sha256" }[name];
    return digest !== undefined && verify(digest, data, key, signature);
  }
  if (curve === null || name !== type) return false;
  const parts = new Reader(signature);
  const [r, s] = [parts.string(), parts.string()].map((part) => padded(unsigned(part), curve.size));
  if (r === undefined || s === undefined) return false;
  return verify(curve.hash, data, { key, dsaEncoding: "ieee-p1363" }, Buffer.concat([r, s]));
}
