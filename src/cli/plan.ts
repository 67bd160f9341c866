/** `plan`: what a sync would do; writes nothing anywhere. */

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Command } from "commander";
import { planAgainstCluster } from "../against-cluster.js";
import { Failure } from "../common/failure.js";
import { packageVersion } from "../common/package-root.js";
import { type CycleOptions, runCycle } from "../cycle.js";
import { parseSnapshot } from "../fetch/index.js";
import {
  againstClusterText,
  diffFiles,
  diffText,
  EXIT,
  exitCode,
  exitCodeOfFailure,
  failureText,
  hasUndocumented,
  outcomeText,
} from "../report/index.js";
import type { Context } from "./context.js";
import type { Register } from "./run.js";

interface PlanFlags {
  readonly snapshot?: string;
  readonly base?: string;
  readonly diff?: boolean;
  readonly detailedExitCode?: boolean;
}

export function planCommand(register: Register): void {
  for (const [name, always] of [
    ["plan", false],
    ["diff", true],
  ] as const) {
    const command = new Command(name)
      .description(always ? "plan --diff" : "what a sync would do; writes nothing anywhere")
      .option("--snapshot <file>", "plan over a recorded snapshot instead of asking Compass")
      .option(
        "--base <folder|cluster>",
        "plan against a checkout's git.path instead of the repository; `cluster`: compare with what is there",
      )
      .option("--diff", "show the diff of every file, secrets masked")
      .option("--detailed-exit-code", "exit with 2 when there are changes")
      .addHelpText("after", `\nExample:\n  runtime-agent ${name} --snapshot landscape.json`);
    register(command, (context, flags: PlanFlags) => plan(context, { ...flags, ...(always ? { diff: true } : {}) }));
  }
}

async function plan(context: Context, flags: PlanFlags): Promise<number> {
  const { env, clock, signal, log, cwd } = context;
  const { snapshot: file, base, diff = false, detailedExitCode = false } = flags;
  const config = await context.resolve();
  const options = {
    config,
    env,
    clock,
    signal,
    log,
    version: packageVersion(),
    ...(file === undefined ? {} : { snapshot: parseSnapshot(await readRecording(resolve(cwd, file), file), file) }),
  };
  if (base === "cluster") return againstCluster(context, options, detailedExitCode);
  const { outcome, changes } = await runCycle({
    ...options,
    planOnly: true,
    ...(base === undefined ? {} : { baseFolder: resolve(cwd, base) }),
  });
  const diffs = diff ? diffFiles(changes) : [];
  const text = outcome.failure === null ? outcomeText(outcome, context.text) : "";
  context.answer(diff ? { ...outcome, diff: diffs } : outcome, diff ? `${diffText(diffs, context.text)}${text}` : text);
  if (outcome.failure !== null) context.stderr.write(failureText(outcome.failure, context.text));
  return exitCode(outcome, detailedExitCode);
}

async function againstCluster(context: Context, options: CycleOptions, detailed: boolean): Promise<number> {
  const { plan, failure } = await planAgainstCluster(options);
  if (failure !== null) {
    context.answer({ kind: "Failure", version: 1, failure }, "");
    context.stderr.write(failureText(failure, context.text));
    return exitCodeOfFailure(failure);
  }
  context.answer(plan, againstClusterText(plan, context.text));
  return detailed && hasUndocumented(plan) ? EXIT.attention : EXIT.done;
}

async function readRecording(path: string, named: string): Promise<string> {
  return readFile(path, "utf8").catch((cause: unknown) => {
    throw new Failure(`the snapshot ${named} cannot be read`, {
      code: "Usage",
      stage: "fetch",
      hint: "Record one with `runtime-agent snapshot --out FILE`.",
      cause,
    });
  });
}
