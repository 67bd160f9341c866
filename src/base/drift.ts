/** Where the files in Git are not those that the agent wrote: somebody changed, removed or put back one. */

import { sha256 } from "../common/sha256.js";
import { readApplication } from "./committed-application.js";
import { applicationOf, applicationPath, type InventoryFile } from "./inventory.js";
import type { Base } from "./open.js";

export interface DriftedFile {
  readonly row: InventoryFile;
  /** What stands there now; null when the file was removed. */
  readonly now: { readonly blob: string; readonly sha256: string } | null;
  /** True when it is what the agent wrote there before its latest. */
  readonly older: boolean;
}

export interface Drift {
  /** By path. */
  readonly files: ReadonlyMap<string, DriftedFile>;
  /** Names of Applications whose file says that it is to be left alone. */
  readonly disabled: ReadonlySet<string>;
}

/** Compares what is listed with what the inventory says was written, and reads what differs. */
export async function findDrift(base: Base, rows: readonly InventoryFile[]): Promise<Drift> {
  const drifted = rows.filter((row) => base.listing.get(row.path) !== (row.written ?? row.blob));
  const contents = await base.readAll(drifted.map(({ path }) => path).filter((path) => base.listing.has(path)));
  const files = new Map<string, DriftedFile>();
  const disabled = new Set<string>();
  for (const row of drifted) {
    const blob = base.listing.get(row.path);
    const bytes = contents.get(row.path);
    if (blob === undefined || bytes === undefined) {
      files.set(row.path, { row, now: null, older: false });
      continue;
    }
    files.set(row.path, { row, now: { blob, sha256: sha256(bytes) }, older: row.former?.includes(blob) === true });
    const name = applicationOf(row.path);
    if (name !== null && row.path === applicationPath(name) && readApplication(bytes).isDisabled) disabled.add(name);
  }
  return { files, disabled };
}
