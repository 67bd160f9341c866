/**
 * Many agents on one branch over real HTTP: a small form by itself; `npm run bench:race` runs the large one with its limits,
 * 40 agents and 25 rounds with 150 ms before every answer. RUNTIME_AGENT_RACE=AGENTSxROUNDS sets other numbers.
 */

import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { openBase } from "../../src/base/index.js";
import { systemClock } from "../../src/common/clock.js";
import { retry } from "../../src/common/retry.js";
import { publishCommit } from "../../src/publish/index.js";
import { publishAttempts } from "../../src/publish-attempts.js";
import { agent, noon, useWorkshop } from "../adapters/git/setup.js";
import { commitAs, createBareRepository, git, startGitServer } from "../fakes/git-server.js";

const workshop = useWorkshop();
const sealKey = Buffer.alloc(32, 7);

const asked = /^(\d+)x(\d+)$/.exec(process.env.RUNTIME_AGENT_RACE ?? "");
const isBench = asked !== null;
const [agents, rounds] = isBench ? [Number(asked[1]), Number(asked[2])] : [5, 5];
/** Before every answer, in milliseconds. */
const DELAY = isBench ? 150 : 0;
/** The schedule's jitter over which agents that are not all at once begin, in milliseconds. */
const MINUTE = 60_000;
const FOREIGN = Array.from({ length: 100 }, (_, n) => [`theirs/${n}.txt`, `${n}\n`] as const);

vi.setConfig({ testTimeout: isBench ? 3 * 60 * MINUTE : 120_000 });

interface Pushed {
  readonly milliseconds: number;
  readonly attempts: number;
}

async function aRace() {
  const path = await createBareRepository(workshop.directory, "fleet.git");
  await commitAs(path, { files: Object.fromEntries(FOREIGN) });
  const theirs = await git(path, "rev-parse", "main:theirs");
  const server = await startGitServer({ directory: workshop.directory, delay: DELAY });
  workshop.later(() => server.close());
  const url = server.url("fleet.git");
  const names = Array.from({ length: agents }, (_, n) => `agent-${n}`);
  const { signal } = new AbortController();

  /** As a cycle publishes: from the base on, as often as a cycle does it. */
  const publish = async (name: string, round: number): Promise<Pushed> => {
    const began = performance.now();
    let attempts = 0;
    await retry(
      async () => {
        attempts += 1;
        const repository = await workshop.open(url, { kept: `repository-${name}.git`, timeout: 120_000 });
        let isWell = false;
        try {
          const base = await openBase({ repository, branch: "main", path: name, sealKey });
          const writes = new Map([[`${round}`, Buffer.from(name)]]);
          const options = { repository, base, writes, deletes: [], message: name, author: agent, date: noon, signal };
          await publishCommit(options);
          isWell = true;
        } finally {
          await repository.close(isWell);
        }
      },
      { clock: systemClock, signal, ...publishAttempts },
    );
    return { milliseconds: performance.now() - began, attempts };
  };
  const all = async (round: number, spread: number) =>
    Promise.all(
      names.map(async (name) => {
        await delay(Math.random() * spread);
        return publish(name, round);
      }),
    );
  const expectAll = async (done: number) => {
    expect(await git(path, "rev-list", "--count", "main")).toBe(String(1 + done * agents));
    expect(await git(path, "rev-parse", "main:theirs")).toBe(theirs);
    const listed = (await git(path, "ls-tree", "-r", "--name-only", "main")).split("\n");
    const numbers = Array.from({ length: done }, (_, round) => round);
    const expected = [...FOREIGN.map(([name]) => name), ...names.flatMap((name) => numbers.map((n) => `${name}/${n}`))];
    expect(listed.sort()).toEqual(expected.sort());
  };
  return { all, expectAll };
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** The bench's own words: what a limit is held against. */
const tell = (what: string, numbers: object) => {
  if (isBench) process.stderr.write(`${what}: ${JSON.stringify(numbers)}\n`);
};

describe(`${agents} agents on one branch`, () => {
  it(`lose no commit in ${rounds} rounds all at once, and touch no foreign file`, async () => {
    const { all, expectAll } = await aRace();
    const slowest: number[] = [];
    const attempts: number[] = [];

    for (let round = 0; round < rounds; round++) {
      const pushed = await all(round, 0);
      slowest.push(Math.round(Math.max(...pushed.map(({ milliseconds }) => milliseconds))));
      attempts.push(...pushed.map((each) => each.attempts));
      tell(`round ${round + 1}`, {
        slowest: slowest.at(-1),
        attempts: Math.max(...pushed.map((each) => each.attempts)),
      });
    }

    await expectAll(rounds);
    tell("all at once", {
      slowest: Math.max(...slowest),
      median: median(slowest),
      attempts: { median: median(attempts), most: Math.max(...attempts) },
    });
    if (isBench) expect(Math.max(...slowest)).toBeLessThan(MINUTE);
  });

  if (isBench)
    it("need two attempts at most in the median, spread over a minute", async () => {
      const { all, expectAll } = await aRace();
      const attempts: number[] = [];
      const spreadRounds = Math.ceil(rounds / 5);

      for (let round = 0; round < spreadRounds; round++) {
        attempts.push(...(await all(round, MINUTE)).map((each) => each.attempts));
      }

      await expectAll(spreadRounds);
      tell("spread", { rounds: spreadRounds, attempts: { median: median(attempts), most: Math.max(...attempts) } });
      expect(median(attempts)).toBeLessThanOrEqual(2);
    });
});
