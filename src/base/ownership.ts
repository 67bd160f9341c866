/** Which files of the base are ours: what the verified inventory says, and what is done when it cannot be trusted. */

import { Failure } from "../common/failure.js";
import { sha256 } from "../common/sha256.js";
import type { DeletionRecord } from "../state/index.js";
import { isOurs, ownDigest, type Route, readApplication, resourcesOf } from "./committed-application.js";
import {
  applicationOf,
  applicationPath,
  type InventoryFile,
  isInLayout,
  isSecretPath,
  type SecretReference,
  sealKeyID,
  secretNameOf,
} from "./inventory.js";
import type { Base } from "./open.js";
import { treeDigest } from "./tree-digest.js";

export interface Ownership {
  readonly files: readonly InventoryFile[];
  /** Of the inventory read; 0 where there is none that verifies. */
  readonly serial: number;
  /** Of the last day, as far as is known. */
  readonly deletions: readonly DeletionRecord[];
  /** Tenant that the inventory names; null when none. */
  readonly tenant: string | null;
  /** Ids of seal keys in use before, named on in the next inventory. */
  readonly formerSealKeys: readonly string[];
  /** False: the rows were rebuilt from the tree, and nothing is deleted in this cycle. */
  readonly trusted: boolean;
  /** Names of Applications that the agent deleted, and of which its own files are there again, listed or not. */
  readonly broughtBack: ReadonlySet<string>;
  /** An older inventory stands beside files that are newer, so that it says nothing of those that are over all Applications. */
  readonly isMixed: boolean;
  /** What the user is told about it; null when all is well. */
  readonly note: string | null;
}

export interface OwnershipOptions {
  readonly runtimeID: string;
  /** External tenant; null when none is configured. */
  readonly tenant: string | null;
  readonly sealKey: Buffer;
  /** Ids of Applications that the agent deleted, by the names that they had. @default none is remembered */
  readonly deleted?: ReadonlyMap<string, string>;
  /** What the agent remembers to have left here. @default nothing */
  readonly published?: Remembered | null;
  /** Runtime id of the agent whose path is taken over, by a person's command. @default null */
  readonly takeOver?: string | null;
  /** Namespace of Secrets in the cluster of which no inventory tells it. @default there are none */
  readonly secretsNamespace?: string;
  readonly now: Date;
}

/** What the agent remembers of its last commit. */
export interface Remembered {
  readonly serial: number;
  /** Ids of the Applications in Git, by name. */
  readonly ids: ReadonlyMap<string, string>;
  /** Digests of their files, by name, as far as the agent wrote them. */
  readonly trees: ReadonlyMap<string, string>;
}

const NOTHING: Ownership = {
  files: [],
  serial: 0,
  deletions: [],
  tenant: null,
  formerSealKeys: [],
  trusted: true,
  broughtBack: new Set(),
  isMixed: false,
  note: null,
};

/** Which files are ours. Those that the agent deleted and a person brought back are, whatever the inventory says. */
export async function ownedFiles(base: Base, options: OwnershipOptions): Promise<Ownership> {
  const owned = await listedFiles(base, options);
  const back = await broughtBack(base, owned, options.deleted ?? new Map());
  const listed = new Set(owned.files.map(({ path }) => path));
  const rows = [...back.values()].flat().filter(({ path }) => !listed.has(path));
  const { secretsNamespace: cluster } = options;
  const placed = (row: InventoryFile) =>
    cluster !== undefined && row.cluster === undefined && base.inCluster.has(row.path) ? { ...row, cluster } : row;
  return { ...owned, files: [...owned.files, ...rows].map(placed), broughtBack: new Set(back.keys()) };
}

/** Rows of each Application that was deleted and stands there again as the agent wrote it: by its own digest, and its Secrets. */
async function broughtBack(
  base: Base,
  { files }: Ownership,
  deleted: ReadonlyMap<string, string>,
): Promise<Map<string, InventoryFile[]>> {
  const known = new Map(files.map((row) => [row.path, row]));
  const names = [...deleted.keys()].filter((name) => base.listing.has(applicationPath(name)));
  const contents = await base.readAll(names.map(applicationPath));
  const found = new Map<string, InventoryFile[]>();
  for (const name of names) {
    const bytes = contents.get(applicationPath(name)) ?? Buffer.alloc(0);
    const { id, references } = readApplication(bytes);
    if (id !== deleted.get(name) || !isOurs(bytes)) continue;
    const secrets = new Map(
      [...references].map(([secret, reference]) => [`applications/${name}/secrets/${secret}.yaml`, reference]),
    );
    const sealed = await base.readAll([...secrets.keys()].filter((path) => base.listing.has(path)));
    found.set(
      name,
      [[applicationPath(name), bytes] as const, ...sealed].map(
        ([path, each]) => known.get(path) ?? rowOf(base, path, id, each, secrets.get(path)),
      ),
    );
  }
  return found;
}

