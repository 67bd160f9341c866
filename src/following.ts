/** A signal that comes a while after another one: first the work is told to end, then what tells of it. */

import type { Clock } from "./common/clock.js";

export interface Following {
  readonly signal: AbortSignal;
  /** It never comes then, and no timer keeps the process alive. */
  cancel(): void;
}

/** For what is kept and told once a cycle was given up, in milliseconds: memory, CompassConnection, Events and the Lease. */
export const CLOSING = 4_000;

export function following(signal: AbortSignal, milliseconds: number, clock: Clock): Following {
  const [own, cancelled] = [new AbortController(), new AbortController()];
  const begin = () => {
    clock.sleep(milliseconds, cancelled.signal).then(
      () => own.abort(signal.reason),
      () => undefined,
    );
  };
  if (signal.aborted) begin();
  else signal.addEventListener("abort", begin, { once: true, signal: cancelled.signal });
  return { signal: own.signal, cancel: () => cancelled.abort() };
}
