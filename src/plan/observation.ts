/** How often and how long something was missing: the clock rule of design 3. Pure. */

import type { Missing } from "../state/index.js";

/** How often and how long something must be missing before it may go. */
export interface Patience {
  /** Complete fetches in which it must be missing. */
  readonly observations: number;
  /** Milliseconds that these are spread over, at least. */
  readonly over: number;
}

/** Shares that are no whole milliseconds may add up to this much less, in milliseconds. */
const ROUNDING = 1e-3;

/** A long silence between two observations counts no more than its share, and a clock set back counts nothing. */
export function observe(before: Missing | undefined, { observations, over }: Patience, now: Date): Missing {
  if (before === undefined) return { observations: 1, waited: 0, lastSeenMissing: now.toISOString() };
  const elapsed = Math.max(0, now.getTime() - Date.parse(before.lastSeenMissing));
  const share = observations > 1 ? over / (observations - 1) : over;
  return {
    observations: before.observations + 1,
    waited: before.waited + Math.min(elapsed, share),
    lastSeenMissing: now.toISOString(),
  };
}

/** Null when it is due; else when it is at the earliest. */
export function dueAt({ observations, waited }: Missing, patience: Patience, now: Date): Date | null {
  if (observations >= patience.observations && waited >= patience.over - ROUNDING) return null;
  return new Date(now.getTime() + Math.max(0, patience.over - waited));
}
