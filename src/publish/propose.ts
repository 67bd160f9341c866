/** Publishes by one rolling request to merge the agent's own branch: gathers, decides, carries out. */

import type { Repository } from "../adapters/git/index.js";
import { type GitHost, type HostRequest, waitUntil } from "../adapters/hosts/index.js";
import type { Base, OwnBranch } from "../base/index.js";
import type { Clock } from "../common/clock.js";
import { Failure } from "../common/failure.js";
import { forTerminal } from "../common/quote.js";
import type { Proposal, ProposedRequest, WrittenProposal } from "../state/index.js";
import { decideProposal } from "./decide-proposal.js";
import { formatMarker, markedRuntime, readMarker } from "./marker.js";

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

export interface ProposeOptions {
  readonly repository: Repository;
  readonly host: GitHost;
  readonly base: Base;
  readonly own: OwnBranch;
  readonly runtimeID: string;
  /** Of `intentDigest`. */
  readonly intent: string | null;
  readonly writes: ReadonlyMap<string, Buffer>;
  readonly deletes: readonly string[];
  readonly message: string;
  readonly author: { readonly name: string; readonly email: string };
  /** The words of the request, no longer than the limits; asked for only when they are needed. */
  readonly words: (limits: GitHost["limits"]) => Promise<{ readonly title: string; readonly body: string }>;
  readonly settings: {
    readonly labels: readonly string[];
    readonly reviewers: readonly string[];
    readonly draft: boolean;
    readonly autoMerge: boolean;
  };
  /** What is known of this branch. */
  readonly memory: Proposal;
  /** Stores what is known, before the agent relies on it. */
  readonly keep: (memory: Proposal) => Promise<void>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** On a request that waits for a person. Who takes it off lets the agent replace that person's commits. */
export const BLOCKED_LABEL = "runtime-agent-blocked";

/** Room for the marker and the empty line behind it. */
const MARKER_ROOM = 200;

/** Throws a Failure: `PushRejected` when the branch moved meanwhile, what the host throws, `TwoAgents` for another agent's request. */
export async function publishProposal(options: ProposeOptions): Promise<ProposedPublication> {
  const { memory, keep, clock } = options;
  const { notBefore } = memory;
  if (notBefore !== null && new Date(notBefore) > clock.now()) throw tooEarly(notBefore);
  // What was pushed before the host refused stays known.
  let latest = memory;
  const keeping = async (next: Proposal) => {
    await keep(next);
    latest = next;
  };
  try {
    return await propose({ ...options, keep: keeping });
  } catch (thrown) {
    const until = waitUntil(thrown);
    if (until !== null) await keep({ ...latest, notBefore: until.toISOString() });
    throw thrown;
  }
}

async function propose(options: ProposeOptions): Promise<ProposedPublication> {
  const { host, base, own, intent, runtimeID } = options;
  let memory: Proposal = { ...options.memory, notBefore: null };
  const keep = async (changes: Partial<Proposal>) => {
    memory = { ...memory, ...changes };
    await options.keep(memory);
  };
  // The push before the last stop may have been done or not: the tip tells.
  const written = [memory.pending, memory.written].find((each) => each !== null && each.commit === own.tip) ?? null;
  const isIdle = intent === null && own.tip === null && memory.request?.state !== "open";
  if (isIdle) return { kind: "proposal", result: "unchanged", commit: null, pullRequest: null, notes: [] };

  const { open, last, isRefused } = await lookUp(options, memory);
  const marker = open === null ? null : readMarker(open.body);
  if (marker !== null && marker.runtime !== markedRuntime(runtimeID)) throw anotherAgents(host, open?.number ?? 0);
  const isReleased =
    own.tip !== null && !own.isOurs && (isLetGo(own.tip, memory, open, last) || (await isInBase(options, memory)));
  const step = decideProposal({
    intent,
    base: base.tip,
    branch: {
      exists: own.tip !== null,
      isOurs: own.isOurs,
      isReleased,
      intent: written?.intent ?? null,
      base: written?.base ?? null,
    },
    open: open && { intent: marker?.intent ?? null, hasConflict: open.hasConflict === true },
    isRefused,
  });
  const current = open ?? last;
  const told = (
    result: ProposedPublication["result"],
    request: HostRequest | null,
    notes: readonly string[] = [],
    commit: ProposedPublication["commit"] = null,
  ): ProposedPublication => {
    const pullRequest = request && { ...remembered(request), branch: own.branch };
    return { kind: "proposal", result, commit, pullRequest, notes };
  };
  const request = current && remembered(current);

  switch (step.do) {
    case "rest": {
      await keepIfNew(options.memory, { ...memory, request }, keep);
      const touched = own.tip !== null && !isReleased ? [touchedNote(own.branch, open, host)] : [];
      return told("unchanged", open, touched);
    }
    case "withdraw": {
      if (open !== null) {
        await host.comment(open.number, WITHDRAWN);
        await host.close(open.number);
      }
      // The branch of a person stays.
      if (own.isOurs) await removeBranch(options);
      await keep({
        request: open && { ...remembered(open), state: "closed" },
        written: null,
        pending: null,
        blocked: null,
      });
      return told("unchanged", open && { ...open, state: "closed" });
    }
    case "tidy":
      await removeBranch(options);
      await keep({ request, written: null, pending: null, blocked: null });
      return told("unchanged", null);
    case "respect":
      await keepIfNew(options.memory, { ...memory, request }, keep);
      return told("unchanged", last, [refusedNote(host, last)]);
    case "wait": {
      const blocked = await tellBlocked(options, memory, open);
      await keepIfNew(options.memory, { ...memory, request, blocked }, keep);
      return told("blocked", open, [touchedNote(own.branch, open, host)]);
    }
    case "propose": {
      let pushed: WrittenProposal | null = null;
      if (step.push) {
        pushed = await push(options, memory.written, keep);
        await keep({ written: pushed, pending: null });
      } else if (written !== memory.written) await keep({ written, pending: null });
      const commit = pushed && { id: pushed.commit, branch: own.branch };
      const notes: string[] = [];
      const result = open === null || step.open ? await openRequest(options, notes) : open;
      if (step.edit) await host.update(result.number, await wordsOf(options));
      if (memory.blocked !== null && open?.labels.includes(BLOCKED_LABEL) === true) {
        await host.unlabel(open.number, BLOCKED_LABEL);
      }
      await keepIfNew(options.memory, { ...memory, request: remembered(result), blocked: null }, keep);
      return told("proposed", result, notes, commit);
    }
  }
}

/** Writes only what differs: a cycle that finds nothing new writes nothing. */
async function keepIfNew(
  before: Proposal,
  now: Proposal,
  keep: (changes: Partial<Proposal>) => Promise<void>,
): Promise<void> {
  if (JSON.stringify(before) !== JSON.stringify(now)) await keep(now);
}

const remembered = ({ number, url, state, openedAt }: HostRequest): ProposedRequest => ({
  number,
  url,
  state,
  openedAt,
});

interface Found {
  readonly open: HostRequest | null;
  /** The newest that is not open, as far as it was asked for. */
  readonly last: HostRequest | null;
  readonly isRefused: boolean;
}

/** At most two calls: the request that the agent remembers, and the list of all where that one is not open any more. */
async function lookUp({ host, base, own, intent }: ProposeOptions, { request, blocked }: Proposal): Promise<Found> {
  const known = request === null ? null : await host.get(request.number);
  if (known?.state === "open" && own.tip !== null) return { open: known, last: null, isRefused: false };
  // Who deleted the branch closed the request. Some hosts do that themselves, a moment later, and would close what is pushed then.
  if (known?.state === "open") await host.close(known.number);
  const former: HostRequest | null = known?.state === "open" ? { ...known, state: "closed" } : known;
  // To delete a branch with one's own commit on it is the way to let the agent go on.
  const isLetGo = (each: HostRequest) => blocked !== null && own.tip === null && each.number === request?.number;
  const isRefusedBy = (each: HostRequest) =>
    each.state === "closed" && intent !== null && !isLetGo(each) && readMarker(each.body)?.intent === intent;
  if (former !== null && (intent === null || isRefusedBy(former))) {
    return { open: null, last: former, isRefused: intent !== null };
  }
  const all = await host.find(own.branch, base.branch);
  const open = all.find(({ state, number }) => state === "open" && number !== former?.number) ?? null;
  const merged = all.findIndex(({ state }) => state === "merged");
  const since = merged < 0 ? all : all.slice(0, merged);
  const refusal = since.find(isRefusedBy);
  return { open, last: refusal ?? former ?? all[0] ?? null, isRefused: open === null && refusal !== undefined };
}

/** A person took the label off; or what stands on the branch was merged with its request. */
function isLetGo(tip: string, { blocked }: Proposal, open: HostRequest | null, last: HostRequest | null): boolean {
  if (last?.state === "merged" && last.head === tip) return true;
  return (
    open !== null &&
    blocked !== null &&
    blocked.tip === tip &&
    blocked.isLabelled &&
    !open.labels.includes(BLOCKED_LABEL)
  );
}

/** True when everything in which the branch differs from what the agent wrote stands in the base, too. */
async function isInBase({ repository, base, own }: ProposeOptions, { written }: Proposal): Promise<boolean> {
  if (written === null || own.tip === null || base.tip === null) return false;
  try {
    if ((await repository.fetch(own.branch)) !== own.tip) return false;
    await repository.fetchCommit(written.commit);
    const edited = await repository.differing(written.commit, own.tip);
    const missing = await repository.differing(base.tip, own.tip);
    return [...edited].every((path) => !missing.has(path));
  } catch (thrown) {
    // A server need not give a commit that no branch has any more: then nobody can tell, and a person decides.
    if (thrown instanceof Failure && thrown.code !== "Aborted" && !thrown.retryable) return false;
    throw thrown;
  }
}

/** Commits onto the base and replaces the branch, if it is still where it was found. */
async function push(
  { repository, base, own, intent, message, author, clock, signal, writes, deletes }: ProposeOptions,
  before: WrittenProposal | null,
  keep: (changes: Partial<Proposal>) => Promise<void>,
): Promise<WrittenProposal> {
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
  const pending = { commit, base: base.tip, intent: intent ?? "" };
  // Killed between the push and its record, the agent would take its own commit for a person's.
  await keep({ written: before, pending });
  if (signal.aborted) throw aborted();
  await repository.push({ branch: own.branch, commit, expected: own.tip });
  return pending;
}

async function removeBranch({ repository, own }: ProposeOptions): Promise<void> {
  if (own.tip !== null) await repository.remove({ branch: own.branch, expected: own.tip });
}

async function openRequest(options: ProposeOptions, notes: string[]): Promise<HostRequest> {
  const { host, base, own, settings } = options;
  const words = await wordsOf(options);
  const given = { branch: own.branch, base: base.branch, ...words };
  const made = await host.create(given).catch(async (thrown: unknown) => {
    // Made before an answer that was lost, or by a person.
    if (!(thrown instanceof Failure) || thrown.code !== "HostRefused") throw thrown;
    const open = (await host.find(own.branch, base.branch)).find(({ state }) => state === "open");
    if (open === undefined) throw thrown;
    await host.update(open.number, words);
    return open;
  });
  const wishes: readonly (readonly [string, boolean, () => Promise<void>])[] = [
    ["pullRequest.labels", settings.labels.length > 0, () => host.label(made.number, settings.labels)],
    ["pullRequest.reviewers", settings.reviewers.length > 0, () => host.review(made.number, settings.reviewers)],
    ["pullRequest.autoMerge", settings.autoMerge, () => host.autoMerge(made.number)],
  ];
  for (const [setting, isWanted, fulfil] of wishes) {
    if (!isWanted) continue;
    await fulfil().catch((thrown: unknown) => {
      // The proposal stands without it. What may pass is no refusal.
      if (!(thrown instanceof Failure) || thrown.retryable || thrown.code === "Aborted") throw thrown;
      notes.push(`${setting} is not done: ${thrown.message}`);
    });
  }
  return made;
}

async function wordsOf({ host, words, runtimeID, intent, settings }: ProposeOptions) {
  const { title, body } = await words({ ...host.limits, body: host.limits.body - MARKER_ROOM });
  const marker = formatMarker({ runtime: runtimeID, intent: intent ?? "" });
  return { title, body: `${marker}\n\n${body}`, draft: settings.draft };
}

/** Once for each tip of a person: a note, and a label that says when it may go on. */
async function tellBlocked(
  { host, own }: ProposeOptions,
  { blocked }: Proposal,
  open: HostRequest | null,
): Promise<Proposal["blocked"]> {
  if (own.tip === null || open === null || blocked?.tip === own.tip) return blocked;
  // Told for an earlier commit, or before the memory was lost.
  if (open.labels.includes(BLOCKED_LABEL)) return { tip: own.tip, isLabelled: true };
  // The label last: without it, and with what is remembered, the agent would go on.
  await host.comment(open.number, blockedComment(own.branch));
  const isLabelled = await host.label(open.number, [BLOCKED_LABEL]).then(
    () => true,
    (thrown: unknown) => {
      if (!(thrown instanceof Failure) || thrown.retryable || thrown.code === "Aborted") throw thrown;
      return false;
    },
  );
  return { tip: own.tip, isLabelled };
}

const blockedComment = (branch: string) =>
  [
    `Somebody else's commit stands on \`${branch.replaceAll("`", "")}\`, so the agent does not touch this branch any more.`,
    "",
    "It goes on as soon as one of these is done:",
    "",
    "- the changes are in the target branch, by merging this or in another way;",
    "- the branch is deleted;",
    `- the label \`${BLOCKED_LABEL}\` is taken off, which lets the agent replace the commit.`,
  ].join("\n");

const WITHDRAWN =
  "Nothing is left to change: the target branch has it all, or Compass does not ask for it any more. The agent closes this.";

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

const nothingToMergeInto = (branch: string) =>
  new Failure("the repository is empty, so there is nothing to merge a proposal into", {
    code: "BaseUnusable",
    stage: "publish",
    hint: `Make a first commit on ${forTerminal(branch, 80)}, a README for instance; or set git.publish to direct.`,
  });

const tooEarly = (until: string) =>
  new Failure(`the Git host asked the agent to wait until ${until}`, {
    code: "RateLimited",
    stage: "publish",
    hint: "A cycle after that goes on by itself.",
    retryable: true,
  });

const aborted = () =>
  new Failure("stopped before the push; nothing was sent", {
    code: "Aborted",
    stage: "publish",
    hint: "Run again to go on.",
  });
