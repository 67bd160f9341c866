/** Whether the latest commit, of which the agent saw no end, came to the target branch and was taken back before it looked again. */

import type { Repository } from "./adapters/git/index.js";
import type { Base } from "./base/index.js";
import type { Proposing } from "./proposing.js";
import type { Memory } from "./state/index.js";

/**
 * Null where nobody has to look: it is seen on the branch, or the branch is where it was when somebody looked last.
 * What was taken back by a revert is still in the branch's history; a push that was refused is not, whatever the server kept
 * of it. A host may merge by a commit of its own, which has none of the agent's before it. Throws what repository and host
 * throw: a passing fault must not undo what a person did.
 */
export async function wasTakenBack(
  { underway }: Pick<Memory, "underway">,
  {
    base,
    repository,
    proposing,
  }: { readonly base: Base; readonly repository: Repository; readonly proposing: Proposing | null },
): Promise<boolean | null> {
  if (underway === null || underway.commit === null || base.expected === null) return null;
  if (underway.absentAt === base.expected) return null;
  const { inventory } = base;
  const serial = inventory.state === "verified" ? inventory.inventory.serial : 0;
  if (serial >= underway.serial) return null;
  const known = await proposing?.wasMerged(underway.commit);
  return known ?? repository.hasInHistory(base.branch, [underway.commit]);
}
