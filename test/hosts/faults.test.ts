/** What goes wrong between the agent and a host, and what is asked for only once. */

import { spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { failureOf } from "../common/failure-of.js";
import type { FakeKind } from "../fakes/git-hosts.js";
import { git, gitEnvironment } from "../fakes/git-server.js";
import { aFakeStage } from "./fake-stage.js";
import { BRANCH, cyclesOn, LABEL, RUNTIME } from "./scenarios.js";

// Each is several cycles, and each cycle a dozen processes of git.
vi.setConfig({ testTimeout: 180_000 });

const A_DAY = 24 * 60 * 60 * 1000;

/** As GitLab and Gitea do with a protected branch. */
const NO_DELETION =
  "#!/bin/sh\nwhile read old new ref; do case $ref in refs/heads/runtime-agent/*) case $new in *[!0]*) ;; *) echo 'branch is protected from deletion' >&2; exit 1;; esac;; esac; done\n";

describe("a host that does not let the agent's branch be removed", () => {
  it("is told in a note after a merge, once a day, and the branch is replaced when it is needed", async () => {
    const stage = await aFakeStage("gitlab", { server: { hook: NO_DELETION } });
    const cycle = cyclesOn(stage);
    await cycle({ a: "1" });
    await stage.merge(1);

    const merged = await cycle({ a: "1" });
    const idle = await cycle({ a: "1" });
    await stage.clock.sleep(A_DAY);
    const next = await cycle({ a: "1" });
    const later = await cycle({ a: "2" });

    expect(merged.notes).toEqual([expect.stringContaining("protected from deletion")]);
    expect([merged.result, idle.result, idle.notes, idle.calls]).toEqual(["unchanged", "unchanged", [], 0]);
    expect(next.notes).toHaveLength(1);
    expect([later.result, later.commit?.id]).toEqual(["proposed", await stage.tip(BRANCH)]);
    expect(stage.host.requests.map(({ state }) => state)).toEqual(["merged", "open"]);
  });

  it("is told in a note after a request was withdrawn, and gets the same proposal again when it is wanted again", async () => {
    const stage = await aFakeStage("gitea", { server: { hook: NO_DELETION } });
    const cycle = cyclesOn(stage);
    const first = await cycle({ a: "1" });

    const withdrawn = await cycle({});
    const idle = await cycle({});
    const again = await cycle({ a: "1" });

    expect([withdrawn.result, withdrawn.notes.length, idle.notes, idle.calls]).toEqual(["unchanged", 1, [], 0]);
    expect([again.result, again.commit?.id]).toEqual(["proposed", await stage.tip(BRANCH)]);
    expect(again.commit?.id).not.toBe(first.commit?.id);
    expect(stage.host.requests.map(({ state, comments }) => [state, comments.length])).toEqual([
      ["closed", 1],
      ["open", 0],
    ]);
  });
});

describe("a branch in the way of the agent's own", () => {
  it("stops it at once, and names both and the setting; the way is free when it is gone", async () => {
    const stage = await aFakeStage("github");
    const cycle = cyclesOn(stage);
    await stage.commit("runtime-agent", { x: "1" });

    const failure = await failureOf(cycle({ a: "1" }));
    await stage.deleteBranch("runtime-agent");
    const freed = await cycle({ a: "1" });

    expect(failure).toMatchObject({ code: "RepositoryRefused", retryable: false });
    expect(failure.message).toContain("the branch runtime-agent stands in the way");
    expect(failure.hint).toContain("pullRequest.branch");
    expect(freed.result).toBe("proposed");
  });

  it("may be one that a hook guards: the mend is about the agent's own branch, never git.branch", async () => {
    const stage = await aFakeStage("gitlab", { server: { hook: "#!/bin/sh\necho 'No force push.' >&2\nexit 1\n" } });

    const failure = await failureOf(cyclesOn(stage)({ a: "1" }));

    expect(failure).toMatchObject({ code: "RepositoryRefused", message: expect.stringContaining("No force push.") });
    expect(failure.hint).toContain("pullRequest.branch");
    expect(failure.hint).not.toContain("git.branch");
  });
});

describe("a request that the agent closed itself", () => {
  it("is no person's refusal: the same is proposed again when it is wanted again", async () => {
    const stage = await aFakeStage("github");
    const cycle = cyclesOn(stage);
    await cycle({ a: "1" });
    await cycle({});

    const again = await cycle({ a: "1" });

    expect([again.result, again.pullRequest?.number]).toEqual(["proposed", 2]);
  });

  it("gets its note once, however often closing it fails", async () => {
    const stage = await aFakeStage("github");
    const cycle = cyclesOn(stage);
    await cycle({ a: "1" });
    for (let round = 0; round < 3; round++) stage.host.answers.push({ method: "PATCH", path: /pulls/, status: 503 });

    const failures = [await failureOf(cycle({})), await failureOf(cycle({})), await failureOf(cycle({}))];
    const { result } = await cycle({});

    expect(failures.map(({ code }) => code)).toEqual(["ServerError", "ServerError", "ServerError"]);
    expect(result).toBe("unchanged");
    expect(stage.host.requests).toMatchObject([{ state: "closed", comments: [expect.anything()] }]);
  });
});

describe("what is asked for beside the request", () => {
  const settings = { labels: ["compass"], reviewers: ["ada"], autoMerge: true };

  it("is done by the next cycle when the host fails in between", async () => {
    const stage = await aFakeStage("github");
    const cycle = cyclesOn(stage);
    stage.host.answers.push({ method: "POST", path: /labels$/, status: 503 });

    const first = await cycle({ a: "1" }, { settings });
    const second = await cycle({ a: "1" }, { settings });
    const calls = stage.host.calls.length;
    const third = await cycle({ a: "1" }, { settings });

    expect([first.result, first.notes]).toEqual(["proposed", [expect.stringContaining("the next cycle tries again")]]);
    expect([second.notes, third.notes]).toEqual([[], []]);
    expect(stage.host.calls.slice(calls).map(({ method }) => method)).toEqual(["GET"]);
    expect(stage.host.requests).toMatchObject([{ labels: ["compass"], reviewers: ["ada"], autoMerge: true }]);
  });

  it("is done when the answer about the request itself was lost", async () => {
    const stage = await aFakeStage("github");
    const cycle = cyclesOn(stage);
    stage.host.answers.push({ method: "POST", path: /pulls$/, status: 502, afterwards: true });

    await failureOf(cycle({ a: "1" }, { settings }));
    await cycle({ a: "1" }, { settings });

    expect(stage.host.requests).toMatchObject([{ labels: ["compass"], reviewers: ["ada"], autoMerge: true }]);
  });

  it("is given up after five cycles, and the note says so", async () => {
    const stage = await aFakeStage("github");
    const cycle = cyclesOn(stage);
    for (let round = 0; round < 9; round++) stage.host.answers.push({ method: "POST", path: /labels$/, status: 503 });

    const notes = [];
    for (let round = 0; round < 6; round++) notes.push((await cycle({ a: "1" }, { settings })).notes.join());

    expect(notes.map((note) => /tries again/.test(note))).toEqual([true, true, true, true, false, false]);
    expect([notes[4], notes[5]]).toEqual([expect.stringContaining("pullRequest.labels is not done:"), ""]);
    expect(stage.host.requests[0]?.reviewers).toEqual(["ada"]);
  });

  it("and is unknown to GitLab is named, and the others are set", async () => {
    const stage = await aFakeStage("gitlab");
    const unknown = { labels: ["a, b", "c"], reviewers: ["ada", "nobody"] };

    const { notes } = await cyclesOn(stage)({ a: "1" }, { settings: unknown });

    expect(notes).toEqual([expect.stringContaining('"a, b"'), expect.stringContaining('"nobody"')]);
    expect(stage.host.requests).toMatchObject([{ labels: ["c"], reviewers: ["user 42"] }]);
  });
});

describe("a person's commit on the branch", () => {
  it.each<[string, number, Record<string, string>]>([
    ["fails", 503, {}],
    ["limits for long", 403, { "retry-after": "600" }],
  ])("gets one note where the host %s before the label is set", async (_what, status, headers) => {
    const stage = await aFakeStage("github");
    const cycle = cyclesOn(stage);
    await cycle({ a: "1" });
    await stage.commit(BRANCH, { "notes.txt": "mine" });
    for (let round = 0; round < 3; round++) {
      stage.host.answers.push({ method: "POST", path: /labels$/, status, headers });
      await cycle({ a: "2" }).catch(() => {});
      await stage.clock.sleep(700_000);
    }

    const { result } = await cycle({ a: "2" });

    expect(result).toBe("blocked");
    expect(stage.host.requests).toMatchObject([{ comments: [expect.anything()], labels: [LABEL] }]);
  });

  it("costs two calls at most on Gitea, with a conflict, too", async () => {
    const stage = await aFakeStage("gitea");
    const cycle = cyclesOn(stage);
    await cycle({ a: "1" });
    await stage.commit(BRANCH, { "README.md": "mine\n" });
    await stage.commit("main", { "README.md": "other\n" });
    await cycle({ a: "1" });

    const { result, calls } = await cycle({ a: "1" });

    expect(result).toBe("blocked");
    expect(calls).toBeLessThanOrEqual(2);
  });
});

describe("an open request", () => {
  it.each<FakeKind>(["gitlab", "gitea", "github"])("that a person made ready stays ready: %s", async (kind) => {
    const stage = await aFakeStage(kind);
    const cycle = cyclesOn(stage);
    const settings = { draft: true };
    await cycle({ a: "1" }, { settings });
    const [request] = stage.host.requests;
    if (request === undefined) throw new TypeError("there is no request");
    const isDraft = () => request.draft || /^(?:Draft|WIP):/.test(request.title);
    const before = isDraft();
    Object.assign(request, { title: "Update Applications", draft: false });

    await cycle({ a: "2" }, { settings, body: "Other words." });
    const ready = isDraft();
    Object.assign(request, { title: `${kind === "gitea" ? "WIP" : "Draft"}: Wait`, draft: true });
    await cycle({ a: "3" }, { body: "Still others." });

    expect([before, ready, isDraft()]).toEqual([true, false, true]);
  });

  it("is found on GitLab behind the requests of others' forks with a branch of the same name", async () => {
    const stage = await aFakeStage("gitlab");
    await cyclesOn(stage)({ a: "1" });
    const [ours] = stage.host.requests;
    if (ours === undefined) throw new TypeError("there is no request");
    const theirs = (number: number) => ({ ...ours, number, from: `person-${number}/clusters` });
    stage.host.requests.push(...Array.from({ length: 25 }, (_, index) => theirs(index + 2)));
    const settings = { title: "Another" };
    await rm(join(stage.folder, `state-${RUNTIME}`), { recursive: true });

    const { result } = await cyclesOn(stage)({ a: "1" }, { settings });

    // Without its memory the branch counts as a person's; the request is seen all the same.
    expect(result).toBe("blocked");
    expect(ours.comments).toHaveLength(1);
  });

  it("gets and loses its labels beside a hundred others of a Gitea repository", async () => {
    const stage = await aFakeStage("gitea");
    const cycle = cyclesOn(stage);
    for (let index = 1; index <= 100; index++) stage.host.labels.set(`area/${index}`, index);
    stage.host.labels.set("zeta", 101).set(LABEL, 102);
    await cycle({ a: "1" }, { settings: { labels: ["zeta"] } });
    const made = stage.host.labels.size;
    await stage.commit(BRANCH, { "notes.txt": "mine" });
    await cycle({ a: "1" });
    const blocked = stage.host.requests[0]?.labels;
    await stage.commit("main", { "notes.txt": "mine" });

    const { result } = await cycle({ a: "2" });

    expect(made).toBe(102);
    expect([blocked, result, stage.host.requests[0]?.labels]).toEqual([["zeta", LABEL], "proposed", ["zeta"]]);
    expect(stage.host.labels.size).toBe(102);
  });
});

describe("a host that asks the agent to wait", () => {
  it.each<[string, number, Record<string, string>]>([
    ["a reset that no date can hold", 403, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "99999999999999999" }],
    ["a huge number of seconds", 429, { "retry-after": "99999999999999999" }],
    ["a hundred years", 429, { "retry-after": "3155760000" }],
  ])("with %s is asked again after an hour", async (_what, status, headers) => {
    const stage = await aFakeStage("github");
    const cycle = cyclesOn(stage);
    stage.host.answers.push({ method: "POST", path: /pulls$/, status, headers });

    const limited = await failureOf(cycle({ a: "1" }));
    const early = await failureOf(cycle({ a: "1" }));
    await stage.clock.sleep(60 * 60 * 1000);
    const { result } = await cycle({ a: "1" });

    expect([limited.code, early.code, result]).toEqual(["RateLimited", "RateLimited", "proposed"]);
    expect(limited.message).toContain("longer than an hour");
  });

  it("with a reset in milliseconds is left alone until then, and no longer", async () => {
    const stage = await aFakeStage("github");
    const cycle = cyclesOn(stage);
    const reset = String(stage.clock.now().getTime() + 600_000);
    const headers = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset };
    stage.host.answers.push({ method: "POST", path: /pulls$/, status: 403, headers });

    const limited = await failureOf(cycle({ a: "1" }));
    await stage.clock.sleep(601_000);

    expect([limited.code, (await cycle({ a: "1" })).result]).toEqual(["RateLimited", "proposed"]);
  });

  it("with 503 and for how long is obeyed as with 429", async () => {
    const stage = await aFakeStage("github");
    stage.host.answers.push({ status: 503, headers: { "retry-after": "25" } });

    const { result } = await cyclesOn(stage)({ a: "1" });

    expect(result).toBe("proposed");
    expect(stage.clock.slept).toContain(25_000);
  });
});

