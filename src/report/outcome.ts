/** The one value that every view of a cycle is made from (docs/reference/outcome.md). */

import { secretNameOf } from "../base/index.js";
import { asFailure, type Failure, type FailureCode, type Stage } from "../common/failure.js";
import type { DegradedReason, SetAsideReason } from "../model/index.js";
import type { ApprovalState, DestinationChange, HoldReason, Plan } from "../plan/index.js";
import { type Applied, inSentences } from "./applied.js";
import type { LabelState } from "./runtime-labels.js";
import type { Tell } from "./told.js";

export interface Outcome {
  readonly kind: "SyncOutcome";
  readonly version: 1;
  readonly result: "published" | "proposed" | "blocked" | "unchanged" | "planned" | "failed";
  readonly runtime: string | null;
  readonly digest: { readonly planned: string | null; readonly target: string | null; readonly applied: string | null };
  readonly commit: { readonly id: string; readonly branch: string; readonly url: string | null } | null;
  readonly pullRequest: OutcomePullRequest | null;
  readonly applications: OutcomeApplications;
  /** Of Secrets that are sealed for another mode or other recipients than those configured; null when there is none. */
  readonly reencryption: OutcomeReencryption | null;
  /** What may be approved; null when nothing is held that an approval lets pass. */
  readonly approval: OutcomeApproval | null;
  readonly suspended: boolean;
  /** What became of the labels by which Compass is told of the runtime, by their keys. */
  readonly labels: Readonly<Record<string, LabelState>>;
  /** With `current` and `missing` alone the cluster was not asked, or could not be. */
  readonly applied: Applied | Pick<Applied, "current" | "missing">;
  readonly requests: { readonly director: number; readonly connector: number; readonly git: number };
  readonly durationSeconds: Readonly<Record<string, number>>;
  /** What the user should know beside, one sentence each. */
  readonly notes: readonly string[];
  readonly failure: OutcomeFailure | null;
}

/** What the cluster showed; null when it was not asked, or could not be. */
export const appliedOf = ({ applied }: Pick<Outcome, "applied">): Applied | null =>
  "revision" in applied ? applied : null;

/** Of the agent's own branch; on GitLab a merge request. */
export interface OutcomePullRequest {
  readonly number: number;
  readonly url: string;
  readonly state: "open" | "closed" | "merged";
  readonly openedAt: string;
  readonly branch: string;
}

export interface OutcomeReencryption {
  /** Secrets sealed anew in this cycle, and those that wait for the next ones. */
  readonly done: number;
  readonly waiting: number;
  /** Secrets whose values are not known any more: who could open them before still can. Nothing is complete before. */
  readonly notReencrypted: readonly {
    readonly name: string;
    readonly id: string | null;
    readonly secret: string;
    /** Somebody changed the file, which stays so. */
    readonly edited?: true;
  }[];
  /** Where it is not for the mode and recipients configured: to be readable, or once more after a loss. */
  readonly how?: "Readable" | "Rebuilt";
}

export interface OutcomeApproval {
  /** Names exactly this held set, this time. */
  readonly hash: string;
  /** Applications, Secrets and destinations in the set. */
  readonly count: number;
  readonly heldSince: string;
  /** When an approval that was given ends; null for none. */
  readonly expires: string | null;
  readonly command: string;
}

export interface OutcomeApplications {
  /** Applications that Director lists or Git holds after the cycle. */
  readonly total: number;
  readonly unchanged: number;
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly deleted: readonly string[];
  /** Updated by another Application than the one that had the name, which is gone. */
  readonly replaced: Plan["replaced"];
  /** `secret` is the name of the Secret that is held; null when it is the Application as a whole. */
  readonly held: readonly {
    name: string;
    id: string;
    secret: string | null;
    reason: HoldReason;
    until: string | null;
  }[];
  readonly setAside: readonly { name: string; id: string; reason: SetAsideReason; message: string }[];
  readonly degraded: readonly {
    name: string;
    id: string;
    reason: DegradedReason;
    bundle: string | null;
    message: string;
  }[];
  /** Credentials that stay the same while the host they are sent to changes. */
  readonly destinationChanges: readonly (DestinationChange & { readonly held: boolean })[];
}

export interface OutcomeFailure {
  readonly stage: Stage;
  readonly code: FailureCode;
  readonly message: string;
  readonly hint: string;
  readonly retryable: boolean;
}

