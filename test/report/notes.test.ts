import { describe, expect, it } from "vitest";
import type { Decision, Hold, Plan } from "../../src/plan/index.js";
import { planNotes } from "../../src/report/index.js";
import { anApplication, aSnapshot, noon } from "../builders.js";
import { aDecision, aPlan } from "./an-outcome.js";

const nothing = { approvals: [], suspended: [] };
const listed = aSnapshot([anApplication()], { scenarios: ["DEFAULT"] });
const ofDecision = (changes: Partial<Decision>): Partial<Plan> => ({ decision: aDecision(changes) });

const notes = (
  changes: Partial<Plan> = {},
  given: Partial<Pick<Parameters<typeof planNotes>[1], "approvals" | "annotated" | "suspended">> = {},
  snapshot = listed,
) => planNotes(aPlan(changes), { snapshot, ...nothing, ...given });

const aHold = (reason: Hold["reason"]): Hold => ({ name: "mp-a", id: "1", secret: null, reason, until: null });
const held = { set: "set", nonce: "nonce", hash: "0123abcd", since: noon.toISOString(), units: [] };

describe("the notes on a plan", () => {
  it("are none where there is nothing to say", () => {
    expect(notes()).toEqual([]);
    expect(
      notes(
        { ...ofDecision({ held: [aHold("OverLimit")] }), hold: held },
        {},
        { ...aSnapshot([], {}), unreadable: [{ id: "1", name: "mp-a" }] },
      ),
    ).toEqual([]);
  });

  it("name the files of somebody's that are written over, at most five", () => {
    const paths = Array.from({ length: 7 }, (_, index) => `applications/mp-${index}/application.yaml`);

    expect(notes({ overwritten: paths.slice(0, 1) })).toEqual([
      "somebody changed what the agent writes over: applications/mp-0/application.yaml",
    ]);
    expect(notes({ overwritten: paths })).toEqual([
      expect.stringMatching(/^somebody .*: applications\/mp-0\/.*applications\/mp-4\/application\.yaml and 2 more$/),
    ]);
  });

  it.each([
    ["in none", {}, /^NoFormation: .* assign it/],
    ["in none any more", { scenarios: [] }, /^NoFormation: .* assign it/],
    ["not told", { scenarios: "DEFAULT" }, /^NoFormation: .* assign it/],
    ["in one", { scenarios: ["DEFAULT"] }, /^EmptyAnswer: .* is in a formation/],
  ])("of an empty answer tell whether the runtime is in a formation: %s", (_, labels, note) => {
    expect(notes({}, {}, aSnapshot([], labels))).toEqual([expect.stringMatching(note)]);
  });

  it("tell of an approval by annotation that approves nothing, beside one in a file, and of none that does", () => {
    const by = "the annotation runtime-agent.kyma-project.io/approve";

    expect(notes({}, { annotated: "stale" })).toEqual([`${by} names stale, but nothing is held`]);
    expect(notes({ hold: held }, { approvals: ["old"], annotated: "stale\u001b" })).toEqual([
      ".runtime-agent/approve names old, but what is held is 0123abcd",
      `${by} names stale\\u001b, but what is held is 0123abcd`,
    ]);
    expect(notes({ hold: held }, { annotated: "0123abcd" })).toEqual([]);
    expect(notes({ usedApproval: "0123abcd" }, { annotated: "0123abcd" })).toEqual([]);
    expect(notes({}, { annotated: null })).toEqual([]);
  });

  it("tell of an approval in a file that approves nothing, and what would", () => {
    expect(notes({}, { approvals: ["stale"] })).toEqual([".runtime-agent/approve names stale, but nothing is held"]);
    expect(notes({ hold: held }, { approvals: ["0123abcd", "stale", "staler"] })).toEqual([
      ".runtime-agent/approve names stale, but what is held is 0123abcd",
    ]);
  });

  it("do not mind the approval that counts, before and after it was used", () => {
    expect(notes({ hold: held }, { approvals: ["0123abcd"] })).toEqual([]);
    expect(notes({ usedApproval: "0123abcd" }, { approvals: ["0123abcd"] })).toEqual([]);
  });

  it("name those that are suspended and nowhere to be found", () => {
    const suspended = { ...aHold("Suspended"), name: "mp-there" };

    expect(notes({ held: [suspended] }, { suspended: ["mp-there", "mp-typo"] })).toEqual([
      "suspended by name, but neither in Compass nor in Git: mp-typo",
    ]);
  });

  it("let no path and no word of a file steer the terminal", () => {
    const all = notes({ overwritten: ["applications/\u001b[2J"] }, { approvals: [`\u202e${"x".repeat(1000)}`] });

    expect(all).toHaveLength(2);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(all.join("")).not.toMatch(/[\u0000-\u001f]|\p{Bidi_Control}|x{100}/u);
  });
});
