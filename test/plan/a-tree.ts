/** Reads a tree as a consumer would, and says what does not fit together in it. */

import { createHash } from "node:crypto";
import { parse } from "yaml";
import { INVENTORY_PATH, readInventory } from "../../src/base/index.js";
import { blobID, type Tree } from "../builders.js";

const sha256 = (bytes: Buffer | string) => createHash("sha256").update(bytes).digest("hex");

/** Everything wrong with a tree that the agent wrote; `foreign` are files in it that are not the agent's. */
export function faults(tree: Tree, sealKey: Buffer, foreign: readonly string[] = []): string[] {
  const found: string[] = [];
  const ours = [...tree.keys()].filter((path) => path !== INVENTORY_PATH && !foreign.includes(path)).sort();

  const reading = readInventory(tree.get(INVENTORY_PATH) ?? Buffer.alloc(0), sealKey);
  if (reading.state !== "verified") return ["the inventory does not verify"];
  const listed = reading.inventory.files;
  const rows = listed.filter(({ absent }) => absent !== true);
  // What a person removed, and what is left at that, is listed but is not there.
  if (listed.some(({ path, absent }) => absent === true && tree.has(path)))
    found.push("a file that is there is absent");
  if (rows.map(({ path }) => path).join() !== ours.join()) found.push("the inventory lists other files than there are");
  for (const { path, blob, sha256: digest } of rows) {
    const bytes = tree.get(path) ?? Buffer.alloc(0);
    if (blob !== blobID(bytes) || digest !== sha256(bytes)) found.push(`the inventory has other bytes of ${path}`);
  }

  const text = (path: string) => (tree.get(path) ?? Buffer.alloc(0)).toString("utf8");
  const resources = (parse(text("kustomization.yaml")) as { resources: string[] }).resources;
  const wanted = [...ours.filter((path) => path.startsWith("applications/")), "revision.yaml"].sort();
  if (resources.join() !== wanted.join()) found.push("the kustomization lists other files than there are");

  const lines = ours.filter((path) => path !== "revision.yaml").map((path) => `${path}\0${sha256(text(path))}\n`);
  const digest = `sha256:${sha256(lines.join(""))}`;
  const revision = parse(text("revision.yaml")) as { data: { digest: string } };
  if (revision.data.digest !== digest) found.push("the revision has another digest");

  // What kustomize refuses: one object twice.
  const objects = ours
    .filter((path) => path.startsWith("applications/"))
    .map((path) => parse(text(path)) as { kind: string; metadata: { name: string; namespace?: string } })
    .map(({ kind, metadata }) => `${kind} ${metadata.namespace} ${metadata.name}`);
  if (new Set(objects).size !== objects.length) found.push("an object stands in it twice");
  return found;
}
