/** What a cycle will do to Git: writes, deletes and holds, each with its reason. Pure. */

import {
  APPROVE_PATH,
  applicationOf,
  applicationPath,
  type Drift,
  formatInventory,
  INVENTORY_LIMIT,
  INVENTORY_PATH,
  type Inventory,
  type InventoryFile,
  isSecretPath,
  overForeign,
  sealKeyID,
  secretNameOf,
  treeDigest,
} from "../base/index.js";
import { Failure } from "../common/failure.js";
import { sha256 } from "../common/sha256.js";
import type { Degraded, SetAside } from "../model/index.js";
import {
  ATTRIBUTES_PATH,
  ATTRIBUTES_TEXT,
  CANARY_PATH,
  KUSTOMIZATION_PATH,
  kustomizationText,
  REVISION_PATH,
  revisionText,
  SOPS_CONFIG_PATH,
} from "../render/index.js";
import type { ClusterManifest, SealedApplication, SealedFile, SealedFor, WaitingFile } from "../seal/index.js";
import type { DeletionRecord, HeldSet, Memory, PublishedApplication } from "../state/index.js";
import type { ApprovalState } from "./approval.js";
import type { Decision, Hold } from "./decision.js";
import { committedCounts, ofTheDay } from "./deletion.js";
import type { DestinationChange } from "./destination.js";
import { revisionDigest } from "./digest.js";
import { isHeldBack, type Reencryption, reencryptionOf } from "./reencryption.js";
import { type Settlement, type SettleOptions, settle } from "./settle.js";

export interface Plan {
  /** Bytes by path, relative to `git.path`; only what differs from the base. */
  readonly writes: ReadonlyMap<string, Buffer>;
  readonly deletes: readonly string[];
  /** All of the tree that the plan leads to, by path. */
  readonly rows: ReadonlyMap<string, InventoryFile>;
  /** Secrets that stand in the cluster and not in Git: all that are to be there, and those that go. */
  readonly cluster: ClusterChanges;
  /** Names, sorted. */
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly deleted: readonly string[];
  readonly unchanged: readonly string[];
  /** Names of which the committed owner is gone and another Application goes on under it. */
  readonly replaced: readonly { readonly name: string; readonly id: string; readonly formerID: string }[];
  /** Paths of files that somebody changed or removed, and that are written as they were. */
  readonly overwritten: readonly string[];
  readonly destinationChanges: readonly (DestinationChange & { readonly isHeld: boolean })[];
  readonly held: readonly Hold[];
  readonly setAside: readonly SetAside[];
  readonly degraded: readonly Degraded[];
  /** Of Secrets that are sealed for others than those configured; null when there is none. */
  readonly reencryption: Reencryption | null;
  /** Of the tree that the plan leads to. */
  readonly digest: string;
  /** Of the tree as it is; null when nothing of ours is there. */
  readonly committedDigest: string | null;
  readonly decision: Decision;
  /** What may be approved; null when nothing is held, or what was held passes. */
  readonly approval: ApprovalState | null;
  /** The hash that was approved and made use of; null for none. */
  readonly usedApproval: string | null;
  /** For the memory: what is held, to be known again. */
  readonly hold: HeldSet | null;
  /** For the memory, once it is published: what Git then holds by our hand. Empty digests for what is deleted. */
  readonly published: Readonly<Record<string, PublishedApplication>>;
  /** Likewise: ids of Applications that stand there beside these, by name. */
  readonly others: Readonly<Record<string, string>>;
  /** That the plan leads to: for the memory. */
  readonly inventory: Pick<Inventory, "serial" | "deletions">;
  /** All files of the tree that the plan leads to, by which it is known again in the cluster. */
  readonly files: readonly InventoryFile[];
  /** Likewise of the tree as it is. */
  readonly committedFiles: readonly InventoryFile[];
  /** Of the inventory of the tree as it is; 0 where there is none to be trusted. */
  readonly committedSerial: number;
  /** False: the inventory was rebuilt, and nothing is deleted. */
  readonly isTrusted: boolean;
  /** When it was made. */
  readonly at: Date;
}

export interface ClusterChanges {
  readonly apply: readonly OwnedManifest[];
  readonly remove: readonly ClusterPlace[];
  /** Secrets that stand in Git from now on: whoever applies them from there may also take them away again. */
  readonly release: readonly ClusterPlace[];
}

/** With the Application that it belongs to. */
export interface OwnedManifest extends ClusterManifest {
  readonly owner: { readonly id: string; readonly name: string };
}

