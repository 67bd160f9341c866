/** A folder in place of a branch, for `plan --base DIR`: what a sync would do to a checkout. */

import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { Failure } from "../common/failure.js";
import { INVENTORY_PATH, type InventoryReading, inCluster, readInventory } from "./inventory.js";
import { blockageBy, inTheWay } from "./obstacles.js";
import type { Base } from "./open.js";

/** `directory` is what `git.path` would be. Throws `BaseUnusable` when it cannot be read or used. */
export async function folderBase(directory: string, sealKey: Buffer): Promise<Base> {
  const blobID = (bytes: Uint8Array) =>
    createHash("sha1").update(`blob ${bytes.byteLength}\0`).update(bytes).digest("hex");
  const bytesOf = (path: string) => readFile(join(directory, ...path.split("/")));
  const listing = new Map<string, string>();
  const obstacles = new Set<string>();
  try {
    for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
      const path = relative(directory, join(entry.parentPath, entry.name)).split(sep).join("/");
      if (path.startsWith(".git/")) continue;
      if (entry.isSymbolicLink()) obstacles.add(path);
      else if (entry.isFile()) listing.set(path, blobID(await bytesOf(path)));
    }
  } catch (cause) {
    throw new Failure(`the folder ${directory} cannot be read`, {
      code: "BaseUnusable",
      stage: "base",
      hint: "Name the folder of a checkout that git.path would be.",
      cause,
    });
  }
  for (const path of [...obstacles, ...listing.keys()]) {
    const blockage = blockageBy(path, obstacles.has(path) ? "symbolic link" : "file");
    if (blockage !== null) throw inTheWay(blockage, "in the folder");
  }
  const read = (path: string) => (listing.has(path) ? bytesOf(path) : Promise.reject(notListed()));
  const inventory: InventoryReading = listing.has(INVENTORY_PATH)
    ? readInventory(await read(INVENTORY_PATH), sealKey)
    : { state: "absent" };
  const readAll = async (paths: readonly string[]) => {
    const contents = new Map<string, Buffer>();
    for (const path of paths) if (listing.has(path)) contents.set(path, await read(path));
    return contents;
  };
  const elsewhere = inCluster(inventory, listing);
  return {
    branch: directory,
    path: "",
    tip: null,
    expected: null,
    listing: new Map([...listing, ...elsewhere]),
    inCluster: new Set(elsewhere.keys()),
    obstacles,
    inventory,
    read,
    readAll,
    blobID,
  };
}

const notListed = () =>
  new Failure("a file was read that the folder does not hold", {
    code: "Internal",
    stage: "base",
    hint: "This is a defect of the agent: report it.",
  });
