/** A fork, or any second repository, to which is pushed what was built on the first: over HTTP, with a way in of its own. */

import { describe, expect, it } from "vitest";
import type { Repository } from "../../../src/adapters/git/index.js";
import { commitAs, createBareRepository, git, startGitServer } from "../../fakes/git-server.js";
import { agent, basic, failureOf, noon, useWorkshop } from "./setup.js";

const workshop = useWorkshop();

const settings = { url: "git.push.url", auth: "git.push.auth" };

interface ForkOptions {
  /** @default as the target was when it was forked */
  readonly isEmpty?: boolean;
  /** @default "sha1" */
  readonly objectFormat?: "sha1" | "sha256";
}

/** A target that can be read with one token, and its fork, which can be written with another one. */
async function aFork({ isEmpty = false, objectFormat = "sha1" }: ForkOptions = {}) {
  const target = await createBareRepository(workshop.directory, "target.git");
  await commitAs(target, { files: { "README.md": "Hello\n", "big/one": "1\n", "big/two": "2\n" } });
  const fork = await createBareRepository(workshop.directory, "fork.git", { objectFormat });
  if (!isEmpty && objectFormat === "sha1") await git(fork, "fetch", "--quiet", target, "main:main");
  const [reading, writing] = [
    await startGitServer({ directory: workshop.directory, token: "reads" }),
    await startGitServer({ directory: workshop.directory, token: "writes" }),
  ];
  workshop.later(() => reading.close());
  workshop.later(() => writing.close());
  const open = async (password = "writes") => {
    const repository = await workshop.open(reading.url("target.git"), { auth: basic("reads") });
    const remote = { url: writing.url("fork.git"), auth: basic(password), settings };
    return { repository, own: await repository.elsewhere(remote) };
  };
  return { target, fork, reading, writing, open };
}

/** On the tip of the target, to the agent's branch of the fork. */
async function propose(repository: Repository, own: Repository, content: string) {
  await repository.remote();
  const tip = await repository.fetch("main");
  const { tips } = await own.remote();
  const writes = new Map([["ours", Buffer.from(content)]]);
  const edit = { author: agent, date: noon, message: "Ours", root: "clusters/prod", deletes: [] };
  const commit = await own.commit({ ...edit, parent: tip, branch: "agent", writes });
  await own.push({ branch: "agent", commit, expected: tips.get("agent") ?? null });
  return commit;
}

describe("a proposal in a fork", () => {
  it("is pushed there and nowhere else, each server shown its own credentials alone", async () => {
    const { target, fork, reading, writing, open } = await aFork();
    const before = await git(target, "for-each-ref");
    const { repository, own } = await open();

    const commit = await propose(repository, own, "1");

    expect(await git(fork, "rev-parse", "agent")).toBe(commit);
    expect(await git(fork, "show", "agent:README.md")).toBe("Hello");
    expect(await git(target, "for-each-ref")).toBe(before);
    const shown = [...reading.requests, ...writing.requests];
    expect(shown.filter(({ authorized }) => !authorized)).toEqual([]);
    expect(reading.requests.filter(({ path }) => path.includes("receive-pack"))).toEqual([]);
    expect(repository.requests).toBe(own.requests);
  });

  it("brings along what the fork lacks of the target's past, with its files", async () => {
    const { target, fork, open } = await aFork();
    for (let round = 1; round <= 3; round++) {
      await commitAs(target, { files: { "big/one": `${round}\n`.repeat(1_000), [`theirs/${round}`]: `${round}\n` } });
    }
    const { repository, own } = await open();

    await propose(repository, own, "1");

    expect(await git(fork, "rev-list", "--count", "agent")).toBe("5");
    expect(await git(fork, "show", "agent:theirs/2")).toBe("2");
    expect(await git(fork, "show", "agent~2:theirs/2")).toBe("2");
    await git(fork, "fsck", "--strict", "--connectivity-only");
    expect(await git(fork, "rev-parse", "main")).not.toBe(await git(target, "rev-parse", "main"));
  });

  it("follows a target that moves on, over what was pushed before", async () => {
    const { target, fork, open } = await aFork();
    const first = await open();
    await propose(first.repository, first.own, "1");
    await first.repository.close();
    await commitAs(target, { files: { "theirs/1": "1\n" } });
    const second = await open();

    const commit = await propose(second.repository, second.own, "2");

    expect(await git(fork, "rev-parse", "agent")).toBe(commit);
    expect(await git(fork, "log", "--format=%s", "agent")).toBe("Ours\nA person's commit\nA person's commit");
    expect(await git(fork, "show", "agent:theirs/1")).toBe("1");
  });

  it("fills a second repository that is empty", async () => {
    const { target, fork, open } = await aFork({ isEmpty: true });
    await commitAs(target, { files: { "theirs/1": "1\n" } });
    const { repository, own } = await open();

    await propose(repository, own, "1");

    expect(await git(fork, "rev-list", "--count", "agent")).toBe("3");
    expect(await git(fork, "show", "agent:big/two")).toBe("2");
  });

  it("reads and removes its branch there, too", async () => {
    const { fork, open } = await aFork();
    const { repository, own } = await open();
    const commit = await propose(repository, own, "the bytes");

    await own.remote();
    const tip = await own.fetch("agent");
    const listed = await own.list(tip, "clusters/prod");
    const bytes = await own.read(listed.get("ours")?.id ?? "");
    await own.remove({ branch: "agent", expected: commit });

    expect([tip, bytes.toString()]).toEqual([commit, "the bytes"]);
    expect(await git(fork, "branch", "--list", "agent")).toBe("");
  });

  it("is refused in words of its own settings", async () => {
    const { open } = await aFork();
    const { repository, own } = await open("wrong");

    const failure = await failureOf(propose(repository, own, "1"));
    const unfitting = await failureOf(
      repository.elsewhere({ url: "ssh://git@git.invalid/x.git", auth: basic("t"), settings }),
    );

    expect(failure).toMatchObject({ code: "RepositoryAuthentication", retryable: false });
    expect(failure.hint).toContain("git.push.auth");
    expect(unfitting.message).toContain("git.push.url is an ssh address");
    expect([failure.hint, unfitting.hint].join(" ")).not.toMatch(/git\.auth|git\.url/);
  });

  it("is refused where the two repositories do not hash alike", async () => {
    const { fork, open } = await aFork({ objectFormat: "sha256" });
    await commitAs(fork, { files: { "README.md": "Hello\n" } });
    const { repository, own } = await open();

    const failure = await failureOf(propose(repository, own, "1"));

    expect(failure).toMatchObject({ code: "BaseUnusable", retryable: false });
    expect(failure.hint).toContain("git.push.url");
  });
});
