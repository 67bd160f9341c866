/** An agent that ends itself by SIGKILL at an await of its own code, whichever is asked for. */

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAst } from "vitest/node";
import { copyAgent } from "./agent-copy.js";

const SWITCH = `
import { appendFileSync } from "node:fs";
const { KILL_AT, KILL_LOG } = process.env;
const reached = new Map();
/** Counts how often each await is reached, and ends the process at the one asked for. */
globalThis.killSwitch = (site) => {
  const times = (reached.get(site) ?? 0) + 1;
  reached.set(site, times);
  if (KILL_LOG) appendFileSync(KILL_LOG, site + "\\n");
  if (KILL_AT === site + " " + times) process.kill(process.pid, "SIGKILL");
};
`;

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/** Every node of a tree of syntax. */
function* nodesOf(value: unknown): Generator<Node> {
  if (typeof value !== "object" || value === null) return;
  if ("type" in value && typeof value.type === "string") yield value as Node;
  for (const inner of Object.values(value)) yield* nodesOf(inner);
}

/** A copy of the agent in which each `await X` is `(killSwitch("file:offset"), await X)`. */
export async function switchedAgent(folder: string): Promise<string> {
  const copy = await copyAgent(folder);
  const root = join(copy, "dist", "src");
  for (const name of await readdir(root, { recursive: true })) {
    if (!name.endsWith(".js")) continue;
    const file = join(root, name);
    const source = await readFile(file, "utf8");
    const awaits = [...nodesOf(parseAst(source.replace(/^#!.*/, (line) => `//${line.slice(2)}`)))].filter(
      ({ type }) => type === "AwaitExpression",
    );
    const cuts = awaits
      .flatMap(({ start, end }) => [
        { at: start, text: `(globalThis.killSwitch(${JSON.stringify(`${name}:${start}`)}), ` },
        { at: end, text: ")" },
      ])
      .sort((a, b) => b.at - a.at || (a.text === ")" ? -1 : 1));
    let switched = source;
    for (const { at, text } of cuts) switched = switched.slice(0, at) + text + switched.slice(at);
    await writeFile(file, switched);
  }
  await writeFile(join(root, "kill-switch.js"), SWITCH);
  const main = join(root, "main.js");
  const source = await readFile(main, "utf8");
  await writeFile(
    main,
    source.replace(/^(#!.*\n)?/, (first) => `${first}import "./kill-switch.js";\n`),
  );
  return main;
}

/** How often each await was reached in a run with `KILL_LOG`. */
export async function sitesIn(log: string): Promise<Map<string, number>> {
  const sites = new Map<string, number>();
  for (const site of (await readFile(log, "utf8")).trim().split("\n")) sites.set(site, (sites.get(site) ?? 0) + 1);
  return sites;
}

/** Values of `KILL_AT`: both ends of each await, the first time it is reached and the last. */
export const momentsOf = (sites: ReadonlyMap<string, number>): string[] =>
  [...sites].flatMap(([site, times]) => (times === 1 ? [`${site} 1`] : [`${site} 1`, `${site} ${times}`]));
