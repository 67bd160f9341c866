/** `run` killed (SIGKILL) at random moments of its life, again and again over one repository and one state. */

import { setTimeout as delay } from "node:timers/promises";
import fc from "fast-check";
import { expect, it } from "vitest";
import { git } from "../fakes/git-server.js";
import { aShare } from "./share.js";
import { faultsInGit, halfWritten } from "./soundness.js";
import { aWorld, type Run, type World } from "./world.js";

/** In `npm test`; `RUNTIME_AGENT_KILLS` raises it. */
const KILLS = Number(process.env.RUNTIME_AGENT_KILLS ?? 5);

interface Line {
  readonly msg: string;
  readonly result?: string;
}

/** A daemon whose cycles follow each other, so that some are killed at work and some at rest. */
function start(world: World) {
  let log = "";
  const lines = (): Line[] => log.split("\n").flatMap((line) => (line.endsWith("}") ? [JSON.parse(line) as Line] : []));
  let stop = (): void => undefined;
  const ended: Promise<Run> = world.run(["run", "--log-format", "json"], {
    onChild: (child) => {
      stop = () => void child.kill("SIGTERM");
      child.stderr?.on("data", (chunk: Buffer) => {
        log += chunk.toString();
      });
    },
  });
  /** Of the first cycles; gives how they ended. */
  const cycles = async (number: number): Promise<Line[]> => {
    const ends = () => lines().filter(({ msg }) => msg === "cycle ended" || msg === "cycle failed");
    for (let tries = 0; ends().length < number; tries++) {
      if (tries === 600) throw new Error(`the cycles did not end:\n${log}`);
      await delay(50);
    }
    return ends().slice(0, number);
  };
  return { ended, cycles, stop: () => stop() };
}

/** Director changes one Application and the password of its first bundle that has one. */
const change = (world: World, round: number) =>
  world.edit(({ applications }) => {
    const application = applications[round % applications.length];
    if (application === undefined) return;
    application.description = `Of round ${round}`;
    const auths = application.bundles.map(({ defaultInstanceAuth }) => defaultInstanceAuth);
    const credentials = auths.map((auth) => (auth as { credential?: { password?: string } } | null)?.credential);
    const basic = credentials.find((credential) => credential?.password !== undefined);
    if (basic !== undefined) basic.password = `password-of-round-${round}-and-more`;
  });

it(
  "goes on after each kill with one whole cycle: nothing is lost, nothing is done twice, nothing is left over",
  async () => {
    const world = await aWorld({
      sandbox: { applications: 6 },
      settings: { schedule: { every: "1s" }, server: { health: 0, metrics: 0, page: null } },
    });
    await world.pair();
    const began = performance.now();
    const first = start(world);
    await first.cycles(2);
    const span = performance.now() - began;
    first.stop();
    expect((await first.ended).code).toBe(143);

    // The same moments again by RUNTIME_AGENT_SEED, as far as a clock can repeat anything.
    const seed = Number(process.env.RUNTIME_AGENT_SEED ?? Date.now());
    for (const [round, shares] of fc.sample(fc.tuple(aShare, aShare), { seed, numRuns: KILLS }).entries()) {
      const [changed = 0, killed = 0] = shares.map((each) => each * span).sort((a, b) => a - b);
      const moment = `round ${round}: changed after ${Math.round(changed)}, killed after ${Math.round(killed)} ms, seed ${seed}`;
      const commits = await world.commits();

      const victim = start(world);
      await delay(changed);
      await change(world, round);
      await delay(killed - changed);
      world.kill();
      expect({ moment, code: (await victim.ended).code }).toEqual({ moment, code: null });

      const next = start(world);
      const [cycle] = await next.cycles(1);
      next.stop();
      const { code } = await next.ended;
      const described = await git(
        world.repository,
        "grep",
        "-l",
        `Of round ${round}$`,
        "main",
        "--",
        "*/application.yaml",
      );
      expect({
        moment,
        cycle: cycle?.msg,
        code,
        commits: (await world.commits()) - commits,
        described: described.split("\n").length,
        fsck: await git(world.repository, "fsck", "--strict", "--no-dangling"),
        faults: await faultsInGit(world),
        state: await halfWritten(world),
      }).toEqual({
        moment,
        cycle: "cycle ended",
        code: 143,
        commits: 1,
        described: 1,
        fsck: "",
        faults: [],
        state: [],
      });
    }
  },
  120_000 + KILLS * 30_000,
);
