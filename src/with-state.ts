/** The state, locked while somebody works with it. */

import type { Clock } from "./common/clock.js";
import type { Logger } from "./common/logger.js";
import { retry } from "./common/retry.js";
import type { Config } from "./config/index.js";
import { following } from "./following.js";
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

/** How long what was done is kept and told after the signal, in milliseconds: it stays within the 20 s that are promised. */
const GRACE = 12_000;

/**
 * Waits for the lock, works, lets it go. `end` ends what is kept and told, a while after the signal. Throws `StateLocked`
 * when whoever has it takes too long.
 */
export async function withState<T>(
  options: WithStateOptions,
  work: (state: State, end: AbortSignal) => Promise<T>,
): Promise<T> {
  const end = following(options.signal, GRACE, options.clock);
  try {
    return await locked(options, end.signal, (state) => work(state, end.signal));
  } finally {
    end.cancel();
  }
}

async function locked<T>(options: WithStateOptions, end: AbortSignal, work: (state: State) => Promise<T>): Promise<T> {
  const { config, env, clock, signal, log, patience = 60_000 } = options;
  const state = openState(config, env, end);
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
