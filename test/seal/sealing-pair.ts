/** The key pair of a Sealed Secrets controller, and what it opens: independent of the code under test (sealing formats 2). */

import {
  constants,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
} from "node:crypto";
import { parse } from "yaml";
import { anAuthority } from "../fakes/tls-server.js";

export interface SealingPair {
  /** PEM. */
  readonly certificate: string;
  /** PKCS#8 PEM. */
  readonly key: string;
}

const DAY = 24 * 60 * 60 * 1000;

/** CN=sealed-secret */
const SUBJECT = Buffer.from("301831163014060355 04030c0d7365616c65642d736563726574".replaceAll(" ", ""), "hex");

/** Valid for ten years each way; two of the same key have the same public key. */
export async function aSealingPair({
  notBefore = new Date(Date.now() - 3650 * DAY),
  notAfter = new Date(Date.now() + 3650 * DAY),
  key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
}: {
  notBefore?: Date;
  notAfter?: Date;
  key?: KeyObject;
} = {}): Promise<SealingPair> {
  const authority = await anAuthority();
  const certificate = authority.issueClient({
    subjectDER: SUBJECT,
    publicKey: createPublicKey(key),
    notBefore,
    notAfter,
    serial: 1,
  });
  return { certificate, key: key.export({ type: "pkcs8", format: "pem" }).toString() };
}

export interface SealedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly annotations: Record<string, string>;
  };
  readonly spec: {
    readonly encryptedData: Readonly<Record<string, string>>;
    readonly template: { readonly metadata: object; readonly type?: string; readonly immutable?: boolean };
  };
}

export const parseSealed = (text: string) => parse(text, { version: "1.1" }) as SealedObject;

/** One value, by the private key and the label that it is bound to. Throws when either is another. */
export function openSealed(sealed: string, key: string, label: string): string {
  const bytes = Buffer.from(sealed, "base64");
  const length = bytes.readUInt16BE(0);
  const options = {
    key: createPrivateKey(key),
    padding: constants.RSA_PKCS1_OAEP_PADDING,
    oaepHash: "sha256",
    oaepLabel: Buffer.from(label),
  };
  const sessionKey = privateDecrypt(options, bytes.subarray(2, 2 + length));
  const decipher = createDecipheriv("aes-256-gcm", sessionKey, Buffer.alloc(12));
  decipher.setAuthTag(bytes.subarray(-16));
  return Buffer.concat([decipher.update(bytes.subarray(2 + length, -16)), decipher.final()]).toString("utf8");
}

/** All values of a file. */
export function openSealedFile(text: string, key: string, label: string): Record<string, string> {
  const sealed = Object.entries(parseSealed(text).spec.encryptedData);
  return Object.fromEntries(sealed.map(([name, value]) => [name, openSealed(value, key, label)]));
}
