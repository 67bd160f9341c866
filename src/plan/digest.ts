/** The revision: one digest over everything that is applied (design 3, report). */

import { createHash } from "node:crypto";
import { INVENTORY_PATH, type InventoryFile } from "../base/index.js";
import { REVISION_PATH } from "../render/index.js";

/** `sha256:` over the sorted lines `path NUL sha256(bytes)` of all files but the revision, which holds it, and the inventory. */
export function revisionDigest(
  files: readonly Pick<InventoryFile, "path" | "sha256" | "absent" | "cluster">[],
): string {
  const hash = createHash("sha256");
  const lines = files
    .filter(({ absent, cluster }) => absent !== true && cluster === undefined)
    .filter(({ path }) => path !== REVISION_PATH && path !== INVENTORY_PATH)
    .map(({ path, sha256 }) => `${path}\0${sha256}\n`);
  for (const line of lines.sort()) hash.update(line);
  return `sha256:${hash.digest("hex")}`;
}
