import type { TokenKeeper } from "./adapters/github-app/index.js";
import type { Asked } from "./cluster-report.js";
import type { Clock } from "./common/clock.js";
import type { Failure } from "./common/failure.js";
import type { Logger } from "./common/logger.js";
import type { Stopwatch } from "./common/stopwatch.js";
import type { Config } from "./config/index.js";
import type { Session } from "./connect/index.js";
import type { Asking, Snapshot } from "./fetch/index.js";
import type { Plan } from "./plan/index.js";
import type { ProposedPublication } from "./publish/index.js";
import type { FileChange, KeptCounter, ObservedCycle, Outcome, Tell } from "./report/index.js";
import type { ToldLabels } from "./runtime-labels.js";
import type { Sealing } from "./sealing.js";
import type { Environment } from "./setup.js";
import type { Memory, State } from "./state/index.js";

export interface CycleOptions {
  readonly config: Config;
  readonly env: Environment;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Comes a while after the signal, and ends what is kept and told then. @default each call has its own deadline */
  readonly end?: AbortSignal;
  readonly log: Logger;
  readonly version: string;
  /** Stop before publishing; nothing is written anywhere. @default false */
  readonly planOnly?: boolean;
  /** Give the changes of what was published, too. @default only of what was planned */
  readonly withChanges?: boolean;
  /** Plan over this instead of asking Director. @default asks Director */
  readonly snapshot?: Snapshot;
  /** Plan against this folder instead of the repository. @default the repository */
  readonly baseFolder?: string;
  /** Why the configuration lacks what it refers to: the identity is looked after without that, and the cycle fails by it. @default null */
  readonly unresolved?: Failure | null;
  /** Told before a token is spent: the host it goes to. @default nobody */
  readonly onHost?: (host: string) => void;
  /** Keeps a GitHub App's tokens from cycle to cycle. @default each cycle asks for its own */
  readonly tokens?: TokenKeeper;
  /** Look at the cluster until what is committed is applied, for so many milliseconds. @default one look */
  readonly wait?: number;
  /** Runtime id of the agent whose `git.path` is taken over. @default no path of another agent is touched */
  readonly takeOver?: string;
  /** Counts the cycle on from what was kept, for the next one. @default what is kept stays */
  readonly count?: (kept: readonly KeptCounter[], ended: ObservedCycle) => Promise<readonly KeptCounter[]>;
}

export interface CycleResult {
  readonly outcome: Outcome;
  /** Each file with its old and new text, secrets unmasked where they are readable: only for `diffFiles`. */
  readonly changes: readonly FileChange[];
  /** The one of the outcome, as it was thrown. */
  readonly failure: Failure | null;
  /** Why the cluster could not be asked what was applied; null when it was, or nobody wanted that. */
  readonly unwatched: Failure | null;
  /** What the outcome does not tell. */
  readonly facts: Omit<ObservedCycle, "outcome" | "finishedAt">;
}

export interface Used {
  session: Session | null;
  sealing: Sealing | null;
  git: number;
  connector: number;
  /** Pushes that were rejected and begun anew. */
  pushRetries: number;
  readonly director: Asking[];
  /** Takes secret values out of what is told; null until one is known. */
  tell: Tell | null;
}

export const nothingUsed = (): Used => ({
  session: null,
  sealing: null,
  git: 0,
  connector: 0,
  pushRetries: 0,
  director: [],
  tell: null,
});

export interface Reached {
  readonly plan: Plan;
  readonly commit: { readonly id: string; readonly branch: string } | null;
  /** Null where nothing is proposed, but committed to the target branch. */
  readonly proposed: ProposedPublication | null;
  /** What was planned stands on the target branch. */
  readonly isOnTarget: boolean;
  readonly changes: readonly FileChange[];
  /** Hash of the approval that this cycle used up; null for none. */
  readonly usedApproval: string | null;
  /** A person wants nothing to be written. */
  readonly isSuspended: boolean;
  /** What is held is not what was held before. */
  readonly isNewHold: boolean;
  /** Digest of repository, branch and path. */
  readonly target: string;
  /** Where the base was read; null where there was none. */
  readonly seen: Memory["seen"];
  /** Stage report: Compass is told of the runtime, where anything may be written. Does not throw. */
  readonly tellLabels: () => Promise<ToldLabels>;
  /** Names of Applications that the agent deleted, with this plan or before it as far as it remembers. */
  readonly deleted: ReadonlySet<string>;
  /** Since when what is committed is not applied, as the cycle before knew it. */
  readonly unappliedSince: string | null;
}

export interface Running extends CycleOptions {
  /** Header `x-request-id` of what Compass is asked. */
  readonly requestID?: string;
  readonly state: State;
  readonly watch: Stopwatch;
  readonly used: Used;
  readonly notes: string[];
  /** Notes that hold for every attempt of the cycle. */
  readonly lasting: readonly string[];
  readonly asked: Asked;
}