export interface ClusterPlace {
  readonly namespace: string;
  readonly name: string;
}

/** As one word, by which places are compared and told. */
export const placeOf = ({ namespace, name }: ClusterPlace): string => `${namespace}/${name}`;

export interface PlanOptions extends SettleOptions {
  readonly drift: Drift;
  readonly runtimeID: string;
  readonly tenant: string | null;
  readonly sealKey: Buffer;
  readonly degraded: readonly Degraded[];
  /** The canary to be written (sealed over `plannedDigest`); "unsealed" before that. @default none is wanted */
  readonly canary?: SealedFile | "unsealed";
  readonly sealedFor: SealedFor;
  /** Secrets sealed for others, of which the values are known. */
  readonly waiting: readonly WaitingFile[];
  /** Paths of those that are sealed anew in this cycle. @default none */
  readonly batch?: ReadonlySet<string>;
  /** Text of further files that belong to no Application, by path; null for what is not to be there. @default none */
  readonly common?: ReadonlyMap<string, string | null>;
  /** Readable Secrets are what the user asked for. @default false */
  readonly readable?: boolean;
  /** Namespace of the revision ConfigMap. */
  readonly namespace: string;
  /** What is remembered of earlier commits. */
  readonly remembered: Pick<Memory["published"], "serial" | "deletions">;
  readonly now: Date;
}

/** Says what to do to the base; nothing is done yet. */
export function makePlan(options: PlanOptions): Plan {
  const { base, owned, folders, decision, drift } = options;
  const settled = settle(options);
  const { published, staying } = settled;
  const tree = assembleAll(settled, options);
  const gone = owned.files.map(({ path }) => path).filter((path) => !tree.rows.has(path) && base.listing.has(path));
  const isInGit = (path: string) => base.listing.has(path) && !base.inCluster.has(path);
  const moved = [...tree.rows.values()].flatMap(({ path, cluster }) => (cluster !== undefined ? path : []));
  const approval = outcomeOfApproval(settled, tree.rows, options);
  const used = approval.used !== null && base.listing.has(APPROVE_PATH) ? [APPROVE_PATH] : [];

  const touched = new Set([...tree.writes.keys(), ...tree.applied, ...gone].map(applicationOf));
  const names = published.map(({ application }) => application.name).sort();
  const ids = new Set(published.map(({ application }) => application.id));
  const deleted = settled.due.map(({ name }) => name);
  const stays = new Set(staying.map(({ path }) => path));
  return {
    writes: tree.writes,
    rows: tree.rows,
    deletes: [...gone.filter(isInGit), ...moved.filter(isInGit), ...used].sort(),
    cluster: clusterChanges(published, tree.rows, options),
    created: names.filter((name) => !folders.has(name)),
    updated: names.filter((name) => folders.has(name) && touched.has(name)),
    unchanged: names.filter((name) => folders.has(name) && !touched.has(name)),
    deleted,
    replaced: replacedBy(published, options),
    overwritten: [...drift.files.keys()]
      // What a person made of it may be what Compass says by now.
      .filter((path) => tree.writes.has(path) && !stays.has(path))
      .filter((path) => applicationOf(path) !== null || !owned.isMixed)
      .sort(),
    destinationChanges: decision.destinationChanges.flatMap((change) => {
      const isHeld = settled.held.some(({ name, reason }) => name === change.name && reason === "DestinationChanged");
      return isHeld || ids.has(change.id) ? [{ ...change, isHeld }] : [];
    }),
    held: settled.held,
    setAside: settled.setAside,
    degraded: options.degraded.filter(({ id }) => ids.has(id)),
    reencryption: reencryptionOf(tree.rows.values(), {
      ...options,
      batch: options.batch ?? new Set(),
      forgotten: forgottenOnes(tree.writes, options),
      readable: options.readable === true,
    }),
    digest: tree.digest,
    committedDigest: owned.files.length === 0 ? null : revisionDigest(owned.files),
    decision,
    approval: approval.state,
    usedApproval: approval.used,
    hold: approval.state?.hold ?? null,
    published: {
      ...Object.fromEntries(settled.due.map(({ name, id }) => [name, { id, intent: "", tree: "", manifest: "" }])),
      ...publishedEntries(published, tree.rows),
    },
    others: othersThan(published, tree.rows),
    inventory: tree.inventory,
    files: [...tree.rows.values()],
    committedFiles: owned.files,
    committedSerial: owned.trusted ? owned.serial : 0,
    isTrusted: owned.trusted,
    at: options.now,
  };
}

