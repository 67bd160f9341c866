/** `uninstall`: what is to be deleted in the cluster; with `--purge` first everything in Git, by an approved commit. */

import { Command, Option } from "commander";
import { NothingLeft } from "../base/index.js";
import { named, secretsLeft } from "../cluster-secrets.js";
import { asFailure } from "../common/failure.js";
import { packageVersion } from "../common/package-root.js";
import type { Config, LoadedConfig } from "../config/index.js";
import { type CycleResult, runCycle } from "../cycle.js";
import {
  type GitOpsTool,
  type InstallManifest,
  installSettings,
  quoted,
  removalSteps,
  streamText,
  uninstallManifests,
} from "../install/index.js";
import type { ClusterPlace } from "../plan/index.js";
import { EXIT, exitCodeOfFailure, failureText, type Outcome } from "../report/index.js";
import type { Context } from "./context.js";
import { exampleImage } from "./install.js";
import { type Removal, type RemovalFromGit, removalFromGit } from "./removal-from-git.js";
import type { Register } from "./run.js";

interface UninstallFlags {
  readonly gitops?: GitOpsTool;
  readonly purge?: boolean;
  readonly namespace?: string;
}

export function uninstallCommand(register: Register): void {
  const command = new Command("uninstall")
    .description(
      "name what is to be deleted in the cluster; with --purge first remove everything from Git, once approved",
    )
    .addOption(
      new Option(
        "--gitops <tool>",
        "name the wiring, too, that install wrote with this option (default: none)",
      ).choices(["flux", "argocd", "none"]),
    )
    .option("--purge", "everything: what Git holds, then Secrets, connection and definitions")
    .option("--namespace <name>", "of the agent (default: state.kubernetes.namespace, else kyma-system)")
    .addHelpText(
      "after",
      "\nExample:\n  runtime-agent uninstall --gitops flux | kubectl delete --ignore-not-found -f -",
    );
  register(command, uninstall);
}

async function uninstall(context: Context, flags: UninstallFlags): Promise<number> {
  const { gitops, purge = false, namespace } = flags;
  const place = namespace === undefined ? {} : { "state.kubernetes.namespace": namespace };
  const loaded = await context.load(place);
  const { again: command, agent } = commandsOf(flags, context.options.config);
  const left: ClusterPlace[] = [];
  let isGone = false;
  if (purge) {
    const config = await context.resolve(place);
    const { outcome, failure } = await removeFromGit(context, config);
    isGone = failure instanceof NothingLeft;
    if (outcome.failure !== null && !isGone) {
      if (context.options.output !== "text") context.answer({ ...EMPTY, failure: outcome.failure }, "");
      context.stderr.write(failureText(outcome.failure, context.text));
      if (context.options.output === "text") context.tellWarnings();
      return exitCodeOfFailure(outcome.failure);
    }
    const { state, git } = loaded.config;
    const words = {
      namespace: "kubernetes" in state ? state.kubernetes.namespace : "kyma-system",
      command,
      agent,
      gitPath: git?.path ?? "",
    };
    const { removal, steps } = isGone ? GONE : removalFromGit(outcome, words);
    if (removal !== "done") {
      const { approval, commit, pullRequest } = outcome;
      answer(context, { ...EMPTY, removal, next: steps, approval, commit, pullRequest });
      return EXIT.done;
    }
    // What an inventory does not list any more no later cycle removes.
    try {
      left.push(...(await secretsLeft({ ...context, config, runtimeID: config.runtime.id ?? "" })));
    } catch (thrown) {
      const { message, hint } = asFailure(thrown, "publish");
      const unseen = `Git holds nothing of the agent's any more, and whether its Secrets are gone from the cluster cannot be told: ${message}. ${hint}`;
      answer(context, { ...EMPTY, removal: "held", next: [unseen, `then again: ${command}`] });
      return EXIT.done;
    }
  }
  const settings = settingsOf(loaded, gitops ?? null);
  const manifests = await uninstallManifests(settings, purge, left);
  const next = [
    ...(left.length === 0 ? [] : [`of secrets.mode cluster, still in the cluster and named here: ${named(left)}`]),
    ...(isGone
      ? [`there is nothing to remove from Git: ${settings.gitPath || "it"} holds nothing of the agent's any more`]
      : []),
    ...removalSteps(settings, { purge, command, isGone }),
  ];
  answer(context, { ...EMPTY, removal: purge ? "done" : null, manifests, next });
  return EXIT.done;
}

