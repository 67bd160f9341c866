/** What came to the branch without the agent seeing it: pushed by one that was killed then, or merged by people. Pure. */

import {
  applicationOf,
  applicationPath,
  type Base,
  type Inventory,
  type InventoryFile,
  treeDigest,
} from "../base/index.js";
import { own } from "../common/own.js";
import { type Memory, type PublishedApplication, UNKNOWN_INTENT } from "../state/index.js";
import type { Plan } from "./plan.js";

/** The memory as a cycle begins with it: what came to the branch unseen counts before anything is decided. */
export function withUnseen(memory: Memory, { inventory }: Pick<Base, "inventory">): Memory {
  if (inventory.state !== "verified") return memory;
  const { serial } = inventory.inventory;
  // Where nothing else is remembered, nothing else was ever taken back.
  if (memory.published.serial === 0) return { ...memory, published: withSeenUnderway(memory, serial) };
  return { ...memory, published: caughtUp(memory, inventory.inventory), reverted: withoutWritten(memory, serial) };
}

/** The memory of who finds that the commit under way was pushed, though the branch has an inventory from before it: it was taken back. */
export function withLanded(memory: Memory): Memory {
  const { published, underway, proposedApproval } = memory;
  if (underway === null) return memory;
  const { serial, deletions } = underway;
  const applications = { ...published.applications, ...underway.applications };
  const reverted = withoutWritten(memory, serial);
  // What was approved has passed by it, and needs another approval.
  const hold = proposedApproval === null ? memory.hold : null;
  const landed = { ...published, serial, deletions, applications };
  return { ...memory, published: landed, reverted, underway: null, hold, proposedApproval: null };
}

/** The memory of who finds that it was not: nobody has to look again before the branch has another tip. */
export function withAbsent(memory: Memory, tip: string): Memory {
  return memory.underway === null ? memory : { ...memory, underway: { ...memory.underway, absentAt: tip } };
}

/** What was written again is put back no more: also where the commit that did so, and came by now, was not seen. */
function withoutWritten(memory: Memory, serial: number): Memory["reverted"] {
  const written = writtenUnderway(memory, serial);
  return Object.fromEntries(Object.entries(memory.reverted).filter(([name]) => !Object.hasOwn(written, name)));
}

/** What the commit under way wrote, once Git has come as far; nothing before. */
const writtenUnderway = ({ underway }: Pick<Memory, "underway">, serial: number) =>
  underway !== null && serial >= underway.serial ? underway.applications : {};

/**
 * What Git itself tells of the agent's hand: a commit of its own can have come to the branch unseen, merged by a person or
 * pushed a moment before the agent was killed. Beside an inventory older than the memory nothing is learnt: that is a revert.
 */
function caughtUp(
  { published, underway, reverted }: Pick<Memory, "published" | "underway" | "reverted">,
  { files, serial }: Pick<Inventory, "files" | "serial">,
): Memory["published"] {
  if (serial <= published.serial) return published;
  // With what a person removed: that was the agent's hand, too.
  const listed = files.filter(({ path }) => applicationOf(path) !== null);
  const folders = Map.groupBy(listed, ({ path }) => applicationOf(path) ?? "");
  // The commit under way may have deleted what is known to stand there and no more.
  const known = new Map(Object.entries({ ...writtenUnderway({ underway }, serial), ...published.applications }));
  // What a person put back, a commit of the agent's only carries on.
  const isPutBack = (name: string, tree: string) => own(reverted, name)?.tree === tree;
  for (const [name, entry] of known) {
    if (!folders.has(name) && !isPutBack(name, "")) known.set(name, { ...entry, intent: "", tree: "", manifest: "" });
  }
  for (const [name, rows] of folders) {
    const there = rows.filter(({ absent }) => absent !== true);
    if (isPutBack(name, treeDigest(there.map(({ path, blob }) => [path, blob])))) continue;
    known.set(name, asWritten(name, rows, [known.get(name), own(underway?.applications ?? {}, name)]));
  }
  return { ...published, serial, applications: Object.fromEntries(known), others: {} };
}

/** What is published, by what the plan found in Git. */
export function seenOf(memory: Memory, plan: Plan): Memory["published"] {
  const found = { files: plan.committedFiles, serial: plan.committedSerial };
  // What was put back is no work of the agent's, also where Compass has made up its mind by now and the mark is gone.
  const reverted = { ...withoutWritten(memory, found.serial), ...plan.decision.reverted };
  return withPlanned(caughtUp({ ...memory, reverted }, found), plan);
}

/** What is published, with the commit under way where Git has come as far: also of files that a person has changed by now. */
export function withSeenUnderway(memory: Memory, serial: number): Memory["published"] {
  const { published } = memory;
  return { ...published, applications: { ...published.applications, ...writtenUnderway(memory, serial) } };
}

/** What is committed as it is planned is known with what Compass says of it. */
function withPlanned(published: Memory["published"], plan: Plan): Memory["published"] {
  if (plan.committedSerial === 0 || plan.committedSerial < published.serial) return published;
  const names = new Set(plan.unchanged);
  const planned = Object.entries(plan.published).filter(([name]) => names.has(name));
  return { ...published, applications: { ...published.applications, ...Object.fromEntries(planned) } };
}

/** An Application as the inventory has it; what is remembered of the very same files is known better. */
function asWritten(
  name: string,
  rows: readonly InventoryFile[],
  candidates: readonly (PublishedApplication | undefined)[],
): PublishedApplication {
  const files = rows.map(({ path, blob, written }) => [path, written ?? blob] as const);
  const tree = treeDigest(files);
  const before = candidates.find((each) => each?.tree === tree);
  if (before !== undefined) return before;
  const [, manifest = ""] = files.find(([path]) => path === applicationPath(name)) ?? [];
  return { id: rows.find(({ id }) => id !== null)?.id ?? "", intent: UNKNOWN_INTENT, tree, manifest };
}
