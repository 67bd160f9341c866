/** Stage seal: the bytes of each file; the only stage that holds secret values. Pure but for randomness. */

import { createPlainSealer } from "./plain.js";
import type { Sealer } from "./sealer.js";
import { createSopsSealer } from "./sops.js";

export { CANARY_KEY, sealCanary } from "./canary.js";
export { createFingerprinter, type Fingerprinter } from "./fingerprint.js";
export { createGate } from "./gate.js";
export { type OpenObject, openObjects } from "./open-objects.js";
export { type SealedApplication, type SealedFile, type Sealing, sealEstate } from "./seal-estate.js";
export type { Sealer } from "./sealer.js";
export { createWordsGate } from "./words.js";

export type SealMode = { readonly mode: "sops"; readonly recipients: readonly string[] } | { readonly mode: "plain" };

export function createSealer(options: SealMode): Sealer {
  return options.mode === "sops" ? createSopsSealer(options.recipients) : createPlainSealer();
}
