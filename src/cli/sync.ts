/** `sync`: one cycle. */

import { Command } from "commander";
import { LONGEST_TIMER } from "../common/clock.js";
import { Failure } from "../common/failure.js";
import { packageVersion } from "../common/package-root.js";
import { parseDuration } from "../config/index.js";
import { type CycleOptions, runCycle } from "../cycle.js";
import { stableDelay } from "../daemon.js";
import { createMetrics, exitCode, failureText, outcomeText } from "../report/index.js";
import { areMetricsKept, leaveMetrics } from "../report-metrics.js";
import type { Context } from "./context.js";
import type { Register } from "./run.js";

interface SyncFlags {
  readonly detailedExitCode?: boolean;
  readonly timeout?: string;
  readonly jitter?: string;
  readonly takeOver?: string;
}

export function syncCommand(register: Register): void {
  const command = new Command("sync")
    .description(
      "one cycle: fetch from Compass, render, seal, commit; pairs first when a token is configured and there is no identity",
    )
    .option("--detailed-exit-code", "exit with 2 when something is held or set aside")
    .option("--take-over <owner>", "make git.path this agent's, which the agent of that runtime id has so far")
    .option("--jitter <duration>", "begin later by a part of this time that is always the same for one runtime")
    .option("--timeout <duration>", "stop after this time, for example 5m")
    .addHelpText("after", "\nExample:\n  runtime-agent sync --config agent.yaml");
  register(command, sync);
}

async function sync(
  context: Context,
  { detailedExitCode = false, timeout, jitter, takeOver }: SyncFlags,
): Promise<number> {
  const { env, clock, log } = context;
  const signal = timeout === undefined ? context.signal : AbortSignal.any([context.signal, timeoutSignal(timeout)]);
  const within = jitter === undefined ? 0 : durationOf("--jitter", jitter);
  const config = await context.resolveToWrite();
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
  const { outcome, facts } = await runCycle({
    config,
    env,
    clock,
    signal,
    log,
    version,
    onHost,
    ...taking,
    ...(areMetricsKept(config) ? { count } : {}),
  });
  if (areMetricsKept(config)) {
    // Where the state could not be had, nothing was kept either.
    if (!isCounted) metrics.observe({ ...facts, outcome, finishedAt: clock.now() });
    const failed = await leaveMetrics(metrics, { config, env, signal: context.signal });
    for (const { code, message, hint } of failed) log.warn(message, { code, mend: hint });
  }
  context.answer(outcome, outcome.result !== "failed" ? outcomeText(outcome, context.text) : "");
  if (outcome.failure !== null) context.stderr.write(failureText(outcome.failure, context.text));
  return exitCode(outcome, detailedExitCode);
}

function timeoutSignal(text: string): AbortSignal {
  return AbortSignal.timeout(Math.min(durationOf("--timeout", text), LONGEST_TIMER));
}

function durationOf(option: string, text: string): number {
  const milliseconds = parseDuration(text);
  if (!("value" in milliseconds)) {
    throw new Failure(`${option} is not a duration`, {
      code: "Usage",
      stage: "config",
      hint: "Give it as 30s, 5m or 1h.",
    });
  }
  return milliseconds.value;
}
