import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatInventory, INVENTORY_PATH, readInventory, sealKeyID } from "../../src/base/index.js";
import type { Application } from "../../src/fetch/index.js";
import type { DeletionRules, Plan } from "../../src/plan/index.js";
import {
  aBundle,
  anApplication,
  anApplicationNamed,
  anAuth,
  applied,
  aSnapshot,
  atOnce,
  basic,
  type CycleChanges,
  cycle,
  later,
  minutes,
  noon,
  put,
  RUNTIME,
  rules,
  sealKey,
  type Tree,
  textOf,
  uuid,
} from "../builders.js";
import { runs, timeLimit } from "../common/property.js";
import { faults } from "./a-tree.js";

const empty: Tree = new Map();
const shop = anApplicationNamed("mp-shop", 1);
const crm = anApplicationNamed("mp-crm", 2);
const erp = anApplicationNamed("mp-erp", 3);
const upsertOnly: DeletionRules = { ...rules, mode: "upsert-only" };

const sync = (tree: Tree, applications: readonly Application[], changes: CycleChanges = {}) =>
  cycle(tree, aSnapshot(applications), changes);

/** As often as it takes until what is missing is due, a quarter of an hour apart. */
async function syncUntilDue(tree: Tree, applications: readonly Application[], changes: CycleChanges = {}) {
  let result = await sync(tree, applications, { ...changes, rules: { ...rules, limit: 1 } });
  for (const minute of [15, 30]) {
    const { missing } = result.plan.decision;
    const now = later(minutes(minute));
    result = await sync(result.tree, applications, { ...changes, rules: { ...rules, limit: 1 }, missing, now });
  }
  return result;
}

const summary = ({ created, updated, deleted, unchanged, held }: Plan) => ({
  created,
  updated,
  deleted,
  unchanged,
  held: held.map(({ name, reason }) => `${name} ${reason}`),
});

const nothing = { created: [], updated: [], deleted: [], unchanged: [], held: [] };
const filesOf = (tree: Tree, name: string) =>
  new Map([...tree].filter(([path]) => path.startsWith(`applications/${name}/`)));
const idsIn = (tree: Tree, name: string) =>
  /applicationId: (\S+)/.exec(textOf(tree, `applications/${name}/application.yaml`))?.[1];

describe("a plan", () => {
  it("for a runtime without Applications is a kustomization that is not empty", async () => {
    const { plan, tree } = await sync(empty, []);

    expect(summary(plan)).toEqual(nothing);
    expect([...plan.writes.keys()].sort()).toEqual([
      ".runtime-agent/.gitattributes",
      INVENTORY_PATH,
      "kustomization.yaml",
      "revision.yaml",
    ]);
    expect(faults(tree, sealKey)).toEqual([]);
  });

  it("writes the layout of design 4", async () => {
    const { plan } = await sync(empty, [shop]);

    expect([...plan.writes.keys()].sort()).toEqual([
      ".runtime-agent/.gitattributes",
      INVENTORY_PATH,
      "applications/mp-shop/application.yaml",
      `applications/mp-shop/secrets/mp-shop-${uuid(101)}.yaml`,
      "kustomization.yaml",
      "revision.yaml",
    ]);
    expect(plan.deletes).toEqual([]);
    expect(plan.committedDigest).toBeNull();
  });

  it("tells created, updated, unchanged and deleted apart, sorted by name", async () => {
    const first = await sync(empty, [shop, crm, erp], {});
    const changed = { ...shop, description: "Changed" };
    const fresh = ["mp-z", "mp-a"].map((name, index) => anApplicationNamed(name, 10 + index));

    const { plan } = await sync(first.tree, [changed, crm, ...fresh], { rules: atOnce });

    expect(summary(first.plan)).toEqual({ ...nothing, created: ["mp-crm", "mp-erp", "mp-shop"] });
    expect(summary(plan)).toEqual({
      created: ["mp-a", "mp-z"],
      updated: ["mp-shop"],
      deleted: ["mp-erp"],
      unchanged: ["mp-crm"],
      held: [],
    });
    expect(plan.deletes).toEqual([
      "applications/mp-erp/application.yaml",
      `applications/mp-erp/secrets/mp-erp-${uuid(103)}.yaml`,
    ]);
    expect(plan.committedDigest).toBe(first.plan.digest);
    expect(plan.digest).not.toBe(first.plan.digest);
  });

  it("for what Git holds already writes nothing", async () => {
    const first = await sync(empty, [shop, crm]);

    const { plan } = await sync(first.tree, [crm, shop], { now: later(minutes(90)) });

    expect(plan.writes.size).toBe(0);
    expect(plan.deletes).toEqual([]);
    expect(summary(plan)).toEqual({ ...nothing, unchanged: ["mp-crm", "mp-shop"] });
    expect(plan.digest).toBe(plan.committedDigest);
  });

  it("takes away the Secret of credentials that vanished, in the same commit", async () => {
    const first = await sync(empty, [shop]);
    const open = anApplication({
      ...shop,
      bundles: shop.bundles.map((each) => ({ ...each, defaultInstanceAuth: null })),
    });

    const { plan, tree } = await sync(first.tree, [open], { rules: atOnce });

    expect(plan.deletes).toEqual([`applications/mp-shop/secrets/mp-shop-${uuid(101)}.yaml`]);
    expect(summary(plan)).toEqual({ ...nothing, updated: ["mp-shop"] });
    expect(faults(tree, sealKey)).toEqual([]);
  });

  it("writes again what somebody changed or removed, kustomization and revision included", async () => {
    const first = await sync(empty, [shop]);

    for (const path of ["kustomization.yaml", "revision.yaml", ".runtime-agent/.gitattributes"]) {
      const changed = await sync(new Map([...first.tree, [path, Buffer.from("a person's\n")]]), [shop]);
      const without = new Map(first.tree);
      without.delete(path);
      const removed = await sync(without, [shop]);

      expect([...changed.plan.writes.keys()]).toEqual([path]);
      expect(changed.tree).toEqual(first.tree);
      expect(removed.tree).toEqual(first.tree);
    }
  });

  it("writes the files over all Applications again, whatever is done about drift", async () => {
    const first = await sync(empty, [shop]);
    const tree = new Map(first.tree).set("kustomization.yaml", Buffer.from("resources: []\n"));
    tree.delete("revision.yaml");

    for (const drift of ["preserve", "fail"] as const) {
      const { plan } = await sync(tree, [shop], { settings: { drift } });

      expect([...plan.writes.keys()].sort()).toEqual(["kustomization.yaml", "revision.yaml"]);
      expect(summary(plan)).toEqual({ ...nothing, unchanged: ["mp-shop"] });
    }
  });

  it("names the owner, the seal key and those in use before", async () => {
    const { tree } = await sync(empty, [shop]);

    expect(readInventory(tree.get(INVENTORY_PATH) ?? Buffer.alloc(0), sealKey)).toMatchObject({
      inventory: { owner: RUNTIME, sealKey: sealKeyID(sealKey), formerSealKeys: [] },
    });
  });

  it("names on the seal keys in use before", async () => {
    const { tree } = await sync(empty, [shop]);
    const reading = readInventory(tree.get(INVENTORY_PATH) ?? Buffer.alloc(0), sealKey);
    if (reading.state !== "verified") throw new Error("the inventory does not verify");
    const former = formatInventory({ ...reading.inventory, formerSealKeys: ["0123456789abcdef"] }, sealKey);

    const { plan } = await sync(new Map([...tree, [INVENTORY_PATH, former]]), [{ ...shop, description: "New" }]);

    expect(readInventory(plan.writes.get(INVENTORY_PATH) ?? Buffer.alloc(0), sealKey)).toMatchObject({
      inventory: { formerSealKeys: ["0123456789abcdef"] },
    });
  });

  it("tells of those alone as degraded that are published", async () => {
    const noTarget = (name: string, number: number) =>
      anApplication({
        id: uuid(number),
        name,
        bundles: [aBundle({ apiDefinitions: [{ id: uuid(7), name: "API", targetURL: "" }] })],
      });
    const first = await sync(empty, [anApplicationNamed("mp-old", 1)]);

    const { plan } = await sync(first.tree, [noTarget("mp-new", 1), noTarget("mp-other", 2)]);

    expect(plan.held.map(({ name }) => name)).toEqual(["mp-new", "mp-old"]);
    expect(plan.degraded.map(({ name }) => name)).toEqual(["mp-other"]);
  });
});

