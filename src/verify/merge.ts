/** What a merge did by itself: it takes one side or the other, and what stands on neither was never looked at by anybody. */

import type { History, HistoryCommit } from "../adapters/git/index.js";
import { forTerminal } from "../common/quote.js";
import type { Fault } from "./finding.js";
import { below, fromRoot } from "./places.js";

export interface Merged {
  readonly faults: readonly Fault[];
  /** False where all below the path is as on one side, where it was checked. */
  readonly needsAgreement: boolean;
}

/** `everywhere`: not below the path alone. */
export async function checkMerge(
  commit: HistoryCommit,
  { history, path: root, everywhere }: { history: History; path: string; everywhere: boolean },
): Promise<Merged> {
  const own = (await history.ownChanges(commit)).flatMap((path): Fault[] => {
    const inside = below(root, path);
    if (inside === null && !everywhere) return [];
    const message = "is as in none of the commits that are merged";
    return [{ path: inside ?? fromRoot(path), code: "MergeChanges", message }];
  });
  const result = await history.entryID(commit.id, root);
  const sides = await Promise.all(commit.parents.map((parent) => history.entryID(parent, root)));
  const dropped = await droppedPaths(commit, { history, root });
  const place = forTerminal(root === "" ? "the root" : root, 200);
  const message = `drops what one of the merged commits changed under ${place}`;
  const [first] = dropped;
  const faults: Fault[] = first === undefined ? own : [...own, { path: first, code: "MergeChanges", message }];
  return { faults, needsAgreement: !sides.includes(result) };
}

/** Places that one side changed since the sides parted, and that the merge has as they were before. */
async function droppedPaths(
  { id, parents }: HistoryCommit,
  { history, root }: { history: History; root: string },
): Promise<string[]> {
  const result = await idsBelow(history, id, root);
  const dropped = new Set<string>();
  for (const [index, one] of parents.entries()) {
    for (const other of parents.slice(index + 1)) {
      const bases = await Promise.all(
        (await history.mergeBases(one, other)).map((base) => idsBelow(history, base, root)),
      );
      if (bases.length === 0) continue;
      for (const side of [one, other]) {
        const changed = await idsBelow(history, side, root);
        for (const path of new Set([...changed.keys(), ...bases.flatMap((base) => [...base.keys()])])) {
          const [now, then] = [result.get(path), changed.get(path)];
          // Merged crosswise, there are several states from before.
          if (now !== then && bases.every((base) => base.get(path) === now)) dropped.add(path);
        }
      }
    }
  }
  return [...dropped].sort();
}

async function idsBelow(history: History, commit: string, root: string): Promise<ReadonlyMap<string, string>> {
  const entries = [...(await history.list(commit, root))];
  return new Map(entries.map(([path, { mode, id }]) => [path, `${mode} ${id}`]));
}
