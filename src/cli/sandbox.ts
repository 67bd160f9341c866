/** `sandbox`: the embedded Compass alone, until it is stopped. */

import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { paint } from "../report/index.js";
import { type FaultName, faultNames, startSandbox } from "../sandbox/index.js";
import type { Context } from "./context.js";
import type { Register } from "./run.js";

interface SandboxFlags {
  readonly applications: number;
  readonly snapshot?: string;
  readonly port?: number;
  readonly directory?: string;
  readonly fault?: readonly FaultName[];
}

export function wholeNumber(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError("It is not a whole number.");
  return Number(text);
}

function faultName(text: string, before: readonly FaultName[] = []): readonly FaultName[] {
  const known = faultNames.find((name) => name === text);
  if (known === undefined) throw new InvalidArgumentError(`Known are: ${faultNames.join(", ")}.`);
  return [...before, known];
}

export function sandboxCommand(register: Register): void {
  const command = new Command("sandbox")
    .description("the embedded Compass on loopback: Connector, Director and a certificate authority of its own")
    .option("--applications <number>", "size of the generated landscape", wholeNumber, 5)
    .option("--snapshot <file>", "serve this recorded snapshot instead; it is read again when it changes")
    .option("--port <port>", "first of three ports (default: any free ones)", wholeNumber)
    .option("--directory <folder>", "where it keeps its state (default: a new temporary folder)")
    .option("--fault <name>", "a fault to begin with; may be given again", faultName)
    .addHelpText("after", "\nExample:\n  runtime-agent sandbox --applications 20 --directory ./compass");
  register(command, sandbox);
}

async function sandbox(context: Context, flags: SandboxFlags): Promise<number> {
  const { cwd, signal, text } = context;
  const directory =
    flags.directory === undefined
      ? await mkdtemp(join(tmpdir(), "runtime-agent-sandbox-"))
      : resolve(cwd, flags.directory);
  const running = await startSandbox({
    directory,
    applications: flags.applications,
    onComplaint: (complaint) => context.tell(`${complaint}: serving what it was before`),
    ...(flags.port === undefined ? {} : { port: flags.port }),
    faults: (flags.fault ?? []).map((name) => ({ name })),
    ...(flags.snapshot === undefined ? {} : { snapshot: resolve(cwd, flags.snapshot) }),
  });
  const { connectorURL, secureConnectorURL, directorURL, token, runtimeID, tenant, ca, control, snapshotFile } =
    running;
  context.answer(
    { connectorURL, secureConnectorURL, directorURL, token, runtimeID, tenant, ca, directory, control },
    [
      `${paint(text, "bold", "Compass sandbox is running")}; stop it with Ctrl-C.`,
      `  connector    ${connectorURL}`,
      `  director     ${directorURL}`,
      `  runtime ID   ${runtimeID}`,
      `  tenant       ${tenant}`,
      `  authority    ${ca}`,
      `  landscape    ${snapshotFile}  (edit it: the next request sees the change)`,
      `  token        ${token}  (good for one pairing; more: curl -X POST ${control}/token)`,
      "",
    ].join("\n"),
  );
  if (!signal.aborted) await once(signal, "abort");
  await running.close();
  return 0;
}
