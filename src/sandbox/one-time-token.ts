/** How Director describes a one-time token that it has made (contract 1.3). */

import type { IssuedToken } from "./registry.js";

/** GraphQL timestamps have whole seconds (contract 2.9). */
export const timestamp = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, "Z");

/** Within `raw` they have nanoseconds. */
const precise = (date: Date) => date.toISOString().replace(/(\.\d+)Z$/, "$1000000Z");

/** The type `OneTimeTokenForRuntime`. */
export function describeToken({ raw: token, createdAt, expiresAt }: IssuedToken, connectorURL: string) {
  const raw = JSON.stringify({
    token,
    connectorURL,
    used: false,
    expiresAt: precise(expiresAt),
    createdAt: precise(createdAt),
    usedAt: "0001-01-01T00:00:00Z",
    type: "Runtime",
    scenario_groups: null,
  });
  return {
    token,
    connectorURL,
    used: false,
    expiresAt: timestamp(expiresAt),
    createdAt: timestamp(createdAt),
    usedAt: null,
    raw,
    rawEncoded: Buffer.from(raw).toString("base64"),
    type: "Runtime",
  };
}
