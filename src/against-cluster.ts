/** `plan --base cluster`: what a sync to an empty repository would write, beside what is in the cluster. Writes nothing. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isForbidden, openCluster } from "./adapters/kubernetes/index.js";
import { parseYaml } from "./adapters/yaml/index.js";
import { inOtherWords } from "./common/failure.js";
import { type CycleOptions, runCycle } from "./cycle.js";
import { compareWithCluster } from "./plan/index.js";
import type { KubernetesObject } from "./render/index.js";
import type { OutcomeFailure, PlanAgainstCluster } from "./report/index.js";

/** What every credential Secret is labelled with, by the Go agent and by this one (contract 4.4). */
const LABELS = ["app", "bundleId"];

export type ClusterPlan =
  | { readonly plan: PlanAgainstCluster; readonly failure: null }
  | { readonly plan: null; readonly failure: OutcomeFailure };

/** A failure of the cycle is told as its outcome tells it; throws a `ClusterFailure` when the cluster cannot be read. */
export async function planAgainstCluster(options: Omit<CycleOptions, "planOnly" | "baseFolder">): Promise<ClusterPlan> {
  const { config, env, clock, signal } = options;
  const empty = await mkdtemp(join(tmpdir(), "runtime-agent-plan-"));
  try {
    const { outcome, changes } = await runCycle({
      ...options,
      // Values are compared, so they are not sealed; they stay in this process. Nothing that people or Git say of
      // single Applications counts: all that Compass lists is compared.
      config: {
        ...config,
        git: null,
        secrets: { ...config.secrets, mode: "plain" },
        applications: { ...config.applications, admission: "off" },
      },
      planOnly: true,
      baseFolder: empty,
    });
    if (outcome.failure !== null) return { plan: null, failure: outcome.failure };
    const wanted = changes.flatMap(({ path, after }) => (after === null ? [] : objectsOf(path, after)));
    const cluster = openCluster({ env, stage: "report", clock, signal });
    const { setAside } = outcome.applications;
    const objects = compareWithCluster({
      wanted,
      applications: await cluster.applications().catch(worded),
      secrets: await cluster.labelledSecrets(config.applications.namespace, LABELS).catch(worded),
      setAside: new Map(setAside.map(({ name, reason }) => [name, reason])),
    });
    const plan = { kind: "PlanAgainstCluster", version: 1, runtime: outcome.runtime, objects, setAside } as const;
    return { plan: { ...plan, notes: notesOn(wanted) }, failure: null };
  } finally {
    await rm(empty, { recursive: true, force: true });
  }
}

/** The agent's account is not meant to read other people's Secrets. */
function worded(thrown: unknown): never {
  if (!isForbidden(thrown)) throw thrown;
  const hint = "Run it as somebody who may list Applications and Secrets, with KUBECONFIG.";
  throw inOtherWords(thrown, thrown.message, hint);
}

const COMPARED = new Set(["Application", "Secret"]);

function objectsOf(path: string, text: string): KubernetesObject[] {
  if (!path.startsWith("applications/")) return [];
  return [parseYaml(text, { file: path, stage: "render", code: "Internal" }) as KubernetesObject];
}

function notesOn(wanted: readonly KubernetesObject[]): string[] {
  const others = wanted.filter(({ kind }) => !COMPARED.has(kind)).length;
  const unknown = wanted.some(
    ({ kind, data }) => kind === "Secret" && Object.values((data ?? {}) as Record<string, string>).includes(""),
  );
  return [
    ...(others === 0 ? [] : [`${others} objects of other kinds, which the templates add, were not compared`]),
    ...(unknown ? ["the recording holds no secret values: those of the cluster count as unchanged"] : []),
  ];
}
