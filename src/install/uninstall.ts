/** What an installation leaves in the cluster, in the order in which it is deleted. Pure but for what installFiles reads. */

import { CANARY_NAME, REVISION_NAME } from "../render/index.js";
import type { InstallManifest } from "./chart-file.js";
import { installFiles } from "./manifests.js";
import { optionalFiles } from "./optional-files.js";
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
  "SealedSecret",
  "ConfigMap",
  "RoleBinding",
  "ClusterRoleBinding",
  "Role",
  "ClusterRole",
  // After the rights that it limits.
  "ValidatingAdmissionPolicyBinding",
  "ValidatingAdmissionPolicy",
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
 * `left` are Secrets that the agent brought to the cluster and that are there still.
 */
export async function uninstallManifests(
  settings: InstallSettings,
  purge: boolean,
  left: readonly { readonly namespace: string; readonly name: string }[] = [],
): Promise<InstallManifest[]> {
  const ways = ["cronjob", "deployment"] as const;
  // Which of the settings were others then is not known here: what is not there is passed over.
  const any = { ...settings, takeOver: false, mode: settings.gitops === "argocd" ? settings.mode : "sops" } as const;
  const files = [
    ...(await Promise.all(ways.map((as) => installFiles({ ...any, as })))).flat(),
    ...optionalFiles({ ...any, mode: "sops" }, { all: true }),
    ...optionalFiles({ ...any, mode: "sops", admission: null }, { all: true }),
  ];
  const kinds = purge ? [...ORDER, ...KEPT] : ORDER;
  const named = [...files.flatMap(({ manifests }) => manifests), CONNECTION].map(nameOf);
  const written = [...named.filter(({ kind }) => kinds.includes(kind)), ...fromGit(settings), ...left.map(asSecret)];
  const unique = new Map(written.map((manifest) => [JSON.stringify(manifest), manifest]));
  const rank = ({ kind }: InstallManifest) => [...ORDER, ...KEPT].indexOf(kind);
  return [...unique.values()].sort((one, other) => rank(one) - rank(other));
}

const asSecret = (metadata: InstallManifest["metadata"]): InstallManifest => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata,
});

const nameOf = ({ apiVersion, kind, metadata: { name, namespace } }: InstallManifest): InstallManifest => ({
  apiVersion,
  kind,
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
});

/** What was applied off Git and is the agent's own: no Application has it, so that nobody misses it. */
function fromGit({ applicationsNamespace: namespace, canary, mode }: InstallSettings): InstallManifest[] {
  return [
    // First, since its controller would make the Secret again. Where there is no such kind kubectl would fail.
    ...(mode === "sealed-secrets" && canary
      ? [{ apiVersion: "bitnami.com/v1alpha1", kind: "SealedSecret", metadata: { name: CANARY_NAME, namespace } }]
      : []),
    { apiVersion: "v1", kind: "Secret", metadata: { name: CANARY_NAME, namespace } },
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: REVISION_NAME, namespace } },
  ];
}

/**
 * Before the cluster's turn: whoever applies what is there would make canary and revision again, and a folder that is gone
 * takes nothing with it.
 */
export const takeOutOfGit = (path: string | null): string =>
  `take what is left out of Git by hand, the kustomization of nothing: git rm -r ${path || "PATH"}`;

export interface RemovalStepsOptions {
  readonly purge: boolean;
  /** This one, as it was called. */
  readonly command: string;
  /** Git holds not even the files over all Applications. @default false */
  readonly isGone?: boolean;
}

/** What people do with these manifests. */
export function removalSteps(
  { gitops, gitPath }: InstallSettings,
  { purge, command, isGone = false }: RemovalStepsOptions,
): string[] {
  return [
    ...(purge
      ? [
          "this deletes the definitions, too, and with them every Application in the cluster, whoever wrote it: where the Kyma module is, take them out",
          "this deletes the Secret kyma-gateway-certs-cacert, too, which Istio's gateway reads: where events still come in, take it out",
          ...(isGone ? [] : [takeOutOfGit(gitPath)]),
        ]
      : ["the Secrets, the CompassConnection, the definitions and all Applications stay: install goes on from them"]),
    `delete: ${command} | kubectl delete --ignore-not-found -f -`,
    ...(gitops === "none"
      ? [
          `objects of Flux or Argo CD${purge ? ", and Secrets beside them such as that of the age key," : ""} are named only with --gitops flux or --gitops argocd, for wiring that install wrote`,
        ]
      : []),
  ];
}
