/** The runtime's Secret in the cluster (contract 3.5) in place of settings: read when a command needs what is in it. */

import { readClusterSecret } from "../adapters/kubernetes/index.js";
import { Failure } from "../common/failure.js";
import { SecretMissing } from "../common/secret-missing.js";
import type { Config } from "./schema.js";
import type { SecretReference } from "./secret-reference.js";

const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Where a one-time token is, or will be: in the Secret of `runtime.configuration` it may come later. Null for nowhere. */
export function tokenPlace({ runtime, compass }: Config): SecretReference | null {
  const place = runtime.configuration?.secret;
  return place === undefined ? compass.token : { kind: "kubernetes", ...place, key: "TOKEN" };
}

/** Gives the configuration with id, tenant, Connector and token from `runtime.configuration`; as it is without one. */
export async function resolveConfiguration(
  config: Config,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<Config> {
  const reference = config.runtime.configuration?.secret;
  if (reference === undefined) return config;
  const { namespace, name } = reference;
  const data = await readClusterSecret({ namespace, name, env, stage: "config", signal });
  // As `install` makes it: whoever fills it may come later.
  if ([...data.values()].every((each) => each.reveal().trim() === "")) throw empty(reference);
  const value = (key: string) => data.get(key)?.reveal().trim() || null;
  const [id, connectorURL] = [value("RUNTIME_ID"), value("CONNECTOR_URL")];
  if (id === null || !ID.test(id)) throw unusable(reference, "RUNTIME_ID", "the runtime's UUID");
  if (connectorURL !== null && URL.parse(connectorURL)?.protocol !== "https:") {
    throw unusable(reference, "CONNECTOR_URL", "an https URL");
  }
  const token = data.has("TOKEN") ? tokenPlace(config) : null;
  return {
    ...config,
    runtime: { ...config.runtime, id, tenant: value("TENANT") },
    compass: { ...config.compass, connectorURL, token },
  };
}

const empty = ({ namespace, name }: { namespace: string; name: string }) =>
  new SecretMissing(`the Secret ${namespace}/${name} is empty`, {
    code: "SecretUnreadable",
    stage: "config",
    hint: "Put RUNTIME_ID, TENANT, CONNECTOR_URL and TOKEN into it, or set the values under runtime and compass instead.",
  });

function unusable({ namespace, name }: { namespace: string; name: string }, key: string, what: string): Failure {
  return new Failure(`the Secret ${namespace}/${name} has no usable ${key}`, {
    code: "ConfigurationInvalid",
    stage: "config",
    hint: `Put ${what} into ${key}, or set the values under runtime and compass instead.`,
  });
}
