/** What people are told to do next by `uninstall --purge`. */

import { describe, expect, it } from "vitest";
import { removalFromGit } from "../../src/cli/removal-from-git.js";
import type { Outcome } from "../../src/report/index.js";
import { anOutcome, aPlan } from "../report/an-outcome.js";

const WORDS = {
  namespace: "agents",
  command: "runtime-agent uninstall --gitops flux --namespace agents --purge",
  agent: "RUNTIME_AGENT_STATE_KUBERNETES_NAMESPACE=agents runtime-agent",
  isSuspendedByConfiguration: false,
};

const APPROVAL = {
  hash: "6f1d7f0f7a4b4b6c",
  count: 3,
  command: "",
  heldSince: "2026-11-23T13:07:13.000Z",
  expires: null,
};
const REQUEST = { number: 1, url: "https://git.example.com/p/1", openedAt: "2026-11-23T13:07:13.000Z", branch: "b" };

const stepsOf = (changes: Partial<Outcome>, words: Partial<typeof WORDS> = {}) =>
  removalFromGit({ ...anOutcome(aPlan()), ...changes }, { ...WORDS, ...words });

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

  it("end a suspension where it stands", () => {
    expect(stepsOf({ suspended: true }).steps[0]).toContain("runtime-agent resume");
    const [configured] = stepsOf({ suspended: true }, { isSuspendedByConfiguration: true }).steps;
    expect(configured).toContain("set suspend: false in its configuration");
    expect(configured).not.toContain("resume");
  });

  it("tell with a commit what could not be taken from the cluster", () => {
    expect(stepsOf({ notes: ["still in the cluster: a/b"] }).steps).toContain("still in the cluster: a/b");
  });
});
