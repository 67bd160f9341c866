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

/** By the committed references: the values are the same, and one of the hosts is new. */
export function destinationChanges(estate: Estate, folders: ReadonlyMap<string, Folder>): DestinationChange[] {
  return estate.applications.flatMap(({ name, id, secrets }) => {
    const rows = folders.get(name)?.rows ?? [];
    const changes = new Map<string, DestinationChange>();
    for (const { reference } of secrets) {
      const { bundle, type, hosts, values } = reference;
      const before = rows.find(
        (row) => row.id === id && row.reference?.bundle === bundle && row.reference.type === type,
      );
      if (before?.reference === undefined || values === null || before.reference.values !== values) continue;
      const from = before.reference.hosts;
      const to = hosts.filter((host) => !from.includes(host));
      if (to.length > 0) changes.set(bundle, { name, id, bundle, from, to });
    }
    return [...changes.values()];
  });
}