/** What a file tells of itself, where no inventory does. */
function rowOf(
  { listing }: Base,
  path: string,
  id: string | null,
  bytes: Buffer,
  reference: SecretReference | undefined,
): InventoryFile {
  const row = { path, id, blob: listing.get(path) ?? "", sha256: sha256(bytes) };
  const digest = isApplication(path) ? ownDigest(bytes) : null;
  const shown = digest === null ? row : { ...row, digest };
  return reference === undefined ? shown : { ...shown, reference };
}

/**
 * Throws `TwoAgents` when the path belongs to another runtime, tenant or agent and is not taken over, `InventoryUnusable`
 * when it does not say whose it is or is written by a later version, and `BaseUnusable` when somebody else's
 * kustomization stands there, or Applications of the agent without an inventory: nothing is written over those.
 */
async function listedFiles(base: Base, options: OwnershipOptions): Promise<Ownership> {
  const { inventory } = base;
  const { sealKey, takeOver = null, published = null, now } = options;
  // kustomize takes one of three names, and nothing at all where there are two of them.
  const another = ["kustomization.yml", "Kustomization"].find(
    (path) => base.listing.has(path) || base.obstacles.has(path),
  );
  if (another !== undefined) {
    throw new Failure(
      `git.path holds a ${another}: beside the agent's kustomization.yaml, no consumer could build either`,
      {
        code: "BaseUnusable",
        stage: "base",
        hint: `Name an empty folder in git.path; or move ${another} to a folder above, and let it name this one under resources.`,
      },
    );
  }
  switch (inventory.state) {
    case "absent": {
      const foreign = await withoutInventory(base, published?.ids ?? new Map());
      // A folder to compare with, and a repository without a commit, never had anything.
      const isEmptied = base.tip !== null && published !== null && takeOver !== options.runtimeID;
      if (foreign === null && isEmptied) throw emptied(options.runtimeID);
      if (foreign === null) return NOTHING;
      throw new Failure(`git.path holds ${foreign}, and no inventory that says it is the agent's`, {
        code: "BaseUnusable",
        stage: "base",
        hint: "Name an empty folder in git.path; or, if the agent's inventory was removed, restore .runtime-agent/inventory.json from history.",
      });
    }
    case "verified": {
      const { owner, files, serial, deletions, formerSealKeys, tenant: named } = inventory.inventory;
      const foreign = foreignTo(options, owner, named);
      if (foreign !== null && takeOver !== owner) throw twoAgents(foreign, owner);
      const taken =
        foreign === null ? null : `git.path is taken over from another ${foreign}; nothing is deleted in this cycle`;
      const rest = {
        ...NOTHING,
        serial,
        deletions,
        tenant: named,
        formerSealKeys,
        trusted: taken === null,
        note: taken,
      };
      const rows = await givenBack(base, files);
      const all = await withNewer(base, rows, serial, published);
      const isOlder = published !== null && serial < published.serial;
      const isMixed = isOlder && (all.length !== rows.length || all.some((row, index) => row !== rows[index]));
      return { ...rest, files: all, isMixed, note: taken ?? (isMixed ? OLDER : null) };
    }
    case "unverified": {
      const { owner, tenant: named, sealKeys, reason, newer } = inventory;
      const taken = takeOver !== null && takeOver === owner;
      if (owner === null)
        throw unusable(reason, "Restore .runtime-agent/inventory.json from history; nothing is written before.");
      const foreign = foreignTo(options, owner, named);
      if (foreign !== null && !taken) throw twoAgents(foreign, owner);
      if (newer && !taken)
        throw unusable(
          reason,
          `Run the version that wrote it, or a later one; or give up what it knew by \`sync --take-over ${shown(owner)}\`.`,
        );
      // Somebody else took over from us, with a key of their own: two that do so in turn would never come to rest.
      const [current, ...former] = sealKeys;
      const ours = sealKeyID(sealKey);
      if (former.includes(ours) && !taken) throw twoStates(owner);
      const formerSealKeys = [...new Set([...(current === undefined ? [] : [current]), ...former])]
        .filter((key) => key !== ours)
        .slice(0, FORMER_KEYS);
      const note = taken
        ? "git.path is taken over from another agent, and its inventory rebuilt from the files; nothing is deleted in this cycle"
        : `the inventory is rebuilt from the files, since ${reason}; nothing is deleted in this cycle`;
      const files = await rebuild(base, inventory.paths, published);
      return {
        ...NOTHING,
        tenant: named,
        files,
        deletions: inventory.deletions ?? spent(files, now),
        formerSealKeys,
        trusted: false,
        note,
      };
    }
  }
}

