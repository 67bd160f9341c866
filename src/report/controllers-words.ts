/** What Flux, Argo CD and the Sealed Secrets controller say, without the secret values that it may repeat. Pure. */

import { appliedOf } from "./outcome.js";
import type { Tell } from "./told.js";

const WITHHELD = "(withheld: its words hold a secret value)";

/** The same, but for their words: `holdsValue` knows even the short values, which a name may well hold by chance. */
export function withControllersWords(tell: Tell, holdsValue: (words: string) => boolean): Tell {
  const safe = <T extends { readonly message: string }>(said: T): T =>
    holdsValue(said.message) ? { ...said, message: WITHHELD } : said;
  return (outcome, plan) => {
    const applied = appliedOf(outcome);
    if (applied === null) return tell(outcome, plan);
    const { controller, unsealed } = applied;
    const said = { ...applied, controller: controller && safe(controller), unsealed: unsealed.map(safe) };
    return tell({ ...outcome, applied: said }, plan);
  };
}
