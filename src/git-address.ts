/** What two addresses of Git repositories have in common, however each is written. Pure. */

import { gitLocation } from "./config/index.js";

interface Host {
  readonly name: string;
  readonly isWeb: boolean;
  readonly port: string;
}

/** Names under which hosts let ssh in where only the port of https is open. */
const SSH_NAMES: Readonly<Record<string, string>> = {
  "ssh.github.com": "github.com",
  "altssh.gitlab.com": "gitlab.com",
  "altssh.bitbucket.org": "bitbucket.org",
};

/** True for two repositories of one host: by name and port where both are reached alike, else by name. False for a folder. */
export function onOneHost(one: string, other: string): boolean {
  const [a, b] = [hostOf(one), hostOf(other)];
  if (a === null || b === null || a.name !== b.name) return false;
  return a.isWeb !== b.isWeb || a.port === b.port;
}

/** True for an API of the host that the repository is on: by name, or by that name below `api.`, as GitHub has it. */
export function isApiOf(api: string, repository: string): boolean {
  const [a, b] = [hostOf(api), hostOf(repository)];
  return a !== null && b !== null && (a.name === b.name || a.name === `api.${b.name}`);
}

/** Whether both are of one repository. Null where that cannot be told: one of them is a path of a machine, or no address. */
export function isSameRepository(one: string, other: string): boolean | null {
  const [first, second] = [repositoryOf(one), repositoryOf(other)];
  if (first === null || second === null) return null;
  if (first.host !== second.host || first.path !== second.path) return false;
  // By ssh a host has another port than by https.
  return first.scheme !== second.scheme || first.port === second.port;
}

/** As it can be shown: somebody else's may hold a password. */
export function withoutUser(address: string): string {
  const url = URL.parse(address);
  if (url === null || (url.username === "" && url.password === "")) return address;
  url.username = "";
  url.password = "";
  return url.href;
}

/** Without what may stand at its end or not. */
export const withoutEnding = (address: string): string => address.replace(/(?:\/|\.git)+$/, "");

/** As a URL, also of `user@host:path` as ssh takes it; null for what is none. */
function urlOf(text: string): URL | null {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return URL.parse(text);
  const [, host, path] = /^(?:[^@/]+@)?(\[[^\]/]+\]|[^:/@]+):(.*)$/.exec(text) ?? [];
  return URL.parse(host === undefined ? text : `ssh://${host}/${path}`);
}

function hostOf(text: string): Host | null {
  const url = urlOf(text);
  if (url === null || url.protocol === "file:" || url.hostname === "") return null;
  const isWeb = url.protocol === "https:" || url.protocol === "http:";
  const usual = url.protocol === "https:" ? "443" : url.protocol === "http:" ? "80" : "22";
  const given = url.hostname.toLowerCase().replace(/\.$/, "");
  const alias = isWeb || !Object.hasOwn(SSH_NAMES, given) ? undefined : SSH_NAMES[given];
  const port = alias === undefined ? url.port || usual : "22";
  return { name: alias ?? (isLoopback(given) ? "localhost" : given), isWeb, port };
}

function repositoryOf(text: string) {
  const location = gitLocation(text);
  const url = location === null || location === "path" ? null : urlOf(text);
  if (url === null) return null;
  const path = url.pathname.split("/").filter((part) => part !== "");
  return {
    scheme: url.protocol,
    host: url.hostname.toLowerCase(),
    port: url.protocol === "ssh:" && url.port === "22" ? "" : url.port,
    // A host that tells repositories apart by capitals alone is not known.
    path: path
      .join("/")
      .replace(/\.git$/, "")
      .toLowerCase(),
  };
}

/** Whatever it is called, nothing leaves this machine. */
const isLoopback = (name: string) => name === "localhost" || name === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(name);
