import { describe, expect, it } from "vitest";
import { type InventoryFile, type InventoryReading, treeDigest } from "../../src/base/index.js";
import { learn, setOut, usedApprovalOf, withAbsent, withLanded, withUnseen } from "../../src/plan/index.js";
import { type HeldSet, type Memory, type PublishedApplication, UNKNOWN_INTENT } from "../../src/state/index.js";
import { noMemory, noon, TARGET } from "../builders.js";
import { aDecision, aPlan } from "../report/an-outcome.js";

const row = (name: string, blob: string): InventoryFile => ({
  path: `applications/${name}/application.yaml`,
  id: `id of ${name}`,
  blob,
  sha256: "",
});
const treeOf = (name: string, blob: string) => treeDigest([[row(name, blob).path, blob]]);
const entry = (name: string, blob: string, intent = `intent of ${blob}`): Record<string, PublishedApplication> => ({
  [name]: { id: `id of ${name}`, intent, tree: blob === "" ? "" : treeOf(name, blob), manifest: blob },
});
const putBack = (name: string, tree: string, resumed = false) => ({
  [name]: { tree, intent: "then", since: noon.toISOString(), resumed },
});
const record = { serial: 2, at: noon.toISOString(), applications: 1, secrets: 0, ofApplications: 2, ofSecrets: 0 };

const remembered: Memory = {
  ...noMemory,
  published: {
    target: TARGET,
    serial: 7,
    deletions: [],
    applications: { ...entry("mp-a", "a2"), ...entry("mp-b", "b1") },
    others: {},
  },
};
const reading = (serial: number, files: readonly InventoryFile[]): { inventory: InventoryReading } => ({
  inventory: {
    state: "verified",
    inventory: { owner: "r", tenant: null, sealKey: "k", formerSealKeys: [], serial, files, deletions: [] },
  },
});

describe("the memory that a cycle begins with", () => {
  it("has what came to the branch by a later commit: written, deleted, and what Compass said where that is known", () => {
    const underway = { commit: null, serial: 8, deletions: [], applications: entry("mp-c", "c1"), absentAt: null };

    const { published } = withUnseen({ ...remembered, underway }, reading(8, [row("mp-a", "a3"), row("mp-c", "c1")]));

    expect(published.serial).toBe(8);
    expect(published.applications).toEqual({
      ...entry("mp-a", "a3", UNKNOWN_INTENT),
      ...entry("mp-b", "", ""),
      ...entry("mp-c", "c1"),
    });
  });

  it("has what the commit under way deleted, where nothing but its owner was known of that", () => {
    const underway = { commit: "c", serial: 8, deletions: [], applications: entry("mp-o", "", ""), absentAt: null };
    const before: Memory = {
      ...remembered,
      underway,
      published: { ...remembered.published, others: { "mp-o": "id of mp-o" } },
    };
    const files = [row("mp-a", "a2"), row("mp-b", "b1")];

    expect(withUnseen(before, reading(8, files)).published.applications).toEqual({
      ...remembered.published.applications,
      ...entry("mp-o", "", ""),
    });
  });

  it.each([
    ["an update", row("mp-a", "a1"), treeOf("mp-a", "a1")],
    ["a creation", null, ""],
  ])("knows what a person put back for that, where a later commit only carried it on: %s", (_, there, tree) => {
    const reverted = putBack("mp-a", tree);

    const memory = withUnseen(
      { ...remembered, reverted },
      reading(8, [row("mp-b", "b2"), ...(there === null ? [] : [there])]),
    );

    expect(memory.reverted).toEqual(reverted);
    expect(memory.published.applications).toMatchObject(entry("mp-a", "a2"));
  });

  it("takes nothing for put back that a commit wrote again", () => {
    const reverted = { ...putBack("mp-a", treeOf("mp-a", "a1"), true), ...putBack("mp-b", "") };
    const underway = { commit: "c", serial: 8, deletions: [], applications: entry("mp-a", "a2"), absentAt: null };
    const given = { ...remembered, reverted, underway };

    expect(withUnseen(given, reading(8, [row("mp-a", "a2")])).reverted).toEqual(putBack("mp-b", ""));
    expect(withUnseen(given, reading(7, [row("mp-a", "a1")])).reverted).toEqual(reverted);
    expect(withLanded(given).reverted).toEqual(putBack("mp-b", ""));
  });

  it.each<[string, Memory, { inventory: InventoryReading }]>([
    ["an inventory as old as itself", remembered, reading(7, [])],
    ["an older one", remembered, reading(6, [])],
    ["none", remembered, { inventory: { state: "absent" } }],
    ["a later one, where nothing is remembered", noMemory, reading(8, [row("mp-a", "a3")])],
  ])("is as it was kept beside %s", (_, memory, base) => {
    expect(withUnseen(memory, base)).toEqual(memory);
  });
});

