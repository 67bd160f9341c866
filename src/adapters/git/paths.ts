/** Paths between Git, which keeps bytes, and strings. */

import { isUtf8 } from "node:buffer";

/**
 * Bytes as text, losslessly: a byte that is not UTF-8 becomes the lone surrogate U+DC80…U+DCFF, so that two foreign names
 * never look like one. Ours are always UTF-8.
 */
export function decodePath(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString("utf8");
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const size = [1, 2, 3, 4].find((length) => at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length)));
    text += size === undefined ? String.fromCharCode(0xdc00 + (bytes[at] ?? 0)) : bytes.toString("utf8", at, at + size);
    at += size ?? 1;
  }
  return text;
}

/** The reverse of `decodePath`. */
export function encodePath(path: string): Buffer {
  if (!/\p{Surrogate}/u.test(path)) return Buffer.from(path);
  return Buffer.concat(
    [...path].map((character) => {
      const code = character.charCodeAt(0);
      const lone = character.length === 1 && code >= 0xdc80 && code <= 0xdcff;
      return lone ? Buffer.of(code - 0xdc00) : Buffer.from(character);
    }),
  );
}

/** True for a relative path that a tree can hold and that leads nowhere else. */
export function isTreePath(path: string): boolean {
  return (
    !path.includes("\0") &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== ".." && !isGit(part))
  );
}

// Case does not matter on some file systems, where a checkout would write into the repository itself.
const isGit = (part: string) => part.toLowerCase() === ".git";

/** Joins a folder, "" for the root, and a relative path. */
export function join(root: string, path: string): string {
  return root === "" ? path : `${root}/${path}`;
}
