/** Makes a folder with those above it. */

import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Like `mkdir -p`; a folder that is there is fine. Not Node's `recursive`, which never ends where a file system says of a
 * folder that stands above that it is missing (as /proc does). Throws the system's error.
 */
export async function makeFolder(path: string, mode = 0o777): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? thrown.code : null;
    if (code === "EEXIST" && (await stat(path)).isDirectory()) return;
    if (code !== "ENOENT" || dirname(path) === path || (await isThere(dirname(path)))) throw thrown;
    await makeFolder(dirname(path), mode);
    await mkdir(path, { mode });
  }
}

const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
