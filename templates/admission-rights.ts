/** What `applications.admission: dry-run` needs beside, and a policy that keeps it at dry runs: rendered to deploy/admission.yaml. */

import { ApiObject, type Chart } from "cdk8s";
import { role } from "./rights.js";

export interface AdmissionRightsSettings {
  /** Of the agent (`state.kubernetes.namespace`). */
  readonly namespace: string;
  /** Of the credential Secrets (`applications.namespace`). */
  readonly applicationsNamespace: string;
  /** Names of Secrets in that namespace that the agent stores itself, under rights of its own. */
  readonly ownSecrets: readonly string[];
  /** The service account that changes are tried as (`applications.admissionAs`); null for the agent's own. */
  readonly admissionAs: { readonly namespace: string; readonly name: string } | null;
  /** The agent stores credential Secrets itself, as with `secrets.mode: cluster`. */
  readonly storesSecrets: boolean;
}

const NAME = "runtime-agent-admission";
const RBAC = "rbac.authorization.k8s.io/v1";
const POLICIES = "admissionregistration.k8s.io/v1";

// The API server wants for a dry run what it wants for the real thing.
const TRY = ["create", "patch"];

/**
 * Adds rights to create and patch Applications and Secrets, and a ValidatingAdmissionPolicy that refuses the agent's
 * account every one of these requests that is no dry run, since RBAC cannot tell them apart. Of Applications alone where
 * the agent stores such Secrets anyway; where another account tries, only the right to act as exactly that one.
 */
export function admissionRights(chart: Chart, settings: AdmissionRightsSettings): void {
  const { namespace, applicationsNamespace, admissionAs, storesSecrets } = settings;
  if (admissionAs !== null) {
    const rules = [
      { apiGroups: [""], resources: ["serviceaccounts"], resourceNames: [admissionAs.name], verbs: ["impersonate"] },
    ];
    role(chart, admissionAs.namespace, namespace, rules, NAME);
    return;
  }
  const account = { kind: "ServiceAccount", name: "runtime-agent", namespace };
  const roles = [
    {
      kind: "ClusterRole",
      metadata: { name: NAME },
      rules: [{ apiGroups: ["applicationconnector.kyma-project.io"], resources: ["applications"], verbs: TRY }],
    },
    {
      kind: "Role",
      metadata: { name: NAME, namespace: applicationsNamespace },
      rules: [{ apiGroups: [""], resources: ["secrets"], verbs: TRY }],
    },
  ];
  for (const { kind, metadata, rules } of roles) {
    add(chart, kind, { apiVersion: RBAC, kind, metadata, rules });
    add(chart, `${kind}Binding`, {
      apiVersion: RBAC,
      kind: `${kind}Binding`,
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name: NAME },
      subjects: [account],
    });
  }
  const own = settings.ownSecrets.map((name) => `'${name}'`).join(", ");
  add(chart, "policy", {
    apiVersion: POLICIES,
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: NAME },
    spec: {
      failurePolicy: "Fail",
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: ["applicationconnector.kyma-project.io"],
            apiVersions: ["*"],
            resources: ["applications"],
            operations: ["CREATE", "UPDATE"],
          },
          ...(storesSecrets
            ? []
            : [{ apiGroups: [""], apiVersions: ["v1"], resources: ["secrets"], operations: ["CREATE", "UPDATE"] }]),
        ],
      },
      matchConditions: [
        {
          name: "by-the-agent",
          expression: `request.userInfo.username == 'system:serviceaccount:${namespace}:runtime-agent'`,
        },
        // By namespace: where the roles above do not reach, the agent's other rights say enough.
        {
          name: "by-these-rights",
          expression: `request.resource.resource == 'applications' || (request.namespace == '${applicationsNamespace}' && !(request.name in [${own}]))`,
        },
      ],
      validations: [
        {
          expression: "has(request.dryRun) && request.dryRun",
          message: "the Runtime Agent only tries Applications and their Secrets: what is in Git is applied by others",
          reason: "Forbidden",
        },
      ],
    },
  });
  add(chart, "policy-binding", {
    apiVersion: POLICIES,
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: { name: NAME },
    spec: { policyName: NAME, validationActions: ["Deny"] },
  });
}

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: object;
  readonly [field: string]: unknown;
}

const add = (chart: Chart, id: string, manifest: Manifest) => new ApiObject(chart, id, manifest);