interface Commands {
  /** This one, as it was called. */
  readonly again: string;
  /** What another command begins with that is to find the same state. */
  readonly agent: string;
}

/** For a shell. */
function commandsOf({ gitops, purge, namespace }: UninstallFlags, config: string | undefined): Commands {
  const options = [
    ...(config === undefined ? [] : [`--config ${quoted(config)}`]),
    ...(gitops === undefined ? [] : [`--gitops ${gitops}`]),
    ...(namespace === undefined ? [] : [`--namespace ${quoted(namespace)}`]),
    ...(purge === true ? ["--purge"] : []),
  ];
  return {
    again: ["runtime-agent uninstall", ...options].join(" "),
    // Only this command has the option.
    agent: [
      ...(namespace === undefined ? [] : [`RUNTIME_AGENT_STATE_KUBERNETES_NAMESPACE=${quoted(namespace)}`]),
      "runtime-agent",
      ...(config === undefined ? [] : [`--config ${quoted(config)}`]),
    ].join(" "),
  };
}

/** Somebody took the folder away before, and no cycle goes on over that. */
const GONE: RemovalFromGit = { removal: "done", steps: [] };

interface Answer extends Pick<Outcome, "approval" | "commit" | "pullRequest" | "failure"> {
  readonly kind: "Uninstallation";
  readonly version: 1;
  readonly manifests: readonly InstallManifest[];
  readonly next: readonly string[];
  /** Where the removal from Git stands; null where nobody asked for one, or it failed. */
  readonly removal: Removal | null;
}

const EMPTY: Answer = {
  kind: "Uninstallation",
  version: 1,
  manifests: [],
  next: [],
  removal: null,
  approval: null,
  commit: null,
  pullRequest: null,
  failure: null,
};

function answer(context: Context, given: Answer): void {
  const { manifests, next } = given;
  if (context.options.output === "text") {
    context.stdout.write(streamText(manifests));
    // What is on stdout is for kubectl.
    context.tellWarnings();
  } else context.answer(given, "");
  context.tell("Next:");
  for (const [index, step] of next.entries()) context.tell(`${index + 1}. ${step}`);
}

/** What was installed is not known here: a refusal of what could not have been would help nobody. */
function settingsOf(loaded: LoadedConfig, given: GitOpsTool | null) {
  const { git, secrets, gitops } = loaded.config;
  const config: Config = {
    ...loaded.config,
    gitops: given === null || given === "none" ? gitops : { ...gitops, kind: given },
    // No name depends on where the repository is.
    git: git && { ...git, url: ANYWHERE },
    secrets: given === "argocd" && secrets.mode === "sops" ? { ...secrets, mode: "plain" } : secrets,
  };
  const options = { as: "cronjob", gitops: given, takeOver: false, image: exampleImage(packageVersion()) } as const;
  return installSettings({ ...loaded, config }, options);
}

const ANYWHERE = "https://git.example.com/repository.git";

/**
 * A cycle over a Compass that lists nothing, without asking it. What Git holds is then held as after an empty answer, which
 * never passes but by an approval of exactly this set. What a person keeps back by name stays.
 */
async function removeFromGit(
  { env, clock, signal, log }: Context,
  config: Config,
): Promise<Pick<CycleResult, "outcome" | "failure">> {
  const { outcome, failure } = await runCycle({
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
  // Compass was not asked: what would be wrong with its answer is not.
  const notes = outcome.notes.filter((note) => !/^(?:EmptyAnswer|NoFormation):/.test(note));
  return { outcome: { ...outcome, notes }, failure };
}
