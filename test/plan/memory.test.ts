import { describe, expect, it } from "vitest";
import type { InventoryFile } from "../../src/base/index.js";
import { begunAnew, deletedBefore, learn, memoryFor, publishedBefore, usedApprovalOf } from "../../src/plan/index.js";
import { type HeldSet, type Memory, type Missing, UNKNOWN_INTENT } from "../../src/state/index.js";
import { later, minutes, noMemory, noon, TARGET } from "../builders.js";
import { aDecision, aPlan } from "../report/an-outcome.js";

const published = (name: string, tree = `tree of ${name}`) => ({
  [name]: { id: `id of ${name}`, intent: "i", tree, manifest: "m" },
});
const aHold = (hash: string): HeldSet => ({ set: "set", nonce: "nonce", hash, since: noon.toISOString(), units: [] });
const missing: Record<string, Missing> = {
  "1/mp-a": { observations: 2, waited: 5, lastSeenMissing: noon.toISOString() },
};
const reverted = { "mp-a": { tree: "t", intent: "i", since: noon.toISOString(), resumed: false } };

const remembered: Memory = {
  ...noMemory,
  spentTokens: ["token"],
  missing,
  hold: aHold("held"),
  suspended: { everything: null, applications: { "mp-s": { since: noon.toISOString(), reason: null } } },
  published: {
    target: TARGET,
    serial: 7,
    deletions: [],
    applications: { ...published("mp-a"), ...published("mp-b") },
    others: { "mp-h": "id of mp-h" },
  },
  reverted,
};

const options = { target: TARGET, isPublished: true, now: noon };

describe("the memory for a target", () => {
  it("is all of it where it is of this target", () => {
    expect(memoryFor(TARGET, remembered)).toBe(remembered);
  });

  it("knows nothing of what was published to another one, nor of what was put back or held there", () => {
    expect(memoryFor("other", remembered)).toEqual({
      ...remembered,
      published: { target: "other", serial: 0, deletions: [], applications: {}, others: {} },
      reverted: {},
      missing: {},
      hold: null,
      proposedApproval: null,
    });
  });
});

it("the memory of who begins anew knows the day's deletions, and nothing else of what was there", () => {
  const underway = { commit: "c", serial: 8, deletions: [], applications: published("mp-c"), absentAt: null };

  expect(begunAnew({ ...remembered, underway })).toEqual({
    ...remembered,
    published: { ...remembered.published, serial: 0, applications: {}, others: {} },
    underway: null,
    reverted: {},
  });
});

it("what the agent deleted is known by its name and id, and nothing that is there", () => {
  const applications = { ...published("mp-a"), ...published("mp-b", "") };

  const deleted = deletedBefore({ ...remembered, published: { ...remembered.published, applications } });

  expect([...deleted]).toEqual([["mp-b", "id of mp-b"]]);
});

describe("an approval on which a request rests", () => {
  const approvals = [{ hash: "held", expires: later(minutes(1)).toISOString() }];
  const approved = { ...remembered, approvals };
  const passing = aPlan({ usedApproval: "held", hold: null });
  const proposed = (result: string) => ({ ...options, isPublished: false, proposed: { result } });
  const passed = { ...options, isPublished: false, proposed: { result: "unchanged" } };

  it("is remembered beyond its day while the request is open, with the hold that it is for", () => {
    const memory = learn(approved, passing, { ...proposed("proposed"), now: later(minutes(2)) });

    expect(memory).toMatchObject({ proposedApproval: "held", approvals: [], hold: { hash: "held" } });
    expect(usedApprovalOf(approved, passing, false)).toBeNull();
  });

  it("stays what it was while a person's commit stands in the way", () => {
    const memory = learn({ ...approved, proposedApproval: "held" }, passing, proposed("blocked"));

    expect(memory.proposedApproval).toBe("held");
  });

  it("ends with the request that a person closes, unless its day lasts", () => {
    const memory = learn({ ...approved, proposedApproval: "held" }, passing, proposed("unchanged"));

    expect(memory).toMatchObject({ proposedApproval: null, approvals });
  });

  it("is used up once nothing is held any more", () => {
    const before = { ...approved, proposedApproval: "held" };
    const done = aPlan({ usedApproval: null, hold: null });

    expect(usedApprovalOf(before, done, true)).toBe("held");
    expect(learn(before, done, passed)).toMatchObject({ proposedApproval: null, approvals: [], hold: null });
  });

  it("is not used up while another set is held", () => {
    const other = aPlan({ usedApproval: null, hold: aHold("other") });

    expect(usedApprovalOf({ proposedApproval: "held", hold: null }, other, false)).toBeNull();
  });

  it("given for what is committed directly is used up at once", () => {
    expect(usedApprovalOf({ proposedApproval: null, hold: null }, passing, true)).toBe("held");
    expect(learn(approved, passing, options)).toMatchObject({ proposedApproval: null, approvals: [] });
  });
});

