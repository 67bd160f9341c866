/** Whether what lies under `git.path` agrees with itself: inventory, files, kustomization, digest. Pure. */

import { parseYaml } from "../adapters/yaml/index.js";
import {
  applicationOf,
  formatInventory,
  INVENTORY_PATH,
  type Inventory,
  inventoryAsItStands,
  isInLayout,
  readInventory,
} from "../base/index.js";
import { forTerminal } from "../common/quote.js";
import { revisionDigest } from "../plan/index.js";
import { CANARY_PATH, KUSTOMIZATION_PATH, kustomizationText, REVISION_PATH, revisionText } from "../render/index.js";
import type { Fault } from "./finding.js";
import { fieldsOf } from "./rules.js";

export interface CommittedTree {
  /** Path relative to `git.path` → blob id, of regular files. */
  readonly listing: ReadonlyMap<string, string>;
  /**
   * Paths that the agent's commit changes: what stood there unlisted before is somebody else's. Null for anybody else's
   * commit, which may leave nothing, and need not keep to the agent's form.
   */
  readonly changed: ReadonlySet<string> | null;
  /** SHA-256 by blob id, of every listed file. */
  readonly sha256: ReadonlyMap<string, string>;
  /** Digests that the Applications among `changed` carry; null for one that is not right. */
  readonly carried: ReadonlyMap<string, string | null>;
  /** Bytes of inventory, kustomization and revision, as far as they are there. */
  readonly common: ReadonlyMap<string, Buffer>;
}

export interface TreeRules {
  /** Null: not configured here, so that any will do. */
  readonly runtimeID: string | null;
  /** Null: the inventory's code cannot be checked. */
  readonly sealKey: Buffer | null;
}

export interface TreeVerdict {
  readonly faults: readonly Fault[];
  /** What the files add up to; null where that cannot be said. */
  readonly digest: string | null;
}

/** Faults that one commit is told of; the rest is of the same kind. */
const TOLD = 20;

export function checkTree(tree: CommittedTree, { runtimeID, sealKey }: TreeRules): TreeVerdict {
  const bytes = tree.common.get(INVENTORY_PATH);
  if (bytes === undefined) {
    const some = tree.changed !== null || [...tree.listing.keys()].some((path) => isInLayout(path));
    // What is missing beside it is told as well: a folder that is gone is not one file less.
    const others = tree.changed === null ? [] : [KUSTOMIZATION_PATH, REVISION_PATH];
    return {
      faults: some
        ? [
            fault(INVENTORY_PATH, "InventoryMissing", "is not there"),
            ...others.filter((path) => !tree.common.has(path)).map((path) => fault(path, codeOf(path), "is not there")),
          ]
        : [],
      digest: null,
    };
  }
  const inventory = inventoryAsItStands(bytes);
  if (inventory === null) {
    return { faults: [fault(INVENTORY_PATH, "InventoryUnreadable", "is no inventory of this version")], digest: null };
  }
  if (tree.changed !== null && !isCanonical(bytes, inventory)) {
    const message = "is not in the agent's form, in which nothing stands twice or beside";
    return { faults: [fault(INVENTORY_PATH, "InventoryUnreadable", message)], digest: null };
  }
  const forged = sealKey !== null && readInventory(bytes, sealKey).state !== "verified";
  const foreign = runtimeID !== null && inventory.owner !== runtimeID;
  const digest = revisionDigest(inventory.files);
  const faults = [
    ...(forged ? [fault(INVENTORY_PATH, "InventoryForged", "was not written with this seal key")] : []),
    ...(foreign ? [fault(INVENTORY_PATH, "ForeignOwner", "names another runtime as the owner")] : []),
    ...rowFaults(tree, inventory),
    ...kustomizationFaults(tree, inventory),
    ...revisionFaults(tree, digest),
  ];
  return { faults: faults.slice(0, TOLD), digest };
}

const codeOf = (path: string) => (path === REVISION_PATH ? "DigestDisagrees" : "KustomizationDisagrees");

const NO_KEY = Buffer.alloc(32);
const CODE = /"hmac": "[0-9a-f]{64}"/;

/** All but the code at the end, which another key makes otherwise. */
const isCanonical = (bytes: Buffer, inventory: Inventory) =>
  formatInventory(inventory, NO_KEY).toString("utf8").replace(CODE, "") === bytes.toString("utf8").replace(CODE, "");

