import { describe, expect, it } from "vitest";
import { cycleWork, NOTHING_ASKED } from "../src/cluster-report.js";
import type { State } from "../src/state/index.js";
import { anOutcome, aPlan } from "./report/an-outcome.js";

const state = {} as State;
const maintained = { notes: [], failed: [], requests: 0, clockSkew: null };
const told = (done: "renewal" | null) =>
  cycleWork({
    state,
    asked: NOTHING_ASKED,
    usedApproval: null,
    outcome: anOutcome(aPlan()),
    maintained: { ...maintained, done },
  });

describe("what is told of a cycle", () => {
  it("has the proof of a new certificate, which Compass answered whatever came after it", () => {
    expect(told("renewal").isProven).toBe(true);
    expect(told(null).isProven).toBe(false);
  });
});
