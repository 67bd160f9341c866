/** Outcomes for tests of their views. */

import { Failure } from "../../src/common/failure.js";
import type { Decision, Plan } from "../../src/plan/index.js";
import { type Applied, buildOutcome, type Outcome } from "../../src/report/index.js";
import { noon } from "../builders.js";

export const aDecision = (changes: Partial<Decision> = {}): Decision => ({
  estate: { applications: [], setAside: [], degraded: [] },
  due: [],
  held: [],
  leftAlone: new Set(),
  listed: new Set(),
  frozen: new Set(),
  keeping: new Set(),
  stayingSecrets: new Set(),
  destinationChanges: [],
  needsSecondLook: false,
  approval: null,
  passing: [],
  isRefuted: false,
  missing: {},
  reverted: {},
  ...changes,
});

export const aPlan = (changes: Partial<Plan> = {}): Plan => ({
  writes: new Map(),
  deletes: [],
  rows: new Map(),
  cluster: { apply: [], remove: [], release: [] },
  created: [],
  updated: [],
  deleted: [],
  unchanged: [],
  replaced: [],
  destinationChanges: [],
  overwritten: [],
  held: [],
  setAside: [],
  degraded: [],
  reencryption: null,
  digest: `sha256:${"1".repeat(64)}`,
  committedDigest: `sha256:${"1".repeat(64)}`,
  decision: aDecision(),
  approval: null,
  usedApproval: null,
  hold: null,
  published: {},
  others: {},
  inventory: { serial: 1, deletions: [] },
  files: [],
  committedFiles: [],
  committedSerial: 0,
  isTrusted: true,
  at: noon,
  ...changes,
});

export type OutcomeOptions = Parameters<typeof buildOutcome>[0];

export const anOutcome = (plan: Plan | null, changes: Partial<OutcomeOptions> = {}): Outcome =>
  buildOutcome({
    result: "published",
    runtime: "0f2c1b1e-6a55-4f37-9d0c-1f5d8a0f7c11",
    plan,
    commit: { id: "a".repeat(40), branch: "main" },
    approval: null,
    suspended: false,
    requests: { director: 3, connector: 0, git: 2 },
    durations: new Map([
      ["fetch", 120],
      ["plan", 1.4],
    ]),
    notes: [],
    failure: null,
    ...changes,
  });

/** All of it. */
export const anApplied: Applied = {
  current: true,
  missing: [],
  revision: `sha256:${"1".repeat(64)}`,
  at: noon.toISOString(),
  since: null,
  controller: null,
  canary: null,
  remaining: [],
  unsealed: [],
};

export const aFailure = (code: Failure["code"] = "ServerError", retryable = false) =>
  new Failure("Director is not available", { code, stage: "fetch", hint: "Wait.", retryable });
