/** Before the commit by which SealedSecrets leave Git: their Secrets stay in the cluster. */

import { openCluster } from "./adapters/kubernetes/index.js";
import { isSecretPath, secretNameOf } from "./base/index.js";
import type { Clock } from "./common/clock.js";
import type { Plan } from "./plan/index.js";
import type { Environment } from "./setup.js";

export interface HandoverOptions {
  readonly env: Environment;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * When a SealedSecret goes from Git the tool that applied it removes it, and with it the API server all that it owns: the
 * Secret that the agent applies would be gone. May be done again. Throws a `ClusterFailure`.
 */
export async function freeSecrets(
  { cluster: { apply }, deletes }: Pick<Plan, "cluster" | "deletes">,
  { env, clock, signal }: HandoverOptions,
): Promise<void> {
  const leaving = new Set(deletes.filter(isSecretPath).map(secretNameOf));
  const freed = apply.filter(({ name }) => leaving.has(name));
  if (freed.length === 0) return;
  const { handover } = openCluster({ env, stage: "publish", clock, signal });
  // Once in the life of a Secret: one at a time is soon enough.
  for (const { namespace, name } of freed) await handover.free({ namespace, name });
}
