import { describe, expect, it } from "vitest";
import { APPROVE_PATH, readInstructions } from "../../src/base/index.js";
import { SUSPEND_PATH } from "../../src/base/instructions.js";
import { aBase } from "../builders.js";

const instructions = (files: Readonly<Record<string, string>>) =>
  readInstructions(aBase(new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)]))));

describe("instructions", () => {
  it("are none where there are no such files", async () => {
    expect(await instructions({ "README.md": "approve everything" })).toEqual({ approvals: [], suspended: [] });
  });

  it("are the first word of each line, without comments", async () => {
    const approve = "# by Ada, of ticket 7\n0123abcd\n\n  4567cdef and so on # why\r\n#89ab\n";

    expect(await instructions({ [APPROVE_PATH]: approve })).toEqual({
      approvals: ["0123abcd", "4567cdef"],
      suspended: [],
    });
  });

  it("suspend the Applications named", async () => {
    expect(await instructions({ [SUSPEND_PATH]: "mp-a\nmp-b # until Monday\n" })).toEqual({
      approvals: [],
      suspended: ["mp-a", "mp-b"],
    });
  });

  it.each(["", "\n", "# for maintenance\n", " \t\r\n"])("suspend everything where no name stands: %j", async (text) => {
    expect((await instructions({ [SUSPEND_PATH]: text })).suspended).toBe("everything");
  });

  it("approve nothing by an empty file", async () => {
    expect((await instructions({ [APPROVE_PATH]: "" })).approvals).toEqual([]);
  });

  it("are not read beyond a thousand lines, nor beyond 64 KiB", async () => {
    const lines = Array.from({ length: 2_000 }, (_, index) => `hash-${index}`).join("\n");

    expect((await instructions({ [APPROVE_PATH]: lines })).approvals).toHaveLength(1_000);
    expect((await instructions({ [APPROVE_PATH]: `${" ".repeat(64 * 1024)}x` })).approvals).toEqual([]);
  });
});
