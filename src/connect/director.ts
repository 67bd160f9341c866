/** What the identity needs of Director: a proof that it takes us, and a one-time token. Reading is stage fetch. */

import { randomUUID } from "node:crypto";
import { z } from "zod";
import { callGraphQL, type GraphQLAnswer } from "../adapters/graphql/index.js";
import type { HTTPFetch } from "../adapters/http/index.js";
import { Failure, type FailureOptions } from "../common/failure.js";
import { Secret } from "../common/secret.js";

const RUNTIME = "query Runtime($id: ID!) { runtime(id: $id) { id } }";

const REQUEST = `mutation RequestOneTimeToken($id: ID!) {
  requestOneTimeTokenForRuntime(id: $id) { token connectorURL }
}`;

const requested = z.object({
  requestOneTimeTokenForRuntime: z.object({ token: z.string().min(1), connectorURL: z.string().min(1) }),
});

/** A call over mTLS: `fetch` shows the certificate. */
export interface DirectorCall {
  readonly url: string;
  readonly fetch: HTTPFetch;
  readonly runtimeID: string;
  /** External tenant; null sends none (contract 2.2). */
  readonly tenant: string | null;
}

/** Resolves when Director takes the certificate and shows the runtime to it. */
export async function askRuntime(call: DirectorCall): Promise<void> {
  const { runtime } = await ask(call, "runtime", RUNTIME, z.object({ runtime: z.object({}).nullable() }));
  // What a certificate of another runtime or tenant is answered (contract 2.3).
  if (runtime === null) throw runtimeUnknown();
}

const runtimeUnknown = () =>
  fail("Director takes the certificate, but does not know this runtime by it", {
    code: "RuntimeUnknown",
    hint: "Check runtime.id and runtime.tenant. If they are right, the token was one of another runtime, or the runtime is gone: ask Compass for a new token of this one.",
  });

/** Gives a token of a new system auth, and the Connector that takes it (contract 1.3). */
export async function requestToken(call: DirectorCall) {
  const answer = await ask(call, "requestOneTimeTokenForRuntime", REQUEST, requested);
  const { token, connectorURL } = answer.requestOneTimeTokenForRuntime;
  return { token: Secret.of(token), connectorURL };
}

async function ask<T>(
  { url, fetch, runtimeID, tenant }: DirectorCall,
  operation: string,
  document: string,
  schema: z.ZodType<T>,
): Promise<T> {
  const headers = {
    "x-request-id": `${runtimeID}_${randomUUID()}`,
    ...(tenant === null ? {} : { Tenant: tenant }),
  };
  const answer = await callGraphQL({ url, fetch, document, variables: { id: runtimeID }, headers });
  if (answer.kind !== "data") throw refusal(operation, answer);
  const parsed = schema.safeParse(answer.data);
  if (parsed.success) return parsed.data;
  throw malformed(operation);
}

const fail = (message: string, options: Omit<FailureOptions, "stage">) =>
  new Failure(message, { ...options, stage: "connect" });

const malformed = (operation: string) =>
  fail(`something other than Director answered ${operation}`, {
    code: "AnswerMalformed",
    retryable: true,
    hint: "A proxy or a login page answers in its place: check the network.",
  });

/** Contract 12.2: what a refused certificate and a passing outage have in common. */
const isRejection = (answer: Exclude<GraphQLAnswer, { kind: "data" }>) =>
  answer.kind === "errors"
    ? answer.errors.some(({ code }) => code === 23)
    : answer.kind === "status" && [400, 401, 403].includes(answer.status);

function refusal(operation: string, answer: Exclude<GraphQLAnswer, { kind: "data" }>): Failure {
  if (answer.kind === "malformed") return malformed(operation);
  if (isRejection(answer)) {
    return fail(`Director does not accept the certificate (HTTP ${answer.status} for ${operation})`, {
      code: "CredentialsRejected",
      hint: "The tenant is wrong, the certificate was revoked, or Compass has an outage: nothing was changed. Try again, then give a new one-time token.",
    });
  }
  if (answer.kind === "errors") {
    return fail(`Director refused ${operation} (code ${answer.errors[0]?.code ?? "none"})`, {
      code: "DirectorRefused",
      retryable: true,
      hint: "Nothing was changed. When it stays, check runtime.id and runtime.tenant, then ask the owner of Compass.",
    });
  }
  const isLimit = answer.status === 429;
  return fail(`Director is not available (HTTP ${answer.status} for ${operation})`, {
    code: isLimit ? "RateLimited" : "ServerError",
    retryable: isLimit || answer.status >= 500,
    hint: "Nothing was changed; it is tried again.",
  });
}
