import { describe, expect, it } from "vitest";
import { formatInventory, INVENTORY_PATH, openBase, sealKeyID } from "../../src/base/index.js";
import { failureOf, useWorkshop } from "../adapters/git/setup.js";
import { commitAs, createBareRepository, git, type Seed } from "../fakes/git-server.js";

const workshop = useWorkshop();
const sealKey = Buffer.alloc(32, 7);

async function aRepository(...seeds: Seed[]) {
  const path = await createBareRepository(workshop.directory, "fleet.git");
  for (const seed of seeds) await commitAs(path, seed);
  return { path, repository: await workshop.open(path) };
}

async function open(seeds: Seed[], options: { branch?: string; path?: string; wasPublished?: boolean } = {}) {
  const { repository } = await aRepository(...seeds);
  return openBase({ repository, branch: "main", path: "clusters/prod", sealKey, ...options });
}

const inventory = {
  owner: "runtime-1",
  tenant: null,
  serial: 1,
  deletions: [],
  sealKey: sealKeyID(sealKey),
  formerSealKeys: [],
  files: [],
};
const bytes = formatInventory(inventory, sealKey);

describe("the base", () => {
  it("is the tip, the files under our path alone, and the inventory", async () => {
    const seed = {
      files: {
        "README.md": "Hello\n",
        "clusters/prod-2/kustomization.yaml": "other\n",
        "clusters/prod/kustomization.yaml": "ours\n",
        [`clusters/prod/${INVENTORY_PATH}`]: bytes,
      },
    };
    const { path, repository } = await aRepository(seed);

    const base = await openBase({ repository, branch: "main", path: "clusters/prod", sealKey });
    const content = await base.read("kustomization.yaml");

    expect(base.tip).toBe(await git(path, "rev-parse", "main"));
    expect(base).toMatchObject({ branch: "main", path: "clusters/prod" });
    expect(base.listing).toEqual(
      new Map([
        [INVENTORY_PATH, base.blobID(bytes)],
        ["kustomization.yaml", base.blobID(Buffer.from("ours\n"))],
      ]),
    );
    expect(base.inventory).toEqual({ state: "verified", inventory });
    expect(content.toString()).toBe("ours\n");
  });

  it("may be the root of the repository", async () => {
    const base = await open([{ files: { "a/b": "1", c: "2" } }], { path: "" });

    expect([...base.listing.keys()]).toEqual(["a/b", "c"]);
  });

  it("is empty where nothing was written yet", async () => {
    const base = await open([{ files: { "README.md": "Hello\n" } }]);

    expect(base.listing).toEqual(new Map());
    expect(base.inventory).toEqual({ state: "absent" });
    expect(base.tip).toMatch(/^[0-9a-f]{40}$/);
  });

  it("has no tip in an empty repository, whatever the branch", async () => {
    const base = await open([], { branch: "production" });

    expect(base).toMatchObject({ branch: "production", tip: null, inventory: { state: "absent" } });
    expect(base.listing.size).toBe(0);
    expect(base.blobID(Buffer.alloc(0))).toBe("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    expect(await failureOf(base.read("a"))).toMatchObject({ code: "Internal" });
  });

  it("is not empty but lost where something was published before and no branch is left", async () => {
    const failure = await failureOf(open([], { wasPublished: true }));

    expect(failure).toMatchObject({ code: "BranchNotFound", stage: "base", retryable: false });
    expect(failure.hint).toContain("Restore the branch");
  });

  it("shows an inventory that somebody changed as unverified", async () => {
    const changed = bytes.toString().replace("runtime-1", "runtime-2");

    const base = await open([{ files: { [`clusters/prod/${INVENTORY_PATH}`]: changed } }]);

    expect(base.inventory).toMatchObject({ state: "unverified" });
  });

  it("is read at another branch than the first", async () => {
    const base = await open([{ files: { a: "1" } }, { branch: "production", files: { "clusters/prod/b": "2" } }], {
      branch: "production",
    });

    expect([...base.listing.keys()]).toEqual(["b"]);
  });

  it("reads only what it lists", async () => {
    const base = await open([{ files: { "README.md": "Hello\n", "clusters/prod/a": "1" } }]);

    expect(await failureOf(base.read("README.md"))).toMatchObject({ code: "Internal" });
    expect(await failureOf(base.read("../../README.md"))).toMatchObject({ code: "Internal" });
  });
});

describe("a base that cannot be", () => {
  it("names the branches that exist, at most five", async () => {
    const seeds = ["a", "b", "c", "d", "e", "f", "g"].map((branch) => ({ branch, files: { x: branch } }));

    const many = await failureOf(open(seeds));
    expect(many).toMatchObject({ code: "BranchNotFound", stage: "base", retryable: false });
    expect(many.message).toBe('the repository has no branch "main"; it has a, b, c, d, e and 2 more');
    expect(many.hint).toContain("git.branch");
  });

  it("knows of links and submodules that are in nobody's way but perhaps one Application's", async () => {
    const base = await open([
      {
        files: { "clusters/prod/applications/mp-a/notes.md": "1" },
        links: { "clusters/prod/a/b": "/etc", "clusters/prod/.runtime-agent/.sops.yaml": "../x" },
        submodules: { "clusters/prod/applications/mp-b": "1".repeat(40) },
      },
    ]);

    expect([...base.obstacles].sort()).toEqual([".runtime-agent/.sops.yaml", "a/b", "applications/mp-b"]);
    expect([...base.listing.keys()]).toEqual(["applications/mp-a/notes.md"]);
  });

  it.each([
    ["the path is a file", { files: { "clusters/prod": "1" } }, '"clusters/prod" on git.branch is a file'],
    ["a file is on the way", { files: { clusters: "1" } }, '"clusters" on git.branch is a file'],
    ["a link is on the way", { links: { clusters: "elsewhere" } }, '"clusters" on git.branch is a symbolic link'],
    ["the path is a link", { links: { "clusters/prod": "../x" } }, '"clusters/prod" on git.branch is a symbolic link'],
    [
      "a submodule is on the way",
      { submodules: { clusters: "1".repeat(40) } },
      '"clusters" on git.branch is a submodule',
    ],
    [
      "a link is where all Applications go",
      { links: { "clusters/prod/applications": "/etc" } },
      '"clusters/prod/applications" on git.branch is a symbolic link',
    ],
    [
      "a submodule is where the inventory goes",
      { submodules: { "clusters/prod/.runtime-agent": "1".repeat(40) } },
      '"clusters/prod/.runtime-agent" on git.branch is a submodule',
    ],
    [
      "a file is where all Applications go",
      { files: { "clusters/prod/applications": "1" } },
      '"clusters/prod/applications" on git.branch is a file, where the agent needs a folder',
    ],
    [
      "a file is where the inventory's folder goes",
      { files: { "clusters/prod/.runtime-agent": "1" } },
      '"clusters/prod/.runtime-agent" on git.branch is a file, where the agent needs a folder',
    ],
    ...[
      "kustomization.yaml",
      "revision.yaml",
      ".runtime-agent/inventory.json",
      ".runtime-agent/.gitattributes",
      ".runtime-agent/approve",
      ".runtime-agent/suspend",
    ].map((name): [string, Seed, string] => [
      `a folder is where ${name} goes`,
      { files: { [`clusters/prod/${name}/a/notes.txt`]: "1" } },
      `"clusters/prod/${name}" on git.branch is a folder, where the agent needs a file`,
    ]),
    [
      "a link lies in a folder where a file goes",
      { links: { "clusters/prod/revision.yaml/link": "x" } },
      '"clusters/prod/revision.yaml" on git.branch is a folder',
    ],
  ])("says where: %s", async (_, seed, message) => {
    const failure = await failureOf(open([{ files: { "README.md": "1" } }, seed]));

    expect(failure).toMatchObject({ code: "BaseUnusable", stage: "base", retryable: false });
    expect(failure.message).toContain(message);
    expect(failure.hint).toContain("git.path");
  });

  it.each([
    ["clusters/prod", INVENTORY_PATH, 'inside "the root"'],
    ["clusters/prod", `clusters/${INVENTORY_PATH}`, 'inside "clusters"'],
    ["clusters/prod/eu/1", `clusters/prod/${INVENTORY_PATH}`, 'inside "clusters/prod"'],
    ["clusters/prod", `clusters/prod/eu/1/${INVENTORY_PATH}`, 'around "eu/1"'],
    ["clusters", `clusters/prod/${INVENTORY_PATH}`, 'around "prod"'],
    ["", `clusters/prod/${INVENTORY_PATH}`, 'around "clusters/prod"'],
  ])("is another agent's neighbourhood: %s beside %s lies %s", async (path, other, where) => {
    const failure = await failureOf(open([{ files: { "README.md": "1", [other]: "anything" } }], { path }));

    expect(failure).toMatchObject({ code: "TwoAgents", stage: "base", retryable: false });
    expect(failure.message).toContain(where);
    expect(failure.hint).toContain("git.path");
  });

  it("is not nested where agents stand side by side, nor where a file is only called like an inventory", async () => {
    const files = {
      [`clusters/prod-2/${INVENTORY_PATH}`]: bytes,
      [`clusters/prod/${INVENTORY_PATH}`]: bytes,
      "clusters/prod/eu/inventory.json": "1",
      "clusters/prod/x.runtime-agent/inventory.json": "2",
      "clusters/.runtime-agent/approve": "3",
    };

    const base = await open([{ files }]);

    expect(base.inventory).toMatchObject({ state: "verified" });
  });

  it("does not mind a person's files that stand in nobody's place", async () => {
    const files = [
      ".runtime-agent/notes/a",
      "applications.txt",
      "revision.yaml.d/a",
      "x/applications",
      "x/revision.yaml/a",
    ];

    const base = await open([
      { files: Object.fromEntries(files.map((name) => [`clusters/prod/${name}`, "1"])) },
      { files: { "clusters/prod/applications/notes.txt": "1" } },
    ]);

    expect([...base.listing.keys()].sort()).toEqual([...files, "applications/notes.txt"].sort());
  });

  it("does not mind links beside our path", async () => {
    const base = await open([{ links: { "clusters/link": "prod", other: "x" }, files: { "clusters/prod/a": "1" } }]);

    expect([...base.listing.keys()]).toEqual(["a"]);
  });
});
