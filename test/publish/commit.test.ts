import { describe, expect, it } from "vitest";
import type { Repository } from "../../src/adapters/git/index.js";
import { openBase } from "../../src/base/index.js";
import { Failure } from "../../src/common/failure.js";
import { type PublishOptions, publishCommit } from "../../src/publish/index.js";
import { agent, basic, failureOf, noon, useWorkshop } from "../adapters/git/setup.js";
import { commitAs, createBareRepository, git, startGitServer } from "../fakes/git-server.js";

const workshop = useWorkshop();
const sealKey = Buffer.alloc(32, 7);
const path = "clusters/prod";

const files = (contents: Record<string, string>) =>
  new Map(Object.entries(contents).map(([name, content]) => [name, Buffer.from(content)]));

async function aPublisher(repository: Repository) {
  const base = await openBase({ repository, branch: "main", path, sealKey });
  const publish = (changes: Partial<PublishOptions>) =>
    publishCommit({
      repository,
      base,
      writes: new Map(),
      deletes: [],
      message: "Publish",
      author: agent,
      date: noon,
      signal: new AbortController().signal,
      ...changes,
    });
  return { base, publish };
}

async function aFleet() {
  const remote = await createBareRepository(workshop.directory, "fleet.git");
  await commitAs(remote, { files: { "README.md": "Hello\n", [`${path}/a`]: "1", [`${path}/b`]: "2", b: "not ours" } });
  const repository = await workshop.open(remote);
  return { remote, repository, ...(await aPublisher(repository)) };
}

describe("publishing", () => {
  it("makes one commit of what differs, under our path alone", async () => {
    const { remote, base, publish } = await aFleet();

    const publication = await publish({ writes: files({ a: "1", "c/d": "3" }), deletes: ["b", "unknown"] });

    const id = await git(remote, "rev-parse", "main");
    expect(publication).toEqual({ kind: "commit", id, branch: "main" });
    expect(await git(remote, "rev-parse", "main^")).toBe(base.tip);
    expect(await git(remote, "diff", "--name-status", "main^", "main")).toBe(`D\t${path}/b\nA\t${path}/c/d`);
  });

  it("is nothing when Git holds it all, without a request", async () => {
    const { remote, repository, base, publish } = await aFleet();
    const before = repository.requests;

    const publication = await publish({ writes: files({ a: "1", b: "2" }), deletes: ["unknown"] });

    expect(publication).toEqual({ kind: "nothing" });
    expect(repository.requests).toBe(before);
    expect(await git(remote, "rev-parse", "main")).toBe(base.tip);
  });

  it("is nothing the second time", async () => {
    const { repository, publish } = await aFleet();
    const writes = files({ a: "new" });
    await publish({ writes });

    const again = await aPublisher(repository);

    expect(await again.publish({ writes })).toEqual({ kind: "nothing" });
  });

  it("makes the first commit and the branch of an empty repository", async () => {
    const remote = await createBareRepository(workshop.directory, "empty.git");
    const { publish } = await aPublisher(await workshop.open(remote));

    await publish({ writes: files({ a: "1" }) });

    expect(await git(remote, "log", "--format=%P|%s", "main")).toBe("|Publish");
    expect(await git(remote, "show", `main:${path}/a`)).toBe("1");
  });

  it("writes a path that is deleted as well", async () => {
    const { remote, publish } = await aFleet();

    await publish({ writes: files({ a: "new" }), deletes: ["a"] });

    expect(await git(remote, "show", `main:${path}/a`)).toBe("new");
  });

  it("keeps a path that is deleted as well as written unchanged", async () => {
    const { publish } = await aFleet();

    expect(await publish({ writes: files({ a: "1" }), deletes: ["a"] })).toEqual({ kind: "nothing" });
  });

  it("of two at a time is rejected for the second, which then starts again from the base", async () => {
    const { remote, repository, publish } = await aFleet();
    const theirs = await commitAs(remote, { files: { "README.md": "Changed\n" } });

    const failure = await failureOf(publish({ writes: files({ a: "new" }) }));
    const again = await aPublisher(repository);
    await again.publish({ writes: files({ a: "new" }) });

    expect(failure).toMatchObject({ code: "PushRejected", stage: "publish", retryable: true });
    expect(await git(remote, "rev-parse", "main^")).toBe(theirs);
    expect(await git(remote, "show", "main:README.md")).toBe("Changed");
  });

  it("works over HTTP with a token", async () => {
    const { remote } = await aFleet();
    const server = await startGitServer({ directory: workshop.directory, token: "t0ken" });
    workshop.later(() => server.close());
    const repository = await workshop.open(server.url("fleet.git"), { auth: basic("t0ken") });
    const { publish } = await aPublisher(repository);

    const publication = await publish({ writes: files({ a: "over http" }) });

    expect(publication).toMatchObject({ kind: "commit", id: await git(remote, "rev-parse", "main") });
    // Branches, fetch, push, and the look at the branch afterwards.
    expect(repository.requests).toBe(4);
  });
});

