/** The whole environment of a git child: nothing of ours leaks in, and credentials travel here and nowhere else. */

import { join } from "node:path";
import { inspect } from "node:util";
import type { Secret } from "../../common/secret.js";
import type { Address } from "./address.js";
import { CREDENTIAL_FILES } from "./credential-files.js";

export type GitAuth =
  | { readonly kind: "none" }
  /** A token is basic with a user name; hosts ignore it or want their own (`x-access-token`, `oauth2`). */
  | { readonly kind: "basic"; readonly username: string; readonly password: Secret }
  /** A private key without passphrase, and the host keys to trust as in known_hosts. */
  | { readonly kind: "ssh"; readonly key: Secret; readonly knownHosts: string }
  /** Both PEM. */
  | { readonly kind: "certificate"; readonly certificate: string; readonly key: Secret };

export interface EnvironmentOptions {
  readonly address: Address;
  readonly auth: GitAuth;
  /** Path of a PEM file that git trusts instead of the system's authorities. */
  readonly ca?: string;
  readonly proxy?: string | null;
  readonly noProxy?: readonly string[];
  /** A folder with nothing in it but the credential files. */
  readonly home: string;
  /** The bare repository, which need not exist yet. */
  readonly repository: string;
}

/** Name of the one remote, known to git through the environment only. */
export const REMOTE = "origin";

/**
 * Gives the environment for every call. Configuration is passed as GIT_CONFIG_COUNT/KEY/VALUE: arguments are visible to
 * every user of the machine, and a file in the repository would outlive the call.
 */
export function gitEnvironment(options: EnvironmentOptions): Record<string, string> {
  const { address, auth, ca, proxy, noProxy = [], home, repository } = options;
  const settings: [string, string][] = [
    // The remote; the filter makes it a promisor, so that a missing blob is fetched when it is read.
    [`remote.${REMOTE}.url`, address.url],
    [`remote.${REMOTE}.promisor`, "true"],
    [`remote.${REMOTE}.partialCloneFilter`, "blob:none"],
    // Nothing may run or ask.
    ["core.hooksPath", "/dev/null"],
    ["credential.helper", ""],
    ["protocol.allow", "never"],
    ["protocol.file.allow", "always"],
    ["protocol.http.allow", "always"],
    ["protocol.https.allow", "always"],
    ["protocol.ssh.allow", "always"],
    ["protocol.version", "2"],
    ["submodule.recurse", "false"],
    ["push.recurseSubmodules", "no"],
    ["push.gpgSign", "false"],
    // The repository lives for one cycle: no upkeep, no waiting for the disk, packs instead of loose objects.
    ["gc.auto", "0"],
    ["maintenance.auto", "false"],
    ["fetch.writeCommitGraph", "false"],
    ["core.fsync", "none"],
    ["fastimport.unpackLimit", "1"],
    // No deltas in a push: for them git would first fetch the old blobs that the new ones replace. (`--no-thin`, which
    // should say the same, does not reach git's HTTP helper.)
    ["pack.window", "0"],
    // A redirect could carry the credentials elsewhere, and a silent connection would last until the deadline.
    ["http.followRedirects", "false"],
    ["http.lowSpeedLimit", "1"],
    ["http.lowSpeedTime", "60"],
    // Its address may hold a password. Empty means none, whatever the environment of the agent says.
    ["http.proxy", hidden(proxy ?? "")],
  ];
  if (ca !== undefined) settings.push(["http.sslCAInfo", ca]);
  if (auth.kind === "basic" && address.origin !== null) {
    // Bound to the origin, so that no other host is ever sent it.
    settings.push([`http.${address.origin}/.extraHeader`, hidden(`Authorization: ${basicCredentials(auth)}`)]);
  }
  if (auth.kind === "certificate" && address.origin !== null) {
    settings.push([`http.${address.origin}/.sslCert`, join(home, CREDENTIAL_FILES.certificate)]);
    settings.push([`http.${address.origin}/.sslKey`, join(home, CREDENTIAL_FILES.key)]);
  }
  const environment: Record<string, string> = {
    PATH: process.env.PATH ?? "/usr/local/bin:/usr/bin:/bin",
    HOME: home,
    LC_ALL: "C.UTF-8",
    GIT_DIR: repository,
    GIT_TERMINAL_PROMPT: "0",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    // Paths are names, never patterns.
    GIT_LITERAL_PATHSPECS: "1",
    GIT_CONFIG_COUNT: String(settings.length),
    // No words from outside: the files are named from the folder that the children run in.
    GIT_SSH_COMMAND: SSH_COMMAND,
    GIT_SSH_VARIANT: "ssh",
  };
  if (noProxy.length > 0) environment.NO_PROXY = noProxy.join(",");
  settings.forEach(([key, value], index) => {
    environment[`GIT_CONFIG_KEY_${index}`] = key;
    environment[`GIT_CONFIG_VALUE_${index}`] = value;
  });
  return environment;
}

/**
 * Neither the user's nor the system's configuration, keys, agents and known hosts; no question; nothing forwarded. A host
 * that is not in ours is not spoken to.
 */
const SSH_COMMAND = [
  "ssh -F none -T",
  `-i ${CREDENTIAL_FILES.key}`,
  ...[
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "CertificateFile=none",
    "PreferredAuthentications=publickey",
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    `UserKnownHostsFile=${CREDENTIAL_FILES.knownHosts}`,
    "GlobalKnownHostsFile=none",
    "UpdateHostKeys=no",
    "VerifyHostKeyDNS=no",
    "CheckHostIP=no",
    "ForwardAgent=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "ControlMaster=no",
    "ControlPath=none",
    "ConnectTimeout=20",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
    "LogLevel=ERROR",
  ].map((option) => `-o ${option}`),
].join(" ");

export function basicCredentials({ username, password }: Extract<GitAuth, { kind: "basic" }>): string {
  return `Basic ${Buffer.from(`${username}:${password.reveal()}`).toString("base64")}`;
}

/**
 * A string for the child that inspection does not show: with `DEBUG=*` simple-git prints the options of every spawn,
 * environment included. Node turns values of the environment into text, so an object that has a text serves.
 */
function hidden(text: string): string {
  return { toString: () => text, [inspect.custom]: () => "[secret]" } as unknown as string;
}
