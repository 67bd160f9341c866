/** An approval by annotation where deletions are proposed: it lasts as long as the request, and goes with what it let go. */

import { readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { expect, inject, it, onTestFinished } from "vitest";
import { formatDocument, parseYaml } from "../../src/adapters/yaml/index.js";
import { GIT_PATH } from "../e2e/world.js";
import { startGitHost } from "../fakes/git-hosts.js";
import { commitAs, startGitServer } from "../fakes/git-server.js";
import { aRuntime } from "./a-runtime.js";

const server = inject("cluster");
const APPROVE = "runtime-agent.kyma-project.io/approve";
const TOKEN = "the-token-of-the-host";

it("an approval by annotation stays until what it lets go is merged", async () => {
  const runtime = await aRuntime(server);
  const { world } = runtime;
  const name = `${basename(world.folder)}/repository`;
  await commitAs(world.repository, { files: { "README.md": "Hello\n" } });
  const gitServer = await startGitServer({ directory: dirname(world.folder), token: TOKEN });
  onTestFinished(() => gitServer.close());
  const host = await startGitHost({ kind: "gitea", name, repository: world.repository, token: TOKEN });
  onTestFinished(() => host.close());
  const token = join(world.folder, "git-token");
  await writeFile(token, `${TOKEN}\n`);
  const settings = parseYaml(await readFile(world.config, "utf8"), { file: "", stage: "config", code: "Internal" });
  const url = `${new URL(gitServer.url("x")).origin}/${name}.git`;
  const git = { url, path: GIT_PATH, auth: { token: { file: token } } };
  const pullRequest = { host: "gitea", api: host.api };
  await writeFile(world.config, formatDocument({ ...(settings as object), git, pullRequest }));
  const annotation = async () => (await runtime.connection())?.metadata.annotations?.[APPROVE] ?? null;
  await runtime.pair();
  await runtime.sync();
  await host.merge(1);
  await runtime.sync();
  await world.edit(({ applications }) => applications.splice(0, 1));
  const hash = (await runtime.sync()).approval?.hash ?? "";
  await runtime.patch({ metadata: { annotations: { [APPROVE]: hash } } });

  const proposed = [await runtime.sync(), await runtime.sync()];
  const during = await annotation();
  await host.merge(2);
  const merged = await runtime.sync();

  expect(proposed.map(({ result, applications }) => [result, applications.deleted.length])).toEqual([
    ["proposed", 1],
    ["proposed", 1],
  ]);
  expect([during, merged.result, await annotation()]).toEqual([hash, "unchanged", null]);
  expect(host.requests.map(({ state }) => state)).toEqual(["merged", "merged"]);
}, 240_000);
