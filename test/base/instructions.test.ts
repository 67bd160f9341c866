import { describe, expect, it } from "vitest";
import { APPROVE_PATH, readInstructions } from "../../src/base/index.js";
import { SUSPEND_PATH } from "../../src/base/instructions.js";
import { aBase } from "../builders.js";

const instructions = (files: Readonly<Record<string, string | Buffer>>) =>
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

  it("suspend all that a line names", async () => {
    const { suspended } = await instructions({ [SUSPEND_PATH]: "mp-a mp-b, mp-c\r\n# mp-d\n" });

    expect(suspended).toEqual(["mp-a", "mp-b", "mp-c"]);
  });

  it.each(["*", "mp-a\n*\n"])("suspend everything by a star: %j", async (text) => {
    expect((await instructions({ [SUSPEND_PATH]: text })).suspended).toBe("everything");
  });

  it.each(["", "\n", "# for maintenance\n", " \t\r\n"])("suspend everything where no name stands: %j", async (text) => {
    expect((await instructions({ [SUSPEND_PATH]: text })).suspended).toBe("everything");
  });

  it("approve nothing by an empty file", async () => {
    expect((await instructions({ [APPROVE_PATH]: "" })).approvals).toEqual([]);
  });

  it("are read to the end, however many lines there are", async () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => `line-${index}`);

    const { approvals, suspended } = await instructions({
      [APPROVE_PATH]: lines.join("\n"),
      [SUSPEND_PATH]: `# all of them\n${lines.join("\n")}`,
    });

    expect(approvals).toEqual(lines);
    expect(suspended).toEqual(lines);
  });

  it.each<[string, Buffer]>([
    ["UTF-16", Buffer.from("\ufeffmp-shop\n", "utf16le")],
    ["UTF-16 that is blank", Buffer.from("\ufeff\n", "utf16le")],
    ["Latin-1", Buffer.from("gr\u00fc\u00dfe\n", "latin1")],
  ])("stop everything where they are %s, since they may suspend it", async (_, bytes) => {
    await expect(instructions({ [SUSPEND_PATH]: bytes })).rejects.toMatchObject({
      code: "BaseUnusable",
      message: `"${SUSPEND_PATH}" in git.path is not UTF-8 text`,
    });
  });

  it.each([APPROVE_PATH, SUSPEND_PATH])("are refused as a whole where there is too much to read: %s", async (path) => {
    const most = "#".repeat(1024 * 1024 - 5);

    expect(await instructions({ [path]: `${most}\nname` })).toMatchObject(
      path === APPROVE_PATH ? { approvals: ["name"] } : { suspended: ["name"] },
    );
    await expect(instructions({ [path]: `${most}\nname1` })).rejects.toMatchObject({
      code: "BaseUnusable",
      stage: "base",
      message: `"${path}" in git.path is larger than 1 MiB`,
    });
  });
});
