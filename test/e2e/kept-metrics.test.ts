/** Metrics of runs that end, as a CronJob has them. */

import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { aWorld } from "./world.js";

/** A Pushgateway that answers with this. */
async function aPushgateway(status: number) {
  const pushed: { method: string; path: string; body: string }[] = [];
  const server = createServer(async (request, response) => {
    pushed.push({ method: request.method ?? "", path: request.url ?? "", body: await text(request) });
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, pushed };
}

const valueIn = (metrics: string, name: string) =>
  Number(
    metrics
      .split("\n")
      .find((line) => line.startsWith(`runtime_agent_${name} `))
      ?.split(" ")[1],
  );

describe("metrics of runs that end", () => {
  it("go on from run to run, in a file that is replaced as a whole and at the Pushgateway", async () => {
    const world = await aWorld();
    const gateway = await aPushgateway(200);
    const file = join(world.folder, "agent.prom");
    const env = { RUNTIME_AGENT_METRICS_TEXTFILE: file, RUNTIME_AGENT_METRICS_PUSH: gateway.url };
    await world.pair();

    for (let run = 0; run < 3; run++) await world.run(["sync"], { env });

    const metrics = await readFile(file, "utf8");
    expect(valueIn(metrics, 'cycles_total{result="published"}')).toBe(1);
    expect(valueIn(metrics, 'cycles_total{result="unchanged"}')).toBe(2);
    expect(valueIn(metrics, 'director_requests_total{operation="Applications",code="ok"}')).toBe(3);
    expect(valueIn(metrics, 'applications{state="published"}')).toBe(5);
    const [last] = gateway.pushed.slice(-1);
    expect(last).toEqual({
      method: "PUT",
      path: `/metrics/job/runtime_agent/runtime/${world.sandbox.runtimeID}`,
      body: metrics,
    });
    expect((await readdir(world.folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it("count a cycle that failed", async () => {
    const world = await aWorld();
    const file = join(world.folder, "agent.prom");
    const env = { RUNTIME_AGENT_METRICS_TEXTFILE: file };
    await world.pair();
    await world.run(["sync"], { env });
    await world.fault({ name: "graphql-error", match: "applicationsForRuntime", code: 22, times: 1 });

    const { code } = await world.run(["sync"], { env });

    const metrics = await readFile(file, "utf8");
    expect(code).toBe(1);
    expect(valueIn(metrics, 'cycles_total{result="failed"}')).toBe(1);
    expect(valueIn(metrics, 'cycles_total{result="published"}')).toBe(1);
    expect(valueIn(metrics, 'director_requests_total{operation="Applications",code="RuntimeUnknown"}')).toBe(1);
  });

  it("change nothing of the cycle when they cannot be left anywhere", async () => {
    const world = await aWorld();
    const gateway = await aPushgateway(500);
    const textfile = join(world.folder, "missing", "agent.prom");
    await world.pair();

    const { code, stderr } = await world.run(["sync"], {
      env: { RUNTIME_AGENT_METRICS_TEXTFILE: textfile, RUNTIME_AGENT_METRICS_PUSH: gateway.url },
    });

    expect(code).toBe(0);
    expect(stderr).toContain(`the metrics cannot be written to ${textfile}`);
    expect(stderr).toContain("refused the metrics (HTTP 500)");
  });
});
