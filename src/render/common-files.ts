/** The files that belong to no Application: kustomization, revision and the mark for the host's diff (design 4). */

import { formatYaml } from "../adapters/yaml/index.js";
import { type KubernetesObject, SUBSTITUTION_OPT_OUT } from "./manifest.js";

export const KUSTOMIZATION_PATH = "kustomization.yaml";
export const REVISION_PATH = "revision.yaml";
export const REVISION_NAME = "runtime-agent-revision";
export const CANARY_PATH = "canary.yaml";
export const CANARY_NAME = "runtime-agent-canary";
export const ATTRIBUTES_PATH = ".runtime-agent/.gitattributes";
/** Beside the inventory, where no kustomization takes it for a manifest. */
export const SOPS_CONFIG_PATH = ".runtime-agent/.sops.yaml";

/** Lists every manifest, sorted. Never empty: on an empty one Flux prunes everything and says Ready (consumers 1). */
export function kustomizationText(manifests: readonly string[]): string {
  return formatYaml({
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    resources: [...new Set([...manifests, REVISION_PATH])].sort(),
  });
}

const LAST_WAVE = { "argocd.argoproj.io/sync-wave": "1000" };

/** The ConfigMap by which the agent sees in the cluster what was applied. Argo CD applies it last. */
export function revisionText(digest: string, namespace: string): string {
  return formatYaml({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: REVISION_NAME,
      namespace,
      annotations: { ...SUBSTITUTION_OPT_OUT, ...LAST_WAVE },
    },
    data: { digest },
  });
}

/** A Secret with the same digest, without its data, which is to be sealed: what can be read there was opened there. */
export function canaryObject(namespace: string): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: CANARY_NAME, namespace, annotations: { ...SUBSTITUTION_OPT_OUT, ...LAST_WAVE } },
    type: "Opaque",
  };
}

/** Folds the inventory away in the diffs of Git hosts. */
export const ATTRIBUTES_TEXT = "inventory.json linguist-generated gitlab-generated\n";
