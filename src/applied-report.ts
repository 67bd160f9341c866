/** The cluster, asked what of the target branch was applied, and those who apply it, asked to look at Git now. */

import { type GitOpsState, openCluster, type Place } from "./adapters/kubernetes/index.js";
import { DIGEST_ANNOTATION } from "./base/index.js";
import type { Clock } from "./common/clock.js";
import { asFailure, type Failure } from "./common/failure.js";
import type { Logger } from "./common/logger.js";
import { own } from "./common/own.js";
import type { Config } from "./config/index.js";
import { CANARY_NAME, REVISION_NAME } from "./render/index.js";
import { type Applied, type AppliedTarget, type AppliedView, judgeApplied } from "./report/index.js";
import { CANARY_KEY } from "./seal/index.js";
import type { Environment } from "./setup.js";

export interface AppliedOptions {
  readonly config: Config;
  readonly env: Environment;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface WatchOptions extends AppliedOptions {
  readonly target: AppliedTarget;
  /** It was committed a moment ago. */
  readonly isFresh: boolean;
  /** Since when it was not applied, as it is remembered; null when it was. */
  readonly since: string | null;
  /** How long to look until it is applied, in milliseconds. @default one look */
  readonly wait?: number | undefined;
}

export interface Watched {
  /** Null when the cluster was not asked, or could not be. */
  readonly applied: Applied | null;
  /** Why it could not be. */
  readonly failure: Failure | null;
  /** What the user should know beside, one sentence each. */
  readonly notes: readonly string[];
}

/** Of one question with all its attempts, in milliseconds: a cycle does not wait long for it. */
const ASKING = 9_000;

/** Between two looks, in milliseconds: first every second, since who applies takes a few when he is asked. A look is one small request. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 5_000;

/** How long it is looked every second, in milliseconds. */
const EAGER = 15_000;

/** Whether there is a cluster to ask. */
export function isObserved({ gitops, state }: Config): boolean {
  return gitops.observe ?? (gitops.kind !== "none" || "kubernetes" in state);
}

/** The object of Flux or Argo CD; null where the configuration names nobody who applies. */
export function appliedBy({ gitops }: Config): (Place & { readonly kind: "flux" | "argocd" }) | null {
  const { kind, name, namespace } = gitops;
  if (kind === "none") return null;
  return { kind, name, namespace: namespace ?? (kind === "flux" ? "flux-system" : "argocd") };
}

/**
 * Asks the cluster what was applied, after a commit also those who apply it to look at Git. Never throws: that it cannot
 * be told makes no cycle fail.
 */
export async function watchApplied(options: WatchOptions): Promise<Watched> {
  const { config, clock, log, signal, isFresh, wait } = options;
  if (!isObserved(config)) return { applied: null, failure: null, notes: [] };
  const look = lookAtCluster(options);
  const refreshed = isFresh ? await refresh(options, true) : [];
  let seen = await look(!isFresh);
  if (wait !== undefined) {
    const hurried = isFresh || seen.applied?.current === true ? [] : await refresh(options, false);
    refreshed.push(...hurried);
    const began = clock.now().getTime();
    const deadline = began + wait;
    const goesOn = () => seen.applied?.current !== true && seen.failure?.retryable !== false && !signal.aborted;
    while (goesOn()) {
      const now = clock.now().getTime();
      const [pause, left] = [now - began < EAGER ? FIRST_PAUSE : LONGEST_PAUSE, deadline - now];
      if (left <= 0) {
        seen = await look(true);
        break;
      }
      await clock.sleep(Math.min(pause, left), signal).catch(() => undefined);
      const next = signal.aborted ? seen : await look(false);
      // A look that was cut says nothing.
      if (!signal.aborted) seen = next;
    }
  }
  const { applied } = seen;
  if (applied !== null) log.info(applied.current ? "applied" : "not applied", { revision: applied.revision });
  return { ...seen, notes: [...refreshed, ...seen.notes] };
}

/** Gives notes on what could not be asked. */
async function refresh({ config, env, clock, signal }: AppliedOptions, isNew: boolean): Promise<string[]> {
  const by = appliedBy(config);
  if (by === null) return [];
  try {
    await openCluster({ env, stage: "report", clock, signal, timeout: ASKING }).gitops.refresh(by.kind, by, {
      at: clock.now(),
      isNew,
    });
    return [];
  } catch (thrown) {
    const { message, hint } = asFailure(thrown, "report");
    const who = by.kind === "flux" ? "Flux" : "Argo CD";
    return [`${who} was not asked to look at Git now, and looks by its own schedule: ${message}. ${hint}`];
  }
}

/** Gives a function that looks once; `isThorough` names all that is missing, also before the revision is there. */
function lookAtCluster(options: WatchOptions): (isThorough: boolean) => Promise<Watched> {
  const { config, env, clock, signal, target, since } = options;
  const { namespace } = config.applications;
  const cluster = openCluster({ env, stage: "report", clock, signal, timeout: ASKING });

  const canary = async (notes: string[]): Promise<AppliedView["canary"]> => {
    if (!target.hasCanary) return null;
    try {
      const found = await cluster.secrets.get({ namespace, name: CANARY_NAME });
      if (found === null) return "absent";
      const value = found.data.get(CANARY_KEY)?.reveal() ?? "";
      return Buffer.from(value, "base64").toString("utf8") === target.digest ? "equal" : "different";
    } catch (thrown) {
      notes.push(`the canary cannot be read: ${asFailure(thrown, "report").message}`);
      return "unreadable";
    }
  };
  const controller = async (notes: string[]): Promise<GitOpsState | null> => {
    const by = appliedBy(config);
    if (by === null) return null;
    try {
      const states = await cluster.gitops[by.kind](by);
      if (states.length === 0) notes.push(`gitops names ${by.namespace}/${by.name}, which is not there`);
      // What reads the repository comes after who applies it: without the one the other can do nothing.
      return (
        states.findLast(({ isReady }) => isReady === false) ?? states.find(({ isReady }) => isReady === null) ?? null
      );
    } catch (thrown) {
      notes.push(`who applies what is committed cannot be asked: ${asFailure(thrown, "report").message}`);
      return null;
    }
  };
  const applications = async (): Promise<AppliedView["applications"]> => {
    const found = await cluster.applied.applications();
    return new Map(
      [...(found ?? [])].map(([name, annotations]) => [name, own(annotations, DIGEST_ANNOTATION) ?? null]),
    );
  };

  return async (isThorough) => {
    const notes: string[] = [];
    try {
      const revision = (await cluster.applied.configMap({ namespace, name: REVISION_NAME }))?.get("digest") ?? null;
      const isAsked = isThorough || revision === target.digest;
      const isSealed = config.secrets.mode === "sealed-secrets" && target.secrets.size > 0;
      const view = {
        revision,
        applications: isAsked ? await applications() : null,
        sealedSecrets: isAsked && isSealed ? ((await cluster.applied.sealedSecrets(namespace)) ?? new Map()) : null,
        canary: isAsked ? await canary(notes) : null,
        controller: null,
      };
      const applied = judgeApplied(target, view, since, clock.now());
      if (applied.current || !isThorough) return { applied, failure: null, notes };
      const said = { ...view, controller: await controller(notes) };
      return { applied: judgeApplied(target, said, since, clock.now()), failure: null, notes };
    } catch (thrown) {
      const failure = asFailure(thrown, "report");
      return { applied: null, failure, notes: [`what is applied cannot be told: ${failure.message}. ${failure.hint}`] };
    }
  };
}
