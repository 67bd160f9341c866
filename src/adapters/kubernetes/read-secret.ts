/** Reads one Secret, as a value of the configuration. */

import { Failure, type FailureOptions, type Stage } from "../../common/failure.js";
import { Secret } from "../../common/secret.js";
import { SecretMissing } from "../../common/secret-missing.js";
import type { Environment } from "./access.js";
import { openCluster } from "./cluster.js";
import { ClusterFailure } from "./errors.js";

export interface ClusterSecretOptions {
  readonly namespace: string;
  readonly name: string;
  readonly env: Environment;
  readonly stage: Stage;
  /** Milliseconds. @default 30_000 */
  readonly timeout?: number;
  /** @default one that is never aborted */
  readonly signal?: AbortSignal;
}

/** The Secret's data, decoded, by key. Rejects with `SecretUnreadable`. */
export async function readClusterSecret(options: ClusterSecretOptions): Promise<ReadonlyMap<string, Secret>> {
  const { namespace, name, stage } = options;
  const fail = (message: string, more: Omit<FailureOptions, "stage" | "code">, Kind = Failure) =>
    new Kind(`the Secret ${namespace}/${name} ${message}`, { code: "SecretUnreadable", stage, ...more });
  const found = await openCluster(options)
    .secrets.get({ namespace, name })
    .catch((thrown: unknown) => {
      if (!(thrown instanceof ClusterFailure) || thrown.code === "Aborted") throw thrown;
      const { status, hint, retryable, cause } = thrown;
      if (status === 401 || status === 403) throw fail("may not be read", { hint, retryable });
      const reason = status === null ? thrown.message : `HTTP ${status}`;
      throw fail(`cannot be read (${reason})`, { hint, retryable, cause });
    });
  if (found === null) {
    const hint = "Create it, or correct the reference in the configuration.";
    throw fail("does not exist", { hint }, SecretMissing);
  }
  return new Map([...found.data].map(([key, value]) => [key, Secret.of(decode(value.reveal()))]));
}

const decode = (base64: string) => Buffer.from(base64, "base64").toString("utf8");
