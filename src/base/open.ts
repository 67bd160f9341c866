/** Reads what Git holds under our path: the tip, the files by blob id, and the inventory. */

import type { Repository, TreeEntry } from "../adapters/git/index.js";
import { Failure } from "../common/failure.js";
import { forTerminal } from "../common/quote.js";
import { INVENTORY_PATH, type InventoryReading, inCluster, readInventory } from "./inventory.js";
import { blockageBy, type EntryKind, inTheWay } from "./obstacles.js";

export interface Base {
  readonly branch: string;
  /** The folder that is ours, "" for the root of the repository. */
  readonly path: string;
  /** Commit id; null for an empty repository, in which the first commit makes the branch. */
  readonly tip: string | null;
  /** What a push must find on the branch: `tip`, or null where the branch is made by it. */
  readonly expected: string | null;
  /** Path relative to `path` → blob id, of regular files, and of Secrets that stand in the cluster in place of one. */
  readonly listing: ReadonlyMap<string, string>;
  /** Paths of those Secrets: Git holds nothing there. */
  readonly inCluster: ReadonlySet<string>;
  /** Symbolic links and submodules under `path`, relative to it: nothing is written over or through one. */
  readonly obstacles: ReadonlySet<string>;
  readonly inventory: InventoryReading;
  /** The bytes of one listed file. Throws for a path that is not listed. */
  read(path: string): Promise<Buffer>;
  /** The bytes of many listed files, in few calls; those that are not listed are left out. */
  readAll(paths: readonly string[]): Promise<ReadonlyMap<string, Buffer>>;
  /** The id that Git would give these bytes. */
  blobID(bytes: Uint8Array): string;
}

export interface BaseOptions {
  readonly repository: Repository;
  readonly branch: string;
  readonly path: string;
  readonly sealKey: Buffer;
  /** The branch whose tip is taken where `branch` is missing. @default a missing branch is a failure */
  readonly createFrom?: string | null;
  /** Something was published there before, so that a repository without a branch has lost it. @default false */
  readonly wasPublished?: boolean;
}

const ON_BRANCH = "on git.branch";

/** How many branches a message names. */
const NAMED_BRANCHES = 5;

/** Throws a Failure: `BranchNotFound`, also for a branch that was there and is gone, `BaseUnusable`, `TwoAgents` for folders within each other, or what the repository throws. */
export async function openBase(options: BaseOptions): Promise<Base> {
  const { repository, branch, path, sealKey, createFrom = null, wasPublished = false } = options;
  const { tips } = await repository.remote();
  const blobID = (bytes: Uint8Array) => repository.blobID(bytes);
  // What is begun anew there would be another history, without anything that people had beside it.
  if (wasPublished && !tips.has(branch)) throw branchGone(branch, tips.size === 0);
  const source = tips.has(branch) ? branch : createFrom;
  if (source === null || !tips.has(source)) {
    if (tips.size > 0) throw branchNotFound(branch, [...tips.keys()], createFrom);
    const read = () => Promise.reject(notListed());
    const readAll = async () => new Map<string, Buffer>();
    return {
      branch,
      path,
      tip: null,
      expected: null,
      listing: new Map(),
      inCluster: new Set(),
      obstacles: new Set(),
      inventory: { state: "absent" },
      read,
      readAll,
      blobID,
    };
  }
  // The branch may have moved since: what was fetched counts.
  const tip = await repository.fetch(source);
  for (const { path: way, entry } of await repository.ancestors(tip, path)) {
    if (entry.type !== "tree")
      throw inTheWay({ place: way, kind: kindOf(entry), needed: "folders and files" }, ON_BRANCH);
  }
  for (const above of foldersAbove(path)) {
    const inventory = above === "" ? INVENTORY_PATH : `${above}/${INVENTORY_PATH}`;
    const found = await repository.ancestors(tip, inventory);
    if (found.at(-1)?.path === inventory) throw nested(`inside "${above === "" ? "the root" : above}", which is`);
  }
  const listing = new Map<string, string>();
  const obstacles = new Set<string>();
  for (const [name, entry] of await repository.list(tip, path)) {
    const kind = kindOf(entry);
    // Without these nothing can be published; any other stops at most one Application.
    const blockage = blockageBy(name, kind);
    if (blockage !== null)
      throw inTheWay({ ...blockage, place: path === "" ? blockage.place : `${path}/${blockage.place}` }, ON_BRANCH);
    if (kind !== "file") {
      obstacles.add(name);
      continue;
    }
    if (name.endsWith(`/${INVENTORY_PATH}`))
      throw nested(`around "${name.slice(0, -INVENTORY_PATH.length - 1)}", which is`);
    listing.set(name, entry.id);
  }
  const read = async (name: string): Promise<Buffer> => {
    const id = listing.get(name);
    if (id === undefined) throw notListed();
    return repository.read(id);
  };
  const readAll = async (names: readonly string[]): Promise<ReadonlyMap<string, Buffer>> => {
    const listed = names.flatMap((name) => {
      const id = listing.get(name);
      return id === undefined ? [] : [[name, id] as const];
    });
    const blobs = await repository.readAll(listed.map(([, id]) => id));
    return new Map(listed.map(([name, id]) => [name, blobs.get(id) ?? Buffer.alloc(0)]));
  };
  const inventory: InventoryReading = listing.has(INVENTORY_PATH)
    ? readInventory(await read(INVENTORY_PATH), sealKey)
    : { state: "absent" };
  const elsewhere = inCluster(inventory, listing);
  return {
    branch,
    path,
    tip,
    expected: source === branch ? tip : null,
    listing: new Map([...listing, ...elsewhere]),
    inCluster: new Set(elsewhere.keys()),
    obstacles,
    inventory,
    read,
    readAll,
    blobID,
  };
}

