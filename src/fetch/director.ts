/** Asks Director one operation: the success rule of contract 1.7, each way of failing told apart, retries. */

import { randomUUID } from "node:crypto";
import type { z } from "zod";
import { callGraphQL, type GraphQLAnswer } from "../adapters/graphql/index.js";
import type { HTTPFetch } from "../adapters/http/index.js";
import type { Clock } from "../common/clock.js";
import { Failure, type FailureOptions } from "../common/failure.js";
import { retry } from "../common/retry.js";

export interface DirectorOptions {
  readonly url: string;
  readonly fetch: HTTPFetch;
  readonly runtimeID: string;
  /** External tenant, sent as the header `Tenant`; null sends none (contract 2.2). */
  readonly tenant: string | null;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onRetry?: ((failure: Failure, attempt: number) => void) | undefined;
}

export interface Director {
  /** Gives the checked data. Throws a `Failure`; those that may pass were retried before. */
  ask<T>(operation: string, document: string, variables: Record<string, unknown>, answer: z.ZodType<T>): Promise<T>;
}

const fail = (message: string, options: Omit<FailureOptions, "stage">) =>
  new Failure(message, { ...options, stage: "fetch" });

/** Asks with the tenant and a fresh request id each time. */
export function createDirector(options: DirectorOptions): Director {
  const { url, fetch, runtimeID, tenant, clock, signal, onRetry } = options;
  return {
    ask: (operation, document, variables, schema) =>
      retry(
        async () => {
          const headers = {
            "x-request-id": `${runtimeID}_${randomUUID()}`,
            ...(tenant === null ? {} : { Tenant: tenant }),
          };
          const answer = await callGraphQL({ url, fetch, document, variables, headers });
          if (answer.kind !== "data") throw refusal(operation, answer);
          const parsed = schema.safeParse(answer.data);
          if (parsed.success) return parsed.data;
          const where = parsed.error.issues[0]?.path.map(String).join(".") || "data";
          throw fail(`Director's answer to ${operation} has not the agreed shape, at ${where}`, {
            code: "AnswerMalformed",
            hint: "Something between the agent and Director answers instead, or Director is of an unknown version.",
          });
        },
        // The same question again would not help against a change: who asked begins anew.
        {
          clock,
          signal,
          when: ({ code, retryable }) => retryable && code !== "FetchIncomplete",
          ...(onRetry === undefined ? {} : { onRetry }),
        },
      ),
  };
}

function refusal(operation: string, answer: Exclude<GraphQLAnswer, { kind: "data" }>): Failure {
  switch (answer.kind) {
    case "malformed":
      return fail(`Director answered ${operation} with something that is not a GraphQL answer`, {
        code: "AnswerMalformed",
        retryable: true,
        hint: "The answer was cut short, or a proxy or login page answers in its place.",
      });
    case "status":
      return statusRefusal(operation, answer.status);
    case "errors":
      if (answer.status === 429 || answer.status >= 500) return statusRefusal(operation, answer.status);
      return errorRefusal(
        operation,
        answer.status,
        answer.errors.map(({ code }) => code),
        answer.errors,
      );
  }
}

function statusRefusal(operation: string, status: number): Failure {
  if (status === 429) {
    return fail("Director refused the request: too many requests (HTTP 429)", {
      code: "RateLimited",
      retryable: true,
      hint: "The limit is shared by all runtimes; the next cycle tries again.",
    });
  }
  if (status >= 500) {
    return fail(`Director is not available (HTTP ${status} for ${operation})`, {
      code: "ServerError",
      retryable: true,
      hint: "Nothing was changed; the next cycle tries again.",
    });
  }
  const rejected = status === 400 || status === 401 || status === 403;
  return fail(`Director refused ${operation} (HTTP ${status})`, {
    code: rejected ? "CredentialsRejected" : "DirectorRefused",
    hint: rejected
      ? "The certificate or the tenant is not accepted, or Compass has an outage: try again, then check runtime.tenant and pair anew."
      : "Check the Director address in the state, or pair anew.",
  });
}

// Contract 2.10, 12.1 and 12.2: code 23 whose `actual` is empty is what a revoked certificate, a runtime that is gone
// and a passing outage look like. It never means "no applications".
const NO_IDENTITY = /\[actual=;/;

function errorRefusal(
  operation: string,
  status: number,
  codes: readonly (number | null)[],
  errors: readonly { readonly message: string }[],
): Failure {
  const named = `code ${codes.map((code) => code ?? "none").join(", ")}, HTTP ${status}`;
  if (codes.includes(23)) {
    return errors.some(({ message }) => NO_IDENTITY.test(message))
      ? fail(`Director does not accept the certificate (${operation}, ${named})`, {
          code: "CredentialsRejected",
          hint: "It was revoked, the runtime was removed, the tenant is wrong, or Compass has an outage: try again, then pair anew.",
        })
      : fail(`the certificate has not the rights for ${operation} (${named})`, {
          code: "DirectorRefused",
          hint: "Ask the owner of Compass which scopes runtimes have.",
        });
  }
  if (codes.includes(25) || codes.includes(24)) {
    return fail(`Director does not know the tenant for this certificate (${named})`, {
      code: "CredentialsRejected",
      hint: "Check runtime.tenant: the external tenant in which the runtime is registered, or none.",
    });
  }
  if (codes.includes(22) && operation === "Applications") {
    return fail(`Director refused the runtime or the page size (${named})`, {
      code: "RuntimeUnknown",
      hint: "Check runtime.id: the runtime is not registered in this tenant. Then compass.pageSize.",
    });
  }
  // Contract 12.3, O14: what was listed a moment ago is not there any more.
  if (codes.includes(27) && operation !== "Applications") {
    return fail(`what ${operation} asks about is gone (${named})`, {
      code: "FetchIncomplete",
      retryable: true,
      hint: "Something changed in Director while it was read; the next cycle tries again.",
    });
  }
  if (codes.some((code) => code === 28 || code === 32 || code === 35)) {
    return fail(`Director could not finish ${operation} (${named})`, {
      code: "ServerError",
      retryable: true,
      hint: "Nothing was changed; the next cycle tries again.",
    });
  }
  const internal = codes.includes(10) && status === 200;
  return fail(`Director answered ${operation} with an error (${named})`, {
    code: "DirectorRefused",
    retryable: internal,
    hint: "Nothing was changed. When it stays, give the time and the code to the owner of Compass.",
  });
}
