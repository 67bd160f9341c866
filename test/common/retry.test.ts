import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/common/clock.js";
import { Failure } from "../../src/common/failure.js";
import { retry } from "../../src/common/retry.js";
import { aClock } from "./clock.js";
import { failureOf } from "./failure-of.js";

const passing = () => new Failure("busy", { code: "ServerError", stage: "fetch", retryable: true, hint: "Wait." });
const lasting = () => new Failure("no", { code: "DirectorRefused", stage: "fetch", hint: "Mend it." });

const { signal } = new AbortController();

/** Work that throws these, one each attempt, then gives "done". */
function workThatThrows(...thrown: readonly unknown[]) {
  const attempts: number[] = [];
  const work = async (attempt: number) => {
    attempts.push(attempt);
    if (attempt <= thrown.length) throw thrown[attempt - 1];
    return "done";
  };
  return { work, attempts };
}

describe("retry", () => {
  it("gives what the work gives, at once", async () => {
    const clock = aClock();

    const result = await retry(async () => "done", { clock, signal });

    expect([result, clock.waits]).toEqual(["done", []]);
  });

  it("tries again what may pass, and numbers the attempts", async () => {
    const { work, attempts } = workThatThrows(passing(), passing());

    const result = await retry(work, { clock: aClock(), signal });

    expect([result, attempts]).toEqual(["done", [1, 2, 3]]);
  });

  it.each([
    ["a failure that lasts", lasting()],
    ["an error of no known kind", Object.assign(new Error("odd"), { retryable: true })],
    ["something that is no error", "text"],
  ])("does not try again after %s", async (_, thrown) => {
    const clock = aClock();
    const { work, attempts } = workThatThrows(thrown);

    await expect(retry(work, { clock, signal })).rejects.toBe(thrown);

    expect([attempts, clock.waits]).toEqual([[1], []]);
  });

  it("tries four times by default, then throws the last failure", async () => {
    const failures = Array.from({ length: 9 }, passing);
    const { work, attempts } = workThatThrows(...failures);

    await expect(retry(work, { clock: aClock(), signal })).rejects.toBe(failures[3]);

    expect(attempts).toEqual([1, 2, 3, 4]);
  });

  it("tries as often as it is told", async () => {
    const { work, attempts } = workThatThrows(...Array.from({ length: 9 }, passing));

    await failureOf(retry(work, { clock: aClock(), signal, attempts: 1 }));

    expect(attempts).toEqual([1]);
  });

  it("goes by the caller's choice of failures when there is one", async () => {
    const { work, attempts } = workThatThrows(lasting(), passing());
    const when = ({ code }: Failure) => code === "DirectorRefused";

    const failure = await failureOf(retry(work, { clock: aClock(), signal, when }));

    expect([failure.code, attempts]).toEqual(["ServerError", [1, 2]]);
  });

  it("waits longer each time up to the cap, by the random number it draws", async () => {
    const clock = aClock();
    const { work } = workThatThrows(...Array.from({ length: 9 }, passing));

    await failureOf(retry(work, { clock, signal, attempts: 7, base: 100, cap: 1000, random: () => 0.5 }));

    expect(clock.waits).toEqual([50, 100, 200, 400, 500, 500]);
  });

  it("draws each wait from nothing up to its bound, whatever is drawn", async () => {
    const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    await fc.assert(
      fc.asyncProperty(fc.array(fraction, { minLength: 8, maxLength: 8 }), async (draws) => {
        const clock = aClock();
        let drawn = 0;
        const { work } = workThatThrows(...Array.from({ length: 9 }, passing));
        const options = { clock, signal, attempts: 9, base: 250, cap: 10_000, random: () => draws[drawn++] ?? 0 };

        await failureOf(retry(work, options));

        expect(clock.waits).toEqual(draws.map((draw, index) => draw * Math.min(10_000, 250 * 2 ** index)));
      }),
    );
  });

  it("spreads its waits by itself", async () => {
    const clock = aClock();
    const { work } = workThatThrows(...Array.from({ length: 50 }, passing));

    await failureOf(retry(work, { clock, signal, attempts: 50, base: 1000, cap: 1000 }));

    expect(Math.min(...clock.waits)).toBeLessThan(500);
    expect(Math.max(...clock.waits)).toBeGreaterThan(500);
    expect(Math.max(...clock.waits)).toBeLessThan(1000);
  });

  it("never waits beyond the deadline", async () => {
    const clock = aClock("2026-03-01T12:00:00.000Z");
    const deadline = new Date("2026-03-01T12:00:00.300Z");
    const { work, attempts } = workThatThrows(...Array.from({ length: 9 }, passing));

    const failure = await failureOf(
      retry(work, { clock, signal, attempts: 9, base: 100, random: () => 0.999, deadline }),
    );

    expect([failure.code, attempts]).toEqual(["ServerError", [1, 2, 3]]);
    expect(clock.now().getTime()).toBeLessThanOrEqual(deadline.getTime());
  });

  it("tells of each attempt that failed before it waits", async () => {
    const clock = aClock();
    const told: [string, number, number][] = [];
    const { work } = workThatThrows(passing(), passing());
    const onRetry = ({ code }: Failure, attempt: number) => told.push([code, attempt, clock.waits.length]);

    await retry(work, { clock, signal, onRetry });

    expect(told).toEqual([
      ["ServerError", 1, 0],
      ["ServerError", 2, 1],
    ]);
  });

  it("does not begin to wait when it was stopped during an attempt", async () => {
    const stop = new AbortController();
    const clock = aClock();
    const failure = passing();
    const work = async () => {
      stop.abort();
      throw failure;
    };

    await expect(retry(work, { clock, signal: stop.signal })).rejects.toBe(failure);

    expect(clock.waits).toEqual([]);
  });

  it("wakes up when it is stopped while it waits, and says so", async () => {
    const stop = new AbortController();
    const { work, attempts } = workThatThrows(passing(), passing());
    const onRetry = () => setImmediate(() => stop.abort(new Error("SIGTERM")));

    const failure = await failureOf(
      retry(work, {
        clock: systemClock,
        signal: stop.signal,
        base: 3_600_000,
        cap: 3_600_000,
        random: () => 0.9,
        onRetry,
      }),
    );

    expect(failure).toMatchObject({ name: "Failure", code: "Aborted", stage: "fetch", retryable: false });
    expect(attempts).toEqual([1]);
  });

  it("lets an error of the clock through", async () => {
    const broken = new RangeError("no time");
    const clock = { ...aClock(), sleep: () => Promise.reject(broken) };

    await expect(retry(workThatThrows(passing()).work, { clock, signal })).rejects.toBe(broken);
  });
});