describe("what a plan tells of itself", () => {
  const inventoryOf = (tree: Tree) => {
    const reading = readInventory(tree.get(INVENTORY_PATH) ?? Buffer.alloc(0), sealKey);
    return reading.state === "verified" ? reading.inventory : null;
  };
  const bare = { ...shop, bundles: shop.bundles.map((each) => ({ ...each, defaultInstanceAuth: null })) };

  it("is a record of each kind that goes, and of how much there was", async () => {
    const first = await sync(empty, [shop, crm, erp]);

    const one = await sync(first.tree, [bare, crm, erp], { rules: atOnce });
    const both = await sync(first.tree, [bare, crm], { rules: atOnce });
    const none = await sync(first.tree, [{ ...shop, description: "new" }, crm, erp], { rules: atOnce });

    const whole = { serial: 2, at: noon.toISOString(), ofApplications: 3, ofSecrets: 3 };
    expect(inventoryOf(one.tree)?.deletions).toEqual([{ ...whole, applications: 0, secrets: 1 }]);
    expect(inventoryOf(both.tree)?.deletions).toEqual([{ ...whole, applications: 1, secrets: 1 }]);
    expect(inventoryOf(none.tree)?.deletions).toEqual([]);
  });

  it("is no record of a Secret that a person approved", async () => {
    const first = await sync(empty, [shop, crm]);
    const patient = { ...atOnce, credentials: { observations: 2, over: minutes(60) } };
    const held = await sync(first.tree, [bare, crm], { memory: first.memory, rules: patient });
    const hash = held.plan.hold?.hash ?? "";
    const approvals = [{ hash, expires: later(1).toISOString() }];

    const passed = await sync(held.tree, [bare, crm], { memory: { ...held.memory, approvals }, rules: patient });

    expect(passed.plan.deletes).toEqual([`applications/mp-shop/secrets/mp-shop-${uuid(101)}.yaml`]);
    expect(inventoryOf(passed.tree)?.deletions).toEqual([]);
  });

  it("is whose name somebody else has now, sorted, and nobody whose name is new or their own", async () => {
    const first = await sync(empty, [shop, crm, erp]);
    const [next, other] = [anApplicationNamed("mp-shop", 4), anApplicationNamed("mp-crm", 5)];

    const { plan } = await sync(first.tree, [next, other, erp, anApplicationNamed("mp-new", 6)]);

    expect(plan.replaced).toEqual([
      { name: "mp-crm", id: uuid(5), formerID: uuid(2) },
      { name: "mp-shop", id: uuid(4), formerID: uuid(1) },
    ]);
  });

  it("is which files it wrote over, and not those that it leaves or that go", async () => {
    const first = await sync(empty, [shop, crm, erp]);
    const changed = new Map(first.tree);
    for (const name of ["mp-shop", "mp-crm", "mp-erp"]) {
      changed.set(`applications/${name}/application.yaml`, Buffer.from("a person's\n"));
    }
    changed.delete(`applications/mp-shop/secrets/mp-shop-${uuid(101)}.yaml`);
    changed.set(".runtime-agent/suspend", Buffer.from("mp-crm\n"));

    const { plan } = await sync(changed, [shop, crm], { rules: { ...atOnce, limit: 1 } });
    const left = await sync(changed, [shop, crm, erp], { settings: { drift: "preserve" } });

    expect(plan.deleted).toEqual(["mp-erp"]);
    expect(plan.overwritten).toEqual([
      "applications/mp-shop/application.yaml",
      `applications/mp-shop/secrets/mp-shop-${uuid(101)}.yaml`,
    ]);
    expect(left.plan.overwritten).toEqual([]);
  });

  it("is what is remembered of a deleted Application and of one that is there", async () => {
    const first = await sync(empty, [shop, crm]);

    const { plan } = await sync(first.tree, [crm], { rules: atOnce });

    expect(plan.published["mp-shop"]).toEqual({ id: uuid(1), intent: "", tree: "", manifest: "" });
    expect(plan.published["mp-crm"]?.tree).toMatch(/^[0-9a-f]{32}$/);
  });

  it("is the five versions before the one that stands there, the latest first and none twice", async () => {
    let { tree } = await sync(empty, [shop]);
    const path = "applications/mp-shop/application.yaml";
    const blobs: string[] = [];
    for (const description of ["a", "b", "c", "d", "e", "f", "e"]) {
      blobs.unshift(inventoryOf(tree)?.files.find((row) => row.path === path)?.blob ?? "");
      ({ tree } = await sync(tree, [{ ...shop, description }]));
    }

    const row = inventoryOf(tree)?.files.find((each) => each.path === path);

    expect(row?.former).toEqual([0, 2, 3, 4, 5].map((index) => blobs[index]));
    expect(inventoryOf((await sync(empty, [shop])).tree)?.files.every((each) => !("former" in each))).toBe(true);
  });
});

