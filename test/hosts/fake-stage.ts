/** A fake host with a real Git server beside it, for the scenarios and for what goes wrong. */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Clock } from "../../src/common/clock.js";
import { type FakeKind, type GitHostFake, startGitHost } from "../fakes/git-hosts.js";
import { commitAs, createBareRepository, type GitServerOptions, git, startGitServer } from "../fakes/git-server.js";
import { gitSettings, type HostStage } from "./scenarios.js";

export const TOKEN = "the-token-of-the-host";

/** Waits pass at once, and are told. */
function aClock(): Clock & { readonly slept: number[] } {
  let now = Date.parse("2026-03-01T12:00:00Z");
  const slept: number[] = [];
  return {
    slept,
    now: () => new Date(now),
    sleep: async (milliseconds) => {
      slept.push(milliseconds);
      now += milliseconds;
    },
  };
}

export interface FakeStage extends HostStage {
  readonly host: GitHostFake;
  readonly clock: ReturnType<typeof aClock>;
  /** Of the repository that is proposed to. */
  readonly repository: string;
  /** So far, to all repositories. */
  pushes(): number;
}

/** With a fork, the token may only read what it proposes to. */
export async function aFakeStage(
  kind: FakeKind,
  {
    isFork = false,
    server: more = {},
  }: { readonly isFork?: boolean; readonly server?: Partial<GitServerOptions> } = {},
): Promise<FakeStage> {
  const folder = await mkdtemp(join(tmpdir(), `host-${kind}-`));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  await mkdir(join(folder, "team"));
  const repository = await createBareRepository(folder, "team/clusters.git");
  await commitAs(repository, { files: { "README.md": "Hello\n" } });
  const fork = { name: "agents/clusters", repository: join(folder, "agents", "clusters.git") };
  if (isFork)
    await git(await createBareRepository(folder, "agents/clusters.git"), "fetch", "-q", repository, "main:main");
  const readOnly: GitServerOptions["intercept"] = ({ url = "" }, response) => {
    if (!isFork || !url.startsWith("/team/") || !url.includes("git-receive-pack")) return false;
    response.writeHead(403).end("You may not push here.");
    return true;
  };
  const server = await startGitServer({ directory: folder, token: TOKEN, intercept: readOnly, ...more });
  onTestFinished(() => server.close());
  const hosted = { kind, name: "team/clusters", repository, token: TOKEN, ...(isFork ? { fork } : {}) };
  const host = await startGitHost(hosted);
  onTestFinished(() => host.close());
  const token = join(folder, "token");
  await writeFile(token, `${TOKEN}\n`);
  const { origin } = new URL(server.url("x"));
  const url = `${origin}/team/clusters.git`;
  const own = isFork ? fork.repository : repository;
  const placeOf = (branch: string) => (["main", "prod"].includes(branch) ? repository : own);
  return {
    repository,
    pushes: () =>
      server.requests.filter(({ method, path }) => method === "POST" && path.endsWith("/git-receive-pack")).length,
    folder,
    host,
    clock: aClock(),
    settings: gitSettings(
      url,
      token,
      { host: kind, api: host.api },
      isFork ? { url: `${origin}/agents/clusters.git` } : undefined,
    ),
    tip: (branch) => git(placeOf(branch), "rev-parse", "--verify", "--quiet", `refs/heads/${branch}`).catch(() => null),
    commit: async (branch, files, amend = false) => {
      const repository = placeOf(branch);
      if ((await git(repository, "branch", "--list", branch)) === "") await git(repository, "branch", branch, "main");
      if (!amend) return commitAs(repository, { branch, files });
      const author = await git(repository, "log", "-1", "--format=%an <%ae>", branch);
      await git(repository, "update-ref", `refs/heads/${branch}`, `${branch}~1`);
      const made = await commitAs(repository, { branch, files });
      const tree = await git(repository, "rev-parse", `${made}^{tree}`);
      const message = ["-c", "user.name=Runtime Agent", "-c", "user.email=runtime-agent@example.com"];
      const again = await git(
        repository,
        ...message,
        "commit-tree",
        tree,
        "-p",
        `${made}~1`,
        "-m",
        `Amended ${author}`,
      );
      await git(repository, "update-ref", `refs/heads/${branch}`, again);
      return again;
    },
    deleteBranch: async (branch) => {
      await git(placeOf(branch), "update-ref", "-d", `refs/heads/${branch}`);
    },
    reset: async (branch, commit) => {
      await git(placeOf(branch), "update-ref", `refs/heads/${branch}`, commit);
    },
    holds: async (branch, commit) =>
      git(placeOf(branch), "merge-base", "--is-ancestor", commit, branch).then(
        () => true,
        () => false,
      ),
    requests: async () => host.requests.map((each) => ({ ...each })),
    merge: (number) => host.merge(number),
    untilConflict: async () => {},
    close: async (number) => {
      for (const request of host.requests) if (request.number === number) request.state = "closed";
    },
    unlabel: async (number, label) => {
      const request = host.requests.find((each) => each.number === number);
      if (request !== undefined) request.labels = request.labels.filter((each) => each !== label);
    },
  };
}
