/** What an installation must know of addresses: what a GitOps tool can read, and which ports the agent opens. Pure. */

import { gitLocation } from "../config/index.js";

/** `user@host:path`, as only git knows it. */
const SHORT = /^([^/:]+):(?!\/\/)(.+)$/;

/** The address as Flux and Argo CD take it; null for a path of this machine. */
export function syncURL(url: string): string | null {
  const location = gitLocation(url);
  if (location === null || location === "path") return null;
  const [, host, path] = SHORT.exec(url) ?? [];
  return host === undefined || path === undefined ? url : `ssh://${host}/${path.replace(/^\/+/, "")}`;
}

/** As a URL's scheme says it. */
const USUAL: Readonly<Record<string, number>> = { "https:": 443, "http:": 80, "ssh:": 22 };

/** TCP ports of these addresses, of the API server (443 or 6443) and of Director, which is https; sorted, each once. */
export function egressPorts(addresses: readonly (string | null)[]): number[] {
  const ports = addresses.flatMap((address) => {
    const url = address === null ? null : URL.parse(syncURL(address) ?? "");
    if (url === null) return [];
    return url.port === "" ? (USUAL[url.protocol] ?? []) : Number(url.port);
  });
  return [...new Set([443, 6443, ...ports])].sort((one, other) => one - other);
}