describe("deletions in a plan", () => {
  it("wait until the rules are met, and their files stay as they are", async () => {
    const first = await sync(empty, [shop, crm]);

    const held = await sync(first.tree, [crm]);
    const due = await syncUntilDue(first.tree, [crm]);

    expect(summary(held.plan)).toEqual({ ...nothing, unchanged: ["mp-crm"], held: ["mp-shop MissingTooBriefly"] });
    expect(held.plan.writes.size).toBe(0);
    expect(held.plan.decision.missing).toHaveProperty([`${uuid(1)}/mp-shop`]);
    expect(summary(due.plan)).toEqual({ ...nothing, unchanged: ["mp-crm"], deleted: ["mp-shop"] });
    expect(filesOf(due.tree, "mp-shop").size).toBe(0);
    expect(faults(due.tree, sealKey)).toEqual([]);
  });

  it("are all held over the limit, while additions and updates flow", async () => {
    const many = Array.from({ length: 10 }, (_, index) => anApplicationNamed(`mp-${index}`, index + 10));
    const first = await sync(empty, [...many, shop]);

    const { plan } = await sync(first.tree, [...many.slice(3), { ...shop, description: "New" }, crm], {
      rules: { ...atOnce, limit: 0.2 },
    });

    expect(plan.held.map(({ name, reason }) => `${name} ${reason}`)).toEqual([
      "mp-0 OverLimit",
      "mp-1 OverLimit",
      "mp-2 OverLimit",
    ]);
    expect(plan.created).toEqual(["mp-crm"]);
    expect(plan.updated).toEqual(["mp-shop"]);
    expect(plan.deletes).toEqual([]);
  });

  it("are held for an empty answer", async () => {
    const first = await sync(empty, [shop]);

    const { plan, tree } = await sync(first.tree, [], { rules: atOnce });

    expect(summary(plan)).toEqual({ ...nothing, held: ["mp-shop EmptyAnswer"] });
    expect(tree).toEqual(first.tree);
  });

  it("never happen in upsert-only mode, neither of Applications nor of Secrets", async () => {
    const first = await sync(empty, [shop, crm]);
    const open = { ...shop, bundles: shop.bundles.map((each) => ({ ...each, defaultInstanceAuth: null })) };

    const second = await sync(first.tree, [open], { rules: upsertOnly });
    const third = await sync(second.tree, [open], { rules: upsertOnly });
    const strict = await sync(third.tree, [open], { rules: { ...atOnce } });

    expect(summary(second.plan).held).toEqual(["mp-crm UpsertOnly", "mp-shop UpsertOnly"]);
    // The API goes on with the credentials that Git has: without them it would be called unauthenticated.
    expect(textOf(second.tree, "applications/mp-shop/application.yaml")).toContain(`secretName: mp-shop-${uuid(101)}`);
    expect(second.plan.deletes).toEqual([]);
    expect(faults(second.tree, sealKey)).toEqual([]);
    expect(third.plan.writes.size).toBe(0);
    // Back in sync mode what was left behind goes, all of it.
    expect(strict.plan.deletes).toEqual([
      "applications/mp-crm/application.yaml",
      `applications/mp-crm/secrets/mp-crm-${uuid(102)}.yaml`,
      `applications/mp-shop/secrets/mp-shop-${uuid(101)}.yaml`,
    ]);
    expect(faults(strict.tree, sealKey)).toEqual([]);
  });

  it("touch the files of the inventory alone", async () => {
    const first = await sync(empty, [shop, crm]);
    const foreign: [string, Buffer][] = [
      ["applications/mp-shop/notes.md", Buffer.from("mine\n")],
      ["applications/mp-shop/configmaps/mine.yaml", Buffer.from("a: 1\n")],
      ["README.md", Buffer.from("mine\n")],
    ];

    const { plan, tree } = await sync(new Map([...first.tree, ...foreign]), [crm], { rules: atOnce });

    expect(plan.deleted).toEqual(["mp-shop"]);
    expect([...tree.keys()]).toEqual(expect.arrayContaining(foreign.map(([path]) => path)));
    expect(
      faults(
        tree,
        sealKey,
        foreign.map(([path]) => path),
      ),
    ).toEqual([]);
  });

  it("of what somebody removed from Git already are no deletions, and the kustomization forgets it", async () => {
    const first = await sync(empty, [shop, crm]);
    const without = new Map([...first.tree].filter(([path]) => !path.startsWith("applications/mp-shop/")));

    const { plan, tree } = await sync(without, [crm]);

    expect(summary(plan)).toEqual({ ...nothing, unchanged: ["mp-crm"] });
    expect(faults(tree, sealKey)).toEqual([]);
  });

  it("that are held leave a kustomization that names nothing somebody removed", async () => {
    const first = await sync(empty, [shop, crm]);
    const without = new Map(first.tree);
    without.delete(`applications/mp-shop/secrets/mp-shop-${uuid(101)}.yaml`);

    const { plan, tree } = await sync(without, [crm]);

    expect(plan.held).toMatchObject([{ name: "mp-shop" }]);
    expect(faults(tree, sealKey)).toEqual([]);
  });
});

