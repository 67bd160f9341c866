/**
 * `run` for many cycles in one process: does its heap grow, does it keep files, sockets or timers open?
 * `npm run bench:soak [-- CYCLES]`, default 5000. Compass runs in a process of its own; every cycle commits a change.
 * Fails when the heap grows by more than 2 KB a cycle (slope by regression after each garbage collection), or when more is
 * open at the end than after the first tenth.
 */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../dist/src/common/clock.js";
import { silentLogger } from "../dist/src/common/logger.js";
import { loadConfig } from "../dist/src/config/index.js";
import { runCycle } from "../dist/src/cycle.js";
import { runDaemon } from "../dist/src/daemon.js";
import { createMetrics } from "../dist/src/report/index.js";

const SLOPE_LIMIT = 2048;
const MAIN = join(import.meta.dirname, "..", "dist", "src", "main.js");

const cycles = Number(process.argv[2] ?? 5000);
const sampleEvery = Math.max(1, Math.floor(cycles / 100));
const folder = mkdtempSync(join(tmpdir(), "agent-soak-"));

interface Compass {
  readonly connectorURL: string;
  readonly runtimeID: string;
  readonly token: string;
  readonly ca: string;
  readonly directory: string;
}

/** The embedded Compass as a process; resolves when it is ready. */
function startCompass(): Promise<{ readonly child: ChildProcess; readonly compass: Compass }> {
  const child = spawn(process.execPath, [MAIN, "sandbox", "-o", "json", "--directory", join(folder, "compass")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  return new Promise((resolve, reject) => {
    let told = "";
    child.once("exit", (code) => reject(new Error(`the sandbox ended with ${code}`)));
    child.stdout?.on("data", (chunk: Buffer) => {
      told += chunk.toString();
      try {
        resolve({ child, compass: JSON.parse(told) as Compass });
      } catch {
        // Not all of it yet.
      }
    });
  });
}

/** By least squares. */
function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (pick: (point: readonly [number, number]) => number) =>
    points.reduce((sum, point) => sum + pick(point), 0) / points.length;
  const [x, y] = [mean(([each]) => each), mean(([, each]) => each)];
  const over = points.reduce((sum, [px, py]) => sum + (px - x) * (py - y), 0);
  return over / points.reduce((sum, [px]) => sum + (px - x) ** 2, 0);
}

/** What is open in this process, by kind. */
const open = () => {
  const resources = process.getActiveResourcesInfo();
  const count = (kind: RegExp) => resources.filter((each) => kind.test(each)).length;
  return { files: readdirSync("/proc/self/fd").length, sockets: count(/TCP|TLS|Pipe/), timers: count(/Timeout/) };
};

const { child, compass } = await startCompass();
try {
  const repository = join(folder, "repository.git");
  execFileSync("git", ["init", "--quiet", "--bare", "--initial-branch=main", repository]);
  writeFileSync(join(folder, "token"), compass.token);
  const file = join(folder, "agent.yaml");
  writeFileSync(
    file,
    JSON.stringify({
      version: 1,
      runtime: { id: compass.runtimeID },
      compass: { connectorURL: compass.connectorURL, ca: { file: compass.ca }, token: { file: join(folder, "token") } },
      state: { directory: join(folder, "state") },
      git: { url: repository, path: "clusters/soak" },
      secrets: { mode: "sops", sops: { age: ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"] } },
      certificate: { keySize: 2048 },
    }),
  );
  const { config } = await loadConfig({ file, env: {}, cwd: folder });
  const served = join(compass.directory, "snapshot.json");
  const metrics = createMetrics("soak");
  const stop = new AbortController();
  const samples: [number, number][] = [];
  const results = new Map<string, number>();
  let done = 0;
  const early: ReturnType<typeof open>[] = [];
  await runDaemon({
    cycle: async (_, signal) => {
      const landscape = JSON.parse(readFileSync(served, "utf8")) as { applications: { description: string | null }[] };
      const chosen = landscape.applications[done % landscape.applications.length];
      if (chosen !== undefined) chosen.description = `change ${done}`;
      writeFileSync(served, JSON.stringify(landscape));
      const onHost = () => undefined;
      const given = { config, env: process.env, clock: systemClock, log: silentLogger, version: "0.0.0", onHost };
      const { outcome, facts } = await runCycle({ ...given, signal });
      metrics.observe({ ...facts, outcome, finishedAt: new Date() });
      const what = outcome.failure?.code ?? outcome.result;
      results.set(what, (results.get(what) ?? 0) + 1);
      done++;
      if (done % sampleEvery === 0) {
        globalThis.gc?.();
        samples.push([done, process.memoryUsage().heapUsed]);
        if (done >= cycles / 10) early.push(open());
      }
      if (done >= cycles) stop.abort();
    },
    interval: () => 0,
    look: async () => null,
    clock: systemClock,
    log: silentLogger,
    stop: stop.signal,
  });
  // The first tenth fills what is filled once: compiled code, caches of modules, metrics.
  const slope = slopeOf(samples.filter(([at]) => at > cycles / 10));
  const late = open();
  const [first, last] = [samples.at(0)?.[1] ?? 0, samples.at(-1)?.[1] ?? 0];
  console.log(`${done} cycles: ${[...results].map(([what, times]) => `${times} ${what}`).join(", ")}`);
  console.log(
    `heap ${Math.round(first / 1024)} KB, at the end ${Math.round(last / 1024)} KB, ${Math.round(slope)} B a cycle`,
  );
  console.log(`open after a tenth ${JSON.stringify(early[0])}, at the end ${JSON.stringify(late)}`);
  const [before = late] = early;
  const leaks = late.files > before.files || late.sockets > before.sockets || late.timers > before.timers;
  if (globalThis.gc === undefined) throw new Error("run it with --expose-gc");
  if (results.get("published") !== cycles) throw new Error("a cycle did not publish its change");
  if (slope > SLOPE_LIMIT) throw new Error(`the heap grows by ${Math.round(slope)} B a cycle`);
  if (leaks) throw new Error("something stays open");
} finally {
  child.removeAllListeners("exit");
  child.kill();
  rmSync(folder, { recursive: true, force: true });
}
