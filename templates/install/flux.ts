/** Flux, wired to what the agent commits: where it reads, as whom it applies, and how it decrypts. */

import type { Construct } from "constructs";
import { APPLIER, add } from "./manifest.js";
import { emptySecret } from "./settings.js";

/** Where Flux stands, and what is made for it, unless `gitops.namespace` says otherwise. */
export const FLUX_NAMESPACE = "flux-system";

/** Flux's own credentials for the repository: it reads, the agent writes. */
export const FLUX_GIT_SECRET = "runtime-agent-git";

/** The private half of the age key; entries end in `.agekey`. */
export const FLUX_SOPS_SECRET = "runtime-agent-sops";

export interface FluxProps {
  /** Of the objects of Flux (`gitops.namespace`). */
  readonly namespace: string;
  /** Of the Kustomization and its GitRepository (`gitops.name`). */
  readonly name: string;
  /** As source-controller takes it: https, http or ssh. */
  readonly url: string;
  readonly branch: string;
  /** Within the repository, without a slash at either end; "" for its root. */
  readonly path: string;
  /** Whether it needs a Secret to read: for who reads, or for authorities of the host. */
  readonly hasCredentials: boolean;
  /** Of the Secrets and ConfigMaps among the files (`applications.namespace`). */
  readonly applicationsNamespace: string;
  readonly mode: "sops" | "sealed-secrets" | "cluster" | "plain";
}

const RBAC = "rbac.authorization.k8s.io";
const EVERYTHING = ["get", "list", "watch", "create", "update", "patch", "delete"];

export function flux(scope: Construct, props: FluxProps): void {
  const { namespace, name, url, branch, path, hasCredentials, mode } = props;
  const at = { name, namespace };
  if (hasCredentials) emptySecret(scope, { name: FLUX_GIT_SECRET, namespace });
  if (mode === "sops") emptySecret(scope, { name: FLUX_SOPS_SECRET, namespace });
  applier(scope, props);
  add(scope, {
    apiVersion: "source.toolkit.fluxcd.io/v1",
    kind: "GitRepository",
    metadata: at,
    spec: {
      url,
      interval: "1m",
      timeout: "60s",
      ref: { branch },
      ...(hasCredentials ? { secretRef: { name: FLUX_GIT_SECRET } } : {}),
    },
  });
  add(scope, {
    apiVersion: "kustomize.toolkit.fluxcd.io/v1",
    kind: "Kustomization",
    metadata: at,
    spec: {
      sourceRef: { kind: "GitRepository", name },
      path: path === "" ? "./" : `./${path}`,
      interval: "10m",
      retryInterval: "1m",
      timeout: "3m",
      prune: true,
      // Who deletes this object wants to be rid of the wiring, not of every Application in the cluster.
      deletionPolicy: "Orphan",
      wait: true,
      serviceAccountName: APPLIER,
      ...(mode === "sops" ? { decryption: { provider: "sops", secretRef: { name: FLUX_SOPS_SECRET } } } : {}),
      ...(mode === "sealed-secrets" ? { healthCheckExprs: [UNSEALED] } : {}),
    },
  });
}

/** Without it Flux says Ready although the controller could not unseal (observed with kustomize-controller 1.9.5). */
const UNSEALED = {
  apiVersion: "bitnami.com/v1alpha1",
  kind: "SealedSecret",
  failed: "has(status.conditions) && status.conditions.exists(c, c.type == 'Synced' && c.status == 'False')",
  current: "has(status.conditions) && status.conditions.exists(c, c.type == 'Synced' && c.status == 'True')",
};

/** Flux would apply as cluster-admin; as this account it can touch nothing but what the agent writes. */
function applier(scope: Construct, { namespace, applicationsNamespace, mode }: FluxProps): void {
  const subjects = [{ kind: "ServiceAccount", name: APPLIER, namespace }];
  add(scope, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: APPLIER, namespace } });
  // Applications are cluster-scoped: a Role cannot allow them.
  add(scope, {
    apiVersion: `${RBAC}/v1`,
    kind: "ClusterRole",
    metadata: { name: APPLIER },
    rules: [{ apiGroups: ["applicationconnector.kyma-project.io"], resources: ["applications"], verbs: EVERYTHING }],
  });
  add(scope, {
    apiVersion: `${RBAC}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: APPLIER },
    roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: APPLIER },
    subjects,
  });
  const sealed = { apiGroups: ["bitnami.com"], resources: ["sealedsecrets"], verbs: EVERYTHING };
  const metadata = { name: APPLIER, namespace: applicationsNamespace };
  add(scope, {
    apiVersion: `${RBAC}/v1`,
    kind: "Role",
    metadata,
    rules: [
      { apiGroups: [""], resources: ["configmaps", "secrets"], verbs: EVERYTHING },
      ...(mode === "sealed-secrets" ? [sealed] : []),
    ],
  });
  add(scope, {
    apiVersion: `${RBAC}/v1`,
    kind: "RoleBinding",
    metadata,
    roleRef: { apiGroup: RBAC, kind: "Role", name: APPLIER },
    subjects,
  });
}
