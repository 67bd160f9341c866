/** The configuration of the README, against a Git server over HTTP with a token. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { formatDocument, parseYaml } from "../../src/adapters/yaml/index.js";
import { createBareRepository, git, startGitServer } from "../fakes/git-server.js";
import { agent, aWorld, RECIPIENT } from "./world.js";

/** The first YAML block of the README after a heading. */
async function readmeBlock(heading: string): Promise<Record<string, Record<string, unknown>>> {
  const readme = await readFile(join(import.meta.dirname, "..", "..", "README.md"), "utf8");
  const block = /```yaml\n([\s\S]*?)```/.exec(readme.slice(readme.indexOf(heading)))?.[1] ?? "";
  return parseYaml(block, { file: "README.md", stage: "config", code: "Internal" }) as never;
}

describe("the README's first real configuration", () => {
  it("pairs and commits to a Git server over HTTP with a token", async () => {
    const world = await aWorld();
    const remote = await createBareRepository(world.folder, "clusters.git");
    const server = await startGitServer({ directory: world.folder, token: "the-token-of-the-readme" });
    await writeFile(join(world.folder, "git-token"), "the-token-of-the-readme\n");
    await writeFile(join(world.folder, "pairing-token"), world.sandbox.token);
    // Only what is one's own is filled in; the keys stay those of the README.
    const settings = await readmeBlock("## Your own Compass and Git host");
    expect(Object.keys(settings)).toEqual(["version", "runtime", "compass", "state", "git", "secrets"]);
    settings.runtime = { ...settings.runtime, id: world.sandbox.runtimeID, tenant: world.sandbox.tenant };
    settings.compass = {
      ...settings.compass,
      connectorURL: world.sandbox.connectorURL,
      ca: { file: world.sandbox.ca },
    };
    settings.git = { ...settings.git, url: server.url("clusters.git") };
    settings.secrets = { ...settings.secrets, sops: { age: [RECIPIENT] } };
    settings.certificate = { keySize: 2048 };
    const config = join(world.folder, "own.yaml");
    await writeFile(config, formatDocument(settings));
    const run = (...args: string[]) => agent([...args, "--config", config], { cwd: world.folder });

    const validated = await run("config", "validate");
    const paired = await run("pair", "--token-file", join(world.folder, "pairing-token"));
    const planned = await run("plan");
    const synced = await run("sync");
    const again = await run("sync");
    await server.close();

    expect(
      [validated, paired, planned, synced, again].map(({ code, stderr }) => [code, stderr.includes("Error")]),
    ).toEqual(Array.from({ length: 5 }, () => [0, false]));
    expect(planned.stdout).toContain("Planned 5 changed Applications");
    expect(again.stdout).toContain("Nothing to commit");
    expect(await git(remote, "rev-list", "--count", "main")).toBe("1");
    expect(await git(remote, "ls-tree", "-r", "--name-only", "main")).toContain(
      `${settings.git.path}/kustomization.yaml`,
    );
    const author = settings.git.author as { name?: string } | undefined;
    expect(await git(remote, "log", "-1", "--format=%an")).toBe(author?.name ?? "Runtime Agent");
  });
});
