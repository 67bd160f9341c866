/** Paths below `git.path`, from the root of the repository, and where the agent writes. Pure. */

import type { Change } from "../adapters/git/index.js";
import { APPROVE_PATH, INVENTORY_PATH, isInLayout } from "../base/index.js";
import { ATTRIBUTES_PATH, KUSTOMIZATION_PATH, REVISION_PATH } from "../render/index.js";
import type { Fault } from "./finding.js";

/** Files that are the agent's alone: whoever changes one has to leave all in agreement, as a revert does. */
export const COMMON: ReadonlySet<string> = new Set([
  INVENTORY_PATH,
  KUSTOMIZATION_PATH,
  REVISION_PATH,
  ATTRIBUTES_PATH,
]);

/** The path below the root; null when it is not. */
export function below(root: string, path: string): string | null {
  if (root === "") return path;
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : null;
}

/** Marks a path from the root of the repository, where the others are below `git.path`. */
export const fromRoot = (path: string): string => `/${path}`;

/** The reverse of both. */
export const placed = (root: string, path: string | null): string | null =>
  path === null ? null : path.startsWith("/") ? path.slice(1) : root === "" ? path : `${root}/${path}`;

/** Where `git.path` is the root, only a part of the repository is the agent's neighbourhood. */
export const isNear = (root: string, path: string): boolean =>
  root !== "" || !path.includes("/") || /^(?:applications|\.runtime-agent)\//.test(path);

/** What an entry is, where it is no plain file; null where it is. */
export function oddity({ mode, type }: NonNullable<Change["entry"]>): string | null {
  if (type === "commit") return "a submodule";
  if (mode === "120000") return "a symbolic link";
  return mode === "100644" ? null : "executable";
}

/** Of what the agent itself changes. */
export function ownPlaceFault({ path, entry }: Change): Fault | null {
  const odd = entry === null ? null : oddity(entry);
  if (odd !== null) {
    return { path, code: "NotARegularFile", message: `is ${odd}, where the agent writes plain files` };
  }
  const isUsed = entry === null && path === APPROVE_PATH;
  if (isInLayout(path) || path === INVENTORY_PATH || isUsed) return null;
  return { path, code: "OutsideLayout", message: "is in no place that the agent writes to" };
}

/** Of what a person changes below the path: a link leads to what was not looked at. */
export function foreignPlaceFault(root: string, { path, entry }: Change): Fault | null {
  const odd = entry === null ? null : oddity(entry);
  if (odd === null || odd === "executable" || !isNear(root, path)) return null;
  return { path, code: "NotARegularFile", message: `is ${odd}, behind which a Secret could stand` };
}

/** Of a change above: where `git.path` or a folder around it became something else, none of it is what it seems. */
export function rootFault(root: string, { path, entry }: Change): Fault | null {
  if (entry === null || !`${root}/`.startsWith(`${path}/`)) return null;
  return { path: fromRoot(path), code: "NotARegularFile", message: "stands in the place of a folder of git.path" };
}
