/** What must hold whenever and however an agent ended: a branch without faults, and a state without loose ends. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { git, gitBytes } from "../fakes/git-server.js";
import { faults } from "../plan/a-tree.js";
import { GIT_PATH, type World } from "./world.js";

/** What does not fit together on the branch, as a consumer would see it. */
export async function faultsInGit({ repository, folder }: World): Promise<string[]> {
  const listed = await git(repository, "ls-tree", "-r", "-z", "--name-only", `main:${GIT_PATH}`);
  const tree = new Map<string, Buffer>();
  for (const path of listed.split("\0").filter((each) => each !== "")) {
    tree.set(path, await gitBytes(repository, "cat-file", "blob", `main:${GIT_PATH}/${path}`));
  }
  const key = Buffer.from(await readFile(join(folder, "state", "seal.key"), "utf8"), "base64");
  return faults(tree, key);
}

/** Files that a later run should have finished or removed. */
export async function halfWritten({ folder }: World): Promise<string[]> {
  const names = await readdir(join(folder, "state"), { recursive: true });
  return names.filter((name) => name === "lock" || name.startsWith("identity/pending") || /\.(new|stale)$/.test(name));
}
