/** `config view|schema|validate`. */

import { Argument, Command } from "commander";
import { configSchema, viewData, viewText } from "../config/index.js";
import { requireHost } from "../git-host.js";
import { paint } from "../report/index.js";
import type { Context } from "./context.js";
import type { Register } from "./run.js";

const subjects = {
  view: async (context: Context) => {
    const loaded = await context.load();
    context.answer(viewData(loaded), viewText(loaded));
  },
  schema: async (context: Context) => {
    const schema = configSchema();
    context.answer(schema, `${JSON.stringify(schema, null, 2)}\n`);
  },
  validate: async (context: Context) => {
    const { file, config } = await context.load();
    requireHost(config);
    const done = paint(context.text, ["green", "bold"], "Valid:");
    context.answer(
      { kind: "Validation", version: 1, file, valid: true },
      `${done} ${file ?? "environment and defaults"}\n`,
    );
  },
};

export function configCommand(register: Register): void {
  const command = new Command("config")
    .description(
      "view: the effective configuration with the origin of each value; schema: its JSON Schema; validate: a check",
    )
    .addArgument(new Argument("<what>", "what to show").choices(Object.keys(subjects)))
    .addHelpText("after", "\nExample:\n  runtime-agent config view --config agent.yaml");
  register(command, async (context, _flags, [what]) => {
    await subjects[what as keyof typeof subjects](context);
    return 0;
  });
}
