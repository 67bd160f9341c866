import { mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeFolder } from "../../../src/adapters/git/folder.js";
import { useWorkshop } from "./setup.js";

const workshop = useWorkshop();

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);

async function leftover(minutes: number) {
  const folder = await makeFolder(workshop.cache);
  await utimes(join(folder.path, ".runtime-agent-temporary"), minutesAgo(minutes), minutesAgo(minutes));
  return folder;
}

describe("the folder of a temporary repository", () => {
  it("replaces what killed runs left more than an hour ago", async () => {
    const old = await leftover(61);
    const young = await leftover(59);

    const folder = await makeFolder(workshop.cache);

    expect((await readdir(workshop.cache)).map((name) => join(workshop.cache, name)).sort()).toEqual(
      [young.path, folder.path].sort(),
    );
    expect(old.path).not.toBe(folder.path);
  });

  it("leaves one alone that is still in use", async () => {
    const used = await leftover(120);
    await used.touch();

    await makeFolder(workshop.cache);

    expect(await readdir(used.home)).toEqual([]);
  });

  it("leaves alone what only looks like one", async () => {
    await mkdir(join(workshop.cache, "git-server"));
    await writeFile(join(workshop.cache, "git-server", "file"), "precious");
    await utimes(join(workshop.cache, "git-server"), minutesAgo(600), minutesAgo(600));

    await makeFolder(workshop.cache);

    expect(await readdir(join(workshop.cache, "git-server"))).toEqual(["file"]);
  });
});
