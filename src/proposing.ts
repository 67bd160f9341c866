/** The way of a plan into a request to merge: the branch, the host and what the agent remembers of both. */

import type { Repository } from "./adapters/git/index.js";
import type { GitHost } from "./adapters/hosts/index.js";
import { type Base, type OwnBranch, openOwnBranch } from "./base/index.js";
import type { Clock } from "./common/clock.js";
import { sha256 } from "./common/sha256.js";
import type { Config } from "./config/index.js";
import { openGitHost, ownBranchName } from "./git-host.js";
import type { Plan } from "./plan/index.js";
import { intentDigest, type ProposedPublication, publishProposal } from "./publish/index.js";
import type { Environment } from "./setup.js";
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
}

export interface Proposing {
  /** What is sealed on the branch and not merged yet. */
  readonly sealed: OwnBranch["sealed"];
  publish(
    plan: Plan,
    message: string,
    words: (limits: GitHost["limits"]) => Promise<{ readonly title: string; readonly body: string }>,
  ): Promise<ProposedPublication>;
  /** Calls of the Git host so far. */
  readonly requests: number;
  /** Ends the connections. */
  end(): Promise<void>;
}

/** Asks the repository for the branch; the host is not asked before `publish`. */
export async function openProposing(options: ProposingOptions): Promise<Proposing> {
  const { config, git, runtimeID, repository, base, state, sealKey, clock, signal } = options;
  const { labels, reviewers, draft, autoMerge } = config.pullRequest;
  const branch = ownBranchName(config, runtimeID);
  const place = sha256(JSON.stringify([git.url.replace(/(?:\/|\.git)+$/, ""), branch])).slice(0, 16);
  const { proposal } = await state.memory();
  const memory = proposal?.place === place ? proposal : nothingKnown(place);
  const host = await openGitHost(config, git, options);
  const written = new Set([memory.written, memory.pending].flatMap((each) => each?.commit ?? []));
  const own = await openOwnBranch({ repository, base, branch, written, sealKey });
  return {
    sealed: own.sealed,
    publish: (plan, message, words) =>
      publishProposal({
        repository,
        host,
        base,
        own,
        runtimeID,
        intent: intentDigest({ plan, base, runtimeID, sealKey }),
        writes: plan.writes,
        deletes: plan.deletes,
        message,
        author: git.author,
        words,
        settings: { labels, reviewers, draft, autoMerge },
        memory,
        keep: async (next) => state.saveMemory({ ...(await state.memory()), proposal: next }),
        clock,
        signal,
      }),
    get requests() {
      return host.requests;
    },
    end: () => host.end(),
  };
}

const nothingKnown = (place: string): Proposal => ({
  place,
  written: null,
  pending: null,
  request: null,
  blocked: null,
  notBefore: null,
});
