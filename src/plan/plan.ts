/** What a cycle will do to Git: writes, deletes and holds, each with its reason. Pure. */

import { createHash } from "node:crypto";
import {
  type Base,
  formatInventory,
  INVENTORY_PATH,
  type InventoryFile,
  type Ownership,
  sealKeyID,
} from "../base/index.js";
import type { Degraded, SetAside } from "../model/index.js";
import {
  ATTRIBUTES_PATH,
  ATTRIBUTES_TEXT,
  KUSTOMIZATION_PATH,
  kustomizationText,
  REVISION_PATH,
  revisionText,
} from "../render/index.js";
import type { SealedApplication, SealedFile } from "../seal/index.js";
import type { Missing } from "../state/index.js";
import { type Candidate, type DeletionRules, decideDeletions, type Hold } from "./deletion.js";
import { revisionDigest } from "./digest.js";

export interface Plan {
  /** Bytes by path, relative to `git.path`; only what differs from the base. */
  readonly writes: ReadonlyMap<string, Buffer>;
  readonly deletes: readonly string[];
  /** Names, sorted. */
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly deleted: readonly string[];
  readonly unchanged: readonly string[];
  readonly held: readonly Hold[];
  readonly setAside: readonly SetAside[];
  readonly degraded: readonly Degraded[];
  /** Of the tree that the plan leads to. */
  readonly digest: string;
  /** Of the tree as it is; null when nothing of ours is there. */
  readonly committedDigest: string | null;
  /** For the memory of the next cycle. */
  readonly missing: Readonly<Record<string, Missing>>;
}

export interface PlanOptions {
  readonly base: Base;
  readonly owned: Ownership;
  readonly runtimeID: string;
  readonly sealKey: Buffer;
  /** Number of Applications that Director lists. */
  readonly listed: number;
  readonly applications: readonly SealedApplication[];
  readonly setAside: readonly SetAside[];
  readonly degraded: readonly Degraded[];
  readonly rules: DeletionRules;
  readonly missing: Readonly<Record<string, Missing>>;
  /** Namespace of the revision ConfigMap. */
  readonly namespace: string;
  readonly now: Date;
}

export function makePlan(options: PlanOptions): Plan {
  const { base, owned, rules, now } = options;
  // What somebody removed from Git is ours no more: a kustomization that named it could not be built.
  const present = owned.files.filter(({ path }) => base.listing.has(path));
  const committed = byName(present);
  const ours = new Set(owned.files.map(({ path }) => path));

  const foreign = (file: SealedFile) => base.listing.has(file.row.path) && !ours.has(file.row.path);
  const free = options.applications.filter(({ files }) => !files.some(foreign));
  const setAside = [
    ...options.setAside,
    ...options.applications.filter(({ files }) => files.some(foreign)).map(foreignFile),
  ].sort(byNameOrder);

  // A committed name whose owner has it no more, and that nobody else has now.
  const wanted = new Map(free.map((each) => [each.application.name, each]));
  const keptIDs = new Set(setAside.map(({ id }) => id));
  const owners = new Map([...committed].map(([name, rows]) => [name, rows.find(({ id }) => id !== null)?.id ?? ""]));
  const behind = waitingBehind(wanted, owners, keptIDs);
  const candidates = [...owners].flatMap(([name, id]): Candidate[] =>
    wanted.has(name) || keptIDs.has(id) || behind.has(id) ? [] : [{ name, id }],
  );
  const decision = decideDeletions({
    candidates,
    committed: committed.size,
    listed: options.listed,
    trusted: owned.trusted,
    rules,
    missing: options.missing,
    now,
  });

  // A rename is a deletion of the old name: until that passes, the new one waits. Where nothing is ever deleted it does not.
  const heldIDs = new Set(rules.mode === "sync" ? decision.held.map(({ id }) => id) : []);
  const ready = free.filter(
    ({ application: { name, id } }) => !behind.has(id) && (committed.has(name) || !heldIDs.has(id)),
  );
  // What a published Application leaves behind (a Secret that it has no more) goes with the same commit.
  const tidy = rules.mode === "sync" && owned.trusted;
  const dueWithout = (published: ReadonlySet<SealedApplication>) => {
    const waiting = new Set(free.filter((each) => !published.has(each)).map(({ application }) => application.id));
    return decision.due.filter(({ id }) => !waiting.has(id));
  };
  const staying = (published: ReadonlySet<SealedApplication>) => {
    const gone = new Set(dueWithout(published).map(({ name }) => name));
    if (tidy) for (const { application } of published) gone.add(application.name);
    return [...committed].flatMap(([name, files]) => (gone.has(name) ? [] : files));
  };
  const published = withoutClashes(ready, staying);
  const dueNow = dueWithout(published);
  const due = new Set(dueNow.map(({ name }) => name));
  const waiting = [
    ...free.filter((each) => !published.has(each)).map(({ application }) => application),
    ...decision.due.filter((each) => !dueNow.includes(each)),
  ].map(({ name, id }): Hold => ({ name, id, reason: "Renamed", until: null }));

  const publishedNames = new Set([...published].map(({ application }) => application.name));
  const publishedIDs = new Set([...published].map(({ application }) => application.id));
  const rows = new Map<string, InventoryFile>();
  const writes = new Map<string, Buffer>();
  for (const row of staying(published)) {
    // Left behind but not to be deleted: nobody's, so that no later cycle takes it for a part of the Application.
    rows.set(row.path, publishedNames.has(nameOf(row.path) ?? "") ? { ...row, id: null } : row);
  }
  for (const { row, content } of [...published].flatMap(({ files }) => files)) {
    rows.set(row.path, row);
    if (content !== null && base.listing.get(row.path) !== row.blob) writes.set(row.path, content);
  }

  const addCommon = (path: string, text: string) => {
    const content = Buffer.from(text);
    const sha256 = createHash("sha256").update(content).digest("hex");
    const row = { path, id: null, blob: base.blobID(content), sha256 };
    rows.set(path, row);
    if (base.listing.get(path) !== row.blob) writes.set(path, content);
  };
  addCommon(ATTRIBUTES_PATH, ATTRIBUTES_TEXT);
  addCommon(KUSTOMIZATION_PATH, kustomizationText([...rows.keys()].filter((path) => path.startsWith("applications/"))));
  const digest = revisionDigest([...rows.values()]);
  addCommon(REVISION_PATH, revisionText(digest, options.namespace));
  const inventory = formatInventory(
    {
      owner: options.runtimeID,
      sealKey: sealKeyID(options.sealKey),
      formerSealKeys: owned.formerSealKeys,
      files: [...rows.values()],
    },
    options.sealKey,
  );
  if (base.listing.get(INVENTORY_PATH) !== base.blobID(inventory)) writes.set(INVENTORY_PATH, inventory);

  const deletes = owned.files.map(({ path }) => path).filter((path) => !rows.has(path) && base.listing.has(path));
  const touched = new Set([...writes.keys(), ...deletes].map(nameOf));
  const names = [...publishedNames];
  return {
    writes,
    deletes: deletes.sort(),
    created: names.filter((name) => !committed.has(name)).sort(),
    updated: names.filter((name) => committed.has(name) && touched.has(name)).sort(),
    unchanged: names.filter((name) => committed.has(name) && !touched.has(name)).sort(),
    deleted: [...due].sort(),
    held: [...decision.held, ...waiting].sort(byNameOrder),
    setAside,
    degraded: options.degraded.filter(({ id }) => publishedIDs.has(id)),
    digest,
    committedDigest: owned.files.length === 0 ? null : revisionDigest(owned.files),
    missing: decision.missing,
  };
}

