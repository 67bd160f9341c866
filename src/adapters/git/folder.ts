/** The temporary folder of one repository, and what earlier runs left of theirs. */

import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface TemporaryFolder {
  readonly path: string;
  /** Git's HOME: empty but for credential files. */
  readonly home: string;
  /** Where the bare repository goes. */
  readonly repository: string;
  /** Says that the folder is in use. */
  touch(): Promise<void>;
  remove(): Promise<void>;
}

/** Marks a folder as ours: "git-server" of somebody else looks just like one of mkdtemp. */
const MARKER = ".runtime-agent-temporary";
const NAME = /^git-[A-Za-z0-9]{6}$/;

/** Milliseconds after which a folder that nobody touched is a leftover. */
const LEFTOVER = 60 * 60 * 1000;

/** Makes a folder in `directory`, which must exist, and removes what killed runs left there. */
export async function makeFolder(directory: string): Promise<TemporaryFolder> {
  await removeLeftovers(directory);
  const path = await mkdtemp(join(directory, "git-"));
  const marker = join(path, MARKER);
  const home = join(path, "home");
  await writeFile(marker, "");
  await mkdir(home);
  return {
    path,
    home,
    repository: join(path, "repository.git"),
    touch: async () => {
      const now = new Date();
      await utimes(marker, now, now);
    },
    remove: () => remove(path),
  };
}

async function removeLeftovers(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (!entry.isDirectory() || !NAME.test(entry.name)) continue;
    const path = join(directory, entry.name);
    // Another run may remove the same leftover at the same time.
    const touched = await stat(join(path, MARKER)).catch(() => null);
    if (touched !== null && Date.now() - touched.mtimeMs > LEFTOVER) await remove(path).catch(() => {});
  }
}

// A git child that was just stopped may still write; then the folder is not empty at the first try.
const remove = (path: string) => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
