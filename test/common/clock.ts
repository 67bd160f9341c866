/** A clock that stands still until it is asked to wait; then it jumps. */

import type { Clock } from "../../src/common/clock.js";

export interface TestClock extends Clock {
  /** What was waited for, in milliseconds. */
  readonly waits: readonly number[];
}

export function aClock(start = "2026-03-01T12:00:00Z"): TestClock {
  let now = Date.parse(start);
  const waits: number[] = [];
  return {
    waits,
    now: () => new Date(now),
    sleep: async (milliseconds, signal) => {
      signal?.throwIfAborted();
      waits.push(milliseconds);
      now += milliseconds;
    },
  };
}
