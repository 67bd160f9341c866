/** `snapshot`: records the complete fetch as JSON. */

import { resolve } from "node:path";
import { Command } from "commander";
import { Failure } from "../common/failure.js";
import { packageVersion } from "../common/package-root.js";
import { replaceFile } from "../common/replace-file.js";
import { recordSnapshot } from "../cycle.js";
import { formatSnapshot } from "../fetch/index.js";
import { count } from "../report/index.js";
import { snapshotText } from "../snapshot-text.js";
import type { Context } from "./context.js";
import type { Register } from "./run.js";

interface SnapshotFlags {
  readonly out?: string;
  readonly withSecrets?: boolean;
}

export function snapshotCommand(register: Register): void {
  const command = new Command("snapshot")
    .description(
      "record everything Compass lists as JSON, secrets left out; for plan --snapshot, tests and bug reports",
    )
    .option("--out <file>", "write to this file, readable only by you (default: stdout)")
    .option("--with-secrets", "with the secret values: keep such a file as safe as the credentials themselves")
    .addHelpText("after", "\nExample:\n  runtime-agent snapshot --out landscape.json");
  register(command, snapshot);
}

async function snapshot(context: Context, { out, withSecrets = false }: SnapshotFlags): Promise<number> {
  const { env, clock, signal, log, cwd } = context;
  const config = await context.resolve();
  const recorded = await recordSnapshot({ config, env, clock, signal, log, version: packageVersion() });
  const { text, withheld } = withSecrets
    ? { text: formatSnapshot(recorded, { withSecrets }), withheld: [] }
    : await snapshotText(recorded, signal);
  if (withheld.length > 0) {
    const [first = "", ...more] = withheld;
    const where = `${first}${more.length === 0 ? "" : ` and ${more.length} more`}`;
    context.tell(
      `Warning: left out of the snapshot what repeats a secret value, which plan --snapshot cannot know: ${where}`,
    );
  }
  if (out === undefined) {
    context.stdout.write(text);
    context.tellWarnings();
    return 0;
  }
  const path = resolve(cwd, out);
  await writePrivate(path, text);
  const applications = recorded.applications.length;
  context.answer(
    { kind: "Recording", version: 1, file: path, applications, withSecrets },
    `Recorded ${count(applications, "Application")} in ${out}${withSecrets ? ", with their secrets" : ""}\n`,
  );
  return 0;
}

/** Readable by its owner alone: a file that was there before, readable by others, must not lend its mode to secrets. */
async function writePrivate(path: string, text: string): Promise<void> {
  try {
    await replaceFile(path, text, 0o600);
  } catch (cause) {
    throw new Failure(`the file ${path} cannot be written`, {
      code: "Usage",
      stage: "fetch",
      hint: "Name a file in an existing folder in which you may write.",
      cause,
    });
  }
}
