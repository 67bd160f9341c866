/** The way of a plan into a request to merge: the branch, the host and what the agent remembers of both. */

import { isDeepStrictEqual } from "node:util";
import type { Repository } from "./adapters/git/index.js";
import { createTokenKeeper, type TokenKeeper } from "./adapters/github-app/index.js";
import { type Base, type OwnBranch, openOwnBranch } from "./base/index.js";
import type { Clock } from "./common/clock.js";
import { forTerminal } from "./common/quote.js";
import { equalSecrets } from "./common/same.js";
import { sha256 } from "./common/sha256.js";
import type { Config } from "./config/index.js";
import { withoutEnding } from "./git-address.js";
import { openGitHost, ownBranchName } from "./git-host.js";
import type { Plan } from "./plan/index.js";
import {
  intentDigest,
  type ProposedPublication,
  type ProposeOptions,
  publishProposal,
  wasMerged,
} from "./publish/index.js";
import { type Environment, pushRepository, targetDigest } from "./setup.js";
import type { Proposal, State } from "./state/index.js";

export interface ProposingOptions {
  readonly config: Config;
  readonly git: NonNullable<Config["git"]>;
  readonly runtimeID: string;
  readonly repository: Repository;
  readonly base: Base;
  readonly state: State;
  readonly sealKey: Buffer;
  readonly env: Environment;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Keeps a GitHub App's tokens. @default the host asks for its own */
  readonly tokens?: TokenKeeper | undefined;
}

export interface Proposing {
  /** What is sealed on the branch and not merged yet. */
  readonly sealed: OwnBranch["sealed"];
  /** As `wasMerged` of the stage that publishes. */
  wasMerged(commit: string): Promise<boolean | null>;
  publish(plan: Plan, options: Pick<ProposeOptions, "message" | "words" | "beforePush">): Promise<ProposedPublication>;
  /** Calls of the Git host so far. */
  readonly requests: number;
  /** Ends the connections. */
  end(): Promise<void>;
}

/** Asks the repository for the branch; the host is not asked before `publish`. */
export async function openProposing(options: ProposingOptions): Promise<Proposing> {
  const { config, git, runtimeID, base, state, sealKey, env, clock, signal, tokens = createTokenKeeper() } = options;
  const { labels, reviewers, draft, autoMerge } = config.pullRequest;
  const branch = ownBranchName(config, runtimeID);
  const addresses = [git.url, ...(git.push === null ? [] : [git.push.url])].map(withoutEnding);
  const place = sha256(JSON.stringify([...addresses, branch])).slice(0, 16);
  const { proposal, published } = await state.memory();
  // What an earlier version proposed without telling where to, was for the target that it knew.
  const isOther = published.target !== "" && published.target !== targetDigest(config);
  const isKnown = proposal?.place === place;
  const former = isKnown ? null : formerOf(proposal);
  // What the agent said that it closes is no refusal, wherever its branch is.
  const withdrawn = proposal?.withdrawn ?? [];
  // Nor is a refusal over with it.
  const request = proposal?.request?.state === "closed" ? proposal.request : null;
  const before: Proposal = isKnown ? proposal : { ...nothingKnown(place), withdrawn, request, former };
  const host = await openGitHost(config, git, { env, clock, signal, tokens });
  const repository = await pushRepository(config, git, options.repository, { env, signal, cache: state.cache, tokens });
  const written = new Set([...writtenBy(before), ...(former?.commits ?? [])]);
  const own = await openOwnBranch({ repository, base, branch, written, sealKey });
  // What stands there was written, or seen to be a person's, under another address: it is the same branch all the same.
  const tips = proposal === null ? [] : [...writtenBy(proposal), proposal.blocked?.tip];
  const isSame = proposal !== null && own.tip !== null && tips.includes(own.tip);
  const known = isSame ? { ...proposal, place } : before;
  const memory = known.formerTarget === null && isOther ? { ...known, formerTarget: "" } : known;
  const keep = async (next: Proposal) => state.saveMemory({ ...(await state.memory()), proposal: next });
  const common = { host, base, own, memory, keep, clock };
  return {
    sealed: own.sealed,
    wasMerged: (commit) => wasMerged(common, commit),
    publish: async (plan, { message, words, beforePush }) =>
      publishProposal({
        ...common,
        repository,
        upstream: options.repository,
        isStale: await isStale(plan, own),
        runtimeID,
        target: sha256(JSON.stringify([base.branch, base.path])).slice(0, 16),
        intent: intentDigest({ plan, base, runtimeID, sealKey }),
        writes: plan.writes,
        deletes: plan.deletes,
        message,
        author: git.author,
        words,
        beforePush,
        settings: { labels, reviewers, draft, autoMerge },
        signal,
      }),
    get requests() {
      return host.requests;
    },
    end: () => host.end(),
  };
}

/** Whether a Secret under review is sealed for a key of the controller that the plan does without: for those that are to end. */
async function isStale({ writes, rows }: Plan, own: OwnBranch): Promise<boolean> {
  for (const path of writes.keys()) {
    const row = rows.get(path);
    // Others were not looked at on the branch.
    if (row?.certificates === undefined) continue;
    const before = (await own.sealed(path))?.row;
    if (before?.fingerprint === undefined || row.fingerprint === undefined || before.input !== row.input) continue;
    const isOther = !isDeepStrictEqual(before.certificates, row.certificates);
    if (isOther && equalSecrets(before.fingerprint, row.fingerprint)) return true;
  }
  return false;
}

/** Of a request that is still open when changes are committed directly: told once, and then left to people. */
export async function leaveRequest(state: State): Promise<readonly string[]> {
  const memory = await state.memory();
  const { proposal } = memory;
  if (proposal?.request?.state !== "open") return [];
  await state.saveMemory({ ...memory, proposal: { ...proposal, request: null } });
  const { number, url } = proposal.request;
  return [
    `changes are committed directly now: request ${number} (${forTerminal(url, 200)}) is left open, close it if nobody needs it, and delete its branch`,
  ];
}

const writtenBy = ({ written, pending }: Proposal): readonly string[] =>
  [written, ...pending].flatMap((each) => each?.commit ?? []);

/** What is to be seen to, when the agent's branch gets another place. */
function formerOf(proposal: Proposal | null): Proposal["former"] {
  if (proposal?.request?.state !== "open") return proposal?.former ?? null;
  return { request: proposal.request, commits: writtenBy(proposal) };
}

const nothingKnown = (place: string): Proposal => ({
  place,
  written: null,
  pending: [],
  unremoved: null,
  request: null,
  withdrawn: [],
  undone: null,
  blocked: null,
  notBefore: null,
  saying: null,
  former: null,
  earlier: [],
  formerTarget: null,
});
