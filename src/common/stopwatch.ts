/** How long each stage took, and which one is under way. */

import type { Clock } from "./clock.js";
import type { Stage } from "./failure.js";

export interface Stopwatch {
  /** The stage that was begun last. */
  readonly stage: Stage;
  time<T>(stage: Stage, work: () => Promise<T>): Promise<T>;
  /** Milliseconds by stage. */
  durations(): ReadonlyMap<string, number>;
}

export function createStopwatch(clock: Clock): Stopwatch {
  const durations = new Map<string, number>();
  let current: Stage = "config";
  return {
    get stage() {
      return current;
    },
    time: async (stage, work) => {
      current = stage;
      const start = clock.now().getTime();
      try {
        return await work();
      } finally {
        durations.set(stage, (durations.get(stage) ?? 0) + clock.now().getTime() - start);
      }
    },
    durations: () => durations,
  };
}
