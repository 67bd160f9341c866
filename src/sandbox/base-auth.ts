/** The credentials behind `bundle(id:)`: those of the bundle, not those made for the runtime (contract 2.8). */

import { createHash } from "node:crypto";
import type { Auth } from "./snapshot-file.js";

/** A snapshot knows only what was made for the runtime: the others are derived, so that mixing them up shows. */
const other = (value: unknown) => `base-${createHash("sha256").update(String(value)).digest("hex").slice(0, 24)}`;

const secrets: ReadonlySet<string> = new Set(["username", "password", "clientId", "clientSecret"]);

export function baseAuth(auth: Auth): Auth {
  if (!auth.credential) return auth;
  const fields = Object.entries(auth.credential).map(([name, value]) => [
    name,
    secrets.has(name) ? other(value) : value,
  ]);
  return { ...auth, credential: Object.fromEntries(fields) };
}
