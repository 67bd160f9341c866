/** Pairing and renewal killed (SIGKILL) at each await of the agent's own code, told apart by what Compass saw. */

import { existsSync } from "node:fs";
import { cp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { momentsOf, sitesIn, switchedAgent } from "./switched-agent.js";
import { aWorld, freshToken, type World } from "./world.js";

/** Of each kind, in `npm test`; with `RUNTIME_AGENT_KILLS` every await. */
const KILLS = process.env.RUNTIME_AGENT_KILLS === undefined ? 10 : Number.POSITIVE_INFINITY;
const DEADLINE = 1_800_000;

interface Asked {
  readonly operation: string;
  readonly endpoint: string;
  readonly status: number | null;
}

async function asked({ sandbox }: World): Promise<Asked[]> {
  const answer = await fetch(`${sandbox.control}/requests`);
  return (await answer.json()) as Asked[];
}

/** Spread over all of them. */
const chosenOf = (moments: readonly string[]): string[] => {
  const step = Math.max(1, moments.length / KILLS);
  return moments.filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step));
};

async function momentsIn(world: World, main: string, args: string[], input: string): Promise<string[]> {
  const log = join(world.folder, "sites");
  const run = await world.run(args, { env: { KILL_LOG: log }, main, input });
  expect({ code: run.code, stderr: run.stderr }).toMatchObject({ code: 0 });
  return momentsOf(await sitesIn(log));
}

const state = ({ folder }: World) => join(folder, "state");

/** Files of a step that a later run should have finished or removed. */
async function halfWritten(world: World): Promise<string[]> {
  const names = await readdir(state(world), { recursive: true }).catch(() => []);
  return names.filter((name) => name === "lock" || name.startsWith("identity/pending") || /\.(new|stale)$/.test(name));
}

describe("a pairing that is killed", () => {
  it(
    "at an await is finished by the next one, but in the two windows where a token call was sent and its answer not stored",
    async () => {
      const world = await aWorld({ asProcess: true });
      const main = await switchedAgent(world.folder);
      const pair = ["pair", "--token-file", "-"];
      const moments = await momentsIn(world, main, pair, await freshToken(world.sandbox));
      const windows = new Map<string, number>();

      expect(moments.length).toBeGreaterThan(60);
      for (const moment of chosenOf(moments)) {
        await rm(state(world), { recursive: true, force: true });
        const before = (await asked(world)).length;
        const token = await freshToken(world.sandbox);
        const killed = await world.run(pair, { env: { KILL_AT: moment }, main, input: token });
        const seen = (await asked(world)).slice(before).filter(({ endpoint }) => endpoint === "connector");
        const at = (file: string) => existsSync(join(state(world), "identity", file));
        const isStored = at("current/certificate.pem") || at("pending/certificate.pem");
        const canSign = at("pending/pairing.json") && at("pending/token");
        const window =
          seen.length === 1 && !canSign && !isStored
            ? "configuration sent, its answer not stored"
            : seen.length === 2 && !isStored
              ? "signing request sent, its answer not stored"
              : "none";
        windows.set(window, (windows.get(window) ?? 0) + 1);

        const next = await world.run(pair, { input: token });

        const isPaired = next.code === 0 || (next.code === 64 && next.stderr.includes("already paired"));
        expect({ moment, killed: killed.code, window, next: window === "none" ? isPaired : next.code }).toEqual({
          moment,
          killed: null,
          window,
          next: window === "none" ? true : 3,
        });
        const status = await world.run(["status"]);
        expect({ moment, status: status.code }).toEqual({ moment, status: window === "none" ? 0 : 3 });
        if (window !== "none") {
          // A new token is all that it needs.
          const again = await world.run(pair, { input: await freshToken(world.sandbox) });
          expect({ moment, again: again.code }).toEqual({ moment, again: 0 });
        }
        expect({ moment, left: await halfWritten(world) }).toEqual({ moment, left: [] });
      }
      if (KILLS === Number.POSITIVE_INFINITY) expect([...windows.keys()].sort()).toHaveLength(3);
    },
    DEADLINE,
  );
});

describe("a renewal that is killed", () => {
  it(
    "at an await leaves a working identity, and the next one finishes it",
    async () => {
      const world = await aWorld({ asProcess: true });
      const main = await switchedAgent(world.folder);
      await world.pair();
      const kept = join(world.folder, "kept");
      await cp(state(world), kept, { recursive: true, verbatimSymlinks: true });
      const moments = await momentsIn(world, main, ["renew"], "");

      expect(moments.length).toBeGreaterThan(60);
      for (const moment of chosenOf(moments)) {
        await rm(state(world), { recursive: true, force: true });
        await cp(kept, state(world), { recursive: true, verbatimSymlinks: true });
        const killed = await world.run(["renew"], { env: { KILL_AT: moment }, main });
        const between = await world.run(["status"]);

        const next = await world.run(["renew"]);

        const snapshot = await world.run(["snapshot"]);
        expect({
          moment,
          killed: killed.code,
          between: between.code,
          next: next.code,
          works: snapshot.code,
          left: await halfWritten(world),
        }).toEqual({ moment, killed: null, between: 0, next: 0, works: 0, left: [] });
      }
    },
    DEADLINE,
  );
});
