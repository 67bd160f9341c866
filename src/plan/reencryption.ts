/** Secrets that are sealed for others than those configured: sealed anew by themselves, a batch a commit. Pure. */

import { applicationOf, type InventoryFile, isSecretPath, secretNameOf } from "../base/index.js";
import type { WaitingFile } from "../seal/index.js";

/** Files that one commit seals anew: more could not be looked through. */
const BATCH = 50;

/** What is done about them in this cycle. By path, sorted. */
export interface Reencryption {
  /** Sealed anew by this plan. */
  readonly done: readonly string[];
  /** For the next cycles. */
  readonly waiting: readonly string[];
  /** Files whose values are not known any more (`NotReencrypted`): former recipients can still open them. */
  readonly unable: readonly NotReencrypted[];
}

export interface NotReencrypted {
  readonly name: string;
  readonly id: string | null;
  readonly secret: string;
}

/** What of it a cycle does: nothing while anything else changes, so that its commit holds nothing but what it says. */
export function nextBatch(
  waiting: readonly WaitingFile[],
  { writes, deletes }: { readonly writes: ReadonlyMap<string, unknown>; readonly deletes: readonly string[] },
): readonly WaitingFile[] {
  return writes.size + deletes.length > 0 ? [] : waiting.slice(0, BATCH);
}

/** Null when every file is sealed as it is configured. `batch` are paths that this plan seals anew. */
export function reencryptionOf(
  rows: Iterable<InventoryFile>,
  { sealing, waiting, batch }: { sealing: string; waiting: readonly WaitingFile[]; batch: ReadonlySet<string> },
): Reencryption | null {
  const known = new Set(waiting.map(({ path }) => path));
  const secrets = [...rows].filter(({ path, absent }) => isSecretPath(path) && absent !== true);
  const others = secrets.filter((row) => row.sealing !== sealing).sort(byPath);
  const done = secrets.filter((row) => batch.has(row.path) && row.sealing === sealing).map(({ path }) => path);
  if (others.length + done.length === 0) return null;
  const unable = others
    .filter(({ path }) => !known.has(path))
    .map(({ path, id }) => ({ name: applicationOf(path) ?? "", id, secret: secretNameOf(path) }));
  return { done: done.sort(), waiting: others.map(({ path }) => path).filter((path) => known.has(path)), unable };
}

const byPath = (a: { path: string }, b: { path: string }) => (a.path < b.path ? -1 : 1);
