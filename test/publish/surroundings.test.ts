/** Repositories as people have them: attributes, filters, submodules, odd names, branches that come and go. */

import { describe, expect, it } from "vitest";
import { openBase } from "../../src/base/index.js";
import { publishCommit } from "../../src/publish/index.js";
import { agent, failureOf, noon, useWorkshop } from "../adapters/git/setup.js";
import { commitAs, createBareRepository, git, gitBytes, type Seed } from "../fakes/git-server.js";

const workshop = useWorkshop();
const sealKey = Buffer.alloc(32, 7);
const text = "kind: Application\nspec: {}\n";

async function aRepository(seed: Seed, options: Parameters<typeof createBareRepository>[2] = {}) {
  const remote = await createBareRepository(workshop.directory, "fleet.git", options);
  await commitAs(remote, seed);
  return remote;
}

async function publishTo(
  remote: string,
  path: string,
  branch = "main",
  content = text,
  createFrom: string | null = null,
) {
  const repository = await workshop.open(remote, { kept: "repository-1.git" });
  let isWell = false;
  try {
    const base = await openBase({ repository, branch, path, sealKey, createFrom });
    const writes = new Map([["applications/mp-x/application.yaml", Buffer.from(content)]]);
    const { signal } = new AbortController();
    const options = { repository, base, writes, deletes: [], message: "Ours", author: agent, date: noon, signal };
    const publication = await publishCommit(options);
    isWell = true;
    return { publication, requests: repository.requests };
  } finally {
    await repository.close(isWell);
  }
}

describe("the bytes that were made are the bytes that are committed", () => {
  it.each([
    ["line ends are converted", { ".gitattributes": "* text=auto eol=crlf\n" }],
    ["files go to LFS", { ".gitattributes": "*.yaml filter=lfs diff=lfs merge=lfs -text\n" }],
    ["encodings are converted", { ".gitattributes": "*.yaml working-tree-encoding=UTF-16\n" }],
    ["a folder has attributes of its own", { "clusters/prod/.gitattributes": "* eol=crlf filter=lfs ident\n" }],
  ])("where %s", async (_title, files) => {
    const remote = await aRepository({ files });

    await publishTo(remote, "clusters/prod");
    const again = await publishTo(remote, "clusters/prod");

    const committed = await gitBytes(
      remote,
      "cat-file",
      "blob",
      "main:clusters/prod/applications/mp-x/application.yaml",
    );
    expect(committed.toString()).toBe(text);
    expect(again.publication).toEqual({ kind: "nothing" });
  });

  it.each(["Mein Ordner/größe & mehr", "ein 'Zitat'/und \"noch\" eins", "日本/クラスタ", "-x/--y", "a*b/[c]"])(
    "below the path %s",
    async (path) => {
      const remote = await aRepository({ files: { "README.md": "theirs" } });

      await publishTo(remote, path);
      const again = await publishTo(remote, path);

      const committed = await gitBytes(remote, "cat-file", "blob", `main:${path}/applications/mp-x/application.yaml`);
      expect(committed.toString()).toBe(text);
      expect(again.publication).toEqual({ kind: "nothing" });
    },
  );
});

describe("what is not ours stays", () => {
  it("submodules, links and executables beside the path", async () => {
    const commit = "1".repeat(40);
    const files = { ".gitmodules": `[submodule "x"]\n\tpath = libs/x\n\turl = https://git.invalid/x.git\n` };
    const remote = await aRepository({ files, submodules: { "libs/x": commit }, links: { current: "clusters/prod" } });
    const before = await git(remote, "ls-tree", "-r", "main");

    await publishTo(remote, "clusters/prod");

    const after = await git(remote, "ls-tree", "-r", "main");
    expect(after.split("\n").filter((line) => !line.includes("clusters/prod/"))).toEqual(before.split("\n"));
  });

  it("in a repository whose server knows no filter, with one commit as well", async () => {
    const remote = await aRepository({ files: { "README.md": "theirs" } }, { filter: false });

    await publishTo(remote, "clusters/prod");

    expect(await git(remote, "show", "main:README.md")).toBe("theirs");
    expect(await git(remote, "rev-list", "--count", "main")).toBe("2");
  });
});

