/** Replaces and removes the agent's own branch. */

import { Failure } from "../common/failure.js";
import { forTerminal } from "../common/quote.js";
import type { Proposal, WrittenProposal } from "../state/index.js";
import type { Keep, ProposeOptions } from "./options.js";
import { stoppedBeforePush, wasDone } from "./tip.js";

/** Pushes without an answer that are remembered: one of them can land, for each expects the same tip. Likewise former ones. */
export const MOST_PENDING = 20;

/** Commits onto the base and replaces the branch, if it is still where it was found. */
export async function pushBranch(
  options: ProposeOptions,
  before: Pick<Proposal, "pending">,
  keep: Keep,
): Promise<WrittenProposal> {
  const { repository, base, own, intent, target, message, author, clock, signal, writes, deletes } = options;
  if (base.tip === null) throw nothingToMergeInto(base.branch);
  const commit = await repository.commit({
    parent: base.tip,
    branch: own.branch,
    author,
    date: clock.now(),
    message,
    root: base.path,
    writes,
    deletes,
  });
  const written = { commit, base: base.tip, intent: intent ?? "", target, seen: null };
  // Killed between the push and its record, the agent would take its own commit for a person's; and what was given up
  // because no answer came may still land.
  await keep({ pending: [...before.pending, written].slice(-MOST_PENDING) });
  await options.beforePush?.(commit);
  if (signal.aborted) throw stoppedBeforePush();
  await repository.push({ branch: own.branch, commit, expected: own.tip }).catch(async (thrown: unknown) => {
    if (!(await wasDone(thrown, { repository, branch: own.branch, commit }))) throw thrown;
  });
  await keep({ written, pending: [] });
  return written;
}

/** Between two attempts to remove what the host does not let go, in milliseconds. */
const A_DAY = 24 * 60 * 60 * 1000;

/** True when the host lately did not let the agent remove just this. */
export function isLeft({ own, clock }: ProposeOptions, { unremoved }: Proposal): boolean {
  if (unremoved === null || unremoved.tip !== own.tip) return false;
  return Math.abs(clock.now().getTime() - Date.parse(unremoved.at)) < A_DAY;
}

/** Removes the branch. Where the host does not allow that, a note says so: to tidy up is not what a cycle is for. */
export async function removeBranch(options: ProposeOptions, memory: Proposal, keep: Keep): Promise<readonly string[]> {
  const { repository, own, target, clock } = options;
  if (isLeft(options, memory)) return [];
  try {
    if (own.tip !== null) await repository.remove({ branch: own.branch, expected: own.tip });
    const restorable = [...memory.earlier, ...(memory.written === null ? [] : [memory.written])];
    await keep({ written: null, pending: restorable, unremoved: null });
    return [];
  } catch (thrown) {
    if (own.tip === null || !(thrown instanceof Failure) || thrown.retryable || thrown.code === "Aborted") throw thrown;
    // It stays the agent's; but what it was to bring about is done, so that the next proposal writes it anew.
    const written = { commit: own.tip, base: null, intent: "", target, seen: null };
    await keep({ written, pending: [], unremoved: { tip: own.tip, at: clock.now().toISOString() } });
    const branch = forTerminal(own.branch, 100);
    return [
      `${branch} is not needed any more, but cannot be removed: ${thrown.message}; the next proposal replaces it`,
    ];
  }
}

const nothingToMergeInto = (branch: string) =>
  new Failure("the repository is empty, so there is nothing to merge a proposal into", {
    code: "BaseUnusable",
    stage: "publish",
    hint: `Make a first commit on ${forTerminal(branch, 80)}, a README for instance; or set git.publish to direct.`,
  });
