/** `plan`: what a sync would do; writes nothing anywhere. */

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Command } from "commander";
import { Failure } from "../common/failure.js";
import { packageVersion } from "../common/package-root.js";
import { runCycle } from "../cycle.js";
import { parseSnapshot } from "../fetch/index.js";
import { diffFiles, diffText, exitCode, failureText, outcomeText } from "../report/index.js";
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
      .option("--base <folder>", "plan against a checkout's git.path instead of the repository")
      .option("--diff", "show the diff of every file, secrets masked")
      .option("--detailed-exit-code", "exit with 2 when there are changes")
      .addHelpText("after", `\nExample:\n  runtime-agent ${name} --snapshot landscape.json`);
    register(command, (context, flags: PlanFlags) => plan(context, { ...flags, ...(always ? { diff: true } : {}) }));
  }
}

async function plan(context: Context, flags: PlanFlags): Promise<number> {
  const { env, clock, signal, log, cwd } = context;
  const { snapshot: file, base, diff = false, detailedExitCode = false } = flags;
  if (base === "cluster") {
    throw new Failure("plan --base cluster is not built yet in this version", {
      code: "NotBuiltYet",
      stage: "config",
      hint: "For now, plan against the repository or a folder.",
    });
  }
  const config = await context.resolve();
  const { outcome, changes } = await runCycle({
    config,
    env,
    clock,
    signal,
    log,
    version: packageVersion(),
    planOnly: true,
    ...(file === undefined ? {} : { snapshot: parseSnapshot(await readRecording(resolve(cwd, file), file), file) }),
    ...(base === undefined ? {} : { baseFolder: resolve(cwd, base) }),
  });
  const diffs = diff ? diffFiles(changes) : [];
  const text = outcome.failure === null ? outcomeText(outcome, context.text) : "";
  context.answer(diff ? { ...outcome, diff: diffs } : outcome, diff ? `${diffText(diffs, context.text)}${text}` : text);
  if (outcome.failure !== null) context.stderr.write(failureText(outcome.failure, context.text));
  return exitCode(outcome, detailedExitCode);
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