describe("a name that is taken in Git", () => {
  it("by a file that the agent did not write sets that Application aside", async () => {
    const path = "applications/mp-shop/application.yaml";
    const foreign = new Map([[path, Buffer.from("a person's\n")]]);

    const { plan, tree } = await sync(foreign, [shop, crm]);

    expect(plan.setAside).toEqual([
      {
        name: "mp-shop",
        id: uuid(1),
        reason: "ForeignFile",
        message:
          "something that this agent did not write stands in the place of a file or folder of applications/mp-shop in git.path; move it away",
      },
    ]);
    expect(plan.created).toEqual(["mp-crm"]);
    expect(textOf(tree, path)).toBe("a person's\n");
    expect(faults(tree, sealKey, [path])).toEqual([]);
  });

  it.each([
    ["a file in the place of its folder", "applications/mp-shop"],
    ["a file in the place of the folder of its Secrets", "applications/mp-shop/secrets"],
    ["a folder in the place of its file", "applications/mp-shop/application.yaml/notes.txt"],
    ["a folder in the place of its Secret", `applications/mp-shop/secrets/mp-shop-${uuid(101)}.yaml/a/notes.txt`],
  ])("by %s sets that Application aside, and destroys nothing", async (_, path) => {
    const { plan, tree } = await sync(new Map([[path, Buffer.from("a person's\n")]]), [shop, crm]);

    expect(plan.setAside).toMatchObject([{ name: "mp-shop", reason: "ForeignFile" }]);
    expect(plan.created).toEqual(["mp-crm"]);
    expect(textOf(tree, path)).toBe("a person's\n");
    expect(faults(tree, sealKey, [path])).toEqual([]);
  });

  it.each([
    ["folder", "applications/mp-shop/application.yaml/notes.txt", 1],
    ["file", "applications/mp-shop/secrets", 1],
    ["file", "applications/mp-shop", 0],
  ])("by a %s that a person put in the place of what was published: %s", async (_, path, left) => {
    const first = await sync(empty, [shop, crm]);
    const before = new Map(first.tree);
    put(before, path, Buffer.from("a person's\n"));

    const { plan, tree } = await sync(before, [shop, crm]);

    expect(plan.setAside).toMatchObject([{ name: "mp-shop", reason: "ForeignFile" }]);
    expect(textOf(tree, path)).toBe("a person's\n");
    expect([...filesOf(tree, "mp-shop").keys()].filter((name) => name !== path)).toHaveLength(left);
    expect(faults(tree, sealKey, [path])).toEqual([]);
    const mended = await sync(new Map([...tree].filter(([name]) => name !== path)), [shop, crm]);
    expect(mended.tree.get("applications/mp-shop/application.yaml")).toEqual(
      first.tree.get("applications/mp-shop/application.yaml"),
    );
  });

  it("is not where another file only begins alike", async () => {
    const others = ["applications/mp-sho", "applications/mp-shop.d/application.yaml", "applications/mp-shop/secret/x"];

    const { plan } = await sync(new Map(others.map((path) => [path, Buffer.from("a person's\n")])), [shop]);

    expect(plan.created).toEqual(["mp-shop"]);
  });

  it("is told in its place among all that are set aside", async () => {
    const path = "applications/mp-shop/application.yaml";
    const others = [anApplicationNamed("mp-a b", 8), anApplicationNamed("mp-z z", 9)];

    const { plan } = await cycle(
      new Map([[path, Buffer.from("a person's\n")]]),
      aSnapshot([shop, ...others], { isNormalized: "true" }),
    );

    expect(plan.setAside.map(({ name }) => name)).toEqual(["mp-a b", "mp-shop", "mp-z z"]);
  });

  it("by a foreign Secret keeps the committed Application as it was", async () => {
    const open = { ...shop, bundles: shop.bundles.map((each) => ({ ...each, defaultInstanceAuth: null })) };
    const first = await sync(empty, [open]);
    const path = `applications/mp-shop/secrets/mp-shop-${uuid(101)}.yaml`;
    const tree = new Map([...first.tree, [path, Buffer.from("a person's\n")]]);

    const { plan } = await sync(tree, [shop]);

    expect(plan.setAside).toMatchObject([{ name: "mp-shop", reason: "ForeignFile" }]);
    expect(plan.writes.size).toBe(0);
    expect(plan.deletes).toEqual([]);
  });
});

