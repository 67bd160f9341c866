/** A world for the agent as users run it: Compass, a repository, a configuration file, and the agent, in this process or its own. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import { formatDocument, parseYaml } from "../../src/adapters/yaml/index.js";
import { run as runHere } from "../../src/cli/run.js";
import { systemClock } from "../../src/common/clock.js";
import { type Sandbox, type SandboxOptions, startSandbox } from "../../src/sandbox/index.js";
import { createBareRepository, git, gitBytes } from "../fakes/git-server.js";

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly cwd?: string;
  /** Another compiled agent. @default this package's */
  readonly main?: string;
  readonly onChild?: (child: ChildProcess) => void;
  readonly signalAfter?: { readonly text: string; readonly signal: NodeJS.Signals };
}

const ROOT = join(import.meta.dirname, "..", "..");
const MAIN = join(ROOT, "dist", "src", "main.js");

/** Of compiled code, between runs: a fifth of what a short command takes. */
const COMPILE_CACHE = join(ROOT, "node_modules", ".cache", "compiled");

/** Runs `runtime-agent …` to its end, with an environment that holds nothing of the tester's. */
export async function agent(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const { env = {}, input = "", cwd = tmpdir(), main = MAIN, signalAfter } = options;
  const { onChild } = options;
  const child = spawn(process.execPath, [main, ...args], {
    cwd,
    env: { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR, NODE_COMPILE_CACHE: COMPILE_CACHE, ...env },
    stdio: "pipe",
  });
  onChild?.(child);
  child.stdin.end(input);
  if (signalAfter !== undefined) {
    const onData = (chunk: Buffer) => {
      if (chunk.toString().includes(signalAfter.text)) child.kill(signalAfter.signal);
    };
    child.stdout.on("data", onData);
    child.stderr.on("data", onData);
  }
  const code = new Promise<number | null>((resolve) => child.on("close", resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, stdout, stderr };
}

/**
 * The same command by the same way in, `run` of the command line, without a process of its own: a third of the time.
 * What is of the process alone (signals, kills, arguments that others see, its locale) is seen by `agent` only.
 */
export async function agentHere(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const { env = {}, input = "", cwd = tmpdir() } = options;
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const said = Promise.all([text(stdout), text(stderr)]);
  const code = await runHere(args, {
    stdout,
    stderr,
    stdin: Readable.from([Buffer.from(input)]),
    env: { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR, ...env },
    cwd,
    clock: systemClock,
    signal: new AbortController().signal,
    onHangup: () => {},
  });
  stdout.end();
  stderr.end();
  const [told, logged] = await said;
  return { code, stdout: told, stderr: logged };
}

export async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "agent-e2e-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export interface World {
  readonly folder: string;
  readonly sandbox: Sandbox;
  readonly repository: string;
  readonly config: string;
  /** Runs the agent with the configuration: in this process, unless the world or an option asks for one of its own. */
  run(args: readonly string[], options?: RunOptions): Promise<Run>;
  pair(): Promise<Run>;
  /** Ends everything that runs at once, as an outage does. */
  kill(): void;
  /** Files under `git.path` on main, as text by path. */
  files(): Promise<Map<string, string>>;
  commits(): Promise<number>;
  /** Paths that the latest commit touched, relative to `git.path`. */
  touched(): Promise<string[]>;
  /** Edits what Compass serves. */
  edit(change: (landscape: Landscape) => void): Promise<void>;
  fault(...faults: readonly object[]): Promise<void>;
}

export interface Landscape {
  applications: {
    id: string;
    name: string;
    description: string | null;
    auths: unknown;
    bundles: LandscapeBundle[];
  }[];
}

interface LandscapeBundle {
  id: string;
  name: string;
  apiDefinitions: unknown[];
  eventDefinitions: unknown[];
  defaultInstanceAuth: unknown;
  [field: string]: unknown;
}

export interface WorldOptions {
  readonly sandbox?: Partial<SandboxOptions>;
  /** A snapshot to copy and serve. */
  readonly snapshot?: string;
  /** Merged over the configuration. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Runs the agent as a process of its own (`agent`), not in this one. @default false */
  readonly asProcess?: boolean;
}

