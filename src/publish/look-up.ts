/** What the host and the repository show of the agent's branch and its request. */

import type { HostRequest } from "../adapters/hosts/index.js";
import { Failure } from "../common/failure.js";
import type { Proposal, WrittenProposal } from "../state/index.js";
import { isTheirs, type Marker, markedRuntime, readMarker } from "./marker.js";
import type { ProposeOptions } from "./options.js";

/** On a request that waits for a person. Who takes it off lets the agent replace that person's commits. */
export const BLOCKED_LABEL = "runtime-agent-blocked";

interface Found {
  readonly open: HostRequest | null;
  /** An open one of the agent's branch that leads to another branch than the target. */
  readonly astray: HostRequest | null;
  /** The newest that is not open, as far as it was asked for. */
  readonly last: HostRequest | null;
  readonly isRefused: boolean;
}

/** The intent, where it is for this target: the same changes elsewhere are something else. */
export function intentHere(
  { target }: Pick<ProposeOptions, "target">,
  { formerTarget }: Pick<Proposal, "formerTarget">,
  told: Pick<Marker, "intent" | "target"> | null,
): string | null {
  return told !== null && (told.target ?? formerTarget ?? target) === target ? told.intent : null;
}

/** At most two calls: the request that the agent remembers, and the list of all where that one is not open any more. */
export async function lookUp(options: ProposeOptions, memory: Proposal): Promise<Found> {
  const { host, base, own, intent, runtimeID } = options;
  const { request, blocked, written, withdrawn } = memory;
  // Only then something follows from a conflict.
  const awaitsConflict = own.isOurs && written !== null && written.base !== base.tip;
  const numbered = request === null ? null : await host.get(request.number, { awaitsConflict });
  // Where a repository was made anew at the same address, the number is of somebody else's. What was refused when the agent's
  // branch had another name is known by what it says.
  const told = numbered?.branch === own.branch || numbered?.state === "closed" ? numbered : null;
  const leadsHere = told?.base === base.branch;
  const astray = told?.state === "open" && !leadsHere ? told : null;
  const known = leadsHere ? told : null;
  const saysSame = (each: HostRequest) => intentHere(options, memory, readMarker(each.body)) === intent;
  const isOpen = known?.state === "open" && own.tip !== null;
  // Only what is to be asked for anew can have been refused before.
  const isAsked = intent === null || !own.isOurs || intentHere(options, memory, written) === intent;
  if (isOpen && (isAsked || saysSame(known))) {
    return { open: known, astray: null, last: null, isRefused: false };
  }
  // Who deleted the branch closed the request. Some hosts do that themselves, a moment later, and would close what is pushed then.
  const isMarked = known !== null && readMarker(known.body)?.runtime === markedRuntime(runtimeID);
  if (known?.state === "open" && !isOpen && isMarked) await host.close(known.number);
  const former: HostRequest | null = known?.state === "open" ? (isOpen ? null : { ...known, state: "closed" }) : known;
  // To delete a branch with one's own commit on it is the way to let the agent go on.
  const isLetGo = (each: HostRequest) => blocked !== null && own.tip === null && each.number === request?.number;
  const isRefusedBy = (each: HostRequest) =>
    each.state === "closed" &&
    each.base === base.branch &&
    intent !== null &&
    !isLetGo(each) &&
    // What the agent closed itself, no person refused.
    !withdrawn.includes(each.number) &&
    saysSame(each);
  if (former !== null && (intent === null || isRefusedBy(former))) {
    return { open: null, astray, last: former, isRefused: intent !== null };
  }
  // Not every version of every host looks at the base by itself.
  const all = (await host.find(own.branch, base.branch)).filter((each) => each.base === base.branch);
  const other = all.find(({ state, number }) => state === "open" && number !== former?.number) ?? null;
  const open = isOpen ? known : other;
  const merged = all.findIndex(({ state }) => state === "merged");
  const since = merged < 0 ? all : all.slice(0, merged);
  const refusal = since.find(isRefusedBy);
  const last = refusal ?? former ?? all[0] ?? null;
  // One that asks for the same was opened again by a person; or it is a person's own.
  const isWanted = open !== null && (saysSame(open) || isTheirs(open.body));
  const isRefused = refusal !== undefined && !isWanted;
  return { open, astray, last, isRefused };
}

/** A person took the label off; or what stands on the branch was merged with its request. */
export function isLetGo(
  tip: string,
  { blocked }: Proposal,
  open: HostRequest | null,
  last: HostRequest | null,
): boolean {
  if (last?.state === "merged" && last.head === tip) return true;
  return (
    open !== null &&
    blocked !== null &&
    blocked.tip === tip &&
    blocked.isLabelled &&
    !open.labels.includes(BLOCKED_LABEL)
  );
}

/** Whether the target branch is where the cycle found it. */
export async function isStill({ base, upstream }: ProposeOptions): Promise<boolean> {
  const { tips } = await upstream.remote();
  return (tips.get(base.branch) ?? null) === base.tip;
}

/** Whether the target branch still has in its history what the agent's commit stands on; asked once for each of its tips. */
export async function descends(
  { base, upstream }: ProposeOptions,
  { base: from, seen }: WrittenProposal,
): Promise<boolean> {
  if (from === null || base.tip === null || base.tip === from || base.tip === seen) return true;
  // What descends from a descendant is one, and the newer is nearer.
  return upstream.hasInHistory(base.branch, seen === null ? [from] : [seen, from]);
}

/** Whether both the agent and others changed one file since, where the host does not tell a conflict, as Gitea of a draft. */
export async function clashes(options: ProposeOptions, from: string): Promise<boolean> {
  const { repository, upstream, base, own } = options;
  const { tip } = own;
  if (tip === null || base.tip === null) return false;
  const target = base.tip;
  return onOwnBranch(options, async () => {
    await upstream.fetchCommit(from);
    const ours = await repository.differing(from, tip);
    const theirs = await repository.differing(from, target);
    const apart = await repository.differing(tip, target);
    return [...ours].some((path) => theirs.has(path) && apart.has(path));
  });
}

/** True when everything in which the branch differs from what the agent wrote stands in the base, too. */
export async function isInBase(options: ProposeOptions, { written }: Proposal): Promise<boolean> {
  const { repository, base, own } = options;
  const { tip } = own;
  if (written === null || tip === null || base.tip === null) return false;
  const target = base.tip;
  return onOwnBranch(options, async () => {
    await repository.fetchCommit(written.commit);
    const edited = await repository.differing(written.commit, tip);
    const missing = await repository.differing(target, tip);
    return [...edited].every((path) => !missing.has(path));
  });
}

/** False where it moved meanwhile, or the server does not give a commit that no branch has any more: then a person decides. */
async function onOwnBranch({ repository, own }: ProposeOptions, look: () => Promise<boolean>): Promise<boolean> {
  try {
    return (await repository.fetch(own.branch)) === own.tip && (await look());
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.code !== "Aborted" && !thrown.retryable) return false;
    throw thrown;
  }
}
