/** Argo CD, wired to what the agent commits: the project that allows its kinds, and the Application that syncs it. */

import type { Construct } from "constructs";
import { add } from "./manifest.js";
import { emptySecret } from "./settings.js";

/** Where Argo CD stands, and what is made for it, unless `gitops.namespace` says otherwise. */
export const ARGOCD_NAMESPACE = "argocd";

/** Argo CD's own credentials for the repository: it reads, the agent writes. */
export const ARGOCD_GIT_SECRET = "runtime-agent-git";

export interface ArgoCDProps {
  /** Of the objects of Argo CD (`gitops.namespace`). */
  readonly namespace: string;
  /** Of the Application and its project (`gitops.name`). */
  readonly name: string;
  readonly url: string;
  readonly branch: string;
  /** Within the repository, without a slash at either end; "" for its root. */
  readonly path: string;
  /** Whether the repository asks who reads it. */
  readonly hasCredentials: boolean;
  /** Of the Secrets and ConfigMaps among the files (`applications.namespace`). */
  readonly applicationsNamespace: string;
  /** Not sops: Argo CD does not decrypt, and applies `ENC[…]` as it stands (observed with 3.5.1). */
  readonly mode: "sealed-secrets" | "cluster" | "plain";
}

const CLUSTER = "https://kubernetes.default.svc";

export function argoCD(scope: Construct, props: ArgoCDProps): void {
  const { namespace, name, url, branch, path, hasCredentials, applicationsNamespace, mode } = props;
  const metadata = { name, namespace };
  if (hasCredentials) {
    emptySecret(scope, {
      name: ARGOCD_GIT_SECRET,
      namespace,
      labels: { "argocd.argoproj.io/secret-type": "repository" },
      stringData: { type: "git", url },
    });
  }
  add(scope, {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "AppProject",
    metadata,
    spec: {
      description: "What the Kyma Runtime Agent writes, and nothing else.",
      sourceRepos: [url],
      destinations: [{ server: CLUSTER, namespace: applicationsNamespace }],
      // Without this a project refuses every cluster-scoped kind (observed), and Applications are.
      clusterResourceWhitelist: [{ group: "applicationconnector.kyma-project.io", kind: "Application" }],
      namespaceResourceWhitelist: [
        { group: "", kind: "ConfigMap" },
        { group: "", kind: "Secret" },
        ...(mode === "sealed-secrets" ? [{ group: "bitnami.com", kind: "SealedSecret" }] : []),
      ],
    },
  });
  // Without the finalizer that deletes what it applied: who deletes this object wants to be rid of the wiring alone.
  add(scope, {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata,
    spec: {
      project: name,
      source: { repoURL: url, targetRevision: branch, path: path === "" ? "." : path },
      destination: { server: CLUSTER, namespace: applicationsNamespace },
      syncPolicy: {
        automated: { prune: true, selfHeal: true, allowEmpty: false },
        // The default way keeps a copy in an annotation, and ends at 262,144 bytes of it.
        syncOptions: ["ServerSideApply=true"],
        retry: { limit: 5, backoff: { duration: "5s", factor: 2, maxDuration: "3m" } },
      },
    },
  });
}
