/** Brings the Secrets of mode `cluster` to the cluster, and takes those away that a plan deletes. */

import { type Cluster, ClusterFailure, openCluster } from "./adapters/kubernetes/index.js";
import type { Clock } from "./common/clock.js";
import type { Plan } from "./plan/index.js";
import { KEEP_ANNOTATIONS } from "./seal/index.js";
import type { Environment } from "./setup.js";

export interface ClusterSecretsOptions {
  readonly env: Environment;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Calls under way at a time. */
const AT_ONCE = 8;

/**
 * Before the commit: what it refers to is there when it arrives, and what it does not know any more is not left behind by
 * an agent that is killed. All of it may be done again. A Secret that the API server refuses for what it is keeps none of the
 * others back: gives notes about those. Throws a `ClusterFailure` for anything else.
 */
export async function applyClusterSecrets(
  { apply, remove, release }: Plan["cluster"],
  { env, clock, signal }: ClusterSecretsOptions,
): Promise<readonly string[]> {
  if (apply.length + remove.length + release.length === 0) return [];
  const { appliedSecrets }: Cluster = openCluster({ env, stage: "publish", clock, signal });
  const notes: string[] = [];
  await inTurn(apply, async (secret) => {
    try {
      await appliedSecrets.apply(secret);
    } catch (thrown) {
      if (!(thrown instanceof ClusterFailure) || thrown.code !== "ClusterRefused") throw thrown;
      notes.push(`${thrown.message}: ${thrown.hint}`);
    }
  });
  await inTurn(remove, (place) => appliedSecrets.remove(place));
  await inTurn(release, (place) => appliedSecrets.removeAnnotations(place, Object.keys(KEEP_ANNOTATIONS)));
  return notes.sort();
}

/** A few at a time; the first failure ends it. */
async function inTurn<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  let isBroken = false;
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined && !isBroken; item = rest.shift()) {
      try {
        await work(item);
      } catch (thrown) {
        isBroken = true;
        throw thrown;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
