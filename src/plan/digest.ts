/** The revision: one digest over everything that is applied (design 3, report). */

import { createHash } from "node:crypto";
import { INVENTORY_PATH, type InventoryFile } from "../base/index.js";
import { CANARY_PATH, REVISION_PATH } from "../render/index.js";

/** What holds the digest itself, or is made of it. */
const OUTSIDE: ReadonlySet<string> = new Set([REVISION_PATH, CANARY_PATH, INVENTORY_PATH]);

/**
 * `sha256:` over the sorted lines `path NUL sha256(bytes)` of all files but revision and canary, which hold it, and the
 * inventory.
 */
export function revisionDigest(
  files: readonly Pick<InventoryFile, "path" | "sha256" | "absent" | "cluster">[],
): string {
  const hash = createHash("sha256");
  const lines = files
    .filter(({ path, absent, cluster }) => !OUTSIDE.has(path) && absent !== true && cluster === undefined)
    .map(({ path, sha256 }) => `${path}\0${sha256}\n`);
  for (const line of lines.sort()) hash.update(line);
  return `sha256:${hash.digest("hex")}`;
}
