/** Gitea and Forgejo, which share API v1 as far as it is used here. */

import { z } from "zod";
import type { Clock } from "../../common/clock.js";
import type { HostClient } from "./client.js";
import { statusOf } from "./errors.js";
import type { GitHost, HostRequest } from "./host.js";

const pullSchema = z.object({
  number: z.int(),
  html_url: z.string(),
  state: z.enum(["open", "closed"]),
  merged: z.boolean(),
  title: z.string(),
  body: z.string().nullable(),
  labels: z.array(z.object({ name: z.string() })).nullish(),
  head: z.object({ label: z.string(), ref: z.string(), sha: z.string() }),
  mergeable: z.boolean(),
  created_at: z.string(),
});

const labelsSchema = z.array(z.object({ id: z.int(), name: z.string() }));
const anything = z.unknown();

/** How both tell a draft. */
const draftTitle = (title: string, draft: boolean) => (draft ? `WIP: ${title}` : title);
const DRAFT = /^(?:WIP:|\[WIP\])/i;

/** Looks at one that cannot be merged: right after a push the host has not found out yet, and says the same. */
const LOOKS = 4;
const BETWEEN_LOOKS = 1_000;

/** Of a list; the host's own limit. */
const PAGE = 50;

/** Of a label that the host does not know yet. */
const COLOR = "#d93f0b";

export interface GiteaOptions {
  readonly kind: "gitea" | "forgejo";
  readonly repository: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export function createGitea(client: HostClient, { kind, repository, clock, signal }: GiteaOptions): GitHost {
  const repo = `/repos/${repository.split("/").map(encodeURIComponent).join("/")}`;
  const patch = (number: number, body: object) =>
    client.call({ method: "PATCH", path: `${repo}/pulls/${number}`, body, schema: anything });
  const post = (path: string, body: object) =>
    client.call({ method: "POST", path: `${repo}${path}`, body, schema: anything });
  const known = async () => client.call({ path: `${repo}/labels?limit=${PAGE}`, schema: labelsSchema });
  return {
    kind,
    name: kind === "gitea" ? "Gitea" : "Forgejo",
    // `WIP: ` takes its part of the 255.
    limits: { title: 250, body: 1_000_000 },
    get requests() {
      return client.requests;
    },
    find: async (branch, base) => {
      // It has no filter by branch. Those that were touched last are enough: the agent knows the number of its own.
      const query = new URLSearchParams({ state: "all", base_branch: base, sort: "recentupdate", limit: String(PAGE) });
      const found = await client.call({ path: `${repo}/pulls?${query}`, schema: z.array(pullSchema) });
      return found
        .filter(({ head }) => head.label === branch || head.ref === branch)
        .map((pull) => ({ ...requestOf(pull), hasConflict: null }))
        .sort((a, b) => b.number - a.number);
    },
    get: async (number) => {
      for (let look = 1; ; look++) {
        const found = await client.find({ path: `${repo}/pulls/${number}`, schema: pullSchema });
        const isUnclear = found?.state === "open" && !found.mergeable && !DRAFT.test(found.title);
        if (!isUnclear || look >= LOOKS) return found && requestOf(found);
        await clock.sleep(BETWEEN_LOOKS, signal);
      }
    },
    create: async ({ branch, base, title, body, draft }) => {
      const given = { head: branch, base, title: draftTitle(title, draft), body };
      return requestOf(await client.call({ method: "POST", path: `${repo}/pulls`, body: given, schema: pullSchema }));
    },
    update: async (number, { title, body, draft }) => {
      await patch(number, { title: draftTitle(title, draft), body });
    },
    close: async (number) => {
      await patch(number, { state: "closed" });
    },
    comment: async (number, text) => {
      await post(`/issues/${number}/comments`, { body: text });
    },
    label: async (number, labels) => {
      const ids = new Map((await known()).map(({ id, name }) => [name, id]));
      for (const name of labels) {
        if (ids.has(name)) continue;
        const schema = z.object({ id: z.int() });
        const made = await client.call({
          method: "POST",
          path: `${repo}/labels`,
          body: { name, color: COLOR },
          schema,
        });
        ids.set(name, made.id);
      }
      await post(`/issues/${number}/labels`, { labels: labels.flatMap((name) => ids.get(name) ?? []) });
    },
    unlabel: async (number, label) => {
      const id = (await known()).find(({ name }) => name === label)?.id;
      if (id === undefined) return;
      await client.find({ method: "DELETE", path: `${repo}/issues/${number}/labels/${id}`, schema: anything });
    },
    review: async (number, names) => {
      const teams = names.filter((name) => name.includes("/")).map((name) => name.replace(/^.*\//, ""));
      const reviewers = names.filter((name) => !name.includes("/"));
      await post(`/pulls/${number}/requested_reviewers`, { reviewers, team_reviewers: teams });
    },
    autoMerge: async (number) => {
      await post(`/pulls/${number}/merge`, { Do: "merge", merge_when_checks_succeed: true }).catch(
        (thrown: unknown) => {
          // Asked for already.
          if (statusOf(thrown) !== 409) throw thrown;
        },
      );
    },
    end: () => client.end(),
  };
}

function requestOf(pull: z.infer<typeof pullSchema>): HostRequest {
  const { number, html_url: url, state, merged, title, body, labels, head, mergeable, created_at: openedAt } = pull;
  return {
    number,
    url,
    state: merged ? "merged" : state,
    body: body ?? "",
    labels: (labels ?? []).map(({ name }) => name),
    head: head.sha === "" ? null : head.sha,
    // A draft is never mergeable, whether or not there is a conflict.
    hasConflict: DRAFT.test(title) ? null : !mergeable,
    openedAt,
  };
}
