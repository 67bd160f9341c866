/** The scenarios on stateful fakes of every host, with a real Git server beside them. */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, onTestFinished } from "vitest";
import type { Clock } from "../../src/common/clock.js";
import { type FakeKind, type GitHostFake, startGitHost } from "../fakes/git-hosts.js";
import { commitAs, createBareRepository, git, startGitServer } from "../fakes/git-server.js";
import { followsOneRequest, gitSettings, type HostStage } from "./scenarios.js";

const TOKEN = "the-token-of-the-host";

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

async function aFakeStage(
  kind: FakeKind,
): Promise<HostStage & { readonly host: GitHostFake; readonly clock: ReturnType<typeof aClock> }> {
  const folder = await mkdtemp(join(tmpdir(), `host-${kind}-`));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  await mkdir(join(folder, "team"));
  const repository = await createBareRepository(folder, "team/clusters.git");
  await commitAs(repository, { files: { "README.md": "Hello\n" } });
  const server = await startGitServer({ directory: folder, token: TOKEN });
  onTestFinished(() => server.close());
  const host = await startGitHost({ kind, name: "team/clusters", repository, token: TOKEN });
  onTestFinished(() => host.close());
  const token = join(folder, "token");
  await writeFile(token, `${TOKEN}\n`);
  const url = `${new URL(server.url("x")).origin}/team/clusters.git`;
  return {
    folder,
    host,
    clock: aClock(),
    settings: gitSettings(url, token, { host: kind, api: host.api }),
    tip: (branch) => git(repository, "rev-parse", "--verify", "--quiet", `refs/heads/${branch}`).catch(() => null),
    commit: async (branch, files, amend = false) => {
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
      await git(repository, "update-ref", "-d", `refs/heads/${branch}`);
    },
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

describe.each<FakeKind>(["github", "gitlab", "gitea", "forgejo"])("%s", (kind) => {
  followsOneRequest(() => aFakeStage(kind));
});
