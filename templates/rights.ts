/** What the agent may do in a cluster, and the empty objects that spare it more: rendered to deploy/rbac.yaml. */

import { ApiObject, type Chart } from "cdk8s";
import type { Construct } from "constructs";

export interface RightsSettings {
  /** Of the agent and its state (`state.kubernetes.namespace`). */
  readonly namespace: string;
  /** Of what is applied (`applications.namespace`). */
  readonly applicationsNamespace: string;
  /** Of Istio's authority (`certificate.caSecret`). */
  readonly istioNamespace: string;
}

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

const NAME = "runtime-agent";
const CONNECTIONS = { apiGroups: ["compass.kyma-project.io"], resources: ["compassconnections"] };

/** Where Kubernetes keeps Events about what is in no namespace, such as the CompassConnection. */
const EVENTS_NAMESPACE = "default";

const CERTIFICATE = "cluster-client-certificates";
const STATE = "runtime-agent-state";
const CONFIGURATION = "runtime-agent-configuration";
const AUTHORITY = "kyma-gateway-certs-cacert";
const REVISION = "runtime-agent-revision";

const secrets = (names: readonly string[], verbs: readonly string[]): Rule => ({
  apiGroups: [""],
  resources: ["secrets"],
  resourceNames: names,
  verbs,
});

/** Adds a ServiceAccount, Roles for exactly the objects that the agent works with, and those that it must not create. */
export function rights(chart: Chart, { namespace, applicationsNamespace, istioNamespace }: RightsSettings): void {
  add(chart, "account", { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: NAME, namespace } });
  // Nothing in them: applied over those that are in use they take nothing away.
  for (const name of [CERTIFICATE, STATE, CONFIGURATION]) emptySecret(chart, name, namespace);
  emptySecret(chart, AUTHORITY, istioNamespace);
  add(chart, "lease", { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name: NAME, namespace } });

  const within: readonly (readonly [string, readonly Rule[]])[] = [
    [
      namespace,
      [
        secrets([CERTIFICATE, STATE, CONFIGURATION], ["get", "update"]),
        // What the Go agent is configured by, to take it over.
        secrets(["compass-agent-configuration"], ["get"]),
        { apiGroups: ["coordination.k8s.io"], resources: ["leases"], resourceNames: [NAME], verbs: ["get", "update"] },
        // Whether the Go agent runs.
        { apiGroups: ["apps"], resources: ["deployments"], resourceNames: ["compass-runtime-agent"], verbs: ["get"] },
      ],
    ],
    // What was applied.
    [
      applicationsNamespace,
      [{ apiGroups: [""], resources: ["configmaps"], resourceNames: [REVISION], verbs: ["get"] }],
    ],
    [istioNamespace, [secrets([AUTHORITY], ["get", "update"])]],
    // Their names say what they tell: they cannot be listed here.
    [EVENTS_NAMESPACE, [{ apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] }]],
  ];
  // One Role for each namespace, also where two of these are the same.
  for (const [where, grouped] of Map.groupBy(within, ([each]) => each)) {
    const rules = grouped.flatMap(([, each]) => each);
    role(chart, where, namespace, rules);
  }
  role(chart, null, namespace, [
    { ...CONNECTIONS, resourceNames: ["compass-connection"], verbs: ["get", "update"] },
    // The API server does not know the name yet when it decides this.
    { ...CONNECTIONS, verbs: ["create"] },
    // Which of them carry the digest of what is in Git, by their metadata alone; and what the Go agent owns, for `doctor`.
    { apiGroups: ["applicationconnector.kyma-project.io"], resources: ["applications"], verbs: ["list"] },
  ]);
}

/**
 * What mode `cluster` needs beyond that: to write the credential Secrets of one namespace, to find its own there by their
 * label and to delete them. Their names are not known before, so it is for all Secrets there; and the answer to a patch shows the Secret: who wants the agent to see no
 * others gives it a namespace without others (`applications.namespace`).
 */
export function clusterSecretsRights(
  chart: Chart,
  { namespace, secretsNamespace }: Pick<RightsSettings, "namespace"> & { readonly secretsNamespace: string },
): void {
  const rules = [{ apiGroups: [""], resources: ["secrets"], verbs: ["create", "patch", "delete", "list"] }];
  role(chart, secretsNamespace, namespace, rules, `${NAME}-secrets`);
}

/** A Role of a namespace, or a ClusterRole, with its binding. */
export function role(
  scope: Construct,
  where: string | null,
  accountNamespace: string,
  rules: readonly Rule[],
  name = NAME,
): void {
  const kind = where === null ? "ClusterRole" : "Role";
  const apiVersion = "rbac.authorization.k8s.io/v1";
  const metadata = { name, ...(where === null ? {} : { namespace: where }) };
  const id = where ?? "cluster";
  add(scope, `role-${id}`, { apiVersion, kind, metadata, rules });
  add(scope, `binding-${id}`, {
    apiVersion,
    kind: `${kind}Binding`,
    metadata,
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name },
    subjects: [{ kind: "ServiceAccount", name: NAME, namespace: accountNamespace }],
  });
}

const emptySecret = (scope: Construct, name: string, namespace: string) =>
  add(scope, `secret-${name}`, { apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, type: "Opaque" });

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: object;
  readonly [field: string]: unknown;
}

const add = (scope: Construct, id: string, manifest: Manifest) => new ApiObject(scope, id, manifest);
