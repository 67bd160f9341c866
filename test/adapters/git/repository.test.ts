import { mkdir, readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { Secret } from "../../../src/common/secret.js";
import { commitAs, createBareRepository, git, gitBytes, startGitServer } from "../../fakes/git-server.js";
import { agent, basic, failureOf, noon, useWorkshop } from "./setup.js";

const workshop = useWorkshop();

const anEdit = { branch: "main", author: agent, date: noon, message: "An edit", root: "", deletes: [] };

async function aServedRepository(options: { filter?: boolean } = {}) {
  const path = await createBareRepository(workshop.directory, "fleet.git", options);
  const tip = await commitAs(path, { files: { "README.md": "Hello\n", "clusters/prod/a.yaml": "a: 1\n" } });
  const server = await startGitServer({ directory: workshop.directory, token: "t0ken" });
  workshop.later(() => server.close());
  return { path, tip, server, url: server.url("fleet.git") };
}

describe("many blobs", () => {
  it.each([true, false])("come by one request, bytes as they are (server with filter: %s)", async (filter) => {
    const { path, url } = await aServedRepository({ filter });
    const binary = Buffer.from([0, 10, 255, 10, 0]);
    await commitAs(path, { files: { "b.bin": binary, empty: "" } });
    const repository = await workshop.open(url, { auth: basic("t0ken") });
    await repository.remote();
    const listing = await repository.list(await repository.fetch("main"), "");
    const ids = [...listing.values()].map(({ id }) => id);
    const before = repository.requests;

    const blobs = await repository.readAll([...ids, ...ids]);
    const again = await repository.readAll(ids);

    expect(repository.requests - before).toBe(filter ? 1 : 0);
    expect(blobs.size).toBe(4);
    expect(blobs.get(listing.get("b.bin")?.id ?? "")).toEqual(binary);
    expect(blobs.get(listing.get("empty")?.id ?? "")).toEqual(Buffer.alloc(0));
    expect(again).toEqual(blobs);
    expect(await repository.readAll([])).toEqual(new Map());
  });
});

describe("a repository in a folder", () => {
  it("is read, committed to and pushed to", async () => {
    const path = await createBareRepository(workshop.directory, "fleet.git");
    const first = await commitAs(path, { files: { "README.md": "Hello\n", "clusters/prod/a.yaml": "a: 1\n" } });
    const repository = await workshop.open(path);

    const state = await repository.remote();
    const tip = await repository.fetch("main");
    const listing = await repository.list(tip, "clusters/prod");
    const commit = await repository.commit({
      ...anEdit,
      parent: tip,
      message: "Add b\n\nWith a body.",
      root: "clusters/prod",
      writes: new Map([["deep/b.yaml", Buffer.from("b: 2\n")]]),
      deletes: ["a.yaml"],
    });
    await repository.push({ branch: "main", commit, expected: tip });

    expect(state).toEqual({ objectFormat: "sha1", tips: new Map([["main", first]]), head: "main" });
    expect(tip).toBe(first);
    expect(listing).toEqual(
      new Map([["a.yaml", { mode: "100644", type: "blob", id: repository.blobID(Buffer.from("a: 1\n")) }]]),
    );
    expect(await git(path, "rev-parse", "main", "main^")).toBe(`${commit}\n${first}`);
    expect(await git(path, "ls-tree", "-r", "--format=%(objectmode) %(path)", "main")).toBe(
      "100644 README.md\n100644 clusters/prod/deep/b.yaml",
    );
    expect(await git(path, "log", "-1", "--format=%an <%ae> %aI|%cn <%ce> %cI|%B", "main")).toBe(
      "Runtime Agent <agent@example.com> 2026-03-01T12:00:00+00:00|" +
        "Runtime Agent <agent@example.com> 2026-03-01T12:00:00+00:00|Add b\n\nWith a body.",
    );
    expect(repository.requests).toBe(3);
  });

  it("is found by a relative path and by a file address, whatever its name", async () => {
    const path = await createBareRepository(workshop.directory, "Übung 100% #1.git");
    const tip = await commitAs(path, { files: { a: "1" } });

    const relativeOne = await (await workshop.open(relative(process.cwd(), path))).remote();
    const plain = await (await workshop.open(path)).remote();
    const encoded = await (await workshop.open(`file://${encodeURI(path).replaceAll("#", "%23")}`)).remote();

    expect(relativeOne.tips.get("main")).toBe(tip);
    expect(plain.tips.get("main")).toBe(tip);
    expect(encoded.tips.get("main")).toBe(tip);
  });

  it("is not mistaken for the repository in which the agent keeps its files", async () => {
    const path = await createBareRepository(workshop.directory, "fleet.git");
    await commitAs(path, { files: { a: "1" } });
    const checkout = join(workshop.directory, "checkout");
    await mkdir(checkout);
    await git(checkout, "init", "--quiet");
    await git(checkout, "config", `url.file:///nowhere.insteadOf`, `file://${path}`);

    const repository = await workshop.open(path, { directory: checkout });
    const { tips } = await repository.remote();

    expect([...tips.keys()]).toEqual(["main"]);
  });

  it("gives everything when it knows no filter, and reading asks it nothing more", async () => {
    const path = await createBareRepository(workshop.directory, "fleet.git", { filter: false });
    await commitAs(path, { files: { a: "one" } });
    const repository = await workshop.open(path);
    await repository.remote();

    const tip = await repository.fetch("main");
    const before = repository.requests;
    const bytes = await repository.read((await repository.list(tip, "")).get("a")?.id ?? "");

    expect(bytes.toString()).toBe("one");
    expect(repository.requests).toBe(before);
  });

  it("without a commit gets its first one, in its own object format", async () => {
    for (const objectFormat of ["sha1", "sha256"] as const) {
      const path = await createBareRepository(workshop.directory, objectFormat, { objectFormat });
      const repository = await workshop.open(path);

      const state = await repository.remote();
      const commit = await repository.commit({ ...anEdit, parent: null, writes: new Map([["a", Buffer.from("1")]]) });
      await repository.push({ branch: "main", commit, expected: null });

      expect(state).toEqual({ objectFormat, tips: new Map(), head: null });
      expect(await git(path, "log", "--format=%H %P", "main")).toBe(`${commit} `.trimEnd());
      expect(repository.blobID(Buffer.from("1"))).toBe(await git(path, "rev-parse", "main:a"));
    }
  });

  it("that hashes with SHA-256 is read, committed to and pushed to", async () => {
    const path = await createBareRepository(workshop.directory, "fleet.git", { objectFormat: "sha256" });
    await commitAs(path, { files: { a: "1" } });
    const repository = await workshop.open(path);

    const { objectFormat } = await repository.remote();
    const tip = await repository.fetch("main");
    const listed = (await repository.list(tip, "")).get("a");
    const bytes = await repository.read(listed?.id ?? "");
    const commit = await repository.commit({ ...anEdit, parent: tip, writes: new Map([["a", Buffer.from("2")]]) });
    await repository.push({ branch: "main", commit, expected: tip });

    expect(objectFormat).toBe("sha256");
    expect(listed?.id).toBe(repository.blobID(bytes));
    expect(await git(path, "show", "main:a")).toBe("2");
  });
});

describe("a repository over HTTP", () => {
  it("is read, committed to and pushed to with a token", async () => {
    const { path, tip, url, server } = await aServedRepository();
    const repository = await workshop.open(url, { auth: basic("t0ken") });

    await repository.remote();
    const fetched = await repository.fetch("main");
    const commit = await repository.commit({ ...anEdit, parent: tip, writes: new Map([["b", Buffer.from("2")]]) });
    await repository.push({ branch: "main", commit, expected: tip });

    expect(fetched).toBe(tip);
    expect(await git(path, "rev-parse", "main")).toBe(commit);
    expect(server.requests.every(({ authorized }) => authorized)).toBe(true);
  });

  it("without a commit says how it hashes", async () => {
    const { server } = await aServedRepository();
    await createBareRepository(workshop.directory, "empty.git", { objectFormat: "sha256" });
    const repository = await workshop.open(server.url("empty.git"), { auth: basic("t0ken") });

    const state = await repository.remote();

    expect(state).toEqual({ objectFormat: "sha256", tips: new Map(), head: null });
  });

  it("gives one commit without blobs, and a blob only when it is read, once", async () => {
    const { path, url, server } = await aServedRepository();
    await commitAs(path, { files: { "clusters/prod/b.yaml": "b: 2\n" } });
    const repository = await workshop.open(url, { auth: basic("t0ken") });
    await repository.remote();
    const tip = await repository.fetch("main");
    const own = await ownRepository(workshop.cache);

    const here = await git(own, "rev-list", "--all", "--objects", "--missing=print");
    const listing = await repository.list(tip, "clusters/prod");
    const [requests, calls] = [server.requests.length, repository.requests];
    const bytes = await repository.read(listing.get("a.yaml")?.id ?? "");
    const asked = server.requests.length;
    await repository.read(listing.get("a.yaml")?.id ?? "");

    expect(await git(own, "rev-list", "--count", "--all")).toBe("1");
    expect(here.split("\n").filter((line) => line.startsWith("?"))).toHaveLength(3);
    expect(bytes.toString()).toBe("a: 1\n");
    expect(asked).toBeGreaterThan(requests);
    expect(server.requests).toHaveLength(asked);
    expect(repository.requests).toBe(calls + 1);
  });

  it("is pushed to in two requests, without fetching what is replaced", async () => {
    const { tip, url, server } = await aServedRepository();
    const repository = await workshop.open(url, { auth: basic("t0ken") });
    await repository.remote();
    await repository.fetch("main");
    const writes = new Map([["clusters/prod/a.yaml", Buffer.from("a: 2\n")]]);
    const commit = await repository.commit({ ...anEdit, parent: tip, writes });
    const before = server.requests.length;

    await repository.push({ branch: "main", commit, expected: tip });

    expect(server.requests.slice(before).map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /fleet.git/info/refs",
      "POST /fleet.git/git-receive-pack",
    ]);
  });

  it("takes a large push, which git sends in chunks", async () => {
    const { path, tip, url } = await aServedRepository();
    const repository = await workshop.open(url, { auth: basic("t0ken") });
    await repository.remote();
    await repository.fetch("main");
    const large = Buffer.alloc(3_000_000);
    for (let at = 0; at < large.length; at += 4) large.writeUInt32LE((at * 2_654_435_761) % 4_294_967_296, at);

    const commit = await repository.commit({ ...anEdit, parent: tip, writes: new Map([["large", large]]) });
    await repository.push({ branch: "main", commit, expected: tip });

    expect((await gitBytes(path, "cat-file", "blob", "main:large")).equals(large)).toBe(true);
  });
});

