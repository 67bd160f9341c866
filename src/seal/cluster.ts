/** Secrets that are applied through the API and stand in no file; Git knows them by their keyed fingerprints. */

import { Secret } from "../common/secret.js";
import { type KubernetesObject, SUBSTITUTION_OPT_OUT } from "../render/index.js";

/** A Secret as it is to stand in the cluster. */
export interface ClusterManifest {
  readonly name: string;
  readonly namespace: string;
  /** All of it but its data. */
  readonly object: KubernetesObject;
  /** In base64, as Kubernetes wants it. */
  readonly data: ReadonlyMap<string, Secret>;
}

/** Mode and recipients, as a sealer says them. */
export const CLUSTER_IDENTITY = JSON.stringify(["cluster"]);

/**
 * While a Secret leaves Git, the tool that applied it from there would take it away. Both tools look at the object in the
 * cluster before they do.
 */
export const KEEP_ANNOTATIONS = {
  "kustomize.toolkit.fluxcd.io/prune": "disabled",
  "argocd.argoproj.io/sync-options": "Prune=false",
};

/** `namespace` is that of Secrets whose template says none. */
/** By which the agent knows its own Secrets in the cluster again: the runtime's id as a label. */
export const RUNTIME_LABEL = "runtime-agent.kyma-project.io/runtime";

/** Director's id of the Application that a Secret in the cluster belongs to. */
export const APPLICATION_ANNOTATION = "runtime-agent.kyma-project.io/application";

export function clusterManifest(
  { metadata, ...rest }: KubernetesObject,
  data: Readonly<Record<string, string>>,
  namespace: string,
): ClusterManifest {
  const own = Object.entries(metadata.annotations ?? {}).filter(([key]) => !Object.hasOwn(SUBSTITUTION_OPT_OUT, key));
  const place = { name: metadata.name, namespace: metadata.namespace ?? namespace };
  const annotations = { ...Object.fromEntries(own), ...KEEP_ANNOTATIONS };
  return {
    ...place,
    object: { ...rest, metadata: { ...metadata, ...place, annotations } },
    data: new Map(Object.entries(data).map(([key, value]) => [key, Secret.of(value)])),
  };
}

/** What stands for a Secret in the inventory: its manifest with placeholders, and the keyed fingerprint of its values. */
export const standInFor = (manifest: string, fingerprint: string | null): string => `${manifest}${fingerprint ?? ""}\n`;