const OLDER =
  "somebody put an older inventory back beside files that are newer: these stay, and Secrets of which it knows other values are sealed anew";

/** What was published is all gone from there: for who wants exactly that it is no failure. */
export class NothingLeft extends Failure {}

/**
 * What would be written there now is an empty landscape, and whoever applies it would remove all Applications; nor may what
 * a person took away come back by itself.
 */
const emptied = (runtimeID: string) =>
  new NothingLeft("git.path holds nothing of the agent's any more, though it published there before", {
    code: "BaseUnusable",
    stage: "base",
    hint: `Nothing was written. Restore the folder or the branch from history; or have it begun anew by \`sync --take-over ${shown(runtimeID)}\`.`,
  });

/** What stands where all of the agent's files have a place, or is its own; null when there is nothing like that. */
async function withoutInventory(
  { listing, readAll }: Base,
  published: ReadonlyMap<string, string>,
): Promise<string | null> {
  const found = [...ALWAYS_WRITTEN].find((path) => listing.has(path));
  if (found !== undefined) return `a ${found}`;
  const files = await readAll([...listing.keys()].filter(isApplication));
  const isAgents = ([path, bytes]: [string, Buffer]) => isOurs(bytes) || published.has(applicationOf(path) ?? "");
  return [...files].some(isAgents) ? "Applications of the agent" : null;
}

const isApplication = (path: string) => path === applicationPath(applicationOf(path) ?? "");

/** In what an owner differs from us; null when it is us. A tenant that one of both does not name is no difference. */
function foreignTo({ runtimeID, tenant }: OwnershipOptions, owner: string, named: string | null) {
  if (owner !== runtimeID) return "runtime";
  return named !== null && tenant !== null && named !== tenant ? "tenant" : null;
}

/** What cannot be read may have been any number: until a day has passed nothing more goes by itself. */
function spent(files: readonly InventoryFile[], now: Date): DeletionRecord[] {
  const names = new Set(files.map(({ path }) => applicationOf(path)).filter((name) => name !== null)).size;
  const secrets = files.filter(({ path }) => isSecretPath(path)).length;
  const all = { applications: names, secrets, ofApplications: names, ofSecrets: secrets };
  return [{ serial: 0, at: now.toISOString(), ...all }];
}

/** The rows, those put right in whose place a person's bytes stood until that person put the agent's back. */
async function givenBack({ listing, readAll }: Base, rows: readonly InventoryFile[]): Promise<InventoryFile[]> {
  const isBack = ({ path, blob, written, absent }: InventoryFile) =>
    (written !== undefined || absent === true) && listing.get(path) === (written ?? blob);
  const contents = await readAll(rows.filter(isBack).map(({ path }) => path));
  return rows.map((row) => {
    const bytes = isBack(row) ? contents.get(row.path) : undefined;
    if (bytes === undefined) return row;
    const { written, absent: _absent, ...rest } = row;
    return { ...rest, blob: written ?? row.blob, sha256: sha256(bytes) };
  });
}

/** Files of the agent's layout and what they tell of themselves. */
interface Shown {
  readonly row: InventoryFile;
  readonly name: string | null;
  /** The agent wrote it, as an Application shows by its own digest and name, and a Secret by the Application that refers to it. */
  readonly shows: boolean;
}

async function readShown(base: Base, paths: readonly string[], ids: Remembered["ids"]): Promise<Shown[]> {
  const names = [...new Set(paths.map(applicationOf))].filter((name) => name !== null);
  const contents = await base.readAll([...new Set([...paths, ...names.map(applicationPath)])]);
  const bytesOf = (path: string) => contents.get(path) ?? Buffer.alloc(0);
  const applications = new Map(
    names.map((name) => {
      const bytes = bytesOf(applicationPath(name));
      const read = readApplication(bytes);
      return [name, { ...read, isOurs: read.name === name && isOurs(bytes) }] as const;
    }),
  );
  return paths.map((path): Shown => {
    const name = applicationOf(path);
    const application = applications.get(name ?? "");
    const reference = isSecretPath(path) ? application?.references.get(secretNameOf(path)) : undefined;
    const shows = application?.isOurs === true && (isApplication(path) || reference !== undefined);
    const remembered = ids.get(name ?? "") || null;
    // A Secret that its Application does not refer to is what a former owner of the name left behind.
    const told = isSecretPath(path) && reference === undefined ? null : (application?.id ?? null);
    const id = application?.isOurs === true ? told : remembered;
    return { row: rowOf(base, path, id, bytesOf(path), reference), name, shows };
  });
}

