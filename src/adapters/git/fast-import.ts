/** Writes the streams that `git fast-import` reads. Pure: bytes in, bytes out. */

import { setImmediate as turn } from "node:timers/promises";
import { encodePath } from "./paths.js";

/** Largest stream, in bytes, unless a single file is larger. */
export const STREAM_LIMIT = 64 * 1024 * 1024;

/** Ends a stream. With `--done` git refuses one that was cut before it. */
const DONE = Buffer.from("done\n");
const LINE_FEED = Buffer.from("\n");

export interface CommitStream {
  /** Full name of the reference that fast-import sets. */
  readonly ref: string;
  readonly parent: string | null;
  readonly author: { readonly name: string; readonly email: string };
  readonly date: Date;
  readonly message: string;
  /** Paths from the root of the tree. Deletions come first, so that a file can make way for a folder. */
  readonly deletes: readonly string[];
  readonly writes: readonly { readonly path: string; readonly blob: string }[];
}

/** Gives streams of blobs, each at most `limit` bytes, without their end. */
export async function* blobStreams(contents: Iterable<Buffer>, limit = STREAM_LIMIT): AsyncGenerator<Buffer[]> {
  let parts: Buffer[] = [];
  let size = 0;
  let count = 0;
  for (const content of contents) {
    const head = Buffer.from(`blob\ndata ${content.length}\n`);
    const length = head.length + content.length + 1;
    if (size > 0 && size + length > limit) {
      yield parts;
      [parts, size] = [[], 0];
    }
    parts.push(head, content, LINE_FEED);
    size += length;
    if (++count % 5_000 === 0) await turn();
  }
  if (size > 0) yield parts;
}

/** Closes a stream. */
export function finish(parts: readonly Buffer[]): Buffer {
  return Buffer.concat([...parts, DONE]);
}

/** The commit; git answers its id on stdout. */
export function commitStream({ ref, parent, author, date, message, deletes, writes }: CommitStream): Buffer[] {
  const who = `${identity(author.name)} <${identity(author.email)}> ${Math.floor(date.getTime() / 1000)} +0000`;
  const text = Buffer.from(message.endsWith("\n") ? message : `${message}\n`);
  const head = `commit ${ref}\nmark :1\nauthor ${who}\ncommitter ${who}\ndata ${text.length}\n`;
  const parts: Buffer[] = [Buffer.from(head), text, LINE_FEED];
  if (parent !== null) parts.push(Buffer.from(`from ${parent}\n`));
  for (const path of deletes) parts.push(Buffer.from("D "), quotePath(path), LINE_FEED);
  for (const { path, blob } of writes) parts.push(Buffer.from(`M 100644 ${blob} `), quotePath(path), LINE_FEED);
  parts.push(Buffer.from("\nget-mark :1\n"));
  return parts;
}

/** Git knows no way to write these characters in a name or an address. */
function identity(text: string): string {
  return text.replace(/[<>\0\s]+/g, " ").trim();
}

/** Plain where fast-import takes it so; a quote at the beginning or a line feed anywhere need C style. */
export function quotePath(path: string): Buffer {
  const bytes = encodePath(path);
  if (!path.startsWith('"') && !path.includes("\n")) return bytes;
  const quoted = bytes.toString("latin1").replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n");
  return Buffer.from(`"${quoted}"`, "latin1");
}
