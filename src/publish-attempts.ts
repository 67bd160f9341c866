/** How often a cycle begins anew from the base, and for which failures. Pure. */

import type { Failure } from "./common/failure.js";

/**
 * Attempts to commit onto a branch that others move, each from a fresh base: with forty agents at once one push goes through at a
 * time, and the last one has to wait for all others.
 */
const PUBLISH_ATTEMPTS = 30;

/**
 * Upper bounds of the first wait and of any, in milliseconds: one that is much shorter than a push takes ends in the next lost attempt, which
 * holds up the others; with a longer one the last few would wait though nobody is in their way any more.
 */
const [BASE, CAP] = [1_000, 5_000];

/** Attempts at a Git host that does not answer: the next cycle comes soon, and each may take its whole deadline. */
const HOST_ATTEMPTS = 3;

/** For `retry`. What Director said still holds, so that nothing of what it was asked for is begun anew. */
export const publishAttempts = {
  attempts: PUBLISH_ATTEMPTS,
  base: BASE,
  cap: CAP,
  when: ({ code, retryable, stage }: Failure, attempt: number): boolean =>
    retryable &&
    stage !== "fetch" &&
    stage !== "plan" &&
    code !== "RateLimited" &&
    (code === "PushRejected" || attempt < HOST_ATTEMPTS),
};
