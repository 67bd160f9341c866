/** The one file that git takes in place of the system's authorities. */

import { readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { getCACertificates } from "node:tls";
import { sha256 } from "./common/sha256.js";

const NAME = /^git-authorities\..*\.pem$/;

/** Milliseconds after which a file that no cycle wrote is a leftover of other authorities. */
const LEFTOVER = 60 * 60 * 1000;

/** Writes the usual authorities and these into a file in `folder`, the same one for the same authorities; gives its path. */
export async function writeAuthorities(own: string, folder: string): Promise<string> {
  await removeLeftovers(folder);
  const text = [...getCACertificates("default"), ...getCACertificates("system"), own, ""].join("\n");
  const file = join(folder, `git-authorities.${sha256(text).slice(0, 16)}.pem`);
  // Another process may be reading it.
  const written = join(folder, `git-authorities.${process.pid}.new.pem`);
  await writeFile(written, text);
  await rename(written, file);
  return file;
}

async function removeLeftovers(folder: string): Promise<void> {
  for (const name of (await readdir(folder)).filter((each) => NAME.test(each))) {
    const path = join(folder, name);
    // Another process may remove the same one at the same time.
    const found = await stat(path).catch(() => null);
    if (found !== null && Date.now() - found.mtimeMs > LEFTOVER) await rm(path, { force: true });
  }
}
