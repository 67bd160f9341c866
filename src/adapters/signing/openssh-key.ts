/** Keys as OpenSSH writes them (its PROTOCOL.key; RFC 4253, 8332, 5656, 8709), to and from node:crypto. Pure. */

import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";

/** The lengths and numbers of the SSH protocol (RFC 4251, 5). Throws a RangeError beyond the end. */
export class Reader {
  #at = 0;

  constructor(private readonly bytes: Buffer) {}

  uint32(): number {
    const value = this.bytes.readUInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  string(): Buffer {
    const length = this.uint32();
    if (this.#at + length > this.bytes.length) throw new RangeError("cut");
    this.#at += length;
    return this.bytes.subarray(this.#at - length, this.#at);
  }

  text(): string {
    return this.string().toString("latin1");
  }

  take(length: number): Buffer {
    if (this.#at + length > this.bytes.length) throw new RangeError("cut");
    this.#at += length;
    return this.bytes.subarray(this.#at - length, this.#at);
  }
}

export function sshString(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A number without sign: shortest, and with a zero before a highest bit that would read as a minus. */
export function sshNumber(value: Buffer): Buffer {
  let start = 0;
  while (start < value.length && value[start] === 0) start += 1;
  const short = value.subarray(start);
  return sshString((short[0] ?? 0) > 127 ? Buffer.concat([Buffer.of(0), short]) : short);
}

const CURVES = {
  "ecdsa-sha2-nistp256": { curve: "nistp256", jwk: "P-256", hash: "sha256", size: 32 },
  "ecdsa-sha2-nistp384": { curve: "nistp384", jwk: "P-384", hash: "sha384", size: 48 },
  "ecdsa-sha2-nistp521": { curve: "nistp521", jwk: "P-521", hash: "sha512", size: 66 },
} as const;

export type Curve = (typeof CURVES)[keyof typeof CURVES];

/** Of a key type such as `ecdsa-sha2-nistp256`; null for other kinds. */
export const curveOf = (type: string): Curve | null =>
  Object.hasOwn(CURVES, type) ? CURVES[type as keyof typeof CURVES] : null;

const MAGIC = "openssh-key-v1\0";

/** Why a private key cannot be used. */
export type KeyFault = "malformed" | "protected" | "unsupported";

/** Reads `-----BEGIN OPENSSH PRIVATE KEY-----`, and PEM in the forms that OpenSSL knows. */
export function readPrivateKey(text: string): KeyObject | KeyFault {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*?)-----END OPENSSH PRIVATE KEY-----/.exec(text)?.[1];
  if (body === undefined && /ENCRYPTED/.test(text)) return "protected";
  try {
    return body === undefined ? createPrivateKey(text) : readOpenSSH(Buffer.from(body, "base64"));
  } catch {
    // Without the cause, which may hold a part of the key.
    return "malformed";
  }
}

function readOpenSSH(bytes: Buffer): KeyObject | KeyFault {
  const outer = new Reader(bytes);
  if (outer.take(MAGIC.length).toString("latin1") !== MAGIC) return "malformed";
  const [cipher] = [outer.text(), outer.string(), outer.string()];
  if (cipher !== "none") return "protected";
  if (outer.uint32() !== 1) return "unsupported";
  outer.string();
  const inner = new Reader(outer.string());
  const [check, again] = [inner.uint32(), inner.uint32()];
  if (check !== again) return "malformed";
  const type = inner.text();
  const curve = curveOf(type);
  if (type === "ssh-ed25519") {
    const x = inner.string();
    const d = inner.string().subarray(0, 32);
    return privateKey({ kty: "OKP", crv: "Ed25519", x: url(x), d: url(d) });
  }
  if (type === "ssh-rsa") {
    const [n, e, d, qi, p, q] = Array.from({ length: 6 }, () => inner.string());
    if (n === undefined || e === undefined || d === undefined || qi === undefined || p === undefined || q === undefined)
      return "malformed";
    const dp = number(number(d) % (number(p) - 1n));
    const dq = number(number(d) % (number(q) - 1n));
    const parts = { n, e, d, p, q, dp, dq, qi };
    const named = Object.entries(parts).map(([name, value]) => [name, url(unsigned(value))] as const);
    return privateKey({ kty: "RSA", ...Object.fromEntries(named) });
  }
  if (curve !== null) {
    inner.string();
    const point = inner.string();
    const d = padded(unsigned(inner.string()), curve.size);
    return privateKey({ kty: "EC", crv: curve.jwk, ...pointOf(point, curve), d: url(d) });
  }
  return "unsupported";
}

const privateKey = (key: JsonWebKey) => createPrivateKey({ key, format: "jwk" });

/** The public half as it stands in `authorized_keys`, and the kind of key; null for kinds that SSH does not know. */
export function publicBlob(key: KeyObject): { readonly type: string; readonly blob: Buffer } | null {
  const { kty, crv, x = "", y = "", n = "", e = "" } = createPublicKey(key).export({ format: "jwk" });
  const bytes = (part: string) => Buffer.from(part, "base64url");
  if (kty === "OKP" && crv === "Ed25519") return blobOf("ssh-ed25519", sshString(bytes(x)));
  if (kty === "RSA") return blobOf("ssh-rsa", sshNumber(bytes(e)), sshNumber(bytes(n)));
  const [type, curve] = Object.entries(CURVES).find(([, { jwk }]) => jwk === crv) ?? [];
  if (type === undefined || curve === undefined) return null;
  const point = Buffer.concat([Buffer.of(4), padded(bytes(x), curve.size), padded(bytes(y), curve.size)]);
  return blobOf(type, sshString(curve.curve), sshString(point));
}

const blobOf = (type: string, ...parts: Buffer[]) => ({ type, blob: Buffer.concat([sshString(type), ...parts]) });

/** The reverse of `publicBlob`. Throws for what is none. */
export function readPublicBlob(blob: Buffer): { readonly type: string; readonly key: KeyObject } {
  const reader = new Reader(blob);
  const type = reader.text();
  const curve = curveOf(type);
  const made = (key: JsonWebKey) => ({ type, key: createPublicKey({ key, format: "jwk" }) });
  if (type === "ssh-ed25519") return made({ kty: "OKP", crv: "Ed25519", x: url(reader.string()) });
  if (type === "ssh-rsa") {
    const [e, n] = [reader.string(), reader.string()];
    return made({ kty: "RSA", e: url(unsigned(e)), n: url(unsigned(n)) });
  }
  if (curve === null) throw new RangeError("a kind of key that is not known");
  reader.string();
  return made({ kty: "EC", crv: curve.jwk, ...pointOf(reader.string(), curve) });
}

/** Coordinates of an uncompressed point. */
function pointOf(point: Buffer, { size }: Curve): { readonly x: string; readonly y: string } {
  if (point[0] !== 4 || point.length !== 1 + 2 * size) throw new RangeError("a point that is not uncompressed");
  return { x: url(point.subarray(1, 1 + size)), y: url(point.subarray(1 + size)) };
}

const url = (bytes: Buffer) => bytes.toString("base64url");

export const unsigned = (bytes: Buffer) => (bytes[0] === 0 && bytes.length > 1 ? bytes.subarray(1) : bytes);

export const padded = (bytes: Buffer, size: number) =>
  bytes.length >= size
    ? bytes.subarray(bytes.length - size)
    : Buffer.concat([Buffer.alloc(size - bytes.length), bytes]);

function number(value: Buffer): bigint;
function number(value: bigint): Buffer;
function number(value: Buffer | bigint): bigint | Buffer {
  if (typeof value !== "bigint") return BigInt(`0x${value.toString("hex") || "0"}`);
  const digits = value.toString(16);
  return Buffer.from(digits.padStart(digits.length + (digits.length % 2), "0"), "hex");
}
