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
  // Without a repository once a fork is gone.
  head: z.object({
    label: z.string(),
    ref: z.string(),
    sha: z.string(),
    repo: z.object({ full_name: z.string() }).nullish(),
  }),
  base: z.object({ ref: z.string() }),
  mergeable: z.boolean(),
  created_at: z.string(),
});

const labelsSchema = z.array(z.object({ id: z.int(), name: z.string() }));
const commentsSchema = z.array(z.object({ body: z.string().nullish() }));
const anything = z.unknown();

/** How both tell a draft. */
const draftTitle = (title: string, draft: boolean) => (draft ? `WIP: ${title}` : title);
const DRAFT = /^(?:WIP:|\[WIP\])/i;

/** Looks at one that cannot be merged: right after a push the host has not found out yet, and says the same. */
const LOOKS = 4;
const BETWEEN_LOOKS = 1_000;

/** Of a list; the host's own limit. */
const PAGE = 50;

/** Of labels, and of requests. */
const [MOST_PAGES, PAGES_OF_REQUESTS] = [100, 20];

/** Of a label that the host does not know yet. */
const COLOR = "#d93f0b";

export interface GiteaOptions {
  readonly kind: "gitea" | "forgejo";
  readonly repository: string;
  readonly from: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export function createGitea(client: HostClient, { kind, repository, from, clock, signal }: GiteaOptions): GitHost {
  const repo = `/repos/${repository.split("/").map(encodeURIComponent).join("/")}`;
  const patch = (number: number, body: object) =>
    client.call({ method: "PATCH", path: `${repo}/pulls/${number}`, body, schema: anything });
  const post = (path: string, body: object) =>
    client.call({ method: "POST", path: `${repo}${path}`, body, schema: anything });
  /** Ids of these labels, as far as the repository has them. A host may be set to shorter pages: an empty one is the end. */
  const idsOf = async (wanted: readonly string[]) => {
    const ids = new Map<string, number>();
    for (let page = 1; page <= MOST_PAGES && !wanted.every((name) => ids.has(name)); page++) {
      const found = await client.call({ path: `${repo}/labels?limit=${PAGE}&page=${page}`, schema: labelsSchema });
      if (found.length === 0) break;
      for (const { id, name } of found) ids.set(name, ids.get(name) ?? id);
    }
    return ids;
  };
  return {
    kind,
    name: kind === "gitea" ? "Gitea" : "Forgejo",
    // `WIP: ` takes its part of the 255.
    limits: { title: 250, body: 1_000_000 },
    get requests() {
      return client.requests;
    },
    find: async (branch, base) => {
      // It has no filter by branch, and gives the newest first: what is older than one that was merged says nothing any more.
      // A host may be set to shorter pages: an empty one is the end.
      const isOurs = ({ head }: z.infer<typeof pullSchema>) =>
        (head.label === branch || head.ref === branch) &&
        // A fork, of whoever it is, may have a branch of the same name.
        (head.repo?.full_name ?? from).toLowerCase() === from.toLowerCase();
      const ours: z.infer<typeof pullSchema>[] = [];
      for (let page = 1; page <= PAGES_OF_REQUESTS && !ours.some(({ merged }) => merged); page++) {
        const limits = { limit: String(PAGE), page: String(page) };
        const query = new URLSearchParams({ state: "all", base_branch: base, ...limits });
        const found = await client.call({ path: `${repo}/pulls?${query}`, schema: z.array(pullSchema) });
        if (found.length === 0) break;
        ours.push(...found.filter(isOurs));
      }
      return ours.map((pull) => ({ ...requestOf(pull), hasConflict: null })).sort((a, b) => b.number - a.number);
    },
    get: async (number, { awaitsConflict = false } = {}) => {
      for (let look = 1; ; look++) {
        const found = await client.find({ path: `${repo}/pulls/${number}`, schema: pullSchema });
        const isUnclear = found?.state === "open" && !found.mergeable && !DRAFT.test(found.title);
        if (!isUnclear || !awaitsConflict || look >= LOOKS) return found && requestOf(found);
        await clock.sleep(BETWEEN_LOOKS, signal);
      }
    },
    create: async ({ branch, base, title, body, draft }) => {
      const head = from === repository ? branch : `${from.split("/")[0]}:${branch}`;
      const given = { head, base, title: draftTitle(title, draft), body };
      return requestOf(await client.call({ method: "POST", path: `${repo}/pulls`, body: given, schema: pullSchema }));
    },
    update: async (number, { title, body, draft }) => {
      await patch(number, title === null ? { body } : { title: draftTitle(title, draft), body });
    },
    close: async (number) => {
      await patch(number, { state: "closed" });
    },
    comment: async (number, text) => {
      await post(`/issues/${number}/comments`, { body: text });
    },
    hasComment: async (number, words) => {
      // They come all at once.
      const found = await client.call({ path: `${repo}/issues/${number}/comments`, schema: commentsSchema });
      return found.some(({ body }) => body?.includes(words) === true);
    },
    label: async (number, labels) => {
      const ids = await idsOf(labels);
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
      // Of a request they come all at once.
      const set = await client.find({ path: `${repo}/issues/${number}/labels`, schema: labelsSchema });
      const id = set?.find(({ name }) => name === label)?.id;
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
    // `ref` is no branch any more once that is deleted; `label` stays, with the owner of a fork before it.
    branch: head.label.replace(/^[^:]*:/, ""),
    base: pull.base.ref,
    body: body ?? "",
    labels: (labels ?? []).map(({ name }) => name),
    isDraft: DRAFT.test(title),
    head: head.sha === "" ? null : head.sha,
    // A draft is never mergeable, whether or not there is a conflict.
    hasConflict: DRAFT.test(title) ? null : !mergeable,
    openedAt,
  };
}
