import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Failure } from "../../src/common/failure.js";
import { createMetrics, type ObservedCycle } from "../../src/report/index.js";
import { noon } from "../builders.js";
import { anApplied, anOutcome, aPlan } from "./an-outcome.js";

const calm: Omit<ObservedCycle, "outcome"> = {
  cycle: "id",
  finishedAt: noon,
  notAfter: null,
  renewal: null,
  clockSkew: null,
  pushRetries: 0,
  director: [],
  isLeader: true,
};

/** Values by name and labels, after these cycles. */
async function valuesAfter(...cycles: readonly ObservedCycle[]): Promise<Record<string, number>> {
  const metrics = createMetrics("1.2.3", { withProcess: false });
  for (const each of cycles) metrics.observe(each);
  const { text } = await metrics.collect();
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.lastIndexOf(" ");
      return [line.slice("runtime_agent_".length, at), Number(line.slice(at + 1))];
    }),
  );
}

const asking = { operation: "Applications", code: "ok", milliseconds: 250 } as const;

const published = anOutcome(aPlan({ created: ["mp-a"], updated: ["mp-b", "mp-c"], unchanged: ["mp-d"] }), {
  durations: new Map([
    ["fetch", 200],
    ["publish", 300],
  ]),
});
const failed = anOutcome(null, {
  result: "failed",
  failure: new Failure("m", { stage: "publish", code: "PushRejected", hint: "h", retryable: true }),
});

describe("the metrics", () => {
  it("begin at zero, each by its name, so that the first failure shows as a rise", async () => {
    expect(await valuesAfter()).toMatchObject({
      'cycles_total{result="published"}': 0,
      'cycles_total{result="failed"}': 0,
      'changes_total{kind="deleted"}': 0,
      'certificate_renewals_total{result="failed"}': 0,
      'git_pushes_total{result="failed"}': 0,
      last_complete_cycle_timestamp_seconds: 0,
      'build_info{version="1.2.3"}': 1,
    });
  });

  it("count what a cycle did", async () => {
    const values = await valuesAfter({
      outcome: published,
      ...calm,
      notAfter: new Date(noon.getTime() + 5_000),
      renewal: "succeeded",
      clockSkew: -2_500,
      pushRetries: 2,
    });

    expect(values).toMatchObject({
      'cycles_total{result="published"}': 1,
      'changes_total{kind="created"}': 1,
      'changes_total{kind="updated"}': 2,
      'applications{state="published"}': 4,
      'applications{state="held"}': 0,
      last_complete_cycle_timestamp_seconds: noon.getTime() / 1000,
      certificate_not_after_timestamp_seconds: noon.getTime() / 1000 + 5,
      'certificate_renewals_total{result="succeeded"}': 1,
      clock_skew_seconds: -2.5,
      git_push_retries_total: 2,
      'git_pushes_total{result="succeeded"}': 1,
      'stage_duration_seconds_sum{stage="fetch"}': 0.2,
      cycle_duration_seconds_count: 1,
    });
  });

  it("keep what the last complete cycle knew when one fails", async () => {
    const values = await valuesAfter({ outcome: published, ...calm }, { outcome: failed, ...calm, renewal: "failed" });

    expect(values).toMatchObject({
      'cycles_total{result="published"}': 1,
      'cycles_total{result="failed"}': 1,
      'applications{state="published"}': 4,
      last_complete_cycle_timestamp_seconds: noon.getTime() / 1000,
      'git_pushes_total{result="failed"}': 1,
      'certificate_renewals_total{result="failed"}': 1,
    });
  });

  it("tell since when what is committed is not applied, and go on by what was known where the cluster does not say", async () => {
    const since = new Date(noon.getTime() - 60_000);
    const applied = { ...anApplied, current: false, since: since.toISOString() };
    const late = { outcome: anOutcome(aPlan(), { applied }), ...calm };
    const name = "unapplied_since_timestamp_seconds";

    expect(await valuesAfter({ outcome: published, ...calm })).not.toHaveProperty(name);
    expect(await valuesAfter(late, { outcome: published, ...calm })).toMatchObject({ [name]: since.getTime() / 1000 });
    expect(await valuesAfter(late, { outcome: anOutcome(aPlan(), { applied: anApplied }), ...calm })).toMatchObject({
      [name]: 0,
    });
  });

  it("call leader who had the lock in the last cycle, and nobody before the first", async () => {
    const locked = { outcome: failed, ...calm, isLeader: false };
    const works = { outcome: published, ...calm };

    const seen = [await valuesAfter(), await valuesAfter(works), await valuesAfter(works, locked)];

    expect(seen.map(({ leader }) => leader)).toEqual([0, 1, 0]);
  });

  it("do not count as changes what was only planned", async () => {
    const planned = anOutcome(aPlan({ created: ["mp-a"] }), { result: "planned", suspended: true });

    expect(await valuesAfter({ outcome: planned, ...calm })).toMatchObject({
      'changes_total{kind="created"}': 0,
      suspended: 1,
    });
  });

  it("are those that the reference lists, and no others", async () => {
    const everything = anOutcome(aPlan({ created: ["mp-a"] }), { applied: anApplied });
    const page = readFileSync(join(import.meta.dirname, "../../docs/reference/metrics.md"), "utf8");
    const listed = [...page.matchAll(/^\| `runtime_agent_(\w+)/gm)].map(([, name = ""]) => name);
    const shown = Object.keys(await valuesAfter({ outcome: everything, ...calm, director: [asking] })).map((each) =>
      each.replace(/\{.*$/, "").replace(/(?<=_seconds)_(?:bucket|sum|count)$/, ""),
    );

    expect([...new Set(shown)].sort()).toEqual([...listed].sort());
  });
});