describe("content and names", () => {
  it("survive whatever bytes they hold", async () => {
    const path = await createBareRepository(workshop.directory, "fleet.git");
    const bytes = Buffer.from([0x00, 0xff, 0xfe, 0x0d, 0x0a, 0xc3, 0x28, 0x00, 0x80]);
    const contents: [string, Buffer][] = [
      ["bytes.bin", bytes],
      ["empty", Buffer.alloc(0)],
      ["two words.yaml", Buffer.from("space")],
      ["Grüße/日本.yaml", Buffer.from("umlaut")],
      ['"quoted" \\ back.yaml', Buffer.from("quote")],
      ['it\'s "inside".yaml', Buffer.from("apostrophe")],
      ["line\nfeed\ttab.yaml", Buffer.from("line feed")],
      [":(top)*.yaml", Buffer.from("pattern")],
      ["-r", Buffer.from("dash")],
    ];
    const first = await workshop.open(path);
    await first.remote();
    const commit = await first.commit({ ...anEdit, parent: null, root: "my folder/ü", writes: new Map(contents) });
    await first.push({ branch: "main", commit, expected: null });
    const second = await workshop.open(path);
    await second.remote();

    const tip = await second.fetch("main");
    const listing = await second.list(tip, "my folder/ü");

    expect([...listing.keys()].sort()).toEqual(contents.map(([name]) => name).sort());
    for (const [name, content] of contents) {
      const read = await second.read(listing.get(name)?.id ?? "");
      expect(read.equals(content), name).toBe(true);
      expect(listing.get(name)?.id).toBe(second.blobID(content));
    }
    const stored = await gitBytes(path, "ls-tree", "-r", "-z", "--name-only", "main");
    expect(stored.toString().split("\0").filter(Boolean).sort()).toEqual(
      contents.map(([name]) => `my folder/ü/${name}`).sort(),
    );
  });

  it("of others are told apart although they are not UTF-8, and can be deleted", async () => {
    const path = await createBareRepository(workshop.directory, "fleet.git");
    // "\351" and "\352" are single bytes to git, é and ê in Latin-1.
    await commitAs(path, { files: { "a\\351": "1", "a\\352": "2", aé: "3" }, rawPaths: true });
    const repository = await workshop.open(path);
    await repository.remote();
    const tip = await repository.fetch("main");

    const listing = await repository.list(tip, "");
    const deletes = [...listing.keys()].filter((name) => name !== "aé");
    const commit = await repository.commit({ ...anEdit, parent: tip, writes: new Map(), deletes });
    await repository.push({ branch: "main", commit, expected: tip });

    expect(listing.size).toBe(3);
    expect(deletes).toEqual(["a\udce9", "a\udcea"]);
    expect(await git(path, "-c", "core.quotePath=false", "ls-tree", "--name-only", "main")).toBe("aé");
  });

  it("of a commit never lead out of the repository or into .git", async () => {
    const path = await createBareRepository(workshop.directory, "fleet.git");
    const repository = await workshop.open(path);
    await repository.remote();

    for (const name of ["../a", "/a", "a//b", "a/./b", ".git/config", "x/.GIT/config", "", "a\0b"]) {
      const writes = new Map([[name, Buffer.from("1")]]);
      expect(await failureOf(repository.commit({ ...anEdit, parent: null, writes })), name).toMatchObject({
        code: "Internal",
        stage: "publish",
      });
    }
  });

  it("of 5,000 files make one commit", async () => {
    const path = await createBareRepository(workshop.directory, "fleet.git");
    const repository = await workshop.open(path);
    await repository.remote();
    const writes = new Map(
      Array.from({ length: 5_000 }, (_, n) => [`applications/mp-${n}/application.yaml`, Buffer.from(`n: ${n}\n`)]),
    );

    const commit = await repository.commit({ ...anEdit, parent: null, writes });
    await repository.push({ branch: "main", commit, expected: null });

    const names = await git(path, "ls-tree", "-r", "--name-only", "main");
    expect(names.split("\n")).toHaveLength(5_000);
    expect(await git(path, "show", "main:applications/mp-4321/application.yaml")).toBe("n: 4321");
  });

  it("that do not fit into one stream make one commit all the same", async () => {
    const path = await createBareRepository(workshop.directory, "fleet.git");
    const repository = await workshop.open(path);
    await repository.remote();
    const megabytes = 1024 * 1024;
    const writes = new Map([40, 41, 42].map((size) => [`${size}`, Buffer.alloc(size * megabytes)]));

    const commit = await repository.commit({ ...anEdit, parent: null, writes });
    await repository.push({ branch: "main", commit, expected: null });

    const sizes = await git(path, "ls-tree", "--format=%(objectsize) %(path)", "main");
    expect(sizes).toBe([40, 41, 42].map((size) => `${size * megabytes} ${size}`).join("\n"));
  }, 30_000);

  it("let a file make way for a folder of its name", async () => {
    const path = await createBareRepository(workshop.directory, "fleet.git");
    const tip = await commitAs(path, { files: { a: "1", "b/c": "2" } });
    const repository = await workshop.open(path);
    await repository.remote();
    await repository.fetch("main");
    const writes = new Map([
      ["a/x", Buffer.from("1")],
      ["b", Buffer.from("2")],
    ]);

    const commit = await repository.commit({ ...anEdit, parent: tip, writes, deletes: ["a", "b/c"] });
    await repository.push({ branch: "main", commit, expected: tip });

    expect(await git(path, "ls-tree", "-r", "--name-only", "main")).toBe("a/x\nb");
  });

  it("of the author are what git can write", async () => {
    const path = await createBareRepository(workshop.directory, "fleet.git");
    const repository = await workshop.open(path);
    await repository.remote();
    const author = { name: "Über <Agent>\nEvil", email: "<a@b>" };

    const commit = await repository.commit({ ...anEdit, author, parent: null, writes: new Map([["a", Buffer.of(1)]]) });
    await repository.push({ branch: "main", commit, expected: null });

    expect(await git(path, "log", "-1", "--format=%an|%ae", "main")).toBe("Über Agent Evil|a@b");
  });
});

