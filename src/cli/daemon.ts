/** `run`: cycles on a schedule, with health and metrics. */

import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { createTokenKeeper } from "../adapters/github-app/index.js";
import { openClusterReport } from "../cluster-report.js";
import { asFailure } from "../common/failure.js";
import { silentLogger } from "../common/logger.js";
import { packageVersion } from "../common/package-root.js";
import { sha256 } from "../common/sha256.js";
import type { Config } from "../config/index.js";
import { runCycle } from "../cycle.js";
import { runDaemon, stableInterval, type Trigger } from "../daemon.js";
import { startHealth } from "../health.js";
import { createMetrics, EXIT, failureText, type Outcome } from "../report/index.js";
import { configuredToken } from "../setup.js";
import type { Context } from "./context.js";
import type { Register } from "./run.js";

export function daemonCommand(register: Register): void {
  const command = new Command("run")
    .description(
      "cycles on a schedule until it is stopped; at once on a new token, a changed configuration, resyncNow and SIGHUP",
    )
    .addHelpText("after", "\nExample:\n  runtime-agent run --config agent.yaml --log-format json");
  register(command, run);
}

/** A complete cycle within so many intervals makes it ready. */
const INTERVALS = 3;

/** How long a cycle waits to tell that what it committed is applied, in milliseconds: Flux and Argo CD take a second when they are asked. */
const UNTIL_APPLIED = 10_000;

async function run(context: Context): Promise<number> {
  const { env, clock, log, signal: stop } = context;
  const version = packageVersion();
  const metrics = createMetrics(version);
  let { config, file } = await resolved(context);
  let configured = await digestOf(file);
  let token = await tokenOf(config, env);
  let completeAt: Date | null = null;
  let hungUp = false;
  context.onHangup(() => {
    hungUp = true;
  });
  const interval = () => stableInterval(config.schedule.every, config.schedule.jitter, config.runtime.id ?? "");

  const health = await startHealth({
    ...config.server,
    whyNotReady: () => {
      if (completeAt === null) return "no cycle has come to its end yet";
      const late = clock.now().getTime() - completeAt.getTime() > INTERVALS * interval();
      return late ? `no cycle has come to its end since ${completeAt.toISOString()}` : null;
    },
    collect: metrics.collect,
  });
  log.info("listening", health.ports);

  const tokens = createTokenKeeper();
  const cycle = async (_trigger: Trigger, signal: AbortSignal) => {
    configured = await digestOf(file);
    try {
      ({ config, file } = await resolved(context));
    } catch (thrown) {
      // The agent goes on by what it knew: a slip in a file must not stop a certificate from being renewed.
      const { code, message } = asFailure(thrown, "config");
      log.error("the configuration cannot be used: the last good one stays in use", { code, reason: message });
    }
    token = await tokenOf(config, env);
    const onHost = (host: string) => log.info("pairing", { host });
    const ended = await runCycle({ config, env, clock, signal, log, version, onHost, tokens, wait: UNTIL_APPLIED });
    const { outcome } = ended;
    if (outcome.result !== "failed") completeAt = clock.now();
    metrics.observe({ ...ended.facts, outcome, finishedAt: clock.now() });
    tell({ ...context, log: log.with({ cycle: ended.facts.cycle }) }, outcome);
  };
  const look = async (): Promise<Trigger | null> => {
    if (hungUp) {
      hungUp = false;
      return "SIGHUP";
    }
    if ((await digestOf(file)) !== configured) return "configuration";
    if ((await tokenOf(config, env)) !== token) return "token";
    return (await isResyncAsked(context, config)) ? "resyncNow" : null;
  };
  try {
    await runDaemon({ cycle, interval, look, clock, log, stop });
  } finally {
    await health.close();
  }
  return EXIT.done;
}

async function resolved(context: Context): Promise<{ config: Config; file: string | null }> {
  const { config, file } = await context.load();
  return { config: await context.prepareToWrite(config), file };
}

async function digestOf(file: string | null): Promise<string | null> {
  const bytes = file === null ? null : await readFile(file).catch(() => null);
  return bytes === null ? null : sha256(bytes);
}

/** Of the configured token, to see that it is another; null for none that can be read. */
async function tokenOf(config: Config, env: Context["env"]): Promise<string | null> {
  const token = await configuredToken(config, env).catch(() => null);
  return token === null ? null : sha256(token.reveal());
}

/** Where it cannot be read, the next cycle says so. */
async function isResyncAsked(context: Context, config: Config): Promise<boolean> {
  const { env, clock, signal } = context;
  const report = openClusterReport({ config, env, clock, signal, log: silentLogger });
  return (
    report?.asked().then(
      ({ isResyncAsked: asked }) => asked,
      () => false,
    ) ?? false
  );
}

/** One line for each cycle; what failed with its mend. */
function tell({ log, stderr, options }: Context, { result, failure, commit, durationSeconds }: Outcome): void {
  const took = durationSeconds.total;
  if (failure === null) log.info("cycle ended", { result, commit: commit?.id, took });
  else {
    const { code, stage, message, hint } = failure;
    log.error("cycle failed", { code, stage, reason: message, mend: hint, took });
    if (options.logFormat === "text" && stderr.isTTY === true) stderr.write(failureText(failure, { color: false }));
  }
}
