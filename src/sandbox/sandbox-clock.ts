/** The sandbox's own time: a base clock and an offset that tests move, to age certificates without waiting. */

import type { Clock } from "../common/clock.js";

export interface SandboxClock extends Clock {
  /** Sets the distance to the base clock, in milliseconds. */
  move(offset: number): void;
}

export function createSandboxClock(base: Clock, initialOffset: number): SandboxClock {
  let offset = initialOffset;
  return {
    now: () => new Date(base.now().getTime() + offset),
    sleep: (milliseconds, signal) => base.sleep(milliseconds, signal),
    move: (next) => {
      offset = next;
    },
  };
}

const DURATION = /^([+-])?P(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;

/** Milliseconds of an ISO 8601 duration in days, hours, minutes and seconds (`P80D`, `-PT5M`); null for anything else. */
export function parseDuration(text: string): number | null {
  const match = DURATION.exec(text);
  if (match === null || /P$/.test(text)) return null;
  const [sign, ...amounts] = match.slice(1);
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = amounts.map((amount) => Number(amount ?? 0));
  const total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
  return Math.round(total * 1000) * (sign === "-" ? -1 : 1);
}
