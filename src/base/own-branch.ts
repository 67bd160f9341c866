/** The agent's own branch, on which a proposal waits: whose its tip is, and what is sealed there already. */

import type { Repository } from "../adapters/git/index.js";
import { INVENTORY_PATH, type InventoryFile, isSecretPath, readInventory } from "./inventory.js";
import type { Base } from "./open.js";

export interface OwnBranch {
  readonly branch: string;
  /** Commit id; null when there is no such branch. */
  readonly tip: string | null;
  /** True when the tip is what the agent wrote. What is not known counts as somebody else's. */
  readonly isOurs: boolean;
  /** The sealed file at a path, with its row, where the tip is ours and has one that Git does not have on the base. */
  sealed(path: string): Promise<{ readonly row: InventoryFile; readonly content: Buffer } | null>;
}

export interface OwnBranchOptions {
  readonly repository: Repository;
  readonly base: Base;
  readonly branch: string;
  /** Commit ids that the agent remembers to have written there, or to have been about to write. */
  readonly written: ReadonlySet<string>;
  readonly sealKey: Buffer;
}

/** Asks for the tip; the files are fetched when the first of them is wanted. */
export async function openOwnBranch(options: OwnBranchOptions): Promise<OwnBranch> {
  const { repository, branch, written } = options;
  const { tips } = await repository.remote();
  const tip = tips.get(branch) ?? null;
  const isOurs = tip !== null && written.has(tip);
  let files: ReturnType<typeof readSealed> | null = null;
  return {
    branch,
    tip,
    isOurs,
    sealed: async (path) => {
      if (!isOurs) return null;
      files ??= readSealed(options, tip);
      return (await files).get(path) ?? null;
    },
  };
}

/** Secrets on the branch that differ from the base's, by one request for all of them. */
async function readSealed(
  { repository, base, branch, sealKey }: OwnBranchOptions,
  tip: string,
): Promise<ReadonlyMap<string, { readonly row: InventoryFile; readonly content: Buffer }>> {
  const found = new Map<string, { readonly row: InventoryFile; readonly content: Buffer }>();
  // A tip that moved meanwhile is not what the agent remembers.
  if ((await repository.fetch(branch)) !== tip) return found;
  const listing = await repository.list(tip, base.path);
  const listed = listing.get(INVENTORY_PATH);
  if (listed === undefined) return found;
  const reading = readInventory(await repository.read(listed.id), sealKey);
  if (reading.state !== "verified") return found;
  const rows = reading.inventory.files.filter(
    ({ path, blob, fingerprint }) =>
      (isSecretPath(path) || fingerprint !== undefined) &&
      listing.get(path)?.id === blob &&
      base.listing.get(path) !== blob,
  );
  const blobs = await repository.readAll(rows.map(({ blob }) => blob));
  for (const row of rows) {
    const content = blobs.get(row.blob);
    if (content !== undefined) found.set(row.path, { row, content });
  }
  return found;
}
