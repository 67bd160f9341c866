/** From a configuration to the Git host that takes proposals, and to the branch that they wait on. */

import type { TokenKeeper } from "./adapters/github-app/index.js";
import { type GitHost, hostPlace, openHost } from "./adapters/hosts/index.js";
import { createHTTPClient } from "./adapters/http/index.js";
import type { Clock } from "./common/clock.js";
import { Failure } from "./common/failure.js";
import { type Config, readSecret } from "./config/index.js";
import { isApiOf, onOneHost } from "./git-address.js";
import { hostAccess, publishesByRequest } from "./publishes-by-request.js";
import { type Environment, installationToken, proxyOf, reveal } from "./setup.js";

type GitConfig = NonNullable<Config["git"]>;

/** Of one call, in milliseconds. */
const TIMEOUT = 60_000;

/** Of one answer: twenty requests with the longest bodies that hosts take. */
const MAX_BYTES = 64 * 1024 * 1024;

/** The agent's own branch. */
export const ownBranchName = ({ pullRequest }: Config, runtimeID: string): string =>
  pullRequest.branch.replaceAll("{runtime}", runtimeID);

export interface GitHostOptions {
  readonly env: Environment;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Keeps a GitHub App's tokens, so that one serves git and the API. */
  readonly tokens: TokenKeeper;
}

/**
 * Throws `ConfigurationInvalid` where proposals are asked for, but the host, its repository or a token for its API is not told,
 * and where a second repository is named for proposals that nobody asked for.
 */
export function requireHost(config: Config): void {
  const { git } = config;
  if (git === null) return;
  const proposes = publishesByRequest(config);
  if (git.push !== null && !proposes) {
    throw invalid(
      "git.push is set, but git.publish is not pull-request: nothing would be pushed there",
      "Set git.publish to pull-request, with pullRequest.host where the host is not known; or leave git.push out.",
    );
  }
  if (proposes) accessOf(config, git);
}

function accessOf(config: Config, git: GitConfig) {
  const { host: kind, api } = config.pullRequest;
  const place = hostPlace(git.url, { kind, api });
  if (place === null) {
    throw invalid(
      "git.publish is pull-request, but which Git host git.url is of cannot be told",
      "Set pullRequest.host, and pullRequest.api where the API is not in its usual place; or set git.publish to direct.",
    );
  }
  if (git.push !== null && !onOneHost(git.url, git.push.url)) {
    throw invalid(
      "git.push.url is not on the host of git.url: a host takes proposals from its own repositories alone",
      "Give git.push.url the address of a fork of git.url under the same host name, and over the same port if both are https.",
    );
  }
  const from = git.push === null ? place : hostPlace(git.push.url, { kind: place.kind, api: place.api });
  if (from === null) {
    throw invalid(
      "git.push.url names no repository on the host of git.url",
      "Give git.push.url the address of a fork of git.url, on the same host.",
    );
  }
  const access = hostAccess(config, git);
  if (access === null) {
    throw invalid(
      "git.publish is pull-request, but there is no token for the host's API",
      "Set git.auth.token, or pullRequest.token beside another git.auth; docs/tutorials/hosts/ lists the permissions. Or set git.publish to direct.",
    );
  }
  // Its own token is meant for it, wherever it is.
  if (api !== null && access.setting !== "pullRequest.token" && !isApiOf(api, git.url)) {
    throw invalid(
      `pullRequest.api is on another host than git.url, and would get what ${access.setting} gives`,
      "Mend pullRequest.api; or, if that is the host's API, set pullRequest.token, which goes nowhere else.",
    );
  }
  if ("githubApp" in access && place.kind !== "github") {
    throw invalid(
      "git.auth.githubApp is set, but the host is not GitHub",
      "Set pullRequest.token and another git.auth; or mend pullRequest.host.",
    );
  }
  return { place: { ...place, from: from.repository }, access };
}

/** What HTTP lets a header hold (RFC 9110, 5.5). */
const IN_A_HEADER = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Throws as `requireHost`, also for a token that cannot be sent. The caller ends it. */
export async function openGitHost(
  config: Config,
  git: GitConfig,
  { env, clock, signal, tokens }: GitHostOptions,
): Promise<GitHost> {
  const { place, access } = accessOf(config, git);
  const token =
    "token" in access
      ? await readSecret(access.token, { env, stage: "publish", purpose: "access token of the Git host", signal })
      : await installationToken(config, git, access.githubApp, { env, signal, tokens });
  if (!IN_A_HEADER.test(token.reveal())) {
    throw invalid(
      `what ${access.setting} gives holds characters that no token has`,
      `Put the token alone into what ${access.setting} names: no control characters, and nothing beyond Latin-1.`,
    );
  }
  const ca = git.ca === null ? undefined : await reveal(git.ca, env, "publish", "authorities of the Git host", signal);
  const http = createHTTPClient({
    stage: "publish",
    peer: "the Git host",
    ca,
    proxy: proxyOf(config.proxy, env),
    timeout: TIMEOUT,
    maxBytes: MAX_BYTES,
    signal,
    now: () => clock.now(),
  });
  return openHost({ place, http, token, setting: access.setting, clock, signal });
}

const invalid = (message: string, hint: string) =>
  new Failure(message, { code: "ConfigurationInvalid", stage: "config", hint });
