/** Publishes by one commit on the target branch, or finds that nothing differs. */

import { setImmediate as turn } from "node:timers/promises";
import type { Repository } from "../adapters/git/index.js";
import type { Base } from "../base/index.js";
import { Failure } from "../common/failure.js";
import { readTip, stoppedBeforePush, wasDone } from "./tip.js";

export type Publication =
  | { readonly kind: "commit"; readonly id: string; readonly branch: string }
  /** Git holds all of it already: an ordinary outcome. */
  | { readonly kind: "nothing" };

export interface PublishOptions {
  readonly repository: Repository;
  readonly base: Base;
  /** Paths relative to the base's path. */
  readonly writes: ReadonlyMap<string, Buffer>;
  readonly deletes: readonly string[];
  readonly message: string;
  readonly author: { readonly name: string; readonly email: string };
  readonly date: Date;
  readonly signal: AbortSignal;
  /** Called with the commit that is about to be pushed. @default nothing */
  readonly beforePush?: (commit: string) => Promise<void>;
}

/**
 * Commits what differs from the base and pushes it, if the branch is still where the base was read. Throws a Failure
 * `PushRejected` otherwise: then the caller goes back to the base.
 */
export async function publishCommit(options: PublishOptions): Promise<Publication> {
  const { repository, base, message, author, date, signal } = options;
  const { branch, path: root, tip, expected } = base;
  const writes = await differing(options.writes, base);
  const deletes = options.deletes.filter((path) => base.listing.has(path) && !options.writes.has(path));
  const isSame = writes.size === 0 && deletes.length === 0;
  if (isSame && tip === expected) return { kind: "nothing" };
  // A branch that is made where nothing is to be changed stands on the other one's tip.
  const commit =
    isSame && tip !== null
      ? tip
      : await repository.commit({ parent: tip, branch, author, date, message, root, writes, deletes });
  if (commit !== tip) await options.beforePush?.(commit);
  if (signal.aborted) throw stoppedBeforePush();
  const publication: Publication = { kind: "commit", id: commit, branch };
  try {
    await repository.push({ branch, commit, expected });
  } catch (thrown) {
    if (await wasDone(thrown, { repository, branch, commit })) return publication;
    throw thrown;
  }
  // The server said that it took the commit. A third tip is fine, for somebody may have built on it since, and so is a
  // second look that failed (undefined). An old tip is not: then something between took the push and dropped it.
  const now = await readTip(repository, branch);
  if (now === expected || now === null) {
    throw new Failure("the server took the push, but the branch did not move", {
      code: "GitFailed",
      stage: "publish",
      hint: "Look for what holds back or moves pushes to git.branch on the Git server.",
    });
  }
  return publication;
}

/** The writes that change a byte. */
async function differing(writes: ReadonlyMap<string, Buffer>, base: Base): Promise<ReadonlyMap<string, Buffer>> {
  const kept = new Map<string, Buffer>();
  let hashed = 0;
  for (const [path, bytes] of writes) {
    const listed = base.listing.get(path);
    if (listed === undefined || listed !== base.blobID(bytes)) kept.set(path, bytes);
    // Hashing 8 MB takes about 20 ms, and others want the event loop as well.
    hashed += bytes.length + 4_096;
    if (hashed > 8_000_000) {
      hashed = 0;
      await turn();
    }
  }
  return kept;
}
