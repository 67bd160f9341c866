import { describe, expect, it } from "vitest";
import { suspensionNote, suspensionOf } from "../../src/plan/index.js";

const nobody = { suspended: { everything: null, applications: {} } };
const command = {
  suspended: { everything: { since: "2026-01-01T00:00:00.000Z", reason: "moving" }, applications: {} },
};
const withoutReason = {
  suspended: { everything: { since: "2026-01-01T00:00:00.000Z", reason: null }, applications: {} },
};
const nothing = { approvals: [], suspended: [] };
const file = { approvals: [], suspended: "everything" } as const;

describe("a suspension of everything", () => {
  it("is none where nobody asked for it", () => {
    expect(suspensionOf(false, nobody, nothing)).toBeNull();
    expect(suspensionOf(false, nobody, { approvals: [], suspended: ["mp-a"] }, false)).toBeNull();
  });

  it.each<[string, Parameters<typeof suspensionOf>]>([
    ["the setting `suspend`", [true, command, file, true]],
    ["the annotation runtime-agent.kyma-project.io/suspend of the CompassConnection", [false, command, file, true]],
    ["the file .runtime-agent/suspend in Git", [false, command, file, false]],
    ["`runtime-agent suspend` since 2026-01-01T00:00:00.000Z (moving)", [false, command, nothing]],
    ["`runtime-agent suspend` since 2026-01-01T00:00:00.000Z", [false, withoutReason, nothing]],
  ])("names who asked for it: %s", (named, given) => {
    expect(suspensionOf(...given)).toBe(named);
  });

  it("is told with what it means", () => {
    expect(suspensionNote("the setting")).toBe("suspended by the setting: nothing is written");
  });
});
