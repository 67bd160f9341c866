import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { makeFolder } from "../../src/common/make-folder.js";

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "make-folder-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

describe("a folder", () => {
  it("is made with those above it, all with the mode, and may be there already", async () => {
    const folder = aFolder();

    await makeFolder(join(folder, "a", "b", "c"), 0o700);
    await makeFolder(join(folder, "a", "b", "c"), 0o700);

    expect([join(folder, "a"), join(folder, "a", "b", "c")].map((path) => statSync(path).mode & 0o777)).toEqual([
      0o700, 0o700,
    ]);
  });

  it("is not made where a file stands, or below one", async () => {
    const folder = aFolder();
    writeFileSync(join(folder, "file"), "");

    await expect(makeFolder(join(folder, "file"))).rejects.toMatchObject({ code: "EEXIST" });
    await expect(makeFolder(join(folder, "file", "a"))).rejects.toMatchObject({ code: "ENOTDIR" });
  });

  it("is refused, and not tried for ever, by a file system that says that what is there is missing", async () => {
    await expect(makeFolder("/proc/none/at/all")).rejects.toMatchObject({ code: "ENOENT" });
  });
});
