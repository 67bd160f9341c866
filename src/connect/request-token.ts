/** A one-time token that the agent asks for itself, with a certificate that still works (contract 1.3). */

import { randomUUID } from "node:crypto";
import { z } from "zod";
import { callGraphQL } from "../adapters/graphql/index.js";
import type { HTTPFetch } from "../adapters/http/index.js";
import { Failure } from "../common/failure.js";
import { Secret } from "../common/secret.js";

const REQUEST = `mutation RequestOneTimeToken($id: ID!) {
  requestOneTimeTokenForRuntime(id: $id) { token connectorURL }
}`;

const requested = z.object({
  requestOneTimeTokenForRuntime: z.object({ token: z.string().min(1), connectorURL: z.string().min(1) }),
});

export interface TokenRequest {
  readonly directorURL: string;
  readonly fetch: HTTPFetch;
  readonly runtimeID: string;
  readonly tenant: string | null;
}

/** Gives a token of a new system auth, and the Connector that takes it. Throws a `Failure` when Director gives none. */
export async function requestToken({ directorURL, fetch, runtimeID, tenant }: TokenRequest) {
  const headers = {
    "x-request-id": `${runtimeID}_${randomUUID()}`,
    ...(tenant === null ? {} : { Tenant: tenant }),
  };
  const variables = { id: runtimeID };
  const answer = await callGraphQL({ url: directorURL, fetch, document: REQUEST, variables, headers });
  const parsed = answer.kind === "data" ? requested.safeParse(answer.data) : null;
  if (parsed?.success) {
    const { token, connectorURL } = parsed.data.requestOneTimeTokenForRuntime;
    return { token: Secret.of(token), connectorURL };
  }
  const isOutage = answer.kind === "status" && (answer.status === 429 || answer.status >= 500);
  throw new Failure("Director gave no one-time token for this runtime", {
    code: isOutage ? "ServerError" : "DirectorRefused",
    stage: "connect",
    retryable: isOutage,
    hint: isOutage
      ? "Try again; nothing was changed."
      : "Nothing was changed. Ask the owner of Compass for a token, and give it with --token-file FILE.",
  });
}