export const GIT_PATH = "clusters/test";
export const RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

export async function aWorld({
  sandbox: given = {},
  snapshot,
  settings = {},
  asProcess = false,
}: WorldOptions = {}): Promise<World> {
  const folder = await aFolder();
  const served = join(folder, "served.json");
  if (snapshot !== undefined) await writeFile(served, await readFile(snapshot));
  const sandbox = await startSandbox({
    directory: join(folder, "compass"),
    ...(snapshot === undefined ? {} : { snapshot: served }),
    ...given,
  });
  onTestFinished(() => sandbox.close());
  const repository = await createBareRepository(folder, "repository.git");
  const config = join(folder, "agent.yaml");
  const document = {
    version: 1,
    runtime: { id: sandbox.runtimeID, tenant: sandbox.tenant },
    compass: { connectorURL: sandbox.connectorURL, ca: { file: sandbox.ca } },
    state: { directory: join(folder, "state") },
    git: { url: repository, path: GIT_PATH },
    secrets: { mode: "sops", sops: { age: [RECIPIENT] } },
    certificate: { keySize: 2048 },
    ...settings,
  };
  await writeFile(config, formatDocument(document));
  const children = new Set<ChildProcess>();
  const run: World["run"] = (args, options = {}) => {
    const { main, onChild: given, signalAfter, env = {} } = options;
    // Where programs and temporary files are found is the process's own.
    const isElsewhere = env.PATH !== undefined || env.TMPDIR !== undefined;
    const isOfProcess =
      asProcess || isElsewhere || main !== undefined || given !== undefined || signalAfter !== undefined;
    if (!isOfProcess) return agentHere(["--config", config, ...args], options);
    const onChild = (child: ChildProcess) => {
      children.add(child);
      child.on("close", () => children.delete(child));
      options.onChild?.(child);
    };
    return agent(["--config", config, ...args], { ...options, onChild });
  };
  return {
    folder,
    sandbox,
    repository,
    config,
    run,
    pair: async () => run(["pair", "--token-file", "-"], { input: await freshToken(sandbox) }),
    kill: () => {
      for (const child of children) child.kill("SIGKILL");
    },
    files: async () => {
      const listed = await git(repository, "ls-tree", "-r", "-z", "--name-only", `main:${GIT_PATH}`);
      const paths = listed.split("\0").filter((path) => path !== "");
      const files = new Map<string, string>();
      for (const path of paths) {
        files.set(path, (await gitBytes(repository, "cat-file", "blob", `main:${GIT_PATH}/${path}`)).toString("utf8"));
      }
      return files;
    },
    commits: async () => Number(await git(repository, "rev-list", "--count", "main").catch(() => "0")),
    touched: async () => {
      const names = await git(repository, "show", "--format=", "--name-only", "main");
      return names.split("\n").map((name) => name.slice(GIT_PATH.length + 1));
    },
    edit: async (change) => {
      const landscape = JSON.parse(await readFile(sandbox.snapshotFile, "utf8")) as Landscape;
      change(landscape);
      await writeFile(sandbox.snapshotFile, JSON.stringify(landscape));
    },
    fault: async (...faults) => {
      const answer = await fetch(`${sandbox.control}/faults`, { method: "POST", body: JSON.stringify(faults) });
      if (!answer.ok) throw new Error(`the sandbox refused the faults: ${await answer.text()}`);
    },
  };
}

export async function freshToken(sandbox: Sandbox): Promise<string> {
  const answer = await fetch(`${sandbox.control}/token`, { method: "POST" });
  return ((await answer.json()) as { token: string }).token;
}

export interface KubernetesObject {
  kind: string;
  metadata: { name: string; [field: string]: unknown };
  data?: Record<string, string>;
  [field: string]: unknown;
}

export function parseObject(text: string): KubernetesObject {
  return parseYaml(text, { file: "a manifest", stage: "base", code: "Internal" }) as KubernetesObject;
}
