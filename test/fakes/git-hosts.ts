/**
 * Git hosts on loopback that keep what they are told, over a real repository: GitHub (REST 2022-11-28), GitLab (v4), Gitea and
 * Forgejo (v1), as far as their API documents say what the agent relies on: states, limits, permissions, lost branches.
 */

import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { git } from "./git-server.js";

export type FakeKind = "github" | "gitlab" | "gitea" | "forgejo";

export interface FakeRequest {
  number: number;
  branch: string;
  /** The repository that the branch is in: `name`, or a fork's. */
  from: string;
  base: string;
  title: string;
  body: string;
  state: "open" | "closed" | "merged";
  draft: boolean;
  labels: string[];
  reviewers: string[];
  comments: string[];
  autoMerge: boolean;
  head: string;
}

export interface FakeCall {
  readonly method: string;
  readonly path: string;
  readonly authorization: string;
  readonly body: unknown;
}

/** Answered in place of the host's own answer, once. */
export interface FakeAnswer {
  /** @default any call */
  readonly method?: string;
  /** @default any path */
  readonly path?: RegExp;
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Carried out all the same: the answer alone is lost. @default false */
  readonly afterwards?: boolean;
}

export interface GitHostFake {
  readonly kind: FakeKind;
  readonly api: string;
  readonly calls: FakeCall[];
  readonly answers: FakeAnswer[];
  readonly requests: FakeRequest[];
  /** Known to the repository, with their ids: only on hosts where a label has to be made first. */
  readonly labels: Map<string, number>;
  merge(number: number): Promise<void>;
  close(): Promise<void>;
}

export interface GitHostFakeOptions {
  readonly kind: FakeKind;
  /** `team/clusters` */
  readonly name: string;
  /** Of the bare repository. */
  readonly repository: string;
  /** A fork, by the same token. @default none */
  readonly fork?: { readonly name: string; readonly repository: string };
  readonly token: string;
}

/** As the hosts' documents and servers have them. */
const LIMITS = {
  github: { title: 256, body: 65_536, status: 422 },
  gitlab: { title: 255, body: 1_048_576, status: 400 },
  gitea: { title: 255, body: 1_048_576, status: 422 },
  forgejo: { title: 255, body: 1_048_576, status: 422 },
};

class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly body: unknown,
  ) {
    super(String(status));
  }
}

