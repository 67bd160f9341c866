/** Writes a file that others may read at any time. */

import { open, realpath, rename, rm, stat, writeFile } from "node:fs/promises";

/**
 * Writes the file at once, by a rename, with these rights whatever stood there before: nobody reads half of it, and a full disk
 * leaves nothing. What a link leads to is written, not the link. A device or a pipe, as `/dev/null` or `/dev/stdout`, cannot
 * be replaced: it is written to. Throws what the file system throws.
 */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found !== null && !found.isFile()) return writeFile(path, text);
  const file = found === null ? path : await realpath(path);
  const beside = `${file}.${process.pid}.new`;
  // Of a process that was killed: in a container the next one may have its number.
  await rm(beside, { force: true });
  try {
    const handle = await open(beside, "wx", mode);
    try {
      await handle.writeFile(text);
    } finally {
      await handle.close();
    }
    await rename(beside, file);
  } catch (thrown) {
    await rm(beside, { force: true });
    throw thrown;
  }
}
