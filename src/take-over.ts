/** Takes the Go agent's configuration Secret over: while that exists, the module operator starts the Go agent. */

import { type Cluster, type ClusterSecret, openCluster, type Place } from "./adapters/kubernetes/index.js";
import type { Config } from "./config/index.js";
import { type Environment, GO_AGENT_CONFIGURATION } from "./setup.js";

/**
 * Copies the keys of `compass-agent-configuration` into the Secret that `runtime.configuration` names, when that is in the
 * same namespace and has nothing in it. Gives a note when it did; null when there was nothing to do. Only for an agent
 * whose state is in the cluster. Throws a `ClusterFailure`.
 */
export async function takeOverConfiguration(
  { state, runtime }: Config,
  env: Environment,
  signal: AbortSignal,
): Promise<string | null> {
  const { secrets } = openCluster({ env, stage: "config", signal });
  const found = await toTakeOver({ state, runtime }, secrets);
  if (found === null) return null;
  const { place, own, theirs } = found;
  const empty = emptySecret(place);
  // Whoever filled it meanwhile meant it: the conflict is told, and the next command reads theirs.
  await secrets.write({ ...(own ?? empty), data: new Map([...(own ?? empty).data, ...theirs.data]) });
  const [from, to] = [`${place.namespace}/${GO_AGENT_CONFIGURATION}`, `${place.namespace}/${place.name}`];
  return `the configuration of the Go agent was copied from the Secret ${from} to ${to}: delete ${from}, since the Go agent is started as long as it exists`;
}

/**
 * The configuration as a command that only reads may read it: where `takeOverConfiguration` would copy, the Go agent's
 * Secret stands in for the one that `runtime.configuration` names. Throws a `ClusterFailure`.
 */
export async function beforeTakeOver(config: Config, env: Environment, signal: AbortSignal): Promise<Config> {
  const found = await toTakeOver(config, openCluster({ env, stage: "config", signal }).secrets);
  if (found === null) return config;
  const secret = { ...found.place, name: GO_AGENT_CONFIGURATION };
  return { ...config, runtime: { ...config.runtime, configuration: { secret } } };
}

/** Rejects as `takeOverConfiguration` would now; stores nothing. */
export async function rehearseTakeOver(
  { state, runtime }: Config,
  env: Environment,
  signal: AbortSignal,
): Promise<void> {
  const { secrets } = openCluster({ env, stage: "config", signal });
  const found = await toTakeOver({ state, runtime }, secrets);
  if (found !== null) await secrets.rehearse(found.own ?? emptySecret(found.place));
}

/** Null when there is nothing to take over. */
async function toTakeOver({ state, runtime }: Pick<Config, "state" | "runtime">, secrets: Cluster["secrets"]) {
  const place = runtime.configuration?.secret;
  if (place === undefined || "directory" in state || place.name === GO_AGENT_CONFIGURATION) return null;
  const own = await secrets.get(place);
  if (own !== null && hasContent(own)) return null;
  const theirs = await secrets.get({ namespace: place.namespace, name: GO_AGENT_CONFIGURATION });
  return theirs !== null && hasContent(theirs) ? { place, own, theirs } : null;
}

const emptySecret = (place: Place): ClusterSecret => ({ ...place, resourceVersion: null, frame: {}, data: new Map() });

const hasContent = ({ data }: ClusterSecret) => [...data.values()].some((value) => !value.isEmpty);
