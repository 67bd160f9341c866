/** What people tell the agent by files beside the inventory; a commit on the branch is the permission. */

import { isUtf8 } from "node:buffer";
import { Failure } from "../common/failure.js";
import type { Base } from "./open.js";

export const APPROVE_PATH = ".runtime-agent/approve";
export const SUSPEND_PATH = ".runtime-agent/suspend";

export interface Instructions {
  /** Hashes of held sets that may pass. */
  readonly approvals: readonly string[];
  /** What nothing is written of: everything, or Applications by name. */
  readonly suspended: "everything" | readonly string[];
}

/** Bytes that one file may have: names of more Applications than there are, and the file is anybody's. */
const LIMIT = 1024 * 1024;

/**
 * Reads both files; absent ones say nothing. A `suspend` without a name, or with `*`, suspends everything. Throws `BaseUnusable` for
 * one that is too large or no UTF-8: read in part, it would say something else.
 */
export async function readInstructions(base: Base): Promise<Instructions> {
  const contents = await base.readAll([APPROVE_PATH, SUSPEND_PATH].filter((path) => base.listing.has(path)));
  for (const [path, bytes] of contents) {
    if (bytes.byteLength > LIMIT) throw tooLarge(path);
    if (!isUtf8(bytes) || bytes.includes(0)) throw noText(path);
  }
  // What follows the hash says why.
  const approvals = wordsOf(contents.get(APPROVE_PATH), 1);
  const suspend = contents.get(SUSPEND_PATH);
  // All of a line: who names two means both, and a word that names nobody is told.
  const names = wordsOf(suspend);
  const isEverything = suspend !== undefined && (names.length === 0 || names.includes("*"));
  return { approvals, suspended: isEverything ? "everything" : names };
}

/** `#` begins a comment. */
function wordsOf(bytes: Buffer | undefined, each = Number.POSITIVE_INFINITY): string[] {
  const lines = bytes?.toString("utf8").split("\n") ?? [];
  return lines.flatMap((line) =>
    line
      .replace(/#.*/, "")
      .split(/[\s,]+/)
      .filter((word) => word !== "")
      .slice(0, each),
  );
}

const noText = (path: string) =>
  new Failure(`"${path}" in git.path is not UTF-8 text`, {
    code: "BaseUnusable",
    stage: "base",
    hint: "Save it as UTF-8: what it says cannot be read, and it may say that nothing is to be written.",
  });

const tooLarge = (path: string) =>
  new Failure(`"${path}" in git.path is larger than 1 MiB`, {
    code: "BaseUnusable",
    stage: "base",
    hint: "Make it shorter: one hash or one name a line is all that is read of it.",
  });
