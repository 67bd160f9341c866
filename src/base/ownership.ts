/** Which files of the base are ours: what the verified inventory says, and what is done when it cannot be trusted. */

import { createHash } from "node:crypto";
import { parseYaml } from "../adapters/yaml/index.js";
import { Failure } from "../common/failure.js";
import { type InventoryFile, isInLayout, sealKeyID } from "./inventory.js";
import type { Base } from "./open.js";

export interface Ownership {
  readonly files: readonly InventoryFile[];
  /** Ids of seal keys in use before, named on in the next inventory. */
  readonly formerSealKeys: readonly string[];
  /** False: the rows were rebuilt from the tree, and nothing is deleted in this cycle. */
  readonly trusted: boolean;
  /** What the user is told about it; null when all is well. */
  readonly note: string | null;
}

/**
 * Throws `TwoAgents` when the path belongs to another runtime or another agent took it over from this one, `InventoryUnusable` when it does not say whom, and
 * `BaseUnusable` when somebody else's kustomization stands there: nothing is written over those.
 */
export async function ownedFiles(base: Base, runtimeID: string, sealKey: Buffer): Promise<Ownership> {
  const { inventory } = base;
  const nothing = { files: [], formerSealKeys: [], trusted: true, note: null };
  switch (inventory.state) {
    case "absent": {
      const foreign = ["kustomization.yaml", "revision.yaml"].find((path) => base.listing.has(path));
      if (foreign === undefined) return nothing;
      throw new Failure(`git.path holds a ${foreign} that this agent did not write`, {
        code: "BaseUnusable",
        stage: "base",
        hint: "Name an empty folder in git.path; or, if the agent's inventory was removed, restore .runtime-agent/inventory.json from history.",
      });
    }
    case "verified": {
      const { owner, files, formerSealKeys } = inventory.inventory;
      if (owner !== runtimeID) throw twoAgents();
      return { files, formerSealKeys, trusted: true, note: null };
    }
    case "unverified": {
      if (inventory.owner !== null && inventory.owner !== runtimeID) throw twoAgents();
      if (inventory.owner === null) {
        throw new Failure(`the inventory in git.path cannot be used: ${inventory.reason}`, {
          code: "InventoryUnusable",
          stage: "base",
          hint: "Restore .runtime-agent/inventory.json from history; nothing is written before.",
        });
      }
      // Somebody else took over from us, with a key of their own: two that do so in turn would never come to rest.
      const [current, ...former] = inventory.sealKeys;
      if (former.includes(sealKeyID(sealKey))) throw twoStates();
      const formerSealKeys = current === undefined ? former : [...new Set([current, ...former])].slice(0, FORMER_KEYS);
      const note = `the inventory is rebuilt from the files, since ${inventory.reason}; nothing is deleted in this cycle`;
      return { files: await rebuild(base), formerSealKeys, trusted: false, note };
    }
  }
}

/** Rows for every file in our layout, as far as the tree tells: whose they are, but not what they were made from. */
async function rebuild(base: Base): Promise<InventoryFile[]> {
  const rows: InventoryFile[] = [];
  const owners = new Map<string | null, string | null>();
  const paths = [...base.listing.keys()].filter(isInLayout).sort();
  const contents = await base.readAll(paths);
  for (const path of paths.filter((path) => path.endsWith("/application.yaml"))) {
    owners.set(folderOf(path), applicationID(contents.get(path) ?? Buffer.alloc(0)));
  }
  for (const path of paths) {
    const bytes = contents.get(path) ?? Buffer.alloc(0);
    const id = owners.get(folderOf(path)) ?? null;
    const blob = base.listing.get(path) ?? "";
    rows.push({ path, id, blob, sha256: createHash("sha256").update(bytes).digest("hex") });
  }
  return rows;
}

const folderOf = (path: string) => /^applications\/[^/]+\//.exec(path)?.[0] ?? null;

function applicationID(bytes: Buffer): string | null {
  try {
    const options = { file: "application.yaml", stage: "base", code: "InventoryUnusable" } as const;
    const object = parseYaml(bytes.toString("utf8"), options) as {
      spec?: { compassMetadata?: { applicationId?: unknown } };
    } | null;
    const id = object?.spec?.compassMetadata?.applicationId;
    return typeof id === "string" ? id : null;
  } catch {
    // A person's half-finished edit: it stays ours by its place, of unknown owner.
    return null;
  }
}

/** Former seal keys that an inventory names; older ones are forgotten. */
const FORMER_KEYS = 100;

const twoStates = () =>
  new Failure("another agent of this runtime, with a state of its own, has taken git.path over", {
    code: "TwoAgents",
    stage: "base",
    hint: "Stop one of the two. If this state was restored from an old backup, remove its seal.key: a new one takes over.",
  });

const twoAgents = () =>
  new Failure("git.path belongs to the agent of another runtime", {
    code: "TwoAgents",
    stage: "base",
    hint: "Give each runtime a git.path of its own, and check runtime.id.",
  });
