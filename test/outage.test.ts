/** `run` through an hour in which everything it needs is away, one after the other and all at once. */

import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { formatDocument } from "../src/adapters/yaml/index.js";
import { aFastClock, runDocument, startAgent, until } from "./a-running-agent.js";
import { startFakeAPIServer } from "./fakes/api-server.js";
import { createBareRepository, git } from "./fakes/git-server.js";
import { aSandbox } from "./sandbox/compass-client.js";

/** An hour takes so long in seconds, of each outage. */
const SPEED = 200;
const HOUR = 60 * 60 * 1000;

async function aRunningAgent() {
  const folder = mkdtempSync(join(tmpdir(), "outage-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const clock = aFastClock(SPEED);
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
    ...runDocument(sandbox, repository),
    state: { kubernetes: { namespace: "kyma-system" } },
  };
  writeFileSync(join(folder, "agent.yaml"), formatDocument(document));

  const agent = startAgent({ folder, kubeconfig: await api.kubeconfig(), clock });
  const { status, told, lines } = agent;
  const metric = async (name: string) => {
    const line = (await agent.metrics()).split("\n").find((each) => each.startsWith(`runtime_agent_${name} `));
    return Number(line?.split(" ")[1]);
  };
  return {
    sandbox,
    clock,
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
    stop: agent.stop,
  };
}

it("lives through an hour without Compass, Git and the API server, one after the other and all at once, tells of each, and is well after it", async () => {
  const agent = await aRunningAgent();
  const { sandbox, api, repository, clock } = agent;
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
  outages["the API server that hangs"] = {
    begin: () => {
      api.fault = () => "hang";
    },
    end: () => {
      api.fault = () => null;
    },
  };
  outages.everything = {
    begin: () => Promise.all(all.map(({ begin }) => begin())),
    end: () => Promise.all(all.map(({ end }) => end())),
  };
  await agent.becomes(200);

  const seen: Record<string, object> = {};
  for (const [name, { begin, end }] of Object.entries(outages)) {
    const failedBefore = await agent.metric('cycles_total{result="failed"}');
    const began = clock.now().getTime();
    await begin();
    const text = readFileSync(sandbox.snapshotFile, "utf8");
    writeFileSync(
      sandbox.snapshotFile,
      text.replace(/"description": ?"[^"]*"/, `"description": "while ${name} was away"`),
    );
    await agent.becomes(503);
    const completeBefore = await agent.metric("last_complete_cycle_timestamp_seconds");
    // Until the hour is over, whatever is asked of it meanwhile is answered.
    const answers = new Set<string>();
    while (clock.now().getTime() - began < HOUR) {
      const [alive, ready] = [await agent.status("/healthz"), await agent.status("/readyz")];
      const isStale = (await agent.metric("last_complete_cycle_timestamp_seconds")) === completeBefore;
      answers.add(JSON.stringify({ alive, ready, isStale }));
      await delay(200);
    }
    // Against a server that never answers one cycle may last longer than that hour.
    await agent.failsAfter(failedBefore);
    await end();
    await agent.becomes(200);
    const manifests = await git(repository, "grep", "-c", `while ${name} was away`, "main", "--", "clusters/test");
    const isLater = (await agent.metric("last_complete_cycle_timestamp_seconds")) > completeBefore;
    seen[name] = { answers: [...answers].map((each) => JSON.parse(each)), isLater, isInGit: manifests !== "" };
  }
  const code = await agent.stop();

  const well = { answers: [{ alive: 200, ready: 503, isStale: true }], isLater: true, isInGit: true };
  expect(seen).toEqual(Object.fromEntries(Object.keys(outages).map((name) => [name, well])));
  expect(Object.keys(seen)).toHaveLength(5);
  expect(code).toBe(0);
  expect(agent.lines().at(-1)?.msg).toBe("stopped");
}, 900_000);
