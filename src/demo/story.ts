/** The demo: the main job end to end, told step by step, with everything real but Compass. */

import { once } from "node:events";
import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { createBareRepository } from "../adapters/git/index.js";
import { formatDocument } from "../adapters/yaml/index.js";
import type { Clock } from "../common/clock.js";
import { asFailure, Failure } from "../common/failure.js";
import type { Logger } from "../common/logger.js";
import { makeFolder } from "../common/make-folder.js";
import { packageVersion } from "../common/package-root.js";
import { replaceFile } from "../common/replace-file.js";
import { Secret } from "../common/secret.js";
import { type Config, loadConfig } from "../config/index.js";
import { type CycleResult, runCycle } from "../cycle.js";
import { pairIdentity } from "../pair-identity.js";
import { renewIdentity } from "../renew-identity.js";
import { count, diffFiles, diffText, type FileDiff, paint, type TextOptions } from "../report/index.js";
import { type Sandbox, startSandbox } from "../sandbox/index.js";
import type { Environment } from "../setup.js";
import { withState } from "../with-state.js";
import { addBroken, changeDescription, type Landscape, removeOne } from "./landscape-edits.js";

export interface StoryOptions {
  readonly applications: number;
  readonly directory?: string;
  readonly keepRunning?: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly env: Environment;
  readonly log: Logger;
  readonly cwd: string;
  readonly text: TextOptions;
  readonly say: (line: string) => void;
}

export interface StoryEnd {
  readonly data: {
    readonly kind: "Demo";
    readonly version: 1;
    readonly directory: string;
    readonly repository: string;
    readonly config: string;
    readonly commits: readonly string[];
  };
  /** Resolves when Compass is stopped: at once, or after Ctrl-C where it was to be kept running. */
  readonly keepRunning: () => Promise<void>;
}

/** Plays the story and tells it line by line. Throws a `Failure`; Compass is stopped then. */
export async function tellStory(options: StoryOptions): Promise<StoryEnd> {
  const { text, say, signal, clock, env, log } = options;
  const place = await stage(options);
  const { sandbox, repository, configFile, config, directory } = place;
  const commits: string[] = [];
  let step = 0;
  const next = (title: string) =>
    say(`${step++ === 0 ? "" : "\n"}${paint(text, ["bold", "cyan"], `${step}. ${title}`)}`);
  const cycle = async () => {
    const result = await runCycle({ config, env, clock, signal, log, version: packageVersion(), withChanges: true });
    if (result.outcome.failure !== null) throw failed(result.outcome.failure);
    if (result.outcome.commit !== null) commits.push(result.outcome.commit.id);
    return result;
  };
  try {
    next("Compass runs, with a landscape of its own");
    say(`   ${count(options.applications, "Application")} for runtime ${sandbox.runtimeID}`);

    next("The agent pairs: a one-time token for a client certificate");
    const token = Secret.of(sandbox.token);
    const paired = await withState({ config, env, clock, signal, log }, (state) =>
      pairIdentity({ config, env, clock, signal, state, token, onHost: () => undefined }),
    );
    say(`   certificate of ${paired.commonName}, valid until ${paired.notAfter.toISOString().slice(0, 10)}`);

    next("First sync: everything Compass lists becomes one commit");
    tellCommit(options, await cycle());

    const edit = (change: (landscape: Landscape) => string) => editLandscape(sandbox.snapshotFile, change);
    const changed = await edit(changeDescription);
    next(`Somebody rewrites the description of ${changed} in Compass`);
    tellCommit(options, await cycle());

    const removed = await edit(removeOne);
    next(`${removed} is removed in Compass`);
    tellCommit(options, await cycle());

    const broken = await edit(addBroken);
    next(`One arrives whose name no Kubernetes object can have: ${broken}`);
    tellCommit(options, await cycle());

    next("The certificate is renewed, long before it expires: a new key, proven before the old one goes");
    const renewed = await withState({ config, env, clock, signal, log }, (state) =>
      renewIdentity({ config, env, clock, signal, state }),
    );
    say(`   the same client, valid until ${renewed.notAfter.toISOString().slice(0, 10)}`);
    tellCommit(options, await cycle());
  } catch (thrown) {
    await sandbox.close();
    throw asFailure(thrown, "report");
  }

  const command = "npm run --silent agent --";
  say("");
  say(paint(text, "bold", `The repository: ${repository}`));
  say("Three things to try:");
  say(`  git -C ${repository} log --stat`);
  say(`  git -C ${repository} show main:clusters/demo/kustomization.yaml`);
  say(
    options.keepRunning === true
      ? `  edit ${sandbox.snapshotFile}, then ${command} sync --config ${configFile}`
      : `  ${command} demo --keep-running --directory ./demo   (Compass stays; edit its landscape and sync again)`,
  );
  const keepRunning = async () => {
    if (options.keepRunning === true) {
      say("\nCompass keeps running until Ctrl-C.");
      if (!signal.aborted) await once(signal, "abort");
    }
    await sandbox.close();
  };
  return { data: { kind: "Demo", version: 1, directory, repository, config: configFile, commits }, keepRunning };
}

interface Place {
  readonly directory: string;
  readonly repository: string;
  readonly configFile: string;
  readonly config: Config;
  readonly sandbox: Sandbox;
}

