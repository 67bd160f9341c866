/** What Compass is told of the runtime: the labels with the addresses of its console and its event gateway. */

import { describe, expect, it } from "vitest";
import { aWorld, type World } from "./world.js";

const env = {
  RUNTIME_AGENT_RUNTIME_CONSOLE_URL: "https://console.example.com",
  RUNTIME_AGENT_RUNTIME_EVENTS_URL: "https://gateway.example.com",
};

async function sync(world: World, given: Readonly<Record<string, string>> = env) {
  const { code, stdout, stderr } = await world.run(["sync", "-o", "json"], { env: given });
  return { code, stderr, outcome: JSON.parse(stdout) };
}

/** The keys that Compass was asked to set, in their order. */
async function asked(world: World): Promise<string[]> {
  const answer = await fetch(`${world.sandbox.control}/requests`);
  const requests = (await answer.json()) as { arguments: { setRuntimeLabel?: { key: string } } }[];
  return requests.flatMap(({ arguments: { setRuntimeLabel } }) => setRuntimeLabel?.key ?? []);
}

describe("the labels of the runtime", () => {
  it("are set once, and again when another value is configured", async () => {
    const world = await aWorld();
    await world.pair();

    const first = await sync(world);
    const second = await sync(world);
    const third = await sync(world, { ...env, RUNTIME_AGENT_RUNTIME_CONSOLE_URL: "https://other.example.com" });

    expect([first, second, third].map(({ outcome }) => outcome.labels)).toEqual([
      { runtime_consoleUrl: "set", runtime_eventServiceUrl: "set" },
      { runtime_consoleUrl: "unchanged", runtime_eventServiceUrl: "unchanged" },
      { runtime_consoleUrl: "set", runtime_eventServiceUrl: "unchanged" },
    ]);
    expect(await asked(world)).toEqual(["runtime_consoleUrl", "runtime_eventServiceUrl", "runtime_consoleUrl"]);
  });

  it("are left alone, with a note, once they are configured no more", async () => {
    const world = await aWorld();
    await world.pair();
    await sync(world);

    const { code, outcome } = await sync(world, {});

    expect(code).toBe(0);
    expect(outcome.labels).toEqual({ runtime_consoleUrl: "left", runtime_eventServiceUrl: "left" });
    expect(outcome.notes).toContain(
      "runtime.consoleURL is not configured any more: Compass keeps the label runtime_consoleUrl as it is",
    );
    expect(await asked(world)).toHaveLength(2);
  });

  it("are not touched by a plan, nor while the agent is suspended", async () => {
    const world = await aWorld();
    await world.pair();

    const plan = await world.run(["plan", "-o", "json"], { env });
    const suspended = await sync(world, { ...env, RUNTIME_AGENT_SUSPEND: "true" });

    const planned = { runtime_consoleUrl: "planned", runtime_eventServiceUrl: "planned" };
    expect(JSON.parse(plan.stdout).labels).toEqual(planned);
    expect(suspended.outcome.labels).toEqual(planned);
    expect(await asked(world)).toEqual([]);
  });

  it("fail the cycle when Compass refuses them, after the commit, and each is tried", async () => {
    const world = await aWorld();
    await world.pair();
    await world.fault({ name: "graphql-error", match: "setRuntimeLabel", code: 22, times: 1 });

    const { code, outcome } = await sync(world);
    const text = await world.run(["sync"], { env });

    expect(code).toBe(1);
    expect(outcome).toMatchObject({
      result: "published",
      labels: { runtime_consoleUrl: "failed", runtime_eventServiceUrl: "set" },
      failure: { stage: "report", code: "DirectorRefused", retryable: false },
    });
    expect(outcome.failure.hint).toMatch(/^Check its value in the configuration/);
    expect(await world.commits()).toBe(1);
    // The next cycle has only that one left.
    expect(text.code).toBe(0);
  });
});
