/** What people do to the files in Git, and what Compass does twice: row by row through the stages of a cycle. */

import { describe, expect, it } from "vitest";
import { formatInventory, INVENTORY_PATH, readInventory } from "../../src/base/index.js";
import type { Application, Snapshot } from "../../src/fetch/index.js";
import type { DeletionRules } from "../../src/plan/index.js";
import type { Memory } from "../../src/state/index.js";
import {
  anAPI,
  anApplication,
  anApplicationNamed,
  applied,
  aSnapshot,
  atOnce,
  type CycleChanges,
  cycle,
  later,
  minutes,
  noMemory,
  sealKey,
  type Tree,
  textOf,
  uuid,
} from "../builders.js";
import { faults } from "./a-tree.js";

const empty: Tree = new Map();
const shop = anApplicationNamed("mp-shop", 1);
const crm = anApplicationNamed("mp-crm", 2);
const erp = anApplicationNamed("mp-erp", 3);
const many = Array.from({ length: 10 }, (_, index) => anApplicationNamed(`mp-${index}`, index + 10));
const limited: DeletionRules = { ...atOnce, limit: 0.2 };
const application = (name: string) => `applications/${name}/application.yaml`;
const secret = (name: string, number: number) => `applications/${name}/secrets/${name}-${uuid(100 + number)}.yaml`;

/** An agent with its tree and its memory, cycle after cycle. */
function anAgent(changes: CycleChanges = {}) {
  let tree: Tree = new Map(empty);
  let memory: Memory = noMemory;
  return {
    get tree() {
      return tree;
    },
    set tree(next: Tree) {
      tree = next;
    },
    get memory() {
      return memory;
    },
    set memory(next: Memory) {
      memory = next;
    },
    /** Given to the agent by a person, by command. */
    approve(hash: string, expires = later(minutes(60))) {
      memory = { ...memory, approvals: [...memory.approvals, { hash, expires: expires.toISOString() }] };
    },
    async sync(given: readonly Application[] | Snapshot, more: CycleChanges = {}) {
      const snapshot = "runtime" in given ? given : aSnapshot(given);
      const result = await cycle(tree, snapshot, { rules: atOnce, ...changes, memory, ...more });
      tree = result.tree;
      memory = result.memory;
      const { created, updated, deleted, held } = result.plan;
      const reasons = held.map(({ name, reason }) => `${name} ${reason}`);
      return { ...result, summary: { created, updated, deleted, held: reasons } };
    },
    edit(path: string, text: string | null) {
      const next = new Map(tree);
      if (text === null) next.delete(path);
      else next.set(path, Buffer.from(text));
      tree = next;
    },
  };
}

const nothing = { created: [], updated: [], deleted: [], held: [] };
const serialOf = (tree: Tree) => {
  const reading = readInventory(tree.get(INVENTORY_PATH) ?? Buffer.alloc(0), sealKey);
  return reading.state === "verified" ? reading.inventory.serial : null;
};

describe("a second look at Compass", () => {
  it("is taken only when something would go", async () => {
    const agent = anAgent();

    const first = await agent.sync([shop, crm]);
    const second = await agent.sync([shop, { ...crm, description: "new" }]);
    const third = await agent.sync([shop]);

    expect([first, second, third].map(({ lookedAgain }) => lookedAgain)).toEqual([false, false, true]);
    expect(third.summary.deleted).toEqual(["mp-crm"]);
  });

  it("that shows one of them holds all, and the one begins anew", async () => {
    const agent = anAgent();
    await agent.sync([shop, crm, erp]);

    const { summary, plan } = await agent.sync([erp], { second: aSnapshot([erp, shop]) });

    expect(summary).toEqual({ ...nothing, held: ["mp-crm SeenAgain", "mp-shop SeenAgain"] });
    expect(Object.keys(plan.decision.missing)).toEqual([`${uuid(2)}/mp-crm`]);
  });

  it("may differ in everything else", async () => {
    const agent = anAgent();
    await agent.sync([shop, crm]);

    const { summary } = await agent.sync([crm], { second: aSnapshot([erp]) });

    expect(summary.deleted).toEqual(["mp-shop"]);
  });

  it("that shows the owner of a name keeps it from being taken over", async () => {
    const agent = anAgent();
    await agent.sync([shop]);
    const before = agent.tree;

    const { summary, plan } = await agent.sync([{ ...erp, name: "mp-shop" }], { second: aSnapshot([shop]) });

    expect(summary).toEqual({ ...nothing, held: ["mp-shop Renamed"] });
    expect(plan.replaced).toEqual([]);
    expect(agent.tree).toEqual(before);
  });

  it("is not taken for names that are exchanged, since nobody is gone", async () => {
    const agent = anAgent();
    await agent.sync([shop, crm]);

    const { plan, summary, lookedAgain } = await agent.sync([
      { ...shop, name: "mp-crm" },
      { ...crm, name: "mp-shop" },
    ]);

    expect(lookedAgain).toBe(false);
    expect(summary).toEqual({ ...nothing, updated: ["mp-crm", "mp-shop"] });
    expect(plan.replaced).toEqual([]);
  });

  it("is the last: after it none is asked for", async () => {
    const agent = anAgent();
    await agent.sync([shop, crm]);

    const { plan, lookedAgain } = await agent.sync([shop]);

    expect(lookedAgain).toBe(true);
    expect(plan.decision.needsSecondLook).toBe(false);
  });

  it("that lacks the owner, too, lets the name be taken over", async () => {
    const agent = anAgent({ rules: { ...atOnce, observations: 3, over: minutes(30) } });
    await agent.sync([shop]);

    const { summary, plan, lookedAgain } = await agent.sync([{ ...erp, name: "mp-shop" }]);

    expect(lookedAgain).toBe(true);
    expect(summary).toEqual({ ...nothing, updated: ["mp-shop"] });
    expect(plan.replaced).toEqual([{ name: "mp-shop", id: uuid(3), formerID: uuid(1) }]);
    expect(faults(agent.tree, sealKey)).toEqual([]);
  });
});

describe("an approval", () => {
  it("lets exactly what is held pass, once, whatever the limit", async () => {
    const agent = anAgent({ rules: limited });
    await agent.sync(many);
    const held = await agent.sync(many.slice(5));
    const hash = held.plan.approval?.hold.hash ?? "";

    agent.approve(hash);
    const passed = await agent.sync(many.slice(5));
    await agent.sync(many, { nonce: "second" });
    const again = await agent.sync(many.slice(5), { nonce: "third" });

    expect(held.summary.held).toHaveLength(5);
    expect(passed.summary.deleted).toHaveLength(5);
    expect(passed.plan.approval).toBeNull();
    expect(passed.memory.approvals).toEqual([]);
    expect(again.summary.deleted).toEqual([]);
    expect(again.plan.approval?.hold.hash).not.toBe(hash);
    expect(faults(agent.tree, sealKey)).toEqual([]);
  });

  it("of another set lets nothing pass", async () => {
    const agent = anAgent({ rules: limited });
    await agent.sync(many);
    const { plan } = await agent.sync(many.slice(5));

    agent.approve(plan.approval?.hold.hash ?? "");
    const { summary } = await agent.sync(many.slice(6), { nonce: "another" });

    expect(summary.deleted).toEqual([]);
    expect(summary.held).toHaveLength(6);
  });

  it("that has ended lets nothing pass", async () => {
    const agent = anAgent({ rules: limited });
    await agent.sync(many);
    const { plan } = await agent.sync(many.slice(5));

    agent.approve(plan.approval?.hold.hash ?? "", later(minutes(5)));
    const { summary } = await agent.sync(many.slice(5), { now: later(minutes(5)) });

    expect(summary.deleted).toEqual([]);
  });

  it("lets an empty answer pass, which time never does", async () => {
    const agent = anAgent();
    await agent.sync([shop, crm]);
    const { plan, summary } = await agent.sync([]);

    agent.approve(plan.approval?.hold.hash ?? "");
    const passed = await agent.sync([]);

    expect(summary.held).toEqual(["mp-crm EmptyAnswer", "mp-shop EmptyAnswer"]);
    expect(passed.summary.deleted).toEqual(["mp-crm", "mp-shop"]);
    expect(faults(agent.tree, sealKey)).toEqual([]);
  });

  it("by a file in Git is used with the commit that removes the file", async () => {
    const agent = anAgent({ rules: limited });
    await agent.sync(many);
    const { plan } = await agent.sync(many.slice(5));

    agent.edit(".runtime-agent/approve", `# five of them\n${plan.approval?.hold.hash}\n`);
    const passed = await agent.sync(many.slice(5));

    expect(passed.summary.deleted).toHaveLength(5);
    expect(agent.tree.has(".runtime-agent/approve")).toBe(false);
    expect(faults(agent.tree, sealKey)).toEqual([]);
  });

  it("is not used up by a cycle in which it was not given, nor is another one's file removed", async () => {
    const agent = anAgent({ rules: limited });
    await agent.sync(many);
    agent.edit(".runtime-agent/approve", "of-another-set\n");

    const { plan } = await agent.sync(many.slice(5));

    expect(plan.usedApproval).toBeNull();
    expect(plan.deletes).toEqual([]);
    expect(agent.tree.has(".runtime-agent/approve")).toBe(true);
  });

  it.each<[string, CycleChanges]>([
    ["upsert-only", { rules: { ...atOnce, mode: "upsert-only" } }],
    ["a rebuilt inventory", { key: Buffer.alloc(32, 8) }],
  ])("cannot be given for what is held by %s", async (_, changes) => {
    const agent = anAgent();
    await agent.sync([shop, crm]);

    const { plan, summary } = await agent.sync([shop], changes);

    expect(summary.held).toHaveLength(1);
    expect(plan).toMatchObject({ approval: null, hold: null });
  });

  it("that a second look contradicts is void", async () => {
    const agent = anAgent();
    await agent.sync([shop, crm]);
    const { plan } = await agent.sync([]);

    agent.approve(plan.approval?.hold.hash ?? "");
    const contradicted = await agent.sync([], { second: aSnapshot([shop]) });
    const after = await agent.sync([], { nonce: "later" });

    expect(contradicted.summary).toEqual({ ...nothing, held: ["mp-crm SeenAgain", "mp-shop SeenAgain"] });
    expect(after.summary.held).toEqual(["mp-crm EmptyAnswer", "mp-shop EmptyAnswer"]);
  });

  it("counts for no limit of the day", async () => {
    const agent = anAgent({ rules: limited });
    await agent.sync(many);
    const { plan } = await agent.sync(many.slice(5));
    agent.approve(plan.approval?.hold.hash ?? "");
    await agent.sync(many.slice(5));

    const { summary } = await agent.sync(many.slice(6), { now: later(minutes(10)) });

    expect(summary.deleted).toEqual(["mp-5"]);
  });
});