/** What `makePlan` will give as `digest`: what a canary tells must be known before it is sealed. */
export const plannedDigest = (options: PlanOptions): string => assemble(settle(options), options).digest;

/** What is published with values that are known; and of what the inventory knows, what is not to be there any more. */
function clusterChanges(
  published: readonly SealedApplication[],
  rows: ReadonlyMap<string, InventoryFile>,
  { owned, base }: PlanOptions,
): ClusterChanges {
  const apply = published.flatMap(({ application: { id, name }, files }) =>
    files.flatMap(({ manifest }) => (manifest === undefined ? [] : [{ ...manifest, owner: { id, name } }])),
  );
  const isStaying = standingIn(rows.values());
  const remove = owned.files.flatMap(({ path, cluster }) => {
    const name = secretNameOf(path);
    const isGone = cluster !== undefined && base.inCluster.has(path) && !isStaying({ namespace: cluster, name });
    return isGone ? [{ namespace: cluster, name }] : [];
  });
  const release = owned.files.flatMap(({ path, cluster }) => {
    const now = rows.get(path);
    const isInGit = cluster !== undefined && now !== undefined && now.cluster === undefined;
    return isInGit ? [{ namespace: cluster, name: secretNameOf(path) }] : [];
  });
  return { apply, remove, release };
}

/**
 * True for the place of a Secret of these rows. Under another path it is the same one, as when its Application has another
 * name and is cut alike; in another namespace it is another one. A file does not tell where it is applied to: by its name
 * it stands anywhere.
 */
export function standingIn(rows: Iterable<InventoryFile>): (place: ClusterPlace) => boolean {
  const places = new Set(
    [...rows].map(({ path, cluster = "" }) => placeOf({ namespace: cluster, name: secretNameOf(path) })),
  );
  return ({ namespace, name }) =>
    places.has(placeOf({ namespace, name })) || places.has(placeOf({ namespace: "", name }));
}

/** Secrets that are written though Git has them, since a rebuilt inventory tells nothing of their values. */
function forgottenOnes(writes: ReadonlyMap<string, unknown>, { owned }: PlanOptions): ReadonlySet<string> {
  const unknown = owned.trusted
    ? []
    : owned.files.filter(({ path, fingerprint }) => isSecretPath(path) && fingerprint === undefined);
  return new Set(unknown.map(({ path }) => path).filter((path) => writes.has(path)));
}

/** An approval is used up when something passes by it, and void when a second look contradicts it. */
function outcomeOfApproval(
  { due, published }: Settlement,
  rows: ReadonlyMap<string, InventoryFile>,
  { decision }: PlanOptions,
): { readonly state: ApprovalState | null; readonly used: string | null } {
  const { approval, passing, isRefuted } = decision;
  if (isRefuted) return { state: null, used: null };
  const written = new Set(published.map(({ application }) => application.name));
  const hasPassed = passing.some(({ name, secret, reason }) => {
    if (reason === "DestinationChanged") return written.has(name);
    return secret === null ? due.some((each) => each.name === name) : !rows.has(secret);
  });
  return hasPassed ? { state: null, used: approval?.hold.hash ?? null } : { state: approval, used: null };
}

