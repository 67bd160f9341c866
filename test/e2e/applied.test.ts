/** What the cluster applied, as people ask for it: `sync --wait`, `status` and the metrics of `run`, on a fake API server. */

import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { APPLICATIONS, REVISION } from "../fakes/api-paths.js";
import { startFakeAPIServer } from "../fakes/api-server.js";
import { aWorld, parseObject, type Run } from "./world.js";

/** An agent with its state in a folder that is told to look at a cluster. */
async function aWatchedWorld(settings: Readonly<Record<string, unknown>> = {}) {
  const api = await startFakeAPIServer();
  onTestFinished(() => api.close());
  const world = await aWorld({
    sandbox: { applications: 3 },
    settings: {
      gitops: { observe: true },
      schedule: { every: "1h" },
      server: { health: 0, metrics: 0, page: null },
      ...settings,
    },
  });
  await world.pair();
  const env = { KUBECONFIG: await api.kubeconfig() };
  const run = (...args: string[]) => world.run(args, { env });
  /** As Flux would: everything that is on the branch. */
  const apply = async () => {
    const files = await world.files();
    const objects = [...files]
      .filter(([path]) => path.endsWith("/application.yaml"))
      .map(([, text]) => parseObject(text));
    const { data } = parseObject(files.get("revision.yaml") ?? "");
    api.objects.set(REVISION, { metadata: { name: "runtime-agent-revision" }, data });
    api.objects.set(APPLICATIONS, { metadata: { name: "" }, items: objects.map(({ metadata }) => ({ metadata })) });
  };
  return { api, world, env, run, apply };
}

const told = ({ code, stdout, stderr }: Run) => ({ code, stderr, outcome: JSON.parse(stdout) });

describe("sync --wait", () => {
  it("without a cluster to ask is refused before anything is done", async () => {
    const { world, run } = await aWatchedWorld({ gitops: {} });

    const { code, stderr } = await run("sync", "--wait");

    expect(code).toBe(78);
    expect(stderr).toContain("[ConfigurationInvalid]: sync --wait has no cluster to ask");
    expect(await world.commits()).toBe(0);
  });

  it.each([[["--wait-timeout", "5m"]], [["--wait", "--wait-timeout", "soon"]]])("refuses %j", async (args) => {
    const { run } = await aWatchedWorld();

    const { code, stderr } = await run("sync", ...args);

    expect(code).toBe(64);
    expect(stderr).toContain("--wait-timeout");
  });

  it("ends once all of it is applied, and says so", async () => {
    const { api, world, run, apply } = await aWatchedWorld();
    let looks = 0;
    api.fault = ({ path }) => {
      // The commit is there; what was applied before this look is seen by the next.
      if (path === REVISION && ++looks === 1) void apply();
      return null;
    };

    const { code, outcome, stderr } = told(await run("sync", "--wait", "-o", "json"));

    expect(code === 0 ? 0 : stderr).toBe(0);
    expect(outcome).toMatchObject({ result: "published", applied: { current: true, missing: [] }, failure: null });
    expect(outcome.digest.applied).toBe(outcome.digest.target);
    const { stdout } = await run("sync");
    expect(stdout).toContain("Nothing to commit");
    expect(stdout).toContain("Applied in the cluster");
    expect((await run("status")).stdout).toMatch(/^applied +all that is committed, seen /m);
    expect(await world.commits()).toBe(1);
  });

  it("exits with 75 when that does not come, with the commit, and status says what is missing", async () => {
    const { api, world, run, apply } = await aWatchedWorld();
    api.objects.set(APPLICATIONS, { metadata: { name: "" }, items: [] });

    const { code, outcome, stderr } = told(await run("sync", "--wait", "--wait-timeout", "1s", "-o", "json"));

    expect(code).toBe(75);
    expect(outcome).toMatchObject({ result: "published", failure: { code: "NotApplied", stage: "report" } });
    expect(outcome.applied.missing).toEqual(outcome.applications.created);
    expect(outcome.applied.missing).toHaveLength(3);
    expect(stderr).toContain("[NotApplied]: it was not applied within 1s: not as in Git: ");
    expect(await world.commits()).toBe(1);
    const status = await run("status");
    expect(status.stdout).toMatch(/^applied +not all that is committed, since .*: not as in Git: /m);
    expect(status.code).toBe(0);

    const later = told(await run("sync", "-o", "json"));
    expect(later).toMatchObject({
      code: 0,
      outcome: { result: "unchanged", applied: { since: outcome.applied.since } },
    });
    await apply();
    expect(told(await run("sync", "--wait", "-o", "json"))).toMatchObject({
      code: 0,
      outcome: { result: "unchanged" },
    });
  });

  it("exits with 1 where it may not ask, and does not wait for that", async () => {
    const { api, run } = await aWatchedWorld();
    api.fault = ({ path }) => (path === REVISION ? 403 : null);

    const { code, stderr } = await run("sync", "--wait");

    expect(code).toBe(1);
    expect(stderr).toContain("[ClusterForbidden]: the agent may not get ConfigMap kyma-system/runtime-agent-revision");
  });

  it("that is stopped has kept what it published", async () => {
    const { api, world, run, env } = await aWatchedWorld();
    let looks = 0;
    const stopping = new Promise<void>((resolve) => {
      api.fault = ({ path }) => {
        if (path === REVISION && ++looks === 2) resolve();
        return null;
      };
    });
    let kill = (): void => undefined;
    const ended = world.run(["sync", "--wait"], {
      env,
      onChild: (child) => {
        kill = () => void child.kill("SIGTERM");
      },
    });
    await stopping;
    kill();

    expect((await ended).code).toBe(143);
    expect(await world.commits()).toBe(1);
    api.fault = () => null;
    expect(told(await run("sync", "-o", "json")).outcome.result).toBe("unchanged");
  });
});

