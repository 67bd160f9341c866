/** A Git host's refusals told as failures, here and nowhere else. */

import { Failure, inOtherWords } from "../../common/failure.js";
import { forTerminal } from "../../common/quote.js";

/** A host's answer, as far as it tells why it refuses. */
export interface Refusal {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** `GitHub at api.github.com` */
  readonly peer: string;
  /** `git.auth.token` */
  readonly setting: string;
  /** What a message must not repeat, whatever the host says. */
  readonly forbidden: string;
  readonly now: Date;
}

/** Carried as the cause of every refusal: what other code than a message needs of it. */
class HostAnswer extends Error {
  override readonly name = "HostAnswer";
  constructor(
    readonly status: number,
    /** When the host may be asked again; null when it does not limit. */
    readonly until: Date | null,
  ) {
    super(`the host answered ${status}`);
  }
}

const answerOf = (failure: unknown): HostAnswer | null =>
  failure instanceof Failure && failure.cause instanceof HostAnswer ? failure.cause : null;

/** Until when to wait after this failure; null when it is no such failure. */
export const waitUntil = (failure: unknown): Date | null => answerOf(failure)?.until ?? null;

/** HTTP status of what a call threw; null when it was not the host that refused. */
export const statusOf = (failure: unknown): number | null => answerOf(failure)?.status ?? null;

/** Wait where a host limits without saying for how long, as GitHub asks for: a minute. */
const UNTOLD_WAIT = 60_000;

export function refusalFailure(refusal: Refusal): Failure {
  const { status, headers, peer, setting, now } = refusal;
  const wait = limitedUntil(refusal);
  if (wait !== null) {
    const until = new Date(Math.min(Math.max(wait, now.getTime()), now.getTime() + LONGEST_LIMIT));
    const seconds = Math.max(1, Math.ceil((until.getTime() - now.getTime()) / 1000));
    const isCapped = until.getTime() < wait;
    const told = isCapped ? "longer than an hour; it is asked again after one" : `${seconds} s`;
    return new Failure(`${peer} asks the agent to wait ${told}`, {
      code: "RateLimited",
      stage: "publish",
      hint: "The next cycle after that goes on; run the agent less often, or give it a token of its own.",
      retryable: true,
      cause: new HostAnswer(status, until),
    });
  }
  if (status >= 500) {
    return new Failure(`${peer} failed while it answered (HTTP ${status})`, {
      code: "ServerError",
      stage: "publish",
      hint: "Try again; if it stays, look at the Git host.",
      retryable: true,
      cause: new HostAnswer(status, null),
    });
  }
  const said = quoted(refusal);
  const cause = new HostAnswer(status, null);
  const told = (message: string) => (said === "" ? message : `${message}: "${said}"`);
  if (status === 401) {
    return new Failure(told(`${peer} does not accept the token`), {
      code: "HostAuthentication",
      stage: "publish",
      hint: `Check ${setting}: whether it has expired or was revoked.`,
      cause,
    });
  }
  if (status === 403) {
    const missing = missingPermission(headers, refusal.text);
    return new Failure(
      told(`${peer} does not allow this to the token${missing === null ? "" : `; it lacks ${missing}`}`),
      {
        code: "HostForbidden",
        stage: "publish",
        hint: `Give the token of ${setting} the permissions that the tutorial of this host lists in docs/tutorials/.`,
        cause,
      },
    );
  }
  if (status === 404) {
    return new Failure(`${peer} has no such repository or request, or hides it from the token`, {
      code: "HostForbidden",
      stage: "publish",
      hint: `Check git.url and pullRequest.api, and that the token of ${setting} may read the repository and its pull requests.`,
      cause,
    });
  }
  return new Failure(told(`${peer} refused (HTTP ${status})`), {
    code: "HostRefused",
    stage: "publish",
    hint: "Mend what it names: git.branch, pullRequest, or the rules of the repository.",
    cause,
  });
}

/** What a host may ask for, in milliseconds: a wrong header must not stop the agent for years. */
export const LONGEST_LIMIT = 60 * 60 * 1000;

