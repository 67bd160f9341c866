/** Cycles on a schedule, one after the other, until somebody stops it. */

import type { Clock } from "./common/clock.js";
import type { Logger } from "./common/logger.js";
import { sha256 } from "./common/sha256.js";
import { retryWait } from "./connect/index.js";
import { CLOSING, following } from "./following.js";

/** Why a cycle starts. */
export type Trigger = "start" | "schedule" | "certificate" | "resyncNow" | "token" | "configuration" | "SIGHUP";

/** When something cannot wait for the schedule, and when it is too late for it. */
export interface Moment {
  readonly at: Date;
  readonly until: Date;
}

export interface DaemonOptions {
  /** One cycle. What fails in it is its own to tell; it ends with the signal, and what it tells after that with `end`. */
  readonly cycle: (trigger: Trigger, signal: AbortSignal, end: AbortSignal) => Promise<void>;
  /** Between two starts, in milliseconds; asked before each rest, since the configuration may have changed. */
  readonly interval: () => number;
  /** When the identity wants the next cycle; null when it can wait for the schedule. Asked after each cycle. @default it can */
  readonly moment?: () => Promise<Moment | null>;
  /** Whether somebody wants a cycle now. Asked every few seconds while nothing runs. */
  readonly look: () => Promise<Trigger | null>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends the daemon: the cycle under way may finish, for so long as `grace`. */
  readonly stop: AbortSignal;
  /** In milliseconds. @default 15 s; with what is told after that it stays within the 20 s that are promised */
  readonly grace?: number;
  /** Between two looks, in milliseconds. @default 5 s */
  readonly lookEvery?: number;
}

/** Resolves when it was stopped. Throws nothing but defects. */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { clock, log, stop, interval, lookEvery = 5_000 } = options;
  let trigger: Trigger = "start";
  // Cycles in a row after which the identity was still waiting for one, as where the state is locked.
  let missed = 0;
  while (!stop.aborted) {
    const started = clock.now().getTime();
    log.info("cycle started", { trigger });
    await inGrace(options, (signal, end) => options.cycle(trigger, signal, end));
    // By the clock of the machine, which may be set back while the agent rests: never longer than one interval.
    const due = () => Math.min(started + interval(), clock.now().getTime() + interval());
    const moment = stop.aborted ? null : ((await options.moment?.()) ?? null);
    missed = moment !== null && moment.at <= clock.now() ? missed + 1 : 0;
    const wake = moment === null ? Number.POSITIVE_INFINITY : wakeAt(moment, missed, clock.now().getTime());
    let woken: Trigger | null = null;
    for (let until = due(); woken === null && !stop.aborted; until = Math.min(until, due())) {
      const left = Math.min(until, wake) - clock.now().getTime();
      if (left <= 0) woken = wake < until ? "certificate" : "schedule";
      else {
        await clock.sleep(Math.min(left, lookEvery), stop).catch(() => undefined);
        if (!stop.aborted && left > lookEvery) woken = await options.look();
      }
    }
    trigger = woken ?? "schedule";
  }
  log.info("stopped");
}

/** However near the moment is, one cycle does not follow on the other without a pause; in milliseconds. */
const SHORTEST_REST = 1_000;

/** Of what the cycle should have done and did not, again at the pace of a renewal that fails. */
function wakeAt({ at, until }: Moment, missed: number, now: number): number {
  const wanted = missed === 0 ? at.getTime() : now + retryWait(missed, until.getTime() - now);
  return Math.max(wanted, now + SHORTEST_REST);
}

/** Runs the cycle with signals of its own: the first follows `stop` only after the grace, the second ends what is left. */
async function inGrace(
  { stop, clock, grace = 15_000 }: DaemonOptions,
  cycle: (signal: AbortSignal, end: AbortSignal) => Promise<void>,
): Promise<void> {
  const own = following(stop, grace, clock);
  const end = following(own.signal, CLOSING, clock);
  try {
    await cycle(own.signal, end.signal);
  } finally {
    own.cancel();
    end.cancel();
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
