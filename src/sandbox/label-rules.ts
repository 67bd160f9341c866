/** Which labels `setRuntimeLabel` takes (contract 2.3; 12.3, O15). */

import { internalError, invalidData } from "./director-error.js";

const immutable = [/^.*_defaultEventing$/, /^xsappnameCMPClone$/, /^runtimeType$/, /^CMPSaaSAppName$/];

const isEmptyObject = (value: object) => Object.keys(value).length === 0;

/** Go's zero values. */
const isZero = (value: unknown) =>
  value === null ||
  value === "" ||
  value === 0 ||
  value === false ||
  (typeof value === "object" && isEmptyObject(value));

/** Throws a DirectorError when the label is refused. */
export function checkLabel(key: string, value: unknown): void {
  if (key === "scenarios") throw internalError();
  if ([...key].length > 256 || !/^[a-zA-Z0-9_]+$/.test(key)) throw invalidData("key: must be in a valid format");
  if (isZero(value)) throw invalidData("value: cannot be blank");
  if (immutable.some((pattern) => pattern.test(key)))
    throw invalidData(`could not set unmodifiable label with key ${key}`);
}
