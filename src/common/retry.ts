/** Tries again what may pass by itself: full jitter between attempts, within a deadline. */

import type { Clock } from "./clock.js";
import { Failure } from "./failure.js";

export interface RetryOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Attempts in all. @default 4 */
  readonly attempts?: number;
  /** Upper bound of the first wait, in milliseconds; doubled each time. @default 250 */
  readonly base?: number;
  /** Upper bound of any wait, in milliseconds. @default 10_000 */
  readonly cap?: number;
  /** No wait reaches beyond this moment. @default no deadline */
  readonly deadline?: Date;
  /** Which failures are tried again. @default the retryable ones */
  readonly when?: (failure: Failure, attempt: number) => boolean;
  /** Called before each wait, for the log. */
  readonly onRetry?: (failure: Failure, attempt: number) => void;
  /** A number in [0, 1). @default Math.random */
  readonly random?: () => number;
}

/**
 * Runs `work` until it succeeds, fails with something not retryable, or attempts or time are used up; then throws
 * the last failure, or `Aborted` when it was stopped while it waited. The wait is uniform in [0, min(cap, base · 2ⁿ)),
 * the "full jitter" that spreads many agents out.
 */
export async function retry<T>(work: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, signal, attempts = 4, base = 250, cap = 10_000, deadline, onRetry, random = Math.random } = options;
  const { when = ({ retryable }) => retryable } = options;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (thrown) {
      if (!(thrown instanceof Failure) || !when(thrown, attempt) || signal.aborted || attempt >= attempts) throw thrown;
      const wait = random() * Math.min(cap, base * 2 ** (attempt - 1));
      if (deadline !== undefined && clock.now().getTime() + wait > deadline.getTime()) throw thrown;
      onRetry?.(thrown, attempt);
      await clock.sleep(wait, signal).catch((woken: unknown) => {
        throw signal.aborted ? stopped(thrown) : woken;
      });
    }
  }
}

const stopped = (last: Failure) =>
  new Failure("the agent was stopped while it waited to try again", {
    code: "Aborted",
    stage: last.stage,
    hint: "The agent was asked to stop.",
    cause: last,
  });
