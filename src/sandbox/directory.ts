/** What the sandbox keeps in its directory: made at the first start, found again at the next. */

import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Authority, createAuthority, restoreAuthority } from "../adapters/x509/index.js";
import { Failure } from "../common/failure.js";
import { makeFolder } from "../common/make-folder.js";
import { replaceFile } from "../common/replace-file.js";
import { generateLandscape } from "./landscape.js";

export interface SandboxDirectory {
  /** Path of the authority's certificate. */
  readonly ca: string;
  /** Path of the registry. */
  readonly registry: string;
  authority(now: Date): Promise<Authority>;
  /** Path of the generated landscape; one that is there is kept, edits and all. */
  landscape(options: { readonly applications: number; readonly seed: number }): Promise<string>;
}

/** The text of a file; null when there is none. */
async function readIfThere(file: string): Promise<string | null> {
  return readFile(file, "utf8").catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === "ENOENT") return null;
    throw thrown;
  });
}

/** Opens the directory, for its owner alone; makes it when it is not there. */
export async function openDirectory(directory: string): Promise<SandboxDirectory> {
  const at = (name: string) => join(directory, name);
  try {
    await makeFolder(directory);
    await chmod(directory, 0o700);
  } catch (cause) {
    throw new Failure(`the folder ${directory} of the sandbox cannot be written`, {
      code: "Usage",
      stage: "config",
      hint: "Name a folder in which you may write with --directory.",
      cause,
    });
  }

  return {
    ca: at("ca.pem"),
    registry: at("registry.json"),

    async authority(now) {
      const [certificate, key] = await Promise.all([readIfThere(at("ca.pem")), readIfThere(at("ca-key.pem"))]);
      if (certificate !== null && key !== null) return restoreAuthority({ certificate, key });
      const authority = await createAuthority({ commonName: "Compass Sandbox CA", now });
      await replaceFile(at("ca-key.pem"), authority.key, 0o600);
      await replaceFile(at("ca.pem"), authority.certificate, 0o600);
      return authority;
    },

    async landscape(options) {
      const file = at("snapshot.json");
      if ((await readIfThere(file)) === null) {
        await replaceFile(file, `${JSON.stringify(generateLandscape(options), null, 2)}\n`, 0o600);
      }
      return file;
    },
  };
}