describe("an Application set aside", () => {
  it.each<[string, readonly Application[]]>([
    ["InvalidName", [{ ...shop, name: "BAD" }]],
    ["Unreadable", []],
    ["UnprintableName", [{ ...shop, auths: ["\u0007"] }]],
    ["ReadableSecret", [{ ...shop, description: "password of mp-shop" }]],
    ["TooLarge", [{ ...shop, description: "x".repeat(1024 * 1024) }]],
  ])("for %s keeps its committed files to the byte, while the others proceed", async (reason, bad) => {
    const first = await sync(empty, [shop, crm]);
    const path = "applications/mp-shop/application.yaml";
    // A person's change stays as well.
    const tree = new Map([...first.tree, [path, Buffer.from("a person's\n")]]);

    const unreadable = bad.length === 0 ? [{ id: shop.id, name: shop.name }] : [];
    const snapshot = { ...aSnapshot([...bad, { ...crm, description: "New" }]), unreadable };
    const result = await cycle(tree, snapshot, { rules: atOnce });

    expect(result.plan.setAside.map((each) => each.reason)).toEqual([reason]);
    expect(result.plan.updated).toEqual(["mp-crm"]);
    expect(result.plan.held).toEqual([]);
    expect(filesOf(result.tree, "mp-shop")).toEqual(filesOf(tree, "mp-shop"));
    expect(textOf(result.tree, "kustomization.yaml")).toContain(path);
  });

  it("counts as seen: its deletion begins anew", async () => {
    const first = await sync(empty, [shop, crm]);
    const missing = await sync(first.tree, [crm]);

    const { plan } = await sync(missing.tree, [{ ...shop, name: "BAD" }, crm], {
      missing: missing.plan.decision.missing,
      now: later(minutes(15)),
    });

    expect(plan.decision.missing).toEqual({});
  });

  it("keeps its name from an Application that has it now", async () => {
    const first = await sync(empty, [shop, crm]);

    const result = await sync(
      first.tree,
      [
        { ...shop, name: "BAD" },
        { ...crm, name: "mp-shop" },
      ],
      { rules: atOnce },
    );

    expect(summary(result.plan)).toEqual({ ...nothing, held: ["mp-crm Renamed", "mp-shop Renamed"] });
    expect(result.plan.setAside).toMatchObject([{ name: "BAD" }]);
    expect(result.tree).toEqual(first.tree);
  });

  it("keeps a whole chain of names waiting behind it", async () => {
    const first = await sync(empty, [shop, crm, erp]);

    const result = await sync(
      first.tree,
      [
        { ...shop, name: "BAD" },
        { ...crm, name: "mp-shop" },
        { ...erp, name: "mp-crm" },
      ],
      { rules: { ...atOnce } },
    );

    expect(result.plan.held.map(({ name, reason }) => `${name} ${reason}`)).toEqual([
      "mp-crm Renamed",
      "mp-erp Renamed",
      "mp-shop Renamed",
    ]);
    expect(result.tree).toEqual(first.tree);
  });
});

