/** A snapshot as a file: for `snapshot`, `plan --snapshot`, tests and bug reports (docs/reference/snapshot.md). */

import { z } from "zod";
import { Failure } from "../common/failure.js";
import type { Secret } from "../common/secret.js";
import { REDACTED, recordedApplication, runtime, unreadableApplication } from "./answers.js";
import type { Auth, Bundle, Credential, Snapshot } from "./snapshot.js";

const recording = z.object({
  kind: z.literal("DirectorSnapshot"),
  version: z.literal(1),
  runtime,
  applications: z.array(recordedApplication),
  unreadable: z.array(unreadableApplication).default([]),
});

/** Reads a recorded snapshot. Throws a `Failure` that names the place of the first fault, never a value. */
export function parseSnapshot(text: string, file: string): Snapshot {
  const unusable = (reason: string) =>
    new Failure(`${file} is not a snapshot: ${reason}`, {
      code: "AnswerMalformed",
      stage: "fetch",
      hint: "Record one with `runtime-agent snapshot --out FILE`.",
    });
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw unusable("it is not JSON");
  }
  const parsed = recording.safeParse(document);
  if (parsed.success) {
    const { runtime, applications, unreadable } = parsed.data;
    return { runtime, applications, unreadable };
  }
  throw unusable(`at ${parsed.error.issues[0]?.path.map(String).join(".") || "the top"}`);
}

/** Writes a snapshot as Director's own objects, each page as its list. Secret values are left out unless asked for. */
export function formatSnapshot(snapshot: Snapshot, { withSecrets = false } = {}): string {
  const value = (secret: Secret) => {
    // An empty value is no secret, and `plan` needs to know that it is empty.
    if (secret.isEmpty) return "";
    return withSecrets && !secret.isRedacted ? secret.reveal() : REDACTED;
  };
  const parameters = (secret: Secret | null) => {
    if (secret === null) return null;
    return withSecrets && !secret.isRedacted ? (JSON.parse(secret.reveal()) as unknown) : REDACTED;
  };
  const credential = (all: Credential | null) => {
    switch (all?.kind) {
      case undefined:
        return null;
      case "Basic":
        return { __typename: "BasicCredentialData", username: value(all.username), password: value(all.password) };
      case "OAuth":
        return {
          __typename: "OAuthCredentialData",
          clientId: value(all.clientID),
          clientSecret: value(all.clientSecret),
          url: all.url,
        };
      case "CertificateOAuth":
        return { __typename: "CertificateOAuthCredentialData" };
      case "Unknown":
        return { __typename: all.type };
    }
  };
  const auth = (all: Auth | null) =>
    all && {
      credential: credential(all.credential),
      additionalHeaders: parameters(all.headers),
      additionalQueryParams: parameters(all.queryParameters),
      requestAuth: all.csrfTokenEndpointURL === null ? null : { csrf: { tokenEndpointURL: all.csrfTokenEndpointURL } },
    };
  const bundle = (all: Bundle) => ({ ...all, defaultInstanceAuth: auth(all.defaultInstanceAuth) });
  const document = {
    kind: "DirectorSnapshot",
    version: 1,
    runtime: snapshot.runtime,
    applications: snapshot.applications.map((application) => ({
      ...application,
      auths: application.auths.map((id) => ({ id })),
      bundles: application.bundles.map(bundle),
    })),
    ...(snapshot.unreadable.length === 0 ? {} : { unreadable: snapshot.unreadable }),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
