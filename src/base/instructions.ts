/** What people tell the agent by files beside the inventory; a commit on the branch is the permission. */

import type { Base } from "./open.js";

export const APPROVE_PATH = ".runtime-agent/approve";
export const SUSPEND_PATH = ".runtime-agent/suspend";

export interface Instructions {
  /** Hashes of held sets that may pass. */
  readonly approvals: readonly string[];
  /** What nothing is written of: everything, or Applications by name. */
  readonly suspended: "everything" | readonly string[];
}

/** Lines read of one file; nobody needs more, and the file is anybody's. */
const LINES = 1_000;

/** Reads both files; absent ones say nothing. A `suspend` without a name suspends everything. */
export async function readInstructions(base: Base): Promise<Instructions> {
  const contents = await base.readAll([APPROVE_PATH, SUSPEND_PATH].filter((path) => base.listing.has(path)));
  const approvals = wordsOf(contents.get(APPROVE_PATH));
  const suspend = contents.get(SUSPEND_PATH);
  const names = wordsOf(suspend);
  return { approvals, suspended: suspend !== undefined && names.length === 0 ? "everything" : names };
}

/** The first word of each line; `#` begins a comment. */
function wordsOf(bytes: Buffer | undefined): string[] {
  const lines =
    bytes
      ?.subarray(0, 64 * 1024)
      .toString("utf8")
      .split("\n", LINES) ?? [];
  return lines.flatMap((line) => line.replace(/#.*/, "").trim().split(/\s+/, 1)).filter((word) => word !== "");
}