describe("a name that changes", () => {
  const renamed = { ...shop, name: "mp-store" };

  it("waits with its old files until these are due, and then moves in one commit", async () => {
    const first = await sync(empty, [shop, crm]);

    const waiting = await sync(first.tree, [renamed, crm]);
    const moved = await syncUntilDue(first.tree, [renamed, crm]);

    expect(summary(waiting.plan)).toEqual({
      ...nothing,
      unchanged: ["mp-crm"],
      held: ["mp-shop MissingTooBriefly", "mp-store Renamed"],
    });
    expect(waiting.tree).toEqual(first.tree);
    expect(summary(moved.plan)).toEqual({
      ...nothing,
      created: ["mp-store"],
      unchanged: ["mp-crm"],
      deleted: ["mp-shop"],
    });
    expect(filesOf(moved.tree, "mp-shop").size).toBe(0);
    expect(faults(moved.tree, sealKey)).toEqual([]);
  });

  it("waits while who would take the old one has to wait itself", async () => {
    const first = await sync(empty, [shop, crm]);

    const { plan, tree } = await sync(first.tree, [renamed, { ...crm, name: "mp-shop" }]);

    expect(summary(plan)).toEqual({
      ...nothing,
      held: ["mp-crm MissingTooBriefly", "mp-shop Renamed", "mp-store Renamed"],
    });
    expect(tree).toEqual(first.tree);
  });

  it("keeps the old folder while somebody else's file stands in the new one", async () => {
    const first = await sync(empty, [shop]);
    const path = "applications/mp-store/application.yaml";
    const before = new Map(first.tree).set(path, Buffer.from("a person's\n"));

    const { plan, tree } = await sync(before, [renamed], { rules: atOnce });

    expect(plan.setAside).toMatchObject([{ name: "mp-store", reason: "ForeignFile" }]);
    expect(plan.deletes).toEqual([]);
    expect(filesOf(tree, "mp-shop")).toEqual(filesOf(first.tree, "mp-shop"));
  });

  it("is published beside the old one in upsert-only mode", async () => {
    const first = await sync(empty, [shop]);

    const { plan, tree } = await sync(first.tree, [renamed], { rules: upsertOnly });

    expect(summary(plan)).toEqual({ ...nothing, created: ["mp-store"], held: ["mp-shop UpsertOnly"] });
    expect(faults(tree, sealKey)).toEqual([]);
  });

  it("waits in that mode, too, where a Secret would stand under both names", async () => {
    const long = (end: string) => anApplicationNamed(`mp-sap-commerce-cloud-production-${end}`, 1, "password of shop");
    const first = await sync(empty, [long("eu")]);

    const { plan, tree } = await sync(first.tree, [long("us")], { rules: upsertOnly });

    expect(plan.held.map(({ reason }) => reason)).toEqual(["UpsertOnly", "Renamed"]);
    expect(faults(tree, sealKey)).toEqual([]);
  });

  it("waits for one that waits for its Secret, and leaves that one's folder as it is", async () => {
    const long = (end: string) => anApplicationNamed(`mp-sap-commerce-cloud-production-${end}`, 1, "password of shop");
    const first = await sync(empty, [long("eu"), crm]);
    const wanting = { ...crm, name: long("eu").name };

    const { plan, tree } = await sync(first.tree, [long("us"), wanting], { rules: upsertOnly });

    expect(plan.held.filter(({ reason }) => reason === "Renamed").map(({ id }) => id)).toEqual([uuid(2), uuid(1)]);
    expect(plan.created).toEqual([]);
    expect(filesOf(tree, long("eu").name)).toEqual(filesOf(first.tree, long("eu").name));
    expect(faults(tree, sealKey)).toEqual([]);
  });

  it("swaps with another at once", async () => {
    const first = await sync(empty, [shop, crm]);

    const { plan, tree } = await sync(first.tree, [
      { ...shop, name: "mp-crm" },
      { ...crm, name: "mp-shop" },
    ]);

    expect(summary(plan)).toEqual({ ...nothing, updated: ["mp-crm", "mp-shop"] });
    expect([idsIn(tree, "mp-crm"), idsIn(tree, "mp-shop")]).toEqual([uuid(1), uuid(2)]);
    expect([...filesOf(tree, "mp-crm").keys()]).toEqual([
      "applications/mp-crm/application.yaml",
      `applications/mp-crm/secrets/mp-crm-${uuid(101)}.yaml`,
    ]);
    expect(faults(tree, sealKey)).toEqual([]);
  });

  it("moves up in a chain whose last has a new name", async () => {
    const first = await sync(empty, [shop, crm, erp]);
    const chain = [
      { ...shop, name: "mp-crm" },
      { ...crm, name: "mp-erp" },
      { ...erp, name: "mp-new" },
    ];

    const { tree } = await syncUntilDue(first.tree, chain);

    expect(["mp-crm", "mp-erp", "mp-new"].map((name) => idsIn(tree, name))).toEqual([uuid(1), uuid(2), uuid(3)]);
    expect(filesOf(tree, "mp-shop").size).toBe(0);
    expect(faults(tree, sealKey)).toEqual([]);
  });

  it("of an Application that is gone is taken over by the one that has it now", async () => {
    const first = await sync(empty, [shop, crm]);

    const { plan, tree } = await sync(first.tree, [{ ...erp, name: "mp-shop" }, crm]);

    expect(summary(plan)).toEqual({ ...nothing, updated: ["mp-shop"], unchanged: ["mp-crm"] });
    expect(idsIn(tree, "mp-shop")).toBe(uuid(3));
    expect(faults(tree, sealKey)).toEqual([]);
  });

  it.each<[string, CycleChanges]>([
    ["upsert-only", { rules: upsertOnly }],
    ["a rebuilt inventory", { key: Buffer.alloc(32, 8) }],
  ])("leaves the Secrets of the former owner in Git with %s, as nobody's", async (_, changes) => {
    const first = await sync(empty, [shop]);
    const left = `applications/mp-shop/secrets/mp-shop-${uuid(101)}.yaml`;
    // What a rebuilt inventory does not know, it leaves at that.
    const bare = textOf(first.tree, "applications/mp-shop/application.yaml").replace(/applicationId: \S+/, "none: x");
    const before =
      changes.key !== undefined
        ? new Map(first.tree).set("applications/mp-shop/application.yaml", Buffer.from(bare))
        : first.tree;

    const { tree, plan } = await sync(before, [{ ...erp, name: "mp-shop" }], changes);

    expect(plan.updated).toEqual(["mp-shop"]);
    expect(plan.deletes).toEqual([]);
    expect(textOf(tree, "kustomization.yaml")).toContain(left);
    const inventory = readInventory(tree.get(INVENTORY_PATH) ?? Buffer.alloc(0), changes.key ?? sealKey);
    const rows = inventory.state === "verified" ? inventory.inventory.files : [];
    expect(rows.find(({ path }) => path === left)).toMatchObject({ id: null });
    expect(faults(tree, changes.key ?? sealKey)).toEqual([]);
  });

  it("to that of one that is gone leaves nothing of the old name behind", async () => {
    const first = await sync(empty, [shop, crm]);

    const { plan, tree } = await syncUntilDue(first.tree, [{ ...shop, name: "mp-crm" }]);

    expect(plan.deleted).toEqual(["mp-shop"]);
    expect(filesOf(tree, "mp-shop").size).toBe(0);
    expect(idsIn(tree, "mp-crm")).toBe(uuid(1));
    expect(faults(tree, sealKey)).toEqual([]);
  });
});

