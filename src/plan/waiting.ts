/** Who cannot have its name yet. Pure. */

import type { Folder } from "../base/index.js";

export interface Waiting {
  /** Who is to be published, by name. */
  readonly wanted: ReadonlyMap<string, { readonly application: { readonly id: string } }>;
  readonly folders: ReadonlyMap<string, Folder>;
  /** Ids of those whose folder stays as it is. */
  readonly kept: ReadonlySet<string>;
  /** Names of folders that may go, or may be left behind. */
  readonly mayBeLeft: ReadonlySet<string>;
  /** Ids of those that wait anyway. */
  readonly already: ReadonlySet<string>;
}

/**
 * Ids of those that cannot have their name yet. The folder of that name has to stay: its owner is set aside, or waits
 * itself. Or their own old folder stays: a rename is a deletion of the old name, and until that passes, or somebody else
 * takes the old name, the new one waits; unless nothing is ever deleted. Adds up until nothing changes.
 */
export function waitingOnes({ wanted, folders, kept, mayBeLeft, already }: Waiting): Set<string> {
  const namesOf = Map.groupBy(folders.keys(), (name) => folders.get(name)?.id ?? "");
  const waiting = new Set(already);
  for (let before = -1; before !== waiting.size; ) {
    before = waiting.size;
    for (const [name, { application }] of wanted) {
      const { id } = application;
      const owner = folders.get(name)?.id;
      const isTaken = owner !== undefined && owner !== id && (kept.has(owner) || waiting.has(owner));
      const isLeft = (old: string) => {
        const next = wanted.get(old)?.application.id;
        return old === name || mayBeLeft.has(old) || (next !== undefined && !waiting.has(next));
      };
      if (isTaken || !(namesOf.get(id) ?? []).every(isLeft)) waiting.add(id);
    }
  }
  return waiting;
}
