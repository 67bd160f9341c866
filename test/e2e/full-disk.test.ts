/** What a disk without room for another file does to a state: it is seen before anything is asked for. */

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { aFolder } from "./world.js";

/** A file system of its own with room for so few files, where this user may make one. */
const canMount = spawnSync("unshare", ["--user", "--map-root-user", "--mount", "true"]).status === 0;

describe.runIf(canMount)("a disk that has room, but for no more files", () => {
  it.each([
    [8, "StateUnwritable"],
    [64, "writable"],
  ])("with %i files is %s", async (files, expected) => {
    const directory = await aFolder();
    const module = join(import.meta.dirname, "..", "..", "dist", "src", "state", "index.js");
    const script = `
      const { openFileState } = await import(${JSON.stringify(module)});
      await openFileState(${JSON.stringify(join(directory, "disk", "state"))}).saveMemory({});
      await openFileState(${JSON.stringify(join(directory, "disk", "state"))}).checkWritable()
        .then(() => console.log("writable"), ({ code }) => console.log(code));`;
    writeFileSync(join(directory, "script.mjs"), script);
    mkdirSync(join(directory, "disk"));
    const mount = `mount -t tmpfs -o size=4m,nr_inodes=${files} tmpfs "$1/disk" && "$2" "$1/script.mjs"`;

    const { stdout, stderr } = spawnSync(
      "unshare",
      ["--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh", directory, process.execPath],
      { encoding: "utf8" },
    );

    expect(stdout.trim(), stderr).toBe(expected);
  });
});
