import { describe, expect, it } from "vitest";
import { dueAt, observe } from "../../src/plan/observation.js";
import { later, minutes, noon } from "../builders.js";

const patience = { observations: 3, over: minutes(30) };
const at = (milliseconds: number) => later(milliseconds).toISOString();
const seen = (observations: number, waited: number) => ({ observations, waited, lastSeenMissing: at(0) });

describe("an observation", () => {
  it("is the first where there was none", () => {
    expect(observe(undefined, patience, noon)).toEqual(seen(1, 0));
  });

  it.each([
    ["as long as it was", minutes(10), minutes(10)],
    ["no more than its share of a long silence", minutes(600), minutes(15)],
    ["nothing when the clock was set back", -minutes(10), 0],
  ])("counts %s", (_, elapsed, waited) => {
    expect(observe(seen(1, 0), patience, later(elapsed))).toEqual({
      observations: 2,
      waited,
      lastSeenMissing: at(elapsed),
    });
  });

  it("alone may wait all the time", () => {
    expect(observe(seen(1, 0), { ...patience, observations: 1 }, later(minutes(600))).waited).toBe(minutes(30));
  });

  it.each([
    ["enough of them over enough time", seen(3, minutes(30)), null],
    ["less than a thousandth of a millisecond too little", seen(3, minutes(30) - 1e-4), null],
    ["too few of them", seen(2, minutes(30)), noon],
    ["too little time", seen(3, minutes(20)), later(minutes(10))],
    ["one millisecond too little", seen(3, minutes(30) - 1), later(1)],
  ])("of %s is due at its time", (_, missing, until) => {
    expect(dueAt(missing, patience, noon)).toEqual(until);
  });
});
