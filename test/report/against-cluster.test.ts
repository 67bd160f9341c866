import { describe, expect, it } from "vitest";
import { againstClusterText, hasUndocumented, type PlanAgainstCluster } from "../../src/report/index.js";

const difference = { path: "", documented: false, reason: null, before: null, after: null };
const aPlan = (...objects: PlanAgainstCluster["objects"]): PlanAgainstCluster => ({
  kind: "PlanAgainstCluster",
  version: 1,
  runtime: null,
  objects,
  setAside: [],
  notes: [],
});
const own = {
  ...difference,
  path: "metadata.annotations.a",
  documented: true,
  reason: "OwnAnnotation",
  after: "x",
} as const;

describe("the text of a comparison with the cluster", () => {
  it("tells what is not documented field by field, and counts the rest by object", () => {
    const plan = aPlan(
      { kind: "Application", namespace: null, name: "a", change: "update", differences: [own, { ...own, path: "b" }] },
      {
        kind: "Application",
        namespace: null,
        name: "b",
        change: "update",
        differences: [own, { ...difference, path: "spec.description", before: "one", after: "two" }],
      },
      { kind: "Secret", namespace: "n", name: "c", change: "create", differences: [difference] },
      { kind: "Secret", namespace: "n", name: "d", change: "only-in-cluster", differences: [difference] },
      { kind: "Secret", namespace: "n", name: "e", change: "same", differences: [] },
    );

    expect(againstClusterText(plan, { color: false }).split("\n")).toEqual([
      "Compared 2 Applications and 3 Secrets with the cluster; nothing was written",
      "  = 2 objects without a difference, but for those that are documented",
      "  ~ Application b",
      '      spec.description: "one" → "two"',
      "  + Secret n/c is not there",
      "  ? Secret n/d is there, and would not be written",
      "Documented differences (docs/tutorials/move-over.md):",
      "  OwnAnnotation  annotations that this agent writes: 2 objects",
      "",
    ]);
    expect(hasUndocumented(plan)).toBe(true);
  });

  it("is done with what is documented", () => {
    const plan = aPlan({ kind: "Application", namespace: null, name: "a", change: "update", differences: [own] });

    expect(hasUndocumented(plan)).toBe(false);
  });

  it("holds nothing that steers a terminal, whoever wrote it", () => {
    const evil = "\u001b[2J\n\u202e";
    const plan = {
      ...aPlan({
        kind: "Application",
        namespace: null,
        name: evil,
        change: "update",
        differences: [{ ...difference, path: evil, before: evil, after: { [evil]: evil } }],
      }),
      setAside: [{ name: evil, id: "1", reason: "RefusedByAdmission", message: evil }],
      notes: [evil],
    };

    const text = againstClusterText(plan, { color: false });

    for (const character of ["\u001b", "\u202e"]) expect(text).not.toContain(character);
    expect(text.trimEnd().split("\n")).toHaveLength(6);
  });
});
