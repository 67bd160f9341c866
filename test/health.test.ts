import { createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { type HealthOptions, startHealth } from "../src/health.js";
import { failureOf } from "./common/failure-of.js";

async function aServer(changes: Partial<HealthOptions> = {}) {
  const health = await startHealth({
    health: 0,
    metrics: 0,
    whyNotReady: () => null,
    collect: async () => ({ type: "text/plain; version=0.0.4", text: "up 1\n" }),
    ...changes,
  });
  onTestFinished(() => health.close());
  const ask = async (port: number | null, path: string, method = "GET") => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    return [answer.status, await answer.text()] as const;
  };
  return { ...health, ask };
}

describe("what a running agent answers", () => {
  it("says that it is alive, and whether it is ready, with the reason", async () => {
    let why: string | null = "no cycle has come to its end yet";
    const { ports, ask } = await aServer({ whyNotReady: () => why });

    expect(await ask(ports.health, "/healthz")).toEqual([200, "alive\n"]);
    expect(await ask(ports.health, "/readyz")).toEqual([503, "no cycle has come to its end yet\n"]);
    why = null;
    expect(await ask(ports.health, "/readyz?verbose")).toEqual([200, "ready\n"]);
  });

  it("gives the metrics on a port of their own", async () => {
    const { ports, ask } = await aServer();

    expect(await ask(ports.metrics, "/metrics")).toEqual([200, "up 1\n"]);
    expect((await ask(ports.health, "/metrics"))[0]).toBe(404);
  });

  it("gives nothing else, and takes nothing", async () => {
    const { ports, ask } = await aServer();

    expect(await ask(ports.health, "/")).toEqual([404, "there is /healthz, /readyz\n"]);
    expect((await ask(ports.health, "/healthz", "POST"))[0]).toBe(405);
    expect(await ask(ports.health, "/healthz", "HEAD")).toEqual([200, ""]);
  });

  it("serves both on one port where both are the same, and nothing where there is none", async () => {
    const probe = createServer().listen(0);
    await new Promise((resolve) => probe.once("listening", resolve));
    const { port } = probe.address() as { port: number };
    await new Promise((resolve) => probe.close(resolve));

    const { ports, ask } = await aServer({ health: port, metrics: port });
    const none = await aServer({ health: null, metrics: null });

    expect([(await ask(port, "/healthz"))[0], (await ask(port, "/metrics"))[0]]).toEqual([200, 200]);
    expect([ports, none.ports]).toEqual([
      { health: port, metrics: port },
      { health: null, metrics: null },
    ]);
  });

  it("says which setting names a port that is taken", async () => {
    const { ports } = await aServer();

    const failure = await failureOf(aServer({ metrics: ports.health }));

    expect(failure).toMatchObject({ code: "ConfigurationInvalid", hint: expect.stringContaining("server.metrics") });
  });

  it("says no more than that it failed when the metrics cannot be made", async () => {
    const { ports, ask } = await aServer({ collect: () => Promise.reject(new Error("hidden")) });

    expect(await ask(ports.metrics, "/metrics")).toEqual([500, "failed\n"]);
  });
});
