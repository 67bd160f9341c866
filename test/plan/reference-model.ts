/**
 * What the documentation promises of a cycle, told a second time and without a look at `src/plan`: docs/reference/reasons.md,
 * docs/reference/files.md and design 3. It knows who was listed when, what was approved and what a person put back, and
 * judges a cycle by the trees before and after it.
 */

import { createHash } from "node:crypto";
import { INVENTORY_PATH, type InventoryFile, readInventory } from "../../src/base/index.js";
import { blobID, type Tree } from "../builders.js";

/** An Application as Compass lists it. */
export interface Listed {
  readonly id: string;
  readonly bundle: string;
  readonly name: string;
  readonly description: string;
  readonly host: string;
  readonly password: string | null;
  /** Why it cannot be published, whatever its name. */
  readonly flaw: "control character" | "unreadable" | null;
}

export interface Settings {
  readonly mode: "sync" | "upsert-only";
  readonly observations: number;
  readonly over: number;
  readonly limit: number;
  readonly credentials: { readonly observations: number; readonly over: number };
  readonly drift: "overwrite" | "preserve" | "fail";
  readonly reverted: "hold" | "overwrite";
  readonly destinationChange: "report" | "hold";
}

/** Something that may go: a folder, or one Secret of it. */
export interface Unit {
  readonly name: string;
  readonly id: string;
  readonly secret: string | null;
}

export interface DeletionRecord {
  /** Of the inventory that told of it first. */
  readonly serial: number;
  readonly at: number;
  readonly applications: number;
  readonly secrets: number;
  readonly ofApplications: number;
  readonly ofSecrets: number;
}

/** What a cycle is given. */
export interface Given {
  readonly before: Tree;
  readonly key: Buffer;
  readonly first: readonly Listed[];
  readonly second: readonly Listed[];
  readonly settings: Settings;
  readonly now: Date;
  /** The agent's own deletions that belong to the tree, each as of when it was met first. */
  readonly records: readonly DeletionRecord[];
  /** The same, each as late as Git tells: for who forgot when it was met. */
  readonly latest: readonly DeletionRecord[];
}

/** What a cycle says that it did. */
export interface Said {
  readonly after: Tree;
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly unchanged: readonly string[];
  readonly deleted: readonly string[];
  readonly held: readonly (Unit & { readonly reason: string })[];
  readonly setAside: readonly { readonly name: string; readonly id: string }[];
  readonly lookedAgain: boolean;
  /** What may be approved; null for nothing. */
  readonly hold: { readonly hash: string; readonly units: readonly Unit[] } | null;
  readonly usedApproval: string | null;
  /** False: everything is suspended, and the plan was not carried out. */
  readonly isPublished: boolean;
  /** The agent ended when it had pushed: what it saw and decided it will not know. */
  readonly isCut: boolean;
}

interface Folder {
  /** "" when it is not known. */
  readonly owner: string;
  readonly rows: readonly Row[];
}

type Row = Pick<InventoryFile, "path" | "id">;

interface Count {
  readonly observations: number;
  readonly waited: number;
  readonly last: number;
  /** The same, but with what a second look showed before it was due. */
  readonly glimpsed: Omit<Count, "glimpsed"> | null;
}

interface Mark {
  readonly files: string;
  readonly intent: string;
  readonly resumed: boolean;
}

const DAY = 24 * 60 * 60 * 1000;
const APPROVE = ".runtime-agent/approve";
const SUSPEND = ".runtime-agent/suspend";
const KUBERNETES_NAME = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const OURS =
  /^(?:kustomization\.yaml|revision\.yaml|\.runtime-agent\/\.gitattributes|applications\/[^/]+\/(?:application|[a-z]+\/[^/]+)\.yaml)$/;
const COMMON = ["kustomization.yaml", "revision.yaml", ".runtime-agent/.gitattributes"];
const APPLICATION = /^applications\/[^/]+\/application\.yaml$/;
const DISABLED = /^ {4}runtime-agent\.kyma-project\.io\/reconcile: disabled$/m;

export const folderOf = (path: string): string | null => /^applications\/([^/]+)\//.exec(path)?.[1] ?? null;
export const applicationPath = (name: string) => `applications/${name}/application.yaml`;
/** docs/reference/files.md, Manifests. */
export const secretPath = ({ name, bundle }: Pick<Listed, "name" | "bundle">) =>
  `applications/${name}/secrets/${name.slice(0, 26)}-${bundle}.yaml`;
const textOf = (tree: Tree, path: string) => tree.get(path)?.toString("utf8") ?? "";
const lastDay = (records: readonly DeletionRecord[], now: Date) => records.filter(({ at }) => now.getTime() - at < DAY);
const isSecret = (path: string) => path.includes("/secrets/");
const keyOf = ({ id, name, secret }: Unit) => `${id} ${secret ?? name}`;
const intentOf = ({ id, bundle, name, description, host, password }: Listed) =>
  JSON.stringify([id, bundle, name, description, host, password]);
const wordsIn = (text: string) =>
  text
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((word) => word !== "");

export function readTree(tree: Tree, key: Buffer, remembered: Remembered = null) {
  const bytes = tree.get(INVENTORY_PATH);
  if (bytes === undefined) {
    const isLeft = [...tree].some(([path, each]) => {
      const isKnown = remembered?.ids.has(folderOf(path) ?? "") === true;
      return APPLICATION.test(path) && (isKnown || isAsWritten(each.toString("utf8")));
    });
    const isForeign = isLeft || COMMON.some((path) => tree.has(path));
    return { state: isForeign ? "unusable" : "new", rows: [], serial: 0, listed: null } as const;
  }
  const reading = readInventory(bytes, key);
  if (reading.state === "verified") {
    const { files, serial } = reading.inventory;
    return { state: "verified", rows: withNewer(tree, files, serial, remembered), serial, listed: null } as const;
  }
  const isOwned = reading.state === "unverified" && reading.owner !== null;
  const listed = reading.state === "unverified" ? reading.paths : null;
  return { state: isOwned ? "rebuilt" : "unusable", rows: [], serial: 0, listed } as const;
}

