/** A request that waits for people, as it is told in every place: nothing failed, and nothing is applied that is not merged. */

import { describe, expect, it } from "vitest";
import { cycleWork, NOTHING_ASKED } from "../../src/cluster-report.js";
import { createMetrics, isWaitingForPeople, outcomeEvents, outcomeText, requestText } from "../../src/report/index.js";
import { noon } from "../builders.js";
import { aClock } from "../common/clock.js";
import { aRuntime } from "../runtime.js";
import { aSandbox } from "../sandbox/compass-client.js";
import { anApplied, anOutcome, aPlan } from "./an-outcome.js";

const URL = "https://git.example.com/platform/clusters/pulls/7";
const since = "2026-03-01T12:00:00Z";
const pullRequest = { number: 7, url: URL, state: "open", openedAt: since, branch: "runtime-agent/r" } as const;
const plan = aPlan({ created: ["mp-a", "mp-e"], updated: ["mp-b"], deleted: ["mp-c"], unchanged: ["mp-d"] });
const proposed = anOutcome(plan, { result: "proposed", commit: null, pullRequest, isOnTarget: false });
const blocked = anOutcome(plan, { result: "blocked", commit: null, pullRequest, isOnTarget: false });

describe("a request that waits", () => {
  it("is proposed and waiting for review since it was opened, on the terminal and in an Event", () => {
    expect(outcomeText(proposed, { color: false })).toContain(
      `Request 7, proposed, waiting for review since ${since}: ${URL}\n`,
    );
    expect(outcomeEvents(proposed)).toEqual([
      {
        type: "Normal",
        reason: "ChangesProposed",
        message: `what Compass asks for is proposed, waiting for review since ${since}: ${URL}`,
      },
    ]);
  });

  it("with a person's commit on its branch waits for that person", () => {
    expect(outcomeText(blocked, { color: false })).toContain(
      `Request 7, open since ${since}, waiting for the person whose commit is on its branch: ${URL}\n`,
    );
    expect(outcomeEvents(blocked)).toMatchObject([{ type: "Warning", reason: "ProposalBlocked" }]);
  });

  it("waits no more once it is merged or closed", () => {
    expect(requestText({ state: "merged", openedAt: since }, false)).toBe(`merged, opened ${since}`);
    expect(requestText({ state: "closed", openedAt: since }, true)).toBe(`closed, opened ${since}`);
  });

  it("is shown without what a host could do to a terminal with its date", () => {
    expect(requestText({ state: "open", openedAt: "\u001b[2Jnow" }, false)).not.toContain("\u001b");
  });

  it("is a metric with its date, and what it asks for counts as it stands on the target", async () => {
    const metrics = createMetrics("1.2.3", { withProcess: false });
    const calm = {
      cycle: "c",
      notAfter: null,
      renewal: null,
      clockSkew: null,
      pushRetries: 0,
      director: [],
      isLeader: true,
    };
    metrics.observe({ ...calm, outcome: proposed, finishedAt: noon });
    const { text } = await metrics.collect();

    expect(text).toContain(`runtime_agent_pull_request_opened_timestamp_seconds ${Date.parse(since) / 1000}\n`);
    expect(text).toContain('runtime_agent_cycles_total{result="proposed"} 1\n');
    expect(text).toContain('runtime_agent_cycles_total{result="failed"} 0\n');
    // mp-a and mp-e are not there yet, and mp-c still is.
    expect(text).toContain('runtime_agent_applications{state="published"} 3\n');
  });

  it("is not applied, whether or not all that was there before is, or can be told", async () => {
    const { state } = await aRuntime(await aSandbox(), aClock());
    const given = { state, asked: NOTHING_ASKED, usedApproval: null, maintained: null };
    const isApplied = (outcome: typeof proposed) => cycleWork({ ...given, outcome }).isApplied;

    expect([proposed, { ...proposed, applied: anApplied }, blocked].map(isApplied)).toEqual([false, false, false]);
    expect(isApplied({ ...proposed, result: "unchanged", applied: anApplied })).toBe(true);
    expect(isApplied({ ...proposed, result: "unchanged" })).toBeNull();
    expect([proposed, blocked].map(isWaitingForPeople)).toEqual([true, true]);
  });
});
