/** Sentences of the agent's own, which hold nothing that was fetched: no password makes them anybody's secret. Pure. */

import { PLAIN_WARNING } from "../config/index.js";

/** What a re-encryption says of itself, before its counts. */
export const REENCRYPTION_WORDS = {
  Readable: "Secrets are written readable",
  Rebuilt:
    "Secrets are sealed anew once, since the seal key or the inventory was lost and nothing tells what they hold",
  Configured: "Secrets are sealed anew for the mode and recipients configured",
} as const;

export const reencryptionWords = (words: string, done: number, waiting: number): string =>
  `${words}: ${done} in this cycle, ${waiting} wait`;

const SENTENCES: ReadonlySet<string> = new Set([
  PLAIN_WARNING,
  ...Object.values(REENCRYPTION_WORDS).map((words) => reencryptionWords(words, 0, 0)),
]);

/** Whatever the counts in it, which are no longer than that of what a cycle can hold. */
export const isOwnWords = (told: string): boolean => SENTENCES.has(told.replaceAll(/\b\d{1,6}\b/g, "0"));
