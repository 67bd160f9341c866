/** GitLab, by REST API v4. Its merge requests are the agent's pull requests. */

import { z } from "zod";
import type { HostClient } from "./client.js";
import type { GitHost, HostRequest } from "./host.js";

const mergeRequestSchema = z.object({
  iid: z.int(),
  web_url: z.string(),
  state: z.enum(["opened", "closed", "merged", "locked"]),
  description: z.string().nullable(),
  labels: z.array(z.string()).default([]),
  sha: z.string().nullish(),
  has_conflicts: z.boolean().nullish(),
  created_at: z.string(),
});

const usersSchema = z.array(z.object({ id: z.int() }));
const anything = z.unknown();

/** How GitLab tells a draft. */
const draftTitle = (title: string, draft: boolean) => (draft ? `Draft: ${title}` : title);

export function createGitLab(client: HostClient, { repository }: { repository: string }): GitHost {
  const requests = `/projects/${encodeURIComponent(repository)}/merge_requests`;
  const put = (number: number, body: object) =>
    client.call({ method: "PUT", path: `${requests}/${number}`, body, schema: anything });
  return {
    kind: "gitlab",
    name: "GitLab",
    // `Draft: ` takes its part of the 255.
    limits: { title: 248, body: 1_000_000 },
    get requests() {
      return client.requests;
    },
    find: async (branch, base) => {
      const query = new URLSearchParams({
        source_branch: branch,
        target_branch: base,
        state: "all",
        order_by: "created_at",
        sort: "desc",
        per_page: "20",
      });
      const found = await client.call({ path: `${requests}?${query}`, schema: z.array(mergeRequestSchema) });
      return found.map(requestOf);
    },
    get: async (number) => {
      const found = await client.find({ path: `${requests}/${number}`, schema: mergeRequestSchema });
      return found && requestOf(found);
    },
    create: async ({ branch, base, title, body, draft }) => {
      const given = {
        source_branch: branch,
        target_branch: base,
        title: draftTitle(title, draft),
        description: body,
        remove_source_branch: false,
      };
      return requestOf(await client.call({ method: "POST", path: requests, body: given, schema: mergeRequestSchema }));
    },
    update: async (number, { title, body, draft }) => {
      await put(number, { title: draftTitle(title, draft), description: body });
    },
    close: async (number) => {
      await put(number, { state_event: "close" });
    },
    comment: async (number, text) => {
      await client.call({
        method: "POST",
        path: `${requests}/${number}/notes`,
        body: { body: text },
        schema: anything,
      });
    },
    label: async (number, labels) => {
      await put(number, { add_labels: labels.join(",") });
    },
    unlabel: async (number, label) => {
      await put(number, { remove_labels: label });
    },
    review: async (number, names) => {
      const ids: number[] = [];
      for (const name of names) {
        const path = `/users?${new URLSearchParams({ username: name })}`;
        ids.push(...(await client.call({ path, schema: usersSchema })).map(({ id }) => id));
      }
      await put(number, { reviewer_ids: ids });
    },
    autoMerge: async (number) => {
      // Two names of one switch: the second is what GitLab had before 17.11.
      const body = { auto_merge: true, merge_when_pipeline_succeeds: true };
      await client.call({ method: "PUT", path: `${requests}/${number}/merge`, body, schema: anything });
    },
    end: () => client.end(),
  };
}

function requestOf(request: z.infer<typeof mergeRequestSchema>): HostRequest {
  const { iid: number, web_url: url, state, description, labels, sha, has_conflicts, created_at: openedAt } = request;
  return {
    number,
    url,
    // Locked while it is being merged: it will be one or the other, and until then nobody may touch it.
    state: state === "opened" || state === "locked" ? "open" : state,
    body: description ?? "",
    labels,
    head: sha ?? null,
    hasConflict: has_conflicts ?? null,
    openedAt,
  };
}
