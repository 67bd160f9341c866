/** The program: names, help, global options, and one place where a failure becomes words and an exit code. */

import { Command, CommanderError, Option } from "commander";
import { asFailure, Failure } from "../common/failure.js";
import { packageVersion } from "../common/package-root.js";
import { requireVerification } from "../config/index.js";
import { describeFailure, EXIT, exitCodeOfFailure, failureText } from "../report/index.js";
import { approveCommand } from "./approve.js";
import { configCommand } from "./config.js";
import { type Context, createContext, type GlobalOptions, type World } from "./context.js";
import { daemonCommand } from "./daemon.js";
import { demoCommand } from "./demo.js";
import { doctorCommand } from "./doctor.js";
import { installCommand } from "./install.js";
import { pairCommand } from "./pair.js";
import { planCommand } from "./plan.js";
import { reconnectCommand, renewCommand, revokeCommand } from "./renew.js";
import { sandboxCommand } from "./sandbox.js";
import { snapshotCommand } from "./snapshot.js";
import { statusCommand } from "./status.js";
import { resumeCommand, suspendCommand } from "./suspend.js";
import { syncCommand } from "./sync.js";
import { uninstallCommand } from "./uninstall.js";
import { verifyCommand } from "./verify.js";

/** Adds a command: its action is given a context made from all options, and gives the exit code. */
export type Register = (
  command: Command,
  action: (context: Context, options: never, args: string[]) => Promise<number>,
) => void;

/** Runs one command. Never throws; everything that is wrong is told on stderr, and with `-o json` on stdout too. */
export async function run(args: readonly string[], world: World): Promise<number> {
  let code: number = EXIT.done;
  let context: Context | null = null;
  const program = new Command("runtime-agent")
    .description(
      "Keeps a Kyma runtime in step with Compass through Git: Applications and their credentials, rendered, sealed and committed.",
    )
    .version(packageVersion())
    .option(
      "--config <file>",
      "configuration file (RUNTIME_AGENT_CONFIG; default: agent.yaml in this folder, if there is one)",
    )
    .addOption(
      new Option("-o, --output <format>", "format of the result").choices(["text", "json", "yaml"]).default("text"),
    )
    .addOption(
      new Option("--log-level <level>", "what is logged to stderr").choices([
        "debug",
        "info",
        "warn",
        "error",
        "silent",
      ]),
    )
    .addOption(new Option("--log-format <format>", "format of the log").choices(["text", "json"]).default("text"))
    .option("--no-color", "no colours (also NO_COLOR)")
    .option("--quiet", "only results and errors")
    .showHelpAfterError("Run with --help for usage.")
    .addHelpText("after", "\nStart with `runtime-agent demo`. Exit codes, configuration and JSON: docs/reference/.")
    .configureOutput({
      writeOut: (text) => world.stdout.write(text),
      writeErr: (text) => world.stderr.write(text),
    })
    .exitOverride();

  const register: Register = (command, action) => {
    program.addCommand(
      command.copyInheritedSettings(program).action(async () => {
        context = createContext(world, command.optsWithGlobals() as GlobalOptions);
        requireVerification(world.env);
        code = await action(context, command.opts() as never, command.args);
      }),
    );
  };
  for (const add of [
    demoCommand,
    pairCommand,
    syncCommand,
    daemonCommand,
    planCommand,
    snapshotCommand,
    statusCommand,
    approveCommand,
    suspendCommand,
    resumeCommand,
    renewCommand,
    revokeCommand,
    reconnectCommand,
    installCommand,
    uninstallCommand,
    doctorCommand,
    verifyCommand,
    sandboxCommand,
    configCommand,
  ]) {
    add(register);
  }

  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) return tellFailure(thrown, world, context);
    if (thrown.exitCode === 0) return EXIT.done;
    // commander has told it on stderr, before there was a context.
    if (asksForJSON(args)) world.stdout.write(`${JSON.stringify(usageFailure(), null, 2)}\n`);
    return EXIT.usage;
  }
}

/** What `-o json` or `--output=json` looks like before the arguments could be parsed. */
const asksForJSON = (args: readonly string[]) =>
  args.some(
    (arg, index) => /^(-o|--output=)json$/.test(arg) || (/^(-o|--output)$/.test(arg) && args[index + 1] === "json"),
  );

const usageFailure = () => {
  const failure = new Failure("the command line is not right", {
    code: "Usage",
    stage: "config",
    hint: "stderr says what is wrong; --help shows what is allowed.",
  });
  return { kind: "Failure", version: 1, failure: describeFailure(failure) };
};

function tellFailure(thrown: unknown, world: World, context: Context | null): number {
  const failure = describeFailure(thrown);
  context?.log.endProgress();
  context?.log.debug("failed", { code: failure.code, cause: asFailure(thrown, "report").cause });
  if (context !== null && context.options.output !== "text") {
    context.answer({ kind: "Failure", version: 1, failure }, "");
  }
  world.stderr.write(
    failureText(failure, {
      color: world.stderr.isTTY === true && !world.env.NO_COLOR && context?.options.color !== false,
    }),
  );
  context?.tellWarnings();
  return exitCodeOfFailure(failure);
}
