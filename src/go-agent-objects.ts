/** What the Go agent wrote into the cluster, told from what this one wrote by the marks of both (contract 4.1, 4.5). */

import { type ClusterOptions, openCluster } from "./adapters/kubernetes/index.js";
import { DIGEST_ANNOTATION } from "./base/index.js";
import { asFailure } from "./common/failure.js";
import { secretsOf } from "./plan/index.js";
import { count } from "./report/index.js";

/**
 * A phrase, or "" where there is nothing: `20 Applications, with references to 15 Secrets`. The Go agent counts as its own what has
 * `spec.compassMetadata`, and the Secrets that it names; what has the digest of this agent was adopted.
 */
export async function goAgentObjects(options: ClusterOptions): Promise<string> {
  try {
    const all = await openCluster(options).applications();
    const own = all.filter(
      ({ spec, annotations }) => spec.compassMetadata !== undefined && annotations[DIGEST_ANNOTATION] === undefined,
    );
    const secrets = new Set(own.flatMap(({ spec }) => secretsOf(spec)));
    return own.length === 0
      ? ""
      : `${count(own.length, "Application")}, with references to ${count(secrets.size, "Secret")}`;
  } catch (thrown) {
    const { code } = asFailure(thrown, "report");
    if (code === "Aborted") throw thrown;
    return `Applications that cannot be listed (${code})`;
  }
}
