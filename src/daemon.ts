/** Cycles on a schedule, one after the other, until somebody stops it. */

import type { Clock } from "./common/clock.js";
import type { Logger } from "./common/logger.js";
import { sha256 } from "./common/sha256.js";

/** Why a cycle starts. */
export type Trigger = "start" | "schedule" | "resyncNow" | "token" | "configuration" | "SIGHUP";

export interface DaemonOptions {
  /** One cycle. What fails in it is its own to tell; it ends with the signal. */
  readonly cycle: (trigger: Trigger, signal: AbortSignal) => Promise<void>;
  /** Between two starts, in milliseconds; asked before each rest, since the configuration may have changed. */
  readonly interval: () => number;
  /** Whether somebody wants a cycle now. Asked every few seconds while nothing runs. */
  readonly look: () => Promise<Trigger | null>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends the daemon: the cycle under way may finish, for so long as `grace`. */
  readonly stop: AbortSignal;
  /** In milliseconds. @default 15 s, which leaves time within the 20 s that are promised */
  readonly grace?: number;
  /** Between two looks, in milliseconds. @default 5 s */
  readonly lookEvery?: number;
}

/** Resolves when it was stopped. Throws nothing but defects. */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { clock, log, stop, interval, lookEvery = 5_000 } = options;
  let trigger: Trigger = "start";
  while (!stop.aborted) {
    const started = clock.now().getTime();
    log.info("cycle started", { trigger });
    await inGrace(options, (signal) => options.cycle(trigger, signal));
    // By the clock of the machine, which may be set back while the agent rests: never longer than one interval.
    const due = () => Math.min(started + interval(), clock.now().getTime() + interval());
    let woken: Trigger | null = null;
    for (let until = due(); woken === null && !stop.aborted; until = Math.min(until, due())) {
      const left = until - clock.now().getTime();
      if (left <= 0) woken = "schedule";
      else {
        await clock.sleep(Math.min(left, lookEvery), stop).catch(() => undefined);
        if (!stop.aborted && left > lookEvery) woken = await options.look();
      }
    }
    trigger = woken ?? "schedule";
  }
  log.info("stopped");
}

/** Runs the cycle with a signal of its own, which follows `stop` only after the grace. */
async function inGrace(
  { stop, grace = 15_000 }: DaemonOptions,
  cycle: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const own = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const abandon = () => {
    timer = setTimeout(() => own.abort(stop.reason), grace);
  };
  stop.addEventListener("abort", abandon, { once: true });
  try {
    await cycle(own.signal);
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", abandon);
  }
}

/**
 * Milliseconds between two starts: `every`, moved by up to half of `jitter` each way, the same for one runtime always, so
 * that runtimes installed together drift apart.
 */
export function stableInterval(every: number, jitter: number, runtimeID: string): number {
  return Math.round(every * (1 + jitter * (shareOf(runtimeID) - 0.5)));
}

/** Milliseconds below `within`, the same for one runtime always: runtimes whose schedule is the same do not ask at once. */
export function stableDelay(within: number, runtimeID: string): number {
  return Math.floor(within * shareOf(runtimeID));
}

/** From 0 to below 1. */
const shareOf = (runtimeID: string): number => Number.parseInt(sha256(runtimeID).slice(0, 8), 16) / 2 ** 32;
