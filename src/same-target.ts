/** Whether the target is the one of the cycle before, though its repository is named by another address now. */

import type { Repository } from "./adapters/git/index.js";
import type { Base } from "./base/index.js";
import { sha256 } from "./common/sha256.js";
import type { Memory, Place } from "./state/index.js";

/** Where a base was read, however its repository is called; null where there was nothing to read. */
export function placeOf({ branch, path, tip }: Pick<Base, "branch" | "path" | "tip">): Place | null {
  return tip === null ? null : { within: sha256(JSON.stringify([branch, path])).slice(0, 16), tip };
}

/**
 * The memory as that of `target`, where its branch and path are those of the cycle before and its history has the tip that
 * the agent saw then: what people did there holds under any address. Throws what the repository throws: a passing fault must
 * not undo it.
 */
export async function sameTarget(
  memory: Memory,
  target: string,
  { base, repository }: { readonly base: Base; readonly repository: Repository },
): Promise<Memory> {
  const { published, seen } = memory;
  const place = placeOf(base);
  // Of a branch that is yet to be made nobody saw anything.
  if (base.expected === null) return memory;
  if (published.target === target || place === null || seen === null || seen.within !== place.within) return memory;
  const isSame = place.tip === seen.tip || (await repository.hasInHistory(base.branch, [seen.tip]));
  return isSame ? { ...memory, published: { ...published, target } } : memory;
}
