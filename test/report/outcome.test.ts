import { describe, expect, it } from "vitest";
import { buildOutcome, describeFailure } from "../../src/report/index.js";
import { later, minutes, noon } from "../builders.js";
import { aFailure, anOutcome, aPlan } from "./an-outcome.js";

const aChange = {
  name: "mp-c",
  id: "3",
  bundle: "12",
  from: ["old.example.com"],
  to: ["new.example.com"],
  isHeld: false,
};

const anApproval = {
  hold: {
    set: "set",
    nonce: "nonce",
    hash: "0123abcd",
    since: noon.toISOString(),
    units: [
      { name: "mp-i", id: "9", secret: null },
      { name: "mp-b", id: "2", secret: "applications/mp-b/secrets/mp-b-1.yaml" },
    ],
  },
  isApproved: false,
  expires: null,
};

const full = aPlan({
  created: ["mp-a"],
  updated: ["mp-b", "mp-c"],
  deleted: ["mp-d"],
  replaced: [{ name: "mp-b", id: "2", formerID: "11" }],
  destinationChanges: [aChange],
  unchanged: ["mp-e", "mp-f", "mp-g"],
  held: [
    { name: "mp-h", id: "8", secret: null, reason: "MissingTooBriefly", until: later(minutes(30)) },
    { name: "mp-i", id: "9", secret: null, reason: "OverLimit", until: null },
    {
      name: "mp-b",
      id: "2",
      secret: "applications/mp-b/secrets/mp-b-1.yaml",
      reason: "CredentialsVanished",
      until: null,
    },
  ],
  setAside: [{ name: "mp-j", id: "10", reason: "DuplicateName", message: "two" }],
  degraded: [{ name: "mp-a", id: "1", reason: "NoTarget", bundle: "7", message: "none" }],
  digest: "sha256:new",
  committedDigest: "sha256:old",
});

describe("the outcome of a cycle", () => {
  it("has the shape that interface 4 promises, key by key", () => {
    expect(
      JSON.parse(JSON.stringify(anOutcome(full, { notes: ["a note"], approval: anApproval, suspended: true }))),
    ).toEqual({
      kind: "SyncOutcome",
      version: 1,
      result: "published",
      runtime: "0f2c1b1e-6a55-4f37-9d0c-1f5d8a0f7c11",
      digest: { planned: "sha256:new", target: "sha256:new", applied: null },
      commit: { id: "a".repeat(40), branch: "main", url: null },
      pullRequest: null,
      reencryption: null,
      applications: {
        total: 9,
        unchanged: 3,
        created: ["mp-a"],
        updated: ["mp-b", "mp-c"],
        deleted: ["mp-d"],
        replaced: [{ name: "mp-b", id: "2", formerID: "11" }],
        held: [
          { name: "mp-h", id: "8", secret: null, reason: "MissingTooBriefly", until: "2026-11-22T12:30:00.000Z" },
          { name: "mp-i", id: "9", secret: null, reason: "OverLimit", until: null },
          { name: "mp-b", id: "2", secret: "mp-b-1", reason: "CredentialsVanished", until: null },
        ],
        setAside: [{ name: "mp-j", id: "10", reason: "DuplicateName", message: "two" }],
        degraded: [{ name: "mp-a", id: "1", reason: "NoTarget", bundle: "7", message: "none" }],
        destinationChanges: [
          { name: "mp-c", id: "3", bundle: "12", from: ["old.example.com"], to: ["new.example.com"], held: false },
        ],
      },
      approval: {
        hash: "0123abcd",
        count: 2,
        heldSince: "2026-11-22T12:00:00.000Z",
        expires: null,
        command: "runtime-agent approve 0123abcd",
      },
      suspended: true,
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
      replaced: [],
      held: [],
      setAside: [],
      degraded: [],
      destinationChanges: [],
    });
    expect(Object.keys(outcome.failure ?? {}).sort()).toEqual(["code", "hint", "message", "retryable", "stage"]);
  });

  it("counts an Application once that waits under two names, and each of those whose owner is not known", () => {
    const held = [
      { name: "mp-new", id: "1", secret: null, reason: "Renamed", until: null },
      { name: "mp-old", id: "1", secret: null, reason: "MissingTooBriefly", until: null },
      { name: "mp-lost", id: "", secret: null, reason: "InventoryRebuilt", until: null },
      { name: "mp-lost-too", id: "", secret: null, reason: "InventoryRebuilt", until: null },
    ] as const;

    expect(anOutcome(aPlan({ held, unchanged: ["mp-x"] })).applications.total).toBe(4);
  });

  it("counts an Application whose Secret is held where it stands, and not as held", () => {
    const secret = "applications/mp-x/secrets/s.yaml";
    const held = [{ name: "mp-x", id: "1", secret, reason: "CredentialsVanished", until: null }] as const;

    expect(anOutcome(aPlan({ held, unchanged: ["mp-x"] })).applications).toMatchObject({ total: 1, unchanged: 1 });
  });

  it("says when an approval that was given ends", () => {
    const approval = { ...anApproval, expires: later(minutes(60)).toISOString() };

    expect(anOutcome(full, { approval }).approval).toMatchObject({ expires: "2026-11-22T13:00:00.000Z" });
  });

  it("of an agent that never began has no approval, and is not suspended", () => {
    const outcome = buildOutcome({
      result: "failed",
      runtime: "runtime",
      plan: null,
      commit: null,
      approval: null,
      suspended: false,
      requests: { director: 0, connector: 0, git: 0 },
      durations: new Map(),
      notes: [],
      failure: aFailure(),
    });

    expect(outcome).toMatchObject({
      result: "failed",
      runtime: "runtime",
      approval: null,
      suspended: false,
      requests: { director: 0, connector: 0, git: 0 },
      durationSeconds: { total: 0 },
    });
  });

  it("tells nothing of what was thrown unexpectedly", () => {
    const failure = describeFailure(new Error("canary"), "plan");

    expect(failure).toMatchObject({ stage: "plan", code: "Internal", retryable: false });
    expect(JSON.stringify(failure)).not.toContain("canary");
  });
});
