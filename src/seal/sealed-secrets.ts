/** Secrets as SealedSecrets, which only the controller of one cluster can open (sealing formats 2). */

import { constants, createCipheriv, type KeyObject, publicEncrypt, randomBytes } from "node:crypto";
import { formatYaml } from "../adapters/yaml/index.js";
import { Failure } from "../common/failure.js";
import { equalSecrets } from "../common/same.js";
import { type KubernetesObject, SUBSTITUTION_OPT_OUT } from "../render/index.js";
import {
  openValue,
  partsOf,
  readSealedSecret,
  SCOPE_ANNOTATIONS,
  type Scope,
  type SealedSecretFile,
  scopeOf,
} from "./sealed-secret-file.js";
import type { FormerFile, Sealer } from "./sealer.js";
import type { SealingCertificate } from "./sealing-certificate.js";

export interface SealedSecretsOptions {
  readonly certificate: Pick<SealingCertificate, "publicKey" | "digest" | "notBefore">;
  readonly scope: Scope;
  /** The Secrets that come of it may be taken over by a SealedSecret that is made anew. */
  readonly managed: boolean;
  /** From this age of the certificate on, what is sealed for an earlier one is sealed anew, in milliseconds. @default never */
  readonly resealAfter?: number | null;
}

export const MANAGED_ANNOTATION = "sealedsecrets.bitnami.com/managed";

interface SealedValue {
  readonly text: string;
  /** The key of this one value; null for bytes that are kept from Git, of which nobody here has it. */
  readonly sessionKey: Buffer | null;
}

/**
 * Each value is sealed by itself: those that did not change keep their bytes, also beside one that is sealed for a newer key
 * of the controller, which is why the key is no part of the identity.
 */
export function createSealedSecretsSealer({ certificate, scope, managed }: SealedSecretsOptions): Sealer {
  const { publicKey } = certificate;
  const keyBytes = Math.ceil((publicKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
  return {
    identity: JSON.stringify(["sealed-secrets", scope, managed]),
    byKey: true,
    fault: ({ metadata: { annotations = {} } }) =>
      scopeOf({ ...annotations, ...scopeMark(scope) }) === scope
        ? null
        : `its template gives a Secret with an annotation of another scope than secrets.sealedSecrets.scope (${scope})`,
    seal: async (object, data, _now, former = null) => {
      const { name, namespace = "" } = object.metadata;
      const label = labelOf(scope, namespace, name);
      const kept = keptOf(former, { name, namespace, scope });
      const values = new Map<string, SealedValue>();
      for (const [key, value] of Object.entries(data)) {
        const text = kept.get(key);
        values.set(
          key,
          text === undefined ? sealValue(Buffer.from(value, "base64"), publicKey, label) : { text, sessionKey: null },
        );
      }
      const text = formatYaml(objectOf(object, values, { scope, managed }));
      if (!isSound(text, object, data, values, { scope, keyBytes })) throw defect();
      return text;
    },
  };
}

const scopeMark = (scope: Scope) => (scope === "strict" ? {} : { [SCOPE_ANNOTATIONS[scope]]: "true" });

/** What a value is bound to (strict: with the slash, as the controller's code has it). */
function labelOf(scope: Scope, namespace: string, name: string): Buffer {
  if (scope === "cluster-wide") return Buffer.alloc(0);
  return Buffer.from(scope === "namespace-wide" ? namespace : `${namespace}/${name}`);
}

function sealValue(value: Buffer, publicKey: KeyObject, label: Buffer): SealedValue {
  const sessionKey = randomBytes(32);
  // Twelve zero bytes: the key is used once.
  const cipher = createCipheriv("aes-256-gcm", sessionKey, Buffer.alloc(12));
  const sealed = Buffer.concat([cipher.update(value), cipher.final(), cipher.getAuthTag()]);
  const wrapped = publicEncrypt(
    { key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256", oaepLabel: label },
    sessionKey,
  );
  const length = Buffer.alloc(2);
  length.writeUInt16BE(wrapped.length);
  return { text: Buffer.concat([length, wrapped, sealed]).toString("base64"), sessionKey };
}

/** Sealed values of a file in Git that are bound to the same place and well-formed, of keys whose values are the same. */
function keptOf(
  former: FormerFile | null,
  place: Pick<SealedSecretFile, "name" | "namespace" | "scope">,
): ReadonlyMap<string, string> {
  const file = former === null ? null : readSealedSecret(former.text);
  if (former === null || file === null) return new Map();
  if (file.name !== place.name || file.namespace !== place.namespace || file.scope !== place.scope) return new Map();
  return new Map(
    Object.entries(file.encryptedData).filter(([key, sealed]) => former.keys.has(key) && partsOf(sealed) !== null),
  );
}

function objectOf(
  { metadata, type, immutable }: KubernetesObject,
  values: ReadonlyMap<string, SealedValue>,
  { scope, managed }: { scope: Scope; managed: boolean },
): KubernetesObject {
  const { annotations = {}, ...named } = metadata;
  const scoped = scopeMark(scope);
  // Flux replaces nothing in what the controller makes: its own mark is for the file alone.
  const own = Object.entries(annotations).filter(([key]) => !Object.hasOwn(SUBSTITUTION_OPT_OUT, key));
  const wanted = { ...Object.fromEntries(own), ...scoped, ...(managed ? { [MANAGED_ANNOTATION]: "true" } : {}) };
  return {
    apiVersion: "bitnami.com/v1alpha1",
    kind: "SealedSecret",
    metadata: { ...metadata, annotations: { ...annotations, ...scoped } },
    spec: {
      encryptedData: Object.fromEntries([...values].map(([key, { text }]) => [key, text])),
      template: {
        metadata: Object.keys(wanted).length === 0 ? named : { ...named, annotations: wanted },
        ...(type === undefined ? {} : { type }),
        ...(immutable === undefined ? {} : { immutable }),
      },
    },
  };
}

/** Reads the file again by other code than what wrote it, and opens each value of which the key is still at hand. */
function isSound(
  text: string,
  { metadata }: KubernetesObject,
  data: Readonly<Record<string, string>>,
  values: ReadonlyMap<string, SealedValue>,
  { scope, keyBytes }: { scope: Scope; keyBytes: number },
): boolean {
  const file = readSealedSecret(text);
  if (file === null || file.name !== metadata.name || file.namespace !== (metadata.namespace ?? "")) return false;
  if (file.scope !== scope || Object.keys(file.encryptedData).length !== values.size) return false;
  return Object.entries(data).every(([key, value]) => {
    const sessionKey = values.get(key)?.sessionKey;
    // What is kept may be for a key of another length.
    const parts = partsOf(file.encryptedData[key] ?? "", sessionKey === null ? undefined : keyBytes);
    if (parts === null || sessionKey === undefined) return false;
    return sessionKey === null || equalSecrets(openValue(parts.value, sessionKey), Buffer.from(value, "base64"));
  });
}

const defect = () =>
  new Failure("a SealedSecret could not be read back as it was to be", {
    code: "Internal",
    stage: "seal",
    hint: "This is a defect of the agent: report it. Nothing was written.",
  });
