/** `install`: the manifests that run the agent in a cluster and wire the GitOps tool; needs no connection. */

import { readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Command, Option } from "commander";
import { Failure } from "../common/failure.js";
import { makeFolder } from "../common/make-folder.js";
import { packageVersion } from "../common/package-root.js";
import {
  fileTexts,
  type GitOpsTool,
  HEAD,
  type InstallOptions,
  installFiles,
  installSettings,
  nextSteps,
  streamText,
  VARYING_FILE_NAMES,
} from "../install/index.js";
import { EXIT } from "../report/index.js";
import type { Context } from "./context.js";
import type { Register } from "./run.js";

interface InstallFlags extends Pick<InstallOptions, "as"> {
  readonly gitops?: GitOpsTool;
  readonly takeOver?: boolean;
  readonly image: string;
  readonly namespace?: string;
  readonly out?: string;
}

/** An example of where the image may be: nothing there is promised. */
export const exampleImage = (version: string) => `ghcr.io/kyma-project/runtime-agent:${version}`;

export function installCommand(register: Register): void {
  const command = new Command("install")
    .description("write the manifests that run the agent in a cluster and wire the GitOps tool; connects to nothing")
    .addOption(
      new Option("--as <kind>", "what runs it: one cycle each time, or cycles on its own schedule")
        .choices(["cronjob", "deployment"])
        .default("cronjob"),
    )
    .addOption(
      new Option(
        "--gitops <tool>",
        "write wiring for the tool that applies what it commits, named runtime-agent (default: none)",
      ).choices(["flux", "argocd", "none"]),
    )
    .option("--out <folder>", "write files with a kustomization.yaml into this folder (default: stdout)")
    .option("--take-over", "in the place of the Go agent: read its configuration, leave its definitions as they are")
    .option("--image <name>", "the image; the default is an example, put yours there", exampleImage(packageVersion()))
    .option("--namespace <name>", "of the agent (default: state.kubernetes.namespace, else kyma-system)")
    .addHelpText("after", "\nExample:\n  runtime-agent install --as deployment --gitops flux | kubectl apply -f -");
  register(command, install);
}

async function install(context: Context, { as, gitops, takeOver = false, image, ...flags }: InstallFlags) {
  requireImage(image);
  const place = flags.namespace === undefined ? {} : { "state.kubernetes.namespace": flags.namespace };
  const loaded = await context.load(place);
  const settings = installSettings(loaded, { as, gitops: gitops ?? null, takeOver, image });
  const files = await installFiles(settings);
  const manifests = files.flatMap((file) => file.manifests);
  const { out } = flags;
  const next = nextSteps(settings, out ?? null);

  if (out !== undefined) await writeFiles(resolve(context.cwd, out), out, fileTexts(files));
  if (context.options.output !== "text") {
    context.answer({ kind: "InstallManifests", version: 1, manifests, next }, "");
  } else {
    if (out === undefined) context.stdout.write(streamText(manifests));
    context.tellWarnings();
  }
  context.tell("Next:");
  for (const [index, step] of next.entries()) context.tell(`${index + 1}. ${step}`);
  return EXIT.done;
}

const IMAGE = /^[a-z0-9][\w.:/@-]*$/i;

function requireImage(image: string): void {
  if (IMAGE.test(image)) return;
  throw usage("--image is not the name of an image", `Give it as ${exampleImage("1.2.3")}.`);
}

/** Overwrites what an earlier installation wrote, and takes away what is no part of this one; nothing else. */
async function writeFiles(folder: string, named: string, texts: ReadonlyMap<string, string>): Promise<void> {
  const all = new Set([...texts.keys(), ...VARYING_FILE_NAMES]);
  try {
    await makeFolder(folder);
    const before = await Promise.all(
      [...all].map(async (name) => [name, await readFile(join(folder, name), "utf8").catch(() => null)] as const),
    );
    const foreign = before.find(([name, text]) => texts.has(name) && text !== null && !text.includes(HEAD));
    if (foreign !== undefined) {
      throw usage(
        `${join(named, foreign[0])} was not written by install`,
        "Name another folder with --out, or move that file away.",
      );
    }
    const stale = before.filter(([name, text]) => !texts.has(name) && text?.includes(HEAD) === true);
    for (const [name] of stale) await rm(join(folder, name));
    for (const [name, text] of texts) await writeFile(join(folder, name), text);
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw usage(`the folder ${named} cannot be written`, "Name a folder in which you may write.", cause);
  }
}

const usage = (message: string, hint: string, cause?: unknown) =>
  new Failure(message, { code: "Usage", stage: "config", hint, cause });