describe("what is learnt of a cycle", () => {
  it("is what it decided and what it published", () => {
    const decision = aDecision({ missing: {}, reverted: {} });

    const memory = learn(
      remembered,
      aPlan({
        decision,
        hold: aHold("new"),
        inventory: { serial: 8, deletions: [] },
        published: published("mp-c"),
        others: { "mp-i": "" },
      }),
      options,
    );

    expect(memory).toEqual({
      ...remembered,
      missing: {},
      reverted: {},
      hold: aHold("new"),
      published: {
        target: TARGET,
        serial: 8,
        deletions: [],
        applications: { ...published("mp-a"), ...published("mp-b"), ...published("mp-c") },
        others: { "mp-i": "" },
      },
    });
  });

  it("tells whose the Applications in Git are, but for those that were deleted", () => {
    const { published: before } = remembered;
    const deleted = { ...before, applications: { ...before.applications, ...published("mp-d", "") } };

    const known = publishedBefore({ ...remembered, published: deleted });
    expect(known?.ids).toEqual(
      new Map([
        ["mp-h", "id of mp-h"],
        ["mp-a", "id of mp-a"],
        ["mp-b", "id of mp-b"],
      ]),
    );
    expect([known?.serial, [...(known?.trees.keys() ?? [])]]).toEqual([before.serial, ["mp-a", "mp-b"]]);
    expect(publishedBefore(noMemory)).toBeNull();
  });

  it("replaces what was published under a name, and keeps what was deleted", () => {
    const plan = aPlan({ published: { ...published("mp-a", "another tree"), ...published("mp-b", "") } });

    expect(learn(remembered, plan, options).published.applications).toEqual({
      ...published("mp-a", "another tree"),
      ...published("mp-b", ""),
    });
  });

  it("keeps the highest serial, so that what a person took back stays known as such", () => {
    expect(learn(remembered, aPlan({ inventory: { serial: 3, deletions: [] } }), options).published.serial).toBe(7);
  });

  it("is that what was written again is put back no more, while the rest still is", () => {
    const [entry] = Object.values(reverted);
    const decision = aDecision({ reverted: entry === undefined ? {} : { "mp-a": entry, "mp-b": entry } });

    const memory = learn(remembered, aPlan({ decision, published: published("mp-b") }), options);

    expect(memory.reverted).toEqual(reverted);
  });

  it("begins with nothing at a new target", () => {
    const memory = learn(remembered, aPlan({ inventory: { serial: 1, deletions: [] }, published: published("mp-z") }), {
      ...options,
      target: "other",
    });

    expect(memory.published).toEqual({
      target: "other",
      serial: 1,
      deletions: [],
      applications: published("mp-z"),
      others: {},
    });
  });

  it("forgets the oldest deletions beyond a thousand, and nothing that is there", () => {
    const deleted = Array.from({ length: 1_002 }, (_, index) => published(`mp-${index}`, ""));
    const applications = Object.assign({}, published("mp-first"), ...deleted) as Memory["published"]["applications"];
    const before = { ...remembered, published: { target: TARGET, serial: 7, deletions: [], applications, others: {} } };

    const names = Object.keys(learn(before, aPlan(), options).published.applications);

    expect(names).toHaveLength(1_001);
    expect(names.slice(0, 2)).toEqual(["mp-first", "mp-2"]);
    expect(names).not.toContain("mp-1");
  });

  it("forgets approvals that expired, and the one that was used up", () => {
    const approvals = [
      { hash: "used", expires: later(minutes(60)).toISOString() },
      { hash: "over", expires: noon.toISOString() },
      { hash: "valid", expires: later(1).toISOString() },
    ];

    const memory = learn({ ...remembered, approvals }, aPlan({ usedApproval: "used" }), options);

    expect(memory.approvals.map(({ hash }) => hash)).toEqual(["valid"]);
    expect(memory.hold).toBeNull();
  });

  describe("whose inventory is later than the memory, since a commit was merged or its answer lost,", () => {
    const row = (name: string, blob: string, more: Partial<InventoryFile> = {}): InventoryFile => ({
      path: `applications/${name}/application.yaml`,
      id: `id of ${name}`,
      blob,
      sha256: "",
      ...more,
    });
    const unpublished = { ...options, isPublished: false };
    const later = {
      committedSerial: 8,
      committedFiles: [row("mp-b", "b"), row("mp-c", "c"), row("mp-d", "theirs", { written: "d" })],
    };

    it("is which Applications are deleted by now, which stand there, and what was said of those that are as planned", () => {
      const plan = aPlan({ ...later, unchanged: ["mp-b"], published: published("mp-b", "as planned") });

      for (const given of [options, unpublished]) {
        const { applications, serial } = learn(remembered, plan, given).published;

        expect(serial).toBe(8);
        expect(applications).toMatchObject({
          "mp-a": { id: "id of mp-a", tree: "" },
          ...published("mp-b", "as planned"),
          "mp-c": { id: "id of mp-c", intent: UNKNOWN_INTENT, manifest: "c" },
          "mp-d": { id: "id of mp-d", intent: UNKNOWN_INTENT, manifest: "d" },
        });
      }
    });

    it("is nothing of what waits to be merged, and what is remembered of the same files", () => {
      const known = learn(remembered, aPlan(later), unpublished);
      const said = {
        ...known.published.applications["mp-c"],
        intent: "i",
      } as Memory["published"]["applications"][string];
      const before = { ...known, published: { ...known.published, applications: { "mp-c": said } } };
      const plan = aPlan({ ...later, committedSerial: 9, updated: ["mp-c"], published: published("mp-c", "proposed") });

      expect(learn(before, plan, unpublished).published.applications["mp-c"]).toEqual(said);
    });

    it("is nothing beside an older one, which a person put back, nor beside one that is not to be trusted", () => {
      for (const committedSerial of [6, 0]) {
        const plan = aPlan({
          ...later,
          committedSerial,
          unchanged: ["mp-b"],
          published: published("mp-b", "put back"),
        });

        expect(learn(remembered, plan, unpublished).published).toEqual(remembered.published);
      }
    });
  });

  describe("that published nothing, since everything is suspended,", () => {
    const unpublished = { ...options, isPublished: false };

    it("is what was observed, and nothing of what would have been published", () => {
      const decision = aDecision({ missing: {}, reverted: {} });

      const memory = learn(
        remembered,
        aPlan({ decision, hold: aHold("new"), inventory: { serial: 8, deletions: [] }, published: published("mp-c") }),
        unpublished,
      );

      expect(memory).toEqual({ ...remembered, missing: {}, reverted: {}, hold: aHold("new") });
    });

    it("leaves an approval, and what it is for, until it can pass", () => {
      const approvals = [{ hash: "held", expires: later(minutes(60)).toISOString() }];

      const memory = learn({ ...remembered, approvals }, aPlan({ usedApproval: "held" }), unpublished);

      expect(memory).toMatchObject({ approvals, hold: aHold("held") });
    });
  });
});
