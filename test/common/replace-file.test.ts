import { execFileSync } from "node:child_process";
import { lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { replaceFile } from "../../src/common/replace-file.js";

async function aFolder() {
  const folder = await mkdtemp(join(tmpdir(), "replace-file-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

it("gives the file the rights that were asked for, whatever stood there, and leaves nothing beside it", async () => {
  const folder = await aFolder();
  const file = join(folder, "file");
  await writeFile(file, "before", { mode: 0o644 });
  await writeFile(`${file}.${process.pid}.new`, "of one that was killed");

  await replaceFile(file, "after", 0o600);

  expect(await readFile(file, "utf8")).toBe("after");
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(["file"]);
});

it("writes what a link leads to", async () => {
  const folder = await aFolder();
  await writeFile(join(folder, "file"), "before");
  await symlink("file", join(folder, "link"));

  await replaceFile(join(folder, "link"), "after", 0o600);

  expect((await lstat(join(folder, "link"))).isSymbolicLink()).toBe(true);
  expect(await readFile(join(folder, "file"), "utf8")).toBe("after");
});

it("writes to a pipe, as to any device, instead of replacing it", async () => {
  const pipe = join(await aFolder(), "pipe");
  execFileSync("mkfifo", [pipe]);

  const [read] = await Promise.all([readFile(pipe, "utf8"), replaceFile(pipe, "told", 0o600)]);

  expect(read).toBe("told");
  expect((await lstat(pipe)).isFIFO()).toBe(true);
});

it("leaves nothing where it cannot write", async () => {
  const folder = await aFolder();

  await expect(replaceFile(join(folder, "absent", "file"), "told", 0o600)).rejects.toThrow("ENOENT");
  await expect(replaceFile(folder, "told", 0o600)).rejects.toThrow("EISDIR");
  expect(await readdir(folder)).toEqual([]);
});
