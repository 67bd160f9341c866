/** Proposals without a token in `git.auth`: as a GitHub App, over ssh; and what such keys leave behind, which is nothing. */

import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { generateKey } from "openpgp";
import { describe, expect, it, onTestFinished } from "vitest";
import { formatDocument, parseYaml } from "../../src/adapters/yaml/index.js";
import { startGitHost } from "../fakes/git-hosts.js";
import { commitAs, git, startGitServer } from "../fakes/git-server.js";
import { makeKey, SSHD, startSSHServer } from "../fakes/ssh-server.js";
import { aWorld, GIT_PATH, type Run } from "./world.js";

const TOKEN = "ghs_canary-of-the-installation";

/** A world on a host whose API and repository know one token; every call of git and ssh is noted. */
async function aHostedWorld() {
  const world = await aWorld();
  // The address over ssh is a path of this machine, and the host knows the repository by the same name.
  const name = world.repository.slice(1).replace(/\.git$/, "");
  await commitAs(world.repository, { files: { "README.md": "Hello\n" } });
  const server = await startGitServer({ directory: "/", token: TOKEN });
  onTestFinished(() => server.close());
  const host = await startGitHost({ kind: "github", name, repository: world.repository, token: TOKEN });
  onTestFinished(() => host.close());
  const given = parseYaml(await readFile(world.config, "utf8"), { file: "", stage: "config", code: "Internal" });
  const configure = (git: object, pullRequest: object = {}) =>
    writeFile(
      world.config,
      formatDocument({
        ...(given as object),
        git: { path: GIT_PATH, publish: "pull-request", ...git },
        pullRequest: { host: "github", api: host.api, ...pullRequest },
      }),
    );
  await world.pair();
  const bin = join(world.folder, "bin");
  const [temporary, record] = [join(world.folder, "tmp"), join(world.folder, "arguments")];
  for (const folder of [bin, temporary]) await mkdir(folder);
  for (const program of ["git", "ssh"]) {
    const { stdout } = await promisify(execFile)("which", [program]);
    const script = `#!/bin/sh\nprintf '%s\\n' "${program} $*" >> ${record}\nexec ${stdout.trim()} "$@"\n`;
    await writeFile(join(bin, program), script);
    await chmod(join(bin, program), 0o755);
  }
  const env = { PATH: `${bin}:${process.env.PATH}`, TMPDIR: temporary };
  const ran: Run[] = [];
  const run = async (...args: string[]) => {
    const done = await world.run(["--log-level", "debug", ...args], { env });
    ran.push(done);
    return done;
  };
  /** Where a line of a key is found: in what was printed, sent to the host, given as an argument, left as a file. */
  const leaks = async (secrets: readonly string[]) => {
    const traces = new Map([
      ["output", ran.map(({ stdout, stderr }) => stdout + stderr).join("\n")],
      ["host", JSON.stringify(host.calls.map(({ path, body }) => [path, body]))],
      ["arguments", await readFile(record, "utf8")],
    ]);
    for (const folder of [temporary, join(world.folder, "state"), world.repository]) {
      for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
        const file = join(entry.parentPath, entry.name);
        if (entry.isFile()) traces.set(file, await readFile(file, "latin1"));
      }
    }
    const needles = secrets.flatMap((text) => text.split("\n")).filter((line) => line.length >= 20);
    expect(needles.length).toBeGreaterThanOrEqual(secrets.length);
    const own = needles.filter((line) => !line.includes("-----"));
    return [...traces].flatMap(([place, text]) => (own.some((line) => text.includes(line)) ? [place] : []));
  };
  const url = `${new URL(server.url("x")).origin}/${name}.git`;
  return { ...world, run, configure, host, url, leaks, record, close: () => server.close() };
}

/** Where a person keeps a key, which is none of the agent's places. */
async function keep(folder: string, name: string, text: string): Promise<{ readonly file: string }> {
  await writeFile(join(folder, name), text, { mode: 0o600 });
  return { file: join(folder, name) };
}