describe("a push whose answer was lost", () => {
  it("more than once is known as the agent's own whichever of them lands, and when", async () => {
    const late: (() => Promise<void>)[] = [];
    const stage = await losingPushes(2, (push, response) => {
      late.push(push);
      response.writeHead(504).end("gateway timeout");
    });
    const cycle = cyclesOn(stage);
    await failureOf(cycle({ a: "1" }));
    // Another second, another commit.
    await stage.clock.sleep(1_000);
    await failureOf(cycle({ a: "1" }));
    await late[0]?.();
    const landed = await stage.tip(BRANCH);

    const { result, commit } = await cycle({ a: "1" });

    expect(landed).not.toBeNull();
    expect([result, commit, await stage.tip(BRANCH)]).toEqual(["proposed", null, landed]);
    expect(stage.host.requests).toMatchObject([{ state: "open", comments: [], labels: [] }]);
    expect(await git(stage.repository, "rev-list", "--count", `main..${BRANCH}`)).toBe("1");
  });

  it("but which was done is seen at once", async () => {
    const stage = await losingPushes(1, (push, response) => {
      void push().then(() => response.writeHead(504).end("timeout"));
    });

    const { result, commit } = await cyclesOn(stage)({ a: "1" });

    expect([result, commit?.id]).toEqual(["proposed", await stage.tip(BRANCH)]);
  });
});

