/** Before the commit by which Secrets leave Git for the cluster or come back: whom they belong to there. */

import { openCluster } from "./adapters/kubernetes/index.js";
import { isSecretPath, secretNameOf } from "./base/index.js";
import type { Clock } from "./common/clock.js";
import type { Plan } from "./plan/index.js";
import type { SealMode } from "./seal/index.js";
import type { Environment } from "./setup.js";

export interface HandoverOptions {
  readonly mode: SealMode["mode"];
  readonly env: Environment;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * When a SealedSecret goes from Git the tool that applied it removes it, and with it the API server all that it owns: the
 * Secret that the agent applies would be gone. The other way the controller leaves alone what is not marked for it. All of it
 * may be done again. Throws a `ClusterFailure`.
 */
export async function handSecretsOver(
  { cluster: { apply, release }, deletes }: Pick<Plan, "cluster" | "deletes">,
  { mode, env, clock, signal }: HandoverOptions,
): Promise<void> {
  const leaving = new Set(deletes.filter(isSecretPath).map(secretNameOf));
  const freed = apply.filter(({ name }) => leaving.has(name));
  const given = mode === "sealed-secrets" ? release : [];
  if (freed.length + given.length === 0) return;
  const { handover } = openCluster({ env, stage: "publish", clock, signal });
  // Once in the life of a Secret: one at a time is soon enough.
  for (const { namespace, name } of freed) await handover.free({ namespace, name });
  for (const place of given) await handover.give(place);
}
