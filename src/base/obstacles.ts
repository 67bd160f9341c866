/** What of somebody else's stands in the agent's way: a link, a file in the place of a folder, a folder in that of a file. Pure. */

import { Failure } from "../common/failure.js";
import { forTerminal } from "../common/quote.js";
import type { Base } from "./open.js";

export type EntryKind = "file" | "folder" | "symbolic link" | "submodule";

/**
 * Places that every commit of ours writes to or through: no link and no submodule may stand there. What is written only when
 * it is asked for (`canary.yaml`, `.runtime-agent/.sops.yaml`) is looked at by who writes it, with `overForeign`.
 */
const INDISPENSABLE =
  /^(?:applications|kustomization\.yaml|revision\.yaml|\.runtime-agent(?:\/(?!\.sops\.yaml(?:\/|$)).*)?)$/;

/** Those of them that are folders. */
const FOLDER = /^(?:applications|\.runtime-agent)$/;

/** What lies below one that is a file, of the agent's or for it to read: then a folder stands in its place. */
const BELOW_FILE =
  /^(kustomization\.yaml|revision\.yaml|\.runtime-agent\/(?:inventory\.json|\.gitattributes|approve|suspend))\//;

/** A place that is not as every commit needs it. */
export interface Blockage {
  readonly place: string;
  readonly kind: EntryKind;
  readonly needed: string;
}

/** Of one entry below the agent's path; null where it stops no more than one Application. */
export function blockageBy(path: string, kind: EntryKind): Blockage | null {
  const [, file] = BELOW_FILE.exec(path) ?? [];
  if (file !== undefined) return { place: file, kind: "folder", needed: "a file" };
  if (kind === "file") return FOLDER.test(path) ? { place: path, kind, needed: "a folder" } : null;
  return INDISPENSABLE.test(path) ? { place: path, kind, needed: "folders and files" } : null;
}

/** `where` is what the place belongs to, in words. */
export const inTheWay = ({ place, kind, needed }: Blockage, where: string) =>
  new Failure(`"${forTerminal(place, 200)}" ${where} is a ${kind}, where the agent needs ${needed}`, {
    code: "BaseUnusable",
    stage: "base",
    hint: "Name another folder in git.path, or remove this from the branch.",
  });

/**
 * Tells whether writing a file would destroy what is not ours: that file itself, one that stands where its folder would,
 * or all that lies in a folder of its name. Git writes over each of them without a word.
 */
export function overForeign(
  { listing, obstacles }: Pick<Base, "listing" | "obstacles">,
  ours: ReadonlySet<string>,
): (path: string) => boolean {
  const foreign = new Set([...obstacles, ...[...listing.keys()].filter((path) => !ours.has(path))]);
  const folders = new Set([...foreign].flatMap(foldersOn));
  return (path) => foreign.has(path) || folders.has(path) || foldersOn(path).some((folder) => foreign.has(folder));
}

/** Every folder on the way to `path`, the outermost first. */
function foldersOn(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}
