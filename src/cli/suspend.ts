/** `suspend` and `resume`: stop writing to Git and go on, for everything or for one Application. */

import { Command } from "commander";
import { Failure } from "../common/failure.js";
import { own } from "../common/own.js";
import { forTerminal } from "../common/quote.js";
import { SUSPENDED_BY } from "../plan/index.js";
import { EXIT, paint } from "../report/index.js";
import type { Memory, Suspension } from "../state/index.js";
import { changeMemory } from "./change-memory.js";
import type { Context } from "./context.js";
import type { Register } from "./run.js";

interface SuspendFlags {
  readonly reason?: string;
}

export function suspendCommand(register: Register): void {
  const command = new Command("suspend")
    .description("stop writing to Git; certificate, fetch and plan go on")
    .argument("[name]", "one Application; default: everything")
    .option("--reason <text>", "why, for `status` and the notes of a sync")
    .addHelpText("after", '\nExample:\n  runtime-agent suspend mp-shop --reason "being moved by hand"');
  register(command, suspend);
}

export function resumeCommand(register: Register): void {
  const command = new Command("resume")
    .description("go on writing to Git; with a name also what a person put back to an older version")
    .argument("[name]", "one Application; default: what was suspended as a whole")
    .addHelpText("after", "\nExample:\n  runtime-agent resume mp-shop");
  register(command, resume);
}

async function suspend(context: Context, { reason }: SuspendFlags, [name]: string[]): Promise<number> {
  const config = await context.resolve();
  const suspension: Suspension = { since: context.clock.now().toISOString(), reason: reason ?? null };
  await changeMemory(context, config, (memory) => {
    const { everything, applications } = memory.suspended;
    const suspended =
      name === undefined
        ? { everything: suspension, applications }
        : { everything, applications: { ...applications, [name]: suspension } };
    return { ...memory, suspended };
  });
  const what = name === undefined ? "everything" : forTerminal(name, 63);
  const how = name === undefined ? "runtime-agent resume" : `runtime-agent resume ${what}`;
  context.answer(
    { kind: "Suspension", version: 1, name: name ?? null, suspended: true, ...suspension },
    `${paint(context.text, ["yellow", "bold"], "Suspended")} ${what}: nothing of it is written until \`${how}\`\n`,
  );
  return EXIT.done;
}

async function resume(context: Context, _flags: object, [name]: string[]): Promise<number> {
  const config = await context.resolve();
  await changeMemory(context, config, (memory) =>
    name === undefined ? resumeEverything(memory) : resumeOne(memory, name),
  );
  const what =
    name === undefined
      ? "everything but what is suspended by name; the next sync writes to Git again"
      : `${forTerminal(name, 63)}; from the next sync on it is written as Compass has it, or deleted by its rule where Compass does not list it`;
  context.answer(
    { kind: "Suspension", version: 1, name: name ?? null, suspended: false },
    `${paint(context.text, ["green", "bold"], "Resumed")} ${what}\n`,
  );
  return EXIT.done;
}

function resumeEverything(memory: Memory): Memory {
  const { everything, applications } = memory.suspended;
  if (everything === null) {
    throw nothing(
      "nothing is suspended as a whole",
      `What ${SUSPENDED_BY.setting}, ${SUSPENDED_BY.file} or ${SUSPENDED_BY.annotation} suspends is resumed there.`,
    );
  }
  return { ...memory, suspended: { everything: null, applications } };
}

function resumeOne(memory: Memory, name: string): Memory {
  const { [name]: _, ...applications } = memory.suspended.applications;
  const reverted = revertsOf(memory, name);
  if (own(memory.suspended.applications, name) === undefined && reverted.length === 0) {
    throw nothing(
      `${forTerminal(name, 63)} is neither suspended nor held as Reverted`,
      "Its name stands in the answer of `sync` and `status`.",
    );
  }
  return {
    ...memory,
    suspended: { ...memory.suspended, applications },
    reverted: {
      ...memory.reverted,
      ...Object.fromEntries(reverted.map(([each, entry]) => [each, { ...entry, resumed: true }])),
    },
  };
}

/** Those of the name, and of what else the same Application was called: a rename that is taken back is one thing. */
function revertsOf({ reverted }: Memory, name: string) {
  const intent = own(reverted, name)?.intent;
  return Object.entries(reverted).filter(
    ([each, entry]) => each === name || (intent !== undefined && intent !== "" && entry.intent === intent),
  );
}

const nothing = (message: string, hint: string) => new Failure(message, { code: "NothingHeld", stage: "plan", hint });
