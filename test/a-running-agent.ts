/** `run` in this process, by a clock of the test: asked over HTTP, its log read. */

import { PassThrough, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { run } from "../src/cli/run.js";
import type { Clock } from "../src/common/clock.js";
import type { Sandbox } from "../src/sandbox/index.js";

export interface Line {
  readonly msg: string;
  readonly code?: string;
  readonly reason?: string;
  readonly health?: number;
  readonly metrics?: number;
}

/** Time goes so many times faster than it does. */
export function aFastClock(speed: number): Clock {
  const start = Date.now();
  return {
    now: () => new Date(start + (Date.now() - start) * speed),
    sleep: (milliseconds, signal) => delay(milliseconds / speed, undefined, signal === undefined ? {} : { signal }),
  };
}

/** Waits until it is so, for four minutes at most: a cycle against a server that never answers has all its deadlines in real time. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  told: () => string,
): Promise<T> {
  for (let tries = 0; tries < 4800; tries++) {
    const found = await look();
    if (found !== undefined) return found;
    await delay(50);
  }
  throw new Error(`${what}: it did not come to that\n${told().slice(-4000)}`);
}

/** What `agent.yaml` says in the end of an agent that pairs by the token beside it and commits to that repository. */
export const runDocument = (sandbox: Sandbox, repository: string) => ({
  version: 1,
  runtime: { id: sandbox.runtimeID, tenant: sandbox.tenant },
  compass: { connectorURL: sandbox.connectorURL, ca: { file: sandbox.ca }, token: { file: "token" } },
  state: { directory: "state" },
  certificate: { keySize: 2048 },
  git: { url: repository, path: "clusters/test" },
  secrets: { mode: "plain", acknowledgePlain: true },
  server: { health: 0, metrics: 0, page: null },
});

export interface RunningAgentOptions {
  readonly folder: string;
  readonly kubeconfig?: string;
  readonly clock: Clock;
  /** Of `run`, beside the format of the log. @default none */
  readonly flags?: readonly string[];
}

/** Works in the folder, where its agent.yaml is. */
export function startAgent({ folder, kubeconfig = "", clock, flags = [] }: RunningAgentOptions) {
  let log = "";
  const sink = () =>
    new Writable({
      write: (chunk, _encoding, done) => {
        log += String(chunk);
        done();
      },
    });
  const stop = new AbortController();
  const ended = run(["run", "--log-format", "json", ...flags], {
    stdout: sink(),
    stderr: sink(),
    stdin: new PassThrough(),
    env: { PATH: process.env.PATH, TMPDIR: folder, KUBECONFIG: kubeconfig },
    cwd: folder,
    clock,
    signal: stop.signal,
    onHangup: () => undefined,
  });
  onTestFinished(async () => {
    stop.abort(new Error("the test is over"));
    await ended;
  });
  const lines = () =>
    log
      .split("\n")
      .filter((line) => line.endsWith("}"))
      .map((line) => JSON.parse(line) as Line);
  const told = () => log;
  const line = (text: string) => until(text, () => lines().find(({ msg }) => msg.includes(text)), told);
  const portsOf = () => line("listening");
  return {
    ended,
    lines,
    told,
    /** Waits for a line with these words. */
    line,
    status: async (path: string) => (await fetch(`http://127.0.0.1:${(await portsOf()).health}${path}`)).status,
    metrics: async () => (await fetch(`http://127.0.0.1:${(await portsOf()).metrics}/metrics`)).text(),
    stop: async () => {
      stop.abort(new Error("stopped"));
      return ended;
    },
  };
}