describe("a push whose end was not seen", () => {
  it("counts when the branch shows our commit", async () => {
    const { remote, repository } = await aFleet();
    const lossy: Repository = {
      ...repository,
      push: async (options) => {
        await repository.push(options);
        throw new Failure("cut", { code: "NetworkUnreachable", stage: "publish", hint: "", retryable: true });
      },
    };
    const { publish } = await aPublisher(lossy);

    const publication = await publish({ writes: files({ a: "new" }) });

    expect(publication).toMatchObject({ kind: "commit", id: await git(remote, "rev-parse", "main") });
  });

  it("fails as it failed when the branch does not", async () => {
    const { repository } = await aFleet();
    const cut = new Failure("cut", { code: "NetworkUnreachable", stage: "publish", hint: "", retryable: true });
    const { publish } = await aPublisher({ ...repository, push: () => Promise.reject(cut) });

    expect(await failureOf(publish({ writes: files({ a: "new" }) }))).toBe(cut);
  });

  it("fails when the server said yes and did nothing", async () => {
    const { repository } = await aFleet();
    const { publish } = await aPublisher({ ...repository, push: () => Promise.resolve() });

    expect(await failureOf(publish({ writes: files({ a: "new" }) }))).toMatchObject({
      code: "GitFailed",
      stage: "publish",
      retryable: false,
    });
  });

  it("counts when somebody built on it right away", async () => {
    const { remote, repository } = await aFleet();
    const quick: Repository = {
      ...repository,
      push: async (options) => {
        await repository.push(options);
        await commitAs(remote, { files: { other: "1" } });
      },
    };
    const { publish } = await aPublisher(quick);

    const publication = await publish({ writes: files({ a: "new" }) });

    expect(publication).toMatchObject({ kind: "commit", id: await git(remote, "rev-parse", "main^") });
  });

  it("counts when only the look at the branch failed", async () => {
    const { remote, repository } = await aFleet();
    let asked = 0;
    const { publish } = await aPublisher({
      ...repository,
      remote: () => (asked++ === 0 ? repository.remote() : Promise.reject(new Error("gone"))),
    });

    const publication = await publish({ writes: files({ a: "new" }) });

    expect(publication).toMatchObject({ kind: "commit", id: await git(remote, "rev-parse", "main") });
  });
});

describe("a stop before the push", () => {
  it("sends nothing", async () => {
    const { remote, repository, base } = await aFleet();
    const controller = new AbortController();
    const stopping: Repository = {
      ...repository,
      commit: async (options) => {
        const id = await repository.commit(options);
        controller.abort();
        return id;
      },
    };
    const { publish } = await aPublisher(stopping);

    const failure = await failureOf(publish({ writes: files({ a: "new" }), signal: controller.signal }));

    expect(failure).toMatchObject({ code: "Aborted", stage: "publish" });
    expect(await git(remote, "rev-parse", "main")).toBe(base.tip);
  });
});
