/** GitHub and GitHub Enterprise Server, by REST API 2022-11-28; auto-merge is only in GraphQL. */

import { z } from "zod";
import type { HostClient } from "./client.js";
import { notAllowed } from "./errors.js";
import type { GitHost, HostRequest } from "./host.js";

export const GITHUB_HEADERS = { accept: "application/vnd.github+json", "x-github-api-version": "2022-11-28" };

const pullSchema = z.object({
  number: z.int(),
  node_id: z.string().default(""),
  html_url: z.string(),
  state: z.enum(["open", "closed"]),
  merged_at: z.string().nullable(),
  body: z.string().nullable(),
  labels: z.array(z.object({ name: z.string() })).default([]),
  // Without a repository once a fork is gone.
  head: z.object({ ref: z.string(), sha: z.string(), repo: z.object({ full_name: z.string() }).nullish() }),
  base: z.object({ ref: z.string() }),
  draft: z.boolean().default(false),
  // Not in lists; null while GitHub finds out.
  mergeable: z.boolean().nullish(),
  mergeable_state: z.string().optional(),
  created_at: z.string(),
});

const commentsSchema = z.array(z.object({ body: z.string().nullish() }));
const anything = z.unknown();

/** Of a hundred comments each. */
const PAGES_OF_COMMENTS = 10;

export interface GitHubOptions {
  readonly api: string;
  readonly repository: string;
  readonly from: string;
}

export function createGitHub(client: HostClient, { api, repository, from }: GitHubOptions): GitHost {
  const repo = `/repos/${repository.split("/").map(encodeURIComponent).join("/")}`;
  const [owner = "", name = ""] = from.split("/");
  const isFork = from !== repository;
  const patch = (number: number, body: object) =>
    client.call({ method: "PATCH", path: `${repo}/pulls/${number}`, body, schema: pullSchema });
  return {
    kind: "github",
    name: "GitHub",
    limits: { title: 255, body: 60_000 },
    get requests() {
      return client.requests;
    },
    find: async (branch, base) => {
      const query = new URLSearchParams({
        head: `${owner}:${branch}`,
        base,
        state: "all",
        sort: "created",
        direction: "desc",
        per_page: "20",
      });
      const found = await client.call({ path: `${repo}/pulls?${query}`, schema: z.array(pullSchema) });
      // One owner can have several forks.
      return found.filter(({ head }) => isSame(head.repo?.full_name ?? from, from)).map(requestOf);
    },
    get: async (number) => {
      const found = await client.find({ path: `${repo}/pulls/${number}`, schema: pullSchema });
      return found && requestOf(found);
    },
    create: async ({ branch, base, title, body, draft }) => {
      // Of two repositories of one owner the name has to be told, too.
      const head = isFork ? { head: `${owner}:${branch}`, head_repo: name } : { head: branch };
      const given = { ...head, base, title, body, draft };
      return requestOf(await client.call({ method: "POST", path: `${repo}/pulls`, body: given, schema: pullSchema }));
    },
    update: async (number, { title, body }) => {
      await patch(number, title === null ? { body } : { title, body });
    },
    close: async (number) => {
      await patch(number, { state: "closed" });
    },
    comment: async (number, text) => {
      await client.call({
        method: "POST",
        path: `${repo}/issues/${number}/comments`,
        body: { body: text },
        schema: anything,
      });
    },
    hasComment: async (number, words) => {
      // The oldest come first, and there is no other order.
      for (let page = 1; page <= PAGES_OF_COMMENTS; page++) {
        const path = `${repo}/issues/${number}/comments?per_page=100&page=${page}`;
        const found = await client.call({ path, schema: commentsSchema });
        if (found.some(({ body }) => body?.includes(words) === true)) return true;
        if (found.length < 100) return false;
      }
      return false;
    },
    label: async (number, labels) => {
      await client.call({
        method: "POST",
        path: `${repo}/issues/${number}/labels`,
        body: { labels },
        schema: anything,
      });
    },
    unlabel: async (number, label) => {
      const path = `${repo}/issues/${number}/labels/${encodeURIComponent(label)}`;
      await client.find({ method: "DELETE", path, schema: anything });
    },
    review: async (number, names) => {
      // `organisation/team` is how people write a team.
      const teams = names.filter((name) => name.includes("/")).map((name) => name.replace(/^.*\//, ""));
      const body = { reviewers: names.filter((name) => !name.includes("/")), team_reviewers: teams };
      await client.call({
        method: "POST",
        path: `${repo}/pulls/${number}/requested_reviewers`,
        body,
        schema: anything,
      });
    },
    autoMerge: async (number) => {
      const { node_id: id } = await client.call({ path: `${repo}/pulls/${number}`, schema: pullSchema });
      const query =
        "mutation($id: ID!) { enablePullRequestAutoMerge(input: {pullRequestId: $id}) { clientMutationId } }";
      const answer = z.object({ errors: z.array(z.unknown()).optional() });
      const { errors = [] } = await client.call({
        method: "POST",
        path: graphqlOf(api),
        body: { query, variables: { id } },
        schema: answer,
      });
      if (errors.length > 0) throw notAllowed("GitHub");
    },
    end: () => client.end(),
  };
}

const isSame = (one: string, other: string) => one.toLowerCase() === other.toLowerCase();

/** GitHub Enterprise Server has it beside `/api/v3`. */
const graphqlOf = (api: string) => (api.endsWith("/api/v3") ? api.replace(/v3$/, "graphql") : `${api}/graphql`);

function requestOf(pull: z.infer<typeof pullSchema>): HostRequest {
  const { number, html_url: url, state, merged_at, body, labels, draft, head, mergeable, created_at: openedAt } = pull;
  return {
    number,
    url,
    state: merged_at !== null ? "merged" : state,
    branch: head.ref,
    base: pull.base.ref,
    body: body ?? "",
    labels: labels.map(({ name }) => name),
    isDraft: draft,
    head: head.sha,
    hasConflict: mergeable == null ? null : !mergeable && pull.mergeable_state === "dirty",
    openedAt,
  };
}
