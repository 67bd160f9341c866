/** `sync`: one cycle. */

import { Command } from "commander";
import { isObserved } from "../applied-report.js";
import { LONGEST_TIMER } from "../common/clock.js";
import { Failure } from "../common/failure.js";
import { packageVersion } from "../common/package-root.js";
import { formatDuration, parseDuration } from "../config/index.js";
import { type CycleOptions, runCycle } from "../cycle.js";
import { stableDelay } from "../daemon.js";
import { CLOSING, following } from "../following.js";
import {
  appliedOf,
  createMetrics,
  describeFailure,
  exitCode,
  failureText,
  isWaitingForPeople,
  notApplied,
  type Outcome,
  outcomeText,
} from "../report/index.js";
import { areMetricsKept, leaveMetrics } from "../report-metrics.js";
import type { Context } from "./context.js";
import type { Register } from "./run.js";

interface SyncFlags {
  readonly detailedExitCode?: boolean;
  readonly timeout?: string;
  readonly jitter?: string;
  readonly takeOver?: string;
  readonly wait?: boolean;
  readonly waitTimeout?: string;
}

/** How long `--wait` waits by default, in milliseconds. */
const WAIT = 5 * 60 * 1000;

export function syncCommand(register: Register): void {
  const command = new Command("sync")
    .description(
      "one cycle: fetch from Compass, render, seal, commit; pairs first when a token is configured and there is no identity",
    )
    .option("--detailed-exit-code", "exit with 2 when something is held or set aside")
    .option("--take-over <owner>", "make git.path this agent's, which the agent of that runtime id has so far")
    .option("--jitter <duration>", "begin later by a part of this time that is always the same for one runtime")
    .option(
      "--wait",
      "until what is committed is applied in the cluster; exit with 75 when that does not come. A pull request is not waited for",
    )
    .option("--wait-timeout <duration>", "how long --wait waits, 5m by default")
    .option("--timeout <duration>", "stop after this time, for example 5m")
    .addHelpText("after", "\nExample:\n  runtime-agent sync --config agent.yaml");
  register(command, sync);
}

async function sync(context: Context, flags: SyncFlags): Promise<number> {
  const { detailedExitCode = false, timeout, jitter, takeOver } = flags;
  const { env, clock, log } = context;
  const signal = timeout === undefined ? context.signal : AbortSignal.any([context.signal, timeoutSignal(timeout)]);
  const within = jitter === undefined ? 0 : durationOf("--jitter", jitter);
  const wait = waitOf(flags);
  const { config, failure: unresolved } = await context.resolveToWriteWhatCanBe();
  if (wait !== null && !isObserved(config)) throw nothingToWaitFor();
  const taking = takeOver === undefined ? {} : { takeOver };
  const onHost = (host: string) => context.tell(`Pairing with ${host}; a token is good for one pairing.`);
  await clock.sleep(stableDelay(within, config.runtime.id ?? ""), signal).catch(() => undefined);
  const version = packageVersion();
  const metrics = createMetrics(version, { withProcess: false });
  let isCounted = false;
  const count: CycleOptions["count"] = async (kept, ended) => {
    metrics.restore(kept);
    metrics.observe(ended);
    isCounted = true;
    return metrics.counters();
  };
  const end = following(signal, CLOSING, clock);
  const {
    outcome: ended,
    unwatched,
    facts,
  } = await runCycle({
    config,
    env,
    clock,
    signal,
    end: end.signal,
    log,
    version,
    onHost,
    unresolved,
    ...taking,
    ...(wait === null ? {} : { wait }),
    ...(areMetricsKept(config) ? { count } : {}),
  }).finally(end.cancel);
  if (areMetricsKept(config)) {
    // Where the state could not be had, nothing was kept either.
    if (!isCounted) metrics.observe({ ...facts, outcome: ended, finishedAt: clock.now() });
    const failed = await leaveMetrics(metrics, { config, env, signal: context.signal });
    for (const { code, message, hint } of failed) log.warn(message, { code, mend: hint });
  }
  const failure = ended.failure === null && wait !== null ? notAppliedBy(ended, unwatched, wait, context.signal) : null;
  const outcome = failure === null ? ended : { ...ended, failure: describeFailure(failure) };
  context.answer(outcome, ended.result !== "failed" ? outcomeText(ended, context.text) : "");
  // The text of what failed is its failure: what else is to be known, as a clock that is wrong, stands before that.
  if (ended.result === "failed" && context.options.output === "text")
    for (const note of ended.notes) context.tell(`Note: ${note}`);
  if (outcome.failure !== null) context.stderr.write(failureText(outcome.failure, context.text));
  return exitCode(outcome, detailedExitCode);
}

/** In milliseconds; null when nobody waits. */
function waitOf({ wait = false, waitTimeout }: SyncFlags): number | null {
  if (wait) return waitTimeout === undefined ? WAIT : durationOf("--wait-timeout", waitTimeout);
  if (waitTimeout === undefined) return null;
  throw new Failure("--wait-timeout is given without --wait", {
    code: "Usage",
    stage: "config",
    hint: "Give --wait as well, or leave both out.",
  });
}

const nothingToWaitFor = () =>
  new Failure("sync --wait has no cluster to ask what was applied", {
    code: "ConfigurationInvalid",
    stage: "config",
    hint: "Set gitops.kind to flux or argocd, or gitops.observe to true, with KUBECONFIG or in a pod; or leave --wait out.",
  });

/** Null when all is applied, and when nothing more can be before a person has merged it. */
function notAppliedBy(outcome: Outcome, unwatched: Failure | null, wait: number, signal: AbortSignal): Failure | null {
  const applied = appliedOf(outcome);
  if (applied?.current === true || isWaitingForPeople(outcome)) return null;
  if (signal.aborted) {
    return new Failure("the agent was stopped while it waited for what is committed to be applied", {
      code: "Aborted",
      stage: "report",
      hint: "What is committed stays; `runtime-agent status` tells what the next sync finds.",
    });
  }
  if (applied !== null) return notApplied(applied, formatDuration(wait));
  if (unwatched !== null) return unwatched;
  return new Failure("nothing is committed that could be applied", {
    code: "NotApplied",
    stage: "report",
    retryable: true,
    hint: "The output says why nothing was written; the next sync with --wait asks again.",
  });
}

const timeoutSignal = (text: string): AbortSignal =>
  AbortSignal.timeout(Math.min(durationOf("--timeout", text), LONGEST_TIMER));

function durationOf(option: string, text: string): number {
  const milliseconds = parseDuration(text);
  if ("value" in milliseconds) return milliseconds.value;
  throw new Failure(`${option} is not a duration`, {
    code: "Usage",
    stage: "config",
    hint: "Give it as 30s, 5m or 1h.",
  });
}
