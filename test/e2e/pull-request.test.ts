/** The agent as users run it, proposing on a host instead of committing to the target branch. */

import { readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { formatDocument, parseYaml } from "../../src/adapters/yaml/index.js";
import { type FakeKind, startGitHost } from "../fakes/git-hosts.js";
import { commitAs, git, gitBytes, startGitServer } from "../fakes/git-server.js";
import { aWorld, GIT_PATH, type WorldOptions } from "./world.js";

const TOKEN = "the-token-of-the-host";

async function aHostedWorld(kind: FakeKind, pullRequest: object = {}, options: WorldOptions = {}) {
  const world = await aWorld(options);
  const name = `${basename(world.folder)}/repository`;
  await commitAs(world.repository, { files: { "README.md": "Hello\n" } });
  const server = await startGitServer({ directory: dirname(world.folder), token: TOKEN });
  onTestFinished(() => server.close());
  const host = await startGitHost({ kind, name, repository: world.repository, token: TOKEN });
  onTestFinished(() => host.close());
  const token = join(world.folder, "git-token");
  await writeFile(token, `${TOKEN}\n`);
  const settings = parseYaml(await readFile(world.config, "utf8"), { file: "", stage: "config", code: "Internal" });
  const document = {
    ...(settings as object),
    git: { url: `${new URL(server.url("x")).origin}/${name}.git`, path: GIT_PATH, auth: { token: { file: token } } },
    pullRequest: { host: kind, api: host.api, ...pullRequest },
  };
  await writeFile(world.config, formatDocument(document));
  await world.pair();
  const branch = `runtime-agent/${world.sandbox.runtimeID}`;
  const files = async () => {
    const listed = await git(
      world.repository,
      "ls-tree",
      "-r",
      "--format=%(path) %(objectname)",
      `${branch}:${GIT_PATH}`,
    );
    return new Map(listed.split("\n").map((line) => line.split(" ") as [string, string]));
  };
  const sync = async () => {
    const { code, stdout, stderr } = await world.run(["sync", "-o", "json"]);
    return { code, stderr, outcome: JSON.parse(stdout) };
  };
  return { ...world, host, branch, proposed: files, sync };
}

describe("git.publish: pull-request", () => {
  it("is the default where the host is known and there is a token; proposes, updates, and ends with the merge", async () => {
    const world = await aHostedWorld("github", { labels: ["compass"], draft: true });
    const main = await git(world.repository, "rev-parse", "main");

    const first = await world.sync();
    const sealed = await world.proposed();
    const again = await world.sync();
    const tip = await git(world.repository, "rev-parse", world.branch);
    await world.edit(({ applications }) => {
      const [application] = applications;
      if (application !== undefined) application.description = "Something else, by now.";
    });
    const updated = await world.sync();
    const resealed = await world.proposed();
    const status = await world.run(["status"]);
    await world.host.merge(1);
    const merged = await world.sync();
    const idle = await world.sync();

    expect(
      [first, again, updated, merged, idle].map(({ code, outcome }) => [code, outcome.result, outcome.failure]),
    ).toEqual([
      [0, "proposed", null],
      [0, "proposed", null],
      [0, "proposed", null],
      [0, "unchanged", null],
      [0, "unchanged", null],
    ]);
    expect(first.outcome.pullRequest).toEqual({
      number: 1,
      url: expect.stringContaining("/pull/1"),
      state: "open",
      openedAt: "2026-03-01T12:00:00Z",
      branch: world.branch,
    });
    expect([first.outcome.commit.branch, again.outcome.commit]).toEqual([world.branch, null]);
    expect(first.outcome.digest.target).not.toBe(first.outcome.digest.planned);
    expect(merged.outcome.digest.target).toBe(merged.outcome.digest.planned);
    expect(tip).toBe(first.outcome.commit.id);
    expect(await git(world.repository, "rev-parse", `${tip}^`)).toBe(main);
    // What is under review is not sealed anew, though something else of the same proposal changed.
    const secrets = [...sealed].filter(([path]) => path.includes("/secrets/"));
    expect(secrets.length).toBeGreaterThan(0);
    expect(secrets.filter(([path, blob]) => resealed.get(path) !== blob)).toEqual([]);
    expect(world.host.requests.map(({ state, labels, draft }) => [state, labels, draft])).toEqual([
      ["merged", ["compass"], true],
    ]);
    expect(status.stdout).toContain("pull request");
    expect(status.stdout).toContain("/pull/1");
    expect(await git(world.repository, "branch", "--list", world.branch)).toBe("");
  });

  it("tells a reviewer what changes by names alone: no value of a secret, no length", async () => {
    const world = await aHostedWorld("gitlab");
    const landscape = JSON.parse(await readFile(world.sandbox.snapshotFile, "utf8"));
    const values = [...JSON.stringify(landscape).matchAll(/"(?:password|clientSecret)":"([^"]+)"/g)].map(
      ([, value]) => value ?? "",
    );

    await world.sync();

    const [request] = world.host.requests;
    const sent = JSON.stringify(world.host.calls.map(({ body, path }) => [path, body]));
    expect(values.length).toBeGreaterThan(0);
    expect(
      values.filter((value) => sent.includes(value) || sent.includes(Buffer.from(value).toString("base64"))),
    ).toEqual([]);
    expect(sent).not.toContain(TOKEN);
    expect(request?.title).toBe(`Add 5 Applications (${GIT_PATH})`);
    expect(request?.body).toMatch(/\| `mp-[^`]+` \| added \| new Secret `[^`]+` \(`[a-zA-Z]+`/);
  });

  it("stops before anything is written where no host can be told from the address", async () => {
    const world = await aWorld();
    const settings = parseYaml(await readFile(world.config, "utf8"), { file: "", stage: "config", code: "Internal" });
    const { git: given, ...others } = settings as { git: object };
    await writeFile(world.config, formatDocument({ ...others, git: { ...given, publish: "pull-request" } }));

    const { code, stderr } = await world.run(["sync"]);

    expect([code, stderr.includes("pullRequest.host")]).toEqual([78, true]);
    expect(await world.commits()).toBe(0);
  });

  it("is told apart from a person's commit when the agent was killed between its push and its record", async () => {
    const world = await aHostedWorld("gitea");
    await world.sync();
    const file = join(world.folder, "state", "memory.json");
    const memory = JSON.parse(await readFile(file, "utf8"));
    // As it stood before the push was known to be done.
    const { written, ...proposal } = memory.proposal;
    await writeFile(file, JSON.stringify({ ...memory, proposal: { ...proposal, written: null, pending: written } }));
    const tip = await gitBytes(world.repository, "rev-parse", world.branch);

    const { outcome } = await world.sync();

    expect([outcome.result, outcome.commit]).toEqual(["proposed", null]);
    expect(await gitBytes(world.repository, "rev-parse", world.branch)).toEqual(tip);
  });
});