describe("the limit", () => {
  it("counts each deletion of the day, not the last one alone", async () => {
    const agent = anAgent({ rules: { ...atOnce, limit: 0.3 } });
    await agent.sync(many);

    const deleted: (readonly string[])[] = [];
    for (const hour of [1, 2, 3, 4]) {
      const { summary } = await agent.sync(many.slice(hour), { now: later(minutes(60 * hour)) });
      deleted.push(summary.deleted);
    }

    expect(deleted).toEqual([["mp-0"], ["mp-1"], ["mp-2"], []]);
  });

  it("counts what went in the last day, and forgets it after a day", async () => {
    const agent = anAgent({ rules: limited });
    await agent.sync(many);

    const first = await agent.sync(many.slice(2));
    const second = await agent.sync(many.slice(3), { now: later(minutes(23 * 60)) });
    const third = await agent.sync(many.slice(3), { now: later(minutes(24 * 60)) });

    expect(first.summary.deleted).toEqual(["mp-0", "mp-1"]);
    expect(second.summary.held).toEqual(["mp-2 OverLimit"]);
    expect(third.summary.deleted).toEqual(["mp-2"]);
  });

  it("counts what Git tells of the whole day where nothing is remembered", async () => {
    const agent = anAgent({ rules: { ...atOnce, limit: 0.3 } });
    await agent.sync(many);
    for (const hour of [1, 2, 3]) await agent.sync(many.slice(hour), { now: later(minutes(60 * hour)) });

    agent.memory = noMemory;
    const { summary } = await agent.sync(many.slice(4), { now: later(minutes(240)) });

    expect(summary).toEqual({ ...nothing, held: ["mp-3 OverLimit"] });
  });

  it("is let pass by no approval that was given before one of them had another name", async () => {
    const agent = anAgent({ rules: limited });
    await agent.sync(many);
    const gone = await agent.sync(many.slice(3));
    agent.approve(gone.plan.approval?.hold.hash ?? "");

    const [first = shop] = many;
    const renamed = await agent.sync([{ ...first, name: "mp-new" }, ...many.slice(3)]);

    expect(gone.summary.held).toEqual(["mp-0 OverLimit", "mp-1 OverLimit", "mp-2 OverLimit"]);
    expect(renamed.plan.usedApproval).toBeNull();
    expect(renamed.plan.deletes).toEqual([]);
    expect(renamed.plan.approval?.hold.units).toHaveLength(3);
  });

  it("has no room taken by a rename that waits anyway", async () => {
    const agent = anAgent({ rules: { ...atOnce, limit: 0.2 } });
    const [one, two, three, four, five] = [1, 2, 3, 4, 5].map((number) => anApplicationNamed(`mp-${number}`, number));
    if (!one || !two || !three || !four || !five) throw new Error("five");
    await agent.sync([one, two, three, four, five]);

    // The second is set aside under its new name and keeps the old one, for which the first waits.
    const bad = { ...two, name: "mp-9", auths: ["\u0007"] };
    const { summary } = await agent.sync([{ ...one, name: "mp-2" }, bad, three, four]);

    expect(summary).toEqual({ ...nothing, deleted: ["mp-5"], held: ["mp-1 Renamed", "mp-2 Renamed"] });
  });

  it("counts what a clock that was set back left in the future once, and from then on", async () => {
    const agent = anAgent({ rules: { ...atOnce, limit: 0.2 } });
    await agent.sync(many);
    const ahead = await agent.sync(many.slice(1), { now: later(minutes(180)) });

    const back = await agent.sync(many.slice(1), { now: later(minutes(1)) });
    const again = await agent.sync(many.slice(2), { now: later(minutes(5)) });
    const third = await agent.sync(many.slice(3), { now: later(minutes(6)) });
    const nextDay = await agent.sync(many.slice(3), { now: later(minutes(24 * 60 + 5)) });

    expect([ahead, again].map(({ summary }) => summary.deleted)).toEqual([["mp-0"], ["mp-1"]]);
    expect(back.plan.writes.size).toBe(0);
    expect(third.summary.held).toEqual(["mp-2 OverLimit"]);
    expect(nextDay.summary.deleted).toEqual(["mp-2"]);
  });

  it("is no wider when the state is lost", async () => {
    const agent = anAgent({ rules: limited });
    await agent.sync(many);
    await agent.sync(many.slice(2));

    agent.memory = noMemory;
    const key = Buffer.alloc(32, 8);
    const rebuilt = await agent.sync(many.slice(4), { key, now: later(minutes(3)) });
    const after = await agent.sync(many.slice(4), { key, now: later(minutes(6)) });

    expect(rebuilt.summary.deleted).toEqual([]);
    expect(after.summary.held).toEqual(["mp-2 OverLimit", "mp-3 OverLimit"]);
  });
});

describe("a file that a person changed", () => {
  const edited = (agent: ReturnType<typeof anAgent>) =>
    textOf(agent.tree, application("mp-shop")).replace("description: ", "description: edited ");

  it("is written over, and the plan says so", async () => {
    const agent = anAgent();
    await agent.sync([shop, crm]);
    const before = agent.tree;

    agent.edit(application("mp-shop"), edited(agent));
    const { plan, summary } = await agent.sync([shop, crm]);

    expect(plan.overwritten).toEqual([application("mp-shop")]);
    expect(summary).toEqual({ ...nothing, updated: ["mp-shop"] });
    expect(textOf(agent.tree, application("mp-shop"))).toBe(textOf(before, application("mp-shop")));
  });

  it("stays with drift: preserve for as long as it is a person's, and the tree fits together", async () => {
    const agent = anAgent({ settings: { drift: "preserve" } });
    await agent.sync([shop, crm]);
    const ours = textOf(agent.tree, application("mp-shop"));
    const theirs = edited(agent);

    agent.edit(application("mp-shop"), theirs);
    const first = await agent.sync([{ ...shop, description: "from Compass" }, crm]);
    const second = await agent.sync([{ ...shop, description: "from Compass" }, crm]);

    expect(first.summary).toEqual({ ...nothing, held: ["mp-shop Drifted"] });
    expect(second.plan.writes.size).toBe(0);
    expect(textOf(agent.tree, application("mp-shop"))).toBe(theirs);
    expect(faults(agent.tree, sealKey)).toEqual([]);

    agent.edit(application("mp-shop"), ours);
    const third = await agent.sync([{ ...shop, description: "from Compass" }, crm]);

    expect(third.summary).toEqual({ ...nothing, updated: ["mp-shop"] });
    expect(faults(agent.tree, sealKey)).toEqual([]);
  });

  it.each([
    ["its Application", application("mp-shop")],
    ["its Secret", secret("mp-shop", 1)],
  ])("stays removed with drift: preserve, if it was %s", async (_, path) => {
    const agent = anAgent({ settings: { drift: "preserve" } });
    await agent.sync([shop, crm]);

    agent.edit(path, null);
    const first = await agent.sync([shop, { ...crm, description: "new" }]);
    const second = await agent.sync([shop, { ...crm, description: "new" }]);
    const given = await agent.sync([shop, { ...crm, description: "new" }], { settings: { drift: "overwrite" } });

    expect(first.summary).toEqual({ ...nothing, updated: ["mp-crm"], held: ["mp-shop Drifted"] });
    expect(second.plan.writes.size).toBe(0);
    expect(second.summary.held).toEqual(["mp-shop Drifted"]);
    expect(textOf(second.tree, "kustomization.yaml")).not.toContain(path);
    expect(given.tree.has(path)).toBe(true);
    expect(faults(agent.tree, sealKey)).toEqual([]);
  });

  it.each(["overwrite", "preserve", "fail"] as const)(
    "is written again where it was put back to an older version and reverts are overwritten: drift %s",
    async (drift) => {
      const agent = anAgent({ settings: { drift, reverted: "overwrite" } });
      await agent.sync([shop, crm]);
      const older = textOf(agent.tree, application("mp-shop"));
      await agent.sync([{ ...shop, description: "new" }, crm]);
      const newer = textOf(agent.tree, application("mp-shop"));

      agent.edit(application("mp-shop"), older);
      const { plan, summary } = await agent.sync([{ ...shop, description: "new" }, crm]);

      expect(summary).toEqual({ ...nothing, updated: ["mp-shop"] });
      expect(plan.overwritten).toEqual([application("mp-shop")]);
      expect(textOf(agent.tree, application("mp-shop"))).toBe(newer);
    },
  );

  it("stops the cycle with drift: fail", async () => {
    const agent = anAgent({ settings: { drift: "fail" } });
    await agent.sync([shop, crm]);

    agent.edit(application("mp-shop"), edited(agent));

    await expect(agent.sync([shop, crm])).rejects.toMatchObject({ code: "Drifted", stage: "plan" });
  });

  it("with reconcile: disabled is left alone, its Secrets and its deletion included, whatever drift says", async () => {
    const agent = anAgent({ settings: { drift: "fail" } });
    await agent.sync([shop, crm]);
    const marked = textOf(agent.tree, application("mp-shop")).replace(
      "  annotations:\n",
      "  annotations:\n    runtime-agent.kyma-project.io/reconcile: disabled\n",
    );

    agent.edit(application("mp-shop"), marked);
    const tree = agent.tree;
    const rotated = await agent.sync([anApplicationNamed("mp-shop", 1, "another password"), crm]);
    const gone = await agent.sync([crm]);
    const lost = await agent.sync([crm], { key: Buffer.alloc(32, 9) });
    const still = await agent.sync([shop, crm], { key: Buffer.alloc(32, 9) });

    for (const { summary } of [rotated, gone, lost, still]) {
      expect(summary).toEqual({ ...nothing, held: ["mp-shop ReconcileDisabled"] });
    }
    for (const path of [application("mp-shop"), secret("mp-shop", 1)]) {
      expect(textOf(agent.tree, path)).toBe(textOf(tree, path));
    }
    expect(faults(agent.tree, Buffer.alloc(32, 9))).toEqual([]);
  });
});

