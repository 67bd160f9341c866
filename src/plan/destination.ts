/** Credentials that stay while the host they are sent to changes: what an attacker in Compass would do. Pure. */

import type { Folder } from "../base/index.js";
import type { Estate } from "../model/index.js";

export interface DestinationChange {
  readonly name: string;
  readonly id: string;
  /** Id of the bundle that the credentials belong to. */
  readonly bundle: string;
  /** Hosts as Git has them, and those that are new. Sorted. */
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/**
 * By the committed references: the values are the same, and one of the hosts is new. Told by the ids of the Application
 * and the bundle, so that a new name hides nothing.
 */
export function destinationChanges(estate: Estate, folders: ReadonlyMap<string, Folder>): DestinationChange[] {
  const rows = Map.groupBy(
    [...folders.values()].flatMap((folder) => folder.rows),
    ({ id }) => id,
  );
  return estate.applications.flatMap(({ name, id, secrets }) => {
    const committed = (rows.get(id) ?? []).flatMap(({ reference }) => reference ?? []);
    const bundles = [...new Set(secrets.map(({ bundle }) => bundle))];
    return bundles.flatMap((bundle): DestinationChange[] => {
      const same = secrets
        .map(({ reference }) => reference)
        .filter((each) => each.bundle === bundle && each.values !== null)
        .map((now) => ({
          now,
          before: committed.filter((each) => each.bundle === bundle && each.values === now.values),
        }))
        .filter(({ before }) => before.length > 0);
      const from = new Set(same.flatMap(({ before }) => before.flatMap(({ hosts }) => hosts)));
      const to = new Set(same.flatMap(({ now }) => now.hosts).filter((host) => !from.has(host)));
      return to.size === 0 ? [] : [{ name, id, bundle, from: [...from].sort(), to: [...to].sort() }];
    });
  });
}
