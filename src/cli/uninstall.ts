/** `uninstall`: what is to be deleted in the cluster; with `--purge` first everything in Git, by an approved commit. */

import { Command, Option } from "commander";
import { packageVersion } from "../common/package-root.js";
import type { Config, LoadedConfig } from "../config/index.js";
import { runCycle } from "../cycle.js";
import {
  type InstallManifest,
  type InstallOptions,
  installSettings,
  removalSteps,
  streamText,
  uninstallManifests,
} from "../install/index.js";
import { count, EXIT, exitCodeOfFailure, failureText, type Outcome } from "../report/index.js";
import type { Context } from "./context.js";
import { exampleImage } from "./install.js";
import type { Register } from "./run.js";

interface UninstallFlags extends Pick<InstallOptions, "gitops"> {
  readonly purge?: boolean;
  readonly namespace?: string;
}

export function uninstallCommand(register: Register): void {
  const command = new Command("uninstall")
    .description(
      "name what is to be deleted in the cluster; with --purge first remove everything from Git, once approved",
    )
    .addOption(
      new Option("--gitops <tool>", "what it was installed with").choices(["flux", "argocd", "none"]).default("none"),
    )
    .option("--purge", "everything: what Git holds, then Secrets, connection and definitions")
    .option("--namespace <name>", "of the agent (default: state.kubernetes.namespace, else kyma-system)")
    .addHelpText(
      "after",
      "\nExample:\n  runtime-agent uninstall --gitops flux | kubectl delete --ignore-not-found -f -",
    );
  register(command, uninstall);
}

async function uninstall(context: Context, { gitops, purge = false, namespace }: UninstallFlags): Promise<number> {
  const place = namespace === undefined ? {} : { "state.kubernetes.namespace": namespace };
  const loaded = await context.load(place);
  if (purge) {
    const outcome = await removeFromGit(context, place);
    if (outcome.failure !== null) {
      if (context.options.output !== "text") context.answer({ ...EMPTY, failure: outcome.failure }, "");
      context.stderr.write(failureText(outcome.failure, context.text));
      return exitCodeOfFailure(outcome.failure);
    }
    const { state } = loaded.config;
    const steps = stepsInGit(outcome, "kubernetes" in state ? state.kubernetes.namespace : "kyma-system");
    if (steps !== null) {
      const { approval, commit } = outcome;
      answer(context, { manifests: [], next: steps, approval, commit });
      return EXIT.done;
    }
  }
  const settings = settingsOf(loaded, gitops);
  const manifests = await uninstallManifests(settings, purge);
  answer(context, { manifests, next: removalSteps(settings, purge), approval: null, commit: null });
  return EXIT.done;
}

const EMPTY = { kind: "Uninstallation", version: 1, manifests: [], next: [], approval: null, commit: null } as const;

interface Answer extends Pick<Outcome, "approval" | "commit"> {
  readonly manifests: readonly InstallManifest[];
  readonly next: readonly string[];
}

function answer(context: Context, { manifests, next, approval, commit }: Answer): void {
  if (context.options.output === "text") context.stdout.write(streamText(manifests));
  else context.answer({ ...EMPTY, manifests, next, approval, commit, failure: null }, "");
  context.tell("Next:");
  for (const [index, step] of next.entries()) context.tell(`${index + 1}. ${step}`);
}

/** What was installed is not known here: a refusal of what could not have been would help nobody. */
function settingsOf(loaded: LoadedConfig, gitops: InstallOptions["gitops"]) {
  const options = { as: "cronjob", gitops, takeOver: false, image: exampleImage(packageVersion()) } as const;
  if (gitops !== "argocd" || loaded.config.secrets.mode !== "sops") return installSettings(loaded, options);
  const config: Config = { ...loaded.config, secrets: { ...loaded.config.secrets, mode: "plain" } };
  return installSettings({ ...loaded, config }, options);
}

/**
 * A cycle over a Compass that lists nothing, without asking it. What Git holds is then held as after an empty answer, which
 * never passes but by an approval of exactly this set. What a person keeps back by name stays.
 */
async function removeFromGit(context: Context, place: Readonly<Record<string, string>>): Promise<Outcome> {
  const { env, clock, signal, log } = context;
  const config = await context.resolve(place);
  const { outcome } = await runCycle({
    config: {
      ...config,
      deletion: { ...config.deletion, mode: "sync" },
      // Whoever changed or restored a file did not mean it to outlive the agent.
      drift: "overwrite",
      reverted: "overwrite",
    },
    env,
    clock,
    signal,
    log,
    version: packageVersion(),
    snapshot: { runtime: { id: config.runtime.id ?? "", name: "", labels: {} }, applications: [], unreadable: [] },
  });
  return outcome;
}

/** What people do before the cluster's turn comes; null when Git holds nothing more. */
function stepsInGit({ approval, commit, applications, suspended }: Outcome, namespace: string): string[] | null {
  const others = applications.held.length - (approval?.count ?? 0);
  const names = applications.held.slice(0, SHOWN).map(({ name, reason }) => `${name} (${reason})`);
  if (suspended) return ["nothing is removed from Git while the agent is suspended: runtime-agent resume"];
  if (approval !== null) {
    return [
      `nothing was removed yet: of ${count(approval.count, "Application")} everything would be`,
      // Not the wiring yet: what the tool shall remove, it has to see gone.
      `stop the agent, which would bring them back: kubectl -n ${namespace} delete cronjob/runtime-agent deployment/runtime-agent --ignore-not-found`,
      `approve it: runtime-agent approve ${approval.hash}`,
      "then again: runtime-agent uninstall --purge",
    ];
  }
  if (commit !== null) {
    return [
      `commit ${commit.id} on ${commit.branch} removes ${count(applications.deleted.length, "Application")} with all files`,
      "wait until your GitOps tool has applied it and the Applications are gone from the cluster",
      "then for the rest: runtime-agent uninstall --purge | kubectl delete --ignore-not-found -f -",
    ];
  }
  if (others > 0) return [`Git still holds what a person keeps back; let it go first: ${names.join(", ")}`];
  return null;
}

/** Names told of those that stay. */
const SHOWN = 20;
