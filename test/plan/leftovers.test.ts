import { describe, expect, it } from "vitest";
import type { InventoryFile } from "../../src/base/index.js";
import type { DeletionRules, Hold, Plan } from "../../src/plan/index.js";
import { leftovers } from "../../src/plan/leftovers.js";
import type { Missing } from "../../src/state/index.js";
import { later, minutes, noon, rules } from "../builders.js";
import { aDecision, aPlan } from "../report/an-outcome.js";

const found = (name: string, owner: string | null = "gone", namespace = "kyma-system") => ({
  namespace,
  name,
  uid: `uid of ${name}`,
  keys: null,
  owner,
});
const decision = aDecision({ listed: new Set(["listed"]) });
const aRow = (name: string, cluster?: string): [string, InventoryFile] => {
  const path = `applications/mp-a/secrets/${name}.yaml`;
  const row = { path, id: "listed", blob: "b".repeat(40), sha256: "c".repeat(64) };
  return [path, cluster === undefined ? row : { ...row, cluster }];
};
const atOnce: DeletionRules = {
  ...rules,
  observations: 1,
  over: 0,
  limit: 1,
  credentials: { observations: 1, over: 0 },
};

/** Names that are due in so many cycles, each with what the one before remembers. */
function dueIn(
  cycles: number,
  secrets: readonly ReturnType<typeof found>[],
  { plan = {}, by = atOnce }: { readonly plan?: Partial<Plan>; readonly by?: DeletionRules } = {},
) {
  let missing: Readonly<Record<string, Missing>> = {};
  return Array.from({ length: cycles }, (_, index) => {
    const now = later(minutes(index));
    const result = leftovers({ found: secrets, plan: aPlan({ decision, ...plan }), rules: by, missing, now });
    missing = result.missing;
    return result.due.map(({ name }) => name);
  });
}

describe("what is left behind in the cluster", () => {
  it("goes when two cycles found it, or as many as the rules want", () => {
    const patient = { ...atOnce, observations: 3, over: minutes(2) };

    expect(dueIn(2, [found("a")])).toEqual([[], ["a"]]);
    expect(dueIn(4, [found("a")], { by: patient })).toEqual([[], [], ["a"], ["a"]]);
  });

  it("is not told as waiting any more when it goes", () => {
    const given = { found: [found("a"), found("b", "listed")], plan: aPlan({ decision }), now: later(minutes(1)) };
    const by = { ...atOnce, credentials: { observations: 3, over: 0 } };
    const before = leftovers({ ...given, rules: by, missing: {}, now: noon });

    const { due, waiting } = leftovers({ ...given, rules: by, missing: before.missing });

    expect([due, waiting].map((secrets) => secrets.map(({ name }) => name))).toEqual([["a"], ["b"]]);
  });

  it("goes by the rule for credentials where its Application is listed", () => {
    const by = { ...atOnce, credentials: { observations: 3, over: 0 } };

    expect(dueIn(3, [found("a", "listed"), found("b")], { by })).toEqual([[], ["b"], ["a", "b"]]);
  });

  it("is not what the inventory lists there, or a file has, or the plan applies", () => {
    const rows = new Map([aRow("in-cluster", "kyma-system"), aRow("in-git")]);
    const apply = [
      {
        namespace: "kyma-system",
        name: "applied",
        owner: { id: "listed", name: "mp-a" },
        object: { apiVersion: "v1", kind: "Secret", metadata: { name: "applied" } },
        data: new Map(),
      },
    ];
    const plan = { rows, cluster: { apply, remove: [], release: [] } };
    const all = [found("in-cluster"), found("in-cluster", "gone", "other"), found("in-git"), found("applied")];

    const result = leftovers({
      found: all,
      plan: aPlan({ decision, ...plan }),
      rules: atOnce,
      missing: {},
      now: noon,
    });

    expect(result.waiting.map(({ namespace, name }) => `${namespace}/${name}`)).toEqual(["other/in-cluster"]);
    expect(Object.keys(result.missing)).toEqual(["cluster other/in-cluster"]);
  });

  const held: Hold = { name: "mp-a", id: "listed", secret: null, reason: "Suspended", until: null };
  it.each<[string, Partial<Plan>, Partial<DeletionRules>]>([
    ["where nothing is deleted", {}, { mode: "upsert-only" }],
    ["where the inventory was rebuilt", { isTrusted: false }, {}],
    ["by an empty answer", { decision: aDecision() }, {}],
    ["of a held Application", { held: [held] }, {}],
    ["of one that is set aside", { setAside: [{ ...held, reason: "ReadableSecret", message: "" }] }, {}],
    ["of one that is left alone", { decision: aDecision({ ...decision, frozen: new Set(["listed"]) }) }, {}],
    ["of one that keeps its folder", { decision: aDecision({ ...decision, keeping: new Set(["listed"]) }) }, {}],
  ])("stays %s", (_, plan, changes) => {
    expect(dueIn(3, [found("a", "listed")], { plan, by: { ...atOnce, ...changes } })).toEqual([[], [], []]);
  });

  it("stays as a whole where it is more than the limit, but for one, which may always go", () => {
    const by = { ...atOnce, limit: 0.5 };
    const rows = new Map([aRow("c", "kyma-system")]);

    expect(dueIn(2, [found("a"), found("b"), found("c")], { by, plan: { rows } })).toEqual([[], []]);
    expect(dueIn(2, [found("a"), found("c")], { by, plan: { rows } })).toEqual([[], ["a"]]);
  });
});
