/** `run`: cycles on a schedule, with health and metrics. */

import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { createTokenKeeper } from "../adapters/github-app/index.js";
import { openClusterReport } from "../cluster-report.js";
import { asFailure, type Failure } from "../common/failure.js";
import { silentLogger } from "../common/logger.js";
import { packageVersion } from "../common/package-root.js";
import { sha256 } from "../common/sha256.js";
import { type Config, tokenPlace } from "../config/index.js";
import { runCycle } from "../cycle.js";
import { runDaemon, stableInterval, type Trigger } from "../daemon.js";
import { requireHost } from "../git-host.js";
import { startHealth } from "../health.js";
import { identityMoment } from "../identity-moment.js";
import { createMetrics, EXIT, exitCodeOfFailure, failureText, type Outcome } from "../report/index.js";
import { watchResync } from "../resync-wish.js";
import { configuredToken, openState } from "../setup.js";
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
  // What it refers to is read by the first cycle: nothing that is away at the start ends the agent.
  let { config, file } = await context.load({}, { mayBeEmpty: false });
  const { server } = config;
  /** False until all of it could be had once: from then on there is a good one to go on by. */
  let isReadable = false;
  let unresolved: Failure | null = null;
  let configured = await digestOf(file);
  let token = await tokenOf(config, env, stop);
  let completeAt: Date | null = null;
  /** Of the last cycle: each is told when it is new. */
  let notes: readonly string[] = [];
  let hungUp = false;
  context.onHangup(() => {
    hungUp = true;
  });
  const interval = () => stableInterval(config.schedule.every, config.schedule.jitter, config.runtime.id ?? "");
  const said = sayOnce();
  const resync = watchResync(() => isResyncAsked(context, config));

  const health = await startHealth({
    ...server,
    whyNotReady: () => {
      if (completeAt === null) return "no cycle has come to its end yet";
      const late = clock.now().getTime() - completeAt.getTime() > INTERVALS * interval();
      return late ? `no cycle has come to its end since ${completeAt.toISOString()}` : null;
    },
    collect: metrics.collect,
  });
  log.info("listening", health.ports);

  const tokens = createTokenKeeper();
  /** True when it is told that it cannot be used, and was not told so before. */
  const tellUnusable = ({ code, message, hint }: Failure): boolean => {
    if (!said("unusable", `${code} ${message}`)) return false;
    // The agent goes on by what it knew: a slip in a file must not stop a certificate from being renewed.
    const consequence = isReadable ? "the last good one stays in use" : "it is tried again";
    log.error(`the configuration cannot be used: ${consequence}`, { code, reason: message, mend: hint });
    return true;
  };
  /** True where something new is to be told of it, or it can be used again. */
  const readConfiguration = async (): Promise<boolean> => {
    configured = await digestOf(file);
    try {
      // By its name: a file that was there and is gone says nothing, least of all that the defaults are meant.
      const loaded = await context.load({}, { ...(file === null ? {} : { file }), mayBeEmpty: false });
      const { config: next, failure } = await context.prepareWhatCanBe(loaded.config);
      // At the start there is no better one: the identity is kept alive by it, and each cycle says what is wrong.
      if (isReadable) {
        if (failure !== null) return tellUnusable(failure);
        requireHost(next);
      }
      config = next;
      file = loaded.file;
      unresolved = failure;
      if (failure !== null) return tellUnusable(failure);
      isReadable = true;
      const isAgain = said("unusable", null);
      if (isAgain) log.info("the configuration can be used again");
      const isMoved = JSON.stringify(config.server) !== JSON.stringify(server);
      if (said("server", isMoved ? JSON.stringify(config.server) : null) && isMoved) {
        log.warn("server was changed: what the agent listens on changes when it is started again");
      }
      return isAgain;
    } catch (thrown) {
      if (stop.aborted) return false;
      const failure = asFailure(thrown, "config");
      if (!isReadable && exitCodeOfFailure(failure) === EXIT.configuration) throw failure;
      if (!isReadable) unresolved = failure;
      return tellUnusable(failure);
    }
  };
  const cycle = async (_trigger: Trigger, signal: AbortSignal, end: AbortSignal) => {
    await readConfiguration();
    if (stop.aborted) return;
    for (const warning of context.warnings) if (said(warning, warning)) log.insist(warning);
    token = await tokenOf(config, env, stop);
    const onHost = (host: string) => log.info("pairing", { host });
    const ended = await runCycle({
      config,
      env,
      clock,
      signal,
      end,
      log,
      version,
      onHost,
      unresolved,
      tokens,
      wait: UNTIL_APPLIED,
    });
    const { outcome } = ended;
    if (outcome.result !== "failed") completeAt = clock.now();
    metrics.observe({ ...ended.facts, outcome, finishedAt: clock.now() });
    const ofCycle = log.with({ cycle: ended.facts.cycle });
    const told = [...notes, ...context.warnings];
    for (const note of outcome.notes) if (!told.includes(note)) ofCycle.info("note", { note });
    notes = outcome.notes;
    tell({ ...context, log: ofCycle }, outcome);
    await resync.look();
  };
  const look = async (): Promise<Trigger | null> => {
    if (hungUp) {
      hungUp = false;
      return "SIGHUP";
    }
    if ((await digestOf(file)) !== configured) return "configuration";
    // What it refers to may come at any time, and a cycle before that would say the same again.
    if (!isReadable && (await readConfiguration())) return "configuration";
    if ((await tokenOf(config, env, stop)) !== token) return "token";
    return (await resync.isNew()) ? "resyncNow" : null;
  };
  // Where it cannot be read, the cycles say so.
  const moment = () => identityMoment(config, openState(config, env, stop), clock.now()).catch(() => null);
  try {
    await runDaemon({ cycle, interval, moment, look, clock, log, stop });
  } finally {
    await health.close();
  }
  return EXIT.done;
}

/** Gives whether what is said of a matter is new; null for nothing more to say. */
function sayOnce(): (matter: string, what: string | null) => boolean {
  const known = new Map<string, string | null>();
  return (matter, what) => {
    const isNew = (known.get(matter) ?? null) !== what;
    known.set(matter, what);
    return isNew;
  };
}

async function digestOf(file: string | null): Promise<string | null> {
  const bytes = file === null ? null : await readFile(file).catch(() => null);
  return bytes === null ? null : sha256(bytes);
}

/** Of the configured token, to see that it is another; null for none that can be read. */
async function tokenOf(config: Config, env: Context["env"], signal: AbortSignal): Promise<string | null> {
  const compass = { ...config.compass, token: tokenPlace(config) };
  const token = await configuredToken({ ...config, compass }, env, signal).catch(() => null);
  return token === null ? null : sha256(token.reveal());
}

/** Null where it cannot be read: the next cycle says so. */
async function isResyncAsked(context: Context, config: Config): Promise<boolean | null> {
  const { env, clock, signal } = context;
  const report = openClusterReport({ config, env, clock, signal, log: silentLogger });
  return (
    report?.asked().then(
      ({ isResyncAsked: asked }) => asked,
      () => null,
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