/** Everything the story needs, in one folder: Compass, a bare repository, an age key, the agent's configuration. */
async function stage({ applications, directory: named, cwd, signal }: StoryOptions): Promise<Place> {
  const directory =
    named === undefined ? await mkdtemp(join(tmpdir(), "runtime-agent-demo-")) : await freshFolder(resolve(cwd, named));
  const repository = join(directory, "repository.git");
  await createBareRepository(repository, "main", signal);
  const sandbox = await startSandbox({ directory: join(directory, "compass"), applications });
  const identity = await generateX25519Identity();
  await writeFile(join(directory, "age.key"), `${identity}\n`, { mode: 0o600 });
  const configFile = join(directory, "agent.yaml");
  const settings = {
    version: 1,
    runtime: { id: sandbox.runtimeID, tenant: sandbox.tenant },
    compass: { connectorURL: sandbox.connectorURL, ca: { file: sandbox.ca } },
    state: { directory: join(directory, "state") },
    git: { url: repository, branch: "main", path: "clusters/demo" },
    secrets: { mode: "sops", sops: { age: [await identityToRecipient(identity)] } },
    // So that the story need not wait half an hour; the defaults are slower on purpose.
    deletion: { mode: "sync", observations: 1, over: "0s" },
  };
  await writeFile(configFile, formatDocument(settings));
  const { config } = await loadConfig({ file: configFile, env: {}, cwd: directory });
  return { directory, repository, configFile, config, sandbox };
}

/** A story over the remains of another would not be the same story. */
async function freshFolder(folder: string): Promise<string> {
  try {
    await makeFolder(folder);
    await mkdir(join(folder, "compass"));
    return folder;
  } catch (cause) {
    const taken = cause instanceof Error && "code" in cause && cause.code === "EEXIST";
    throw new Failure(taken ? `${folder} holds an earlier demo` : `the folder ${folder} cannot be made`, {
      code: "Usage",
      stage: "config",
      hint: taken ? "Remove it, or name another folder with --directory." : "Name a folder in which you may write.",
      cause,
    });
  }
}

async function editLandscape(file: string, change: (landscape: Landscape) => string): Promise<string> {
  const landscape = JSON.parse(await readFile(file, "utf8")) as Landscape;
  const name = change(landscape);
  await replaceFile(file, `${JSON.stringify(landscape, null, 2)}\n`, 0o600);
  return name;
}

function failed(failure: NonNullable<CycleResult["outcome"]["failure"]>): Failure {
  const { message, ...rest } = failure;
  return new Failure(message, rest);
}

/** What a cycle did: who was set aside, what the commit holds, and the part of its diff that tells the story. */
function tellCommit({ text, say }: StoryOptions, { outcome, changes }: CycleResult): void {
  const { commit, applications } = outcome;
  for (const { name, reason } of applications.setAside) {
    say(`   ${paint(text, "yellow", "set aside")}: ${name} (${reason})`);
    say("   all others go on, and what Git holds of it would stay");
  }
  if (commit === null) {
    say("   nothing to commit");
    return;
  }
  const diffs = diffFiles(changes, { context: 0 });
  const ours = diffs.filter(({ path }) => path.startsWith("applications/"));
  say(`   commit ${paint(text, "yellow", commit.id.slice(0, 10))}: ${count(changes.length, "file")}`);
  for (const [sign, style, change] of SIGNS) tellFiles(ours, sign, (shown) => paint(text, style, shown), change, say);
  const told = tellingPart(diffs);
  const lines = diffText(told === null ? [] : [told], text, WIDTH)
    .trimEnd()
    .split("\n");
  for (const line of lines) say(`   ${line}`);
  say(`   … all of it: git show ${commit.id.slice(0, 10)}`);
}

/** Columns of a diff's line; the rest of a longer one says nothing new. */
const WIDTH = 92;

/** The part of a commit's diff that tells what happened; all of it is in the repository. */
function tellingPart(diffs: readonly FileDiff[]): FileDiff | null {
  const secret = diffs.find(({ path, change }) => change === "added" && path.includes("/secrets/"));
  // Of what is new, the part that people ask about first.
  if (secret !== undefined) return { ...secret, lines: secret.lines.slice(secret.lines.indexOf("+data:")) };
  const changed = diffs.find(({ path, change }) => change === "changed" && path.endsWith("/application.yaml"));
  const told = changed ?? diffs.find(({ path }) => path === "kustomization.yaml");
  return told === undefined ? null : { ...told, lines: told.lines.filter((line) => !line.startsWith("@@")) };
}

const SIGNS = [
  ["+", "green", "added"],
  ["~", "yellow", "changed"],
  ["-", "red", "deleted"],
] as const;

function tellFiles(
  diffs: readonly FileDiff[],
  sign: string,
  style: (text: string) => string,
  change: FileDiff["change"],
  say: (line: string) => void,
): void {
  const byFolder = Map.groupBy(
    diffs.filter((diff) => diff.change === change),
    ({ path }) => path.split("/")[1] ?? "",
  );
  for (const [name, files] of [...byFolder].slice(0, 6)) {
    const secrets = files.filter(({ path }) => path.includes("/secrets/")).length;
    say(`     ${style(sign)} ${name}${secrets > 0 ? ` with ${count(secrets, "sealed Secret")}` : ""}`);
  }
  if (byFolder.size > 6) say(`     ${style(sign)} and ${byFolder.size - 6} more`);
}
