import { mkdir, mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { GitAuth } from "../../../src/adapters/git/index.js";
import { Secret } from "../../../src/common/secret.js";
import { commitAs, createBareRepository, git } from "../../fakes/git-server.js";
import { type KeyPair, makeKey, SSHD, startSSHServer } from "../../fakes/ssh-server.js";
import { agent, basic, failureOf, noon, useWorkshop } from "./setup.js";

const workshop = useWorkshop();
afterEach(() => {
  vi.unstubAllEnvs();
});

const ssh = (key: string, knownHosts: string): GitAuth => ({ kind: "ssh", key: Secret.of(key), knownHosts });

const anEdit = { branch: "main", author: agent, date: noon, message: "An edit", root: "", deletes: [] };

async function aServer(name: string, authorize: (key: KeyPair) => string = (key) => key.public) {
  const path = await createBareRepository(workshop.directory, name);
  const tip = await commitAs(path, { files: { "ein Ordner/größe.txt": "1" } });
  const key = await makeKey(workshop.directory, "user");
  const server = await startSSHServer({ authorized: [authorize(key)] });
  workshop.later(() => server.close());
  return { path, tip, key, server, url: server.url(path) };
}

async function pushTo(url: string, auth: GitAuth) {
  const repository = await workshop.open(url, { auth });
  await repository.remote();
  const tip = await repository.fetch("main");
  const listed = await repository.list(tip, "ein Ordner");
  await repository.read(listed.get("größe.txt")?.id ?? "");
  const writes = new Map([["ein Ordner/größe.txt", Buffer.from("2")]]);
  const commit = await repository.commit({ ...anEdit, parent: tip, writes });
  await repository.push({ branch: "main", commit, expected: tip });
  return { repository, commit };
}

// Skipped where there is no sshd: install Debian's openssh-server, or name one in RUNTIME_AGENT_SSHD.
describe.skipIf(SSHD === null)("over ssh, against a real sshd", () => {
  it("the agent reads and pushes, whatever the path looks like", async () => {
    const { path, key, server, url } = await aServer("Flotte & größe.git");

    const { commit } = await pushTo(url, ssh(key.private, server.knownHosts));

    expect(await git(path, "rev-parse", "main")).toBe(commit);
    expect(await git(path, "show", "main:ein Ordner/größe.txt")).toBe("2");
  });

  it("the key is in no argument, readable by nobody else, and gone afterwards", async () => {
    const { key, server, url } = await aServer("fleet.git");
    const bin = await mkdtemp(join(workshop.directory, "bin-"));
    const log = join(bin, "log");
    const real = process.env.PATH ?? "";
    for (const program of ["git", "ssh"]) {
      const look = program === "ssh" ? `stat -c 'mode %a' key >> '${log}'` : "true";
      const script = `#!/bin/sh\nPATH='${bin}:${real}'\nprintf '%s\\n' "${program} $*" >> '${log}'\n${look}\nexec "$(PATH='${real}' command -v ${program})" "$@"\n`;
      await writeFile(join(bin, program), script, { mode: 0o755 });
    }
    vi.stubEnv("PATH", `${bin}:${real}`);

    const { repository } = await pushTo(url, ssh(key.private, server.knownHosts));
    await repository.close();

    const called = await readFile(log, "utf8");
    const secret = key.private.split("\n")[2] ?? "";
    expect(called).toMatch(/^ssh .*StrictHostKeyChecking=yes/m);
    expect(called.match(/^mode .*$/gm)?.every((mode) => mode === "mode 600")).toBe(true);
    expect(called).not.toContain(secret);
    expect(await readdir(workshop.cache)).toEqual([]);
  });

  it("a host with another key than the trusted one is told apart from one that is not known", async () => {
    const { key, server, url } = await aServer("fleet.git");
    const other = await makeKey(workshop.directory, "other");

    const changed = await failureOf(pushTo(url, ssh(key.private, `[127.0.0.1]:${server.port} ${other.public}\n`)));
    const unknown = await failureOf(pushTo(url, ssh(key.private, `git.example.com ${other.public}\n`)));

    expect(changed).toMatchObject({ code: "HostKeyUntrusted", retryable: false });
    expect(changed.message).toContain("another key");
    expect(unknown).toMatchObject({ code: "HostKeyUntrusted", retryable: false });
    expect(unknown.message).toContain("not known");
  });

  it("a key that the host does not know is refused, and so is one that may only read", async () => {
    const { key, server, url } = await aServer(
      "fleet.git",
      (pair) =>
        `command="case $SSH_ORIGINAL_COMMAND in git-upload-pack*) git-shell -c \\"$SSH_ORIGINAL_COMMAND\\";; *) echo ERROR: The key you are authenticating with has been marked as read only. >&2; exit 1;; esac" ${pair.public}`,
    );
    const stranger = await makeKey(workshop.directory, "stranger");

    const refused = await failureOf(pushTo(url, ssh(stranger.private, server.knownHosts)));
    const readOnly = await failureOf(pushTo(url, ssh(key.private, server.knownHosts)));

    expect(refused).toMatchObject({ code: "RepositoryAuthentication", stage: "base", retryable: false });
    expect(refused.hint).toContain("git.auth.ssh.key");
    expect(readOnly).toMatchObject({ code: "RepositoryRefused", stage: "publish", retryable: false });
  });

  it("a repository that is not there, and a host that does not answer, are told", async () => {
    const { key, server, url } = await aServer("fleet.git");
    const auth = ssh(key.private, server.knownHosts);

    const missing = await failureOf((await workshop.open(server.url("/none.git"), { auth })).remote());
    await server.close();
    const gone = await failureOf((await workshop.open(url, { auth })).remote());
    const nobody = await failureOf((await workshop.open("git@git.invalid:fleet.git", { auth })).remote());

    expect(missing).toMatchObject({ code: "RepositoryNotFound", retryable: false });
    expect(gone).toMatchObject({ code: "NetworkUnreachable", retryable: true });
    expect(nobody).toMatchObject({ code: "NetworkUnreachable", retryable: true });
  });

  it("three agents push to one branch, and no commit is lost", async () => {
    const { path, key, server, url } = await aServer("fleet.git");
    const work = async (name: string) => {
      for (let round = 0; round < 3; ) {
        const repository = await workshop.open(url, { auth: ssh(key.private, server.knownHosts) });
        await repository.remote();
        const tip = await repository.fetch("main");
        const writes = new Map([[`${name}/${round}`, Buffer.from(name)]]);
        const commit = await repository.commit({ ...anEdit, parent: tip, writes });
        const pushed = await repository.push({ branch: "main", commit, expected: tip }).then(
          () => true,
          ({ code }) => {
            expect(code).toBe("PushRejected");
            return false;
          },
        );
        if (pushed) round += 1;
        await repository.close();
      }
    };

    await Promise.all(["a", "b", "c"].map(work));

    expect((await git(path, "ls-tree", "-r", "--name-only", "main")).split("\n").sort()).toEqual([
      '"ein Ordner/gr\\303\\266\\303\\237e.txt"',
      ...["a", "b", "c"].flatMap((name) => [0, 1, 2].map((round) => `${name}/${round}`)),
    ]);
  });

  it.each([
    ["ends without a word", "exit 255", "ServerError", true, "cut the connection"],
    [
      "is overloaded",
      "echo 'ERROR: Our servers are overloaded, try later.' >&2; exit 128",
      "ServerError",
      true,
      "overloaded",
    ],
    [
      "knows no such project, as GitLab says it",
      "echo 'remote: ERROR: The project you were looking for could not be found or you cannot view it.' >&2; exit 1",
      "RepositoryNotFound",
      false,
      "could not be found",
    ],
    [
      "has archived the repository",
      "echo 'ERROR: This repository was archived so it is read-only.' >&2; exit 1",
      "RepositoryRefused",
      false,
      "read-only",
    ],
  ])("a server that %s is told apart, in its own words", async (_what, command, code, retryable, words) => {
    const { key, server, url } = await aServer("fleet.git", (user) => `command="${command}" ${user.public}`);
    const repository = await workshop.open(url, { auth: ssh(key.private, server.knownHosts) });

    const failure = await failureOf(repository.remote());

    expect(failure).toMatchObject({ code, retryable });
    expect(failure.message).toContain(words);
  });
});

describe("a way in over ssh is refused before anything is asked", () => {
  it("when the key has a passphrase, is none, or is the public one, or no host is known", async () => {
    const plain = await makeKey(workshop.directory, "plain");
    const locked = await makeKey(workshop.directory, "locked", "-t", "ed25519", "-N", "a passphrase");
    const pem = await makeKey(workshop.directory, "pem", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "a passphrase");
    const url = "git@git.invalid:fleet.git";
    const hosts = "git.invalid ssh-ed25519 AAAA\n";

    for (const [key, knownHosts, words] of [
      [locked.private, hosts, "git.auth.ssh.key is protected by a passphrase"],
      [pem.private, hosts, "git.auth.ssh.key is protected by a passphrase"],
      [plain.public, hosts, "git.auth.ssh.key is no private key"],
      [plain.private, "# nothing\n", "git.auth.ssh.knownHosts names no host"],
    ] as const) {
      const failure = await failureOf(workshop.open(url, { auth: ssh(key, knownHosts) }));
      expect(failure).toMatchObject({ code: "ConfigurationInvalid", message: words });
    }
    expect(await readdir(workshop.cache)).toEqual([]);
  });

  it("when the address and the way in do not belong together", async () => {
    const { private: key } = await makeKey(workshop.directory, "plain");
    await mkdir(join(workshop.directory, "x.git"));

    const noKey = await failureOf(workshop.open("ssh://git@git.invalid/x.git", { auth: basic("t") }));
    const noSSH = await failureOf(
      workshop.open(join(workshop.directory, "x.git"), { auth: ssh(key, "h ssh-rsa A\n") }),
    );

    expect(noKey).toMatchObject({
      code: "ConfigurationInvalid",
      message: expect.stringContaining("needs git.auth.ssh"),
    });
    expect(noSSH).toMatchObject({ code: "ConfigurationInvalid", message: expect.stringContaining("no ssh address") });
  });
});
