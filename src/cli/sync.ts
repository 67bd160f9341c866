/** `sync`: one cycle. */

import { Command } from "commander";
import { LONGEST_TIMER } from "../common/clock.js";
import { Failure } from "../common/failure.js";
import { packageVersion } from "../common/package-root.js";
import { parseDuration } from "../config/index.js";
import { runCycle } from "../cycle.js";
import { exitCode, failureText, outcomeText } from "../report/index.js";
import type { Context } from "./context.js";
import type { Register } from "./run.js";

interface SyncFlags {
  readonly detailedExitCode?: boolean;
  readonly timeout?: string;
  readonly takeOver?: string;
}

export function syncCommand(register: Register): void {
  const command = new Command("sync")
    .description(
      "one cycle: fetch from Compass, render, seal, commit; pairs first when a token is configured and there is no identity",
    )
    .option("--detailed-exit-code", "exit with 2 when something is held or set aside")
    .option("--take-over <owner>", "make git.path this agent's, which the agent of that runtime id has so far")
    .option("--timeout <duration>", "stop after this time, for example 5m")
    .addHelpText("after", "\nExample:\n  runtime-agent sync --config agent.yaml");
  register(command, sync);
}

async function sync(context: Context, { detailedExitCode = false, timeout, takeOver }: SyncFlags): Promise<number> {
  const { env, clock, log } = context;
  const signal = timeout === undefined ? context.signal : AbortSignal.any([context.signal, timeoutSignal(timeout)]);
  const config = await context.resolveToWrite();
  const taking = takeOver === undefined ? {} : { takeOver };
  const onHost = (host: string) => context.tell(`Pairing with ${host}; a token is good for one pairing.`);
  const { outcome } = await runCycle({
    config,
    env,
    clock,
    signal,
    log,
    version: packageVersion(),
    onHost,
    ...taking,
  });
  context.answer(outcome, outcome.failure === null ? outcomeText(outcome, context.text) : "");
  if (outcome.failure !== null) context.stderr.write(failureText(outcome.failure, context.text));
  return exitCode(outcome, detailedExitCode);
}

function timeoutSignal(text: string): AbortSignal {
  const milliseconds = parseDuration(text);
  if (!("value" in milliseconds)) {
    throw new Failure("--timeout is not a duration", {
      code: "Usage",
      stage: "config",
      hint: "Give it as 30s, 5m or 1h.",
    });
  }
  return AbortSignal.timeout(Math.min(milliseconds.value, LONGEST_TIMER));
}
