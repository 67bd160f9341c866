/** Which host a repository's address is of, and where its API is. Pure. */

import type { HostKind, HostPlace } from "./host.js";

/** Hosts that everybody knows; any other has to be named in `pullRequest.host`. */
const KNOWN: Readonly<Record<string, { readonly kind: HostKind; readonly api: string }>> = {
  "github.com": { kind: "github", api: "https://api.github.com" },
  "gitlab.com": { kind: "gitlab", api: "https://gitlab.com/api/v4" },
  "gitea.com": { kind: "gitea", api: "https://gitea.com/api/v1" },
  "codeberg.org": { kind: "forgejo", api: "https://codeberg.org/api/v1" },
};

/** Below the address of the host, where it is one's own. */
const API_PATH: Readonly<Record<HostKind, string>> = {
  github: "/api/v3",
  gitlab: "/api/v4",
  gitea: "/api/v1",
  forgejo: "/api/v1",
};

/** The kind of host that an address is of; null for one that only its owner knows. */
export function knownHost(url: string): HostKind | null {
  const host = addressOf(url)?.host ?? "";
  return Object.hasOwn(KNOWN, host) ? (KNOWN[host]?.kind ?? null) : null;
}

/** Null where the kind is neither given nor known, or the address names no repository on a host. */
export function hostPlace(
  url: string,
  given: { readonly kind: HostKind | null; readonly api: string | null },
): HostPlace | null {
  const address = addressOf(url);
  const known = address !== null && Object.hasOwn(KNOWN, address.host) ? KNOWN[address.host] : undefined;
  const kind = given.kind ?? known?.kind ?? null;
  if (kind === null || address === null) return null;
  const api = given.api ?? (known?.kind === kind ? known.api : `${address.origin}${address.prefix}${API_PATH[kind]}`);
  // Where a host lives below a path, as in `https://example.com/git/team/repository`, the API tells which part is the host's.
  const own = ownPath(api, API_PATH[kind], address.origin);
  const path = own !== "" && address.path.startsWith(`${own}/`) ? address.path.slice(own.length + 1) : address.path;
  return path.includes("/") ? { kind, api: api.replace(/\/+$/, ""), repository: path } : null;
}

function ownPath(api: string, suffix: string, origin: string): string {
  const url = URL.parse(api);
  if (url === null || url.origin !== origin || !url.pathname.endsWith(suffix)) return "";
  return url.pathname.slice(1, -suffix.length);
}

interface HostAddress {
  readonly host: string;
  /** Of the pages and the API; for ssh, https at the same host. */
  readonly origin: string;
  readonly prefix: string;
  readonly path: string;
}

function addressOf(text: string): HostAddress | null {
  const scp = /^(?:[^@/]+@)?([^:/@]+):(?!\/\/)(.+)$/.exec(text);
  const isURL = /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
  if (!isURL && scp !== null) return address(scp[1] ?? "", `https://${scp[1]}`, scp[2] ?? "");
  const url = URL.parse(text);
  if (url === null || url.protocol === "file:" || url.hostname === "") return null;
  const isWeb = url.protocol === "https:" || url.protocol === "http:";
  return address(url.hostname, isWeb ? url.origin : `https://${url.hostname}`, url.pathname);
}

function address(host: string, origin: string, path: string): HostAddress {
  const plain = path.replace(/^\/+|\/+$/g, "").replace(/\.git$/, "");
  return { host: host.toLowerCase(), origin, prefix: "", path: decodePath(plain) };
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
