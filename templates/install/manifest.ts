/** What the charts of an installation share: names, labels, and the way an object gets into a chart. */

import { ApiObject } from "cdk8s";
import type { Construct } from "constructs";

/** Of every object that is the agent's own. */
export const AGENT = "runtime-agent";

/** In the agent's namespace: filled by people, mounted into the pod. */
export const CREDENTIALS_SECRET = "runtime-agent-credentials";

/** In the agent's namespace: the keys of contract 3.5. */
export const CONFIGURATION_SECRET = "runtime-agent-configuration";

/** Where the pod finds what is in `CREDENTIALS_SECRET`, one file for each key. */
export const CREDENTIALS_FOLDER = "/run/secrets/runtime-agent";

/** Of the account that Flux applies the agent's files as. */
export const APPLIER = "runtime-agent-applier";

export const LABELS: Readonly<Record<string, string>> = { "app.kubernetes.io/name": AGENT };

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

/** Adds one object; its construct id is made of kind and place, which no two objects of one chart share. */
export function add(scope: Construct, { metadata, ...rest }: Manifest): ApiObject {
  const id = [rest.kind, metadata.namespace ?? "", metadata.name].join("-").toLowerCase();
  return new ApiObject(scope, id, {
    ...rest,
    metadata: { ...metadata, labels: { ...LABELS, ...own(metadata.labels) } },
  });
}

const own = (labels: unknown) => (typeof labels === "object" && labels !== null ? labels : {});