describe("what lies on the way to a path", () => {
  it("is given from the root on, as far as it goes", async () => {
    const path = await createBareRepository(workshop.directory, "fleet.git");
    await commitAs(path, {
      files: { "a/b/c/file": "1", "a/file": "2" },
      links: { "a/link": "b" },
      submodules: { module: "1234567890123456789012345678901234567890" },
    });
    const repository = await workshop.open(path);
    await repository.remote();
    const tip = await repository.fetch("main");

    const ways = async (way: string) =>
      (await repository.ancestors(tip, way)).map(({ path: at, entry }) => `${entry.mode} ${entry.type} ${at}`);

    expect(await ways("")).toEqual([]);
    expect(await ways("a/b/c")).toEqual(["040000 tree a", "040000 tree a/b", "040000 tree a/b/c"]);
    expect(await ways("a/file/x")).toEqual(["040000 tree a", "100644 blob a/file"]);
    expect(await ways("a/link/x")).toEqual(["040000 tree a", "120000 blob a/link"]);
    expect(await ways("module/x")).toEqual(["160000 commit module"]);
    expect(await ways("new/folder")).toEqual([]);
    expect(await ways(":(icase)A")).toEqual([]);
    expect(await repository.list(tip, ":(icase)A")).toEqual(new Map());
    expect(await repository.list(tip, "new/folder")).toEqual(new Map());
    expect(await repository.list(tip, "a/file")).toEqual(new Map());
  });
});

