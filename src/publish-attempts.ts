/** How often a cycle begins anew from the base, and for which failures. Pure. */

import type { Failure } from "./common/failure.js";

/**
 * Attempts to commit onto a branch that others move, each from a fresh base: with forty agents at once one push goes through at a
 * time, and the last one has to wait for all others.
 */
const PUBLISH_ATTEMPTS = 30;

/** Attempts at a Git host that does not answer: the next cycle comes soon, and each may take its whole deadline. */
const HOST_ATTEMPTS = 3;

/** For `retry`. What Director said still holds, so that nothing of what it was asked for is begun anew. */
export const publishAttempts = {
  attempts: PUBLISH_ATTEMPTS,
  when: ({ code, retryable, stage }: Failure, attempt: number): boolean =>
    retryable &&
    stage !== "fetch" &&
    stage !== "plan" &&
    code !== "RateLimited" &&
    (code === "PushRejected" || attempt < HOST_ATTEMPTS),
};
