/** Reads and opens a SOPS file by the key of its data, whoever wrote it; independent of the code that writes one. */

import { createDecipheriv, createHash } from "node:crypto";
import { z } from "zod";
import { type ParsedYaml, parseYamlDocument } from "../adapters/yaml/index.js";
import { equalSecrets } from "../common/same.js";

const stanza = z.looseObject({ recipient: z.string(), enc: z.string() });
const transit = z.looseObject({
  vault_address: z.string(),
  engine_path: z.string(),
  key_name: z.string(),
  created_at: z.string(),
  enc: z.string(),
});

const documentSchema = z.looseObject({
  data: z.record(z.string(), z.string()).default({}),
  sops: z.looseObject({
    age: z.array(stanza).default([]),
    hc_vault: z.array(transit).default([]),
    encrypted_regex: z.literal("^(data|stringData)$"),
    lastmodified: z.string(),
    mac: z.string(),
    mac_only_encrypted: z.literal(true),
    version: z.string(),
  }),
});

export interface SopsFile {
  /** Sealed values of `data`, in the order of the file: the code over all of them depends on it. */
  readonly data: readonly (readonly [key: string, sealed: string])[];
  readonly sops: z.output<typeof documentSchema>["sops"];
}

/** Null for what is no such file: a Secret of which `data` alone is sealed, and the code is over what is sealed alone. */
export function readSopsFile(text: string): SopsFile | null {
  let document: ParsedYaml;
  try {
    document = parseYamlDocument(text, { file: "a SOPS file", stage: "seal", code: "Internal" });
  } catch {
    return null;
  }
  const read = documentSchema.safeParse(document.value);
  if (!read.success) return null;
  const { data, sops } = read.data;
  const line = (key: string) => document.lineOf(["data", key]) ?? 0;
  return { data: Object.entries(data).sort(([one], [other]) => line(one) - line(other)), sops };
}

const SEALED = /^ENC\[AES256_GCM,data:([A-Za-z0-9+/=]*),iv:([A-Za-z0-9+/=]+),tag:([A-Za-z0-9+/=]+),type:(\w+)\]$/;

/** Plaintext of one sealed value. Throws for another key, another place, or anything that is not sealed. */
function openValue(sealed: string, key: Buffer, additionalData: string): Buffer {
  const [, data = "", iv = "", tag = ""] = SEALED.exec(sealed) ?? [];
  const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(iv, "base64"), { authTagLength: 16 });
  decipher.setAAD(Buffer.from(additionalData)).setAuthTag(Buffer.from(tag, "base64"));
  return Buffer.concat([decipher.update(Buffer.from(data, "base64")), decipher.final()]);
}

/**
 * The values of `data` as they stand in base64, by key. Throws when a value was not sealed with this key for its place, or
 * when the code over all of them is another.
 */
export function openSopsFile({ data, sops }: SopsFile, dataKey: Buffer): Readonly<Record<string, string>> {
  const mac = createHash("sha512").update(createHash("sha256").update("sops").digest());
  const opened = data.map(([key, sealed]) => {
    // Nothing is sealed of what is empty.
    const value = sealed === "" ? Buffer.alloc(0) : openValue(sealed, dataKey, `data:${key}:`);
    mac.update(value);
    return [key, value.toString("utf8")] as const;
  });
  const expected = openValue(sops.mac, dataKey, sops.lastmodified).toString("utf8");
  if (!equalSecrets(mac.digest("hex").toUpperCase(), expected)) throw new Error("the code over the values is another");
  return Object.fromEntries(opened);
}
