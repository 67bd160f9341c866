/** Time as an argument, so that tests need none of the real one. */

import { setTimeout as delay } from "node:timers/promises";

export interface Clock {
  now(): Date;
  /** Waits; rejects with the signal's reason when it is aborted meanwhile. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  sleep: (milliseconds, signal) => delay(milliseconds, undefined, signal ? { signal } : {}),
};

/** What a timer of Node.js can hold, in milliseconds: about 25 days. Beyond that it would fire at once. */
export const LONGEST_TIMER = 2 ** 31 - 1;
