/** Short-lived tokens of a GitHub App's installation: for one repository, with no more rights than are needed. */

import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { z } from "zod";
import { Failure } from "../../common/failure.js";
import { forTerminal } from "../../common/quote.js";
import { Secret } from "../../common/secret.js";
import { sha256 } from "../../common/sha256.js";
import type { HTTPFetch } from "../http/index.js";

export interface InstallationPermissions {
  readonly contents: "read" | "write";
  /** @default none: requests are not touched */
  readonly pull_requests?: "write";
}

export interface InstallationTokenOptions {
  readonly fetch: HTTPFetch;
  /** `https://api.github.com`, or `https://HOST/api/v3` of an Enterprise server. */
  readonly api: string;
  readonly appID: string;
  readonly installationID: string;
  /** The app's private key, PEM. */
  readonly key: Secret;
  /** Name of the repository without its owner: the token is good for no other. */
  readonly repository: string;
  /** What the token is for; it gets no other right. */
  readonly permissions: InstallationPermissions;
  readonly now: () => Date;
}

/** Keeps tokens for as long as the process lives: none is ever written down. */
export interface TokenKeeper {
  /** The one that is good for five more minutes, or a new one. */
  token(options: InstallationTokenOptions): Promise<Secret>;
}

/** Milliseconds before its end in which a token is not used for a new cycle. */
const MARGIN = 5 * 60_000;

export function createTokenKeeper(): TokenKeeper {
  const kept = new Map<string, InstallationToken>();
  return {
    token: async (options) => {
      const { api, appID, installationID, repository, permissions, key } = options;
      // A new key must not live on the token of the old one.
      const name = JSON.stringify([api, appID, installationID, repository, permissions, sha256(key.reveal())]);
      const before = kept.get(name);
      if (before !== undefined && before.expiresAt.getTime() - options.now().getTime() > MARGIN) return before.token;
      const fresh = await requestToken(options);
      kept.set(name, fresh);
      return fresh.token;
    },
  };
}

interface InstallationToken {
  readonly token: Secret;
  readonly expiresAt: Date;
}

/** Where the API of a repository's host is (GitHub's documentation, "Getting started with the REST API"). */
export function apiOf(url: string): string {
  const { protocol, host, hostname } = new URL(url);
  return hostname === "github.com" ? "https://api.github.com" : `${protocol}//${host}/api/v3`;
}

/** `clusters` of `https://github.com/platform/clusters.git`. */
export function repositoryOf(url: string): string {
  const [, name = ""] = /\/([^/]+?)(?:\.git)?\/*$/.exec(new URL(url).pathname) ?? [];
  return decodeURIComponent(name);
}

const answerSchema = z.object({ token: z.string().min(1).max(1_000), expires_at: z.iso.datetime({ offset: true }) });

async function requestToken(options: InstallationTokenOptions): Promise<InstallationToken> {
  const { fetch, api, installationID, repository, permissions } = options;
  const answer = await fetch(`${api}/app/installations/${encodeURIComponent(installationID)}/access_tokens`, {
    method: "POST",
    headers: {
      accept: "application/vnd.github+json",
      authorization: `Bearer ${signedClaim(options)}`,
      "content-type": "application/json",
      "user-agent": "runtime-agent",
      "x-github-api-version": "2022-11-28",
    },
    body: JSON.stringify({ repositories: [repository], permissions }),
  });
  if (answer.status !== 201) throw refusal(answer, options);
  const parsed = answerSchema.safeParse(parseJSON(await answer.text()));
  if (parsed.success) {
    return { token: Secret.of(parsed.data.token), expiresAt: new Date(parsed.data.expires_at) };
  }
  throw failure("GitHub's answer to the request for a token is not understood", {
    code: "AnswerMalformed",
    hint: "Check pullRequest.api: whether it is GitHub's API.",
  });
}

function parseJSON(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The app's word for who it is (RFC 7519, RS256). GitHub allows ten minutes; one is for clocks that differ. */
function signedClaim({ appID, key, now }: InstallationTokenOptions): string {
  const seconds = Math.floor(now().getTime() / 1_000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claim = `${part({ alg: "RS256", typ: "JWT" })}.${part({ iat: seconds - 60, exp: seconds + 480, iss: appID })}`;
  return `${claim}.${sign("sha256", Buffer.from(claim), privateKey(key)).toString("base64url")}`;
}

function privateKey(key: Secret): KeyObject {
  try {
    const parsed = createPrivateKey(key.reveal());
    if (parsed.asymmetricKeyType === "rsa") return parsed;
  } catch {
    // Without the cause, which may quote the key.
  }
  throw failure("git.auth.githubApp.key is no RSA private key", {
    code: "RepositoryAuthentication",
    hint: "Give the .pem file that GitHub made for the app, as it is.",
  });
}

function refusal({ status, headers }: Response, { installationID, repository }: InstallationTokenOptions): Failure {
  const isLimited = headers.get("retry-after") !== null || headers.get("x-ratelimit-remaining") === "0";
  if (status === 429 || (status === 403 && isLimited)) {
    return failure("GitHub asks the app to wait", {
      code: "RateLimited",
      hint: "Try again later, or run the agent less often.",
      retryable: true,
    });
  }
  if (status >= 500) {
    return failure(`GitHub failed while it made a token (HTTP ${status})`, {
      code: "ServerError",
      hint: "Try again; if it stays, look at GitHub's status page.",
      retryable: true,
    });
  }
  if (status === 404) {
    return failure(`GitHub knows no installation ${forTerminal(installationID, 40)} of the app`, {
      code: "RepositoryAuthentication",
      hint: "Check git.auth.githubApp.installationID and appID: the number at the end of the installation's address.",
    });
  }
  if (status === 422) {
    return failure(`the app's installation may not have a token for "${forTerminal(repository, 100)}"`, {
      code: "RepositoryRefused",
      hint: "Give the installation access to the repository, and the app Contents: read and write; with pull requests, Pull requests: read and write.",
    });
  }
  return failure(`GitHub did not accept the app (HTTP ${status})`, {
    code: "RepositoryAuthentication",
    hint: "Check git.auth.githubApp: the app's id, and its key; and this machine's clock.",
  });
}

const failure = (
  message: string,
  options: Pick<ConstructorParameters<typeof Failure>[1], "code" | "hint" | "retryable">,
): Failure => new Failure(message, { stage: "base", ...options });
