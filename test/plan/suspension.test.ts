import { describe, expect, it } from "vitest";
import { suspensionOf } from "../../src/plan/index.js";

const nobody = { suspended: { everything: null, applications: {} } };
const command = {
  suspended: { everything: { since: "2026-01-01T00:00:00.000Z", reason: "moving" }, applications: {} },
};
const nothing = { approvals: [], suspended: [] };
const file = { approvals: [], suspended: "everything" } as const;

describe("a suspension of everything", () => {
  it("is none where nobody asked for it", () => {
    expect(suspensionOf(false, nobody, nothing)).toBeNull();
    expect(suspensionOf(false, nobody, { approvals: [], suspended: ["mp-a"] }, false)).toBeNull();
  });

  it.each([
    [suspensionOf(true, command, file, true), "the setting `suspend`"],
    [
      suspensionOf(false, command, file, true),
      "the annotation runtime-agent.kyma-project.io/suspend of the CompassConnection",
    ],
    [suspensionOf(false, command, file, false), "the file .runtime-agent/suspend in Git"],
    [suspensionOf(false, command, nothing), "`runtime-agent suspend` since 2026-01-01T00:00:00.000Z (moving)"],
  ])("names who asked for it: %s", (given, named) => {
    expect(given).toBe(named);
  });
});