describe("a branch", () => {
  it("is pushed only while it is where it was read: of two, the second is rejected", async () => {
    const path = await createBareRepository(workshop.directory, "fleet.git");
    const tip = await commitAs(path, { files: { a: "1" } });
    const [one, two] = [await workshop.open(path), await workshop.open(path)];
    const commits: string[] = [];
    for (const repository of [one, two]) {
      await repository.remote();
      await repository.fetch("main");
      const writes = new Map([["a", Buffer.from(`by ${commits.length}`)]]);
      commits.push(await repository.commit({ ...anEdit, parent: tip, writes }));
    }

    await one.push({ branch: "main", commit: commits[0] ?? "", expected: tip });
    const failure = await failureOf(two.push({ branch: "main", commit: commits[1] ?? "", expected: tip }));

    expect(failure).toMatchObject({ code: "PushRejected", stage: "publish", retryable: true });
    expect(await git(path, "rev-parse", "main")).toBe(commits[0]);
  });

  it("is not moved forward again after a person took it back", async () => {
    const path = await createBareRepository(workshop.directory, "fleet.git");
    const earlier = await commitAs(path, { files: { a: "1" } });
    const tip = await commitAs(path, { files: { a: "2" } });
    const repository = await workshop.open(path);
    await repository.remote();
    await repository.fetch("main");
    const commit = await repository.commit({ ...anEdit, parent: tip, writes: new Map([["b", Buffer.of(1)]]) });
    await git(path, "update-ref", "refs/heads/main", earlier);

    const failure = await failureOf(repository.push({ branch: "main", commit, expected: tip }));

    expect(failure).toMatchObject({ code: "PushRejected", retryable: true });
    expect(await git(path, "rev-parse", "main")).toBe(earlier);
  });

  it("is not made again after a person deleted it", async () => {
    const path = await createBareRepository(workshop.directory, "fleet.git");
    const tip = await commitAs(path, { files: { a: "1" } });
    const repository = await workshop.open(path);
    await repository.remote();
    await repository.fetch("main");
    const commit = await repository.commit({ ...anEdit, parent: tip, writes: new Map([["b", Buffer.of(1)]]) });
    await git(path, "update-ref", "-d", "refs/heads/main");

    const failure = await failureOf(repository.push({ branch: "main", commit, expected: tip }));

    expect(failure).toMatchObject({ code: "PushRejected", retryable: true });
    expect(await git(path, "for-each-ref")).toBe("");
  });

  it("is never made over one that came meanwhile", async () => {
    const path = await createBareRepository(workshop.directory, "fleet.git");
    const repository = await workshop.open(path);
    await repository.remote();
    const commit = await repository.commit({ ...anEdit, parent: null, writes: new Map([["a", Buffer.of(1)]]) });
    const theirs = await commitAs(path, { files: { b: "2" } });

    const failure = await failureOf(repository.push({ branch: "main", commit, expected: null }));

    expect(failure).toMatchObject({ code: "PushRejected", retryable: true });
    expect(await git(path, "rev-parse", "main")).toBe(theirs);
  });

  it("can be fetched again after it moved", async () => {
    const path = await createBareRepository(workshop.directory, "fleet.git");
    await commitAs(path, { files: { a: "1" } });
    const repository = await workshop.open(path);
    await repository.remote();
    await repository.fetch("main");
    const later = await commitAs(path, { files: { b: "2" } });

    const tip = await repository.fetch("main");
    const commit = await repository.commit({ ...anEdit, parent: tip, writes: new Map([["c", Buffer.from("3")]]) });
    await repository.push({ branch: "main", commit, expected: tip });

    expect(tip).toBe(later);
    expect(await git(path, "ls-tree", "--name-only", "main")).toBe("a\nb\nc");
  });
});

describe("the temporary repository", () => {
  it("is gone after closing, and holds no credentials before", async () => {
    const { url } = await aServedRepository();
    const repository = await workshop.open(url, { auth: basic("t0ken") });
    await repository.remote();
    await repository.fetch("main");

    const own = await ownRepository(workshop.cache);
    const config = await readFile(join(own, "config"), "utf8");
    const during = await readdir(workshop.cache);
    await repository.close();

    expect(during).toEqual([expect.stringMatching(/^git-/)]);
    expect(config).not.toMatch(/t0ken|Basic|extraHeader/i);
    expect(await readdir(workshop.cache)).toEqual([]);
  });

  it("is asked for its branches before anything else", async () => {
    const path = await createBareRepository(workshop.directory, "fleet.git");
    const repository = await workshop.open(path, { auth: { kind: "basic", username: "x", password: Secret.of("y") } });

    expect(() => repository.blobID(Buffer.of(1))).toThrow(expect.objectContaining({ code: "Internal" }));
    expect(await failureOf(repository.fetch("main"))).toMatchObject({ code: "Internal" });
  });
});

async function ownRepository(cache: string): Promise<string> {
  const [folder = ""] = await readdir(cache);
  return join(cache, folder, "repository.git");
}