describe("a revert of a commit of ours", () => {
  const changed = { ...shop, description: "changed in Compass" };

  it("of a change is held until Compass changes it again", async () => {
    const agent = anAgent();
    await agent.sync([shop, crm]);
    const before = agent.tree;
    await agent.sync([changed, crm]);

    agent.tree = before;
    const held = await agent.sync([changed, crm]);
    const others = await agent.sync([changed, { ...crm, description: "new" }]);
    const still = await agent.sync([changed, { ...crm, description: "new" }]);
    const moved = await agent.sync([{ ...shop, description: "changed again" }, crm]);

    expect(held.summary).toEqual({ ...nothing, held: ["mp-shop Reverted"] });
    expect(held.plan.writes.size).toBe(0);
    expect(others.summary).toEqual({ ...nothing, updated: ["mp-crm"], held: ["mp-shop Reverted"] });
    expect(still.summary.held).toEqual(["mp-shop Reverted"]);
    expect(serialOf(others.tree)).toBe(3);
    expect(moved.summary).toEqual({ ...nothing, updated: ["mp-crm", "mp-shop"] });
    expect(faults(agent.tree, sealKey)).toEqual([]);
  });

  it("of a deletion is held until the Application is listed again", async () => {
    const agent = anAgent();
    await agent.sync([shop, crm]);
    const before = agent.tree;
    await agent.sync([crm]);

    agent.tree = before;
    const held = await agent.sync([crm]);
    const again = await agent.sync([crm], { now: later(minutes(600)) });
    const back = await agent.sync([shop, crm]);

    expect(held.summary).toEqual({ ...nothing, held: ["mp-shop Reverted"] });
    expect(again.summary).toEqual({ ...nothing, held: ["mp-shop Reverted"] });
    expect(back.summary).toEqual(nothing);
  });

  it("of a creation is held while Compass says the same", async () => {
    const agent = anAgent();
    await agent.sync([crm]);
    const before = agent.tree;
    await agent.sync([shop, crm]);

    agent.tree = before;
    const held = await agent.sync([shop, crm]);
    const moved = await agent.sync([changed, crm]);

    expect(held.summary).toEqual({ ...nothing, held: ["mp-shop Reverted"] });
    expect(moved.summary).toEqual({ ...nothing, created: ["mp-shop"] });
  });

  it("of the very first commit stops the cycle: an empty landscape would have all removed, and a new one is for a person to begin", async () => {
    const agent = anAgent();
    await agent.sync([shop]);

    agent.tree = new Map([["README.md", Buffer.from("a person's\n")]]);
    const stopped = agent.sync([shop]);

    await expect(stopped).rejects.toMatchObject({ code: "BaseUnusable", message: expect.stringContaining("any more") });
  });

  it("ends when a person resumes it", async () => {
    const agent = anAgent();
    await agent.sync([shop, crm]);
    const before = agent.tree;
    await agent.sync([changed, crm]);
    agent.tree = before;
    const { memory } = await agent.sync([changed, crm]);

    const reverted = Object.fromEntries(
      Object.entries(memory.reverted).map(([name, each]) => [name, { ...each, resumed: true }]),
    );
    agent.memory = { ...memory, reverted };
    const written = await agent.sync([changed, crm]);

    expect(written.summary).toEqual({ ...nothing, updated: ["mp-shop"] });
    expect(written.memory.reverted).toEqual({});
  });

  it("of one file by hand is told from other changes", async () => {
    const agent = anAgent();
    await agent.sync([shop, crm]);
    const old = textOf(agent.tree, secret("mp-shop", 1));
    await agent.sync([anApplicationNamed("mp-shop", 1, "rotated password"), crm]);

    agent.edit(secret("mp-shop", 1), old);
    const held = await agent.sync([anApplicationNamed("mp-shop", 1, "rotated password"), crm]);
    const still = await agent.sync([anApplicationNamed("mp-shop", 1, "rotated password"), crm]);

    expect(held.summary).toEqual({ ...nothing, held: ["mp-shop Reverted"] });
    expect(still.summary).toEqual({ ...nothing, held: ["mp-shop Reverted"] });
    expect(faults(agent.tree, sealKey)).toEqual([]);
  });

  it("is written over where the configuration says so", async () => {
    const agent = anAgent({ settings: { reverted: "overwrite" } });
    await agent.sync([shop]);
    const before = agent.tree;
    await agent.sync([changed]);

    agent.tree = before;
    const { summary } = await agent.sync([changed]);

    expect(summary).toEqual({ ...nothing, updated: ["mp-shop"] });
  });

  it("is not what an older memory looks like", async () => {
    const agent = anAgent();
    const { memory } = await agent.sync([shop]);
    await agent.sync([changed]);

    agent.memory = memory;
    const { summary } = await agent.sync([{ ...shop, description: "third" }]);

    expect(summary).toEqual({ ...nothing, updated: ["mp-shop"] });
  });
});

describe("a rename", () => {
  const flawed = { ...crm, name: "mp-shop", auths: ["\u0007"] };

  it.each<[string, readonly Application[]]>([
    ["is set aside", [flawed]],
    [
      "share it",
      [
        { ...crm, name: "mp-shop" },
        { ...erp, name: "mp-shop" },
      ],
    ],
  ])("is not kept from its new name by others that want the old one and %s", async (_, others) => {
    const agent = anAgent();
    await agent.sync([shop]);

    const { summary, plan } = await agent.sync([{ ...shop, name: "mp-new" }, ...others]);

    expect(summary).toEqual({ created: ["mp-new"], updated: [], deleted: ["mp-shop"], held: [] });
    expect(plan.setAside).toHaveLength(others.length);
  });

  it("that is taken back in Git is held until Compass says something new of the Application", async () => {
    const agent = anAgent();
    await agent.sync([shop, crm]);
    const before = agent.tree;
    await agent.sync([{ ...shop, name: "mp-new" }, crm]);
    agent.tree = before;

    const held = await agent.sync([{ ...shop, name: "mp-new" }, crm]);
    const after = await agent.sync([{ ...shop, name: "mp-new", description: "new" }, crm]);

    expect(held.summary).toEqual({ ...nothing, held: ["mp-new Reverted", "mp-shop Reverted"] });
    expect(after.summary).toEqual({ ...nothing, created: ["mp-new"], deleted: ["mp-shop"] });
  });
});

