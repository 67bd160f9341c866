/** What a proposal is made from. */

import type { Repository } from "../adapters/git/index.js";
import type { GitHost } from "../adapters/hosts/index.js";
import type { Base, OwnBranch } from "../base/index.js";
import type { Clock } from "../common/clock.js";
import type { Proposal } from "../state/index.js";

export interface ProposeOptions {
  readonly repository: Repository;
  readonly host: GitHost;
  readonly base: Base;
  /** What the target branch is in; `repository` is a fork of it, or the same. */
  readonly upstream: Repository;
  readonly own: OwnBranch;
  readonly runtimeID: string;
  /** Of `intentDigest`. */
  readonly intent: string | null;
  /** What is sealed on the branch is sealed otherwise in this plan, for the same values. */
  readonly isStale: boolean;
  /** Digest of the branch and the path that this is for. */
  readonly target: string;
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
  /** Called with the commit that is about to be pushed. @default nothing */
  readonly beforePush?: ((commit: string) => Promise<void>) | undefined;
  /** Stores what is known, before the agent relies on it. */
  readonly keep: (memory: Proposal) => Promise<void>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Stores changes of what is known. */
export type Keep = (changes: Partial<Proposal>) => Promise<void>;