describe("a branch", () => {
  it("that is not the default one, or no longer, is published to all the same", async () => {
    const remote = await aRepository({ branch: "live", files: { "README.md": "theirs" } });
    await commitAs(remote, { branch: "other", files: { "README.md": "others" } });

    await publishTo(remote, "clusters/prod", "live");
    await git(remote, "symbolic-ref", "HEAD", "refs/heads/other");
    const moved = await publishTo(remote, "clusters/prod", "live", "kind: Application\n");

    expect(moved.publication).toMatchObject({ kind: "commit", branch: "live" });
    expect(await git(remote, "rev-list", "--count", "live")).toBe("3");
    expect(await git(remote, "rev-list", "--count", "other")).toBe("1");
  });

  it("that somebody deleted is not made again, though its commits are still in the cache", async () => {
    const remote = await aRepository({ files: { "README.md": "theirs" } });
    await commitAs(remote, { branch: "other", files: { "README.md": "others" } });
    await publishTo(remote, "clusters/prod");
    await git(remote, "symbolic-ref", "HEAD", "refs/heads/other");
    await git(remote, "update-ref", "-d", "refs/heads/main");

    const failure = await failureOf(publishTo(remote, "clusters/prod", "main", "kind: Application\n"));

    expect(failure).toMatchObject({ code: "BranchNotFound", retryable: false });
    expect(failure.message).toContain("other");
    expect(await git(remote, "for-each-ref", "--format=%(refname)")).toBe("refs/heads/other");
  });

  it("that is missing is made on the tip of git.createFrom by the first commit, and that one is not touched", async () => {
    const remote = await aRepository({ files: { "README.md": "theirs" } });
    const before = await git(remote, "rev-parse", "main");

    const made = await publishTo(remote, "clusters/prod", "live", text, "main");
    const again = await publishTo(remote, "clusters/prod", "live", text, "main");

    expect(made.publication).toMatchObject({ kind: "commit", branch: "live" });
    expect(await git(remote, "rev-parse", "live~1", "main")).toBe(`${before}\n${before}`);
    expect(again.publication).toEqual({ kind: "nothing" });
  });

  it("that is missing is made where nothing is to be changed, too, or the GitOps tool would look in vain", async () => {
    const remote = await aRepository({ files: { "clusters/prod/applications/mp-x/application.yaml": text } });

    const { publication } = await publishTo(remote, "clusters/prod", "live", text, "main");

    expect(publication).toMatchObject({ kind: "commit", branch: "live" });
    expect(await git(remote, "rev-parse", "live")).toBe(await git(remote, "rev-parse", "main"));
  });

  it("that somebody makes meanwhile is not overwritten", async () => {
    const remote = await aRepository({ files: { "README.md": "theirs" } });
    const repository = await workshop.open(remote);
    const base = await openBase({ repository, branch: "live", path: "p", sealKey, createFrom: "main" });
    const theirs = await commitAs(remote, { branch: "live", files: { "README.md": "somebody's" } });
    const { signal } = new AbortController();
    const writes = new Map([["x", Buffer.from(text)]]);
    const options = { repository, base, writes, deletes: [], message: "Ours", author: agent, date: noon, signal };

    const failure = await failureOf(publishCommit(options));

    expect(failure).toMatchObject({ code: "PushRejected", retryable: true });
    expect(await git(remote, "rev-parse", "live")).toBe(theirs);
  });

  it("that is missing together with git.createFrom stops with the mend", async () => {
    const remote = await aRepository({ files: { "README.md": "theirs" } });

    const failure = await failureOf(publishTo(remote, "clusters/prod", "live", text, "trunk"));

    expect(failure).toMatchObject({ code: "BranchNotFound", retryable: false });
    expect(failure.message).toContain('no branch "live" and no "trunk"; it has main');
    expect(failure.hint).toContain("git.createFrom");
  });

  it("that a person set back or rewrote is read anew", async () => {
    const remote = await aRepository({ files: { "README.md": "theirs" } });
    const first = await git(remote, "rev-parse", "main");
    await publishTo(remote, "clusters/prod");
    await git(remote, "update-ref", "refs/heads/main", first);
    await commitAs(remote, { files: { "README.md": "rewritten" } });

    await publishTo(remote, "clusters/prod");

    expect(await git(remote, "log", "--format=%s", "main")).toBe("Ours\nA person's commit\nA person's commit");
    expect(await git(remote, "show", "main:README.md")).toBe("rewritten");
  });

  it("of an empty repository is made with the first commit, and is then known", async () => {
    const remote = await createBareRepository(workshop.directory, "fleet.git");

    await publishTo(remote, "clusters/prod");
    const again = await publishTo(remote, "clusters/prod");

    expect(again).toEqual({ publication: { kind: "nothing" }, requests: 1 });
  });
});
