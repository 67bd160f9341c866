/** Why the API server refuses an object, as the agent tells it: the server's own words, and a mend where they name the cause. */

import { forTerminal } from "./common/quote.js";
import type { Secret } from "./common/secret.js";
import type { HoldsValue } from "./seal/index.js";

/** Characters of the API server's words that are shown. */
const WORDS = 300;

/** By what the words say, and nothing else: a policy refuses with the same codes. */
const MENDS: readonly (readonly [words: RegExp, mend: string])[] = [
  [
    /^namespaces "[^"]*" not found/,
    "create that namespace, or name another one in applications.namespace or the template",
  ],
  [/field is immutable/, "delete it, and the agent makes it anew"],
  [/\b(?:1048576|1MB|1 ?MiB)\b|[Ee]ntity too large/, "a Secret holds at most 1 MiB"],
];

export interface Refused {
  readonly kind: string;
  readonly name: string;
  readonly words: string;
  /** That the words are not to repeat. */
  readonly values: Iterable<Secret>;
}

export function refusalMessage({ kind, name, words, values }: Refused, holdsValue: HoldsValue): string {
  const told = holdsValue(words, values)
    ? "its words hold a secret value, and are left out"
    : forTerminal(words, WORDS);
  const [, mend = null] = MENDS.find(([pattern]) => pattern.test(words)) ?? [];
  return `the API server refuses ${kind} ${name}: ${told}${mend === null ? "" : `; ${mend}`}`;
}
