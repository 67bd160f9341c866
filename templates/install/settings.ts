/** The agent's configuration as a ConfigMap, and the Secrets that people fill. */

import type { ApiObject } from "cdk8s";
import type { Construct } from "constructs";
import { AGENT, add } from "./manifest.js";

export interface ConfigurationProps {
  readonly namespace: string;
  /** The text of agent.yaml, without any secret. */
  readonly text: string;
}

export function configuration(scope: Construct, { namespace, text }: ConfigurationProps): ApiObject {
  const metadata = { name: AGENT, namespace };
  return add(scope, { apiVersion: "v1", kind: "ConfigMap", metadata, data: { "agent.yaml": text } });
}

export interface EmptySecretProps {
  readonly name: string;
  readonly namespace: string;
  /** @default none of its own */
  readonly labels?: Readonly<Record<string, string>>;
  /** What is no secret in it. @default nothing */
  readonly stringData?: Readonly<Record<string, string>>;
}

/** Applied over one that is filled it takes nothing away, since it says nothing of any key that people fill. */
export function emptySecret(
  scope: Construct,
  { name, namespace, labels = {}, stringData }: EmptySecretProps,
): ApiObject {
  return add(scope, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace, labels },
    type: "Opaque",
    ...(stringData === undefined ? {} : { stringData }),
  });
}

export function namespace(scope: Construct, name: string): ApiObject {
  return add(scope, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
}
