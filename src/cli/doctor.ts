/** `doctor`: what stands in the way of a sync, and the mend. */

import { Command } from "commander";
import { forTerminal } from "../common/quote.js";
import { examine } from "../doctor.js";
import { EXIT, paint } from "../report/index.js";
import type { Verdict } from "../verdict.js";
import type { Context } from "./context.js";
import type { Register } from "./run.js";

export function doctorCommand(register: Register): void {
  const command = new Command("doctor")
    .alias("check")
    .description("every precondition with a verdict and the mend; spends no token and changes nothing")
    .addHelpText("after", "\nExample:\n  runtime-agent doctor --config agent.yaml");
  register(command, doctor);
}

const COLORS = { ok: "green", warning: "yellow", failed: "red", skipped: "dim" } as const satisfies Record<
  Verdict,
  string
>;

/** Wider than the longest name of a check. */
const COLUMN = 20;

/** Several things can be wrong with one precondition, each with its mend. */
const LINE = 4_000;

async function doctor(context: Context): Promise<number> {
  const { config, failure } = await context.resolveWhatCanBe();
  const { env, clock, signal } = context;
  const checks = await examine({ config, unresolved: failure, env, clock, signal });
  const failed = checks.some(({ verdict }) => verdict === "failed");
  const lines = checks.map(({ check, verdict, message, mend }) => {
    const word = paint(context.text, COLORS[verdict], verdict.padEnd(9));
    const line = `${word}${check.padEnd(COLUMN)}${forTerminal(message, LINE)}\n`;
    return mend === null ? line : `${line}${" ".repeat(9)}${"mend".padEnd(COLUMN)}${forTerminal(mend, LINE)}\n`;
  });
  context.answer({ kind: "Examination", version: 1, healthy: !failed, checks }, lines.join(""));
  return failed ? EXIT.failed : EXIT.done;
}
