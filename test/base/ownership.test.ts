import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type Base, formatInventory, INVENTORY_PATH, ownedFiles, sealKeyID } from "../../src/base/index.js";
import {
  aBase,
  anApplicationNamed,
  applied,
  aSnapshot,
  blobID,
  cycle,
  RUNTIME,
  sealKey,
  type Tree,
  uuid,
} from "../builders.js";

const otherKey = Buffer.alloc(32, 8);
const bytes = (text: string) => Buffer.from(text);
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

const treeOf = (files: Readonly<Record<string, string>>): Tree =>
  new Map(Object.entries(files).map(([path, text]) => [path, bytes(text)]));

const inventoryOf = (owner: string, key = sealKey, formerSealKeys: readonly string[] = []) =>
  formatInventory(
    {
      owner,
      sealKey: sealKeyID(key),
      formerSealKeys,
      files: [{ path: "kustomization.yaml", id: null, blob: blobID(bytes("k")), sha256: sha256("k") }],
    },
    key,
  );

const withInventory = (inventory: Buffer, files: Readonly<Record<string, string>> = {}): Base =>
  aBase(new Map([...treeOf({ "kustomization.yaml": "k", ...files }), [INVENTORY_PATH, inventory]]));

const application = (id: string) => `spec:\n  compassMetadata:\n    applicationId: ${id}\n`;

describe("a path without an inventory", () => {
  it("is ours where there is nothing, or nothing that is in the way", async () => {
    const nothing = { files: [], formerSealKeys: [], trusted: true, note: null };

    expect(await ownedFiles(aBase(), RUNTIME, sealKey)).toEqual(nothing);
    expect(
      await ownedFiles(aBase(treeOf({ "README.md": "a", "applications/x/application.yaml": "b" })), RUNTIME, sealKey),
    ).toEqual(nothing);
  });

  it.each(["kustomization.yaml", "revision.yaml"])("cannot be used where somebody else has a %s", async (path) => {
    await expect(ownedFiles(aBase(treeOf({ [path]: "a" })), RUNTIME, sealKey)).rejects.toMatchObject({
      name: "Failure",
      code: "BaseUnusable",
      stage: "base",
      retryable: false,
      message: `git.path holds a ${path} that this agent did not write`,
    });
  });
});

describe("a path with an inventory that verifies", () => {
  it("is what the inventory says", async () => {
    const owned = await ownedFiles(
      withInventory(inventoryOf(RUNTIME, sealKey, ["0123456789abcdef"])),
      RUNTIME,
      sealKey,
    );

    expect(owned).toEqual({
      files: [{ path: "kustomization.yaml", id: null, blob: blobID(bytes("k")), sha256: sha256("k") }],
      formerSealKeys: ["0123456789abcdef"],
      trusted: true,
      note: null,
    });
  });

  it("is another agent's when it names another runtime", async () => {
    await expect(ownedFiles(withInventory(inventoryOf("canary")), RUNTIME, sealKey)).rejects.toMatchObject({
      code: "TwoAgents",
      stage: "base",
      retryable: false,
      message: expect.not.stringContaining("canary"),
    });
  });
});

describe("a path with an inventory that does not verify", () => {
  it("is another agent's when it names another runtime", async () => {
    await expect(ownedFiles(withInventory(inventoryOf("other", otherKey)), RUNTIME, sealKey)).rejects.toMatchObject({
      code: "TwoAgents",
    });
  });

  it.each([
    ["is no JSON", "<<<<<<< HEAD"],
    ["names nobody", '{"version":1,"canary":1}'],
    ["is empty", ""],
  ])("cannot be used when it %s", async (_, text) => {
    await expect(ownedFiles(withInventory(bytes(text)), RUNTIME, sealKey)).rejects.toMatchObject({
      code: "InventoryUnusable",
      stage: "base",
      retryable: false,
      message: expect.not.stringMatching(/canary|HEAD/),
    });
  });

  it.each([
    ["was written with another seal key", inventoryOf(RUNTIME, otherKey), [sealKeyID(otherKey)]],
    ["was changed", bytes(inventoryOf(RUNTIME).toString().replace('"id":null', '"id":"x"')), [sealKeyID(sealKey)]],
    ["is of another version", bytes(`{"version":2,"owner":"${RUNTIME}"}`), []],
  ])("is rebuilt from the tree when it %s and names us", async (_, inventory, former) => {
    const files = {
      "applications/mp-a/apirules/a.yaml": "rule",
      "applications/mp-a/application.yaml": application(uuid(1)),
      "applications/mp-a/secrets/s.yaml": "secret",
      "applications/mp-b/application.yaml": "half: [finished",
      "applications/mp-c/application.yaml": application("[1, 2]"),
      "applications/mp-d/secrets/s.yaml": "without an application",
      "applications/mp-a/notes.md": "not ours",
      "README.md": "not ours",
    };

    const owned = await ownedFiles(withInventory(inventory, files), RUNTIME, sealKey);

    const row = (path: string, id: string | null, text: string) => ({
      path,
      id,
      blob: blobID(bytes(text)),
      sha256: sha256(text),
    });
    expect(owned).toEqual({
      files: [
        row("applications/mp-a/apirules/a.yaml", uuid(1), "rule"),
        row("applications/mp-a/application.yaml", uuid(1), application(uuid(1))),
        row("applications/mp-a/secrets/s.yaml", uuid(1), "secret"),
        row("applications/mp-b/application.yaml", null, "half: [finished"),
        row("applications/mp-c/application.yaml", null, application("[1, 2]")),
        row("applications/mp-d/secrets/s.yaml", null, "without an application"),
        row("kustomization.yaml", null, "k"),
      ],
      formerSealKeys: former,
      trusted: false,
      note: expect.stringMatching(
        /^the inventory is rebuilt from the files, since its? .*; nothing is deleted in this cycle$/,
      ),
    });
  });

  it("stops when another agent of the same runtime took over from us, so that the two do not write in turn for ever", async () => {
    const inventory = inventoryOf(RUNTIME, otherKey, [sealKeyID(sealKey)]);

    await expect(ownedFiles(withInventory(inventory), RUNTIME, sealKey)).rejects.toMatchObject({ code: "TwoAgents" });
  });

  it("finds again what the agent wrote, but for what it was made from", async () => {
    const { tree } = await cycle(new Map(), aSnapshot([anApplicationNamed("mp-a", 1), anApplicationNamed("mp-b", 2)]));
    const verified = await ownedFiles(aBase(tree), RUNTIME, sealKey);

    const rebuilt = await ownedFiles(aBase(tree, otherKey), RUNTIME, otherKey);

    expect(rebuilt.trusted).toBe(false);
    expect(rebuilt.files).toEqual(verified.files.map(({ input: _input, fingerprint: _fingerprint, ...row }) => row));
  });

  it("holds an Application of unknown owner, and deletes nothing", async () => {
    const first = await cycle(new Map(), aSnapshot([anApplicationNamed("mp-a", 1)]));
    const tree = new Map([...first.tree, ["applications/mp-a/application.yaml", bytes("half: [finished")]]);

    const { plan } = await cycle(tree, aSnapshot([anApplicationNamed("mp-b", 2)]), { key: otherKey });

    expect(plan.held).toEqual([{ name: "mp-a", id: "", reason: "InventoryRebuilt", until: null }]);
    expect(plan.deletes).toEqual([]);
    expect(applied(tree, plan).get("applications/mp-a/application.yaml")).toEqual(bytes("half: [finished"));
  });
});