/** Ids and files, by name, of what the agent remembers to have published; null when it remembers nothing. */
export type Remembered = {
  readonly serial: number;
  readonly ids: ReadonlyMap<string, string>;
  readonly files: ReadonlyMap<string, string>;
} | null;

/** True for a file that shows by itself that the agent wrote it, for this very name. */
function showsItself(tree: Tree, path: string): boolean {
  const name = folderOf(path) ?? "";
  const application = textOf(tree, applicationPath(name));
  const secret = /\/secrets\/(.*)\.yaml$/.exec(path)?.[1];
  const isNamed = APPLICATION.test(path) || (secret !== undefined && application.includes(`: ${secret}\n`));
  return isNamed && isAsWritten(application) && application.includes(`\n  name: ${name}\n`);
}

const idIn = (tree: Tree, name: string) =>
  /^ +applicationId: (\S+)$/m.exec(textOf(tree, applicationPath(name)))?.[1] ?? null;

/** Whose a file is, as far as the files tell. */
function idOf(tree: Tree, path: string, remembered: Remembered): string | null {
  const name = folderOf(path) ?? "";
  // What somebody changed does not say whose it is.
  if (!showsItself(tree, applicationPath(name))) return remembered?.ids.get(name) || null;
  // What its Application does not refer to is what a former owner of the name left behind.
  return isSecret(path) && !showsItself(tree, path) ? null : idIn(tree, name);
}

const isInKustomization = (tree: Tree, path: string) => textOf(tree, "kustomization.yaml").includes(`- ${path}\n`);

/**
 * The rows of an inventory, and files that it does not list or knows otherwise: what is as the agent left it when the
 * inventory is an older one; else what two things speak for.
 */
function withNewer(
  tree: Tree,
  rows: readonly InventoryFile[],
  serial: number,
  remembered: Remembered,
): readonly InventoryFile[] {
  const newest = remembered !== null && serial < remembered.serial ? remembered : null;
  const all = new Map(rows.map((row) => [row.path, row]));
  const paths = [...tree.keys()].filter((path) => OURS.test(path) && folderOf(path) !== null);
  for (const [name, own] of Map.groupBy(paths, (path) => folderOf(path) ?? "")) {
    const isAsLeft = remembered?.files.get(name) === filesDigest(tree, own);
    for (const path of own) {
      const row = all.get(path);
      const blob = blobID(tree.get(path) ?? Buffer.alloc(0));
      const id = idOf(tree, path, newest);
      const isAsListed = row !== undefined && (blob === row.blob || blob === row.written);
      if (row !== undefined && (!isAsLeft || (isAsListed && (newest === null || row.id === id)))) continue;
      const shows = showsItself(tree, path);
      const speaking = [shows, isInKustomization(tree, path), newest?.ids.has(name) === true].filter((each) => each);
      if (!isAsLeft && speaking.length < 2) continue;
      const isChanged = APPLICATION.test(path) && !shows && !isAsLeft;
      all.set(path, { path, id, blob, sha256: "", ...(isChanged ? { written: "0" } : {}) });
    }
    // Beside what is as the agent left it, an older inventory's row without a file is of one that it removed.
    for (const { path } of isAsLeft ? rows : []) if (folderOf(path) === name && !tree.has(path)) all.delete(path);
  }
  return [...all.values()];
}

/**
 * Paths that are the agent's to change: what a verified inventory lists. Of one that does not verify, what shows by itself
 * that the agent wrote it, where anything else speaks for it, and what it lists of Applications that the agent remembers, or
 * of all where it remembers none.
 */
export function ownPaths(
  tree: Tree,
  { state, rows, listed }: ReturnType<typeof readTree>,
  remembered: Remembered,
): Set<string> {
  if (state === "rebuilt") {
    const isOwn = (path: string) => {
      const name = folderOf(path);
      if (name === null) return listed === null || listed.has(path);
      const isListed = listed?.has(path) === true;
      const isNamed = isInKustomization(tree, path);
      if (showsItself(tree, path)) return isListed || isNamed || remembered?.ids.has(name) === true;
      if (remembered === null) return isListed;
      return remembered.ids.has(name) ? isListed || isNamed : isListed && isNamed;
    };
    return new Set([...tree.keys()].filter((path) => OURS.test(path) && isOwn(path)));
  }
  return new Set(rows.map(({ path }) => path).filter((path) => tree.has(path)));
}

/** What the files tell where the inventory cannot be asked. */
function rowsOf(tree: Tree, reading: ReturnType<typeof readTree>, remembered: Remembered): readonly Row[] {
  if (reading.state !== "rebuilt") return reading.rows;
  return [...ownPaths(tree, reading, remembered)].map((path) => ({ path, id: idOf(tree, path, remembered) }));
}

function foldersOf(tree: Tree, rows: readonly Row[]): Map<string, Folder> {
  const there = rows
    .filter(({ path }) => tree.has(path) && folderOf(path) !== null)
    .sort((one, other) => (one.path < other.path ? -1 : 1));
  const groups = Map.groupBy(there, ({ path }) => folderOf(path) ?? "");
  return new Map(
    [...groups].map(([name, own]) => {
      const first = own.find(({ path }) => path === applicationPath(name));
      return [name, { owner: first?.id ?? own.find(({ id }) => id !== null)?.id ?? "", rows: own }];
    }),
  );
}

/** Digest of our files of one Application. */
const filesDigest = (tree: Tree, paths: Iterable<string>) =>
  [...paths]
    .sort()
    .map((path) => `${path} ${blobID(tree.get(path) ?? Buffer.alloc(0))}`)
    .join("\n");

/** What the agent knows of its last commit, for one name; empty where it deleted it. */
interface Published {
  readonly id: string;
  readonly files: string;
  readonly intent: string;
  readonly manifest: string;
}

/** Intent of what a commit carried on whose end the agent did not see: it knows it by its files alone. */
const UNSEEN = "?";

/** Which bytes the Application's own file has. */
const manifestIn = (tree: Tree, name: string) => blobID(tree.get(applicationPath(name)) ?? Buffer.alloc(0));

