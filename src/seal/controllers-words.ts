/** Whether the words of who applies, or unseals, repeat a secret value: they have each Secret in clear, as a webhook has. Pure. */

import { Secret } from "../common/secret.js";
import type { Snapshot } from "../fetch/index.js";
import { guardedValues } from "./values.js";
import { createWordsGate } from "./words.js";

/**
 * True for words with a password, a client secret or a parameter that looks like a key, however short: of which object the
 * words are nobody knows. A parameter that is a word of every day only counts where it is long.
 */
export function createControllersGate(snapshot: Snapshot): (words: string) => boolean {
  const holds = createWordsGate(snapshot);
  let values: readonly Secret[] | null = null;
  return (words) => {
    values ??= [...guardedValues(snapshot)].flatMap(({ everywhere, value }) => (everywhere ? Secret.of(value) : []));
    return holds(words, values);
  };
}
