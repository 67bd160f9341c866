/** Secrets of the agent in the cluster that no inventory knows: what an agent left behind that was killed. Pure. */

import type { Missing } from "../state/index.js";
import { type DeletionRules, largestDeletion } from "./deletion.js";
import { dueAt, observe } from "./observation.js";
import { type ClusterPlace, type Plan, placeOf, standingIn } from "./plan.js";

/** One that carries the label of this runtime. */
export interface FoundSecret extends ClusterPlace {
  readonly uid: string;
  /** Of its data, those that are the agent's to remove; null where nobody else has any. */
  readonly keys: readonly string[] | null;
  /** Director's id of its Application; null when it does not say. */
  readonly owner: string | null;
}

export interface LeftoversInput {
  readonly found: readonly FoundSecret[];
  readonly plan: Pick<Plan, "rows" | "cluster" | "setAside" | "held" | "decision" | "isTrusted">;
  readonly rules: DeletionRules;
  readonly missing: Readonly<Record<string, Missing>>;
  readonly now: Date;
}

export interface Leftovers {
  readonly due: readonly FoundSecret[];
  readonly waiting: readonly FoundSecret[];
  /** They would exceed the limit: all of those that are due wait. */
  readonly isOverLimit: boolean;
  /** For the memory. */
  readonly missing: Readonly<Record<string, Missing>>;
}

const NONE: Leftovers = { due: [], waiting: [], isOverLimit: false, missing: {} };

/**
 * By the rules for what an inventory lists: none goes where nothing is deleted, where the inventory was rebuilt, by an
 * empty answer or of an Application that is not written; else those of which nothing stands in Git, each after its time.
 */
export function leftovers({ found, plan, rules, missing, now }: LeftoversInput): Leftovers {
  const { decision, cluster, rows, setAside, held } = plan;
  if (rules.mode === "upsert-only" || !plan.isTrusted || decision.listed.size === 0) return NONE;
  const isKnown = standingIn(rows.values());
  const planned = new Set([...cluster.apply, ...cluster.remove].map(placeOf));
  const unwritten = new Set([
    ...[...setAside, ...held].map(({ id }) => id),
    ...[...decision.frozen, ...decision.keeping],
  ]);
  const left = found.filter((secret) => {
    const { owner } = secret;
    return !isKnown(secret) && !planned.has(placeOf(secret)) && (owner === null || !unwritten.has(owner));
  });
  const seen: Record<string, Missing> = {};
  const due = left.filter((secret) => {
    const { over, observations } =
      secret.owner !== null && decision.listed.has(secret.owner) ? rules.credentials : rules;
    // Nobody looks a second time for these: two cycles must lack them.
    const patience = { over, observations: Math.max(2, observations) };
    const key = `cluster ${placeOf(secret)}`;
    const observed = observe(missing[key], patience, now);
    seen[key] = observed;
    return dueAt(observed, patience, now) === null;
  });
  const isOverLimit = due.length > largestDeletion(rules.limit, found.length);
  const going = isOverLimit ? [] : due;
  return { due: going, waiting: left.filter((secret) => !going.includes(secret)), isOverLimit, missing: seen };
}
