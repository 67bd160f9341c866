/** What the agent may do beside, each for a setting that needs it: rendered to deploy/rbac-*.yaml. */

import type { Chart } from "cdk8s";
import { role } from "./rights.js";

export interface OptionalRightsSettings {
  /** Of the agent's account. */
  readonly namespace: string;
  /** Of the credential Secrets (`applications.namespace`). */
  readonly applicationsNamespace: string;
  /** Of the objects of Flux, and their names: `gitops`, and what the Kustomization reads. */
  readonly flux: { readonly namespace: string; readonly kustomization: string; readonly repository: string };
  /** Of the Argo CD Application. */
  readonly argocd: { readonly namespace: string; readonly application: string };
}

type Rights = (chart: Chart, settings: OptionalRightsSettings) => void;

const LOOK_AND_ASK = ["get", "patch"];

/** For `gitops.kind: flux`: what Flux says, and the wish that it looks now. */
const flux: Rights = (chart, { namespace, flux: { namespace: where, kustomization, repository } }) =>
  role(
    chart,
    where,
    namespace,
    [
      {
        apiGroups: ["kustomize.toolkit.fluxcd.io"],
        resources: ["kustomizations"],
        resourceNames: [kustomization],
        verbs: LOOK_AND_ASK,
      },
      {
        apiGroups: ["source.toolkit.fluxcd.io"],
        resources: ["gitrepositories"],
        resourceNames: [repository],
        verbs: LOOK_AND_ASK,
      },
    ],
    "runtime-agent-flux",
  );

/** For `gitops.kind: argocd`: the same of Argo CD. */
const argocd: Rights = (chart, { namespace, argocd: { namespace: where, application } }) => {
  const applications = { apiGroups: ["argoproj.io"], resources: ["applications"], resourceNames: [application] };
  role(chart, where, namespace, [{ ...applications, verbs: LOOK_AND_ASK }], "runtime-agent-argocd");
};

/** For `applications.canary`: this one Secret, and no user's. */
const canary: Rights = (chart, { namespace, applicationsNamespace }) => {
  const secret = { apiGroups: [""], resources: ["secrets"], resourceNames: ["runtime-agent-canary"], verbs: ["get"] };
  role(chart, applicationsNamespace, namespace, [secret], "runtime-agent-canary");
};

/** For `secrets.mode: sealed-secrets`: which of them were unsealed. */
const sealedSecrets: Rights = (chart, { namespace, applicationsNamespace }) => {
  const sealed = { apiGroups: ["bitnami.com"], resources: ["sealedsecrets"], verbs: ["list"] };
  role(chart, applicationsNamespace, namespace, [sealed], "runtime-agent-sealed-secrets");
};

/** By the word in the name of its file. */
export const optionalRights: Readonly<Record<"flux" | "argocd" | "canary" | "sealed-secrets", Rights>> = {
  flux,
  argocd,
  canary,
  "sealed-secrets": sealedSecrets,
};
