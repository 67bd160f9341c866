/** What an installation leaves in the cluster, in the order in which it is deleted. Pure but for what installFiles reads. */

import { type InstallManifest, installFiles } from "./manifests.js";
import type { InstallSettings } from "./settings.js";

/** The agent first, so that it writes nothing meanwhile; then the wiring; last what holds something. */
const ORDER = [
  "CronJob",
  "Deployment",
  "Kustomization",
  "GitRepository",
  "Application",
  "AppProject",
  "NetworkPolicy",
  "ConfigMap",
  "RoleBinding",
  "ClusterRoleBinding",
  "Role",
  "ClusterRole",
  "ServiceAccount",
  "Lease",
];

/** What cannot be made again without a new token, or at all; the definitions last, since what is of them goes with them. */
const KEPT = ["Secret", "CompassConnection", "CustomResourceDefinition"];

const CONNECTION: InstallManifest = {
  apiVersion: "compass.kyma-project.io/v1alpha1",
  kind: "CompassConnection",
  metadata: { name: "compass-connection" },
};

/**
 * Names alone, for `kubectl delete -f -`, whichever way the agent runs. Without `purge` the Secrets, the connection and
 * the definitions stay, so that a new installation goes on where this one was. Namespaces always stay: others live there.
 */
export async function uninstallManifests(settings: InstallSettings, purge: boolean): Promise<InstallManifest[]> {
  const ways = ["cronjob", "deployment"] as const;
  const files = await Promise.all(ways.map((as) => installFiles({ ...settings, as, takeOver: false })));
  const kinds = purge ? [...ORDER, ...KEPT] : ORDER;
  const named = [...files.flat().flatMap(({ manifests }) => manifests), CONNECTION].map(
    ({ apiVersion, kind, metadata: { name, namespace } }): InstallManifest => ({
      apiVersion,
      kind,
      metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    }),
  );
  const unique = new Map(named.map((manifest) => [JSON.stringify(manifest), manifest]));
  return [...unique.values()]
    .filter(({ kind }) => kinds.includes(kind))
    .sort((one, other) => kinds.indexOf(one.kind) - kinds.indexOf(other.kind));
}

/** What people do with these manifests. */
export function removalSteps({ gitops, repository }: InstallSettings, purge: boolean): string[] {
  const path = repository?.path ?? "";
  return [
    ...(purge
      ? [
          "this deletes the definitions, too, and with them every Application in the cluster, whoever wrote it: where the Kyma module is, take them out",
          "this deletes the Secret kyma-gateway-certs-cacert, too, which Istio's gateway reads: where events still come in, take it out",
        ]
      : ["the Secrets, the CompassConnection, the definitions and all Applications stay: install goes on from them"]),
    `delete: runtime-agent uninstall …${purge ? " --purge" : ""} | kubectl delete --ignore-not-found -f -`,
    ...(gitops === "none" && !purge
      ? ["objects of Flux or Argo CD are named only with --gitops flux or --gitops argocd"]
      : []),
    ...(purge
      ? [`take what is left out of Git by hand, the kustomization of nothing: git rm -r ${path || "PATH"}`]
      : []),
  ];
}