export async function startGitHost({ kind, name, repository, fork, token }: GitHostFakeOptions): Promise<GitHostFake> {
  const requests: FakeRequest[] = [];
  const labels = new Map<string, number>();
  const calls: FakeCall[] = [];
  const answers: FakeAnswer[] = [];
  const limits = LIMITS[kind];

  const placeOf = (from: string) => (from === fork?.name ? fork.repository : from === name ? repository : null);
  const tipOf = async (branch: string, from = name) => {
    const place = placeOf(from);
    if (place === null) return null;
    return git(place, "rev-parse", "--verify", "--quiet", `refs/heads/${branch}`).catch(() => null);
  };
  /** A host has the commits of a request, wherever they come from. */
  const adopt = async ({ from, branch, number }: FakeRequest) => {
    const place = placeOf(from) ?? repository;
    await git(repository, "fetch", "--quiet", place, `+refs/heads/${branch}:refs/pull/${number}/head`);
  };
  const conflicts = async ({ base, head }: FakeRequest) =>
    git(repository, "merge-tree", "--write-tree", `refs/heads/${base}`, head).then(
      () => false,
      () => true,
    );
  /** Whether the branch has no commit that its target lacks. */
  const isWithin = async ({ branch, from, base }: Pick<FakeRequest, "branch" | "from" | "base">) => {
    const place = placeOf(from) ?? repository;
    const [head, target] = [await tipOf(branch, from), await tipOf(base)];
    if (place !== repository) await git(repository, "fetch", "--quiet", place, head ?? "");
    return git(repository, "merge-base", "--is-ancestor", head ?? "", target ?? "").then(
      () => true,
      () => false,
    );
  };
  /** What happens to a request when its branch moves or goes. */
  const refresh = async () => {
    for (const request of requests) {
      if (request.state !== "open") continue;
      const tip = await tipOf(request.branch, request.from);
      if (tip !== null) {
        if (tip !== request.head) await adopt(request);
        request.head = tip;
      } else if (placeOf(request.from) === null) continue;
      else if (kind !== "gitlab") request.state = "closed";
    }
  };
  const checkText = (text: { title?: string; body?: string }) => {
    if ((text.title?.length ?? 1) === 0) throw new Refusal(limits.status, { message: "title can't be blank" });
    if ((text.title?.length ?? 0) > limits.title || (text.body?.length ?? 0) > limits.body) {
      throw new Refusal(limits.status, { message: "Validation Failed", errors: [{ message: "is too long" }] });
    }
  };
  const create = async (
    given: Pick<FakeRequest, "branch" | "from" | "base" | "title" | "body" | "draft">,
  ): Promise<FakeRequest> => {
    checkText(given);
    const head = await tipOf(given.branch, given.from);
    if (head === null || (await tipOf(given.base)) === null) {
      const missing = { github: 422, gitlab: 400, gitea: 404, forgejo: 404 }[kind];
      throw new Refusal(missing, { message: "the branch does not exist" });
    }
    // The others open one that changes nothing.
    if (kind === "github" && (await isWithin(given))) {
      const message = `No commits between ${given.base} and ${given.branch}`;
      throw new Refusal(422, { message: "Validation Failed", errors: [{ code: "custom", message }] });
    }
    if (
      requests.some(
        ({ state, branch, from, base }) =>
          state === "open" && branch === given.branch && from === given.from && base === given.base,
      )
    ) {
      const status = { github: 422, gitlab: 409, gitea: 409, forgejo: 409 }[kind];
      throw new Refusal(status, { message: ["Another open merge request already exists for this source branch"] });
    }
    const request: FakeRequest = {
      ...given,
      number: requests.length + 1,
      state: "open",
      labels: [],
      reviewers: [],
      comments: [],
      autoMerge: false,
      head,
    };
    await adopt(request);
    requests.push(request);
    return request;
  };
  const byNumber = (text: string | undefined) => {
    const found = requests.find(({ number }) => number === Number(text));
    if (found === undefined) throw new Refusal(404, { message: "Not Found" });
    return found;
  };
  const edit = (request: FakeRequest, text: { title?: string; body?: string; state?: "closed" | "open" }) => {
    checkText(text);
    Object.assign(request, Object.fromEntries(Object.entries(text).filter(([, value]) => value !== undefined)));
  };
  const newestFirst = () => [...requests].reverse();
  const context = {
    requests,
    labels,
    create,
    byNumber,
    edit,
    conflicts,
    newestFirst,
    name,
    fork: fork?.name ?? name,
    tipOf,
  };
  const front = kind === "github" ? github(context) : kind === "gitlab" ? gitlab(context) : gitea(context);

  const serve = async (
    request: IncomingMessage,
  ): Promise<{ status: number; headers: Record<string, string>; body: unknown }> => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const method = request.method ?? "GET";
    const body = (method === "GET" || method === "DELETE" ? {} : await json(request).catch(() => ({}))) as Body;
    const path = url.pathname.slice(front.prefix.length);
    calls.push({ method, path: `${path}${url.search}`, authorization: request.headers.authorization ?? "", body });
    const index = answers.findIndex((each) => (each.method ?? method) === method && (each.path?.test(path) ?? true));
    const [forced] = index < 0 ? [] : answers.splice(index, 1);
    const told = forced && {
      status: forced.status,
      headers: { ...forced.headers },
      body: forced.body ?? { message: "forced" },
    };
    if (told !== undefined && forced?.afterwards !== true) return told;
    if (request.headers.authorization !== `Bearer ${token}`)
      return { status: 401, headers: {}, body: { message: "401 Unauthorized" } };
    await refresh();
    try {
      for (const [pattern, handle] of front.routes) {
        const match = pattern.exec(`${method} ${path}`);
        if (match === null) continue;
        const answer = await handle({ match, body, query: url.searchParams });
        return (
          told ?? { status: method === "POST" ? 201 : answer === undefined ? 204 : 200, headers: {}, body: answer }
        );
      }
      return { status: 404, headers: {}, body: { message: "Not Found" } };
    } catch (thrown) {
      if (thrown instanceof Refusal) return { status: thrown.status, headers: {}, body: thrown.body };
      throw thrown;
    }
  };
  const server = createServer((request, response) => {
    serve(request).then(
      ({ status, headers, body }) => {
        response.writeHead(status, { "content-type": "application/json", ...headers });
        response.end(body === undefined || status === 204 ? undefined : JSON.stringify(body));
      },
      (thrown: unknown) => {
        response.writeHead(500).end(String(thrown));
      },
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    kind,
    api: `http://127.0.0.1:${port}${front.prefix}`,
    calls,
    answers,
    requests,
    labels,
    merge: async (number) => {
      const request = byNumber(String(number));
      await refresh();
      const [base, head] = [await tipOf(request.base), request.head];
      const tree = await git(repository, "merge-tree", "--write-tree", base ?? "", head);
      const parents = ["-p", base ?? "", "-p", head];
      const commit = await git(repository, "commit-tree", tree, ...parents, "-m", `Merge #${number}`);
      await git(repository, "update-ref", `refs/heads/${request.base}`, commit);
      request.state = "merged";
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** What callers send; each route knows its own fields. */
// biome-ignore lint/suspicious/noExplicitAny: a fake reads what it is sent as the host would
type Body = any;

interface Front {
  readonly prefix: string;
  readonly routes: readonly (readonly [
    RegExp,
    (call: { match: RegExpExecArray; body: Body; query: URLSearchParams }) => unknown,
  ])[];
}

interface Context {
  readonly requests: FakeRequest[];
  readonly labels: Map<string, number>;
  create(given: Pick<FakeRequest, "branch" | "from" | "base" | "title" | "body" | "draft">): Promise<FakeRequest>;
  byNumber(text: string | undefined): FakeRequest;
  edit(request: FakeRequest, text: { title?: string; body?: string; state?: "closed" | "open" }): void;
  conflicts(request: FakeRequest): Promise<boolean>;
  newestFirst(): FakeRequest[];
  readonly name: string;
  readonly fork: string;
  tipOf(branch: string, from?: string): Promise<string | null>;
}

/** A host gives a list in pages, the longest of which are its own choice. */
function paged<T>(all: readonly T[], query: URLSearchParams, size: string, longest = 50): T[] {
  const length = Math.min(Number(query.get(size) ?? 20), longest);
  const page = Number(query.get("page") ?? 1);
  return all.slice((page - 1) * length, page * length);
}

const OPENED = "2026-03-01T12:00:00Z";

/** `owner:branch` is a fork's, `branch` the repository's own. */
function sourceOf(head: string, { name, fork }: Pick<Context, "name" | "fork">): { branch: string; from: string } {
  const [, owner, branch] = /^([^:]+):(.*)$/.exec(head) ?? [];
  if (owner === undefined || branch === undefined) return { branch: head, from: name };
  return { branch, from: [fork, name].find((each) => each.startsWith(`${owner}/`)) ?? "" };
}

function github({ create, byNumber, edit, conflicts, newestFirst, name, fork, requests }: Context): Front {
  const show = async (request: FakeRequest, isSingle: boolean) => ({
    number: request.number,
    node_id: `PR_${request.number}`,
    html_url: `https://github.example.com/${name}/pull/${request.number}`,
    state: request.state === "open" ? "open" : "closed",
    merged_at: request.state === "merged" ? OPENED : null,
    title: request.title,
    body: request.body === "" ? null : request.body,
    draft: request.draft,
    labels: request.labels.map((label) => ({ name: label })),
    head: { ref: request.branch, sha: request.head, repo: { full_name: request.from } },
    base: { ref: request.base },
    created_at: OPENED,
    ...(isSingle && request.state === "open"
      ? { mergeable: !(await conflicts(request)), mergeable_state: (await conflicts(request)) ? "dirty" : "clean" }
      : {}),
  });
  const repo = `/repos/${name}`;
  return {
    prefix: "",
    routes: [
      [
        new RegExp(`^GET ${repo}/pulls$`),
        async ({ query }) => {
          const [owner, branch] = (query.get("head") ?? ":").split(/:(.*)/);
          // A head without an owner is ignored by GitHub, which then gives everybody's.
          const isTold = branch !== undefined && branch !== "";
          const found = newestFirst().filter(
            (each) => !isTold || (each.branch === branch && each.from.startsWith(`${owner}/`)),
          );
          const wanted = found.filter((each) => each.base === (query.get("base") ?? each.base));
          return Promise.all(paged(wanted, query, "per_page").map((each) => show(each, false)));
        },
      ],
      [new RegExp(`^GET ${repo}/pulls/(\\d+)$`), ({ match }) => show(byNumber(match[1]), true)],
      [
        new RegExp(`^POST ${repo}/pulls$`),
        async ({ body: { head, head_repo: repository, base, title, body, draft } }) => {
          const source = sourceOf(head, { name, fork });
          if (repository !== undefined && repository !== source.from.split("/")[1]) throw new Refusal(422, {});
          return show(await create({ ...source, base, title, body, draft: draft === true }), true);
        },
      ],
      [
        new RegExp(`^PATCH ${repo}/pulls/(\\d+)$`),
        async ({ match, body: { title, body, state } }) => {
          edit(byNumber(match[1]), { title, body, state });
          return show(byNumber(match[1]), true);
        },
      ],
      [
        new RegExp(`^GET ${repo}/issues/(\\d+)/comments$`),
        ({ match, query }) =>
          paged(
            byNumber(match[1]).comments.map((body) => ({ body })),
            query,
            "per_page",
            100,
          ),
      ],
      [
        new RegExp(`^POST ${repo}/issues/(\\d+)/comments$`),
        ({ match, body }) => ({ id: byNumber(match[1]).comments.push(body.body) }),
      ],
      [
        new RegExp(`^POST ${repo}/issues/(\\d+)/labels$`),
        ({ match, body }) => {
          const request = byNumber(match[1]);
          request.labels = [...new Set([...request.labels, ...body.labels])];
          return request.labels.map((label) => ({ name: label }));
        },
      ],
      [
        new RegExp(`^DELETE ${repo}/issues/(\\d+)/labels/(.+)$`),
        ({ match }) => {
          const request = byNumber(match[1]);
          request.labels = request.labels.filter((label) => label !== decodeURIComponent(match[2] ?? ""));
          return [];
        },
      ],
      [
        new RegExp(`^POST ${repo}/pulls/(\\d+)/requested_reviewers$`),
        ({ match, body: { reviewers = [], team_reviewers: teams = [] } }) => {
          byNumber(match[1]).reviewers.push(...reviewers, ...teams.map((team: string) => `team ${team}`));
          return {};
        },
      ],
      [
        /^POST \/graphql$/,
        ({ body }) => {
          const found = requests.find(({ number }) => `PR_${number}` === body.variables.id);
          if (found === undefined || !/enablePullRequestAutoMerge/.test(body.query))
            return { errors: [{ message: "no" }] };
          found.autoMerge = true;
          return { data: {} };
        },
      ],
    ],
  };
}

function gitlab({ create, byNumber, edit, conflicts, newestFirst, name, fork }: Context): Front {
  const ids = new Map([...new Set([name, fork])].map((each, index) => [each, 7 + index]));
  const show = async (request: FakeRequest) => ({
    iid: request.number,
    id: 1_000 + request.number,
    web_url: `https://gitlab.example.com/${name}/-/merge_requests/${request.number}`,
    state: request.state === "open" ? "opened" : request.state,
    title: request.title,
    description: request.body === "" ? null : request.body,
    labels: request.labels,
    sha: request.head,
    draft: /^Draft:/.test(request.title),
    source_branch: request.branch,
    target_branch: request.base,
    source_project_id: ids.get(request.from) ?? 99,
    target_project_id: ids.get(name),
    has_conflicts: request.state === "open" ? await conflicts(request) : false,
    created_at: OPENED,
  });
  const project = `/projects/${encodeURIComponent(name)}`;
  return {
    prefix: "/api/v4",
    routes: [
      [
        new RegExp(`^GET ${project}/merge_requests$`),
        ({ query }) =>
          Promise.all(
            paged(
              newestFirst()
                .filter((each) => each.branch === (query.get("source_branch") ?? each.branch))
                .filter((each) => each.base === (query.get("target_branch") ?? each.base)),
              query,
              "per_page",
            ).map(show),
          ),
      ],
      [new RegExp(`^GET ${project}/merge_requests/(\\d+)$`), ({ match }) => show(byNumber(match[1]))],
      [
        /^GET \/projects\/([^/]+)$/,
        ({ match }) => {
          const id = ids.get(decodeURIComponent(match[1] ?? ""));
          if (id === undefined) throw new Refusal(404, { message: "404 Project Not Found" });
          return { id };
        },
      ],
      [
        // Posted at the project that has the branch, for another one by its id.
        /^POST \/projects\/([^/]+)\/merge_requests$/,
        async ({ match, body }) => {
          const from = decodeURIComponent(match[1] ?? "");
          const { source_branch: branch, target_branch: base, target_project_id: target, title, description } = body;
          if ((target ?? ids.get(from)) !== ids.get(name)) throw new Refusal(404, { message: "404 Not Found" });
          return show(await create({ branch, from, base, title, body: description, draft: /^Draft:/.test(title) }));
        },
      ],
      [
        new RegExp(`^PUT ${project}/merge_requests/(\\d+)/merge$`),
        ({ match, body }) => {
          byNumber(match[1]).autoMerge = body.auto_merge === true;
          return show(byNumber(match[1]));
        },
      ],
      [
        new RegExp(`^PUT ${project}/merge_requests/(\\d+)$`),
        ({ match, body }) => {
          const request = byNumber(match[1]);
          edit(request, {
            title: body.title,
            body: body.description,
            ...(body.state_event === "close" ? { state: "closed" as const } : {}),
          });
          const added = (body.add_labels ?? "").split(",").filter((label: string) => label !== "");
          request.labels = [...new Set([...request.labels, ...added])].filter((label) => label !== body.remove_labels);
          if (body.reviewer_ids !== undefined) request.reviewers = body.reviewer_ids.map((id: number) => `user ${id}`);
          return show(request);
        },
      ],
      [
        new RegExp(`^GET ${project}/merge_requests/(\\d+)/notes$`),
        ({ match, query }) =>
          paged(
            byNumber(match[1])
              .comments.map((body) => ({ body }))
              .reverse(),
            query,
            "per_page",
            100,
          ),
      ],
      [
        new RegExp(`^POST ${project}/merge_requests/(\\d+)/notes$`),
        ({ match, body }) => ({ id: byNumber(match[1]).comments.push(body.body) }),
      ],
      [/^GET \/users$/, ({ query }) => (query.get("username") === "ada" ? [{ id: 42, username: "ada" }] : [])],
    ],
  };
}

function gitea({ labels, create, byNumber, edit, conflicts, newestFirst, name, fork, tipOf }: Context): Front {
  const show = async (request: FakeRequest) => ({
    number: request.number,
    html_url: `https://gitea.example.com/${name}/pulls/${request.number}`,
    state: request.state === "open" ? "open" : "closed",
    merged: request.state === "merged",
    title: request.title,
    body: request.body,
    labels: request.labels.map((label) => ({ id: labels.get(label), name: label })),
    head: {
      label: request.branch,
      ref: (await tipOf(request.branch, request.from)) === null ? `refs/pull/${request.number}/head` : request.branch,
      sha: request.head,
      repo: { full_name: request.from },
    },
    base: { ref: request.base },
    mergeable: request.state === "open" && !/^WIP:/.test(request.title) && !(await conflicts(request)),
    created_at: OPENED,
  });
  const repo = `/repos/${name}`;
  return {
    prefix: "/api/v1",
    routes: [
      [
        new RegExp(`^GET ${repo}/pulls$`),
        // There is no filter by branch.
        ({ query }) =>
          Promise.all(
            paged(
              newestFirst().filter((each) => each.base === (query.get("base_branch") ?? each.base)),
              query,
              "limit",
            ).map(show),
          ),
      ],
      [new RegExp(`^GET ${repo}/pulls/(\\d+)$`), ({ match }) => show(byNumber(match[1]))],
      [
        new RegExp(`^POST ${repo}/pulls$`),
        async ({ body: { head, base, title, body } }) =>
          show(await create({ ...sourceOf(head, { name, fork }), base, title, body, draft: /^WIP:/.test(title) })),
      ],
      [
        new RegExp(`^PATCH ${repo}/pulls/(\\d+)$`),
        ({ match, body: { title, body, state } }) => {
          edit(byNumber(match[1]), { title, body, state });
          return show(byNumber(match[1]));
        },
      ],
      [
        new RegExp(`^GET ${repo}/issues/(\\d+)/comments$`),
        // Without pages.
        ({ match }) => byNumber(match[1]).comments.map((body) => ({ body })),
      ],
      [
        new RegExp(`^POST ${repo}/issues/(\\d+)/comments$`),
        ({ match, body }) => ({ id: byNumber(match[1]).comments.push(body.body) }),
      ],
      [
        new RegExp(`^GET ${repo}/labels$`),
        ({ query }) =>
          paged(
            [...labels].map(([label, id]) => ({ id, name: label })),
            query,
            "limit",
          ),
      ],
      [
        new RegExp(`^GET ${repo}/issues/(\\d+)/labels$`),
        ({ match }) => byNumber(match[1]).labels.map((label) => ({ id: labels.get(label), name: label })),
      ],
      [
        new RegExp(`^POST ${repo}/labels$`),
        ({ body }) => {
          labels.set(body.name, labels.size + 1);
          return { id: labels.size, name: body.name };
        },
      ],
      [
        new RegExp(`^POST ${repo}/issues/(\\d+)/labels$`),
        ({ match, body }) => {
          const request = byNumber(match[1]);
          const names = body.labels.map((id: number) => [...labels].find(([, known]) => known === id)?.[0]);
          // An unknown label is ignored.
          request.labels = [...new Set([...request.labels, ...names.filter((each?: string) => each !== undefined)])];
          return [];
        },
      ],
      [
        new RegExp(`^DELETE ${repo}/issues/(\\d+)/labels/(\\d+)$`),
        ({ match }) => {
          const request = byNumber(match[1]);
          request.labels = request.labels.filter((label) => labels.get(label) !== Number(match[2]));
          return undefined;
        },
      ],
      [
        new RegExp(`^POST ${repo}/pulls/(\\d+)/requested_reviewers$`),
        ({ match, body: { reviewers = [], team_reviewers: teams = [] } }) => {
          byNumber(match[1]).reviewers.push(...reviewers, ...teams.map((team: string) => `team ${team}`));
          return [];
        },
      ],
      [
        new RegExp(`^POST ${repo}/pulls/(\\d+)/merge$`),
        ({ match, body }) => {
          byNumber(match[1]).autoMerge = body.merge_when_checks_succeed === true;
          return {};
        },
      ],
    ],
  };
}
