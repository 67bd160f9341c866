/** Names as Director, the Go agent and the gateway make them; fixed by what is already in clusters (contract 4.2 to 4.4). */

import { createHash } from "node:crypto";

const PREFIX = "mp-";

// Go lower-cases by simple case mapping; JavaScript's full mapping differs from it in this one character.
const goLowerCase = (text: string) => text.replaceAll("İ", "i").toLowerCase();

const clean = (text: string) =>
  goLowerCase(text)
    .replace(/[^-a-z0-9]/gu, "-")
    .replace(/-{2,}/g, "-")
    .replace(/-$/, "");

/** The Application's name when the runtime's label `isNormalized` is not `"true"` (contract 4.2). */
export function normalizeApplicationName(name: string): string {
  return name.startsWith(PREFIX) && clean(name) === name ? name : clean(PREFIX + name);
}

/**
 * The part of the gateway's path that stands for a bundle or an API (contract 4.3): at most 57 characters, possibly
 * empty. The cut comes after the trailing dash is dropped and before the leading one is, as in the gateway.
 */
export function pathPart(displayName: string): string {
  return goLowerCase(displayName.replace(/[^A-Za-z0-9]+/g, "-"))
    .replace(/-$/, "")
    .slice(0, 57)
    .replace(/^-/, "");
}

/** `services[].name`: the path part and the first five hex digits of SHA-1 over the bundle's id (contract 4.3). */
export function serviceName(displayName: string, id: string): string {
  return `${pathPart(displayName)}-${createHash("sha1").update(id).digest("hex").slice(0, 5)}`.replace(/^-/, "");
}

// 63 characters less a UUID and its dash; the cut is in bytes, which for a valid name are characters.
const cut = (name: string) => name.slice(0, 26);

/** The Secret with a bundle's credentials (contract 4.4). */
export function credentialsSecretName(application: string, bundle: string): string {
  return `${cut(application)}-${bundle}`;
}

/** The Secret with a bundle's headers and query parameters (contract 4.4). */
export function parametersSecretName(application: string, bundle: string): string {
  return `${cut(`params-${application}`)}-${bundle}`;
}

const LABEL = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

/** A DNS-1123 subdomain of at most 63 characters: an object's name, a path part, and a label's value (contract 11). */
export function isName(name: string): boolean {
  return name.length <= 63 && SUBDOMAIN.test(name);
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isUUID(id: string): boolean {
  return UUID.test(id);
}
