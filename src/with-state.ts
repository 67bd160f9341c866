/** The state, locked while somebody works with it. */

import type { Clock } from "./common/clock.js";
import type { Logger } from "./common/logger.js";
import { retry } from "./common/retry.js";
import type { Config } from "./config/index.js";
import { type Environment, openState } from "./setup.js";
import type { State } from "./state/index.js";

export interface WithStateOptions {
  readonly config: Config;
  readonly env: Environment;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** How long to wait for a cycle that has it, in milliseconds. @default a minute */
  readonly patience?: number;
}

/** Waits for the lock, works, lets it go. Throws `StateLocked` when whoever has it takes too long. */
export async function withState<T>(options: WithStateOptions, work: (state: State) => Promise<T>): Promise<T> {
  const { config, env, clock, signal, log, patience = 60_000 } = options;
  const state = openState(config, env);
  const unlock = await retry(() => state.lock(), {
    clock,
    signal,
    deadline: new Date(clock.now().getTime() + patience),
    attempts: patience > 0 ? Number.POSITIVE_INFINITY : 1,
    cap: 2_000,
    when: ({ code }) => code === "StateLocked",
    onRetry: (_, attempt) => {
      if (attempt === 1) log.info("waiting for the cycle that is running");
    },
  });
  try {
    return await work(state);
  } finally {
    await unlock();
  }
}
