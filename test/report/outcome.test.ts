import { describe, expect, it } from "vitest";
import { describeFailure } from "../../src/report/index.js";
import { later, minutes } from "../builders.js";
import { aFailure, anOutcome, aPlan } from "./an-outcome.js";

const full = aPlan({
  created: ["mp-a"],
  updated: ["mp-b", "mp-c"],
  deleted: ["mp-d"],
  unchanged: ["mp-e", "mp-f", "mp-g"],
  held: [
    { name: "mp-h", id: "8", reason: "MissingTooBriefly", until: later(minutes(30)) },
    { name: "mp-i", id: "9", reason: "OverLimit", until: null },
  ],
  setAside: [{ name: "mp-j", id: "10", reason: "DuplicateName", message: "two" }],
  degraded: [{ name: "mp-a", id: "1", reason: "NoTarget", bundle: "7", message: "none" }],
  digest: "sha256:new",
  committedDigest: "sha256:old",
});

describe("the outcome of a cycle", () => {
  it("has the shape that interface 4 promises, key by key", () => {
    expect(JSON.parse(JSON.stringify(anOutcome(full, { notes: ["a note"] })))).toEqual({
      kind: "SyncOutcome",
      version: 1,
      result: "published",
      runtime: "0f2c1b1e-6a55-4f37-9d0c-1f5d8a0f7c11",
      digest: { planned: "sha256:new", target: "sha256:new", applied: null },
      commit: { id: "a".repeat(40), branch: "main", url: null },
      pullRequest: null,
      applications: {
        total: 9,
        unchanged: 3,
        created: ["mp-a"],
        updated: ["mp-b", "mp-c"],
        deleted: ["mp-d"],
        held: [
          { name: "mp-h", id: "8", reason: "MissingTooBriefly", until: "2026-11-22T12:30:00.000Z" },
          { name: "mp-i", id: "9", reason: "OverLimit", until: null },
        ],
        setAside: [{ name: "mp-j", id: "10", reason: "DuplicateName", message: "two" }],
        degraded: [{ name: "mp-a", id: "1", reason: "NoTarget", bundle: "7", message: "none" }],
      },
      approval: null,
      suspended: false,
      labels: {},
      applied: { current: false, missing: [] },
      requests: { director: 3, connector: 0, git: 2 },
      durationSeconds: { fetch: 0.12, plan: 0.001, total: 0.121 },
      notes: ["a note"],
      failure: null,
    });
  });

  it.each([
    ["published", "sha256:new"],
    ["unchanged", "sha256:new"],
    ["planned", "sha256:old"],
    ["failed", "sha256:old"],
  ] as const)("that is %s says what the target branch holds: %s", (result, target) => {
    expect(anOutcome(full, { result }).digest).toEqual({ planned: "sha256:new", target, applied: null });
  });

  it("that failed before there was a plan has all its keys, empty", () => {
    const outcome = anOutcome(null, { result: "failed", commit: null, failure: aFailure("ServerError", true) });

    expect(Object.keys(outcome).sort()).toEqual(Object.keys(anOutcome(full)).sort());
    expect(outcome).toMatchObject({
      result: "failed",
      digest: { planned: null, target: null, applied: null },
      commit: null,
      failure: {
        stage: "fetch",
        code: "ServerError",
        message: "Director is not available",
        hint: "Wait.",
        retryable: true,
      },
    });
    expect(outcome.applications).toEqual({
      total: 0,
      unchanged: 0,
      created: [],
      updated: [],
      deleted: [],
      held: [],
      setAside: [],
      degraded: [],
    });
    expect(Object.keys(outcome.failure ?? {}).sort()).toEqual(["code", "hint", "message", "retryable", "stage"]);
  });

  it("counts an Application once that waits under two names, and each of those whose owner is not known", () => {
    const held = [
      { name: "mp-new", id: "1", reason: "Renamed", until: null },
      { name: "mp-old", id: "1", reason: "MissingTooBriefly", until: null },
      { name: "mp-lost", id: "", reason: "InventoryRebuilt", until: null },
      { name: "mp-lost-too", id: "", reason: "InventoryRebuilt", until: null },
    ] as const;

    expect(anOutcome(aPlan({ held, unchanged: ["mp-x"] })).applications.total).toBe(4);
  });

  it("tells nothing of what was thrown unexpectedly", () => {
    const failure = describeFailure(new Error("canary"), "plan");

    expect(failure).toMatchObject({ stage: "plan", code: "Internal", retryable: false });
    expect(JSON.stringify(failure)).not.toContain("canary");
  });
});
