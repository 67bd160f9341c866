/** Signed commits, judged by git itself with ssh-keygen and gpg, and theirs judged by us. */

import { execFile, execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { openHistory } from "../../../src/adapters/git/index.js";
import { createSignatureCheck, createSigner } from "../../../src/adapters/signing/index.js";
import { Secret } from "../../../src/common/secret.js";
import { commitAs, createBareRepository, git, gitEnvironment } from "../../fakes/git-server.js";
import { makeKey } from "../../fakes/ssh-server.js";
import { agent, failureOf, noon, useWorkshop } from "../git/setup.js";

const execute = promisify(execFile);
const workshop = useWorkshop();

const hasGPG = (() => {
  try {
    execFileSync("gpg", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

/** Publishes one signed commit; gives the folder and the id. */
async function signedCommit(format: "ssh" | "openpgp", key: string, objectFormat: "sha1" | "sha256" = "sha1") {
  const path = await createBareRepository(workshop.directory, "fleet.git", { objectFormat });
  const tip = await commitAs(path, { files: { a: "1" } });
  const repository = await workshop.open(path, { sign: await createSigner(format, Secret.of(key)) });
  await repository.remote();
  const parent = await repository.fetch("main");
  const writes = new Map([["größe", Buffer.from("2")]]);
  const message = "Grüße\n\nRuntime: x\n";
  const edit = { branch: "main", author: agent, date: noon, message, root: "", deletes: [] };
  const commit = await repository.commit({ ...edit, parent, writes });
  await repository.push({ branch: "main", commit, expected: tip });
  return { path, commit };
}

/** What git says of a commit's signature; throws when it does not accept it. */
async function verifyCommit(path: string, commit: string, environment: Record<string, string>, ...settings: string[]) {
  const options = { cwd: path, env: { ...gitEnvironment, ...environment } };
  const { stderr } = await execute(
    "git",
    [...settings.flatMap((each) => ["-c", each]), "verify-commit", commit],
    options,
  );
  return stderr;
}

/** The commit as `verify` reads it. */
async function readCommit(path: string) {
  const history = await openHistory(path, new AbortController().signal);
  const head = await history.resolve("main");
  const [commit] = (await history.range(await history.resolve("main~1"), head)).slice(-1);
  if (commit === undefined || commit.signature === null) throw new Error("no signed commit");
  return { payload: commit.payload, signature: commit.signature };
}

const sshKinds: readonly (readonly string[])[] = [
  ["-t", "ed25519", "-N", ""],
  ["-t", "rsa", "-b", "2048", "-N", ""],
  ["-t", "rsa", "-b", "3072", "-m", "PEM", "-N", ""],
  ["-t", "ecdsa", "-b", "256", "-N", ""],
  ["-t", "ecdsa", "-b", "384", "-N", ""],
  ["-t", "ecdsa", "-b", "521", "-N", ""],
];

describe("a commit signed with an SSH key", () => {
  it.each(sshKinds)("is accepted by git and by verify: %s %s %s %s", async (...options) => {
    const key = await makeKey(workshop.directory, "signer", ...options);
    const signers = join(workshop.directory, "signers");
    await writeFile(signers, `agent@example.com ${key.public}\n`);

    const { path, commit } = await signedCommit("ssh", key.private);
    const said = await verifyCommit(path, commit, {}, "gpg.format=ssh", `gpg.ssh.allowedSignersFile=${signers}`);
    const { payload, signature } = await readCommit(path);
    const other = await makeKey(workshop.directory, "other");

    expect(said).toContain('Good "git" signature for agent@example.com');
    expect(await git(path, "show", "main:größe")).toBe("2");
    expect(await git(path, "log", "-1", "--format=%s", "main")).toBe("Grüße");
    await git(path, "fsck", "--strict");
    expect(await createSignatureCheck(await readFile(signers, "utf8"))(payload, signature, noon)).toBe(true);
    expect(await createSignatureCheck(key.public)(Buffer.concat([payload, Buffer.from(" ")]), signature, noon)).toBe(
      false,
    );
    expect(await createSignatureCheck(other.public)(payload, signature, noon)).toBe(false);
    expect(await createSignatureCheck(`* namespaces="file" ${key.public}`)(payload, signature, noon)).toBe(false);
    expect(await createSignatureCheck(`* cert-authority ${key.public}`)(payload, signature, noon)).toBe(false);
  });

  it("is accepted in a repository that hashes with SHA-256", async () => {
    const key = await makeKey(workshop.directory, "signer");
    const signers = join(workshop.directory, "signers");
    await writeFile(signers, `agent@example.com ${key.public}\n`);

    const { path, commit } = await signedCommit("ssh", key.private, "sha256");
    const said = await verifyCommit(path, commit, {}, "gpg.format=ssh", `gpg.ssh.allowedSignersFile=${signers}`);
    const { payload, signature } = await readCommit(path);

    expect(said).toContain("Good");
    expect(await createSignatureCheck(key.public)(payload, signature, noon)).toBe(true);
  });

  it("is accepted by verify when ssh-keygen made the signature", async () => {
    for (const [index, options] of sshKinds.entries()) {
      const key = await makeKey(workshop.directory, `signer${index}`, ...options);
      const file = join(workshop.directory, `payload${index}`);
      await writeFile(file, "payload");
      await execute("ssh-keygen", ["-q", "-Y", "sign", "-n", "git", "-f", key.file, file]);
      const signature = await readFile(`${file}.sig`, "utf8");

      expect(await createSignatureCheck(key.public)(Buffer.from("payload"), signature, noon)).toBe(true);
      expect(await createSignatureCheck(key.public)(Buffer.from("payload."), signature, noon)).toBe(false);
    }
  });

  it("counts only while the line of its key is valid, by options in any case, as ssh-keygen has it", async () => {
    const key = await makeKey(workshop.directory, "signer");
    const file = join(workshop.directory, "payload");
    const signers = join(workshop.directory, "signers");
    await writeFile(file, "payload");
    await execute("ssh-keygen", ["-q", "-Y", "sign", "-n", "git", "-f", key.file, file]);
    const signature = await readFile(`${file}.sig`, "utf8");
    const at = new Date("2026-11-22T12:00:00Z");
    const lines: readonly (readonly [options: string, isGood: boolean])[] = [
      ['valid-after="20261122"', true],
      ['valid-after="20261122120001Z"', false],
      ['Valid-After="20261123Z"', false],
      ['VALID-BEFORE="20261122Z"', false],
      ['valid-before="202611221200Z",valid-after="20261122115959Z"', true],
      ['valid-before="202611221200Z",valid-after="20261122120000Z"', false],
      ['Namespaces="file"', false],
      ['NameSpaces="file,g?t"', true],
      ['namespaces="*,!git"', false],
      ["Cert-Authority", false],
      ['valid-before="soon"', false],
      ['no-such-option="git"', false],
    ];
    for (const [options, isGood] of lines) {
      const line = `agent@example.com ${options} ${key.public}`;
      await writeFile(signers, `${line}\n`);
      const asked = ["-Y", "verify", "-n", "git", "-I", "agent@example.com", "-f", signers, "-s", `${file}.sig`];
      const verifying = execute("sh", [
        "-c",
        `TZ=UTC ssh-keygen "$@" -Overify-time=20261122120000Z < "${file}"`,
        "-",
        ...asked,
      ]);
      const theirs = await verifying.then(() => true).catch(() => false);

      expect([options, await createSignatureCheck(line)(Buffer.from("payload"), signature, at)]).toEqual([
        options,
        isGood,
      ]);
      expect([options, theirs]).toEqual([options, isGood]);
    }
  });

  it("is none when it was made for something else than git", async () => {
    const key = await makeKey(workshop.directory, "signer");
    const file = join(workshop.directory, "payload");
    await writeFile(file, "payload");
    await execute("ssh-keygen", ["-q", "-Y", "sign", "-n", "file", "-f", key.file, file]);

    const signature = await readFile(`${file}.sig`, "utf8");
    expect(await createSignatureCheck(key.public)(Buffer.from("payload"), signature, noon)).toBe(false);
  });
});

async function aGPGKey(algorithm: string, usage: string, passphrase = "") {
  const home = join(workshop.directory, "g");
  await mkdir(home, { mode: 0o700 });
  const environment = { GNUPGHOME: home, PATH: process.env.PATH ?? "" };
  const gpg = async (...commands: string[]) => {
    const usual = ["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", passphrase];
    return (await execute("gpg", [...usual, ...commands], { env: environment })).stdout;
  };
  await gpg("--quick-gen-key", "Agent <agent@example.com>", algorithm, usage, "never");
  workshop.later(() => execute("gpgconf", ["--kill", "all"], { env: environment }));
  return {
    environment,
    secret: await gpg("--armor", "--export-secret-keys", "agent@example.com"),
    public: await gpg("--armor", "--export", "agent@example.com"),
  };
}

// Skipped where there is no gpg.
describe.skipIf(!hasGPG)("a commit signed with an OpenPGP key", () => {
  it.each(["ed25519", "rsa2048", "nistp256"])("is accepted by git with gpg and by verify: %s", async (algorithm) => {
    const key = await aGPGKey(algorithm, "sign");

    const { path, commit } = await signedCommit("openpgp", key.secret);
    const said = await verifyCommit(path, commit, key.environment);
    const { payload, signature } = await readCommit(path);

    expect(said).toContain('Good signature from "Agent <agent@example.com>"');
    await git(path, "fsck", "--strict");
    expect(await createSignatureCheck(key.public)(payload, signature, noon)).toBe(true);
    expect(await createSignatureCheck(key.public)(Buffer.from("other"), signature, noon)).toBe(false);
  });

  it("is refused to begin with when the key has a passphrase or may not sign", async () => {
    const locked = await aGPGKey("ed25519", "sign", "a passphrase");

    const failure = await failureOf(createSigner("openpgp", Secret.of(locked.secret)));
    const publicOne = await failureOf(createSigner("openpgp", Secret.of(locked.public)));

    expect(failure).toMatchObject({ code: "SigningImpossible", retryable: false });
    expect(failure.message).toContain("passphrase");
    expect(publicOne.message).toContain("no armored private OpenPGP key");
  });
});

describe("a key that cannot sign stops everything", () => {
  it("and the failure says why and how to get one, but nothing of the key", async () => {
    const plain = await makeKey(workshop.directory, "plain");
    const locked = await makeKey(workshop.directory, "locked", "-t", "ed25519", "-N", "secret");
    const { privateKey } = generateKeyPairSync("ed448");
    const unknown = privateKey.export({ type: "pkcs8", format: "pem" }).toString();

    for (const [format, key, words] of [
      ["ssh", locked.private, "is protected by a passphrase"],
      ["ssh", plain.public, "is no private SSH key"],
      ["ssh", plain.private.replace("-----END", "AAAA-----END").slice(0, -60), "is no private SSH key"],
      ["ssh", unknown, "is of a kind that cannot sign here"],
      ["ssh", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n", "is no private SSH key"],
      ["openpgp", plain.private, "is no armored private OpenPGP key"],
    ] as const) {
      const failure = await failureOf(createSigner(format, Secret.of(key)));
      expect(failure).toMatchObject({ code: "SigningImpossible", stage: "publish", retryable: false });
      expect(failure.message).toBe(`commits cannot be signed: git.signing.key ${words}`);
      expect(failure.hint).toContain("Nothing is committed");
      expect(failure.cause).toBeUndefined();
    }
  });
});