describe("a commit that was pushed by an agent that was killed then, and taken back", () => {
  it("counts as published, with what it let go", () => {
    const underway = { commit: "c", serial: 8, deletions: [record], applications: entry("mp-a", "a3"), absentAt: null };

    const memory = withLanded({ ...remembered, underway });

    expect(memory).toEqual({
      ...remembered,
      underway: null,
      published: {
        ...remembered.published,
        serial: 8,
        deletions: [record],
        applications: { ...entry("mp-a", "a3"), ...entry("mp-b", "b1") },
      },
    });
    expect(withLanded(remembered)).toBe(remembered);
  });

  it("uses up the approval on which the request rested: the same set is held anew", () => {
    const hold = { set: "s", nonce: "n", hash: "h", since: noon.toISOString(), units: [] };
    const underway = { commit: "c", serial: 8, deletions: [], applications: entry("mp-a", "a3"), absentAt: null };

    const used = withLanded({ ...remembered, underway, hold, proposedApproval: "h" });
    const other = withLanded({ ...remembered, underway, hold });

    expect([used.hold, used.proposedApproval, other.hold]).toEqual([null, null, hold]);
  });
});

describe("a commit that is not there", () => {
  it("is not looked for again before the branch has another tip", () => {
    const underway = { commit: "c", serial: 8, deletions: [], applications: {}, absentAt: null };

    expect(withAbsent({ ...remembered, underway }, "tip")).toEqual({
      ...remembered,
      underway: { ...underway, absentAt: "tip" },
    });
    expect(withAbsent(remembered, "tip")).toBe(remembered);
  });
});

describe("a memory that was lost, and of which the first commit was killed after its push", () => {
  const underway = { commit: "c", serial: 8, deletions: [], applications: entry("mp-a", "a3"), absentAt: null };
  const lost: Memory = { ...noMemory, published: { ...noMemory.published, target: TARGET }, underway };
  // A person edited it meanwhile, so that the cycle leaves it alone and publishes nothing of it.
  const ending = (committedSerial: number) =>
    aPlan({ committedSerial, inventory: { serial: 9, deletions: [] }, published: entry("mp-b", "b1") });

  it("knows what that commit published once Git has come as far, and nothing of it before", () => {
    const options = { target: TARGET, isPublished: true, now: noon };

    const seen = learn(lost, ending(8), options);
    const unseen = learn(lost, ending(7), options);

    expect(seen.published.applications).toEqual({ ...entry("mp-a", "a3"), ...entry("mp-b", "b1") });
    expect(unseen.published.applications).toEqual(entry("mp-b", "b1"));
  });

  it("begins the next cycle with that, and with nothing else that Git has", () => {
    const files = [row("mp-a", "edited"), row("mp-b", "b1")];

    expect(withUnseen(lost, reading(8, files)).published).toEqual({
      ...lost.published,
      applications: entry("mp-a", "a3"),
    });
    expect(withUnseen(lost, reading(7, files))).toEqual(lost);
  });
});

describe("what is kept before a commit goes out", () => {
  it("is what it writes, with what a person had put back by then; the end of the cycle forgets it", () => {
    const reverted = putBack("mp-b", "");
    const plan = aPlan({
      created: ["mp-c"],
      published: { ...entry("mp-a", "a2"), ...entry("mp-c", "c1") },
      decision: aDecision({ reverted }),
      inventory: { serial: 8, deletions: [record] },
    });

    const kept = setOut(remembered, plan, { target: TARGET, commit: "c" });
    const ended = learn(kept, plan, { target: TARGET, isPublished: true, now: noon });

    expect(kept).toEqual({
      ...remembered,
      reverted,
      underway: { commit: "c", serial: 8, deletions: [record], applications: entry("mp-c", "c1"), absentAt: null },
    });
    expect(ended.underway).toBeNull();
  });
});

describe("a cycle in which Compass has made up its mind about what a person put back", () => {
  it("takes that for no deletion by the agent, where a commit that nobody saw had carried it on", () => {
    const given = { ...remembered, reverted: putBack("mp-b", "") };
    const plan = aPlan({
      committedSerial: 8,
      committedFiles: [row("mp-a", "a2")],
      decision: aDecision({ reverted: {} }),
    });

    const { published } = learn(given, plan, { target: TARGET, isPublished: true, now: noon });

    expect(published.applications).toMatchObject(entry("mp-b", "b1"));
  });
});

describe("an approval on which a request rests", () => {
  const unit = { name: "mp-a", id: "id of mp-a", secret: null };
  const hold: HeldSet = { set: "set", nonce: "n", hash: "held", since: noon.toISOString(), units: [unit] };
  const approved: Memory = { ...remembered, hold, proposedApproval: "held" };
  const held = (name: string) => ({ ...unit, name, reason: "Suspended" as const, since: null, detail: null });

  it.each([
    ["while the inventory is rebuilt", aPlan({ isTrusted: false })],
    ["while what it is for is held for another reason", aPlan({ held: [held("mp-a")] as never })],
  ])("is kept with its hold %s", (_, plan) => {
    const given = { target: TARGET, isPublished: false, proposed: { result: "proposed" }, now: noon };

    expect(usedApprovalOf(approved, plan, false)).toBeNull();
    expect(learn(approved, plan, given)).toMatchObject({ proposedApproval: "held", hold });
  });

  it("is used up when only another is held", () => {
    expect(usedApprovalOf(approved, aPlan({ held: [held("mp-z")] as never }), false)).toBe("held");
  });
});
