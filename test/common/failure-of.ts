/** What the tests of failures share: the failure itself, and everything in it that a person gets to see. */

import type { Failure } from "../../src/common/failure.js";

/** What a promise was rejected with; fails when it was not. */
export async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  return promise.then(
    () => {
      throw new Error("it did not fail");
    },
    (failure: Failure) => failure,
  );
}

/** Message, hint and stack. */
export const told = ({ message, hint, stack }: Failure): string => [message, hint, stack].join("\n");
