/** What is done about the agent's branch and its request: gathered before, carried out after. Pure. */

export interface Situation {
  /** What the target branch lacks; null for nothing. */
  readonly intent: string | null;
  /** Tip of the target branch. */
  readonly base: string | null;
  readonly branch: {
    readonly exists: boolean;
    /** Its tip is what the agent last wrote. */
    readonly isOurs: boolean;
    /** A person's commits on it may be replaced: they are in the base, or that person said so. */
    readonly isReleased: boolean;
    /** What the agent wrote there, where the tip is that. */
    readonly intent: string | null;
    /** The tip of the target branch that it stands on. */
    readonly base: string | null;
    /** Its tip was merged, so that the target has that commit. */
    readonly isSpent: boolean;
    /** What is sealed on it is to be sealed anew, though it is to bring about the same. */
    readonly isStale: boolean;
    /** The target's history does not have any more what it stands on: to merge it would bring that in again. */
    readonly isCutOff: boolean;
  };
  /** The open one; null when there is none. */
  readonly open: { readonly intent: string | null; readonly hasConflict: boolean } | null;
  /** A person closed a request with this very intent, and merged none since. */
  readonly isRefused: boolean;
}

export type ProposalStep =
  /** There is nothing to say and nothing to tidy up. */
  | { readonly do: "rest" }
  /** Nothing is left to propose: the request is closed, with a note, and the branch goes. */
  | { readonly do: "withdraw" }
  /** No request needs the branch any more. */
  | { readonly do: "tidy" }
  /** A person's commit stands on the branch. */
  | { readonly do: "wait" }
  /** A person said no to exactly this; what is open asks for something that is not wanted any more. */
  | { readonly do: "respect" }
  | { readonly do: "propose"; readonly push: boolean; readonly open: boolean; readonly edit: boolean };

type Rule = (situation: Situation) => ProposalStep | null;

const isTouched = ({ branch }: Situation) => branch.exists && !branch.isOurs && !branch.isReleased;

// A person's branch is neither replaced nor removed, and its request stays open: it may be what that person wants.
const nothingLeft: Rule = (situation) => {
  const { intent, branch, open } = situation;
  if (intent !== null) return null;
  if (isTouched(situation)) return { do: "rest" };
  if (open !== null) return { do: "withdraw" };
  // What a person wrote stays, wherever it was merged to.
  return branch.exists && branch.isOurs ? { do: "tidy" } : { do: "rest" };
};

const refused: Rule = ({ open, isRefused }) => (open === null && isRefused ? { do: "respect" } : null);

// A person's commit on the branch comes first.
const refusedBefore: Rule = ({ isRefused }) => (isRefused ? { do: "respect" } : null);

const touched: Rule = (situation) => (isTouched(situation) ? { do: "wait" } : null);

const propose: Rule = ({ intent, base, branch, open }) => {
  const isWritten = branch.exists && branch.isOurs && branch.intent === intent;
  // On the same base the commit would be the same, and so would the conflict: the host has not looked again yet.
  const isOutdated = open?.hasConflict === true && branch.base !== base;
  // What the target had and lost again brings nothing in: a new request stands on what is there now.
  const isOld = open === null && (branch.isSpent || branch.base !== base);
  const push = !isWritten || isOutdated || isOld || branch.isCutOff || branch.isStale;
  return { do: "propose", push, open: open === null, edit: open !== null && open.intent !== intent };
};

/** In this order: the first verdict stands. */
const rules: readonly Rule[] = [nothingLeft, refused, touched, refusedBefore, propose];

export function decideProposal(situation: Situation): ProposalStep {
  for (const rule of rules) {
    const step = rule(situation);
    if (step !== null) return step;
  }
  return { do: "rest" };
}
