/** Real Git servers over HTTP and SSH, each way in that the configuration knows, and signed commits. */

import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { formatDocument, parseYaml } from "../../src/adapters/yaml/index.js";
import { commitAs, createBareRepository, git, gitEnvironment, startGitServer } from "../fakes/git-server.js";
import { makeKey, SSHD, startSSHServer } from "../fakes/ssh-server.js";
import { agent, aWorld, GIT_PATH, RECIPIENT, type World } from "./world.js";

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

/** Writes a configuration beside the world's with another `git` section; gives how to run the agent with it. */
async function withGit(world: World, git: object) {
  const config = join(world.folder, "other.yaml");
  const settings = parseYaml(await readFile(world.config, "utf8"), { file: "a", stage: "config", code: "Internal" });
  await writeFile(config, formatDocument({ ...(settings as object), git: { path: GIT_PATH, ...git } }));
  return (...args: string[]) => agent([...args, "--config", config], { cwd: world.folder });
}

describe("a sync", () => {
  it.skipIf(SSHD === null)("goes over ssh, with a signed commit in the words of the configuration", async () => {
    const world = await aWorld();
    await world.pair();
    const base = await commitAs(world.repository, { files: { "README.md": "ours" } });
    const [key, signer] = [await makeKey(world.folder, "key"), await makeKey(world.folder, "signer")];
    const server = await startSSHServer({ authorized: [key.public] });
    onTestFinished(() => server.close());
    await writeFile(join(world.folder, "known_hosts"), server.knownHosts);
    await writeFile(join(world.folder, "signers"), `runtime-agent@example.com ${signer.public}\n`);
    const run = await withGit(world, {
      url: server.url(world.repository),
      auth: { ssh: { key: { file: key.file }, knownHosts: { file: join(world.folder, "known_hosts") } } },
      signing: { format: "ssh", key: { file: signer.file } },
      commit: { subject: "apps: {created} new", trailers: { Team: "platform" } },
    });

    const synced = await run("sync");
    const again = await run("sync", "-o", "json");
    const env = { ...gitEnvironment };
    const settings = ["-c", "gpg.format=ssh", "-c", `gpg.ssh.allowedSignersFile=${join(world.folder, "signers")}`];
    const { stderr } = await promisify(execFile)("git", [...settings, "verify-commit", "main"], {
      cwd: world.repository,
      env,
    });
    const verify = (signers: string) =>
      agent(
        [
          "verify",
          "--base",
          base,
          "--head",
          "main",
          "--signers",
          signers,
          "--config",
          join(world.folder, "other.yaml"),
        ],
        {
          cwd: world.repository,
        },
      );
    const checked = await verify(join(world.folder, "signers"));
    const other = await makeKey(world.folder, "other");
    const refused = await verify(`${other.file}.pub`);
    const nowhere = await run("verify", "--base", base);

    expect([synced, again, checked, refused].map(({ code }) => code)).toEqual([0, 0, 0, 1]);
    // Asked for the tip, and for nothing else.
    expect(JSON.parse(again.stdout)).toMatchObject({ result: "unchanged", requests: { git: 1 } });
    expect(stderr).toContain('Good "git" signature');
    expect(await git(world.repository, "log", "-1", "--format=%s|%(trailers:key=Team)", "main")).toBe(
      "apps: 5 new|Team: platform",
    );
    expect(refused.stdout).toContain("SignatureUnknown");
    expect(nowhere.stderr).toContain("Run verify in a clone of git.url");
  });

  it("goes as a GitHub App, with one token for the cycle", async () => {
    const world = await aWorld();
    await world.pair();
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    await writeFile(join(world.folder, "app.pem"), privateKey.export({ type: "pkcs1", format: "pem" }));
    const token = "ghs_canary-of-the-app";
    let tokens = 0;
    const server = await startGitServer({
      directory: world.folder,
      token,
      intercept: (request, response) => {
        if (request.url !== "/api/v3/app/installations/2/access_tokens") return false;
        tokens += 1;
        request.resume();
        response.writeHead(201).end(JSON.stringify({ token, expires_at: new Date(Date.now() + 3_600_000) }));
        return true;
      },
    });
    onTestFinished(() => server.close());
    const run = await withGit(world, {
      url: server.url("repository.git"),
      auth: { githubApp: { appID: 1, installationID: 2, key: { file: join(world.folder, "app.pem") } } },
    });

    const { code, stdout, stderr } = await run("sync", "--log-level", "debug");

    expect([code, tokens]).toEqual([0, 1]);
    expect(stdout + stderr).not.toContain(token);
    expect(await world.commits()).toBe(1);
  });

  it("commits nothing without the signature that was asked for", async () => {
    const world = await aWorld();
    await world.pair();
    const locked = await makeKey(world.folder, "locked", "-t", "ed25519", "-N", "a passphrase");
    const url = world.repository;

    const missing = await withGit(world, {
      url,
      signing: { format: "ssh", key: { file: join(world.folder, "none") } },
    });
    const first = await missing("sync");
    const unusable = await withGit(world, { url, signing: { format: "openpgp", key: { file: locked.file } } });
    const second = await unusable("sync");

    expect([first.code, second.code]).toEqual([1, 1]);
    expect(first.stderr).toContain("Error [SecretUnreadable]: the key that commits are signed with: file");
    expect(first.stderr).toContain("Mend: Create it");
    expect(second.stderr).toContain("Error [SigningImpossible]: commits cannot be signed");
    expect(second.stderr).toContain("Mend: Nothing is committed without the signature");
    expect(await world.commits()).toBe(0);
  });
});