describe("credentials that vanish", () => {
  const patient = { ...atOnce, credentials: { observations: 2, over: 0 } };
  const bare = {
    ...shop,
    description: "new",
    bundles: shop.bundles.map((each) => ({ ...each, defaultInstanceAuth: null })),
  };

  const path = `applications/mp-shop/secrets/mp-shop-${uuid(101)}.yaml`;
  const application = "applications/mp-shop/application.yaml";

  it("keep their Secret and the reference to it until they are missing often enough, while the rest is updated", async () => {
    const first = await sync(empty, [shop, crm], { rules: patient });

    const second = await sync(first.tree, [bare, crm], { rules: patient });
    const { missing } = second.plan.decision;
    const third = await sync(second.tree, [bare, crm], { rules: patient, missing });

    expect(second.plan.held).toEqual([
      { name: "mp-shop", id: uuid(1), secret: path, reason: "CredentialsVanished", until: noon },
    ]);
    expect(second.plan.updated).toEqual(["mp-shop"]);
    expect(second.plan.deletes).toEqual([]);
    expect(second.tree.get(path)).toEqual(first.tree.get(path));
    expect(textOf(second.tree, application)).toContain("description: new");
    expect(textOf(second.tree, application)).toContain(`secretName: mp-shop-${uuid(101)}`);
    expect(faults(second.tree, sealKey)).toEqual([]);
    expect(third.plan.held).toEqual([]);
    expect(third.plan.deletes).toEqual([path]);
    expect(textOf(third.tree, application)).not.toContain("secretName: mp-shop");
    expect(faults(third.tree, sealKey)).toEqual([]);
  });

  it("of a bundle that is gone as a whole go by the same rule", async () => {
    const first = await sync(empty, [shop], { rules: patient });
    const without = { ...shop, bundles: [] };

    const second = await sync(first.tree, [without], { rules: patient });
    const { missing } = second.plan.decision;
    const third = await sync(second.tree, [without], { rules: patient, missing });
    const fourth = await sync(third.tree, [without], { rules: patient, missing: third.plan.decision.missing });

    expect(second.plan.held).toMatchObject([{ reason: "CredentialsVanished", secret: path }]);
    expect(second.plan.deletes).toEqual([]);
    expect(third.plan.deletes).toEqual([path]);
    expect(fourth.plan.writes.size).toBe(0);
  });

  it("are forgotten as missing once they are seen again", async () => {
    const first = await sync(empty, [shop], { rules: patient });
    const second = await sync(first.tree, [bare], { rules: patient });

    const back = { ...bare, bundles: shop.bundles };
    const third = await sync(second.tree, [back], { rules: patient, missing: second.plan.decision.missing });
    const fourth = await sync(third.tree, [bare], { rules: patient, missing: third.plan.decision.missing });

    expect(third.plan.decision.missing).toEqual({});
    expect(third.plan.writes.size).toBe(0);
    expect(summary(fourth.plan).held).toEqual(["mp-shop CredentialsVanished"]);
  });

  it("stay when a second look shows them", async () => {
    const first = await sync(empty, [shop], { rules: atOnce });

    const { plan, lookedAgain } = await sync(first.tree, [bare], { rules: atOnce, second: aSnapshot([shop]) });

    expect(lookedAgain).toBe(true);
    expect(summary(plan).held).toEqual(["mp-shop SeenAgain"]);
    expect(plan.deletes).toEqual([]);
  });

  it("of many at once are held over the limit, with their references", async () => {
    const many = Array.from({ length: 10 }, (_, index) => anApplicationNamed(`mp-${index}`, index + 10));
    const limited = { ...atOnce, limit: 0.2 };
    const first = await sync(empty, many, { rules: limited });
    const open = many.map((each) => ({
      ...each,
      bundles: each.bundles.map((bundle) => ({ ...bundle, defaultInstanceAuth: null })),
    }));

    const { plan } = await sync(first.tree, open, { rules: limited });

    expect(new Set(plan.held.map(({ reason }) => reason))).toEqual(new Set(["OverLimit"]));
    expect(plan.held).toHaveLength(10);
    expect(plan.deletes).toEqual([]);
    expect(plan.writes.size).toBe(0);
  });
});

describe("a rebuilt inventory", () => {
  const otherKey = Buffer.alloc(32, 8);

  it("deletes nothing in that cycle, and is written anew", async () => {
    const first = await sync(empty, [shop, crm], { key: otherKey });
    const open = { ...shop, bundles: shop.bundles.map((each) => ({ ...each, defaultInstanceAuth: null })) };

    const second = await sync(first.tree, [open], { rules: atOnce });
    const third = await sync(second.tree, [open], { rules: atOnce });

    expect(second.plan.deletes).toEqual([]);
    expect(summary(second.plan).held).toEqual(["mp-crm InventoryRebuilt", "mp-shop InventoryRebuilt"]);
    expect(textOf(second.tree, "applications/mp-shop/application.yaml")).toContain(`secretName: mp-shop-${uuid(101)}`);
    expect(faults(second.tree, sealKey)).toEqual([]);
    // What stayed for that reason alone goes with the next one.
    expect(third.plan.deletes).toEqual([
      "applications/mp-crm/application.yaml",
      `applications/mp-crm/secrets/mp-crm-${uuid(102)}.yaml`,
      `applications/mp-shop/secrets/mp-shop-${uuid(101)}.yaml`,
    ]);
    expect(faults(third.tree, sealKey)).toEqual([]);
  });

  it("takes away nothing that an Application has no more, if it is no Secret either", async () => {
    const { tree } = await sync(empty, [shop], { key: otherKey });
    const path = "applications/mp-shop/configmaps/former.yaml";
    const reading = readInventory(tree.get(INVENTORY_PATH) ?? Buffer.alloc(0), otherKey);
    if (reading.state !== "verified") throw new Error("the inventory does not verify");
    const row = { path, id: uuid(1), blob: "a".repeat(40), sha256: "b".repeat(64) };
    const files = [...reading.inventory.files, row];
    const listed = formatInventory({ ...reading.inventory, files }, otherKey);

    const next = await sync(new Map([...tree, [path, Buffer.from("former\n")], [INVENTORY_PATH, listed]]), [shop]);

    expect(next.plan.deletes).toEqual([]);
    expect(textOf(next.tree, "kustomization.yaml")).toContain(path);
  });

  it("lets no name be taken over in that cycle", async () => {
    const first = await sync(empty, [shop], { key: otherKey });

    const { plan, tree } = await sync(first.tree, [{ ...erp, name: "mp-shop" }], { rules: atOnce });

    expect(summary(plan)).toEqual({ ...nothing, held: ["mp-shop Renamed"] });
    expect(filesOf(tree, "mp-shop")).toEqual(filesOf(first.tree, "mp-shop"));
  });

  it("finds what is as it was, and then writes nothing more", async () => {
    const first = await sync(empty, [shop, crm], { key: otherKey });

    const second = await sync(first.tree, [shop, crm]);
    const third = await sync(second.tree, [shop, crm]);

    expect([...second.plan.writes.keys()]).toEqual([INVENTORY_PATH]);
    expect(third.plan.writes.size).toBe(0);
  });
});

