/** Whether changes are proposed or committed to the target branch, and with which token of the host. Pure. */

import { knownHost } from "./adapters/hosts/index.js";
import type { Config } from "./config/index.js";

type GitConfig = NonNullable<Config["git"]>;
type Auth = NonNullable<GitConfig["auth"]>;

/** What lets the agent into a host's API: a token, or the GitHub App that asks for one. */
export type HostAccess =
  | { readonly setting: string; readonly token: Extract<Auth, { token: unknown }>["token"] }
  | { readonly setting: string; readonly githubApp: Extract<Auth, { githubApp: unknown }>["githubApp"] };

/**
 * What `git.publish` asks for. Unset, a request where one can be opened: the host is known, and there is a token for its API.
 * Not where Secrets stand in the cluster alone: they would come and go before anybody has reviewed it.
 */
export function publishesByRequest(config: Config): boolean {
  const { git, pullRequest, secrets } = config;
  if (git === null) return false;
  if (git.publish !== null) return git.publish === "pull-request";
  if (secrets.mode === "cluster") return false;
  const isKnown = pullRequest.host !== null || knownHost(git.url) !== null;
  return isKnown && hostAccess(config, git) !== null;
}

/**
 * The way into the API, null without one: its own token, else the one for the repository that is pushed to, whose account opens
 * the request, else the one for the target. An App's token is good for one repository, and requests belong to the target's.
 */
export function hostAccess({ pullRequest }: Config, { auth, push }: GitConfig): HostAccess | null {
  if (pullRequest.token !== null) return { setting: "pullRequest.token", token: pullRequest.token };
  const pushing = push?.auth ?? null;
  if (pushing !== null && "token" in pushing) return { setting: "git.push.auth.token", token: pushing.token };
  if (auth !== null && "token" in auth) return { setting: "git.auth.token", token: auth.token };
  if (auth !== null && "githubApp" in auth) return { setting: "git.auth.githubApp", githubApp: auth.githubApp };
  return null;
}
