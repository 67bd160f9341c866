import { sha256 } from "../common/sha256.js";

/** Digest of an Application's files as they lie in Git; "" for none. */
export function treeDigest(files: readonly (readonly [path: string, blob: string])[]): string {
  if (files.length === 0) return "";
  const lines = files.map(([path, blob]) => `${path}\0${blob}\n`).sort();
  return sha256(lines.join("")).slice(0, 32);
}
