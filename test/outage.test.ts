/** `run` through an hour in which everything it needs is away, one after the other and all at once. */

import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { formatDocument } from "../src/adapters/yaml/index.js";
import { run } from "../src/cli/run.js";
import type { Clock } from "../src/common/clock.js";
import { startFakeAPIServer } from "./fakes/api-server.js";
import { createBareRepository, git } from "./fakes/git-server.js";
import { aSandbox } from "./sandbox/compass-client.js";

/** Time goes so many times faster than it does. */
const SPEED = 150;

function aFastClock(): Clock {
  const start = Date.now();
  return {
    now: () => new Date(start + (Date.now() - start) * SPEED),
    sleep: (milliseconds, signal) => delay(milliseconds / SPEED, undefined, signal === undefined ? {} : { signal }),
  };
}

/** Waits until it is so, for a minute at most. */
async function until<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  told: () => string,
): Promise<T> {
  for (let tries = 0; tries < 1200; tries++) {
    const found = await look();
    if (found !== undefined) return found;
    await delay(50);
  }
  throw new Error(`${what}: it did not come to that\n${told().slice(-4000)}`);
}

async function aRunningAgent() {
  const folder = mkdtempSync(join(tmpdir(), "outage-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const clock = aFastClock();
  const sandbox = await aSandbox({ clock });
  const api = await startFakeAPIServer();
  onTestFinished(() => api.close());
  const secrets = "/api/v1/namespaces/kyma-system/secrets";
  for (const name of ["cluster-client-certificates", "runtime-agent-state"]) {
    api.objects.set(`${secrets}/${name}`, { metadata: { name, namespace: "kyma-system", resourceVersion: "0" } });
  }
  const repository = await createBareRepository(folder, "repository.git");
  writeFileSync(join(folder, "token"), sandbox.token);
  const document = {
    version: 1,
    runtime: { id: sandbox.runtimeID, tenant: sandbox.tenant },
    compass: { connectorURL: sandbox.connectorURL, ca: { file: sandbox.ca }, token: { file: "token" } },
    state: { kubernetes: { namespace: "kyma-system" } },
    certificate: { keySize: 2048 },
    git: { url: repository, path: "clusters/test" },
    secrets: { mode: "plain", acknowledgePlain: true },
    server: { health: 0, metrics: 0, page: null },
  };
  writeFileSync(join(folder, "agent.yaml"), formatDocument(document));

  let log = "";
  const sink = () =>
    new Writable({
      write: (chunk, _encoding, done) => {
        log += String(chunk);
        done();
      },
    });
  const stop = new AbortController();
  const ended = run(["run", "--log-format", "json"], {
    stdout: sink(),
    stderr: sink(),
    stdin: new PassThrough(),
    env: { PATH: process.env.PATH, TMPDIR: folder, KUBECONFIG: await api.kubeconfig() },
    cwd: folder,
    clock,
    signal: stop.signal,
    onHangup: () => undefined,
  });
  const lines = () =>
    log
      .split("\n")
      .filter((line) => line.endsWith("}"))
      .map((line) => JSON.parse(line) as { msg: string; health?: number; metrics?: number });
  const told = () => log;
  const ports = await until("listening", () => lines().find(({ msg }) => msg === "listening"), told);
  const status = async (path: string) => (await fetch(`http://127.0.0.1:${ports.health}${path}`)).status;
  const metric = async (name: string) => {
    const text = await (await fetch(`http://127.0.0.1:${ports.metrics}/metrics`)).text();
    return Number(
      text
        .split("\n")
        .find((line) => line.startsWith(`runtime_agent_${name} `))
        ?.split(" ")[1],
    );
  };
  return {
    sandbox,
    api,
    repository,
    status,
    metric,
    told,
    lines,
    failsAfter: (before: number) =>
      until(
        "a failed cycle",
        async () => ((await metric('cycles_total{result="failed"}')) > before ? true : undefined),
        told,
      ),
    becomes: (ready: number) =>
      until(`readyz ${ready}`, async () => ((await status("/readyz")) === ready ? true : undefined), told),
    stop: async () => {
      stop.abort();
      return ended;
    },
  };
}

it("lives through outages of Compass, Git and the API server, tells of each, and is well after them", async () => {
  const agent = await aRunningAgent();
  const { sandbox, api, repository } = agent;
  const compass = async (faults: readonly object[]) => {
    await fetch(`${sandbox.control}/faults`, { method: "POST", body: JSON.stringify(faults) });
  };
  const away = `${repository}.away`;
  const outages: Record<string, { readonly begin: () => unknown; readonly end: () => unknown }> = {
    Compass: { begin: () => compass([{ name: "http-503" }]), end: () => compass([]) },
    Git: { begin: () => renameSync(repository, away), end: () => renameSync(away, repository) },
    "the API server": {
      begin: () => {
        api.fault = () => "reset";
      },
      end: () => {
        api.fault = () => null;
      },
    },
  };
  const all = Object.values(outages);
  outages.everything = {
    begin: () => Promise.all(all.map(({ begin }) => begin())),
    end: () => Promise.all(all.map(({ end }) => end())),
  };
  await agent.becomes(200);

  const seen: Record<string, object> = {};
  for (const [name, { begin, end }] of Object.entries(outages)) {
    const failedBefore = await agent.metric('cycles_total{result="failed"}');
    const completeBefore = await agent.metric("last_complete_cycle_timestamp_seconds");
    await begin();
    const text = readFileSync(sandbox.snapshotFile, "utf8");
    writeFileSync(
      sandbox.snapshotFile,
      text.replace(/"description": ?"[^"]*"/, `"description": "while ${name} was away"`),
    );
    await agent.becomes(503);
    const alive = await agent.status("/healthz");
    await agent.failsAfter(failedBefore);
    await end();
    await agent.becomes(200);
    const manifests = await git(repository, "grep", "-c", `while ${name} was away`, "main", "--", "clusters/test");
    const isLater = (await agent.metric("last_complete_cycle_timestamp_seconds")) > completeBefore;
    seen[name] = { alive, isLater, isInGit: manifests !== "" };
  }
  const code = await agent.stop();

  const well = { alive: 200, isLater: true, isInGit: true };
  expect(seen).toEqual({ Compass: well, Git: well, "the API server": well, everything: well });
  expect(code).toBe(0);
  expect(agent.lines().at(-1)?.msg).toBe("stopped");
}, 300_000);
