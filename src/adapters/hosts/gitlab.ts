/** GitLab, by REST API v4. Its merge requests are the agent's pull requests. */

import { z } from "zod";
import type { HostClient } from "./client.js";
import { noSuch } from "./errors.js";
import type { GitHost, HostRequest } from "./host.js";

const mergeRequestSchema = z.object({
  iid: z.int(),
  web_url: z.string(),
  state: z.enum(["opened", "closed", "merged", "locked"]),
  description: z.string().nullable(),
  labels: z.array(z.string()).default([]),
  draft: z.boolean().default(false),
  sha: z.string().nullish(),
  has_conflicts: z.boolean().nullish(),
  created_at: z.string(),
  source_branch: z.string(),
  target_branch: z.string(),
  source_project_id: z.int().nullish(),
  target_project_id: z.int().nullish(),
});

const projectSchema = z.object({ id: z.int() });
const usersSchema = z.array(z.object({ id: z.int() }));
const notesSchema = z.array(z.object({ body: z.string().nullish() }));
const anything = z.unknown();

/** Of a list, and how many of them are looked through for one of ours. */
const [PAGE, MOST_PAGES] = [20, 10];

/** How GitLab tells a draft. */
const draftTitle = (title: string, draft: boolean) => (draft ? `Draft: ${title}` : title);

export function createGitLab(client: HostClient, { repository, from }: { repository: string; from: string }): GitHost {
  const project = (path: string) => `/projects/${encodeURIComponent(path)}`;
  const requests = `${project(repository)}/merge_requests`;
  const isFork = from !== repository;
  const idOf = async (path: string) => (await client.call({ path: project(path), schema: projectSchema })).id;
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
        per_page: String(PAGE),
      });
      let source: number | null = null;
      for (let page = 1; ; page++) {
        const path = `${requests}?${query}&page=${page}`;
        const found = await client.call({ path, schema: z.array(mergeRequestSchema) });
        // A fork, of whoever it is, may have a branch of the same name, and as many requests as its owner likes.
        if (isFork && found.length > 0) source ??= await idOf(from);
        const ours = found.filter(
          ({ source_project_id: id, target_project_id: target }) => id == null || id === (isFork ? source : target),
        );
        if (ours.length > 0 || found.length < PAGE || page >= MOST_PAGES) return ours.map(requestOf);
      }
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
        // It is posted where the branch is, and lives where it leads to.
        ...(isFork ? { target_project_id: await idOf(repository) } : {}),
      };
      const path = `${project(from)}/merge_requests`;
      return requestOf(await client.call({ method: "POST", path, body: given, schema: mergeRequestSchema }));
    },
    update: async (number, { title, body, draft }) => {
      const text = title === null ? {} : { title: draftTitle(title, draft) };
      await put(number, { ...text, description: body });
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
    hasComment: async (number, words) => {
      // The newest: what the agent looks for it wrote a moment ago.
      const path = `${requests}/${number}/notes?order_by=created_at&sort=desc&per_page=100`;
      const found = await client.call({ path, schema: notesSchema });
      return found.some(({ body }) => body?.includes(words) === true);
    },
    label: async (number, labels) => {
      const possible = labels.filter((label) => !label.includes(","));
      if (possible.length > 0) await put(number, { add_labels: possible.join(",") });
      if (possible.length < labels.length) throw noSuch("GitLab takes no comma in a label", labels, possible);
    },
    unlabel: async (number, label) => {
      await put(number, { remove_labels: label });
    },
    review: async (number, names) => {
      const ids: number[] = [];
      const known: string[] = [];
      for (const name of names) {
        const path = `/users?${new URLSearchParams({ username: name })}`;
        const found = await client.call({ path, schema: usersSchema });
        ids.push(...found.map(({ id }) => id));
        if (found.length > 0) known.push(name);
      }
      if (ids.length > 0) await put(number, { reviewer_ids: ids });
      if (known.length < names.length) throw noSuch("GitLab knows no such user", names, known);
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
  const { iid: number, web_url: url, state, description, labels, draft, sha, has_conflicts } = request;
  return {
    number,
    url,
    // Locked while it is being merged: it will be one or the other, and until then nobody may touch it.
    state: state === "opened" || state === "locked" ? "open" : state,
    branch: request.source_branch,
    base: request.target_branch,
    body: description ?? "",
    labels,
    isDraft: draft,
    head: sha ?? null,
    hasConflict: has_conflicts ?? null,
    openedAt: request.created_at,
  };
}
