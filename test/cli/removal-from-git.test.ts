/** What people are told to do next by `uninstall --purge`. */

import { describe, expect, it } from "vitest";
import { removalFromGit } from "../../src/cli/removal-from-git.js";
import { suspensionNote, suspensionOf } from "../../src/plan/index.js";
import type { Outcome } from "../../src/report/index.js";
import { anOutcome, aPlan } from "../report/an-outcome.js";

const WORDS = {
  namespace: "agents",
  command: "runtime-agent uninstall --gitops flux --namespace agents --purge",
  agent: "RUNTIME_AGENT_STATE_KUBERNETES_NAMESPACE=agents runtime-agent --config agent.yaml",
  gitPath: "clusters/prod",
};

const NOTHING = { approvals: [], suspended: [] };
const EVERYTHING = { approvals: [], suspended: "everything" } as const;
const NOBODY = { suspended: { everything: null, applications: {} } };
const SOMEBODY = {
  suspended: { ...NOBODY.suspended, everything: { since: "2026-11-23T13:07:13.000Z", reason: null } },
};

const APPROVAL = {
  hash: "6f1d7f0f7a4b4b6c",
  count: 3,
  command: "",
  heldSince: "2026-11-23T13:07:13.000Z",
  expires: null,
};
const REQUEST = { number: 1, url: "https://git.example.com/p/1", openedAt: "2026-11-23T13:07:13.000Z", branch: "b" };

const stepsOf = (changes: Partial<Outcome>) => removalFromGit({ ...anOutcome(aPlan()), ...changes }, WORDS);

describe("the steps of a removal", () => {
  it.each([
    ["approval", { approval: APPROVAL }],
    ["committed", {}],
    ["proposed", { result: "proposed", pullRequest: { ...REQUEST, state: "open" } }],
    ["blocked", { result: "blocked", pullRequest: { ...REQUEST, state: "open" } }],
    ["suspended", { suspended: true }],
  ] as const)("repeat the very options that were given: %s", (removal, changes) => {
    const { removal: told, steps } = stepsOf(changes as Partial<Outcome>);

    expect(told).toBe(removal);
    expect(steps.at(-1)).toContain(WORDS.command);
    expect(steps.join("\n").match(/runtime-agent uninstall/g)).toHaveLength(1);
  });

  it("name the state in which an approval is looked for", () => {
    expect(stepsOf({ approval: APPROVAL }).steps).toContain(`approve it: ${WORDS.agent} approve ${APPROVAL.hash}`);
  });

  it.each([
    ["the setting", suspensionOf(true, NOBODY, NOTHING), "set suspend: false in its configuration"],
    ["an annotation", suspensionOf(false, NOBODY, NOTHING, true), "runtime-agent.kyma-project.io/suspend-"],
    [
      "a file in Git",
      suspensionOf(false, NOBODY, EVERYTHING),
      "the file clusters/prod/.runtime-agent/suspend from Git",
    ],
    ["a command", suspensionOf(false, SOMEBODY, NOTHING), `${WORDS.agent} resume`],
  ])("end a suspension where it stands: by %s", (_, by, mend) => {
    const [told = ""] = stepsOf({ suspended: true, notes: [suspensionNote(by ?? "")] }).steps;

    expect(told).toContain(mend);
    expect(told.includes("resume")).toBe(mend.includes("resume"));
  });

  it("tell with a commit what could not be taken from the cluster", () => {
    expect(stepsOf({ notes: ["still in the cluster: a/b"] }).steps).toContain("still in the cluster: a/b");
  });
});
