/** Whole answers of Director that go wrong, whatever was asked. */

import { type DirectorError, internalError } from "./director-error.js";
import type { Fault, Faults } from "./faults.js";
import { type Answer, jsonAnswer, type WireError, type WireResult } from "./graphql-endpoint.js";

/** An error of Director as it stands in an answer. */
export const wire = ({ message, extensions }: DirectorError, path?: WireError["path"]): WireError => ({
  message,
  path,
  extensions,
});

/** What is known of a request when its answer is ready. */
interface Asked {
  readonly operations: readonly string[];
  readonly unwritable: { readonly found: boolean };
  /** Ids and names of the Applications whose schema field the answer holds. */
  readonly schemasOf: ReadonlySet<string>;
}

/** True when `unprocessable` is due: for every answer, or for one that holds the bad field of its Application. */
function strikesBadApplication({ operations, schemasOf }: Asked, faults: Faults): boolean {
  const strikes = ({ application }: Fault) => application === undefined || schemasOf.has(application);
  return faults.take("unprocessable", operations, strikes) !== null;
}

/** One nested list fails: its error stands beside the rest of the data, and its parent's field is null. */
function partial({ data, errors = [] }: WireResult, operations: readonly string[]): WireResult {
  const roots = (data ?? {}) as Record<string, { data?: Record<string, unknown>[] } | null>;
  for (const [field, root] of Object.entries(roots)) {
    const [first] = root?.data ?? [];
    if (first && "bundles" in first) {
      first.bundles = null;
      return { errors: [...errors, wire(internalError(), [field, "data", 0, "bundles"])], data };
    }
  }
  return { errors: [...errors, wire(internalError(), operations.slice(0, 1))], data };
}

/** The answer to a value that cannot be written as JSON (contract 12.3, O9). */
export const unprocessable = (): Answer =>
  jsonAnswer(422, { errors: [wire(internalError("invalid character in string literal"))], data: null });

/** The answer to a result: itself, unless something in it cannot be written or a fault is due. */
export function answerOf(result: WireResult, asked: Asked, faults: Faults): WireResult | Answer {
  const { operations, unwritable } = asked;
  if (unwritable.found || strikesBadApplication(asked, faults)) return unprocessable();
  return faults.take("partial-error", operations) ? partial(result, operations) : result;
}
