/** `run` as people run it: a process that is asked over HTTP, sent signals, and given other files. */

import type { ChildProcess } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { aWorld } from "./world.js";

interface Line {
  readonly msg: string;
  readonly trigger?: string;
  readonly cycle?: string;
  readonly health?: number;
  readonly metrics?: number;
}

/** Waits until it is so, for half a minute at most. */
async function until<T>(look: () => Promise<T | undefined> | T | undefined, told = () => ""): Promise<T> {
  for (let tries = 0; tries < 300; tries++) {
    const found = await look();
    if (found !== undefined) return found;
    await delay(100);
  }
  throw new Error(`it did not come to that:\n${told()}`);
}

it("runs cycles on its schedule, at once when it is asked to, tells how it is, and ends whole", async () => {
  const world = await aWorld({
    asProcess: true,
    settings: { schedule: { every: "1h" }, server: { health: 0, metrics: 0, page: null } },
  });
  await world.pair();
  let child: ChildProcess | undefined;
  let log = "";
  const lines = (): Line[] =>
    log
      .split("\n")
      .filter((line) => line.endsWith("}"))
      .map((line) => JSON.parse(line));
  const ended = world.run(["run", "--log-format", "json"], {
    onChild: (started) => {
      child = started;
      started.stderr?.on("data", (chunk: Buffer) => {
        log += chunk.toString();
      });
    },
  });
  const cyclesEnded = () => lines().filter(({ msg }) => msg === "cycle ended").length;
  const triggers = () => lines().flatMap(({ trigger }) => trigger ?? []);

  const ports = await until(
    () => lines().find(({ msg }) => msg === "listening"),
    () => log,
  );
  const ask = async (port: number | undefined, path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: answer.status, text: await answer.text() };
  };
  await until(() => (cyclesEnded() === 1 ? true : undefined));
  const [alive, ready] = [await ask(ports.health, "/healthz"), await ask(ports.health, "/readyz")];
  const { text } = await ask(ports.metrics, "/metrics");

  child?.kill("SIGHUP");
  await until(() => (cyclesEnded() === 2 ? true : undefined));
  const config = await readFile(world.config, "utf8");
  await writeFile(world.config, `${config}\n# another line\n`);
  await until(() => (cyclesEnded() === 3 ? true : undefined));
  await writeFile(world.config, "version: 7\n");
  await until(() => lines().find(({ msg }) => msg.startsWith("the configuration cannot be used")));
  await until(() => (cyclesEnded() === 4 ? true : undefined));
  child?.kill("SIGTERM");
  const { code } = await ended;

  expect([alive.status, ready.status]).toEqual([200, 200]);
  expect(text).toContain('runtime_agent_cycles_total{result="published"} 1\n');
  expect(text).toContain("process_cpu_seconds_total");
  expect(triggers()).toEqual(["start", "SIGHUP", "configuration", "configuration"]);
  expect(code).toBe(143);
  expect(lines().at(-1)?.msg).toBe("stopped");
  // One id for all of a cycle, here and in Compass's log.
  const ids = new Set(lines().flatMap(({ cycle }) => cycle ?? []));
  expect(ids.size).toBe(4);
  const asked = (await (await fetch(`${world.sandbox.control}/requests`)).json()) as { requestID?: string }[];
  for (const id of ids) expect(asked.filter(({ requestID }) => requestID === id).length).toBeGreaterThan(0);
  expect(await world.commits()).toBe(1);
});
