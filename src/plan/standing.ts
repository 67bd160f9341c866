/** Applications that a person wants left alone: suspended, marked, changed or put back in Git. Pure. */

import { applicationOf, applicationPath, type DriftedFile, treeDigest } from "../base/index.js";
import { Failure } from "../common/failure.js";
import { own } from "../common/own.js";
import { forTerminal } from "../common/quote.js";
import { type Memory, type PublishedApplication, type Reverted, UNKNOWN_INTENT } from "../state/index.js";
import type { DecisionInput, HoldReason } from "./decision.js";
import { suspendedNames } from "./suspension.js";

export interface StandingInput
  extends Pick<DecisionInput, "base" | "owned" | "folders" | "drift" | "instructions" | "estate" | "now"> {
  readonly memory: Pick<Memory, "published" | "reverted" | "suspended">;
  readonly settings: Pick<DecisionInput["settings"], "drift" | "reverted">;
}

export interface Standing {
  /** By the name of the Application, whether or not it is in Git. */
  readonly reasons: ReadonlyMap<string, HoldReason>;
  /** For the memory. */
  readonly reverted: Readonly<Record<string, Reverted>>;
}

/** Throws `Drifted` where the configuration wants the cycle to fail for a file that a person changed. */
export function findStanding(input: StandingInput): Standing {
  const { drift, instructions, memory, settings } = input;
  const reverted = findReverted(input);
  const reasons = new Map<string, HoldReason>();
  const add = (names: Iterable<string>, reason: HoldReason) => {
    for (const name of names) if (!reasons.has(name)) reasons.set(name, reason);
  };
  // The first reason stands.
  add(suspendedNames(memory, instructions), "Suspended");
  add(drift.disabled, "ReconcileDisabled");
  add(
    Object.keys(reverted).filter((name) => own(reverted, name)?.resumed === false),
    "Reverted",
  );
  const resumed = new Set(Object.keys(reverted));
  // What was put back to an older version is no drift, whether or not it is held as a revert.
  const changed = [...drift.files]
    .flatMap(([path, file]) => (file.older || isOver(path, file, input) ? [] : (applicationOf(path) ?? [])))
    .filter((name) => !resumed.has(name));
  if (settings.drift === "preserve") add(changed, "Drifted");
  if (settings.drift === "fail") {
    // Compass and Git agree; should Compass list it again, it was a change after all, and so it is not forgotten.
    const ended = [...drift.files].filter(([path, file]) => isEnded(path, file, input));
    const names = new Set(ended.map(([path]) => applicationOf(path)));
    add(
      changed.filter((name) => names.has(name)),
      "Drifted",
    );
    const name = changed.find((each) => !reasons.has(each));
    if (name !== undefined) throw drifted(name);
  }
  return { reasons, reverted };
}

/** True where a link, or what is no folder, stands in the place of an Application's folder or of something in it. */
const isHidden = (name: string, { listing, obstacles }: StandingInput["base"]): boolean =>
  listing.has(`applications/${name}`) ||
  [...obstacles].some((path) => path === `applications/${name}` || path.startsWith(`applications/${name}/`));

/** What a person removed, to the last file, of an Application that Compass has no more. */
function isEnded(path: string, { row, now }: DriftedFile, { folders, estate }: StandingInput): boolean {
  if (now !== null || row.id === null || folders.has(applicationOf(path) ?? "")) return false;
  const listed = [...estate.applications, ...estate.setAside];
  return listed.length > 0 && listed.every(({ id }) => id !== row.id);
}

/** The same, while another one has its name: that ended with its owner. */
const isOver = (path: string, file: DriftedFile, input: StandingInput): boolean =>
  isEnded(path, file, input) && input.estate.applications.some(({ name }) => name === applicationOf(path));

/**
 * A `git revert` of a commit of ours puts back the inventory, too: it verifies, but its serial is lower than the last one
 * we published. A file put back by itself is one that the inventory names as a former one.
 */
function findReverted(input: StandingInput): Record<string, Reverted> {
  const { base, owned, folders, drift, estate, memory, settings, now } = input;
  if (settings.reverted === "overwrite") return {};
  const { serial, applications } = memory.published;
  // Nobody reverts to an empty repository: that one is new.
  const isPutBack = owned.trusted && base.tip !== null && owned.serial < serial;
  // Merged by hand, an inventory does not verify. Then the file itself tells: it is the agent's, but not its latest; or
  // it is gone, where nobody else could say that it was there.
  const isMergedBack = (name: string, { tree, manifest }: PublishedApplication) => {
    if (owned.trusted || tree === "") return false;
    const row = folders.get(name)?.rows.find(({ path }) => path === applicationPath(name));
    return row === undefined ? !folders.has(name) : row.written === undefined && row.blob !== manifest;
  };
  // Deleted by us and there again; a later inventory than ours may list it rightly.
  const isBroughtBack = (name: string, { tree }: PublishedApplication) =>
    tree === "" && owned.serial <= serial && owned.broughtBack.has(name);
  const older = new Set([...drift.files].flatMap(([path, file]) => (file.older ? (applicationOf(path) ?? []) : [])));
  const intents = new Map(estate.applications.map(({ name, intent }) => [name, intent]));
  const unknown = new Set(estate.setAside.flatMap(({ id, name }) => [id, name]));
  const names = new Map(estate.applications.map(({ id, name }) => [id, name]));

  const reverted: Record<string, Reverted> = {};
  for (const name of new Set([...Object.keys(applications), ...older, ...Object.keys(memory.reverted)])) {
    const tree = treeDigest(folders.get(name)?.rows.map(({ path }) => [path, base.listing.get(path) ?? ""]) ?? []);
    const published = own(applications, name);
    const known = own(memory.reverted, name);
    // Of a rename that was taken back: what counts is what Compass says of the Application, whatever it is called.
    const owner = folders.get(name)?.id ?? "";
    const called = intents.has(name) ? name : (names.get(owner) ?? name);
    // Null where Compass tells nothing that could be compared: as good as unchanged.
    const intent = intents.has(called)
      ? (intents.get(called) ?? null)
      : unknown.has(name) || unknown.has(owner)
        ? null
        : "";
    if (published?.tree === tree) continue;
    // What lies behind a link cannot be seen: what is known of it still holds.
    if (known !== undefined && tree === "" && isHidden(name, base)) {
      reverted[name] = known;
      continue;
    }
    const isTakenBack =
      older.has(name) ||
      (published !== undefined && (isPutBack || isMergedBack(name, published) || isBroughtBack(name, published)));
    const last = called === name ? published?.intent : own(applications, called)?.intent;
    const said = last === UNKNOWN_INTENT ? undefined : last;
    const fresh = { tree, intent: said ?? intent ?? "", since: now.toISOString(), resumed: false };
    const entry = known?.tree === tree ? known : isTakenBack ? fresh : null;
    if (entry !== null && (intent === null || intent === entry.intent)) reverted[name] = entry;
  }
  return reverted;
}

const drifted = (name: string) =>
  new Failure(`somebody changed files of ${forTerminal(name, 63)} in Git, and drift is set to fail`, {
    code: "Drifted",
    stage: "plan",
    hint: "Put the agent's version back, or set drift to overwrite or preserve.",
  });
