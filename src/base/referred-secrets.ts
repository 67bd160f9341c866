/** Secrets that stand in the cluster, as far as Git tells by itself, where the inventory that lists them is not to be trusted. */

import { readApplication } from "./committed-application.js";
import { applicationOf, applicationPath, isInLayout } from "./inventory.js";
import type { Base } from "./open.js";

/**
 * The base with the Secrets that its Applications refer to and of which it holds no file, as if it listed them. Nobody knows
 * what they hold: each stands there as an empty file. With an inventory that verifies, or none, it is the base as it is.
 */
export async function withReferredSecrets(base: Base): Promise<Base> {
  if (base.inventory.state !== "unverified") return base;
  const paths = [...base.listing.keys()].filter((path) => path === applicationPath(applicationOf(path) ?? ""));
  const referred = new Map<string, string>();
  const unknown = base.blobID(new Uint8Array());
  for (const [path, bytes] of await base.readAll(paths)) {
    for (const secret of readApplication(bytes).references.keys()) {
      const place = `applications/${applicationOf(path)}/secrets/${secret}.yaml`;
      if (isInLayout(place) && !base.listing.has(place) && !base.obstacles.has(place)) referred.set(place, unknown);
    }
  }
  return {
    ...base,
    listing: new Map([...base.listing, ...referred]),
    inCluster: new Set([...base.inCluster, ...referred.keys()]),
  };
}
