import { describe, expect, it } from "vitest";
import type { FailureCode } from "../../src/common/failure.js";
import type { Plan } from "../../src/plan/index.js";
import { EXIT, exitCode, exitCodeOfFailure } from "../../src/report/index.js";
import { aFailure, anOutcome, aPlan } from "./an-outcome.js";

const held: Partial<Plan> = { held: [{ name: "mp-a", id: "1", secret: null, reason: "OverLimit", until: null }] };
const setAside: Partial<Plan> = { setAside: [{ name: "mp-a", id: "1", reason: "InvalidName", message: "" }] };
const degraded: Partial<Plan> = {
  degraded: [{ name: "mp-a", id: "1", reason: "NoTarget", bundle: null, message: "" }],
};

describe("an exit code", () => {
  it("is one of those that interface 2 names", () => {
    expect(EXIT).toEqual({
      done: 0,
      failed: 1,
      attention: 2,
      tokenNeeded: 3,
      usage: 64,
      tryAgain: 75,
      configuration: 78,
    });
  });

  it.each<[FailureCode, boolean, number]>([
    ["TokenNeeded", false, 3],
    ["CredentialsRejected", false, 3],
    ["TokenRejected", false, 3],
    ["TokenMalformed", false, 3],
    ["ConfigurationInvalid", false, 78],
    ["ConfigurationUnreadable", false, 78],
    ["Usage", false, 64],
    ["NetworkUnreachable", true, 75],
    ["ServerError", true, 75],
    ["RateLimited", true, 75],
    ["StateLocked", true, 75],
    ["PushRejected", true, 75],
    ["TwoAgents", false, 1],
    ["InventoryUnusable", false, 1],
    ["TemplateBroken", false, 1],
    ["SealingImpossible", false, 1],
    ["Internal", false, 1],
  ])("of a failure %s (may pass: %s) is %d, with details or without", (code, retryable, expected) => {
    const outcome = anOutcome(null, { result: "failed", failure: aFailure(code, retryable) });

    expect(exitCodeOfFailure({ code, retryable })).toBe(expected);
    expect([exitCode(outcome, false), exitCode(outcome, true)]).toEqual([expected, expected]);
  });

  it.each([held, setAside, degraded, { created: ["mp-a"] }, { digest: "other" }])(
    "is 0 for what went well, whatever is to be told: %j",
    (changes) => {
      expect(exitCode(anOutcome(aPlan(changes)), false)).toBe(0);
      expect(exitCode(anOutcome(aPlan(changes), { result: "planned" }), false)).toBe(0);
    },
  );

  it.each<[string, Partial<Plan>, number]>([
    ["nothing", {}, 0],
    ["changes", { created: ["mp-a"], updated: ["mp-b"], deleted: ["mp-c"] }, 0],
    ["something degraded", degraded, 0],
    ["something held", held, 2],
    ["something set aside", setAside, 2],
  ])("with details tells of a sync with %s", (_, changes, expected) => {
    expect(exitCode(anOutcome(aPlan(changes)), true)).toBe(expected);
    expect(exitCode(anOutcome(aPlan(changes), { result: "unchanged" }), true)).toBe(expected);
  });

  it.each<[string, Partial<Plan>, number]>([
    ["nothing", {}, 0],
    ["something held", held, 0],
    ["something set aside", setAside, 0],
    ["an Application to create", { created: ["mp-a"] }, 2],
    ["an Application to update", { updated: ["mp-a"] }, 2],
    ["an Application to delete", { deleted: ["mp-a"] }, 2],
    ["the first commit without an Application", { committedDigest: null }, 2],
  ])("with details tells of a plan with %s", (_, changes, expected) => {
    expect(exitCode(anOutcome(aPlan(changes), { result: "planned" }), true)).toBe(expected);
  });
});