export interface OutcomeOptions {
  readonly result: Outcome["result"];
  readonly runtime: string | null;
  readonly plan: Plan | null;
  readonly commit: { readonly id: string; readonly branch: string } | null;
  /** Null, too, where nothing is proposed. @default null */
  readonly pullRequest?: OutcomePullRequest | null;
  /** False: what is planned is not on the target branch, whatever the result. @default by the result */
  readonly isOnTarget?: boolean;
  readonly approval: ApprovalState | null;
  readonly suspended: boolean;
  readonly requests: Outcome["requests"];
  /** @default none is configured */
  readonly labels?: Outcome["labels"];
  /** Milliseconds by stage. */
  readonly durations: ReadonlyMap<string, number>;
  readonly notes: readonly string[];
  readonly failure: Failure | null;
  /** @default the cluster was not asked */
  readonly applied?: Applied | null;
  /** Takes secret values out of what is told. @default none is known */
  readonly tell?: Tell | null;
}

/** Puts the outcome together; views compute nothing further. */
export function buildOutcome(options: OutcomeOptions): Outcome {
  const { result, plan, commit, requests, durations, failure, applied = null } = options;
  const seconds = [...durations].map(([stage, milliseconds]) => [stage, Math.round(milliseconds) / 1000] as const);
  const total = [...durations.values()].reduce((sum, each) => sum + each, 0);
  const { isOnTarget: reached = result === "published" || result === "unchanged" } = options;
  const outcome: Outcome = {
    kind: "SyncOutcome",
    version: 1,
    result,
    runtime: options.runtime,
    digest: {
      planned: plan?.digest ?? null,
      target: plan === null ? null : reached ? plan.digest : plan.committedDigest,
      applied: applied?.revision ?? null,
    },
    commit: commit === null ? null : { ...commit, url: null },
    pullRequest: options.pullRequest ?? null,
    applications: applicationsOf(plan),
    reencryption: plan?.reencryption ? reencryptionOf(plan.reencryption) : null,
    approval: options.approval && approvalOf(options.approval),
    suspended: options.suspended,
    labels: options.labels ?? {},
    applied: applied ?? { current: false, missing: [] },
    requests,
    durationSeconds: { ...Object.fromEntries(seconds), total: Math.round(total) / 1000 },
    notes: options.notes,
    failure: failure && describeFailure(failure),
  };
  const told = options.tell?.(outcome, plan) ?? outcome;
  const seen = appliedOf(told);
  return seen === null ? told : { ...told, applied: inSentences(seen) };
}

function applicationsOf(plan: Plan | null): OutcomeApplications {
  if (plan === null) {
    const none = { created: [], updated: [], deleted: [], replaced: [], held: [], setAside: [], degraded: [] };
    return { total: 0, unchanged: 0, ...none, destinationChanges: [] };
  }
  const { created, updated, deleted, replaced, unchanged, setAside, degraded } = plan;
  const destinationChanges = plan.destinationChanges.map(({ isHeld, ...change }) => ({ ...change, held: isHeld }));
  const held = plan.held.map(({ name, id, secret, reason, until }) => ({
    name,
    id,
    secret: secret && secretNameOf(secret),
    reason,
    until: until?.toISOString() ?? null,
  }));
  // Who was deleted is no more; everybody else is counted once, wherever they stand.
  const published = new Set([...created, ...updated, ...unchanged]);
  const whole = held.filter(({ secret, name }) => secret === null && !published.has(name));
  const others = new Set([...whole, ...setAside].map(({ id, name }) => id || name));
  const total = published.size + others.size;
  const lists = { created, updated, deleted, replaced, held, setAside, degraded };
  return { total, unchanged: unchanged.length, ...lists, destinationChanges };
}

const reencryptionOf = ({ done, waiting, unable, how }: NonNullable<Plan["reencryption"]>): OutcomeReencryption => ({
  done: done.length,
  waiting: waiting.length,
  notReencrypted: unable,
  ...(how === undefined ? {} : { how }),
});

const approvalOf = ({ hold, expires }: ApprovalState): OutcomeApproval => ({
  hash: hold.hash,
  count: hold.units.length,
  heldSince: hold.since,
  expires,
  command: `runtime-agent approve ${hold.hash}`,
});

/** A failure as JSON; anything else that was thrown is wrapped without its text. */
export function describeFailure(thrown: unknown, stage: Stage = "report"): OutcomeFailure {
  const { stage: at, code, message, hint, retryable } = asFailure(thrown, stage);
  return { stage: at, code, message, hint, retryable };
}
