/** `approve`: lets exactly one held set pass, once. */

import { Command } from "commander";
import { secretNameOf } from "../base/index.js";
import { Failure } from "../common/failure.js";
import { forTerminal } from "../common/quote.js";
import { parseDuration } from "../config/index.js";
import { EXIT, paint } from "../report/index.js";
import { openState } from "../setup.js";
import type { HeldSet, HeldUnit } from "../state/index.js";
import { changeMemory } from "./change-memory.js";
import { confirm } from "./confirm.js";
import type { Context } from "./context.js";
import type { Register } from "./run.js";

interface ApproveFlags {
  readonly expires: string;
  readonly yes?: boolean;
}

export function approveCommand(register: Register): void {
  const command = new Command("approve")
    .description("let exactly the held set with that hash pass with the next sync, once")
    .argument("<hash>", "as `sync`, `plan` and `status` show it")
    .option("--expires <duration>", "how long the approval holds", "24h")
    .option("--yes", "do not ask")
    .addHelpText("after", "\nExample:\n  runtime-agent approve 0f2c1b1e6a554f37 --expires 1h");
  register(command, approve);
}

/** Names shown before it counts. */
const SHOWN = 20;

async function approve(
  context: Context,
  { expires, yes = false }: ApproveFlags,
  [hash = ""]: string[],
): Promise<number> {
  const { clock, text } = context;
  const duration = parseDuration(expires);
  if (!("value" in duration) || duration.value <= 0)
    throw usage("--expires is not a duration", "Give it as 30m, 24h or 7d.");
  const config = await context.resolve();
  const state = openState(config, context.env, context.signal);
  const hold = heldBy(hash, (await state.memory()).hold);
  const names = hold.units.slice(0, SHOWN).map((unit) => `  ${describe(unit)}`);
  if (hold.units.length > SHOWN) names.push(`  and ${hold.units.length - SHOWN} more`);
  if (!yes) await confirm(context, [`Held since ${hold.since}:`, ...names, "Let them pass?"].join("\n"));

  const until = new Date(clock.now().getTime() + duration.value).toISOString();
  await changeMemory(context, config, (memory) => {
    const current = heldBy(hash, memory.hold);
    const others = memory.approvals.filter((each) => each.hash !== current.hash);
    return { ...memory, approvals: [...others, { hash: current.hash, expires: until }] };
  });
  const done = paint(text, ["green", "bold"], "Approved");
  context.answer(
    { kind: "Approval", version: 1, hash, count: hold.units.length, expires: until },
    `${done} until ${until}; the next sync lets these pass if they are still exactly what is held:\n${names.join("\n")}\n`,
  );
  return EXIT.done;
}

/** Throws `NothingHeld` unless this is the hash of what is held. */
function heldBy(hash: string, hold: HeldSet | null): HeldSet {
  if (hold?.hash === hash) return hold;
  throw new Failure(
    hold === null ? "nothing is held that could be approved" : "that is not the hash of what is held now",
    {
      code: "NothingHeld",
      stage: "plan",
      hint:
        hold === null
          ? "Run `runtime-agent sync` first: its answer has the hash of what it holds."
          : `What is held now is ${hold.hash}: look at it with \`runtime-agent status\`, then approve that.`,
    },
  );
}

const describe = ({ name, secret }: HeldUnit) =>
  forTerminal(secret === null ? name : `${name}, its Secret ${secretNameOf(secret)}`, 200);

const usage = (message: string, hint: string) => new Failure(message, { code: "Usage", stage: "config", hint });