/** Whose name another Application had that is not listed any more. */
function replacedBy(published: readonly SealedApplication[], { folders, decision }: PlanOptions): Plan["replaced"] {
  const { listed } = decision;
  return published
    .flatMap(({ application: { name, id } }) => {
      const formerID = folders.get(name)?.id ?? "";
      return formerID === "" || formerID === id || listed.has(formerID) ? [] : [{ name, id, formerID }];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function publishedEntries(
  published: readonly SealedApplication[],
  rows: ReadonlyMap<string, InventoryFile>,
): Record<string, PublishedApplication> {
  const own = Map.groupBy(rows.values(), ({ path }) => applicationOf(path));
  const entries = published.flatMap(({ application: { name, id, intent } }): [string, PublishedApplication][] => {
    const files = (own.get(name) ?? []).map(({ path, blob }) => [path, blob] as const);
    const [, manifest = ""] = files.find(([path]) => path === applicationPath(name)) ?? [];
    return intent === null ? [] : [[name, { id, intent, tree: treeDigest(files), manifest }]];
  });
  return Object.fromEntries(entries);
}

/** Ids of Applications whose files stay as they are, by name. */
function othersThan(
  published: readonly SealedApplication[],
  rows: ReadonlyMap<string, InventoryFile>,
): Record<string, string> {
  const written = new Set(published.map(({ application }) => application.name));
  const there = [...rows.values()].filter(({ absent }) => absent !== true);
  const folders = Map.groupBy(there, ({ path }) => applicationOf(path));
  return Object.fromEntries(
    [...folders].flatMap(([name, own]): [string, string][] =>
      name === null || written.has(name) ? [] : [[name, own.find(({ id }) => id !== null)?.id ?? ""]],
    ),
  );
}

interface Files {
  readonly rows: Map<string, InventoryFile>;
  readonly writes: Map<string, Buffer>;
  /** Paths of Secrets that are new or changed in the cluster. */
  readonly applied: readonly string[];
  readonly digest: string;
}

/** Files of no Application that are there only as long as they are asked for. */
const OPTIONAL: ReadonlySet<string> = new Set([CANARY_PATH, SOPS_CONFIG_PATH]);

/** Blob ids kept of what stood in a place before. */
const FORMER = 5;

/** The tree that is to be with its inventory. */
function assembleAll(settled: Settlement, options: PlanOptions): Files & { readonly inventory: Inventory } {
  const files = assemble(settled, options);
  const { inventory, bytes } = inventoryOf(files.rows, settled, options);
  if (bytes !== null) files.writes.set(INVENTORY_PATH, bytes);
  return { ...files, inventory };
}

/** What stays, what is published, and the files over all of it, which always fit. */
function assemble(settled: Settlement, options: PlanOptions): Files {
  const { base, owned, drift, namespace, canary } = options;
  const rows = new Map<string, InventoryFile>();
  const writes = new Map<string, Buffer>();
  const applied: string[] = [];
  const before = new Map(owned.files.map((row) => [row.path, row]));
  const add = (row: InventoryFile, content: Buffer | null) => {
    rows.set(row.path, content === null ? row : withFormer(row, before.get(row.path)));
    if (content === null || base.listing.get(row.path) === row.blob) return;
    if (row.cluster === undefined) writes.set(row.path, content);
    else applied.push(row.path);
  };
  const addCommon = (path: string, text: string) => {
    const content = Buffer.from(text);
    const blob = base.blobID(content);
    const isOptional = options.common?.has(path) === true && base.listing.get(path) !== blob;
    if (isOptional && overForeign(base, new Set(before.keys()))(path)) throw foreign(path);
    rows.set(path, { path, id: null, blob, sha256: sha256(content) });
    if (base.listing.get(path) !== blob) writes.set(path, content);
  };

  for (const row of settled.staying) add(asItStands(row, drift), null);
  // Beside rows that were rebuilt nothing goes, not even what nobody wants any more.
  const lasting = owned.trusted ? [] : owned.files.filter(({ path }) => OPTIONAL.has(path) && base.listing.has(path));
  for (const row of lasting) add(asItStands(row, drift), null);
  for (const row of absentRows(settled, options)) add(row, null);
  for (const { row, content } of settled.published.flatMap(({ files }) => files)) add(row, content);
  addCommon(ATTRIBUTES_PATH, ATTRIBUTES_TEXT);
  for (const [path, text] of options.common ?? []) {
    const standing = before.get(path);
    if (!isHeldBack(options)) {
      if (text !== null) addCommon(path, text);
    } else if (standing !== undefined && base.listing.has(path)) rows.set(path, asItStands(standing, drift));
  }
  const there = () => [...rows.values()].filter(({ absent }) => absent !== true);
  const manifests = there()
    .filter(({ cluster }) => cluster === undefined)
    .map(({ path }) => path)
    .filter((path) => applicationOf(path) !== null);
  const hasCanary = canary !== undefined || rows.has(CANARY_PATH);
  addCommon(KUSTOMIZATION_PATH, kustomizationText(hasCanary ? [...manifests, CANARY_PATH] : manifests));
  const digest = revisionDigest(there());
  addCommon(REVISION_PATH, revisionText(digest, namespace));
  if (canary !== undefined && canary !== "unsealed") add(canary.row, canary.content);
  return { rows, writes, applied, digest };
}

/**
 * The inventory of these files: the one that is there when it says the same, without bytes to write; else the next one.
 * Its serial is higher than every one before, also than those that a person took back.
 */
function inventoryOf(
  rows: ReadonlyMap<string, InventoryFile>,
  settled: Settlement,
  options: PlanOptions,
): { readonly inventory: Inventory; readonly bytes: Buffer | null } {
  const { base, owned, runtimeID, tenant, sealKey, remembered, now } = options;
  const common = {
    owner: runtimeID,
    tenant: tenant ?? owned.tenant,
    sealKey: sealKeyID(sealKey),
    formerSealKeys: owned.formerSealKeys,
    files: [...rows.values()],
  };
  const standing = { ...common, serial: owned.serial, deletions: owned.deletions };
  const isThere = base.listing.get(INVENTORY_PATH) === base.blobID(formatInventory(standing, sealKey));
  if (isThere) return { inventory: standing, bytes: null };
  const before = ofTheDay(owned.deletions, remembered.deletions, now);
  // Also than those of the records, which outlast an inventory that cannot be read and a memory that is lost.
  const serial = Math.max(owned.serial, remembered.serial, ...before.map((record) => record.serial)) + 1;
  const deletions = [...before, ...recordOf(serial, rows, settled, options)];
  const inventory = { ...common, serial, deletions };
  const bytes = formatInventory(inventory, sealKey);
  // It could not be read back, and no later cycle could go on from it.
  if (bytes.length > INVENTORY_LIMIT) throw tooLarge(rows.size);
  return { inventory, bytes };
}

const tooLarge = (files: number) =>
  new Failure(`the inventory of ${files} files would be larger than 64 MiB, the most that is read back`, {
    code: "InventoryUnusable",
    stage: "plan",
    hint: "Nothing was written. Shorten the addresses of token endpoints in Compass, which it holds; or spread the Applications over more runtimes.",
  });

/** What goes with this commit by the agent's own decision. */
function recordOf(
  serial: number,
  rows: ReadonlyMap<string, InventoryFile>,
  { due }: Settlement,
  { folders, decision, now }: PlanOptions,
): DeletionRecord[] {
  const own = decision.due.filter(({ isApproved }) => !isApproved);
  const applications = due.filter(({ isApproved }) => !isApproved).length;
  const secrets = own.filter(({ secret }) => secret !== null && !rows.has(secret)).length;
  if (applications + secrets === 0) return [];
  const of = committedCounts(folders);
  const at = now.toISOString();
  return [{ serial, at, applications, secrets, ofApplications: of.applications, ofSecrets: of.secrets }];
}

/** A row of a file that stays, whoever's bytes they are; it says what the agent wrote there, too. */
function asItStands(row: InventoryFile, { files }: Drift): InventoryFile {
  const { absent: _absent, ...there } = row;
  const drifted = files.get(row.path);
  if (drifted === undefined || drifted.now === null) return there;
  return { ...there, ...drifted.now, written: row.written ?? row.blob };
}

/**
 * Files that a person removed, or put something in the place of, of an Application that is not written in this cycle though
 * Compass lists it. Forgotten, they would come back where they are to stay away, and be nobody's when they are brought back.
 */
function absentRows({ published, due }: Settlement, { base, owned, decision }: PlanOptions): InventoryFile[] {
  const written = new Set(published.flatMap(({ application: { id, name } }) => [id, name]));
  const gone = new Set(due.map(({ name }) => name));
  const isKept = ({ path, id }: InventoryFile) => {
    const name = applicationOf(path) ?? "";
    if (decision.leftAlone.has(name)) return true;
    return id !== null && decision.listed.has(id) && !written.has(id) && !written.has(name) && !gone.has(name);
  };
  return owned.files
    .filter((row) => !base.listing.has(row.path) && isKept(row))
    .map((row) => ({ ...row, absent: true }));
}

/** The row of a file that is written, with what the agent wrote there before. */
function withFormer(row: InventoryFile, before: InventoryFile | undefined): InventoryFile {
  if (before === undefined) return row;
  // What was sealed for others, or not at all, leaves no digest behind: of a readable file it would let people try values.
  if (isSecretPath(row.path) && before.sealing !== row.sealing) return row;
  const latest = before.written ?? before.blob;
  const former = [latest, ...(before.former ?? [])].filter((blob) => blob !== row.blob);
  return former.length === 0 ? row : { ...row, former: [...new Set(former)].slice(0, FORMER) };
}

const foreign = (path: string) =>
  new Failure(`"${path}" in git.path was not written by the agent, which would put its own there`, {
    code: "BaseUnusable",
    stage: "plan",
    hint: "Move it away, or set secrets.sops.configFile to false.",
  });
