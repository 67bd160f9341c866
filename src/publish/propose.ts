/** Publishes by one rolling request to merge the agent's own branch: gathers, decides, carries out. */

import type { GitHost, HostRequest } from "../adapters/hosts/index.js";
import { Failure } from "../common/failure.js";
import { forTerminal } from "../common/quote.js";
import type { Proposal, ProposedRequest, WrittenProposal } from "../state/index.js";
import { decideProposal } from "./decide-proposal.js";
import { leaveFormer } from "./former.js";
import { withinLimits } from "./limits.js";
import { BLOCKED_LABEL, clashes, descends, intentHere, isInBase, isLetGo, isStill, lookUp } from "./look-up.js";
import { markedRuntime, readMarker } from "./marker.js";
import type { Keep, ProposeOptions } from "./options.js";
import { isLeft, MOST_PENDING, pushBranch, removeBranch } from "./own-branch.js";
import {
  fulfil,
  ledElsewhere,
  newWordsOf,
  openRequest,
  refusedBefore,
  tellBlocked,
  wishesOf,
  withdraw,
} from "./request.js";

export interface ProposedPublication {
  readonly kind: "proposal";
  readonly result: "proposed" | "blocked" | "unchanged";
  /** What was pushed; null when nothing was. */
  readonly commit: { readonly id: string; readonly branch: string } | null;
  /** The one that the result is about; null when there is none. */
  readonly pullRequest: (ProposedRequest & { readonly branch: string }) | null;
  /** What the user should know beside. */
  readonly notes: readonly string[];
}

/** Throws a Failure: `PushRejected` when the branch moved meanwhile, what the host throws, `TwoAgents` for another agent's request. */
export const publishProposal = (options: ProposeOptions): Promise<ProposedPublication> =>
  withinLimits(options, (keep) => propose({ ...options, keep }));

