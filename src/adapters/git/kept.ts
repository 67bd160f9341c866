/** The repository that one cycle leaves to the next: taken by a rename, so that no two have it, and given back only unharmed. */

import { readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** What git itself does not tell of a repository. */
export interface Kept {
  readonly objectFormat: "sha1" | "sha256";
  /** False once the server sent all blobs, because it knows no filter. */
  readonly blobless: boolean;
  /** Commit by branch, of which all trees are here. */
  readonly tips: ReadonlyMap<string, string>;
  /** Blobs that are here. */
  readonly present: ReadonlySet<string>;
}

const schema = z.strictObject({
  version: z.literal(1),
  objectFormat: z.enum(["sha1", "sha256"]),
  blobless: z.boolean(),
  tips: z.record(z.string(), z.string()),
  present: z.array(z.string()),
});

const NOTE = "runtime-agent.json";

/** Bytes and packs beyond which it is begun anew: each cycle that fetches or commits adds a pack. */
const [LARGEST, MOST_PACKS] = [128 * 1024 * 1024, 16];

/** Moves the kept repository to `path`. Null when there is none, or none that can be used: then nothing is at `path`. */
export async function takeKept(kept: string, path: string): Promise<Kept | null> {
  try {
    await rename(kept, path);
    await requireWhole(path);
    const {
      tips,
      present,
      version: _version,
      ...rest
    } = schema.parse(JSON.parse(await readFile(join(path, NOTE), "utf8")));
    return { ...rest, tips: new Map(Object.entries(tips)), present: new Set(present) };
  } catch {
    await rm(path, { recursive: true, force: true });
    return null;
  }
}

/** Throws for what git would not even take for a repository: it says so as of one that is not there, at the server. */
async function requireWhole(path: string): Promise<void> {
  for (const part of ["objects", "refs"]) await readdir(join(path, part));
  const head = await readFile(join(path, "HEAD"), "utf8");
  if (!head.startsWith("ref: refs/")) throw new TypeError("damaged");
}

/** Moves the repository to `kept` for the next one, unless it has grown too large. Never throws: the next one does without. */
export async function giveKept(path: string, kept: string, { tips, present, ...rest }: Kept): Promise<void> {
  try {
    const packs = join(path, "objects", "pack");
    const names = await readdir(packs);
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(packs, name))).size));
    const size = sizes.reduce((sum, each) => sum + each, 0);
    if (size > LARGEST || names.filter((name) => name.endsWith(".pack")).length > MOST_PACKS) return;
    const note = { version: 1, ...rest, tips: Object.fromEntries(tips), present: [...present] };
    await writeFile(join(path, NOTE), JSON.stringify(note));
    // Another process may have given one back meanwhile: the last one stays.
    await rm(kept, { recursive: true, force: true });
    await rename(path, kept);
  } catch {
    // The folder is removed with all that is in it.
  }
}
