import { describe, expect, it } from "vitest";
import { decideProposal, type Situation } from "../../src/publish/decide-proposal.js";

const ours: Situation["branch"] = {
  exists: true,
  isOurs: true,
  isReleased: false,
  intent: "a",
  base: "1",
  isSpent: false,
  isStale: false,
  isCutOff: false,
};
const theirs: Situation["branch"] = { ...ours, isOurs: false, intent: null, base: null };
const none: Situation["branch"] = { ...theirs, exists: false };
const open = { intent: "a", hasConflict: false };

const decided = (changes: Partial<Situation>) =>
  decideProposal({ intent: "a", base: "1", branch: ours, open, isRefused: false, ...changes });

describe("what becomes of the proposal", () => {
  it.each<[string, Partial<Situation>, object]>([
    ["rests on what is proposed already", {}, { do: "propose", push: false, open: false, edit: false }],
    ["stands while the base moves", { base: "2" }, { do: "propose", push: false, open: false, edit: false }],
    [
      "is built anew for a conflict",
      { base: "2", open: { ...open, hasConflict: true } },
      { do: "propose", push: true, open: false, edit: false },
    ],
    [
      "is not built anew on the same base",
      { open: { ...open, hasConflict: true } },
      { do: "propose", push: false, open: false, edit: false },
    ],
    [
      "is pushed, and not edited, where what is sealed there is to be sealed anew",
      { branch: { ...ours, isStale: true } },
      { do: "propose", push: true, open: false, edit: false },
    ],
    [
      "is pushed and edited for another intent",
      { intent: "b" },
      { do: "propose", push: true, open: false, edit: true },
    ],
    [
      "is only edited when the push was done before",
      { open: { ...open, intent: "z" } },
      { do: "propose", push: false, open: false, edit: true },
    ],
    [
      "is opened when the push was done before",
      { open: null },
      { do: "propose", push: false, open: true, edit: false },
    ],
    [
      "is pushed anew for a new request where the base moved since the push",
      { open: null, base: "2" },
      { do: "propose", push: true, open: true, edit: false },
    ],
    [
      "is pushed anew for a new request where the commit was merged",
      { open: null, branch: { ...ours, isSpent: true } },
      { do: "propose", push: true, open: true, edit: false },
    ],
    [
      "is pushed anew where the base's history was cut back",
      { base: "2", branch: { ...ours, isCutOff: true } },
      { do: "propose", push: true, open: false, edit: false },
    ],
    ["begins without a branch", { branch: none, open: null }, { do: "propose", push: true, open: true, edit: false }],
    [
      "is pushed again where the branch is gone and the request is not",
      { branch: none },
      { do: "propose", push: true, open: false, edit: false },
    ],
    ["waits for a person's commit", { branch: theirs }, { do: "wait" }],
    [
      "replaces a person's commit that it may",
      { branch: { ...theirs, isReleased: true } },
      { do: "propose", push: true, open: false, edit: false },
    ],
    ["respects a no", { open: null, isRefused: true }, { do: "respect" }],
    ["respects a no to what an open request would become", { intent: "b", isRefused: true }, { do: "respect" }],
    ["waits for a person's commit first", { intent: "b", branch: theirs, isRefused: true }, { do: "wait" }],
    ["is closed when nothing is left", { intent: null }, { do: "withdraw" }],
    ["tidies up after a merge", { intent: null, open: null }, { do: "tidy" }],
    ["leaves a person's branch when nothing is left", { intent: null, branch: theirs }, { do: "rest" }],
    [
      "leaves a person's branch that was merged",
      { intent: null, open: null, branch: { ...theirs, isReleased: true } },
      { do: "rest" },
    ],
    ["says nothing when there is nothing", { intent: null, open: null, branch: none }, { do: "rest" }],
  ])("%s", (_title, changes, step) => {
    expect(decided(changes)).toEqual(step);
  });
});
