/** What the sandbox does wrong on request: a list of faults, each used up after its number of times. */

import { z } from "zod";
import { Failure } from "../common/failure.js";
import { parseDuration } from "./sandbox-clock.js";

export const faultNames = [
  "http-500",
  "http-503",
  "http-401",
  "http-403",
  "rate-limited",
  "slow",
  "cut-body",
  "truncated-json",
  "not-json",
  "graphql-error",
  "partial-error",
  "unprocessable",
  "page-size",
  "empty-page",
  "no-runtime",
  "drop-item",
  "repeat-item",
  "wrong-total",
  "cursor-loop",
  "insert-between-pages",
  "delete-between-pages",
  "insufficient-scopes",
  "missing-scope",
  "bad-request-empty",
  "reset",
  "redirect",
  "tls-untrusted",
  "wrong-certificate",
  "future-certificate",
  "token-spent",
  "sign-fails-after-token",
] as const;

export type FaultName = (typeof faultNames)[number];

export interface Fault {
  readonly name: FaultName;
  /** How often it strikes. @default for ever */
  readonly times?: number | undefined;
  /** How often it lets pass what it would strike, before it begins. @default 0 */
  readonly after?: number | undefined;
  /** The operation (root field of the query) that it strikes. @default any */
  readonly match?: string | undefined;
  /** Of `slow`: milliseconds or an ISO 8601 duration. @default 1000 */
  readonly delay?: number | string | undefined;
  /** Of `graphql-error`: the error code (contract 2.10). @default 10 */
  readonly code?: number | undefined;
  /** Of `unprocessable`: id or name of the one bad Application (contract 12.3, O9). @default every page is bad */
  readonly application?: string | undefined;
  /** Of `page-size`: the largest page that is allowed, 0 for none. @default 100 */
  readonly limit?: number | undefined;
}

const delay = z.union([
  z.number().nonnegative(),
  z.string().refine((text) => (parseDuration(text) ?? -1) >= 0, "is not an ISO 8601 duration"),
]);

/** What a one-time token is sent with. */
const TOKEN_OPERATIONS = ["configuration", "signCertificateSigningRequest"];

/** The form of a list of faults, as `POST /faults` takes it. */
export const faultList: z.ZodType<Fault[]> = z.array(
  z
    .strictObject({
      name: z.enum(faultNames),
      times: z.int().positive().optional(),
      after: z.int().nonnegative().optional(),
      match: z.string().min(1).optional(),
      delay: delay.optional(),
      code: z.int().optional(),
      application: z.string().min(1).optional(),
      limit: z.int().nonnegative().optional(),
    })
    .refine(
      ({ name, match }) => name !== "token-spent" || match === undefined || TOKEN_OPERATIONS.includes(match),
      `token-spent strikes what a one-time token is sent with: ${TOKEN_OPERATIONS.join(" or ")}`,
    ),
);

export interface Faults {
  replace(list: readonly Fault[]): void;
  /**
   * Takes the first fault of that name for one of these operations and counts it down; null when there is none.
   * Call it only where the fault is then done; `when` may still decide that it is not.
   */
  take(name: FaultName, operations: readonly string[], when?: (fault: Fault) => boolean): Fault | null;
  /** Like `take`, but the fault has to name the operation: for nested lists, which "any" does not mean. */
  takeNamed(name: FaultName, operation: string, when?: (fault: Fault) => boolean): Fault | null;
  includes(name: FaultName): boolean;
}

/** Begins with a list; throws a Failure when it is none. */
export function createFaults(initial: readonly Fault[]): Faults {
  const load = (list: readonly Fault[]) =>
    list.map((fault) => ({ fault, passing: fault.after ?? 0, left: fault.times ?? Number.POSITIVE_INFINITY }));
  const parsed = faultList.safeParse(initial);
  if (!parsed.success) {
    throw new Failure("that is not a list of faults", {
      code: "Usage",
      stage: "config",
      hint: `Known names are ${faultNames.join(", ")}.`,
      cause: parsed.error,
    });
  }
  let current = load(parsed.data);

  const takeFirst = (matches: (fault: Fault) => boolean): Fault | null => {
    for (const each of current) {
      if (each.left === 0 || !matches(each.fault)) continue;
      if (each.passing === 0) {
        each.left -= 1;
        return each.fault;
      }
      each.passing -= 1;
    }
    return null;
  };

  return {
    replace: (list) => {
      current = load(list);
    },
    take: (name, operations, when = () => true) =>
      takeFirst(
        (fault) =>
          fault.name === name && (fault.match === undefined || operations.includes(fault.match)) && when(fault),
      ),
    takeNamed: (name, operation, when = () => true) =>
      takeFirst((fault) => fault.name === name && fault.match === operation && when(fault)),
    includes: (name) => current.some(({ fault, left }) => fault.name === name && left > 0),
  };
}

/** Milliseconds that a `slow` fault waits. */
export function delayOf(fault: Fault): number {
  if (typeof fault.delay === "string") return parseDuration(fault.delay) ?? 1000;
  return fault.delay ?? 1000;
}