async function propose(options: ProposeOptions): Promise<ProposedPublication> {
  const { host, base, own, intent, runtimeID } = options;
  let memory: Proposal = {
    ...options.memory,
    notBefore: null,
    formerTarget: options.memory.formerTarget ?? options.target,
  };
  let saved = options.memory;
  const keep: Keep = async (changes) => {
    memory = { ...memory, ...changes };
    // A cycle that finds nothing new writes nothing.
    if (JSON.stringify(memory) === JSON.stringify(saved)) return;
    await options.keep(memory);
    saved = memory;
  };
  const formerNotes = await leaveFormer(options, memory, keep);
  // The push before the last stop may have been done or not: the tip tells.
  let written = [...memory.pending, memory.written].find((each) => each?.commit === own.tip) ?? null;
  const isTidy = own.tip === null || isLeft(options, memory);
  const isIdle = intent === null && isTidy && memory.request?.state !== "open";
  if (isIdle) {
    await keep({});
    return { kind: "proposal", result: "unchanged", commit: null, pullRequest: null, notes: formerNotes };
  }

  const { open, astray, last, isRefused } = await lookUp(options, memory);
  // Whichever shows the branch to people.
  const shown = open ?? astray;
  const marker = shown === null ? null : readMarker(shown.body);
  if (marker !== null && marker.runtime !== markedRuntime(runtimeID)) throw anotherAgents(host, shown?.number ?? 0);
  const isReleased =
    own.tip !== null && !own.isOurs && (isLetGo(own.tip, memory, shown, last) || (await isInBase(options, memory)));
  const isSpent =
    last !== null && last.state === "merged" && last.head === own.tip && own.tip !== null && last.base === base.branch;
  // Merged while this cycle ran, which decided on what the target was before.
  if (open === null && isSpent && written?.base === base.tip && !(await isStill(options))) {
    throw mergedMeanwhile(base.branch);
  }
  const isCutOff = open !== null && intent !== null && written !== null && !(await descends(options, written));
  let hasConflict = open?.hasConflict === true;
  if (open?.isDraft === true && open.hasConflict === null && own.isOurs && typeof written?.base === "string") {
    const isLookedAt = base.tip === written.base || base.tip === written.seen;
    hasConflict = intent !== null && !isLookedAt && !isCutOff && (await clashes(options, written.base));
  }
  if (written !== null && intent !== null && !isCutOff && open !== null) written = { ...written, seen: base.tip };
  const step = decideProposal({
    intent,
    base: base.tip,
    branch: {
      exists: own.tip !== null,
      isOurs: own.isOurs,
      isReleased,
      intent: intentHere(options, memory, written),
      base: written?.base ?? null,
      isSpent,
      isStale: options.isStale,
      isCutOff,
    },
    open: open && { intent: intentHere(options, memory, marker), hasConflict },
    isRefused,
  });
  // What a person put on the branch may be wanted where it leads to.
  const isTouched = own.tip !== null && !own.isOurs && !isReleased;
  if (astray !== null && !isTouched) await withdraw(options, astray, memory, keep, ledElsewhere(base.branch));
  const current = open ?? (isTouched ? astray : null) ?? last;
  const told = (
    result: ProposedPublication["result"],
    request: HostRequest | null,
    notes: readonly string[] = [],
    commit: ProposedPublication["commit"] = null,
  ): ProposedPublication => {
    const pullRequest = request && { ...remembered(request), branch: own.branch };
    return { kind: "proposal", result, commit, pullRequest, notes: [...formerNotes, ...notes] };
  };
  const request = current && remembered(current);

  switch (step.do) {
    case "rest": {
      await keep({ request });
      const touched = own.tip !== null && !isReleased ? [touchedNote(own.branch, shown, host)] : [];
      return told("unchanged", open, touched);
    }
    case "withdraw": {
      if (open !== null) await withdraw(options, open, memory, keep);
      const closed = open && { ...open, state: "closed" as const };
      await keep({ request: closed && remembered(closed), undone: null, blocked: null });
      // The branch of a person stays.
      return told("unchanged", closed, own.isOurs ? await removeBranch(options, memory, keep) : []);
    }
    case "tidy":
      await keep({ request, undone: null, blocked: null });
      return told("unchanged", null, await removeBranch(options, memory, keep));
    case "respect":
      if (open === null) {
        await keep({ request });
        return told("unchanged", last, [refusedNote(host, last)]);
      }
      await withdraw(options, open, memory, keep, refusedBefore(last === null ? "" : numbered(host, last.number)));
      await keep({ request: last && remembered(last), undone: null, blocked: null });
      return told("unchanged", last, [refusedNote(host, last), ...(await removeBranch(options, memory, keep))]);
    case "wait": {
      const blocked = await tellBlocked(options, memory, shown, keep);
      await keep({ request, blocked });
      return told("blocked", shown, [touchedNote(own.branch, shown, host)]);
    }
    case "propose": {
      let pushed: WrittenProposal | null = null;
      if (step.push && step.open) {
        // What is pushed now is of no request that was before.
        const earlier = [...memory.earlier, ...(memory.written === null ? [] : [memory.written])];
        await keep({ request, earlier: earlier.slice(-MOST_PENDING) });
      }
      if (step.push) pushed = await pushBranch(options, memory, keep);
      else if (written !== memory.written) await keep({ written, pending: [] });
      const commit = pushed && { id: pushed.commit, branch: own.branch };
      const isNew = open === null || step.open;
      // Before: the answer may be lost.
      if (isNew) await keep({ undone: wishesOf(options) });
      const result = open === null || step.open ? await openRequest(options) : open;
      if (step.edit) await host.update(result.number, await newWordsOf(options, result));
      if (memory.blocked !== null && open?.labels.includes(BLOCKED_LABEL) === true) {
        await host.unlabel(open.number, BLOCKED_LABEL);
      }
      // Closed by deleting the branch that was blocked: that let the agent go on, and refused nothing.
      const letGo = memory.blocked !== null && own.tip === null ? [memory.request?.number ?? 0] : [];
      const withdrawn = [...new Set([...memory.withdrawn, ...letGo])].filter((number) => number !== result.number);
      await keep({ request: remembered(result), withdrawn, blocked: null, unremoved: null });
      const notes = memory.undone === null ? [] : await fulfil(options, result.number, memory.undone, keep);
      return told("proposed", result, notes, commit);
    }
  }
}

const remembered = ({ number, url, state, openedAt }: HostRequest): ProposedRequest => ({
  number,
  url,
  state,
  openedAt,
});

const numbered = ({ kind }: GitHost, number: number) => (kind === "gitlab" ? `!${number}` : `#${number}`);

function touchedNote(branch: string, open: HostRequest | null, host: GitHost): string {
  const shown = forTerminal(branch, 100);
  return open === null
    ? `a commit that is not the agent's stands on ${shown}: delete the branch, and the agent goes on`
    : `a commit that is not the agent's stands on ${shown} (${numbered(host, open.number)}): merge it, delete the branch or take the label ${BLOCKED_LABEL} off, and the agent goes on`;
}

const refusedNote = (host: GitHost, last: HostRequest | null) =>
  `exactly this was proposed in ${last === null ? "a request" : numbered(host, last.number)} and closed without merging, so it is not proposed again: open that one again if it is wanted after all`;

const anotherAgents = ({ name }: GitHost, number: number) =>
  new Failure(`the open request ${number} on ${name} for the agent's branch is another runtime's`, {
    code: "TwoAgents",
    stage: "publish",
    hint: "Let pullRequest.branch hold {runtime}, so that each agent has a branch of its own.",
  });

const mergedMeanwhile = (branch: string) =>
  new Failure(`the request was merged into ${forTerminal(branch, 100)} meanwhile`, {
    code: "PushRejected",
    stage: "publish",
    hint: "Run again: the next attempt begins with the branch as it is now.",
    retryable: true,
  });
