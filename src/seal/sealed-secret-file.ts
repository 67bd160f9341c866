/** Reads the file of a SealedSecret, whoever wrote it; independent of the code that writes one. */

import { createDecipheriv } from "node:crypto";
import { z } from "zod";
import { parseYaml } from "../adapters/yaml/index.js";

export const SCOPE_ANNOTATIONS = {
  "namespace-wide": "sealedsecrets.bitnami.com/namespace-wide",
  "cluster-wide": "sealedsecrets.bitnami.com/cluster-wide",
} as const;

export type Scope = "strict" | keyof typeof SCOPE_ANNOTATIONS;

export interface SealedSecretFile {
  readonly name: string;
  readonly namespace: string;
  readonly scope: Scope;
  /** By key, in base64. */
  readonly encryptedData: Readonly<Record<string, string>>;
}

const metadata = z.looseObject({
  name: z.string().min(1),
  namespace: z.string().default(""),
  annotations: z.record(z.string(), z.string()).default({}),
});

const documentSchema = z.looseObject({
  apiVersion: z.literal("bitnami.com/v1alpha1"),
  kind: z.literal("SealedSecret"),
  metadata,
  spec: z.looseObject({
    encryptedData: z.record(z.string(), z.base64()),
    template: z.looseObject({ metadata: metadata.partial().optional() }).optional(),
  }),
});

/** Null for what is no SealedSecret, as a person's half-finished edit. */
export function readSealedSecret(text: string): SealedSecretFile | null {
  let value: unknown;
  try {
    value = parseYaml(text, { file: "a SealedSecret", stage: "seal", code: "Internal" });
  } catch {
    return null;
  }
  const read = documentSchema.safeParse(value);
  if (!read.success) return null;
  const { name, namespace, annotations } = read.data.metadata;
  return { name, namespace, scope: scopeOf(annotations), encryptedData: read.data.spec.encryptedData };
}

/** As the controller reads it from the annotations. */
export function scopeOf(annotations: Readonly<Record<string, string>>): Scope {
  // The wider one counts where both stand there.
  if (annotations[SCOPE_ANNOTATIONS["cluster-wide"]] === "true") return "cluster-wide";
  return annotations[SCOPE_ANNOTATIONS["namespace-wide"]] === "true" ? "namespace-wide" : "strict";
}

/**
 * The two parts of a sealed value; null where they are not as long as they must be for a key of that many bytes.
 * @param expected without it, a key of any length that is taken at all
 */
export function partsOf(
  sealed: string,
  expected?: number | undefined,
): { readonly key: Buffer; readonly value: Buffer } | null {
  const bytes = Buffer.from(sealed, "base64");
  if (bytes.toString("base64") !== sealed || bytes.length < 2) return null;
  const keyBytes = bytes.readUInt16BE(0);
  if (keyBytes !== (expected ?? keyBytes) || keyBytes < SHORTEST_KEY || bytes.length < 2 + keyBytes + TAG) return null;
  return { key: bytes.subarray(2, 2 + keyBytes), value: bytes.subarray(2 + keyBytes) };
}

const TAG = 16;

/** Of an RSA key, in bytes. */
const SHORTEST_KEY = 256;

/** What stands in the second part, by the session key that stands in the first. Throws when it is another one. */
export function openValue(value: Buffer, sessionKey: Buffer): Buffer {
  const decipher = createDecipheriv("aes-256-gcm", sessionKey, Buffer.alloc(12));
  decipher.setAuthTag(value.subarray(-TAG));
  return Buffer.concat([decipher.update(value.subarray(0, -TAG)), decipher.final()]);
}