describe("a cycle whose cluster cannot be asked", () => {
  it("succeeds with a note, and says nothing of what is applied", async () => {
    const { api, run } = await aWatchedWorld();
    api.fault = () => 403;

    const { code, outcome } = told(await run("sync", "-o", "json"));

    expect(code).toBe(0);
    expect(outcome).toMatchObject({ result: "published", digest: { applied: null } });
    expect(outcome.applied).toEqual({ current: false, missing: [] });
    expect(outcome.notes).toHaveLength(1);
    expect(outcome.notes[0]).toMatch(/^what is applied cannot be told: the agent may not get ConfigMap /);
  });
});

describe("run", () => {
  it("tells since when something is not applied, over a restart, until it is", async () => {
    const { api, world, env, apply } = await aWatchedWorld();

    /** Starts it, gives the metric after its first cycle, and stops it. */
    const since = async () => {
      let log = "";
      let stop = (): void => undefined;
      const ended = world.run(["run", "--log-format", "json"], {
        env,
        onChild: (child) => {
          stop = () => void child.kill("SIGTERM");
          child.stderr?.on("data", (chunk: Buffer) => {
            log += chunk.toString();
          });
        },
      });
      const lines = () => log.split("\n").flatMap((line) => (line.endsWith("}") ? [JSON.parse(line)] : []));
      for (let tries = 0; tries < 600 && !lines().some(({ msg }) => msg === "cycle ended"); tries++) await delay(100);
      const { metrics } = lines().find(({ msg }) => msg === "listening") ?? {};
      const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
      stop();
      await ended;
      return Number(/^runtime_agent_unapplied_since_timestamp_seconds (\S+)$/m.exec(text)?.[1]);
    };

    const first = await since();
    const second = await since();
    await apply();
    const applied = await since();

    expect(first).toBeGreaterThan(0);
    expect(second).toBe(first);
    expect(applied).toBe(0);
    expect(api.requests.length).toBeGreaterThan(0);
  });
});

describe("the canary", () => {
  it("makes no second commit", async () => {
    const { world, run } = await aWatchedWorld({ applications: { canary: true } });

    const first = told(await run("sync", "-o", "json"));
    const second = told(await run("sync", "-o", "json"));

    expect([first, second].map(({ outcome }) => outcome.result)).toEqual(["published", "unchanged"]);
    expect((await world.files()).get("canary.yaml")).toContain("ENC[AES256_GCM");
  });
});