/** What the committed kustomization lists: the agent's, where nobody has changed it. */
async function inKustomization(base: Base): Promise<ReadonlySet<string>> {
  const bytes = (await base.readAll([KUSTOMIZATION])).get(KUSTOMIZATION);
  return new Set(bytes === undefined ? [] : resourcesOf(bytes));
}

const KUSTOMIZATION = "kustomization.yaml";

/** Files of no Application that every commit of the agent leaves there. */
const ALWAYS_WRITTEN: ReadonlySet<string> = new Set([KUSTOMIZATION, "revision.yaml", ".runtime-agent/.gitattributes"]);

/**
 * The rows of a verified inventory, and those of files that are newer than it: a person put an older one back and left
 * the files, or a part of them, or took files away and brought them back. What is to the byte what the agent left there is
 * as it wrote it, whatever an older inventory says. Of anything else that it does not list, that is ours for which two
 * things speak: that it shows by itself that the agent wrote it, that the kustomization lists it, that the agent remembers
 * its Application. Beside the agent's newest inventory nothing is: what that one does not list, a person added.
 */
async function withNewer(
  base: Base,
  rows: readonly InventoryFile[],
  serial: number,
  published: Remembered | null,
): Promise<readonly InventoryFile[]> {
  const before = published !== null && serial < published.serial ? published : null;
  const isNewest = published !== null && before === null;
  const listed = new Map(rows.map((row) => [row.path, row]));
  const own = [...base.listing.keys()].filter((path) => isInLayout(path) && applicationOf(path) !== null);
  const folders = Map.groupBy(own, (path) => applicationOf(path) ?? "");
  const asLeft = (name: string | null) => {
    const files = (folders.get(name ?? "") ?? []).map((path) => [path, base.listing.get(path) ?? ""] as const);
    return published?.trees.get(name ?? "") === treeDigest(files);
  };
  const isAsListed = (path: string) => {
    const [row, blob] = [listed.get(path), base.listing.get(path)];
    // As the agent wrote it, or as a person's bytes were found in its place.
    return row !== undefined && (row.blob === blob || row.written === blob);
  };
  const candidates = own.filter((path) => {
    if (!listed.has(path)) return true;
    return (before !== null || !isAsListed(path)) && asLeft(applicationOf(path));
  });
  if (candidates.length === 0) return rows;
  const named = await inKustomization(base);
  const newer = (await readShown(base, candidates, before?.ids ?? new Map())).filter(
    ({ row: { path }, name, shows }) => {
      const isRemembered = before?.ids.has(name ?? "") === true;
      const witnesses = [shows, named.has(path), isRemembered].filter(Boolean).length;
      return asLeft(name) || (!isNewest && witnesses > 1);
    },
  );
  for (const { row, name, shows } of newer) {
    // What the inventory knows rightly, it knows better.
    if (!isAsListed(row.path) || listed.get(row.path)?.id !== row.id)
      listed.set(row.path, shows || asLeft(name) ? row : changed(row));
  }
  // What an older inventory lists beside that, the agent had removed since; what stands in the cluster was never a file.
  const isGone = ({ path, cluster }: InventoryFile) =>
    cluster === undefined && !base.listing.has(path) && asLeft(applicationOf(path));
  return [...listed.values()].filter((row) => !isGone(row));
}

/**
 * Rows for files in our layout, as far as the tree tells: whose they are, but not what they were made from. Ours is what
 * shows by itself that the agent wrote it, where anything else speaks for that: any agent's file shows so much, and a copy
 * of another's, too. Else what the inventory lists, of Applications that the agent remembers or that the kustomization
 * lists, too: anybody can have added a line. Where it remembers none, it believes the inventory, but not whose these files
 * are.
 */