/** A stage whose first pushes are answered by the test, which has them carried out when it likes. */
async function losingPushes(many: number, lose: (push: () => Promise<void>, response: ServerResponse) => void) {
  let left = many;
  let folder = "";
  const intercept = (request: IncomingMessage, response: ServerResponse) => {
    if (left === 0 || request.method !== "POST" || !request.url?.endsWith("/git-receive-pack")) return false;
    left--;
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => lose(() => receivePack(folder, request, Buffer.concat(chunks)), response));
    return true;
  };
  const stage = await aFakeStage("github", { server: { intercept } });
  folder = stage.folder;
  return stage;
}

/** Carries a push out that nobody waits for any more. */
async function receivePack(folder: string, { url = "", headers }: IncomingMessage, body: Buffer): Promise<void> {
  const child = spawn("git", ["http-backend"], {
    env: {
      ...gitEnvironment,
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: "1",
      REQUEST_METHOD: "POST",
      PATH_INFO: new URL(url, "http://localhost").pathname,
      QUERY_STRING: "",
      CONTENT_TYPE: headers["content-type"] ?? "",
      CONTENT_LENGTH: String(body.length),
      HTTP_CONTENT_ENCODING: String(headers["content-encoding"] ?? ""),
      REMOTE_USER: "agent",
      REMOTE_ADDR: "127.0.0.1",
    },
    stdio: ["pipe", "ignore", "ignore"],
  });
  child.stdin.end(body);
  await new Promise((resolve) => child.on("close", resolve));
}
