/** What Director's refusals mean: each way of failing told apart, with its mend (contract 1.7, 2.10, 12). Pure. */

import type { GraphQLAnswer } from "../adapters/graphql/index.js";
import { Failure, type FailureOptions } from "../common/failure.js";

type Refused = Exclude<GraphQLAnswer, { kind: "data" }>;
type Errors = Extract<GraphQLAnswer, { kind: "errors" }>;

const fail = (message: string, options: Omit<FailureOptions, "stage">) =>
  new Failure(message, { ...options, stage: "fetch" });

// Contract 2.10, 12.1 and 12.2: code 23 whose `actual` is empty is what a revoked certificate, a runtime that is gone
// and a passing outage look like. It never means "no applications".
const NO_IDENTITY = /\[actual=;/;

// Contract 2.5, 2.7: "page size cannot be smaller than 1", "page size must be between 1 and 200".
const PAGE_SIZE = /\bpage size\b/i;

/** The operations that list by the runtime: invalid data there is the runtime. */
const BY_RUNTIME = new Set(["Applications", "ApplicationNames"]);

const withoutIdentity = ({ errors }: Errors) =>
  errors.some(({ code, message }) => code === 23 && NO_IDENTITY.test(message));

/** True for an answer that a refused certificate and a passing outage have in common (contract 12.2). */
export function isAmbiguous(answer: GraphQLAnswer): boolean {
  if (answer.kind === "status") return answer.status === 400 && answer.empty;
  return answer.kind === "errors" && withoutIdentity(answer);
}

/** The failure that an answer without data is. Its message holds codes, and none of Director's words. */
export function refusal(operation: string, answer: Refused): Failure {
  switch (answer.kind) {
    case "malformed":
      return answer.cut
        ? fail(`Director's answer to ${operation} ended too early`, {
            code: "AnswerCut",
            retryable: true,
            hint: "Try again; when it stays, look for a proxy that cuts answers, or lower compass.pageSize.",
          })
        : fail(`Director answered ${operation} with something that is not a GraphQL answer`, {
            code: "AnswerMalformed",
            retryable: true,
            hint: "A proxy or a login page answers in its place: check the Director address and the network.",
          });
    case "status":
      return answer.timedOut
        ? timedOut(operation, `HTTP ${answer.status}`)
        : statusRefusal(operation, answer.status, `HTTP ${answer.status}`);
    case "errors":
      return errorRefusal(operation, answer);
  }
}

const timedOut = (operation: string, named: string) =>
  fail(`Director gave ${operation} up, since it took too long (${named})`, {
    code: "DirectorTimedOut",
    retryable: true,
    hint: "Smaller pages were tried, too; Director is overloaded, or compass.pageSize is too large for it.",
  });

function statusRefusal(operation: string, status: number, named: string): Failure {
  if (status === 429) {
    return fail(`Director refused the request: too many requests (${named})`, {
      code: "RateLimited",
      retryable: true,
      hint: "The limit is shared by all runtimes; the next cycle tries again.",
    });
  }
  if (status >= 500) {
    return fail(`Director is not available (${named} for ${operation})`, {
      code: "ServerError",
      retryable: true,
      hint: "Nothing was changed; the next cycle tries again.",
    });
  }
  if (status === 422) {
    return fail(`Director cannot process ${operation} (${named})`, {
      code: "DirectorUnprocessable",
      hint: "Director does not take this query, or cannot write its answer: give the time to the owner of Compass.",
    });
  }
  if (status === 401 || status === 403) {
    return fail(`the way to Director is closed to this certificate (${named} for ${operation})`, {
      code: "CredentialsRejected",
      hint: "A gateway or proxy refused it before Director did: check the Director address, then pair anew.",
    });
  }
  if (status === 400) {
    return fail(`Director refused ${operation} (${named})`, {
      code: "CredentialsRejected",
      hint: "The certificate or the tenant is not accepted, or Compass has an outage: try again, then check runtime.tenant and pair anew.",
    });
  }
  return fail(`Director refused ${operation} (${named})`, {
    code: "DirectorRefused",
    hint: "Check the Director address in the state, or pair anew.",
  });
}

function errorRefusal(operation: string, answer: Errors): Failure {
  const { status, partial, errors } = answer;
  const codes = errors.map(({ code }) => code);
  const named = `code ${[...new Set(codes)].map((code) => code ?? "none").join(", ")}, HTTP ${status}`;
  if (codes.includes(28)) return timedOut(operation, named);
  if (status === 422 || status === 429 || status >= 500) return statusRefusal(operation, status, named);
  if (codes.includes(23)) {
    return withoutIdentity(answer)
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
  if (errors.some(({ code, message }) => code === 22 && PAGE_SIZE.test(message))) {
    return fail(`Director refused the page size of ${operation} (${named})`, {
      code: "PageSizeRefused",
      hint: "Set compass.pageSize to what this Director allows; smaller pages were tried and refused, too.",
    });
  }
  if (codes.includes(22) && BY_RUNTIME.has(operation)) {
    return fail(`Director does not know the runtime (${named})`, {
      code: "RuntimeUnknown",
      hint: "Check runtime.id and runtime.tenant: the runtime is not registered in this tenant.",
    });
  }
  // Contract 12.3, O14: what was listed a moment ago is not there any more.
  if (codes.includes(27) && !BY_RUNTIME.has(operation)) {
    return fail(`what ${operation} asks about is gone (${named})`, {
      code: "FetchIncomplete",
      retryable: true,
      hint: "Something changed in Director while it was read; the next cycle tries again.",
    });
  }
  if (codes.includes(32) || codes.includes(35)) {
    return fail(`Director could not finish ${operation} (${named})`, {
      code: "ServerError",
      retryable: true,
      hint: "Something else worked on the same in Director; the next cycle tries again.",
    });
  }
  // Contract 2.10: an inner error may pass. One under a field that may be null leaves the rest of the data in place.
  const retryable = codes.includes(10) && status === 200;
  return partial
    ? fail(`Director answered ${operation} only in part (${named})`, {
        code: "DirectorRefused",
        retryable,
        hint: "Nothing was used of it. When it stays, one of the Applications is at fault: ask the owner of Compass.",
      })
    : fail(`Director answered ${operation} with an error (${named})`, {
        code: "DirectorRefused",
        retryable,
        hint: "Nothing was changed. When it stays, give the time and the code to the owner of Compass.",
      });
}