const fault = (path: string, code: Fault["code"], message: string): Fault => ({ path, code, message });

function rowFaults({ listing, changed, sha256, carried }: CommittedTree, { files }: Inventory): Fault[] {
  const listed = new Set(files.map(({ path }) => path));
  const wrong = files.flatMap((row) => {
    const blob = listing.get(row.path);
    if (row.cluster !== undefined) {
      return blob === undefined || changed?.has(row.path) !== true
        ? []
        : [fault(row.path, "FileNotAsListed", "is there, though the inventory says that it stands in the cluster")];
    }
    if (row.absent === true) {
      return blob === undefined
        ? []
        : [fault(row.path, "FileNotAsListed", "is there, though the inventory says it is gone")];
    }
    if (blob === undefined) return [fault(row.path, "FileNotAsListed", "is in the inventory, but not there")];
    const isSame = blob === row.blob && sha256.get(blob) === row.sha256;
    if (!isSame) return [fault(row.path, "FileNotAsListed", "is another file than the inventory lists")];
    const digest = carried.get(row.path) ?? row.digest;
    return digest === row.digest
      ? []
      : [fault(row.path, "DigestDisagrees", "is listed with another digest than it carries")];
  });
  const unlisted = [...listing.keys()].filter(
    (path) => changed?.has(path) === true && isInLayout(path) && !listed.has(path),
  );
  return [...wrong, ...unlisted.map((path) => fault(path, "NotInInventory", "is not in the inventory"))];
}

function kustomizationFaults({ common, changed }: CommittedTree, { files }: Inventory): Fault[] {
  const wrong = (message: string) => [fault(KUSTOMIZATION_PATH, "KustomizationDisagrees", message)];
  const bytes = common.get(KUSTOMIZATION_PATH);
  if (bytes === undefined) return wrong("is not there");
  const manifests = files
    .filter(({ absent, cluster }) => absent !== true && cluster === undefined)
    .map(({ path }) => path)
    .filter((path) => applicationOf(path) !== null || path === CANARY_PATH);
  const text = kustomizationText(manifests);
  const expected = read(Buffer.from(text));
  const found = read(bytes);
  const beside = Object.keys(found ?? {}).find((key) => !(key in (expected ?? {})));
  // Patches, generators and components change what is applied as much as a file does.
  if (beside !== undefined) return wrong(`says more than which files there are: ${forTerminal(beside, 60)}`);
  const [here, there] = [resources(found), resources(expected)];
  const more = here.find((path) => !there.includes(path));
  if (more !== undefined) return wrong(`lists ${forTerminal(more, 200)}, which the inventory does not`);
  const less = there.find((path) => !here.includes(path));
  if (less !== undefined) return wrong(`does not list ${forTerminal(less, 200)}`);
  const isSame =
    changed === null ? JSON.stringify(found) === JSON.stringify(expected) : bytes.equals(Buffer.from(text));
  return isSame ? [] : wrong("is not what the agent writes");
}

function revisionFaults({ common, changed }: CommittedTree, digest: string): Fault[] {
  const wrong = (message: string) => [fault(REVISION_PATH, "DigestDisagrees", message)];
  const bytes = common.get(REVISION_PATH);
  if (bytes === undefined) return wrong("is not there");
  const { kind, data, metadata, ...rest } = read(bytes) ?? {};
  const beside = Object.keys(rest).find((key) => key !== "apiVersion");
  if (kind !== "ConfigMap" || beside !== undefined) return wrong("is not the ConfigMap that the agent writes");
  if (JSON.stringify(data) !== JSON.stringify({ digest })) return wrong("holds another digest than that of the files");
  const namespace = String(fieldsOf(metadata).namespace);
  const isOurs =
    /^[a-z0-9][-a-z0-9]{0,62}$/.test(namespace) && bytes.equals(Buffer.from(revisionText(digest, namespace)));
  return changed === null || isOurs ? [] : wrong("is not the ConfigMap that the agent writes");
}

const resources = (document: Record<string, unknown> | null): string[] =>
  Array.isArray(document?.resources) ? document.resources.map(String) : [];

function read(bytes: Buffer): Record<string, unknown> | null {
  try {
    const value = parseYaml(bytes.toString("utf8"), { file: "a common file", stage: "base", code: "BaseUnusable" });
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