describe("any row of cycles", () => {
  const RUNS = 150;
  /** Names of which two begin alike, so that the names of their Secrets do, and one that is set aside. */
  const name = fc.constantFrom(
    "mp-a",
    "mp-b",
    "mp-sap-commerce-cloud-production-eu",
    "mp-sap-commerce-cloud-production-us",
    "BAD NAME",
  );
  const application = fc.record({
    number: fc.integer({ min: 1, max: 4 }),
    name,
    description: fc.constantFrom(null, "One", "Two"),
    password: fc.constantFrom(null, "password one", "password two"),
  });
  const step = fc.record({
    applications: fc.uniqueArray(application, { selector: ({ number }) => number, maxLength: 4 }),
    mode: fc.constantFrom<DeletionRules>(rules, { ...rules, limit: 1 }, atOnce, upsertOnly),
    minutes: fc.integer({ min: 0, max: 40 }),
    // Now and then the seal key is lost; a former one never comes back.
    key: fc.constantFrom(false, false, false, true),
    /** Files that a person removes before the cycle, by their place in the list. */
    removed: fc.array(fc.nat({ max: 30 }), { maxLength: 2 }),
  });

  const asApplication = ({
    number,
    name,
    description,
    password,
  }: typeof application extends fc.Arbitrary<infer T> ? T : never) =>
    anApplication({
      id: uuid(number),
      name,
      description,
      bundles: [
        aBundle({
          id: uuid(100 + number),
          defaultInstanceAuth: password === null ? null : anAuth({ credential: basic("user", password) }),
        }),
      ],
    });

  it(
    "leaves a tree that fits together, deletes what was its own alone, and finds nothing to do the second time",
    async () => {
      const foreign = new Map([["README.md", Buffer.from("mine\n")]]);

      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
          let tree: Tree = new Map(foreign);
          let missing: Plan["decision"]["missing"] = {};
          let now = noon;
          let byte = 7;
          for (const { applications, mode, minutes: passed, key: changed, removed } of steps) {
            if (changed) byte++;
            for (const index of removed) {
              const path = [...tree.keys()].filter((each) => each.startsWith("applications/"))[index];
              if (path !== undefined) tree.delete(path);
            }
            now = new Date(now.getTime() + minutes(passed));
            const key = Buffer.alloc(32, byte);
            const changes = { rules: mode, missing, now, key };
            const snapshot = applications.map(asApplication);

            const { plan } = await sync(tree, snapshot, changes);
            const next = applied(tree, plan);
            const again = await sync(next, snapshot, { ...changes, missing: plan.decision.missing });

            expect(faults(next, key, ["README.md"])).toEqual([]);
            expect(plan.deletes.every((path) => path.startsWith("applications/"))).toBe(true);
            expect(plan.deletes.filter((path) => !tree.has(path))).toEqual([]);
            expect(next.get("README.md")).toEqual(foreign.get("README.md"));
            const { deleted, held, setAside, created, updated, unchanged } = plan;
            const gone = [...new Set(plan.deletes.map((path) => path.split("/")[1]))];
            expect(gone.filter((each) => filesOf(next, each ?? "").size === 0)).toEqual(deleted);
            if (mode.mode === "upsert-only" || applications.length === 0) expect(plan.deletes).toEqual([]);
            const published = new Set([...created, ...updated, ...unchanged]);
            for (const each of snapshot) {
              const waits = [...held, ...setAside].some(({ id }) => id === each.id);
              expect(published.has(each.name) || waits).toBe(true);
            }
            for (const each of published) {
              expect(snapshot.filter((one) => one.name === each).map(({ id }) => id)).toContain(idsIn(next, each));
            }
            // A second cycle changes nothing unless it makes a deletion, or the loss of credentials, due, or trusts the inventory again.
            const released = held.some(
              ({ reason }) => reason === "CredentialsVanished" || (changed && reason === "Renamed"),
            );
            if (again.plan.deletes.length === 0 && !released) expect([...again.plan.writes.keys()]).toEqual([]);

            tree = next;
            missing = plan.decision.missing;
          }
        }),
        runs(RUNS),
      );
    },
    timeLimit(RUNS, 20),
  );
});
