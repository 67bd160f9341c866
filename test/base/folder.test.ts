import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { folderBase, INVENTORY_PATH } from "../../src/base/index.js";
import { anApplicationNamed, aSnapshot, cycle, sealKey } from "../builders.js";

async function aFolder(files: ReadonlyMap<string, Buffer>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "base-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [path, bytes] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  return folder;
}

const files = (texts: Readonly<Record<string, string>>) =>
  new Map(Object.entries(texts).map(([path, text]) => [path, Buffer.from(text)]));

describe("a folder as a base", () => {
  it("lists its files with the ids that Git would give them", async () => {
    const folder = await aFolder(files({ "a.yaml": "a\n", "b/c.yaml": "Zürich\n", empty: "" }));

    const base = await folderBase(folder, sealKey);

    const idOf = (path: string) =>
      execFileSync("git", ["hash-object", "--no-filters", join(folder, path)], { encoding: "utf8" }).trim();
    expect(base).toMatchObject({ path: "", tip: null, inventory: { state: "absent" } });
    expect(new Map([...base.listing].sort())).toEqual(
      new Map(["a.yaml", "b/c.yaml", "empty"].map((path) => [path, idOf(path)])),
    );
    expect((await base.read("b/c.yaml")).toString("utf8")).toBe("Zürich\n");
    expect(base.blobID(Buffer.from("a\n"))).toBe(base.listing.get("a.yaml"));
  });

  it("leaves out what belongs to git, and links", async () => {
    const folder = await aFolder(files({ ".git/HEAD": "ref", ".gitignore": "x", "a.yaml": "a" }));
    await symlink("/etc/hostname", join(folder, "link"));

    const { listing, obstacles } = await folderBase(folder, sealKey);

    expect([...listing.keys()].sort()).toEqual([".gitignore", "a.yaml"]);
    expect([...obstacles]).toEqual(["link"]);
  });

  it("cannot be used where something stands in the place of what every commit needs", async () => {
    const linked = await aFolder(files({ "a.yaml": "a" }));
    await symlink("/etc/hostname", join(linked, "revision.yaml"));
    const folders = [
      await aFolder(files({ applications: "a" })),
      await aFolder(files({ "revision.yaml/a": "a" })),
      linked,
    ];

    for (const folder of folders) {
      await expect(folderBase(folder, sealKey)).rejects.toMatchObject({ code: "BaseUnusable", stage: "base" });
    }
  });

  it("reads its inventory", async () => {
    const { tree } = await cycle(new Map(), aSnapshot([anApplicationNamed("mp-a", 1)]));

    const folder = await aFolder(tree);

    expect((await folderBase(folder, sealKey)).inventory).toMatchObject({ state: "verified" });
    expect((await folderBase(folder, Buffer.alloc(32, 9))).inventory).toMatchObject({ state: "unverified" });
    expect([...(await folderBase(folder, sealKey)).listing.keys()]).toContain(INVENTORY_PATH);
  });

  it("reads only what it lists", async () => {
    const base = await folderBase(await aFolder(files({ "a/b.yaml": "a", ".git/config": "b" })), sealKey);

    for (const path of ["../x", "/etc/hostname", "a/../a/b.yaml", ".git/config", "missing"]) {
      await expect(base.read(path)).rejects.toMatchObject({ name: "Failure", code: "Internal" });
    }
  });

  it("may be empty", async () => {
    expect((await folderBase(await aFolder(new Map()), sealKey)).listing.size).toBe(0);
  });

  it("cannot be used when it is not there, or is a file", async () => {
    const folder = await aFolder(files({ "a.yaml": "a" }));

    for (const path of [join(folder, "missing"), join(folder, "a.yaml")]) {
      await expect(folderBase(path, sealKey)).rejects.toMatchObject({
        code: "BaseUnusable",
        stage: "base",
        message: `the folder ${path} cannot be read`,
      });
    }
  });
});
