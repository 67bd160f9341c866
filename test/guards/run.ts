/** `npm run test:guards`: takes one guard after the other out of a copy of the sources, and demands that its tests fail. */

import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import type { Guard } from "./guards.js";

// Run as it is, it finds no file by the name that a build would give it.
const { guards } = (await import(`${import.meta.dirname}/guards.ts`)) as typeof import("./guards.js");

const root = resolve(import.meta.dirname, "../..");
const COPIED = ["src", "dist", "templates", "test", "crds", "docs", "cdk8s.yaml", "package.json", "vitest.config.ts"];

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    /** In milliseconds of one clock. */
    readonly startTime: number;
    readonly endTime: number;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

const copy = mkdtempSync(join(tmpdir(), "runtime-agent-guards-"));
process.on("exit", () => {
  stop();
  rmSync(copy, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(1));

/** Milliseconds beside what its tests take with every guard in place; what is left without an end is stopped then. */
const TIME_LIMIT = 120_000;
/** How much longer than that they may take themselves: the machine may have other work by then. */
const SLOWER = 4;

/** What each test file took with every guard in place, in milliseconds. */
const durations = new Map<string, number>();

let running: ChildProcess | null = null;

/** Stops the tests with all that they started. */
function stop() {
  const isRunning = running !== null && running.exitCode === null && running.signalCode === null;
  if (isRunning && running?.pid !== undefined) process.kill(-running.pid, "SIGKILL");
}

/** Titles of the tests that fail, by file; null when they do not end. A file that does not load has none: it notices nothing. */
async function failing(tests: readonly string[], limit: number, bail: boolean): Promise<Map<string, string[]> | null> {
  const report = join(copy, "report.json");
  rmSync(report, { force: true });
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const args = [
    vitest,
    "run",
    "--project",
    "unit",
    "--project",
    "e2e",
    "--reporter=json",
    `--outputFile=${report}`,
    ...(bail ? ["--bail=1"] : []),
    ...tests,
  ];
  // What is compiled is copied with the sources.
  const env = {
    ...process.env,
    RUNTIME_AGENT_BUILT: "true",
    RUNTIME_AGENT_RUNS: process.env.RUNTIME_AGENT_RUNS ?? "50",
  };
  const child = spawn(process.execPath, args, { cwd: copy, stdio: "ignore", detached: true, env });
  running = child;
  const timer = setTimeout(stop, limit);
  await new Promise((done) => child.on("close", done));
  clearTimeout(timer);
  if (child.signalCode === "SIGKILL") return null;
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as Report;
  return new Map(
    tests.map((test) => {
      const results = testResults.filter(({ name }) => name.replaceAll("\\", "/").endsWith(`/${test}`));
      if (!durations.has(test))
        durations.set(
          test,
          results.reduce((sum, { startTime, endTime }) => sum + endTime - startTime, 0),
        );
      const failed = results
        .flatMap(({ assertionResults }) => assertionResults)
        .filter(({ status }) => status === "failed");
      return [test, failed.map(({ fullName }) => fullName)];
    }),
  );
}

/** What its tests say when the guard is gone; what is wrong begins with "NOT". */
async function verdict({ file, find, replace, tests }: Guard): Promise<string> {
  const path = join(copy, file);
  const text = readFileSync(path, "utf8");
  const parts = text.split(find);
  if (parts.length !== 2) return `NOT THERE: its text stands ${parts.length - 1} times in ${file}`;
  writeFileSync(path, parts.join(replace));
  try {
    const usual = tests.reduce((sum, test) => sum + (durations.get(test) ?? 0), 0);
    // One that notices is enough, of each file.
    const failed = await failing(tests, TIME_LIMIT + SLOWER * usual, tests.length === 1);
    if (failed === null) return `${tests.map((test) => basename(test)).join(" and ")}: does not end`;
    const silent = tests.filter((test) => failed.get(test)?.length === 0);
    if (silent.length > 0) return `NOT NOTICED by ${silent.join(" and ")}`;
    return tests.map((test) => `${basename(test)}: ${failed.get(test)?.[0]}`).join("; ");
  } finally {
    writeFileSync(path, text);
  }
}

for (const name of COPIED) cpSync(join(root, name), join(copy, name), { recursive: true });
symlinkSync(join(root, "node_modules"), join(copy, "node_modules"), "dir");

const words = process.argv.slice(2);
const wanted = guards.filter(
  ({ name, file }) => words.length === 0 || words.some((word) => `${file} ${name}`.includes(word)),
);
if (wanted.length === 0) {
  console.error("no guard has these words in its file or name");
  process.exit(1);
}
const all = [...new Set(wanted.flatMap(({ tests }) => tests))];
const before = await failing(all, 10 * TIME_LIMIT, false);
const broken = before === null ? ["all of them, which do not end"] : [...before.values()].flat();
for (const title of broken) console.error(`fails with every guard in place: ${title}`);
// What fails anyway would count as noticing.
if (broken.length > 0) process.exit(1);

console.log("| Guard | Caught by |\n| --- | --- |");
let faults = 0;
for (const guard of wanted) {
  const caught = await verdict(guard);
  if (caught.startsWith("NOT")) faults += 1;
  console.log(`| ${guard.name} | ${caught} |`);
}
console.log(`\n${wanted.length} guards, ${faults} faults`);
if (faults > 0) process.exitCode = 1;
