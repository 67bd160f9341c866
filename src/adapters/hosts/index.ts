/** Git hosts: one small adapter each, over one HTTP client. Bitbucket and Azure DevOps can follow as further kinds of `GitHost`. */

import type { Clock } from "../../common/clock.js";
import type { Secret } from "../../common/secret.js";
import type { HTTPClient } from "../http/index.js";
import { createHostClient } from "./client.js";
import { createGitea } from "./gitea.js";
import { createGitHub, GITHUB_HEADERS } from "./github.js";
import { createGitLab } from "./gitlab.js";
import type { GitHost, ProposalPlace } from "./host.js";

export { LONGEST_LIMIT, waitUntil } from "./errors.js";
export type { GitHost, HostKind, HostPlace, HostRequest, NewRequest, NewText, ProposalPlace } from "./host.js";
export { hostPlace, knownHost } from "./place.js";

export interface HostOptions {
  readonly place: ProposalPlace;
  readonly http: HTTPClient;
  readonly token: Secret;
  /** The setting that the token comes from, for messages. */
  readonly setting: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const NAMES = { github: "GitHub", gitlab: "GitLab", gitea: "Gitea", forgejo: "Forgejo" } as const;

/** Nothing is asked before the first method is called. */
export function openHost({ place, http, token, setting, clock, signal }: HostOptions): GitHost {
  const { kind, api } = place;
  const headers = kind === "github" ? GITHUB_HEADERS : {};
  const client = createHostClient({ http, name: NAMES[kind], api, token, setting, headers, clock, signal });
  if (kind === "github") return createGitHub(client, place);
  if (kind === "gitlab") return createGitLab(client, place);
  return createGitea(client, { ...place, kind, clock, signal });
}