describe("an inventory that is older than the files", () => {
  /** Three commits; the inventory is of the first, and whatever else `more` puts back. */
  async function anOlder(more: Partial<CycleChanges> = {}) {
    const agent = anAgent(more);
    await agent.sync([shop, crm]);
    const first = agent.tree;
    await agent.sync([{ ...shop, description: "new" }, crm]);
    await agent.sync([{ ...shop, description: "new" }, crm, erp]);
    agent.edit(INVENTORY_PATH, textOf(first, INVENTORY_PATH));
    return { agent, first, compass: [{ ...shop, description: "new" }, crm, erp] };
  }

  it.each(["overwrite", "preserve", "fail"] as const)("keeps all of them, with drift: %s", async (drift) => {
    const { agent, compass } = await anOlder({ settings: { drift } });

    const { summary, plan } = await agent.sync(compass);

    expect(summary).toEqual(nothing);
    expect([...plan.writes.keys()]).toEqual([INVENTORY_PATH]);
    expect(faults(agent.tree, sealKey)).toEqual([]);
    expect((await agent.sync(compass)).plan.writes.size).toBe(0);
  });

  it("keeps what the kustomization lists where the memory is lost, too", async () => {
    const { agent, compass } = await anOlder();
    agent.memory = noMemory;

    const { summary } = await agent.sync(compass);

    expect(summary.held).toEqual([]);
    expect(textOf(agent.tree, "kustomization.yaml")).toContain(application("mp-erp"));
  });

  it("is not taken for a change of what is over all Applications", async () => {
    const { agent, compass } = await anOlder();
    const [first = shop, ...rest] = compass;

    const { plan } = await agent.sync([{ ...first, description: "newer" }, ...rest]);

    expect([...plan.writes.keys()]).toContain("revision.yaml");
    expect(plan.overwritten).toEqual([]);
  });

  it("hides no change of what is over all Applications where its files were put back with it", async () => {
    const { agent, first, compass } = await anOlder();
    agent.tree = first;
    agent.edit("revision.yaml", "mine\n");

    const { plan } = await agent.sync(compass);

    expect(plan.overwritten).toEqual(["revision.yaml"]);
  });

  it("holds alone what was put back with it", async () => {
    const { agent, first, compass } = await anOlder();
    agent.edit(application("mp-shop"), textOf(first, application("mp-shop")));

    const { summary } = await agent.sync(compass);

    expect(summary).toEqual({ ...nothing, held: ["mp-shop Reverted"] });
    expect(textOf(agent.tree, "kustomization.yaml")).toContain(application("mp-erp"));
  });

  it("takes a person's edit for put back as well, and writes nothing over it", async () => {
    const { agent, compass } = await anOlder();
    agent.edit(application("mp-erp"), `${textOf(agent.tree, application("mp-erp"))}# mine\n`);

    const { summary } = await agent.sync(compass);

    expect(summary).toEqual({ ...nothing, held: ["mp-erp Reverted"] });
    expect(textOf(agent.tree, application("mp-erp"))).toContain("# mine");
    expect(textOf(agent.tree, "kustomization.yaml")).toContain(application("mp-erp"));
  });

  it("leaves alone what a person marked", async () => {
    const { agent, compass } = await anOlder({ settings: { reverted: "overwrite" } });
    const text = textOf(agent.tree, application("mp-erp"));
    const mark = "  annotations:\n    runtime-agent.kyma-project.io/reconcile: disabled\n";
    agent.edit(application("mp-erp"), text.replace("  annotations:\n", mark));

    const { summary } = await agent.sync(compass);

    expect(summary).toEqual({ ...nothing, held: ["mp-erp ReconcileDisabled"] });
  });

  it("misses no file that the agent has removed since", async () => {
    const agent = anAgent({ rules: atOnce, settings: { drift: "preserve" } });
    await agent.sync([shop]);
    const first = agent.tree;
    const bare = { ...shop, bundles: shop.bundles.map((bundle) => ({ ...bundle, defaultInstanceAuth: null })) };
    const { summary: removed } = await agent.sync([bare]);
    agent.edit(INVENTORY_PATH, textOf(first, INVENTORY_PATH));

    const { summary } = await agent.sync([bare]);

    expect(removed.updated).toEqual(["mp-shop"]);
    expect(agent.tree.has(secret("mp-shop", 1))).toBe(false);
    expect(summary).toEqual(nothing);
  });

  it("goes by the Application's own file where another's Secret still lies in its folder", async () => {
    const agent = anAgent({ rules: { ...atOnce, mode: "upsert-only" } });
    await agent.sync([shop]);
    const first = agent.tree;
    const anew = anApplicationNamed("mp-shop", 7);
    await agent.sync([anew]);
    agent.edit(INVENTORY_PATH, textOf(first, INVENTORY_PATH));

    const { summary, plan } = await agent.sync([anew]);

    expect([summary, plan.replaced]).toEqual([nothing, []]);
  });

  it("takes no copy for the agent's where it is rebuilt, and no Secret of a former owner for the Application's", async () => {
    const agent = anAgent({ rules: { ...atOnce, mode: "upsert-only" } });
    await agent.sync([shop]);
    const anew = anApplicationNamed("mp-shop", 7);
    await agent.sync([anew]);
    agent.edit("applications/mp-copy/application.yaml", textOf(agent.tree, application("mp-shop")));
    const list = `${textOf(agent.tree, "kustomization.yaml")}  - applications/mp-copy/application.yaml\n`;
    agent.edit("kustomization.yaml", list);

    const { summary } = await agent.sync([anew], { key: Buffer.alloc(32, 9) });
    const { inventory } = readInventory(
      agent.tree.get(INVENTORY_PATH) ?? Buffer.alloc(0),
      Buffer.alloc(32, 9),
    ) as Extract<ReturnType<typeof readInventory>, { state: "verified" }>;

    expect(summary).toEqual(nothing);
    expect(textOf(agent.tree, "kustomization.yaml")).not.toContain("mp-copy");
    expect(inventory.files.find(({ path }) => path === secret("mp-shop", 1))?.id).toBeNull();
  });

  it("is rebuilt, and what a person put right since counts as the agent's again", async () => {
    const agent = anAgent({ settings: { drift: "preserve" } });
    await agent.sync([shop, crm]);
    const written = textOf(agent.tree, application("mp-shop"));
    agent.edit(application("mp-shop"), `${written}# mine\n`);
    agent.edit(INVENTORY_PATH, textOf(agent.tree, INVENTORY_PATH).replace(/"sha256": ?"../, '"sha256": "00'));
    const rebuilt = await agent.sync([shop, crm]);

    agent.edit(application("mp-shop"), written);
    await agent.sync([shop, crm]);
    const { summary } = await agent.sync([{ ...shop, description: "new" }, crm]);

    expect(rebuilt.summary.held.map((each) => each.split(" ")[0])).toContain("mp-shop");
    expect(summary).toEqual({ ...nothing, updated: ["mp-shop"] });
  });

  it("takes no copy for the agent's, and no file that a person added", async () => {
    const { agent, compass } = await anOlder();
    agent.edit("applications/mp-copy/application.yaml", textOf(agent.tree, application("mp-crm")));
    agent.edit("applications/mp-crm/secrets/mine.yaml", "mine\n");

    await agent.sync(compass);

    expect(textOf(agent.tree, "kustomization.yaml")).not.toMatch(/mp-copy|mine/);
    expect(textOf(agent.tree, "applications/mp-crm/secrets/mine.yaml")).toBe("mine\n");
  });
});

describe("the folder of another agent that a person copied", () => {
  /** As the other agent wrote it, in the place of ours. */
  async function aCopy({ listed }: { readonly listed: boolean }) {
    const other = anAgent();
    await other.sync([anApplicationNamed("mp-x", 9)]);
    const agent = anAgent({ rules: atOnce });
    await agent.sync([shop, crm]);
    const copied = [...other.tree.keys()].filter((path) => path.startsWith("applications/mp-x/"));
    for (const path of copied) agent.edit(path, textOf(other.tree, path));
    const kustomization = textOf(agent.tree, "kustomization.yaml");
    const lines = copied.map((path) => `  - ${path}\n`).join("");
    if (listed) agent.edit("kustomization.yaml", kustomization.replace("resources:\n", `resources:\n${lines}`));
    return { agent, copied };
  }

  it.each([true, false])("is that person's, beside the newest inventory, listed by them: %s", async (listed) => {
    const { agent, copied } = await aCopy({ listed });

    const cycles = [];
    for (let cycle = 0; cycle < 3; cycle++) cycles.push((await agent.sync([shop, crm])).summary);

    expect(cycles).toEqual([nothing, nothing, nothing]);
    expect(copied.filter((path) => !agent.tree.has(path))).toEqual([]);
    expect(copied.length).toBeGreaterThan(0);
  });

  it("is that person's where the inventory is rebuilt, too", async () => {
    const { agent, copied } = await aCopy({ listed: false });
    agent.edit(INVENTORY_PATH, textOf(agent.tree, INVENTORY_PATH).replace(/"sha256": ?"../, '"sha256": "00'));

    for (let cycle = 0; cycle < 4; cycle++) await agent.sync([shop, crm]);

    expect(copied.filter((path) => !agent.tree.has(path))).toEqual([]);
    expect(textOf(agent.tree, "kustomization.yaml")).not.toContain("mp-x");
  });
});

describe("what a person removed by mistake and brings back", () => {
  const flawed = { ...shop, auths: ["\u0007"] };

  it.each<[string, string, readonly Application[], CycleChanges]>([
    ["the folder of one that is set aside", "applications/mp-shop/", [flawed, crm], {}],
    ["the Secret of one that is set aside", secret("mp-shop", 1), [flawed, crm], {}],
    [
      "the folder of one that is missing for a moment",
      "applications/mp-shop/",
      [crm],
      { rules: { ...atOnce, observations: 5 } },
    ],
  ])("is the agent's again, and listed: %s", async (_, prefix, compass, more) => {
    const agent = anAgent(more);
    await agent.sync([shop, crm]);
    const whole = agent.tree;
    await agent.sync(compass);
    const removed = [...whole].filter(([path]) => path.startsWith(prefix));
    for (const [path] of removed) agent.edit(path, null);
    await agent.sync(compass);

    for (const [path, bytes] of removed) agent.edit(path, bytes.toString());
    const { plan } = await agent.sync(compass);
    const back = textOf(agent.tree, "kustomization.yaml");
    const after = await agent.sync([{ ...shop, description: "new" }, crm]);

    expect(plan.setAside.map(({ reason }) => reason)).not.toContain("ForeignFile");
    expect(back).toBe(textOf(whole, "kustomization.yaml"));
    expect(after.summary).toEqual({ ...nothing, updated: ["mp-shop"] });
  });

  it("ends with its owner where another Application has the name, whatever was done about drift", async () => {
    const agent = anAgent({ settings: { drift: "preserve" } });
    await agent.sync([shop, crm]);
    for (const path of agent.tree.keys()) if (path.startsWith("applications/mp-shop/")) agent.edit(path, null);
    const preserved = await agent.sync([shop, crm]);

    const { summary } = await agent.sync([anApplicationNamed("mp-shop", 7), crm]);

    expect(preserved.summary.held).toEqual(["mp-shop Drifted"]);
    expect(summary).toEqual({ ...nothing, created: ["mp-shop"] });
  });
});

describe("an Application suspended by name", () => {
  const suspended = (memory: Memory, name: string): Memory => ({
    ...memory,
    suspended: { everything: null, applications: { [name]: { since: later(0).toISOString(), reason: null } } },
  });

  it("is neither updated nor deleted nor created, while the others flow", async () => {
    const agent = anAgent();
    await agent.sync([shop, crm]);
    agent.memory = suspended(agent.memory, "mp-shop");
    const before = agent.tree;

    const changed = await agent.sync([
      { ...shop, description: "new" },
      { ...crm, description: "new" },
    ]);
    const gone = await agent.sync([{ ...crm, description: "new" }]);

    expect(changed.summary).toEqual({ ...nothing, updated: ["mp-crm"], held: ["mp-shop Suspended"] });
    expect(gone.summary).toEqual({ ...nothing, held: ["mp-shop Suspended"] });
    expect(textOf(agent.tree, application("mp-shop"))).toBe(textOf(before, application("mp-shop")));
    expect(faults(agent.tree, sealKey)).toEqual([]);
  });

  it("keeps its folder from another one that takes the old name, while it has a new one itself", async () => {
    const agent = anAgent();
    await agent.sync([shop, crm]);
    agent.memory = suspended(agent.memory, "mp-store");
    const before = agent.tree;

    const { summary, plan } = await agent.sync([{ ...shop, name: "mp-store" }, { ...erp, name: "mp-shop" }, crm]);

    expect(summary).toEqual({ ...nothing, held: ["mp-shop Renamed", "mp-store Suspended"] });
    expect(plan.deletes).toEqual([]);
    expect(agent.tree).toEqual(before);
  });

  it("is told of the old name as well, under which it stands in Git", async () => {
    const agent = anAgent();
    await agent.sync([shop, crm]);
    agent.memory = suspended(agent.memory, "mp-store");

    const { summary } = await agent.sync([{ ...shop, name: "mp-store" }, crm]);

    expect(summary).toEqual({ ...nothing, held: ["mp-shop Suspended", "mp-store Suspended"] });
  });

  it("is told once, and not at all when there is nothing to leave alone", async () => {
    const agent = anAgent({ settings: { destinationChange: "hold" } });
    await agent.sync([shop, crm]);
    agent.edit(".runtime-agent/suspend", "mp-shop\nmp-nowhere\n");
    const [bundle] = shop.bundles;
    const moved = {
      ...shop,
      bundles: bundle ? [{ ...bundle, apiDefinitions: [anAPI({ targetURL: "https://x.test" })] }] : [],
    };

    const { summary, plan } = await agent.sync([moved, crm]);

    expect(summary).toEqual({ ...nothing, held: ["mp-shop Suspended"] });
    expect(plan.decision.approval).toBeNull();
  });

  it("by a file in Git, too", async () => {
    const agent = anAgent();
    await agent.sync([shop, crm]);

    agent.edit(".runtime-agent/suspend", "mp-shop # moved by hand\n");
    const { summary } = await agent.sync([{ ...shop, description: "new" }, crm, erp]);

    expect(summary).toEqual({ ...nothing, created: ["mp-erp"], held: ["mp-shop Suspended"] });
    expect(agent.tree.has(".runtime-agent/suspend")).toBe(true);
  });
});

describe("credentials that stay while the host they are sent to changes", () => {
  const elsewhere: Application = {
    ...shop,
    bundles: shop.bundles.map((bundle) => ({
      ...bundle,
      apiDefinitions: [anAPI({ targetURL: "https://evil.example.net/orders" })],
    })),
  };
  const change = {
    name: "mp-shop",
    id: uuid(1),
    bundle: uuid(101),
    from: ["shop.example.com"],
    to: ["evil.example.net"],
  };

  it("are published and reported", async () => {
    const agent = anAgent();
    await agent.sync([shop]);

    const { plan, summary } = await agent.sync([elsewhere]);
    const after = await agent.sync([elsewhere]);

    expect(plan.decision.destinationChanges).toEqual([change]);
    expect(summary).toEqual({ ...nothing, updated: ["mp-shop"] });
    expect(after.plan.decision.destinationChanges).toEqual([]);
  });

  it("are held where the configuration says so, until exactly that is approved", async () => {
    const agent = anAgent({ settings: { destinationChange: "hold" } });
    await agent.sync([shop, crm]);

    const held = await agent.sync([elsewhere, { ...crm, description: "new" }]);
    agent.approve(held.plan.approval?.hold.hash ?? "");
    const further = {
      ...elsewhere,
      bundles: elsewhere.bundles.map((bundle) => ({
        ...bundle,
        apiDefinitions: [anAPI({ targetURL: "https://worse.example.net/" })],
      })),
    };
    const other = await agent.sync([further, crm], { nonce: "other" });
    const passed = await agent.sync([elsewhere, crm], { nonce: "third" });

    expect(held.summary).toEqual({ ...nothing, updated: ["mp-crm"], held: ["mp-shop DestinationChanged"] });
    expect(other.summary.held).toEqual(["mp-shop DestinationChanged"]);
    // The set in between was another one: the nonce of the first is gone.
    expect(passed.summary.held).toEqual(["mp-shop DestinationChanged"]);

    agent.approve(passed.plan.approval?.hold.hash ?? "");
    expect((await agent.sync([elsewhere, crm])).summary).toEqual({ ...nothing, updated: ["mp-shop"] });
  });

  it("take no room within the limit from others while they are held, and have their part of it afterwards", async () => {
    const two = (name: string, number: number) => {
      const [one, other] = [anApplicationNamed(name, number), anApplicationNamed(name, number + 50)];
      return { ...one, bundles: [...one.bundles, ...other.bundles] };
    };
    const withoutLast = (each: Application) => ({
      ...each,
      bundles: each.bundles.map((bundle, index) => (index === 0 ? bundle : { ...bundle, defaultInstanceAuth: null })),
    });
    const redirected = (each: Application) => ({
      ...each,
      bundles: each.bundles.map((bundle) => ({
        ...bundle,
        apiDefinitions: [anAPI({ targetURL: "https://evil.example.net/orders" })],
      })),
    });
    const rules = { ...atOnce, limit: 0.2 };
    const agent = anAgent({ rules, settings: { destinationChange: "hold" } });
    const [a, b] = [two("mp-a", 1), two("mp-b", 2)];
    await agent.sync([a, b]);
    const evil = redirected(withoutLast(a));

    const held = await agent.sync([evil, withoutLast(b)]);
    agent.approve(held.plan.approval?.hold.hash ?? "");
    const passed = await agent.sync([evil, withoutLast(b)]);

    expect(held.summary).toEqual({ ...nothing, updated: ["mp-b"], held: ["mp-a DestinationChanged"] });
    expect(held.plan.deletes).toHaveLength(1);
    expect(passed.summary).toEqual({ ...nothing, updated: ["mp-a"], held: ["mp-a OverLimit"] });
    expect(passed.plan.deletes).toEqual([]);
  });

  it("are held, too, while the limit alone keeps the credentials", async () => {
    const without = (each: Application, changes: object = {}) => ({
      ...each,
      bundles: each.bundles.map((bundle) => ({ ...bundle, defaultInstanceAuth: null, ...changes })),
    });
    const agent = anAgent({ rules: { ...atOnce, limit: 0.2 }, settings: { destinationChange: "hold" } });
    const [a, b] = [anApplicationNamed("mp-a", 1), anApplicationNamed("mp-b", 2)];
    await agent.sync([a, b]);
    const evil = without(a, { apiDefinitions: [anAPI({ targetURL: "https://evil.example.net/orders" })] });

    const spent = await agent.sync([a, without(b)]);
    const { plan, summary } = await agent.sync([evil, without(b)]);

    expect(spent.plan.deletes).toHaveLength(1);
    expect(summary.updated).toEqual([]);
    expect(plan.held).toEqual(expect.arrayContaining([expect.objectContaining({ reason: "DestinationChanged" })]));
    expect([plan.writes.size, plan.deletes.length]).toEqual([0, 0]);
  });

  it("are held, too, while a second look at something else that was approved keeps them", async () => {
    const rules = { ...atOnce, observations: 9, credentials: { observations: 2, over: 0 } };
    const agent = anAgent({ rules, settings: { destinationChange: "hold" } });
    const bare = (one: Application): Application => ({
      ...one,
      bundles: one.bundles.map((bundle) => ({ ...bundle, defaultInstanceAuth: null })),
    });
    await agent.sync([shop, crm, erp]);
    await agent.sync([bare(shop), erp]);
    const waiting = await agent.sync([bare(shop), erp], { second: aSnapshot([]) });
    agent.approve(waiting.plan.hold?.hash ?? "");
    const evil = bare(elsewhere);

    const { plan, summary } = await agent.sync([evil, erp], { second: aSnapshot([evil, crm, erp]) });

    expect(plan.held).toEqual(expect.arrayContaining([expect.objectContaining({ reason: "SeenAgain" })]));
    expect(summary).toMatchObject({ created: [], updated: [], deleted: [] });
    expect(summary.held).toContain("mp-shop DestinationChanged");
    expect(plan.destinationChanges).toMatchObject([{ to: ["evil.example.net"], isHeld: true }]);
    expect(textOf(agent.tree, application("mp-shop"))).not.toContain("evil.example.net");
  });

  it("are nothing to report when the credentials changed with it", async () => {
    const agent = anAgent();
    await agent.sync([shop]);
    const rotated = anApplicationNamed("mp-shop", 1, "another password");

    const { plan } = await agent.sync([
      {
        ...elsewhere,
        bundles: elsewhere.bundles.map((each, index) => ({
          ...each,
          defaultInstanceAuth: rotated.bundles[index]?.defaultInstanceAuth ?? null,
        })),
      },
    ]);

    expect(plan.decision.destinationChanges).toEqual([]);
  });
});

describe("an inventory that somebody tampered with", () => {
  it("deletes nothing when two sealed files and both rows are swapped, says so, and puts both right", async () => {
    const agent = anAgent();
    await agent.sync([shop, crm]);
    const before = agent.tree;
    const [first, second] = [secret("mp-shop", 1), secret("mp-crm", 2)];
    const reading = readInventory(before.get(INVENTORY_PATH) ?? Buffer.alloc(0), sealKey);
    if (reading.state !== "verified") throw new Error("the inventory does not verify");
    const row = (path: string) => reading.inventory.files.find((each) => each.path === path);
    const files = reading.inventory.files.map((each) => {
      const other = each.path === first ? row(second) : each.path === second ? row(first) : undefined;
      return other === undefined ? each : { ...other, path: each.path };
    });
    const swapped = new Map(before);
    swapped.set(first, before.get(second) ?? Buffer.alloc(0));
    swapped.set(second, before.get(first) ?? Buffer.alloc(0));
    // The code that stands there is the old one: nobody else can make a new one.
    const forged = formatInventory({ ...reading.inventory, files }, Buffer.alloc(32, 1)).toString();
    const code = /"hmac": "\w+"/.exec(textOf(before, INVENTORY_PATH))?.[0] ?? "";
    swapped.set(INVENTORY_PATH, Buffer.from(forged.replace(/"hmac": "\w+"/, code)));

    agent.tree = swapped;
    const { plan, summary } = await agent.sync([shop]);

    expect(plan.deletes).toEqual([]);
    expect(summary.held).toEqual(["mp-crm InventoryRebuilt"]);
    expect(agent.tree.get(first)).toEqual(before.get(first));
    expect(applied(swapped, plan)).toEqual(agent.tree);
  });

  it("of another tenant stops, and is taken over by a command, which deletes nothing", async () => {
    const agent = anAgent({ tenant: "tenant-1" });
    await agent.sync([shop, crm]);

    await expect(agent.sync([shop], { tenant: "tenant-2" })).rejects.toMatchObject({ code: "TwoAgents" });
    const { runtime } = aSnapshot([]);
    const taken = await agent.sync([shop], { tenant: "tenant-2", takeOver: runtime.id });
    const after = await agent.sync([shop], { tenant: "tenant-2" });

    expect(taken.summary).toEqual({ ...nothing, held: ["mp-crm InventoryRebuilt"] });
    expect(after.summary.deleted).toEqual(["mp-crm"]);
  });

  it("of another runtime is taken over by a command that names it", async () => {
    const agent = anAgent();
    await agent.sync([shop, crm]);
    const other = uuid(900);

    await expect(agent.sync([shop], { runtimeID: other })).rejects.toMatchObject({ code: "TwoAgents" });
    await expect(agent.sync([shop], { runtimeID: other, takeOver: uuid(901) })).rejects.toMatchObject({
      code: "TwoAgents",
    });
    const taken = await agent.sync([erp], { runtimeID: other, takeOver: aSnapshot([]).runtime.id });

    expect(taken.summary).toEqual({
      ...nothing,
      created: ["mp-erp"],
      held: ["mp-crm InventoryRebuilt", "mp-shop InventoryRebuilt"],
    });
    expect(faults(agent.tree, sealKey)).toEqual([]);
  });
});

describe("a link or a submodule under the agent's path", () => {
  it.each([
    ["in the place of its folder", "applications/mp-shop"],
    ["in the place of its file", "applications/mp-shop/application.yaml"],
    ["in the place of its Secrets", "applications/mp-shop/secrets"],
  ])("%s sets that Application aside and stops no other", async (_, obstacle) => {
    const { plan } = await cycle(empty, aSnapshot([shop, crm]), { obstacles: new Set([obstacle]) });

    expect(plan.created).toEqual(["mp-crm"]);
    expect(plan.setAside).toMatchObject([{ name: "mp-shop", reason: "ForeignFile" }]);
    expect([...plan.writes.keys()].filter((path) => path.startsWith(obstacle))).toEqual([]);
  });

  it("is nobody's business elsewhere", async () => {
    const { plan } = await cycle(empty, aSnapshot([shop]), { obstacles: new Set(["applications/mp-sho", "link"]) });

    expect(plan.created).toEqual(["mp-shop"]);
  });
});

describe("what would be lost", () => {
  const shopAt = (host: string, given: Application = shop): Application => ({
    ...given,
    bundles: given.bundles.map((bundle) => ({ ...bundle, apiDefinitions: [anAPI({ targetURL: `https://${host}/` })] })),
  });
  const bare = (one: Application): Application => ({
    ...one,
    bundles: one.bundles.map((bundle) => ({ ...bundle, defaultInstanceAuth: null })),
  });
  const patient: DeletionRules = { ...atOnce, credentials: { observations: 5, over: 0 } };

  it("credentials that Compass gives no more and Git keeps are not sent to a new host", async () => {
    const agent = anAgent({ rules: patient, settings: { destinationChange: "hold" } });
    await agent.sync([shopAt("shop.example.com")]);
    const before = agent.tree;

    const { summary, plan } = await agent.sync([shopAt("evil.example.net", bare(shop))]);

    expect(summary.held).toEqual(expect.arrayContaining(["mp-shop DestinationChanged"]));
    expect(plan.destinationChanges).toMatchObject([
      { from: ["shop.example.com"], to: ["evil.example.net"], isHeld: true },
    ]);
    expect(textOf(agent.tree, application("mp-shop"))).toBe(textOf(before, application("mp-shop")));
  });

  const named = (name: string, one: Application): Application => ({ ...one, name });

  describe.each<[string, readonly Application[], readonly string[]]>([
    ["a rename", [named("mp-store", bare(shop)), crm], ["mp-store"]],
    ["a swap of names", [named("mp-crm", bare(shop)), named("mp-shop", crm)], ["mp-crm", "mp-shop"]],
    ["a chain of renames", [named("mp-crm", bare(shop)), named("mp-erp", crm)], ["mp-crm", "mp-erp"]],
  ])("credentials that vanish together with %s", (_, listed, waiting) => {
    const path = secret("mp-shop", 1);

    it("wait by their own rule, and all names that hang together with them", async () => {
      const agent = anAgent({ rules: patient });
      await agent.sync([shop, crm]);
      const before = agent.tree;

      for (let look = 1; look < 5; look++) {
        const { plan } = await agent.sync(listed);
        const held = plan.held.map(({ name, reason, secret }) => `${secret ?? name} ${reason}`);
        expect(held).toEqual(
          expect.arrayContaining([`${path} CredentialsVanished`, ...waiting.map((name) => `${name} Renamed`)]),
        );
        expect(agent.tree).toEqual(before);
      }
      const { lookedAgain, plan } = await agent.sync(listed);

      expect(lookedAgain).toBe(true);
      expect(plan.held).toEqual([]);
      expect(agent.tree.has(path)).toBe(false);
      expect(textOf(agent.tree, application(waiting[0] ?? ""))).toContain(`applicationId: ${uuid(1)}`);
      expect(faults(agent.tree, sealKey)).toEqual([]);
      expect(agent.memory.published.deletions).toMatchObject([{ secrets: 1 }]);
    });

    it("stay where a second look shows them", async () => {
      const agent = anAgent();
      await agent.sync([shop, crm]);
      const before = agent.tree;

      const { plan } = await agent.sync(listed, { second: aSnapshot([named(waiting[0] ?? "", shop), crm]) });

      expect(plan.held).toEqual(
        expect.arrayContaining([expect.objectContaining({ id: uuid(1), secret: path, reason: "SeenAgain" })]),
      );
      expect(agent.tree).toEqual(before);
    });

    it("count for the limit", async () => {
      const agent = anAgent({ rules: { ...atOnce, limit: 0 } });
      await agent.sync([shop, crm, erp]);
      const before = agent.tree;

      const { plan } = await agent.sync([...listed, bare(named("mp-new", erp))].slice(0, 3));

      expect(plan.held).toEqual(
        expect.arrayContaining([expect.objectContaining({ secret: path, reason: "OverLimit" })]),
      );
      expect(agent.tree).toEqual(before);
    });

    it("keep their reference in upsert-only, and move with it when they are back", async () => {
      const agent = anAgent({ rules: { ...atOnce, mode: "upsert-only" } });
      await agent.sync([shop, crm]);
      const before = agent.tree;

      const { plan } = await agent.sync(listed);
      expect(plan.held).toEqual(
        expect.arrayContaining([expect.objectContaining({ secret: path, reason: "UpsertOnly" })]),
      );
      expect(agent.tree).toEqual(before);

      await agent.sync(listed.map((one) => (one.id === shop.id ? named(one.name, shop) : one)));
      expect(textOf(agent.tree, application(waiting[0] ?? ""))).toContain(`-${uuid(101)}\n`);
    });
  });

  describe("an Application whose owner nobody knows, since its file is broken and the state lost", () => {
    const broken = async () => {
      const agent = anAgent({ rules: atOnce });
      await agent.sync([shop, crm, erp]);
      agent.edit(application("mp-shop"), `${textOf(agent.tree, application("mp-shop"))}<<<<<<< HEAD\n`);
      agent.memory = noMemory;
      return {
        tree: () => agent.tree,
        approve: agent.approve,
        // The seal key was lost as well: the inventory is rebuilt.
        sync: (listed: readonly Application[], more: CycleChanges = {}) =>
          agent.sync(listed, { key: Buffer.alloc(32, 8), ...more }),
      };
    };
    const reasonsOf = ({ held }: { readonly held: readonly { readonly name: string; readonly reason: string }[] }) =>
      held.map(({ name, reason }) => `${name} ${reason}`);

    it.each<[string, Application[]]>([
      ["is not listed", [crm, erp]],
      ["has another name", [named("mp-new", shop), crm, erp]],
      ["has another name and is set aside", [named("BAD NAME", shop), crm, erp]],
    ])("stays for ever, though it %s", async (_, listed) => {
      const agent = await broken();
      const before = textOf(agent.tree(), application("mp-shop"));

      for (let cycle = 0; cycle < 5; cycle++) await agent.sync(listed);
      const { plan } = await agent.sync(listed);

      expect(reasonsOf(plan)).toContain("mp-shop UnknownOwner");
      expect(textOf(agent.tree(), application("mp-shop"))).toBe(before);
    });

    it("goes by an approval, unless a second look shows its name", async () => {
      const agent = await broken();
      await agent.sync([crm, erp]);
      const { plan } = await agent.sync([crm, erp]);
      agent.approve(plan.hold?.hash ?? "");

      const seen = await agent.sync([crm, erp], { second: aSnapshot([shop, crm, erp]) });
      expect(reasonsOf(seen.plan)).toEqual(["mp-shop SeenAgain"]);
      const { plan: held } = await agent.sync([crm, erp], { nonce: "of another hold" });
      expect(reasonsOf(held)).toEqual(["mp-shop UnknownOwner"]);
      agent.approve(held.hold?.hash ?? "");
      const gone = await agent.sync([crm, erp]);

      expect(gone.plan.deleted).toEqual(["mp-shop"]);
    });

    it("is written again, and known from then on, where it is listed", async () => {
      const agent = await broken();
      await agent.sync([shop, crm, erp]);

      const { plan } = await agent.sync([crm, erp]);

      expect(plan.deleted).toEqual(["mp-shop"]);
    });
  });

  it("what a person put back is not said to be written over where Compass says the same by now", async () => {
    const agent = anAgent();
    await agent.sync([shop, crm]);
    const before = textOf(agent.tree, application("mp-shop"));
    await agent.sync([{ ...shop, description: "New" }, crm]);
    agent.edit(application("mp-shop"), before);

    const { plan } = await agent.sync([shop, crm]);

    expect(plan.overwritten).toEqual([]);
    expect(plan.writes.has(application("mp-shop"))).toBe(false);
  });

  it("credentials of an Application that somebody changed keep their reference after a lost state", async () => {
    const agent = anAgent({ rules: patient });
    await agent.sync([shop, crm]);
    agent.edit(application("mp-shop"), `${textOf(agent.tree, application("mp-shop"))}# mine\n`);
    agent.memory = noMemory;

    for (let cycle = 0; cycle < 3; cycle++) {
      await agent.sync([bare(shop), crm], { key: Buffer.alloc(32, 8) });
      expect(textOf(agent.tree, application("mp-shop"))).toContain(`secretName: mp-shop-${uuid(101)}\n`);
    }
  });

  it("what is left of an Application stays the agent's after a lost memory, whatever is done to the inventory", async () => {
    const agent = anAgent({ rules: patient });
    await agent.sync([shop, crm]);
    agent.edit(application("mp-shop"), null);
    await agent.sync([]);
    agent.memory = noMemory;
    await agent.sync([]);
    const inventory = textOf(agent.tree, INVENTORY_PATH).replace(/"sha256":"..../, '"sha256":"0000');
    agent.edit(INVENTORY_PATH, inventory);

    const { plan } = await agent.sync([]);

    expect(plan.held).toMatchObject([{ name: "mp-crm" }, { name: "mp-shop" }]);
    expect(textOf(agent.tree, "kustomization.yaml")).toContain(secret("mp-shop", 1));
  });

  it("an Application that stays counts for paths that the gateway cannot tell apart", async () => {
    const withBundle = (name: string, number: number, bundle: string): Application => {
      const one = anApplicationNamed(name, number);
      return { ...one, bundles: one.bundles.map((each) => ({ ...each, name: bundle })) };
    };
    const [first, second] = [withBundle("mp-x", 1, "yz"), withBundle("mp-xy", 2, "z")];
    const flawed: Application = { ...first, auths: ["\u0007"] };
    for (const listed of [
      [flawed, second, crm],
      [second, crm],
    ]) {
      const agent = anAgent({ rules: patient });
      await agent.sync([first, crm]);

      const { plan } = await agent.sync(listed);

      expect(plan.created).toEqual(["mp-xy"]);
      expect(plan.degraded).toMatchObject([
        { name: "mp-xy", reason: "PathCollision", message: expect.stringContaining("/mp-x/yz/") },
      ]);
    }
  });

  describe("credentials of Applications that are all registered anew without them", () => {
    const anew = (credentials: (one: Application) => Application) =>
      [shop, crm, erp].map((one, index) => {
        const { name, bundles } = credentials(one);
        const changed = bundles.map((each) => ({ ...each, id: uuid(120 + index) }));
        return anApplication({ id: uuid(20 + index), name, bundles: changed });
      });
    const paths = [secret("mp-shop", 1), secret("mp-crm", 2), secret("mp-erp", 3)];
    const heldSecrets = (held: readonly { readonly secret: string | null; readonly reason: string }[]) =>
      held.filter(({ secret }) => secret !== null).map(({ secret, reason }) => `${secret} ${reason}`);

    it("wait by their own rule, and so do the new ones", async () => {
      const agent = anAgent({ rules: { ...patient, limit: 1 } });
      await agent.sync([shop, crm, erp]);
      const before = agent.tree;

      for (let look = 1; look < 5; look++) {
        const { plan } = await agent.sync(anew(bare));
        expect(heldSecrets(plan.held).sort()).toEqual(paths.map((path) => `${path} CredentialsVanished`).sort());
        expect(agent.tree).toEqual(before);
      }
      const { plan } = await agent.sync(anew(bare));

      expect(plan.held).toEqual([]);
      expect(paths.filter((path) => agent.tree.has(path))).toEqual([]);
      expect(textOf(agent.tree, application("mp-shop"))).toContain(`applicationId: ${uuid(20)}`);
      expect(agent.memory.published.deletions).toMatchObject([{ secrets: 3 }]);
      expect(faults(agent.tree, sealKey)).toEqual([]);
    });

    it("count for the limit", async () => {
      const agent = anAgent({ rules: { ...atOnce, limit: 0.5 } });
      await agent.sync([shop, crm, erp]);
      const before = agent.tree;

      const { plan } = await agent.sync(anew(bare));

      expect(heldSecrets(plan.held).sort()).toEqual(paths.map((path) => `${path} OverLimit`).sort());
      expect(agent.tree).toEqual(before);
    });

    it("do not end the wait of those that had vanished before", async () => {
      const agent = anAgent({ rules: { ...patient, limit: 1 } });
      await agent.sync([shop, crm, erp]);
      await agent.sync([bare(shop), crm, erp]);

      const { plan } = await agent.sync(anew((one) => (one === shop ? bare(one) : one)));

      expect(heldSecrets(plan.held)).toEqual([`${paths[0]} CredentialsVanished`]);
      expect(agent.tree.has(paths[0] ?? "")).toBe(true);
    });

    it("stay where a second look shows as many", async () => {
      const agent = anAgent();
      await agent.sync([shop, crm, erp]);
      const before = agent.tree;

      const { plan } = await agent.sync(anew(bare), { second: aSnapshot(anew((one) => one)) });

      expect(heldSecrets(plan.held).sort()).toEqual(paths.map((path) => `${path} SeenAgain`).sort());
      expect(agent.tree).toEqual(before);
    });

    it("stay where a second look shows several of that name", async () => {
      const agent = anAgent();
      await agent.sync([shop, crm]);
      const before = agent.tree;
      const [first] = anew(bare);
      if (first === undefined) throw new Error("nobody");
      const second = aSnapshot([first, { ...first, id: uuid(30) }, crm]);

      const { plan } = await agent.sync([first, crm], { second });

      expect(heldSecrets(plan.held)).toEqual([`${paths[0]} SeenAgain`]);
      expect(agent.tree).toEqual(before);
    });

    it("give way at once to as many new ones", async () => {
      const agent = anAgent({ rules: { ...patient, limit: 0 } });
      await agent.sync([shop, crm, erp]);

      const { plan } = await agent.sync(anew((one) => one));

      expect(plan.held).toEqual([]);
      expect(paths.filter((path) => agent.tree.has(path))).toEqual([]);
    });
  });

  it("credentials that vanish in a swap are not sent to a new host, nor when they are back", async () => {
    const agent = anAgent({ rules: patient, settings: { destinationChange: "hold" } });
    await agent.sync([shopAt("shop.example.com"), crm]);
    const before = agent.tree;

    for (const given of [bare(shop), shop]) {
      const { plan } = await agent.sync([named("mp-crm", shopAt("evil.example.net", given)), named("mp-shop", crm)]);

      expect(plan.held).toEqual(
        expect.arrayContaining([expect.objectContaining({ id: uuid(1), reason: "DestinationChanged" })]),
      );
      expect(plan.destinationChanges).toMatchObject([{ to: ["evil.example.net"], isHeld: true }]);
      expect(agent.tree).toEqual(before);
    }
  });

  it("a Secret that a former name keeps in upsert-only holds up no other credentials", async () => {
    const agent = anAgent({ rules: { ...atOnce, mode: "upsert-only" } });
    await agent.sync([shop]);
    await agent.sync([named("mp-store", shop)]);

    const { plan, summary } = await agent.sync([{ ...named("mp-store", bare(shop)), description: "new" }]);

    expect(summary.updated).toEqual(["mp-store"]);
    expect(plan.held.map(({ name, secret }) => [name, secret])).toEqual([
      ["mp-shop", null],
      ["mp-store", `applications/mp-store/secrets/mp-store-${uuid(101)}.yaml`],
    ]);
  });

  it("nor are any after the inventory was rebuilt", async () => {
    const agent = anAgent({ settings: { destinationChange: "hold" } });
    await agent.sync([shopAt("shop.example.com")]);
    agent.edit(INVENTORY_PATH, textOf(agent.tree, INVENTORY_PATH).replace('"serial": 1', '"serial": 11'));

    const { summary } = await agent.sync([shopAt("evil.example.net")]);

    expect(summary.held).toEqual(["mp-shop DestinationChanged"]);
  });

  it("a Secret whose Application a person removed while the inventory was damaged waits like any other", async () => {
    const agent = anAgent({ rules: patient, settings: { reverted: "overwrite" } });
    await agent.sync([shop, crm]);
    agent.edit(INVENTORY_PATH, textOf(agent.tree, INVENTORY_PATH).replace('"serial": 1', '"serial": 11'));
    agent.edit(application("mp-shop"), null);

    const first = await agent.sync([bare(shop), crm]);
    const second = await agent.sync([bare(shop), crm]);

    for (const { plan, summary } of [first, second]) {
      expect(plan.deletes).toEqual([]);
      expect(summary.held).toEqual([expect.stringMatching(/^mp-shop (?:InventoryRebuilt|CredentialsVanished)$/)]);
    }
  });

  it.each([
    [
      "emptied in an inventory that does not verify",
      (tree: Tree) => textOf(tree, INVENTORY_PATH).replace(/"deletions": \[.*\]/, '"deletions": []'),
    ],
    ["taken back with an older inventory", (_: Tree, before: Tree) => textOf(before, INVENTORY_PATH)],
  ])("the day's deletions count although they are %s", async (_, inventoryOf) => {
    const agent = anAgent({ rules: limited, settings: { reverted: "overwrite" } });
    await agent.sync(many.slice(0, 8));
    const before = agent.tree;
    await agent.sync(many.slice(1, 8));

    agent.edit(INVENTORY_PATH, inventoryOf(agent.tree, before));
    await agent.sync(many.slice(2, 8), { now: later(minutes(3)) });
    const { summary } = await agent.sync(many.slice(2, 8), { now: later(minutes(6)) });

    expect(summary).toEqual({ ...nothing, held: ["mp-1 OverLimit"] });
  });

  it("an approval that nothing could pass by is still there", async () => {
    const agent = anAgent({ rules: { ...atOnce, observations: 3, over: minutes(60) } });
    await agent.sync([shop, crm]);
    const huge = { ...shop, name: "mp-store", description: "x".repeat(1_100_000) };
    const { plan } = await agent.sync([huge, crm]);
    const hash = plan.approval?.hold.hash ?? "";

    agent.approve(hash);
    const waiting = await agent.sync([huge, crm], { nonce: "another" });
    const passed = await agent.sync([{ ...shop, name: "mp-store" }, crm], { nonce: "third" });

    expect(waiting.plan.deletes).toEqual([]);
    expect(waiting.plan.approval?.hold.hash).toBe(hash);
    expect(passed.summary).toEqual({ ...nothing, created: ["mp-store"], deleted: ["mp-shop"] });
  });

  it.each([
    ["the older inventory", (before: Tree) => textOf(before, INVENTORY_PATH)],
    ["the newest inventory", (_: Tree, after: Tree) => textOf(after, INVENTORY_PATH)],
    ["one that was merged", (before: Tree) => textOf(before, INVENTORY_PATH).replace('"serial": 1', '"serial": 9')],
  ])("a revert of an older commit, merged by hand with %s, is respected", async (_, inventoryOf) => {
    const change = anAgent();
    await change.sync([shop, crm]);
    const before = change.tree;
    await change.sync([{ ...shop, description: "changed" }, crm]);
    const deletion = anAgent();
    await deletion.sync([shop, crm]);
    await deletion.sync([crm]);
    const later = [{ ...crm, description: "later" }];
    await change.sync([{ ...shop, description: "changed" }, ...later]);
    await deletion.sync(later);

    for (const agent of [change, deletion]) {
      const after = agent.tree;
      for (const [path, bytes] of before) if (path.includes("mp-shop")) agent.edit(path, bytes.toString());
      agent.edit(INVENTORY_PATH, inventoryOf(before, after));
    }
    const changed = await change.sync([{ ...shop, description: "changed" }, ...later]);
    const deleted = await deletion.sync(later);
    const still = [await change.sync([{ ...shop, description: "changed" }, ...later]), await deletion.sync(later)];

    for (const { summary } of [changed, deleted, ...still]) expect(summary.held).toEqual(["mp-shop Reverted"]);
    for (const { tree } of [change, deletion]) {
      expect(textOf(tree, application("mp-shop"))).toBe(textOf(before, application("mp-shop")));
      expect(textOf(tree, "kustomization.yaml")).toContain(application("mp-shop"));
      expect(faults(tree, sealKey)).toEqual([]);
    }
  });

  it.each<[string, (next: Application) => Snapshot]>([
    ["UnprintableName", (next) => aSnapshot([{ ...next, auths: ["\u0007"] }, crm])],
    ["Unreadable", ({ id, name }) => ({ ...aSnapshot([crm]), unreadable: [{ id, name }] })],
    ["InvalidName", (next) => aSnapshot([{ ...next, id: "not-a-uuid" }, crm])],
    ["DuplicateName", (next) => aSnapshot([next, { ...next, id: uuid(8) }, crm])],
    ["TooLarge", (next) => aSnapshot([{ ...next, description: "x".repeat(1_100_000) }, crm])],
  ])("the files of one that was registered anew and is set aside (%s)", async (reason, snapshotOf) => {
    const agent = anAgent();
    await agent.sync([shop, crm]);
    const before = agent.tree;

    for (const _ of [1, 2, 3]) {
      const { plan } = await agent.sync(snapshotOf({ ...shop, id: uuid(7) }));
      expect(plan.setAside.map((each) => each.reason)).toContain(reason);
      expect(plan.held).toEqual([]);
    }
    expect(agent.tree).toEqual(before);
  });
});
