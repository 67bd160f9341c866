/** Files that only some settings need: what the agent may do beyond rbac.yaml. Their names stand here and nowhere else. */

import type { Chart } from "cdk8s";
import * as charts from "../../templates/install/index.js";
import { file, type ManifestFile } from "./chart-file.js";
import type { InstallSettings } from "./settings.js";

interface OptionalFile {
  readonly name: string;
  readonly about: string;
  readonly isNeeded: (settings: InstallSettings) => boolean;
  readonly draw: (chart: Chart, settings: InstallSettings) => void;
}

/** Where the tool's objects are; where they usually are, when the settings name none of it. */
function placeOf({ applies }: InstallSettings, kind: "flux" | "argocd"): { namespace: string; name: string } {
  if (applies?.kind === kind) return applies;
  return { namespace: kind === "flux" ? charts.FLUX_NAMESPACE : charts.ARGOCD_NAMESPACE, name: charts.AGENT };
}

const looking =
  (word: keyof typeof charts.optionalRights): OptionalFile["draw"] =>
  (chart, settings) => {
    const { namespace, applicationsNamespace } = settings;
    const [flux, argocd] = [placeOf(settings, "flux"), placeOf(settings, "argocd")];
    charts.optionalRights[word](chart, {
      namespace,
      applicationsNamespace,
      flux: { namespace: flux.namespace, kustomization: flux.name, repository: flux.name },
      argocd: { namespace: argocd.namespace, application: argocd.name },
    });
  };

const ALL: readonly OptionalFile[] = [
  {
    name: "rbac-cluster-secrets.yaml",
    about:
      "What the agent may do beyond rbac.yaml with secrets.mode: cluster: write, list and delete the credential Secrets.",
    isNeeded: ({ mode }) => mode === "cluster",
    draw: (chart, { namespace, applicationsNamespace }) =>
      charts.clusterSecretsRights(chart, { namespace, secretsNamespace: applicationsNamespace }),
  },
  {
    name: "rbac-flux.yaml",
    about: "For gitops.kind: flux. The names are those of the Kustomization and of the GitRepository that it reads.",
    isNeeded: ({ applies }) => applies?.kind === "flux",
    draw: looking("flux"),
  },
  {
    name: "rbac-argocd.yaml",
    about: "For gitops.kind: argocd. The name is that of the Argo CD Application.",
    isNeeded: ({ applies }) => applies?.kind === "argocd",
    draw: looking("argocd"),
  },
  {
    name: "rbac-canary.yaml",
    about: "For applications.canary: true.",
    isNeeded: ({ canary }) => canary,
    draw: looking("canary"),
  },
  {
    name: "rbac-sealed-secrets.yaml",
    about: "For secrets.mode: sealed-secrets.",
    isNeeded: ({ mode }) => mode === "sealed-secrets",
    draw: looking("sealed-secrets"),
  },
  {
    name: "admission.yaml",
    about:
      "For applications.admission: dry-run alone: the right to try Applications and Secrets, and a policy that keeps it at that.",
    isNeeded: ({ admission }) => admission !== null,
    draw: (chart, { admission, ...settings }) =>
      charts.admissionRights(chart, {
        namespace: settings.namespace,
        applicationsNamespace: settings.applicationsNamespace,
        ownSecrets: settings.ownSecrets,
        admissionAs: admission?.as ?? null,
        storesSecrets: settings.mode === "cluster",
      }),
  },
];

export const OPTIONAL_FILE_NAMES: readonly string[] = ALL.map(({ name }) => name);

/** Those that the settings need, in the order in which they are applied; `all` of them for who must know each. */
export function optionalFiles(settings: InstallSettings, { all = false } = {}): ManifestFile[] {
  return ALL.filter(({ isNeeded }) => all || isNeeded(settings)).map(({ name, about, draw }) =>
    file(name, about, (chart) => draw(chart, settings)),
  );
}