async function rebuild(
  base: Base,
  listed: ReadonlySet<string> | null,
  remembered: Remembered | null,
): Promise<InventoryFile[]> {
  const paths = [...base.listing.keys()].filter(isInLayout).sort();
  const named = await inKustomization(base);
  // What stands in no file is in no kustomization: there its Application speaks for it.
  const isNamed = (path: string) =>
    named.has(base.inCluster.has(path) ? applicationPath(applicationOf(path) ?? "") : path);
  const isClaimed = (path: string, name: string | null) => {
    // What the agent writes only when it is asked to, a person may have put there.
    if (name === null) return listed?.has(path) ?? (ALWAYS_WRITTEN.has(path) || named.has(path));
    if (remembered === null) return listed?.has(path) === true;
    const isListed = listed?.has(path) === true;
    return remembered.ids.has(name) ? isListed || isNamed(path) : isListed && isNamed(path);
  };
  const isWitnessed = (path: string, name: string | null) =>
    isNamed(path) || listed?.has(path) === true || remembered?.ids.has(name ?? "") === true;
  const shown = await readShown(base, paths, remembered?.ids ?? new Map());
  return shown
    .filter(({ row, name, shows }) => isClaimed(row.path, name) || (shows && isWitnessed(row.path, name)))
    .map(({ row, shows }) => (shows ? row : changed(row)));
}

/** The row of an Application that is not as the agent wrote it, whatever that was. Of other files nobody can tell. */
const changed = (row: InventoryFile): InventoryFile =>
  isApplication(row.path) ? { ...row, written: "0".repeat(row.blob.length) } : row;

/** Former seal keys that an inventory names; older ones are forgotten. */
const FORMER_KEYS = 100;

/** An owner as a message may show it: the file is anybody's, and ids are what stands there. */
const shown = (owner: string) => (/^[0-9A-Za-z-]{1,64}$/.test(owner) ? owner : "OWNER");

const unusable = (reason: string, hint: string) =>
  new Failure(`the inventory in git.path cannot be used: ${reason}`, {
    code: "InventoryUnusable",
    stage: "base",
    hint,
  });

const twoStates = (owner: string) =>
  new Failure("another agent of this runtime, with a state of its own, has taken git.path over", {
    code: "TwoAgents",
    stage: "base",
    hint: `Stop one of the two. If this is the one to go on, run \`sync --take-over ${shown(owner)}\` once.`,
  });

const twoAgents = (foreign: "runtime" | "tenant", owner: string) =>
  new Failure(`git.path belongs to the agent of another ${foreign}`, {
    code: "TwoAgents",
    stage: "base",
    hint: `Give each runtime a git.path of its own, and check runtime.id and runtime.tenant; to make its files this one's, run \`sync --take-over ${shown(owner)}\` once.`,
  });

/** An Application's folder in Git, as far as it is ours. */
export interface Folder {
  /** Director's id of whose it is; "" when it is not known. */
  readonly id: string;
  /** Of files that are there. */
  readonly rows: readonly InventoryFile[];
}

/** Our folders by name. What somebody removed from Git is in none: a kustomization that named it could not be built. */
export function foldersOf({ listing }: Pick<Base, "listing">, { files }: Ownership): ReadonlyMap<string, Folder> {
  const there = files.filter(({ path }) => listing.has(path) && applicationOf(path) !== null);
  const groups = Map.groupBy(there, ({ path }) => applicationOf(path) ?? "");
  return new Map([...groups].map(([name, rows]) => [name, { id: ownerOf(name, rows), rows }]));
}

/** By the Application's own file, else by any other that says it; "" where none does. */
function ownerOf(name: string, rows: readonly InventoryFile[]): string {
  const first = rows.find(({ path }) => path === applicationPath(name));
  return first?.id ?? rows.find(({ id }) => id !== null)?.id ?? "";
}

/** An Application whose committed file stays as it is. */
export interface Staying {
  readonly id: string;
  readonly routes: readonly Route[];
}

/** Of all folders but those of `rendered`, as far as they can be read. */
export async function readStaying(
  base: Pick<Base, "readAll">,
  folders: ReadonlyMap<string, Folder>,
  rendered: readonly { readonly name: string }[],
): Promise<Staying[]> {
  const written = new Set(rendered.map(({ name }) => name));
  const names = [...folders.keys()].filter((name) => !written.has(name));
  const files = await base.readAll(names.map(applicationPath));
  return [...files].map(([path, bytes]) => {
    const { id = "" } = folders.get(applicationOf(path) ?? "") ?? {};
    return { id, routes: readApplication(bytes).routes };
  });
}

/** Ids of the bundles whose credentials Git holds: by the name and by the id of their Application. */
export function bundlesOf(folders: ReadonlyMap<string, Folder>): ReadonlyMap<string, ReadonlySet<string>> {
  const bundles = new Map<string, Set<string>>();
  for (const [name, { rows }] of folders) {
    for (const { id, reference } of rows) {
      if (reference === undefined) continue;
      for (const key of [name, id ?? name]) bundles.set(key, (bundles.get(key) ?? new Set()).add(reference.bundle));
    }
  }
  return bundles;
}
