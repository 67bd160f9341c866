/** From a configuration to the Git host that takes proposals, and to the branch that they wait on. */

import { type GitHost, hostPlace, knownHost, openHost } from "./adapters/hosts/index.js";
import { createHTTPClient } from "./adapters/http/index.js";
import type { Clock } from "./common/clock.js";
import { Failure } from "./common/failure.js";
import { type Config, readSecret } from "./config/index.js";
import { type Environment, proxyOf, reveal } from "./setup.js";

type GitConfig = NonNullable<Config["git"]>;

/** Of one call, in milliseconds. */
const TIMEOUT = 60_000;

/** Of one answer: twenty requests with the longest bodies that hosts take. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * What `git.publish` asks for. Unset, a request where one can be opened: the host is known, and there is a token for its API.
 * Not where Secrets stand in the cluster alone: they would come and go before anybody has reviewed it.
 */
export function publishesByRequest({ git, pullRequest, secrets }: Config): boolean {
  if (git === null) return false;
  if (git.publish !== null) return git.publish === "pull-request";
  if (secrets.mode === "cluster") return false;
  const isKnown = pullRequest.host !== null || knownHost(git.url) !== null;
  return isKnown && git.auth !== null && "token" in git.auth;
}

/** The agent's own branch. */
export const ownBranchName = ({ pullRequest }: Config, runtimeID: string): string =>
  pullRequest.branch.replaceAll("{runtime}", runtimeID);

export interface GitHostOptions {
  readonly env: Environment;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Throws `ConfigurationInvalid` where proposals are asked for, but the host, its repository or a token for its API is not told. */
export function requireHost(config: Config): void {
  if (config.git !== null && publishesByRequest(config)) accessOf(config, config.git);
}

function accessOf({ pullRequest }: Config, git: GitConfig) {
  const place = hostPlace(git.url, { kind: pullRequest.host, api: pullRequest.api });
  if (place === null) {
    throw invalid(
      "git.publish is pull-request, but which Git host git.url is of cannot be told",
      "Set pullRequest.host, and pullRequest.api where the API is not in its usual place; or set git.publish to direct.",
    );
  }
  if (git.auth === null || !("token" in git.auth)) {
    throw invalid(
      "git.publish is pull-request, but git.auth has no token for the host's API",
      "Set git.auth.token; docs/tutorials/ lists the permissions that it needs. Or set git.publish to direct.",
    );
  }
  return { place, reference: git.auth.token };
}

/** Throws as `requireHost`. The caller ends it. */
export async function openGitHost(
  config: Config,
  git: GitConfig,
  { env, clock, signal }: GitHostOptions,
): Promise<GitHost> {
  const { place, reference } = accessOf(config, git);
  const token = await readSecret(reference, { env, stage: "publish", purpose: "Git access token" });
  const ca = git.ca === null ? undefined : await reveal(git.ca, env, "publish", "authorities of the Git host");
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
  return openHost({ place, http, token, clock, signal });
}

const invalid = (message: string, hint: string) =>
  new Failure(message, { code: "ConfigurationInvalid", stage: "config", hint });
