import { describe, expect, it } from "vitest";
import { silentLogger } from "../src/common/logger.js";
import { runCycle } from "../src/cycle.js";
import { asked, freshToken } from "./connect/setup.js";
import { aMovedClock, aRuntime } from "./runtime.js";
import { aSandbox, control } from "./sandbox/compass-client.js";

const DAY = 24 * 60 * 60_000;

/** A runtime whose configuration no cycle takes: proposals to a host that nobody knows. */
async function aSlip() {
  const clock = aMovedClock();
  const sandbox = await aSandbox({ clock });
  const runtime = await aRuntime(sandbox, clock);
  const { config, env, signal } = runtime.options;
  if (config.git === null) throw new Error("no git");
  const slipped = { ...config, git: { ...config.git, publish: "pull-request" as const } };
  const cycle = () => runCycle({ config: slipped, env, clock, signal, log: silentLogger, version: "0.0.0-test" });
  return { ...runtime, clock, sandbox, cycle };
}

describe("a cycle with a configuration that it refuses", () => {
  it("renews what is due all the same, and fails then", async () => {
    const { pair, clock, state, cycle } = await aSlip();
    await pair();
    clock.move(61 * DAY);

    const { outcome } = await cycle();

    expect(outcome.failure?.code).toBe("ConfigurationInvalid");
    expect((await state.connection())?.renewedAt).not.toBeNull();
  });

  it("spends no first token", async () => {
    const { sandbox, cycle } = await aSlip();

    const { outcome } = await cycle();

    expect(outcome.failure?.code).toBe("ConfigurationInvalid");
    expect(await asked(sandbox)).toEqual([]);
  });
});

it("tells how wrong the clock is also where that keeps a new certificate from being used", async () => {
  const clock = aMovedClock();
  const sandbox = await aSandbox({ clock });
  const { options, state, giveToken } = await aRuntime(sandbox, clock);
  await control(sandbox, "/clock", { offset: "PT10M" });
  giveToken((await freshToken(sandbox)).reveal());

  const { outcome, facts } = await runCycle({ ...options, log: silentLogger, version: "0.0.0-test" });

  expect(outcome.failure?.code).toBe("CertificateUnusable");
  expect(outcome.notes.join()).toMatch(/the clock of this machine is 10 min behind Compass's|(?:599|600|601) s behind/);
  expect(outcome.requests.connector).toBe(2);
  const skews = [facts.clockSkew, (await state.memory()).certificate.clockSkew];
  for (const skew of skews) expect(Math.abs((skew ?? 0) - 10 * 60_000)).toBeLessThan(5_000);
});
