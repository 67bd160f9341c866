/** A copy of the compiled agent, to be changed. */

import { cp, symlink } from "node:fs/promises";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..", "..");

/** Gives the folder of the copy; the agent in it is `dist/src/main.js`. */
export async function copyAgent(folder: string): Promise<string> {
  const copy = join(folder, "agent");
  for (const each of ["dist", "crds", "templates", "package.json"]) {
    await cp(join(ROOT, each), join(copy, each), { recursive: true });
  }
  await symlink(join(ROOT, "node_modules"), join(copy, "node_modules"));
  return copy;
}
