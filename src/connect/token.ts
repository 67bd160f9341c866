/** A one-time token as people get it: the raw text, or `rawEncoded` with the Connector's address in it (contract 1.3). */

import { z } from "zod";
import { Failure } from "../common/failure.js";
import { Secret } from "../common/secret.js";
import { sha256 } from "../common/sha256.js";

export interface OneTimeToken {
  readonly token: Secret;
  /** The Connector that a `rawEncoded` token names; null for a raw one. */
  readonly connectorURL: string | null;
  /** SHA-256 by which a spent token is remembered. */
  readonly digest: string;
}

const encoded = z.object({ token: z.string().min(1), connectorURL: z.string().optional() });

// What may stand in an HTTP header; Compass makes 88 characters of base64url.
const RAW = /^[A-Za-z0-9+/_=.~-]{1,1024}$/;

/** Throws `TokenMalformed` for anything that cannot be a token. The text is never repeated. */
export function readToken(given: Secret): OneTimeToken {
  const text = given.reveal().trim();
  const decoded = decode(text);
  const token = decoded?.token ?? text;
  if (!RAW.test(token) || hasCredentials(decoded?.connectorURL)) {
    throw new Failure("the one-time token is empty or has characters that no token has", {
      code: "TokenMalformed",
      stage: "connect",
      hint: "Copy `token` or `rawEncoded` of requestOneTimeTokenForRuntime, all of it and nothing else.",
    });
  }
  return {
    token: Secret.of(token),
    connectorURL: decoded?.connectorURL ?? null,
    digest: sha256(token),
  };
}

/** Compass names no address like that. */
function hasCredentials(address: string | undefined): boolean {
  const url = URL.parse(address ?? "");
  return url !== null && (url.username !== "" || url.password !== "");
}

function decode(text: string): z.infer<typeof encoded> | null {
  try {
    return encoded.parse(JSON.parse(text.startsWith("{") ? text : Buffer.from(text, "base64").toString("utf8")));
  } catch {
    return null;
  }
}