const foreignFile = ({ application: { name, id } }: SealedApplication): SetAside => ({
  name,
  id,
  reason: "ForeignFile",
  message: `applications/${name} in git.path holds a file that this agent did not write; move it away`,
});

/** Rows of Applications by their folder's name. */
function byName(files: readonly InventoryFile[]): Map<string, InventoryFile[]> {
  const groups = new Map<string, InventoryFile[]>();
  for (const file of files) {
    const name = nameOf(file.path);
    if (name === null) continue;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [file]);
    else group.push(file);
  }
  return groups;
}

/**
 * Ids of those whose name is that of a folder which has to stay: of an Application set aside, or of one that waits
 * itself. Adds up until nothing changes, since who waits keeps its own folder.
 */
function waitingBehind(
  wanted: ReadonlyMap<string, SealedApplication>,
  owners: ReadonlyMap<string, string>,
  kept: ReadonlySet<string>,
): Set<string> {
  const waiting = new Set<string>();
  for (let before = -1; before !== waiting.size; ) {
    before = waiting.size;
    for (const [name, { application }] of wanted) {
      const owner = owners.get(name);
      if (owner === undefined || owner === application.id) continue;
      if (kept.has(owner) || waiting.has(owner)) waiting.add(application.id);
    }
  }
  return waiting;
}

/**
 * Those whose Secrets do not stand under the same name in a folder that stays, since one object twice would stop every
 * consumer: the names of Secrets are cut, so an old name's and a new one's can be equal. Who waits keeps its own folder,
 * so it is asked again until nothing changes.
 */
function withoutClashes(
  ready: readonly SealedApplication[],
  staying: (published: ReadonlySet<SealedApplication>) => readonly InventoryFile[],
): ReadonlySet<SealedApplication> {
  for (let published = new Set(ready); ; ) {
    const taken = Map.groupBy(staying(published), ({ path }) => objectOf(path));
    const clear = [...published].filter(({ application: { name, secrets } }) => {
      // By the names that hold a bundle's id: what else a template gives may stand in a namespace of its own.
      const others = secrets.flatMap((secret) => taken.get(`secrets/${secret.name}.yaml`) ?? []);
      return others.every(({ path }) => nameOf(path) === name);
    });
    if (clear.length === published.size) return published;
    published = new Set(clear);
  }
}

/** A path within its Application's folder: kind and name. */
const objectOf = (path: string) => path.replace(/^applications\/[^/]+\//, "");

const nameOf = (path: string) => /^applications\/([^/]+)\//.exec(path)?.[1] ?? null;

const byNameOrder = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
