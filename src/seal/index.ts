/** Stage seal: the bytes of each file; the only stage that holds secret values. Pure but for randomness. */

import { CLUSTER_IDENTITY } from "./cluster.js";
import { createPlainSealer } from "./plain.js";
import { createSealedSecretsSealer, type SealedSecretsOptions } from "./sealed-secrets.js";
import type { Sealer } from "./sealer.js";
import { createSopsSealer } from "./sops.js";
import type { SopsRecipient } from "./sops-recipient.js";

export { CANARY_KEY, sealCanary } from "./canary.js";
export { type ClusterManifest, KEEP_ANNOTATIONS } from "./cluster.js";
export { createFingerprinter, type Fingerprinter } from "./fingerprint.js";
export { createGate } from "./gate.js";
export { type OpenObject, openObjects } from "./open-objects.js";
export {
  type SealedApplication,
  type SealedFile,
  type Sealing,
  sealEstate,
  type WaitingFile,
} from "./seal-estate.js";
export type { Sealer } from "./sealer.js";
export { expiryNote, readSealingCertificate, type SealingCertificate } from "./sealing-certificate.js";
export type { SopsRecipient } from "./sops-recipient.js";
export { createWordsGate } from "./words.js";

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

/** Mode and recipients as one text, which is part of every fingerprint. */
export const identityOf = (options: SealMode): string =>
  options.mode === "cluster" ? CLUSTER_IDENTITY : createSealer(options).identity;

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
