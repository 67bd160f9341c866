/** Credentials that ssh and TLS take from files alone: in the temporary folder, readable by us only, gone with it. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../../common/failure.js";
import { type Address, isSSH } from "./address.js";
import type { GitAuth } from "./environment.js";

/** Names in git's HOME, which is also the folder that its children run in. */
export const CREDENTIAL_FILES = { key: "key", knownHosts: "known_hosts", certificate: "certificate.pem" } as const;

/** Throws `ConfigurationInvalid` for a way in that the address does not have. Nothing is written then. */
export function requireFitting(address: Address, { kind }: GitAuth): void {
  if (isSSH(address) === (kind === "ssh")) return;
  if (kind === "ssh") {
    throw unfitting(
      "git.auth.ssh is set, but git.url is no ssh address",
      "Use ssh://git@host/path in git.url, or another git.auth.",
    );
  }
  throw unfitting(
    "git.url is an ssh address, which needs git.auth.ssh",
    "Set git.auth.ssh with a key and the host's line of known_hosts, or use the https address with a token.",
  );
}

/**
 * Writes what the way in needs. An agent process with a socket would keep the key from the disk, but would live on with it
 * when we are killed; this folder is removed by the next run.
 */
export async function writeCredentials(home: string, auth: GitAuth): Promise<void> {
  const write = (name: string, text: string) =>
    writeFile(join(home, name), `${text.replaceAll("\r\n", "\n").trimEnd()}\n`, { mode: 0o600, flag: "wx" });
  if (auth.kind === "ssh") {
    requireUnprotected(auth.key.reveal(), "git.auth.ssh.key");
    if (!/^\s*[^#\s]/m.test(auth.knownHosts)) {
      throw unfitting(
        "git.auth.ssh.knownHosts names no host",
        "Put in what `ssh-keyscan HOST` prints, once it was compared.",
      );
    }
    await write(CREDENTIAL_FILES.key, auth.key.reveal());
    await write(CREDENTIAL_FILES.knownHosts, auth.knownHosts);
  }
  if (auth.kind === "certificate") {
    requireUnprotected(auth.key.reveal(), "git.auth.clientCertificate.key");
    await write(CREDENTIAL_FILES.certificate, auth.certificate);
    await write(CREDENTIAL_FILES.key, auth.key.reveal());
  }
}

/** Nobody is there to be asked for a passphrase, and the programs would only say that they were refused. */
function requireUnprotected(key: string, setting: string): void {
  const [, body = ""] = /-----BEGIN OPENSSH PRIVATE KEY-----([^-]*)-----END/.exec(key) ?? [];
  const bytes = Buffer.from(body, "base64");
  const start = Buffer.byteLength(MAGIC);
  const cipher =
    bytes.length < start + 4 ? "" : bytes.toString("latin1", start + 4, start + 4 + bytes.readUInt32BE(start));
  if (/ENCRYPTED/.test(key) || (cipher !== "" && cipher !== "none")) {
    throw unfitting(
      `${setting} is protected by a passphrase`,
      "Give a key without passphrase: ssh-keygen -p -N '' -f FILE.",
    );
  }
  if (!/-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/.test(key)) {
    throw unfitting(`${setting} is no private key`, "Give the file without .pub, in OpenSSH or PEM form.");
  }
}

const MAGIC = "openssh-key-v1\0";

const unfitting = (message: string, hint: string) =>
  new Failure(message, { code: "ConfigurationInvalid", stage: "base", hint });