function kindOf({ mode, type }: TreeEntry): EntryKind {
  if (type === "tree") return "folder";
  if (type === "commit") return "submodule";
  return mode === "120000" ? "symbolic link" : "file";
}

/** Every folder that holds `path`, the root of the repository first. */
function foldersAbove(path: string): string[] {
  if (path === "") return [];
  const parts = path.split("/");
  return parts.map((_, index) => parts.slice(0, index).join("/"));
}

/** One would take the other's files for foreign ones at best, and both would be applied by one consumer. */
function nested(where: string): Failure {
  return new Failure(`git.path lies ${forTerminal(where, 200)} the folder of another agent`, {
    code: "TwoAgents",
    stage: "base",
    hint: "Give each agent a git.path of its own, beside the others and not inside one.",
  });
}

function branchNotFound(branch: string, branches: readonly string[], createFrom: string | null): Failure {
  const named = [...branches].sort().slice(0, NAMED_BRANCHES);
  const more = branches.length > named.length ? ` and ${branches.length - named.length} more` : "";
  const there = named.map((name) => forTerminal(name, 80)).join(", ");
  const missing = [branch, ...(createFrom === null ? [] : [createFrom])].map((name) => `"${forTerminal(name, 80)}"`);
  return new Failure(`the repository has no branch ${missing.join(" and no ")}; it has ${there}${more}`, {
    code: "BranchNotFound",
    stage: "base",
    hint:
      createFrom === null
        ? "Create the branch, or mend git.branch; where changes are committed directly, git.createFrom has the agent make it."
        : "Create one of the two, or mend git.branch and git.createFrom.",
  });
}

const branchGone = (branch: string, isEmpty: boolean) =>
  new Failure(
    `the ${isEmpty ? "repository is empty" : "branch is gone"}, though the agent published to "${forTerminal(branch, 80)}" before`,
    {
      code: "BranchNotFound",
      stage: "base",
      hint: "Restore the branch from a clone, or mend git.branch where it has another name by now. If it is to begin anew, run `sync --take-over` with the runtime's own id; where changes are proposed, make the branch before.",
    },
  );

const notListed = () =>
  new Failure("a file was read that Git does not hold under the agent's path", {
    code: "Internal",
    stage: "base",
    hint: "This is a defect of the agent: report it.",
  });
