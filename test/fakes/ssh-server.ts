/** A real sshd on loopback, where there is one: Debian's openssh-server, or the program that RUNTIME_AGENT_SSHD names. */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** Null where there is none: then its tests are shown as skipped. */
export const SSHD = [process.env.RUNTIME_AGENT_SSHD ?? "", "/usr/sbin/sshd"].find(existsSync) ?? null;

export interface KeyPair {
  readonly file: string;
  readonly private: string;
  readonly public: string;
}

/** With ssh-keygen, as people make theirs. */
export async function makeKey(directory: string, name: string, ...options: string[]): Promise<KeyPair> {
  const file = join(directory, name);
  const usual = options.length === 0 ? ["-t", "ed25519", "-N", ""] : options;
  await execute("ssh-keygen", ["-q", "-C", "a comment", "-f", file, ...usual]);
  return { file, private: await readFile(file, "utf8"), public: (await readFile(`${file}.pub`, "utf8")).trim() };
}

export interface SSHServer {
  readonly port: number;
  /** Of a repository by its path on this machine. */
  url(path: string): string;
  /** Its line for known_hosts. */
  readonly knownHosts: string;
  close(): Promise<void>;
}

export interface SSHServerOptions {
  /** Lines of authorized_keys. */
  readonly authorized: readonly string[];
}

export async function startSSHServer({ authorized }: SSHServerOptions): Promise<SSHServer> {
  if (SSHD === null) throw new Error("there is no sshd");
  const directory = await mkdtemp(join(tmpdir(), "ssh-server-"));
  const host = await makeKey(directory, "host");
  await writeFile(join(directory, "authorized_keys"), `${authorized.join("\n")}\n`);
  const port = await freePort();
  const settings = [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${host.file}`,
    "PidFile none",
    `AuthorizedKeysFile ${join(directory, "authorized_keys")}`,
    "StrictModes no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "UsePAM no",
    "AcceptEnv GIT_PROTOCOL",
    "PermitRootLogin prohibit-password",
    "LogLevel ERROR",
  ];
  await writeFile(join(directory, "sshd_config"), `${settings.join("\n")}\n`);
  // Where systemd would make it, as root alone.
  await mkdir("/run/sshd", { recursive: true }).catch(() => {});
  const child = spawn(SSHD, ["-D", "-e", "-f", join(directory, "sshd_config")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  await listening(port, child, () => said);
  const user = userInfo().username;
  return {
    port,
    url: (path) => `ssh://${user}@127.0.0.1:${port}${path.split("/").map(encodeURIComponent).join("/")}`,
    knownHosts: `[127.0.0.1]:${port} ${host.public}\n`,
    close: async () => {
      child.kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function listening(port: number, child: ChildProcess, said: () => string): Promise<void> {
  for (let left = 100; left > 0; left--) {
    if (child.exitCode !== null) throw new Error(`sshd ended: ${said()}`);
    const open = await new Promise<boolean>((answer) => {
      const socket = connect(port, "127.0.0.1", () => answer(true)).on("error", () => answer(false));
      socket.on("connect", () => socket.destroy());
    });
    if (open) return;
    await sleep(100);
  }
  throw new Error(`sshd does not listen: ${said()}`);
}
