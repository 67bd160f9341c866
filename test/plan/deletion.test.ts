import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type DeletionInput, decideDeletions } from "../../src/plan/deletion.js";
import { later, minutes, noon, rules } from "../builders.js";

const a = { name: "mp-a", id: "1" };
const b = { name: "mp-b", id: "2" };

const decide = (changes: Partial<DeletionInput> = {}) =>
  decideDeletions({
    candidates: [a],
    committed: 10,
    listed: 9,
    trusted: true,
    rules,
    missing: {},
    now: noon,
    ...changes,
  });

/** Missing at each of these moments, in milliseconds after noon; gives the last decision. */
function observed(moments: readonly number[], changes: Partial<DeletionInput> = {}) {
  let decision = decide({ ...changes, now: later(moments[0] ?? 0) });
  for (const moment of moments.slice(1)) {
    decision = decide({ ...changes, missing: decision.missing, now: later(moment) });
  }
  return decision;
}

describe("an Application that is missing", () => {
  it("is held at first, until the time that must pass at least", () => {
    expect(decide()).toEqual({
      due: [],
      held: [{ ...a, reason: "MissingTooBriefly", until: later(minutes(30)) }],
      missing: { "1/mp-a": { observations: 1, waited: 0, lastSeenMissing: noon.toISOString() } },
    });
  });

  it("is due after three observations over half an hour", () => {
    const decision = observed([0, minutes(15), minutes(30)]);

    expect(decision.due).toEqual([a]);
    expect(decision.held).toEqual([]);
    expect(decision.missing).toEqual({
      "1/mp-a": { observations: 3, waited: minutes(30), lastSeenMissing: later(minutes(30)).toISOString() },
    });
  });

  it.each([
    ["three observations in too short a time", [0, minutes(10), minutes(20)]],
    ["one millisecond too early", [0, minutes(15), minutes(30) - 1]],
    ["a long silence, which counts no more than its share", [0, minutes(600)]],
    ["observations without time between them", [0, 0, 0, 0, 0]],
    ["a clock that goes back", [minutes(60), minutes(30), 0]],
  ])("is held after %s", (_, moments) => {
    expect(observed(moments).held).toMatchObject([{ ...a, reason: "MissingTooBriefly" }]);
  });

  it.each([
    ["more observations, closer together", Array.from({ length: 11 }, (_, index) => minutes(3 * index))],
    ["long silences", [0, minutes(600), minutes(1200)]],
    ["a clock that went back in between", [minutes(60), minutes(30), minutes(45), minutes(60)]],
  ])("is due after %s", (_, moments) => {
    expect(observed(moments).due).toEqual([a]);
  });

  it("counts each observation by min(max(now − previous, 0), over / (observations − 1))", () => {
    const times = fc.array(fc.integer({ min: -minutes(60), max: minutes(60) }), { minLength: 1, maxLength: 12 });

    fc.assert(
      fc.property(
        times,
        fc.integer({ min: 2, max: 9 }),
        fc.integer({ min: 0, max: minutes(60) }),
        (moments, observations, over) => {
          const decision = observed(moments, { rules: { ...rules, observations, over } });

          // In whole units of one (observations − 1)th of a millisecond, so that nothing is rounded.
          const steps = moments.slice(1).map((moment, index) => Math.max(0, moment - (moments[index] ?? 0)));
          const units = steps.reduce((sum, step) => sum + Math.min(step * (observations - 1), over), 0);
          const isDue = moments.length >= observations && units >= over * (observations - 1);
          expect(decision.due.length === 1).toBe(isDue);
          expect(decision.missing["1/mp-a"]?.waited).toBeCloseTo(units / (observations - 1), 3);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it.each([3, 4, 7, 8, 11, 50])(
    "is due at the last of %d observations that came in exactly the time",
    (observations) => {
      const over = minutes(30);
      const share = over / (observations - 1);
      const moments = Array.from({ length: observations }, (_, index) => Math.ceil(share) * index);

      expect(observed(moments.slice(0, -1), { rules: { ...rules, observations } }).due).toEqual([]);
      expect(observed(moments, { rules: { ...rules, observations } }).due).toEqual([a]);
    },
  );

  it("says until when it is held at the earliest", () => {
    const { held } = observed([0, minutes(10)]);

    expect(held).toMatchObject([{ until: later(minutes(10) + minutes(20)) }]);
  });

  it("is due at once where one observation is enough", () => {
    expect(decide({ rules: { ...rules, observations: 1, over: 0 } }).due).toEqual([a]);
  });

  it("waits all the time for one observation that must be old enough", () => {
    const once = { ...rules, observations: 1 };

    expect(observed([0], { rules: once }).due).toEqual([]);
    expect(observed([0, minutes(29)], { rules: once }).due).toEqual([]);
    expect(observed([0, minutes(30)], { rules: once }).due).toEqual([a]);
  });

  it("begins anew after it was seen once", () => {
    const before = observed([0, minutes(15)]);
    const seen = decide({ candidates: [], missing: before.missing, now: later(minutes(20)) });
    const after = decide({ missing: seen.missing, now: later(minutes(30)) });

    expect(seen.missing).toEqual({});
    expect(after.missing).toMatchObject({ "1/mp-a": { observations: 1, waited: 0 } });
  });

  it("is counted by its id and its name: an Application under another name is another", () => {
    const before = observed([0, minutes(15)]);

    const renamed = decide({ candidates: [{ ...a, name: "mp-z" }], missing: before.missing, now: later(minutes(30)) });

    expect(renamed.missing).toEqual({ "1/mp-z": expect.objectContaining({ observations: 1 }) });
  });
});

describe("deletions that are due together", () => {
  const atOnce = { ...rules, observations: 1, over: 0 };
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ name: `mp-${index}`, id: `${index}` }));

  it.each([
    [1, 1, 0],
    [1, 2, 0.2],
    [1, 4, 0.2],
    [1, 9, 0.2],
    [2, 10, 0.2],
    [2, 14, 0.2],
    [3, 15, 0.2],
    [10, 10, 1],
  ])("pass up to the limit: %d of %d with %d", (due, committed, limit) => {
    const decision = decide({ candidates: many(due), committed, rules: { ...atOnce, limit } });

    expect(decision.due).toHaveLength(due);
  });

  it.each([
    [2, 9, 0.2],
    [3, 10, 0.2],
    [2, 100, 0],
    [10, 10, 0.99],
  ])("are all held over it: %d of %d with %d", (due, committed, limit) => {
    const candidates = many(due);

    const decision = decide({ candidates, committed, rules: { ...atOnce, limit } });

    expect(decision.due).toEqual([]);
    expect(decision.held).toEqual(candidates.map((each) => ({ ...each, reason: "OverLimit", until: null })));
    expect(Object.keys(decision.missing)).toHaveLength(due);
  });

  it("do not count those that are not due yet", () => {
    const before = observed([0, minutes(15)]);

    const decision = decide({ candidates: [a, b, ...many(5)], missing: before.missing, now: later(minutes(30)) });

    expect(decision.due).toEqual([a]);
    expect(decision.held.map(({ reason }) => reason)).toEqual(Array.from({ length: 6 }, () => "MissingTooBriefly"));
  });

  it("stay due while they are held over the limit", () => {
    const candidates = many(3);
    const held = observed([0, minutes(15), minutes(30)], { candidates });

    const decision = decide({
      candidates,
      missing: held.missing,
      now: later(minutes(31)),
      rules: { ...rules, limit: 1 },
    });

    expect(held.held.every(({ reason }) => reason === "OverLimit")).toBe(true);
    expect(decision.due).toEqual(candidates);
  });
});

describe("a cycle that deletes nothing at all", () => {
  it.each<[string, Partial<DeletionInput>]>([
    ["UpsertOnly", { rules: { ...rules, mode: "upsert-only" } }],
    ["EmptyAnswer", { listed: 0 }],
    ["InventoryRebuilt", { trusted: false }],
  ])("says why: %s, and counts no observation meanwhile", (reason, changes) => {
    const before = observed([0, minutes(15)]);

    const decision = decide({ missing: before.missing, now: later(minutes(60)), candidates: [a, b], ...changes });

    expect(decision.due).toEqual([]);
    expect(decision.held).toEqual([a, b].map((each) => ({ ...each, reason, until: null })));
    expect(decision.missing).toEqual(before.missing);
  });

  it("holds an empty answer for ever", () => {
    expect(observed([0, minutes(15), minutes(30), minutes(6000)], { listed: 0 }).held).toMatchObject([
      { reason: "EmptyAnswer", until: null },
    ]);
  });

  it("forgets who was seen all the same", () => {
    const before = observed([0, minutes(15)]);

    expect(decide({ candidates: [b], missing: before.missing, listed: 0 }).missing).toEqual({});
  });

  it("names the first reason of several", () => {
    const all = { rules: { ...rules, mode: "upsert-only" }, listed: 0, trusted: false } as const;

    expect(decide(all).held).toMatchObject([{ reason: "UpsertOnly" }]);
    expect(decide({ ...all, rules }).held).toMatchObject([{ reason: "EmptyAnswer" }]);
  });

  it("has nothing to hold where nothing is missing", () => {
    expect(decide({ candidates: [], listed: 0 })).toEqual({ due: [], held: [], missing: {} });
  });
});
