/** Runs tutorials as they stand: their commands in order, and what they say is written looked for in what was. */

import { spawn } from "node:child_process";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { aFolder } from "./world.js";

const root = join(import.meta.dirname, "..", "..");
export const folder = join(root, "docs", "tutorials");
export const CLOSING = "When you are done";

/** One fence of commands, with what it says of them. */
export interface Step {
  /** File and heading, to find it. */
  readonly place: string;
  readonly commands: string;
  /** Of its last command; all before it end with 0. */
  readonly exit: number;
  /** In this order; `…` stands for anything. */
  readonly output: readonly string[];
  /** It asks an API server. */
  readonly needsCluster: boolean;
}

const FENCE = /^## (?<heading>.*)$|^```(?<kind>sh|text)(?<info>.*)\n(?<body>[\s\S]*?)^```$/gm;

export function stepsOf(name: string, text: string): Step[] {
  const steps: Step[] = [];
  let place = name;
  for (const { groups = {} } of text.matchAll(FENCE)) {
    const { heading, kind, info = "", body = "" } = groups;
    if (heading !== undefined) place = `${name}, ${heading}`;
    else if (kind === "sh") {
      const [, exit = "0"] = /^ exit=(\d+)$/.exec(info) ?? [];
      const needsCluster = info === " cluster";
      if (info !== "" && !needsCluster && !info.startsWith(" exit=")) throw new Error(`${place}: what is "${info}"?`);
      steps.push({ place, commands: body, exit: Number(exit), output: [], needsCluster });
    } else {
      const last = steps.pop();
      if (last === undefined) throw new Error(`${place}: output before any command`);
      const output = body.split("\n").filter((line) => line.trim() !== "");
      steps.push({ ...last, output: [...last.output, ...output] });
    }
  }
  return steps;
}

export async function read(name: string): Promise<Step[]> {
  return stepsOf(name, await readFile(join(folder, name), "utf8"));
}

/** What to paste into a terminal: each step's output goes to a file of its own, the first wrong exit code ends it. */
function scriptOf(steps: readonly Step[], outputs: string): string {
  const parts = steps.map(({ place, commands, exit }, index) => {
    const into = `exec > '${outputs}/${index}' 2>&1\n`;
    if (exit === 0) return `${into}${commands}`;
    // One command alone: of several, which one fails would not be known.
    if (commands.trim().split("\n").length !== 1) throw new Error(`${place}: an exit code is that of one command`);
    return `${into}set +e\n${commands}code=$?\nset -e\nif [ $code != ${exit} ]; then echo "exit code $code, not ${exit}"; exit 1; fi\n`;
  });
  return parts.join("");
}

interface Run {
  readonly code: number | null;
  /** What each step wrote; one that was not reached is missing. */
  readonly outputs: readonly string[];
}

/** Where `kubectl` and what else is needed is, and what it is configured by. */
export interface ClusterAccess {
  /** Folders, as PATH has them. */
  readonly bin: string;
  readonly kubeconfig: string;
  /** Of the environment, beside KUBECONFIG. @default none */
  readonly variables?: Readonly<Record<string, string>>;
}

/** In a fresh folder, with `runtime-agent` as a command and nothing of the tester's but git and node. */
export async function runSteps(steps: readonly Step[], cluster: ClusterAccess | null): Promise<Run> {
  const place = await aFolder();
  const [bin, outputs, temporary] = [join(place, "bin"), join(place, "outputs"), join(place, "tmp")];
  for (const made of [bin, outputs, temporary]) await mkdir(made);
  const agent = join(bin, "runtime-agent");
  await writeFile(agent, `#!/bin/sh\nexec '${process.execPath}' '${join(root, "dist/src/main.js")}' "$@"\n`);
  await chmod(agent, 0o755);
  const script = join(place, "script");
  await writeFile(script, scriptOf(steps, outputs));

  const child = spawn("bash", ["-e", script], {
    cwd: temporary,
    // A group of its own, so that what a tutorial leaves behind ends with it.
    detached: true,
    stdio: "ignore",
    env: {
      PATH: [bin, ...(cluster === null ? [] : [cluster.bin]), dirname(process.execPath), process.env.PATH].join(":"),
      ...(cluster === null ? {} : { KUBECONFIG: cluster.kubeconfig, ...cluster.variables }),
      HOME: temporary,
      TMPDIR: temporary,
      GIT_CONFIG_NOSYSTEM: "1",
    },
  });
  const end = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    } catch {
      // Nothing of it runs any more.
    }
  };
  onTestFinished(end);
  const code = await new Promise<number | null>((resolve) => child.on("exit", resolve));
  end();
  const reached = await readdir(outputs);
  const written = steps.slice(0, reached.length).map((_, index) => readFile(join(outputs, String(index)), "utf8"));
  return { code, outputs: await Promise.all(written) };
}

const QUOTED = /[.*+?^${}()|[\]\\]/g;

/** The lines of a fence that were not written, each looked for behind the one before. */
function missing(expected: readonly string[], output: string): string[] {
  const written = output.split("\n").map((line) => line.trim());
  return expected.filter((line) => {
    const parts = line.trim().replaceAll(QUOTED, "\\$&").split("…").join(".*");
    const found = written.findIndex((each) => new RegExp(`^${parts}$`).test(each));
    if (found >= 0) written.splice(0, found + 1);
    return found < 0;
  });
}

/** Everything that is not as the text says, with the place; empty when all is. Without a cluster, what asks one is left out. */
export async function faultsOf(all: readonly Step[], cluster: ClusterAccess | null = null): Promise<string[]> {
  const steps = all.filter(({ needsCluster }) => cluster !== null || !needsCluster);
  const { code, outputs } = await runSteps(steps, cluster);
  const faults = steps.slice(0, outputs.length).flatMap(({ place, output }, index) => {
    const written = outputs[index] ?? "";
    return missing(output, written).map((line) => `${place}: "${line}" is not in:\n${written}`);
  });
  const last = outputs.length - 1;
  if (code !== 0 || outputs.length < steps.length) {
    faults.push(`${steps[last]?.place}: ended with ${code} after:\n${steps[last]?.commands}${outputs[last]}`);
  }
  return faults;
}

const index = await read("README.md");
const isClosing = ({ place }: Step) => place.endsWith(CLOSING);
export const opening = index.filter((step) => !isClosing(step));
export const closing = index.filter(isClosing);
export const FIRST = "establish.md";

/** A tutorial from its beginning, which is the end of the first one, to the end of all. */
export async function whole(name: string): Promise<Step[]> {
  const before = name === FIRST ? [] : await read(FIRST);
  return [...opening, ...before, ...(await read(name)), ...closing];
}