export class ReferenceModel {
  /** Of units missing: an upper bound of what may be counted. */
  #counts = new Map<string, Count>();
  #hold: { readonly hash: string; readonly units: readonly Unit[] } | null = null;
  #approvals: { readonly hash: string; readonly expires: number }[] = [];
  #suspended = new Set<string>();
  #published = new Map<string, Published>();
  /** Ids of those that stood in Git after the latest commit, by name. */
  #inGit = new Map<string, string>();
  #serial = 0;
  #marks = new Map<string, Mark>();
  /** Of which the agent may know what it wrote last, or what a person made of that. */
  #unclear = new Set<string>();
  /** Names in Git with a commit whose end the agent did not see. */
  #carried = new Set<string>();
  /** It saw its inventory in Git, though it published nothing since its memory was lost. */
  #hasSeen = false;

  get hold() {
    return this.#hold;
  }

  get remembered(): Remembered {
    const there = [...this.#published].filter(([, { files }]) => files !== "");
    const known = there.map(([name, { id }]) => [name, id] as const);
    const files = new Map(there.map(([name, each]) => [name, each.files] as const));
    return this.#serial === 0 ? null : { serial: this.#serial, ids: new Map([...this.#inGit, ...known]), files };
  }

  approve(hash: string, expires: Date): void {
    this.#approvals.push({ hash, expires: expires.getTime() });
  }

  suspend(name: string): void {
    this.#suspended.add(name);
  }

  resume(name: string): void {
    this.#suspended.delete(name);
    const intent = this.#marks.get(name)?.intent;
    for (const [each, mark] of this.#marks) {
      const isSame = each === name || (intent !== undefined && intent !== "" && mark.intent === intent);
      if (isSame) this.#marks.set(each, { ...mark, resumed: true });
    }
  }

  loseMemory(): void {
    this.#counts = new Map();
    this.#hold = null;
    this.#approvals = [];
    this.#suspended = new Set();
    this.#published = new Map();
    this.#inGit = new Map();
    this.#serial = 0;
    this.#marks = new Map();
    this.#hasSeen = false;
    this.#unclear = new Set();
    this.#carried = new Set();
    this.#lately = new Map();
  }

  /** The code that the cycle must fail with; null when it must not fail. */
  failure(given: Given): readonly string[] | null {
    const reading = readTree(given.before, given.key, this.remembered);
    // Where all of it is gone, nobody can tell a revert of everything from a branch that was made anew.
    const isEmptied = reading.state === "new" && (this.remembered !== null || this.#hasSeen);
    if (reading.state === "unusable" || isEmptied) return ["BaseUnusable", "InventoryUnusable"];
    if (given.settings.drift !== "fail") return null;
    const known = this.#marks;
    const alone = this.#leftAlone(given);
    const folders = foldersOf(given.before, rowsOf(given.before, reading, this.remembered));
    const changed = drifted(given.before, reading, this.remembered).filter(
      (name) => !alone.has(name) && !this.#marks.has(name) && !isEnded(name, reading, folders, given.first),
    );
    // A cycle that fails remembers nothing of what it saw.
    this.#marks = known;
    return changed.length > 0 ? ["Drifted"] : null;
  }

  /** The agent may take for drift what a person put back, of which it does not know that it wrote it. */
  mayDrift({ before, key, settings }: Given): boolean {
    const reading = readTree(before, key, this.remembered);
    const changed = settings.drift === "fail" ? drifted(before, reading, this.remembered) : [];
    return changed.some((name) => this.#isUnclear(name, reading));
  }

  /** Beside an older inventory nothing tells the agent what a commit carried whose end it did not see. */
  #isUnclear(name: string, { serial }: ReturnType<typeof readTree>): boolean {
    return this.#unclear.has(name) || (serial < this.#serial && this.#carried.has(name));
  }

  /** Applications by name that nothing is written of; marks what a person put back. */
  #leftAlone({ before, key, first, settings }: Given): Set<string> {
    const reading = readTree(before, key, this.remembered);
    const folders = foldersOf(before, rowsOf(before, reading, this.remembered));
    const sound = soundOnes(first, folders);
    const clear = new Set(sound.map(({ name }) => name));
    const unclearIDs = new Set(first.filter((each) => !sound.includes(each)).map(({ id }) => id));
    const unclear = new Set(first.map(({ name }) => name).filter((name) => !clear.has(name)));
    const older = new Set(
      reading.rows
        .filter((row) => {
          const bytes = before.get(row.path);
          if (bytes === undefined) return false;
          const blob = blobID(bytes);
          return blob !== (row.written ?? row.blob) && row.former?.includes(blob) === true;
        })
        .flatMap(({ path }) => folderOf(path) ?? []),
    );
    const isPutBack = (reading.state === "verified" || reading.state === "new") && reading.serial < this.#serial;
    const marks = new Map<string, Mark>();
    if (settings.reverted === "hold") {
      for (const name of new Set([...this.#published.keys(), ...older, ...this.#marks.keys()])) {
        const files = filesDigest(
          before,
          [...ownPaths(before, reading, this.remembered)].filter((path) => folderOf(path) === name),
        );
        const published = this.#published.get(name);
        const known = this.#marks.get(name);
        // What Compass says of it, also under a name that was taken back since.
        const owner = folders.get(name)?.owner ?? "";
        const listed = sound.find((each) => each.name === name) ?? sound.find(({ id }) => id === owner);
        const intent = listed === undefined ? "" : intentOf(listed);
        const last = this.#published.get(listed?.name ?? name)?.intent;
        const said = last === UNSEEN ? undefined : last;
        // Merged by hand: the inventory does not verify, and the file tells by itself that it is another of ours, or is gone.
        const text = textOf(before, applicationPath(name));
        const isMerged =
          reading.state === "rebuilt" &&
          published !== undefined &&
          published.files !== "" &&
          (folders.has(name) ? isAsWritten(text) && manifestIn(before, name) !== published.manifest : true);
        // Deleted, and there again as the agent wrote it.
        const isBack =
          published?.files === "" &&
          reading.serial <= this.#serial &&
          folders.get(name)?.owner === published.id &&
          isAsWritten(text);
        const isNew = older.has(name) || isMerged || isBack || (isPutBack && published !== undefined);
        if (published?.files === files) continue;
        const mark =
          known?.files === files ? known : isNew ? { files, intent: said ?? intent, resumed: false } : undefined;
        // Where it says something clear of the owner, that counts, whoever else wants the name.
        const isUnclear = listed === undefined && (unclear.has(name) || unclearIDs.has(owner));
        if (mark !== undefined && (isUnclear || mark.intent === intent)) marks.set(name, mark);
      }
    }
    this.#marks = marks;
    const alone = new Set([...this.#suspended, ...wordsIn(textOf(before, SUSPEND))]);
    for (const [name, { resumed }] of marks) if (!resumed) alone.add(name);
    for (const path of ownPaths(before, reading, this.remembered)) {
      const name = folderOf(path);
      if (name !== null && path === applicationPath(name) && DISABLED.test(textOf(before, path))) alone.add(name);
    }
    if (settings.drift === "preserve") {
      const still = drifted(before, reading, this.remembered).filter((name) => !isOver(name, reading, folders, first));
      for (const name of still) if (!marks.has(name)) alone.add(name);
    }
    return alone;
  }

  /** Everything that the cycle did against the rules; counts what it saw. */
  judge(given: Given, said: Said): { readonly against: string[]; readonly records: readonly DeletionRecord[] } {
    const { before, key, first, settings, now, records } = given;
    const { after } = said;
    const against: string[] = [];
    const reading = readTree(before, key, this.remembered);
    const marks = this.#marks;
    const alone = this.#leftAlone(given);
    const folders = foldersOf(before, rowsOf(before, reading, this.remembered));
    const sound = soundOnes(first, folders);
    const own = ownPaths(before, reading, this.remembered);
    const isSame = (path: string) => before.get(path)?.equals(after.get(path) ?? Buffer.from("\0")) === true;
    const pathsOf = (name: string) => [...own].filter((path) => folderOf(path) === name);
    const second = said.lookedAgain ? given.second : null;
    const isUnclear = (name: string) => this.#isUnclear(name, reading);
    const isTakenForReverted = (name: string) =>
      isUnclear(name) && said.held.some((each) => each.name === name && each.reason === "Reverted");
    // Who is listed under another name is not missing: what is counted for the old name is another thing.
    const countOf = (unit: Unit) =>
      `${keyOf(unit)}${unit.secret === null && first.some(({ id }) => id === unit.id) ? " renamed" : ""}`;
    const isBlank = second?.length === 0 && first.length > 0;

    // 1. What is missing, and for how long.
    const missing = [...folders].flatMap(([name, folder]) => missingIn(name, folder, sound, first, folders));
    const isCounted = settings.mode === "sync" && first.length > 0 && reading.state !== "rebuilt";
    const counts = new Map<string, Count>();
    for (const unit of missing) {
      const count = this.#counts.get(countOf(unit));
      if (isCounted && !alone.has(unit.name)) {
        const patience = patienceOf(unit, settings);
        const glimpsed = count?.glimpsed ? observed(count.glimpsed, patience, now) : null;
        const isFresh = count === undefined || count.observations === 0;
        counts.set(countOf(unit), { ...observed(isFresh ? undefined : count, patience, now), glimpsed });
      } else if (count !== undefined) counts.set(countOf(unit), count);
    }
    const isEnough = (count: Omit<Count, "glimpsed"> | null | undefined, unit: Unit) => {
      const { observations, over } = patienceOf(unit, settings);
      return count != null && count.observations >= observations && count.waited >= over - 0.01;
    };
    // Whose owner nobody knows goes by an approval alone.
    const isDue = (unit: Unit) => unit.id !== "" && isEnough(counts.get(countOf(unit)), unit);
    const wasGlimpsed = (unit: Unit) => isEnough(counts.get(countOf(unit))?.glimpsed, unit);

    const hashes = [
      ...this.#approvals.filter(({ expires }) => expires > now.getTime()).map(({ hash }) => hash),
      ...wordsIn(textOf(before, APPROVE)),
    ];
    const hold = this.#hold;
    const approved = hold !== null && hashes.includes(hold.hash) ? hold.units : [];
    const isApproved = (unit: Unit) => approved.some((each) => keyOf(each) === keyOf(unit));
    if (said.usedApproval !== null && said.usedApproval !== hold?.hash)
      against.push("an approval of something else than what is held was used");

    // 1. What went.
    const afterReading = readTree(after, key, this.remembered);
    const afterFolders = foldersOf(after, rowsOf(after, afterReading, this.remembered));
    const gone: Unit[] = [];
    // What somebody else had left in a folder that stays: nobody's, but a Secret that goes by the rules.
    let leftovers = 0;
    for (const path of before.keys()) {
      if (after.has(path)) continue;
      if (path === APPROVE && said.usedApproval !== null) continue;
      if (!own.has(path) || folderOf(path) === null) against.push(`${path} went, which is not the agent's to delete`);
      if (settings.mode === "upsert-only") against.push(`${path} went in upsert-only`);
      if (reading.state === "rebuilt") against.push(`${path} went while the inventory was rebuilt`);
    }
    for (const [name, { owner, rows }] of folders) {
      const lost = rows.filter(({ path }) => !after.has(path));
      const heir = afterFolders.get(name);
      const at = first.find(({ id }) => id === owner);
      const then = second?.find(({ id }) => id === owner);
      const takeSecret = (path: string) => {
        gone.push({ name, id: owner, secret: path });
        if (second === null) against.push(`${path} went without a second look`);
        if (at === undefined || !sound.includes(at) || at.password !== null)
          against.push(`${path} went though Compass gives it`);
        if (then !== undefined && then.flaw === null && then.password !== null)
          against.push(`${path} went though a second look showed it`);
      };
      // Its credentials are gone from Compass, and whoever has the folder now, they went with its new name.
      if (at !== undefined && heir?.owner !== owner && isLeaving(name, at, folders) && at.password === null)
        for (const row of lost) if (isSecret(row.path) && row.id === owner) takeSecret(row.path);
      // Beside a rebuilt inventory what a person brought may count as that person's: it did not go.
      if (heir === undefined && lost.length === 0 && reading.state === "rebuilt") continue;
      // Whose it was before, the agent may not know: it is as it was.
      if (isUnclear(name) && rows.every(({ path }) => isSame(path))) continue;
      if (heir === undefined) {
        const unit = { name, id: owner, secret: null };
        gone.push(unit);
        if (second === null) against.push(`${name} went without a second look`);
        if (at?.name === name) against.push(`${name} went while its owner is listed under it`);
        if (then !== undefined && (then.name === name || at === undefined))
          against.push(`${name} went though a second look showed its owner`);
        if (owner === "" && second?.some((each) => each.name === name))
          against.push(`${name} went though a second look showed its name`);
        if (at !== undefined && afterFolders.get(at.name)?.owner !== owner)
          against.push(`${name} went, and the new name ${at.name} of its owner is not there`);
      } else if (owner !== "" && heir.owner !== owner) {
        if (heir.owner === "") against.push(`${name} lost its owner`);
        else if (at === undefined) {
          if (second === null || then !== undefined)
            against.push(`${name} was taken over though its owner may be there`);
          if (reading.state === "rebuilt") against.push(`${name} was taken over while the inventory was rebuilt`);
          if (isBlank) against.push(`${name} was taken over though a second look listed nothing`);
          for (const path of lostAnew(name, owner, rows, sound).filter((each) => !after.has(each))) {
            gone.push({ name, id: owner, secret: path });
            if (second?.some((each) => each.name === name && each.password !== null && each.flaw === null))
              against.push(`${path} went though a second look showed another in its place`);
          }
        } else if (afterFolders.get(at.name)?.owner !== owner)
          against.push(`${name} was taken from its owner, whose new name ${at.name} is not there`);
      } else {
        for (const row of lost) {
          if (!isSecret(row.path)) against.push(`${row.path} went, and ${name} stays`);
          // What a former owner of the name left behind is nobody's.
          if (row.id === null && isSecret(row.path)) leftovers += 1;
          if (row.id === null || row.id !== owner || (at !== undefined && row.path !== secretPath(at))) continue;
          takeSecret(row.path);
        }
      }
    }
    if (isBlank) against.push(...gone.map((unit) => `${keyOf(unit)} went though a second look listed nothing`));
    const byRule = gone.filter((unit) => !(said.usedApproval !== null && isApproved(unit)));
    const byApproval = gone.filter((unit) => !byRule.includes(unit));
    for (const unit of byRule) {
      if (first.length === 0) against.push(`${keyOf(unit)} went for an empty answer`);
      if (isDue(unit)) continue;
      if (wasGlimpsed(unit))
        against.push(`${keyOf(unit)} went, of which a second look before it was due is not counted`);
      else against.push(`${keyOf(unit)} went too early: ${JSON.stringify(counts.get(countOf(unit)))}`);
    }
    if (byApproval.length > 0) {
      for (const unit of approved)
        if (missing.every((each) => keyOf(each) !== keyOf(unit)) && settings.destinationChange === "report")
          against.push(`approved with ${keyOf(unit)}, which is not missing any more`);
      for (const unit of missing)
        if (!isApproved(unit) && !isDue(unit) && !alone.has(unit.name) && !alone.has(nameNow(unit, sound)))
          against.push(`approved without ${keyOf(unit)}, which is missing as well`);
    }
    const untilNow = records.map((record) => ({ ...record, at: Math.min(record.at, now.getTime()) }));
    const ofTheDay = lastDay(untilNow, now);
    const wholeApplications = folders.size;
    const wholeSecrets = [...folders.values()].flatMap(({ rows }) => rows.filter(({ path }) => isSecret(path))).length;
    const isOver = (wanted: number, spent: number, whole: number) =>
      wanted > 0 && spent + wanted > Math.max(1, Math.floor(settings.limit * whole));
    const applications = byRule.filter(({ secret }) => secret === null).length;
    const secrets = byRule.length - applications;
    const overLimit = (ofApplications: number, ofSecrets: number, known = ofTheDay) => {
      const spent = (pick: (record: DeletionRecord) => number) => known.reduce((sum, each) => sum + pick(each), 0);
      return (
        isOver(
          ofApplications,
          spent((each) => each.applications),
          known[0]?.ofApplications ?? wholeApplications,
        ) ||
        isOver(
          ofSecrets,
          spent((each) => each.secrets),
          known[0]?.ofSecrets ?? wholeSecrets,
        )
      );
    };
    if (overLimit(applications, secrets)) against.push(`${applications} and ${secrets} went, over the limit`);

    const isDrifted = new Set(drifted(before, reading, this.remembered, true));
    // 2. What is left alone.
    const isChanged = (name: string) =>
      pathsOf(name).some((path) => !isSame(path)) || (pathsOf(name).length === 0 && afterFolders.has(name));
    for (const name of alone)
      if (isChanged(name) && !isUnclear(name)) against.push(`${name} was changed, which is to be left alone`);
    const unsound = first.filter((each) => !sound.includes(each));
    for (const { id, name } of unsound) {
      for (const [folder, { owner }] of folders)
        if (
          (owner === id ||
            (folder === name &&
              !first.some((each) => each.id === owner || (sound.includes(each) && each.name === name)))) &&
          isChanged(folder)
        )
          against.push(`${folder} was changed though ${name} is set aside`);
      if (!said.setAside.some((each) => each.id === id) && !isTakenForReverted(name))
        against.push(`${name} is not set aside`);
    }
    for (const path of before.keys()) {
      if (own.has(path) || path === INVENTORY_PATH || (path === APPROVE && said.usedApproval !== null)) continue;
      if (!isSame(path)) against.push(`the foreign ${path} was changed`);
    }
    if (settings.destinationChange === "hold" && said.usedApproval === null) {
      const was = new Map(reading.rows.map((row) => [row.path, row]));
      for (const { path, id, reference } of afterReading.rows) {
        const row = was.get(path);
        const known = row?.id === id && before.has(path) ? row?.reference : undefined;
        if (reference === undefined || known === undefined || known.values === null) continue;
        // Where the same Application's same values went before, under whatever name of it, they may go.
        const hosts = reading.rows.flatMap((other) =>
          other.id === id && before.has(other.path) && other.reference?.values === reference.values
            ? other.reference.hosts
            : [],
        );
        if (known.values === reference.values && reference.hosts.some((host) => !hosts.includes(host)))
          against.push(`${path} is sent to a new host`);
      }
    }

    // 6. Everything is accounted for.
    const names = [...said.created, ...said.updated, ...said.unchanged];
    if (settings.destinationChange === "hold" && said.usedApproval === null) {
      // As a consumer sees it: the same Secret, used for another host.
      const targetOf = (tree: Tree, name: string) => /targetUrl: (\S+)/.exec(textOf(tree, applicationPath(name)))?.[1];
      // Under whatever name the same Application has had.
      const wentTo = (name: string) =>
        [...folders]
          .filter(([, { owner }]) => owner === folders.get(name)?.owner)
          .map(([each]) => targetOf(before, each));
      for (const name of names) {
        const secret = pathsOf(name).find((path) => isSecret(path) && before.has(path) && isSame(path));
        const isUsed = /secretName: mp-/.test(textOf(after, applicationPath(name)));
        const isOwn = folders.get(name)?.owner === afterFolders.get(name)?.owner;
        if (secret !== undefined && isUsed && isOwn && own.has(applicationPath(name)) && !isDrifted.has(name))
          if (!wentTo(name).includes(targetOf(after, name))) against.push(`${name} goes on with its Secret elsewhere`);
      }
    }
    for (const each of first) {
      const isAccounted =
        [...said.held, ...said.setAside].some(({ id }) => id === each.id) ||
        (names.includes(each.name) && sound.includes(each));
      if (!isAccounted) against.push(`${each.name} (${each.id}) is neither published nor held nor set aside`);
    }
    for (const [name, { owner }] of said.isPublished ? afterFolders : []) {
      const isAccounted =
        names.includes(name) ||
        said.held.some((each) => each.name === name || each.id === owner) ||
        said.setAside.some((each) => each.id === owner || each.name === name);
      if (!isAccounted) against.push(`the folder ${name} is neither published nor held`);
    }
    const heldSecrets = new Set(said.held.flatMap(({ secret }) => secret ?? []));
    for (const name of said.isPublished ? names : []) {
      const listed = sound.find((each) => each.name === name);
      if (listed === undefined) against.push(`${name} is published, and no sound Application has the name`);
      else {
        // Where neither the inventory nor the Application's file tells of a Secret, there is no reference to keep.
        const isKnown =
          reading.rows.some(({ path, reference }) => path === secretPath(listed) && reference !== undefined) ||
          // Lost with the file while the inventory was damaged, it does not come back with an older file.
          (reading.state === "rebuilt" &&
            textOf(before, applicationPath(name)).includes(secretPath(listed).replace(/^.*\/|\.yaml$/g, "")));
        const wrong = wrongContent(after, listed, { heldSecrets, own }).filter(
          (each) => isKnown || listed.password !== null || !each.endsWith("another reference"),
        );
        // What a former owner of the name left behind stays where nothing is deleted.
        const mayStay = settings.mode === "upsert-only" || reading.state === "rebuilt";
        against.push(...wrong.filter((each) => !mayStay || !each.endsWith("another Secret")));
      }
    }

    // 4. What nothing speaks against is published.
    const kept = new Set(unsound.map(({ id }) => id));
    const secretNames = (tree: Tree, but: string) =>
      [...tree.keys()]
        .filter((path) => isSecret(path) && folderOf(path) !== but)
        .map((path) => path.replace(/^.*\//, ""));
    for (const each of said.isPublished ? sound : []) {
      const { id, name } = each;
      if (names.includes(name) || alone.has(name)) continue;
      const owner = folders.get(name)?.owner ?? "";
      const isForeign = [applicationPath(name), ...(each.password === null ? [] : [secretPath(each)])].some((path) =>
        [...before.keys()].some(
          (other) =>
            !own.has(other) && (other === path || other.startsWith(`${path}/`) || path.startsWith(`${other}/`)),
        ),
      );
      const speaksAgainst =
        reading.state === "rebuilt" ||
        isForeign ||
        unsound.some((other) => other.name === name) ||
        (owner !== "" && owner !== id) ||
        kept.has(owner) ||
        [...folders].some(([other, folder]) => folder.owner === id && other !== name) ||
        secretNames(after, name).includes(secretPath(each).replace(/^.*\//, "")) ||
        isTakenForReverted(name) ||
        (settings.destinationChange === "hold" &&
          said.held.some((h) => h.id === id && h.reason === "DestinationChanged"));
      if (!speaksAgainst) against.push(`${name} is not published, and nothing speaks against it`);
    }

    // What is due, within the limit and seen by nobody goes.
    const due = missing.filter(
      (unit) => (isDue(unit) || wasGlimpsed(unit)) && !alone.has(unit.name) && !alone.has(nameNow(unit, sound)),
    );
    const isSeenAgain = said.held.some(({ reason }) => reason === "SeenAgain");
    // Names that were swapped while the inventory was rebuilt: each folder keeps the other's Secret, which is to go as well.
    const leftBehind = [...folders].flatMap(([name, { owner, rows }]) => {
      const now = sound.find((each) => each.name === name && each.id === owner);
      if (now === undefined) return [];
      // Its own that it lost is missing, and counted as such.
      const isOthers = ({ path, id }: Row) => (now.password === null ? id === null : path !== secretPath(now));
      return rows.filter((row) => isSecret(row.path) && isOthers(row));
    });
    const dueApplications = due.filter(({ secret }) => secret === null).length;
    const dueSecrets = due.length - dueApplications + leftBehind.length;
    const isWithin = [ofTheDay, lastDay(given.latest, now)].every(
      (each) => !overLimit(dueApplications, dueSecrets, each),
    );
    if (isCounted && !isSeenAgain && isWithin) {
      for (const unit of due.filter(isDue)) {
        // What an Application leaves behind under its old name goes when the new one is free.
        const now = first.find(({ id }) => id === unit.id);
        const isListed = now !== undefined && (unit.secret === null || now.name !== unit.name);
        const isThere = unit.secret === null ? afterFolders.has(unit.name) : after.has(unit.secret);
        const wasAlone = (this.#lately.get(unit.name) ?? 0) > 0;
        // Nothing goes of one whose destination is held.
        const isHeld = said.held.some(({ id, reason }) => id === unit.id && reason === "DestinationChanged");
        // Nothing at all is touched of one that a foreign file keeps from being written.
        const isSetAside = said.setAside.some(({ id }) => id === unit.id);
        // What a former owner had goes with the name, once the one that has it now need not wait itself.
        const heir = sound.find(({ name }) => name === unit.name);
        const isWaiting = heir !== undefined && heir.id !== unit.id && !names.includes(heir.name);
        const isBack = isTakenForReverted(unit.name);
        if (!isListed && !wasAlone && !isHeld && !isBack && !isSetAside && !isWaiting && said.isPublished && isThere)
          against.push(`${keyOf(unit)} is due and did not go`);
      }
    }

    // What is remembered of it.
    for (const unit of missing) {
      const showed = second?.find(({ id }) => id === unit.id);
      const at = first.find(({ id }) => id === unit.id);
      if (showed === undefined) continue;
      const isShown =
        unit.secret === null ? showed.name === unit.name || at === undefined : showed.password !== null && !showed.flaw;
      if (!isShown) continue;
      const count = counts.get(countOf(unit));
      if (count === undefined || isDue(unit)) counts.delete(countOf(unit));
      else
        counts.set(countOf(unit), { observations: 0, waited: 0, last: count.last, glimpsed: count.glimpsed ?? count });
    }
    const isIdle = [...before.keys(), ...after.keys()].every((path) => isSame(path));
    // Nothing went out, and nothing was remembered either.
    if (said.isCut && isIdle) {
      this.#marks = marks;
      return { against, records };
    }
    if (!said.isCut) this.#counts = counts;
    this.#lately = new Map([...this.#lately].map(([name, left]) => [name, left - 1]));
    for (const name of alone) this.#lately.set(name, 10);
    for (const unit of missing) if (alone.has(nameNow(unit, sound))) this.#lately.set(unit.name, 10);
    this.#approvals = this.#approvals.filter(({ expires }) => expires > now.getTime());
    if (!said.isPublished) {
      this.#hasSeen ||= !said.isCut && reading.state === "verified";
      if (said.usedApproval === null && !said.isCut) this.#hold = said.hold;
      return { against, records };
    }
    if (!said.isCut) {
      this.#hold = said.hold;
      this.#approvals = this.#approvals.filter(({ hash }) => hash !== said.usedApproval);
    }
    const isUnseen = said.isCut && this.#serial > 0;
    const wasOlder = reading.serial < this.#serial;
    this.#serial = Math.max(this.#serial, afterReading.serial);
    this.#inGit = new Map([...afterFolders].map(([name, { owner }]) => [name, owner]));
    for (const name of [...names, ...said.deleted]) {
      this.#unclear.delete(name);
      this.#carried.delete(name);
    }
    for (const name of isUnseen ? [...folders.keys(), ...afterFolders.keys()] : []) {
      this.#carried.add(name);
      if (wasOlder && !names.includes(name)) this.#unclear.add(name);
    }
    // What a person had removed before a commit unseen, that commit may have removed, as far as the agent can tell.
    for (const name of isUnseen ? this.#published.keys() : [])
      if (!afterFolders.has(name) && !said.deleted.includes(name)) this.#unclear.add(name);
    for (const name of said.deleted) {
      this.#published.set(name, { id: folders.get(name)?.owner ?? "", files: "", intent: "", manifest: "" });
      this.#marks.delete(name);
    }
    for (const name of names) {
      const listed = sound.find((each) => each.name === name);
      if (listed === undefined) continue;
      const paths = (afterFolders.get(name)?.rows ?? []).map(({ path }) => path);
      const [files, manifest] = [filesDigest(after, paths), manifestIn(after, name)];
      const intent = intentOf(listed);
      // Of what it did not write, who was killed knows what Compass said of it before.
      const isForgotten = said.isCut && said.unchanged.includes(name) && this.#published.get(name)?.intent !== intent;
      this.#published.set(name, { id: listed.id, files, intent, manifest });
      this.#marks.delete(name);
      if (isForgotten) this.#unclear.add(name);
    }
    // What a person changed is known as the agent wrote it, which is not what is there.
    const changed = new Set(drifted(after, afterReading, this.remembered, true));
    for (const [name, { owner, rows }] of isUnseen ? afterFolders : []) {
      const paths = rows.map(({ path }) => path);
      const [files, manifest] = [filesDigest(after, paths), manifestIn(after, name)];
      const isKnown = this.#published.get(name)?.files === files || this.#marks.get(name)?.files === files;
      if (isKnown || changed.has(name)) continue;
      this.#published.set(name, { id: owner, files, intent: UNSEEN, manifest });
      // Of what that commit only carried on the agent knows this when it sees it there, and not when it is taken back before.
      if (paths.every(isSame)) this.#unclear.add(name);
    }
    const isWritten = before.get(INVENTORY_PATH)?.equals(after.get(INVENTORY_PATH) ?? Buffer.alloc(0)) !== true;
    if (!isWritten) return { against, records: untilNow };
    const record = {
      serial: afterReading.serial,
      at: now.getTime(),
      applications,
      secrets: secrets + leftovers,
      ofApplications: wholeApplications,
      ofSecrets: wholeSecrets,
    };
    return { against, records: [...ofTheDay, ...(byRule.length + leftovers > 0 ? [record] : [])] };
  }

  /** Names that were left alone not long ago: whether their time counts is not promised. */
  #lately = new Map<string, number>();
}

/** The name that the owner of a unit has now. */
const nameNow = ({ id }: Unit, sound: readonly Listed[]) => sound.find((each) => each.id === id)?.name ?? "";

/** True for an Application that is as the agent wrote it: docs/reference/files.md, Manifests. */
function isAsWritten(text: string): boolean {
  const line = /^ {4}runtime-agent\.kyma-project\.io\/digest: sha256:(\S+)\n/m.exec(text);
  return line !== null && line[1] === createHash("sha256").update(text.replace(line[0], "")).digest("hex");
}

/** Names of our folders in which a file is not as the agent wrote it; what it wrote there before is no drift. */
function drifted(
  tree: Tree,
  reading: ReturnType<typeof readTree>,
  remembered: Remembered,
  withOlder = false,
): string[] {
  const changed =
    reading.state === "rebuilt"
      ? [...ownPaths(tree, reading, remembered)].filter(
          (path) => path === applicationPath(folderOf(path) ?? "") && !isAsWritten(textOf(tree, path)),
        )
      : reading.rows
          .filter((row) => {
            const bytes = tree.get(row.path);
            if (bytes === undefined) return true;
            const blob = blobID(bytes);
            return blob !== (row.written ?? row.blob) && (withOlder || row.former?.includes(blob) !== true);
          })
          .map(({ path }) => path);
  return [...new Set(changed.flatMap((path) => folderOf(path) ?? []))];
}

/** What a person removed to the last file of an Application that is gone: nobody is stopped by it. */
function isEnded(
  name: string,
  { rows }: Pick<ReturnType<typeof readTree>, "rows">,
  folders: ReadonlyMap<string, Folder>,
  first: readonly Listed[],
): boolean {
  const own = rows.filter(({ path }) => folderOf(path) === name);
  const isGone = own.every(({ id }) => id !== null && first.every((each) => each.id !== id));
  return !folders.has(name) && isGone && first.length > 0;
}

/** The same, while another one has its name: that is over. */
function isOver(
  name: string,
  { rows }: ReturnType<typeof readTree>,
  folders: ReadonlyMap<string, Folder>,
  first: readonly Listed[],
): boolean {
  return isEnded(name, { rows }, folders, first) && soundOnes(first, folders).some((each) => each.name === name);
}

/** Those that are not set aside for what they are; who has a name in Git keeps it from its duplicates. */
function soundOnes(first: readonly Listed[], folders: ReadonlyMap<string, Folder>): Listed[] {
  return first.filter(({ id, name, flaw }) => {
    const isDuplicate = first.some((other) => other.id !== id && other.name === name);
    return flaw === null && KUBERNETES_NAME.test(name) && (!isDuplicate || folders.get(name)?.owner === id);
  });
}

/** True while all that an Application has in Git stands under another name than the one it has now. */
const isLeaving = (folder: string, { id, name }: Listed, folders: ReadonlyMap<string, Folder>) =>
  folder !== name && folders.get(name)?.owner !== id;

/** Of one folder: the whole, when nobody has the name any more, and the Secrets that its Application has no more. */
function missingIn(
  name: string,
  { owner, rows }: Folder,
  sound: readonly Listed[],
  first: readonly Listed[],
  folders: ReadonlyMap<string, Folder>,
): Unit[] {
  const listed = first.find(({ id }) => id === owner);
  if (listed !== undefined && !sound.includes(listed)) return [];
  const now = sound.find((each) => each.name === name);
  // Somebody who is set aside has the name, and its owner is gone: the files are still of what it is called.
  if (now === undefined && listed === undefined && first.some((each) => each.name === name)) return [];
  if (now !== undefined && listed === undefined)
    return lostAnew(name, owner, rows, sound).map((path) => ({ name, id: owner, secret: path }));
  const isOwn = now?.id === owner || (listed !== undefined && isLeaving(name, listed, folders));
  const secrets = rows
    .filter(({ path, id }) => isSecret(path) && id === owner && isOwn && listed?.password === null)
    .map(({ path }) => ({ name, id: owner, secret: path }));
  return now === undefined ? [{ name, id: owner, secret: null }, ...secrets] : secrets;
}

/** Paths of Secrets whose owner is gone, where the Application that was registered anew under the name has fewer. */
function lostAnew(name: string, owner: string, rows: readonly Row[], sound: readonly Listed[]): string[] {
  const heir = sound.find((each) => each.name === name);
  const own = rows.filter(({ path, id }) => owner !== "" && isSecret(path) && id === owner);
  return heir !== undefined && own.length > (heir.password === null ? 0 : 1) ? own.map(({ path }) => path) : [];
}

const patienceOf = ({ secret }: Unit, settings: Settings) => (secret === null ? settings : settings.credentials);

/** The clock rule of design 3. */
function observed(
  count: Omit<Count, "glimpsed"> | undefined,
  { observations, over }: { observations: number; over: number },
  now: Date,
) {
  const last = now.getTime();
  if (count === undefined) return { observations: 1, waited: 0, last };
  const share = observations > 1 ? over / (observations - 1) : over;
  const waited = count.waited + Math.min(Math.max(last - count.last, 0), share);
  return { observations: count.observations + 1, waited, last };
}

function wrongContent(
  tree: Tree,
  listed: Listed,
  { heldSecrets, own }: { heldSecrets: ReadonlySet<string>; own: ReadonlySet<string> },
): string[] {
  const { id, name, description, host, password } = listed;
  const application = textOf(tree, applicationPath(name));
  const secret = textOf(tree, secretPath(listed));
  const secretName = secretPath(listed).replace(/^.*\/|\.yaml$/g, "");
  const wrong: string[] = [];
  const expect = (isRight: boolean, what: string) => {
    if (!isRight) wrong.push(`${name} is published with another ${what}`);
  };
  expect(application.includes(`applicationId: ${id}\n`), "id");
  expect(application.includes(`description: ${description}\n`), "description");
  expect(application.includes(`targetUrl: https://${host}/orders\n`), "host");
  expect(!DISABLED.test(application), "annotation");
  const isKept = [...heldSecrets].some((path) => path === secretPath(listed));
  expect(application.includes(`secretName: ${secretName}\n`) === (password !== null || isKept), "reference");
  if (password !== null) expect(secret.includes(Buffer.from(password).toString("base64")), "password");
  // What a person brought back beside it, and nothing lists, is that person's.
  else if (!isKept) expect(secret === "" || !own.has(secretPath(listed)), "Secret");
  return wrong;
}
