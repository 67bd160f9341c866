/** Reads what git's plumbing prints. */

import { Failure } from "../../common/failure.js";
import { decodePath } from "./paths.js";
import type { RemoteState, TreeEntry } from "./repository.js";

/** Reads `ls-remote --symref`. */
export function parseRemote(output: Buffer): Pick<RemoteState, "tips" | "head"> {
  const tips = new Map<string, string>();
  let head: string | null = null;
  for (const line of decodePath(output).split("\n")) {
    const [value = "", name = ""] = line.split("\t");
    if (name === "HEAD" && value.startsWith("ref: refs/heads/")) head = value.slice("ref: refs/heads/".length);
    if (name.startsWith("refs/heads/")) tips.set(name.slice("refs/heads/".length), value);
  }
  return { tips, head };
}

/** Reads `ls-tree -z`: `<mode> <type> <id>\t<path>\0`. */
export function* parseTree(output: Buffer): Generator<{ path: string; entry: TreeEntry }> {
  for (let at = 0; at < output.length; ) {
    const tab = output.indexOf(0x09, at);
    const end = output.indexOf(0x00, tab);
    if (tab < 0 || end < 0) throw new RangeError("ls-tree gave half an entry");
    const [mode = "", type = "", id = ""] = output.toString("latin1", at, tab).split(" ");
    if (type === "blob" || type === "tree" || type === "commit") {
      yield { path: decodePath(output.subarray(tab + 1, end)), entry: { mode, type, id } };
    }
    at = end + 1;
  }
}

/** Reads `cat-file --batch`: `<id> blob <size>LF<bytes>LF` for each object. Throws when one is missing. */
export function parseBatch(stdout: Buffer): Map<string, Buffer> {
  const blobs = new Map<string, Buffer>();
  for (let at = 0; at < stdout.length; ) {
    const end = stdout.indexOf(10, at);
    const [id = "", type, size] = stdout.toString("latin1", at, end).split(" ");
    if (type !== "blob") {
      throw new Failure("a file of the branch's tip cannot be read", {
        code: "GitFailed",
        stage: "base",
        retryable: true,
        hint: "Run again; when it stays, look at the repository with `git fsck`.",
      });
    }
    const start = end + 1;
    blobs.set(id, stdout.subarray(start, start + Number(size)));
    at = start + Number(size) + 1;
  }
  return blobs;
}

/** Reads `rev-list --objects --missing=print`: the ids of what is not here. */
export function parseMissing(output: Buffer): string[] {
  return output
    .toString("latin1")
    .split("\n")
    .flatMap((line) => (line.startsWith("?") ? [line.slice(1)] : []));
}
