/** From settings to manifests: which charts a cluster gets, by file and in the order in which they are applied. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as charts from "../../templates/install/index.js";
import { parseYaml } from "../adapters/yaml/index.js";
import { packageRoot } from "../common/package-root.js";
import { sha256 } from "../common/sha256.js";
import { type Draw, file, type InstallManifest, type ManifestFile } from "./chart-file.js";
import { OPTIONAL_FILE_NAMES, optionalFiles } from "./optional-files.js";
import type { InstallSettings } from "./settings.js";

/** Every file that an installation may have beside those that each has. */
export const VARYING_FILE_NAMES: readonly string[] = [
  "namespaces.yaml",
  "crds.yaml",
  "cronjob.yaml",
  "deployment.yaml",
  "flux.yaml",
  "argocd.yaml",
  ...OPTIONAL_FILE_NAMES,
];

/** All files of an installation. Reads the definitions that are shipped; everything else is a function of the settings. */
export async function installFiles(settings: InstallSettings): Promise<ManifestFile[]> {
  const { takeOver, as, gitops } = settings;
  const namespaces = namespacesOf(settings);
  // The module of the Go agent brings the definitions, and goes on to keep them as it wants them.
  const basis: ManifestFile[] = [
    ...(namespaces.length === 0
      ? []
      : [
          file("namespaces.yaml", "Namespaces that a cluster without Kyma or Istio lacks.", (chart) => {
            for (const name of namespaces) charts.namespace(chart, name);
          }),
        ]),
    ...(takeOver
      ? []
      : [{ name: "crds.yaml", about: "The two kinds that the agent works with.", manifests: await definitions() }]),
  ];
  const wiring = gitops === "flux" ? "Flux" : "Argo CD";
  return [
    ...basis,
    file(
      "rbac.yaml",
      "What the agent may do in a cluster, and the empty objects that spare it the right to create them.",
      (chart) => charts.rights(chart, settings),
    ),
    ...optionalFiles(settings),
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

/** Where the Go agent has been its own namespace and Istio's are there: not one that it never knew. */
function namespacesOf({ namespace, istioNamespace, applicationsNamespace, takeOver }: InstallSettings): string[] {
  const there = takeOver ? [namespace, istioNamespace] : [];
  return [...new Set([namespace, istioNamespace, applicationsNamespace])].filter((name) => !there.includes(name));
}

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
  ({ repository, applies, applicationsNamespace, mode }: InstallSettings): Draw =>
  (chart) => {
    if (repository === null || applies === null) return;
    const { hasCredentials, authorities, ...read } = repository;
    const { kind, ...place } = applies;
    const props = { ...read, ...place, applicationsNamespace };
    // Flux takes both from one Secret; Argo CD has authorities in a ConfigMap of its own.
    if (kind === "flux") charts.flux(chart, { ...props, mode, hasCredentials: hasCredentials || authorities !== null });
    // The settings refuse SOPS there.
    else if (mode !== "sops") charts.argoCD(chart, { ...props, mode, hasCredentials });
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
