/** From settings to manifests: which charts a cluster gets, by file and in the order in which they are applied. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { App, Chart } from "cdk8s";
import * as charts from "../../templates/install/index.js";
import { parseYaml } from "../adapters/yaml/index.js";
import { packageRoot } from "../common/package-root.js";
import { sha256 } from "../common/sha256.js";
import type { InstallSettings } from "./settings.js";

export interface InstallManifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  /** Of a ConfigMap. */
  readonly data?: Readonly<Record<string, string>>;
}

export interface ManifestFile {
  readonly name: string;
  /** What is in it, for a line at its top. */
  readonly about: string;
  readonly manifests: readonly InstallManifest[];
}

/** All files of an installation. Reads the definitions that are shipped; everything else is a function of the settings. */
export async function installFiles(settings: InstallSettings): Promise<ManifestFile[]> {
  const { takeOver, as, gitops } = settings;
  // The module of the Go agent brings both, and goes on to keep the definitions as it wants them.
  const basis: ManifestFile[] = takeOver
    ? []
    : [
        file("namespaces.yaml", "Namespaces that a cluster without Kyma or Istio lacks.", namespacesOf(settings)),
        { name: "crds.yaml", about: "The two kinds that the agent works with.", manifests: await definitions() },
      ];
  const wiring = gitops === "flux" ? "Flux" : "Argo CD";
  return [
    ...basis,
    file(
      "rbac.yaml",
      "What the agent may do in a cluster, and the empty objects that spare it the right to create them.",
      (chart) => charts.rights(chart, settings),
    ),
    ...furtherRights(settings),
    ...(settings.admission
      ? [
          file(
            "admission.yaml",
            "For applications.admission: dry-run alone: the right to try Applications and Secrets, and a policy that keeps it at that.",
            (chart) => charts.admissionRights(chart, settings),
          ),
        ]
      : []),
    file("network.yaml", "Who may reach the agent, and whom it may reach.", networkOf(settings)),
    file("configuration.yaml", "The agent's configuration, without any secret.", configurationOf(settings)),
    file("secrets.yaml", "Secrets that people fill: nothing of them is kept here.", secretsOf(settings)),
    as === "cronjob"
      ? file("cronjob.yaml", "The agent as a CronJob: one cycle each time.", workload(settings))
      : file("deployment.yaml", "The agent as a Deployment: cycles on its own schedule.", workload(settings)),
    ...(gitops === "none"
      ? []
      : [file(`${gitops}.yaml`, `${wiring}, wired to what the agent commits.`, wiringOf(settings))]),
  ];
}

/** What the agent may do beside: to see what was applied, and to write what stands in no file. */
function furtherRights(settings: InstallSettings): ManifestFile[] {
  const { gitops, canary, mode, namespace, applicationsNamespace } = settings;
  const words = [
    ...(gitops === "none" ? [] : [gitops]),
    ...(canary ? (["canary"] as const) : []),
    ...(mode === "sealed-secrets" ? (["sealed-secrets"] as const) : []),
  ];
  const names = {
    namespace,
    applicationsNamespace,
    flux: { namespace: charts.FLUX_NAMESPACE, kustomization: charts.AGENT, repository: charts.AGENT },
    argocd: { namespace: charts.ARGOCD_NAMESPACE, application: charts.AGENT },
  };
  const writing =
    mode === "cluster"
      ? [
          file(
            "rbac-cluster-secrets.yaml",
            "What the agent may do beyond rbac.yaml with secrets.mode: cluster: write and delete the credential Secrets.",
            (chart) => charts.clusterSecretsRights(chart, { namespace, secretsNamespace: applicationsNamespace }),
          ),
        ]
      : [];
  const looking = words.map((word) =>
    file(`rbac-${word}.yaml`, OBSERVING[word], (chart) => charts.optionalRights[word](chart, names)),
  );
  return [...writing, ...looking];
}

const OBSERVING = {
  flux: "For gitops.kind: flux. The names are those of the Kustomization and of the GitRepository that it reads.",
  argocd: "For gitops.kind: argocd. The name is that of the Argo CD Application.",
  canary: "For applications.canary: true.",
  "sealed-secrets": "For secrets.mode: sealed-secrets.",
} as const;

type Draw = (chart: Chart) => void;

function file(name: string, about: string, draw: Draw): ManifestFile {
  const chart = new Chart(new App(), "install");
  draw(chart);
  return { name, about, manifests: chart.toJson() as InstallManifest[] };
}

const namespacesOf =
  ({ namespace, istioNamespace, applicationsNamespace }: InstallSettings): Draw =>
  (chart) => {
    for (const name of new Set([namespace, istioNamespace, applicationsNamespace])) charts.namespace(chart, name);
  };

const networkOf =
  ({ as, namespace, ports, egressPorts }: InstallSettings): Draw =>
  (chart) => {
    const open = as === "deployment" ? [ports.health, ports.metrics].filter((port) => port !== null) : [];
    charts.networkPolicy(chart, { namespace, egressPorts, ingressPorts: [...new Set(open)] });
  };

const configurationOf =
  ({ namespace, agentFile }: InstallSettings): Draw =>
  (chart) =>
    charts.configuration(chart, { namespace, text: agentFile.text });

const secretsOf =
  ({ namespace }: InstallSettings): Draw =>
  (chart) =>
    charts.emptySecret(chart, { name: charts.CREDENTIALS_SECRET, namespace });

const workload =
  ({ as, namespace, image, schedule, ports, agentFile }: InstallSettings): Draw =>
  (chart) => {
    if (as === "cronjob") {
      charts.cronJob(chart, { namespace, image, schedule: schedule.cron });
      return;
    }
    charts.deployment(chart, {
      namespace,
      image,
      configurationDigest: sha256(agentFile.text).slice(0, 16),
      ...(ports.health === null ? {} : { healthPort: ports.health }),
      ...(ports.metrics === null ? {} : { metricsPort: ports.metrics }),
    });
  };

const wiringOf =
  ({ gitops, repository, applicationsNamespace, mode }: InstallSettings): Draw =>
  (chart) => {
    if (repository === null) return;
    if (gitops === "flux") charts.flux(chart, { ...repository, applicationsNamespace, mode });
    // The settings refuse SOPS there.
    else if (mode !== "sops") charts.argoCD(chart, { ...repository, applicationsNamespace, mode });
  };

/** As they lie in crds/, read anew. */
async function definitions(): Promise<InstallManifest[]> {
  const folder = join(packageRoot(), "crds");
  const names = (await readdir(folder)).filter((name) => name.endsWith(".yaml")).sort();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(folder, name), "utf8");
      return parseYaml(text, { file: `crds/${name}`, stage: "render", code: "Internal" }) as InstallManifest;
    }),
  );
}
