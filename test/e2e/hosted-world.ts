/** A world whose repository is on a Git host. */

import { readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { formatDocument, parseYaml } from "../../src/adapters/yaml/index.js";
import { type FakeKind, startGitHost } from "../fakes/git-hosts.js";
import { commitAs, git, startGitServer } from "../fakes/git-server.js";
import { aWorld, GIT_PATH, type WorldOptions } from "./world.js";

export const TOKEN = "the-token-of-the-host";

/** The agent proposes there by default. */
export async function aHostedWorld(kind: FakeKind, pullRequest: object = {}, options: WorldOptions = {}) {
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
  /** A person's commit on `main` with the tree from before the latest merge. */
  const revertMerge = async () => {
    const tree = await git(world.repository, "rev-parse", "main^1^{tree}");
    const names = ["-c", "user.name=p", "-c", "user.email=p@example.com"];
    const commit = await git(world.repository, ...names, "commit-tree", tree, "-p", "main", "-m", "Revert");
    await git(world.repository, "update-ref", "refs/heads/main", commit);
  };
  return { ...world, host, branch, proposed: files, sync, revertMerge };
}
