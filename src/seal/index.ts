/** Stage seal: the bytes of each file; the only stage that holds secret values. Pure but for randomness. */

import { CLUSTER_IDENTITY } from "./cluster.js";
import type { FingerprintOptions } from "./fingerprint.js";
import { createPlainSealer } from "./plain.js";
import { isResealDue } from "./sealed-for.js";
import { createSealedSecretsSealer, type SealedSecretsOptions } from "./sealed-secrets.js";
import type { Sealer } from "./sealer.js";
import { createSopsSealer } from "./sops.js";
import type { SopsRecipient } from "./sops-recipient.js";

export { CANARY_KEY, sealCanary } from "./canary.js";
export { APPLICATION_ANNOTATION, type ClusterManifest, KEEP_ANNOTATIONS, RUNTIME_LABEL } from "./cluster.js";
export { createControllersGate } from "./controllers-words.js";
export { createFingerprinter, type Fingerprinter } from "./fingerprint.js";
export { createGate } from "./gate.js";
export { createGuards, type Guards } from "./guards.js";
export { type OpenObject, openObjects } from "./open-objects.js";
export {
  type SealedApplication,
  type SealedFile,
  type Sealing,
  sealEstate,
  type WaitingFile,
} from "./seal-estate.js";
export { isForOthers, type SealedFor } from "./sealed-for.js";
export { partsOf, SCOPE_ANNOTATIONS, type Scope } from "./sealed-secret-file.js";
export { MANAGED_ANNOTATION } from "./sealed-secrets.js";
export type { Sealer } from "./sealer.js";
export { expiryNote, readSealingCertificate, type SealingCertificate } from "./sealing-certificate.js";
export type { SopsRecipient } from "./sops-recipient.js";
export { createWordsGate, type HoldsValue } from "./words.js";

export type SealMode =
  | {
      readonly mode: "sops";
      /** Of age. */
      readonly recipients: readonly string[];
      /** @default none */
      readonly others?: readonly SopsRecipient[];
    }
  | ({ readonly mode: "sealed-secrets" } & SealedSecretsOptions)
  | { readonly mode: "cluster" }
  | { readonly mode: "plain" };

/** A mode in which Secrets stand in files. */
export type FileMode = Exclude<SealMode, { mode: "cluster" }>;

/** Mode and recipients as one text, which is part of every fingerprint; and the certificate in use, which is not. */
export function identityOf(options: SealMode, now: Date): Pick<FingerprintOptions, "sealer" | "certificate"> {
  if (options.mode === "cluster") return { sealer: CLUSTER_IDENTITY };
  const sealer = createSealer(options).identity;
  if (options.mode !== "sealed-secrets") return { sealer };
  const { certificate, resealAfter = null } = options;
  const resealsEarlier = isResealDue(certificate, resealAfter, now);
  return { sealer, certificate: { digest: certificate.digest, resealsEarlier } };
}

/** What seals files; in mode cluster there are none. */
export function createSealer(options: FileMode): Sealer {
  switch (options.mode) {
    case "sops":
      return createSopsSealer(options.recipients, options.others);
    case "sealed-secrets":
      return createSealedSecretsSealer(options);
    case "plain":
      return createPlainSealer();
  }
}
