/** Opens a SOPS file by sealing formats 1, independently of the code under test: values, additional data, and the code over all. */

import { createDecipheriv, createHash } from "node:crypto";
import { armor, Decrypter } from "age-encryption";
import { parse } from "yaml";

export interface SopsFile {
  readonly data: Readonly<Record<string, string>>;
  readonly sops: {
    readonly age: readonly { readonly recipient: string; readonly enc: string }[];
    readonly encrypted_regex: string;
    readonly lastmodified: string;
    readonly mac: string;
    readonly mac_only_encrypted: boolean;
    readonly version: string;
  };
  readonly [field: string]: unknown;
}

export const parseSops = (text: string) => parse(text, { version: "1.1" }) as SopsFile;

const VALUE = /^ENC\[AES256_GCM,data:([A-Za-z0-9+/=]+),iv:([A-Za-z0-9+/=]+),tag:([A-Za-z0-9+/=]+),type:(str)\]$/;

export function openValue(text: string, key: Uint8Array, additionalData: string): string {
  const [, data = "", iv = "", tag = ""] = VALUE.exec(text) ?? [];
  const bytes = (part: string) => Buffer.from(part, "base64");
  if (bytes(iv).length !== 32 || bytes(tag).length !== 16) throw new Error("not a sealed value");
  const decipher = createDecipheriv("aes-256-gcm", key, bytes(iv));
  decipher.setAAD(Buffer.from(additionalData)).setAuthTag(bytes(tag));
  return Buffer.concat([decipher.update(bytes(data)), decipher.final()]).toString("utf8");
}

/** The key of one file, as it is sealed for one recipient. */
export async function openDataKey(text: string, identity: string, recipient = 0): Promise<Uint8Array> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return decrypter.decrypt(armor.decode(parseSops(text).sops.age[recipient]?.enc ?? ""));
}

/** The values of `data` as they were before base64, by one recipient's identity. Throws when the code does not fit. */
export async function openSops(text: string, identity: string, recipient = 0): Promise<Record<string, string>> {
  const { data, sops } = parseSops(text);
  const key = await openDataKey(text, identity, recipient);
  const mac = createHash("sha512").update(createHash("sha256").update("sops").digest());
  const values: Record<string, string> = {};
  for (const [name, sealed] of Object.entries(data)) {
    const value = sealed === "" ? "" : openValue(sealed, key, `data:${name}:`);
    mac.update(value);
    values[name] = Buffer.from(value, "base64").toString("utf8");
  }
  if (openValue(sops.mac, key, sops.lastmodified) !== mac.digest("hex").toUpperCase()) throw new Error("wrong code");
  return values;
}
