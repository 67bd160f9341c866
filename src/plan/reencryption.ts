/** Secrets that are sealed for others than those configured: sealed anew by themselves, a batch a commit. Pure. */

import { applicationOf, type InventoryFile, isSecretPath, secretNameOf } from "../base/index.js";
import { isForOthers, type SealedFor, type WaitingFile } from "../seal/index.js";

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
  /**
   * What it is, where it is not for the mode and recipients configured: to be read by everybody (`plain`), or once more,
   * since the agent lost what it knew of the files (`Rebuilt`).
   */
  readonly how?: "Readable" | "Rebuilt";
}

export interface NotReencrypted {
  readonly name: string;
  readonly id: string | null;
  readonly secret: string;
  /** Somebody changed its file, which stays so: whom that is sealed for the agent cannot tell. */
  readonly edited?: true;
}

/** What of it a cycle does next. `stuck` are paths that were tried in this cycle, and could not be written. */
export function nextBatch(waiting: readonly WaitingFile[], stuck: ReadonlySet<string>): readonly WaitingFile[] {
  return waiting.filter(({ path }) => !stuck.has(path)).slice(0, BATCH);
}

/**
 * True in a pass over a landscape of which Secrets wait to be sealed anew, and none is yet: what is sealed or written for their
 * recipients beside them goes with the first of them.
 */
export const isHeldBack = ({
  batch = new Set(),
  waiting,
}: {
  readonly batch?: ReadonlySet<string> | undefined;
  readonly waiting: readonly WaitingFile[];
}): boolean => batch.size === 0 && waiting.length > 0;

interface ReencryptionOptions {
  readonly sealedFor: SealedFor;
  readonly waiting: readonly WaitingFile[];
  /** Paths that this plan seals anew. */
  readonly batch: ReadonlySet<string>;
  /** Paths of Secrets that it seals anew because nothing is known of what stands there. */
  readonly forgotten: ReadonlySet<string>;
  readonly readable: boolean;
}

/** Null when every file is sealed as it is configured. */
export function reencryptionOf(rows: Iterable<InventoryFile>, options: ReencryptionOptions): Reencryption | null {
  const { sealedFor, waiting, batch, forgotten, readable } = options;
  const known = new Set(waiting.map(({ path }) => path));
  const secrets = [...rows].filter(({ path, absent }) => isSecretPath(path) && absent !== true);
  // What stands in the cluster is sealed for nobody: of an inventory that was rebuilt it says nothing of itself.
  const isUnsealed = ({ cluster, sealing }: InventoryFile) => cluster !== undefined && sealing === undefined;
  // Where a person's bytes stand, the row tells of the agent's.
  const isOurs = (row: InventoryFile) => row.written === undefined && !isForOthers(row, sealedFor);
  const others = secrets.filter((row) => !isOurs(row) && !isUnsealed(row)).sort(byPath);
  const isAnew = (path: string) => batch.has(path) || forgotten.has(path);
  const done = secrets.filter((row) => isAnew(row.path) && isOurs(row)).map(({ path }) => path);
  if (others.length + done.length === 0) return null;
  const unable = others
    .filter(({ path }) => !known.has(path))
    .map(({ path, id, written }) => ({
      name: applicationOf(path) ?? "",
      id,
      secret: secretNameOf(path),
      ...(written === undefined ? {} : { edited: true as const }),
    }));
  const how = forgotten.size > 0 ? "Rebuilt" : readable ? "Readable" : null;
  return {
    done: done.sort(),
    waiting: others.map(({ path }) => path).filter((path) => known.has(path)),
    unable,
    ...(how === null ? {} : { how }),
  };
}

const byPath = (a: { path: string }, b: { path: string }) => (a.path < b.path ? -1 : 1);
