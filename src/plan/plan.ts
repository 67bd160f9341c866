/** What a cycle will do to Git: writes, deletes and holds, each with its reason. Pure. */

import { createHash } from "node:crypto";
import { formatInventory, INVENTORY_PATH, type InventoryFile, sealKeyID } from "../base/index.js";
import type { Degraded, SetAside } from "../model/index.js";
import {
  ATTRIBUTES_PATH,
  ATTRIBUTES_TEXT,
  KUSTOMIZATION_PATH,
  kustomizationText,
  REVISION_PATH,
  revisionText,
} from "../render/index.js";
import type { SealedApplication } from "../seal/index.js";
import type { Missing } from "../state/index.js";
import type { Hold } from "./deletion.js";
import { revisionDigest } from "./digest.js";
import { applicationOf, type SettleOptions, settle } from "./settle.js";

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

export interface PlanOptions extends SettleOptions {
  readonly runtimeID: string;
  readonly sealKey: Buffer;
  readonly degraded: readonly Degraded[];
  /** Namespace of the revision ConfigMap. */
  readonly namespace: string;
}

/** Says what to do to the base; nothing is done yet. */
export function makePlan(options: PlanOptions): Plan {
  const { base, owned } = options;
  const settled = settle(options);
  const { committed, published, staying } = settled;
  const tree = assemble(published, staying, options);
  const deletes = owned.files.map(({ path }) => path).filter((path) => !tree.rows.has(path) && base.listing.has(path));

  const touched = new Set([...tree.writes.keys(), ...deletes].map(applicationOf));
  const names = published.map(({ application }) => application.name).sort();
  const ids = new Set(published.map(({ application }) => application.id));
  return {
    writes: tree.writes,
    deletes: deletes.sort(),
    created: names.filter((name) => !committed.has(name)),
    updated: names.filter((name) => committed.has(name) && touched.has(name)),
    unchanged: names.filter((name) => committed.has(name) && !touched.has(name)),
    deleted: settled.due,
    held: settled.held,
    setAside: settled.setAside,
    degraded: options.degraded.filter(({ id }) => ids.has(id)),
    digest: tree.digest,
    committedDigest: owned.files.length === 0 ? null : revisionDigest(owned.files),
    missing: settled.missing,
  };
}

interface Tree {
  readonly rows: ReadonlyMap<string, InventoryFile>;
  readonly writes: ReadonlyMap<string, Buffer>;
  readonly digest: string;
}

/** The tree that is to be: what stays, what is published, and the files over all of it, which always fit. */
function assemble(
  published: readonly SealedApplication[],
  staying: readonly InventoryFile[],
  { base, owned, runtimeID, sealKey, namespace }: PlanOptions,
): Tree {
  const rows = new Map<string, InventoryFile>();
  const writes = new Map<string, Buffer>();
  const add = (row: InventoryFile, content: Buffer | null) => {
    rows.set(row.path, row);
    if (content !== null && base.listing.get(row.path) !== row.blob) writes.set(row.path, content);
  };
  const addCommon = (path: string, text: string) => {
    const content = Buffer.from(text);
    const sha256 = createHash("sha256").update(content).digest("hex");
    add({ path, id: null, blob: base.blobID(content), sha256 }, content);
  };

  const names = new Set<string | null>(published.map(({ application }) => application.name));
  for (const row of staying) {
    // Left behind but not to be deleted: nobody's, so that no later cycle takes it for a part of the Application.
    add(names.has(applicationOf(row.path)) ? { ...row, id: null } : row, null);
  }
  for (const { row, content } of published.flatMap(({ files }) => files)) add(row, content);
  addCommon(ATTRIBUTES_PATH, ATTRIBUTES_TEXT);
  addCommon(KUSTOMIZATION_PATH, kustomizationText([...rows.keys()].filter((path) => applicationOf(path) !== null)));
  const digest = revisionDigest([...rows.values()]);
  addCommon(REVISION_PATH, revisionText(digest, namespace));

  const { formerSealKeys } = owned;
  const files = [...rows.values()];
  const inventory = formatInventory({ owner: runtimeID, sealKey: sealKeyID(sealKey), formerSealKeys, files }, sealKey);
  if (base.listing.get(INVENTORY_PATH) !== base.blobID(inventory)) writes.set(INVENTORY_PATH, inventory);
  return { rows, writes, digest };
}
