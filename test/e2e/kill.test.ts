/** The agent killed (SIGKILL) in the middle of a cycle: at each await of its own code, and at any moment. */

import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aShare } from "./share.js";
import { faultsInGit, halfWritten } from "./soundness.js";
import { aStage, type Stage } from "./stage.js";
import { momentsOf, sitesIn, switchedAgent } from "./switched-agent.js";

/** Of each kind, in `npm test`; `RUNTIME_AGENT_KILLS` raises it: to a number of random moments, and to every await. */
const KILLS = Number(process.env.RUNTIME_AGENT_KILLS ?? 10);
const EVERY_AWAIT = process.env.RUNTIME_AGENT_KILLS !== undefined;
const DEADLINE = 120_000 + KILLS * 20_000 + (EVERY_AWAIT ? 3_600_000 : 0);

describe("a cycle that is killed", () => {
  it(
    "at an await leaves Git as it was or as it shall be, and the next cycle finishes",
    async () => {
      const stage = await aStage();
      const main = await switchedAgent(stage.world.folder);
      const sites = await reachedSites(stage, main);
      const moments = momentsOf(sites);
      const step = EVERY_AWAIT ? 1 : Math.ceil(moments.length / KILLS);
      const chosen = moments.filter((_, index) => index % step === 0);

      expect(moments.length).toBeGreaterThan(100);
      for (const moment of chosen) {
        await stage.reset();
        const killed = await stage.world.run(["sync"], { env: { ...stage.env, KILL_AT: moment }, main });
        expect({ moment, code: killed.code }).toEqual({ moment, code: null });
        await expectSound(stage, moment);
      }
    },
    DEADLINE,
  );

  it(
    "at any moment, too",
    async () => {
      const stage = await aStage({ asProcess: true });
      await stage.reset();
      const began = performance.now();
      await stage.world.run(["sync"], { env: stage.env });
      const whole = performance.now() - began;

      // The same moments again by RUNTIME_AGENT_SEED, as far as a clock can repeat anything.
      const seed = Number(process.env.RUNTIME_AGENT_SEED ?? Date.now());
      let killed = 0;
      for (const share of fc.sample(aShare, { seed, numRuns: KILLS })) {
        const moment = share * whole;
        await stage.reset();
        const run = stage.world.run(["sync"], { env: stage.env });
        await wait(moment);
        stage.world.kill();
        const { code } = await run;
        if (code === null) killed += 1;
        await expectSound(stage, `after ${Math.round(moment)} ms, seed ${seed}`);
      }
      // Of the last moments some come too late.
      expect(killed).toBeGreaterThan(KILLS / 2);
    },
    DEADLINE,
  );
});

/** How often each await is reached in a cycle that nobody kills. */
async function reachedSites(stage: Stage, main: string): Promise<Map<string, number>> {
  const log = join(stage.world.folder, "sites");
  await stage.reset();
  const run = await stage.world.run(["sync"], { env: { ...stage.env, KILL_LOG: log }, main });
  expect(run.code).toBe(0);
  expect(await stage.tree()).toBe("as Director says");
  return sitesIn(log);
}

/** What holds after a kill, whenever it was: nothing is half done, nothing is lost, and the next cycle goes on. */
async function expectSound(stage: Stage, moment: string): Promise<void> {
  const { world, env } = stage;
  expect({ moment, tree: await stage.tree(), faults: await faultsInGit(world) }).toEqual({
    moment,
    tree: expect.stringMatching(/^(unchanged|as Director says)$/),
    faults: [],
  });
  const next = await world.run(["sync", "-o", "json"], { env });
  const again = await world.run(["sync", "-o", "json"], { env });
  expect({ moment, code: next.code, tree: await stage.tree(), faults: await faultsInGit(world) }).toEqual({
    moment,
    code: 0,
    tree: "as Director says",
    faults: [],
  });
  expect({ moment, result: (JSON.parse(again.stdout) as { result: string }).result }).toEqual({
    moment,
    result: "unchanged",
  });
  expect({ moment, state: await halfWritten(world) }).toEqual({ moment, state: [] });
}
