/** Exit codes (docs/reference/exit-codes.md). */

import type { Outcome, OutcomeFailure } from "./outcome.js";

export const EXIT = {
  done: 0,
  failed: 1,
  attention: 2,
  tokenNeeded: 3,
  usage: 64,
  tryAgain: 75,
  configuration: 78,
} as const;

const NEEDS_TOKEN: ReadonlySet<string> = new Set([
  "TokenNeeded",
  "TokenRejected",
  "TokenMalformed",
  "CredentialsRejected",
]);
const CONFIGURATION: ReadonlySet<string> = new Set(["ConfigurationInvalid", "ConfigurationUnreadable"]);

export function exitCodeOfFailure({ code, retryable }: Pick<OutcomeFailure, "code" | "retryable">): number {
  if (NEEDS_TOKEN.has(code)) return EXIT.tokenNeeded;
  if (CONFIGURATION.has(code)) return EXIT.configuration;
  if (code === "Usage") return EXIT.usage;
  return retryable ? EXIT.tryAgain : EXIT.failed;
}

/** `detailed`: tell by the code that something is held or set aside (`sync`), or that there are changes (`plan`). */
export function exitCode({ result, failure, applications, digest }: Outcome, detailed: boolean): number {
  if (failure !== null) return exitCodeOfFailure(failure);
  if (!detailed) return EXIT.done;
  const { created, updated, deleted, held, setAside } = applications;
  const changes = created.length + updated.length + deleted.length;
  // The first commit for a runtime without Applications is a change, too.
  const planned = changes > 0 || digest.planned !== digest.target;
  const attention = result === "planned" ? planned : held.length + setAside.length > 0;
  return attention ? EXIT.attention : EXIT.done;
}