describe("a proposal", () => {
  it("goes as a GitHub App: one token with two permissions for git and the API, the key nowhere", async () => {
    const world = await aHostedWorld();
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const pem = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
    const key = await keep(world.folder, "app.pem", pem);
    await world.configure({ url: world.url, auth: { githubApp: { appID: 1, installationID: 2, key } } });
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    const path = /access_tokens$/;
    // Given once: a second request in the cycle would not be answered.
    world.host.answers.push({ method: "POST", path, status: 201, body: { token: TOKEN, expires_at } });

    const synced = await world.run("sync", "-o", "json");
    const asked = world.host.calls.filter((call) => path.test(call.path));
    world.host.answers.push({ method: "POST", path, status: 401, body: { message: pem } });
    const refused = await world.run("sync");
    const viewed = await world.run("config", "view");

    expect([synced.code, refused.code, viewed.code]).toEqual([0, 1, 0]);
    expect(JSON.parse(synced.stdout)).toMatchObject({ result: "proposed", pullRequest: { number: 1 } });
    expect(asked.map(({ body }) => body)).toEqual([
      { repositories: ["repository"], permissions: { contents: "write", pull_requests: "write" } },
    ]);
    expect(refused.stderr).toContain("Mend: Check git.auth.githubApp");
    expect(await world.leaks([pem, TOKEN])).toEqual([]);
  });

  it.skipIf(SSHD === null)("goes over ssh, signed, with a token for the API alone, the keys nowhere", async () => {
    const world = await aHostedWorld();
    const [key, signer] = [await makeKey(world.folder, "key"), await makeKey(world.folder, "signer")];
    const sshd = await startSSHServer({ authorized: [key.public] });
    onTestFinished(() => sshd.close());
    const knownHosts = await keep(world.folder, "known_hosts", sshd.knownHosts);
    const token = await keep(world.folder, "api-token", TOKEN);
    const ssh = { key: { file: key.file }, knownHosts };
    const settings = { url: sshd.url(world.repository), auth: { ssh } };
    const signing = { format: "ssh", key: { file: signer.file } };
    await world.configure({ ...settings, signing });
    const without = await world.run("sync");
    await world.configure({ ...settings, signing }, { token });
    const synced = await world.run("sync", "-o", "json");
    await sshd.close();
    const failed = await world.run("sync");

    expect([without.code, failed.code]).toEqual([78, 75]);
    expect(without.stderr).toContain("pullRequest.token");
    expect(JSON.parse(synced.stdout)).toMatchObject({ result: "proposed", failure: null });
    expect(await readFile(world.record, "utf8")).toContain("ssh ");
    expect(await world.leaks([key.private, signer.private, TOKEN])).toEqual([]);
  });
});

describe("a key that commits are signed with", () => {
  it("leaves no trace, of OpenPGP with and without a passphrase: one signs, the other one stops with the mend", async () => {
    const world = await aHostedWorld();
    const userIDs = [{ name: "Runtime Agent", email: "runtime-agent@example.com" }];
    const passphrase = "canary-of-the-passphrase";
    const open = await generateKey({ userIDs, format: "armored" });
    const locked = await generateKey({ userIDs, passphrase, format: "armored" });
    const keys = [open.privateKey, locked.privateKey].map((text) => text.replaceAll("\r\n", "\n"));
    const [good, bad] = [
      await keep(world.folder, "open.asc", keys[0] ?? ""),
      await keep(world.folder, "locked.asc", keys[1] ?? ""),
    ];
    const token = await keep(world.folder, "api-token", TOKEN);
    const auth = { token };

    await world.configure({ url: world.url, auth, signing: { format: "openpgp", key: bad } });
    const stopped = await world.run("sync");
    const before = await git(world.repository, "for-each-ref", "--format=%(refname)");
    await world.configure({ url: world.url, auth, signing: { format: "openpgp", key: good } });
    const synced = await world.run("sync", "-o", "json");

    expect([stopped.code, before]).toEqual([1, "refs/heads/main"]);
    expect(stopped.stderr).toContain("Error [SigningImpossible]");
    expect(stopped.stderr).toContain("Mend: Nothing is committed without the signature");
    const { commit } = JSON.parse(synced.stdout);
    expect(await git(world.repository, "cat-file", "commit", commit.id)).toContain("gpgsig -----BEGIN PGP SIGNATURE");
    // What both halves of a key pair share is on the signature, too: the secret half alone is looked for.
    const secret = keys.map((text, index) => without(text, [open, locked][index]?.publicKey ?? ""));
    expect(await world.leaks([...secret, passphrase])).toEqual([]);
  });
});

const without = (text: string, other: string) =>
  text
    .split("\n")
    .filter((line) => !other.includes(line))
    .join("\n");
