/** `demo`: the whole story on one screen, on the embedded Compass and a local repository. */

import { Command } from "commander";
import { silentLogger } from "../common/logger.js";
import { tellStory } from "../demo/story.js";
import type { Context } from "./context.js";
import type { Register } from "./run.js";
import { wholeNumber } from "./sandbox.js";

interface DemoFlags {
  readonly applications: number;
  readonly directory?: string;
  readonly keepRunning?: boolean;
}

export function demoCommand(register: Register): void {
  const command = new Command("demo")
    .description("the main job end to end, with an embedded Compass and a local Git repository")
    .option("--applications <number>", "size of the landscape", wholeNumber, 5)
    .option("--directory <folder>", "where to play (default: a new temporary folder)")
    .option("--keep-running", "leave Compass running at the end, until Ctrl-C")
    .addHelpText("after", "\nExample:\n  runtime-agent demo --applications 20");
  register(command, demo);
}

async function demo(context: Context, flags: DemoFlags): Promise<number> {
  const { clock, signal, env, text, cwd, options } = context;
  // The story tells it all; who asks for a log gets one.
  const log = options.logLevel === undefined ? silentLogger : context.log;
  const { data, keepRunning } = await tellStory({
    ...flags,
    clock,
    signal,
    env,
    log,
    cwd,
    text,
    // The story is for people; a program gets its end.
    say: context.options.output === "text" ? (line) => context.stdout.write(`${line}\n`) : () => undefined,
  });
  if (context.options.output !== "text") context.answer(data, "");
  await keepRunning();
  return 0;
}
