import { describe, expect, it } from "vitest";
import type { Clock } from "../src/common/clock.js";
import { silentLogger } from "../src/common/logger.js";
import { type DaemonOptions, runDaemon, stableDelay, stableInterval, type Trigger } from "../src/daemon.js";
import { aMovedClock } from "./runtime.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** A daemon by a clock that whoever waits moves; it is stopped after so many cycles. */
async function aRun(cycles: number, changes: Partial<DaemonOptions> = {}, took = SECOND) {
  const clock = aMovedClock(0);
  const stop = new AbortController();
  const started: [at: number, trigger: Trigger][] = [];
  await runDaemon({
    cycle: async (trigger) => {
      started.push([clock.now().getTime(), trigger]);
      clock.move(took);
      if (started.length === cycles) stop.abort();
    },
    interval: () => 3 * MINUTE,
    look: async () => null,
    clock,
    log: silentLogger,
    stop: stop.signal,
    ...changes,
  });
  return started;
}

describe("the daemon", () => {
  it("starts at once, and then by the interval, however long a cycle takes", async () => {
    expect(await aRun(3)).toEqual([
      [0, "start"],
      [3 * MINUTE, "schedule"],
      [6 * MINUTE, "schedule"],
    ]);
  });

  it("goes on at once after a cycle that took longer than the interval, never two at a time", async () => {
    expect(await aRun(3, {}, 10 * MINUTE)).toEqual([
      [0, "start"],
      [10 * MINUTE, "schedule"],
      [20 * MINUTE, "schedule"],
    ]);
  });

  it("starts within seconds when somebody wants it, and says why", async () => {
    let looks = 0;
    const look = async () => (++looks === 4 ? "token" : null);

    const [, second, third] = await aRun(3, { look });

    expect(second).toEqual([SECOND + 4 * 5 * SECOND, "token"]);
    expect(third).toEqual([SECOND + 4 * 5 * SECOND + 3 * MINUTE, "schedule"]);
  });

  it("wakes for the identity's moment, and rests by the interval when there is none", async () => {
    const moments = [{ at: new Date(40 * SECOND), until: new Date(60 * MINUTE) }];

    expect(await aRun(3, { moment: async () => moments.shift() ?? null })).toEqual([
      [0, "start"],
      [40 * SECOND, "certificate"],
      [40 * SECOND + 3 * MINUTE, "schedule"],
    ]);
  });

  it("pauses between two cycles, however near the moment is", async () => {
    const ends = [SECOND, 3 * SECOND];
    const moment = async () => ({ at: new Date((ends.shift() ?? 0) + 1), until: new Date(60 * MINUTE) });

    const started = await aRun(3, { moment }, SECOND);

    expect(started.map(([time]) => time)).toEqual([0, 2 * SECOND, 4 * SECOND]);
  });

  it("makes no storm of a moment that is past after each cycle", async () => {
    const moment = async () => ({ at: new Date(0), until: new Date(24 * 60 * MINUTE) });

    const started = await aRun(5, { moment, interval: () => 60 * MINUTE }, 0);

    expect(started.map(([time]) => time / SECOND)).toEqual([0, 30, 90, 210, 450]);
  });

  it("asks for the interval anew, which may have changed", async () => {
    let every = 10 * MINUTE;
    const interval = () => every;
    const look = async () => {
      every = MINUTE;
      return null;
    };

    expect((await aRun(2, { interval, look }))[1]).toEqual([MINUTE, "schedule"]);
  });

  it("rests no longer than one interval when the clock is set back", async () => {
    const clock = aMovedClock(10 * 60 * MINUTE);
    let isBack = false;
    const look = async () => {
      if (!isBack) clock.move(-5 * 60 * MINUTE);
      isBack = true;
      return null;
    };
    const started: number[] = [];
    const stop = new AbortController();

    await runDaemon({
      cycle: async () => {
        started.push(clock.now().getTime());
        if (started.length === 2) stop.abort();
      },
      interval: () => 3 * MINUTE,
      look,
      clock,
      log: silentLogger,
      stop: stop.signal,
    });

    const [, second = 0] = started;
    expect(second - 5 * 60 * MINUTE).toBeLessThanOrEqual(3 * MINUTE + 5 * SECOND);
  });

  it("lets the cycle under way finish when it is stopped", async () => {
    const stop = new AbortController();
    let isStopped: boolean | undefined;
    const clock = aMovedClock(0);
    const never: Clock = { ...clock, sleep: () => new Promise(() => undefined) };

    await runDaemon({
      cycle: async (_, signal) => {
        stop.abort(new Error("stopped"));
        await new Promise((resolve) => setTimeout(resolve, 30));
        isStopped = signal.aborted;
      },
      interval: () => MINUTE,
      look: async () => null,
      clock: never,
      log: silentLogger,
      stop: stop.signal,
    });

    expect(isStopped).toBe(false);
  });

  it("takes it away after fifteen seconds, and what is told then four seconds later", async () => {
    const stop = new AbortController();
    const clock = aMovedClock(0);
    const waits: number[] = [];
    const seen: string[] = [];

    await runDaemon({
      cycle: (_, signal, end) =>
        new Promise<void>((resolve) => {
          signal.addEventListener("abort", () => seen.push("abandoned"));
          end.addEventListener("abort", () => {
            seen.push("ended");
            resolve();
          });
          stop.abort(new Error("stopped"));
        }),
      interval: () => MINUTE,
      look: async () => null,
      clock: {
        ...clock,
        sleep: async (milliseconds, signal) => {
          waits.push(milliseconds);
          await clock.sleep(milliseconds, signal);
        },
      },
      log: silentLogger,
      stop: stop.signal,
    });

    expect([seen, waits]).toEqual([
      ["abandoned", "ended"],
      [15 * SECOND, 4 * SECOND],
    ]);
  });
});

describe("the interval", () => {
  it("is the same for one runtime always, and moved by at most half of the jitter", () => {
    const all = Array.from({ length: 200 }, (_, index) => stableInterval(100_000, 0.1, `runtime ${index}`));

    expect(stableInterval(100_000, 0.1, "runtime 1")).toBe(all[1]);
    expect(Math.min(...all)).toBeGreaterThanOrEqual(95_000);
    expect(Math.max(...all)).toBeLessThanOrEqual(105_000);
    expect(new Set(all).size).toBeGreaterThan(150);
    expect(stableInterval(100_000, 0, "runtime 1")).toBe(100_000);
  });
});

describe("the delay of a run", () => {
  it("is the same for one runtime always, and spreads over all of the time", () => {
    const all = Array.from({ length: 300 }, (_, index) => stableDelay(30_000, `runtime ${index}`));

    expect(stableDelay(30_000, "runtime 7")).toBe(all[7]);
    expect(Math.min(...all)).toBeLessThan(1_000);
    expect(Math.max(...all)).toBeGreaterThan(29_000);
    expect(Math.max(...all)).toBeLessThan(30_000);
    expect(stableDelay(0, "runtime 7")).toBe(0);
  });
});