/** From here on a reset is told in milliseconds: in seconds it would be the year 5138. */
const IN_MILLISECONDS = 1e11;

/** Of a host that limits: when it may be asked again, as it said it, in milliseconds; null for any other refusal. */
function limitedUntil({ status, headers, text, now }: Refusal): number | null {
  const isSpent = headers.get("x-ratelimit-remaining") === "0" || headers.get("ratelimit-remaining") === "0";
  const isLimited =
    status === 429 ||
    (status === 503 && headers.has("retry-after")) ||
    (status === 403 && (isSpent || headers.has("retry-after") || /secondary rate limit/i.test(text)));
  if (!isLimited) return null;
  const after = headers.get("retry-after");
  if (after !== null && /^\d+$/.test(after)) return now.getTime() + Number(after) * 1000;
  const date = Date.parse(after ?? "");
  if (!Number.isNaN(date)) return date;
  const reset = Number(headers.get("x-ratelimit-reset") ?? headers.get("ratelimit-reset") ?? Number.NaN);
  if (isSpent && Number.isFinite(reset)) return reset < IN_MILLISECONDS ? reset * 1000 : reset;
  return now.getTime() + UNTOLD_WAIT;
}

/** What the host itself names: GitHub in a header, GitLab and Gitea in the body. */
function missingPermission(headers: Headers, text: string): string | null {
  const accepted = headers.get("x-accepted-github-permissions") || headers.get("x-accepted-oauth-scopes");
  const named =
    accepted ?? /"scope"\s*:\s*"([a-z_ ]+)"/.exec(text)?.[1] ?? /required scope\(s\): \[([a-z:, ]+)\]/.exec(text)?.[1];
  return named === undefined ? null : forTerminal(named, 100);
}

/** How much of a host's words is shown, in characters. */
const QUOTE_LIMIT = 200;

/** The host's own sentence. One that repeats the token is not shown. */
function quoted({ text, forbidden }: Refusal): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "";
  }
  const words = sentences(value).join("; ");
  return forbidden !== "" && words.includes(forbidden) ? "" : forTerminal(words, QUOTE_LIMIT);
}

function sentences(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(sentences);
  if (typeof value !== "object" || value === null) return [];
  const { message, error, errors } = value as Record<string, unknown>;
  return [...new Set([message, error, errors].flatMap(sentences))];
}

/** What the HTTP client says of calls in general, with the settings that a Git host has. */
export function hostFailure(thrown: unknown): unknown {
  if (!(thrown instanceof Failure)) return thrown;
  const hints: Partial<Record<Failure["code"], string>> = {
    TlsUntrusted:
      "Give the authority's certificate in git.ca, and check that pullRequest.api names the host of the certificate.",
    TimedOut: "Try again; check the way to the Git host.",
    NetworkUnreachable: "Check pullRequest.api, the network, and whether a proxy is needed (proxy.https).",
    AnswerTooLarge: "Check that pullRequest.api is the address of the host's API.",
    Redirected: "Put the final address into pullRequest.api.",
  };
  const hint = hints[thrown.code];
  return hint === undefined ? thrown : inOtherWords(thrown, thrown.message, hint);
}

export const malformed = (peer: string) =>
  new Failure(`${peer} answered something that is not its API`, {
    code: "AnswerMalformed",
    stage: "publish",
    hint: "Check that pullRequest.host and pullRequest.api fit the host.",
  });

/** For what of a list a host cannot take; the others are set. */
export function noSuch(what: string, given: readonly string[], known: readonly string[]): Failure {
  const unknown = given.filter((each) => !known.includes(each)).map((each) => `"${forTerminal(each, 80)}"`);
  return new Failure(`${what}: ${unknown.join(", ")}`, {
    code: "HostRefused",
    stage: "publish",
    hint: "Mend pullRequest.labels or pullRequest.reviewers.",
  });
}

export const notAllowed = (name: string) =>
  new Failure(`${name} does not merge requests of this repository by itself`, {
    code: "HostRefused",
    stage: "publish",
    hint: "Allow auto-merge in the repository's settings, or set pullRequest.autoMerge to false.",
  });
