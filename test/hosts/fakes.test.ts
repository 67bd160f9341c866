/** The scenarios on stateful fakes of every host, with a real Git server beside them. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { failureOf } from "../common/failure-of.js";
import type { FakeKind } from "../fakes/git-hosts.js";
import { aFakeStage, TOKEN } from "./fake-stage.js";
import { BRANCH, cyclesOn, followsOneRequest } from "./scenarios.js";

// Each is several cycles, and each cycle a dozen processes of git.
vi.setConfig({ testTimeout: 180_000 });

describe.each<FakeKind>(["github", "gitlab", "gitea", "forgejo"])("%s", (kind) => {
  followsOneRequest(() => aFakeStage(kind));
});

describe.each<FakeKind>(["github", "gitlab", "gitea", "forgejo"])("%s, from a fork", (kind) => {
  followsOneRequest(() => aFakeStage(kind, { isFork: true }));
});

describe("a host with a mind of its own", () => {
  it("is asked for nothing but to read by cycles that find nothing new, restarts between", async () => {
    const stage = await aFakeStage("github");
    const cycle = cyclesOn(stage);
    await cycle({ a: "1" });
    const [tip, before, pushed] = [await stage.tip(BRANCH), stage.host.calls.length, stage.pushes()];

    // Each reads its configuration and its state anew, as after a restart.
    const rounds = Number(process.env.RUNTIME_AGENT_CYCLES ?? 10);
    for (let round = 0; round < rounds; round++) await cycle({ a: "1" });

    const calls = stage.host.calls.slice(before);
    expect(calls.filter(({ method }) => method !== "GET")).toEqual([]);
    expect(calls.length).toBeLessThanOrEqual(2 * rounds);
    expect([await stage.tip(BRANCH), stage.pushes(), pushed]).toEqual([tip, pushed, 1]);
  }, 3_600_000);

  it("that limits for long is left alone until then, by later cycles, too", async () => {
    const stage = await aFakeStage("github");
    const cycle = cyclesOn(stage);
    stage.host.answers.push({ method: "POST", path: /pulls$/, status: 403, headers: { "retry-after": "600" } });

    const limited = await failureOf(cycle({ a: "1" }));
    const before = stage.host.calls.length;
    const early = await failureOf(cycle({ a: "1" }));
    const asked = stage.host.calls.length - before;
    await stage.clock.sleep(601_000);
    const { result, commit } = await cycle({ a: "1" });

    expect([limited.code, early.code, asked]).toEqual(["RateLimited", "RateLimited", 0]);
    // What was pushed before is not pushed again.
    expect([result, commit]).toEqual(["proposed", null]);
    expect(stage.host.requests).toHaveLength(1);
  });

  it.each<FakeKind>(["github", "gitlab", "gitea"])(
    "that made the request and lost its answer gets no second one: %s",
    async (kind) => {
      const stage = await aFakeStage(kind);
      const cycle = cyclesOn(stage);
      stage.host.answers.push({ method: "POST", path: /(?:pulls|merge_requests)$/, status: 502, afterwards: true });

      const failure = await failureOf(cycle({ a: "1" }));
      const again = await cycle({ a: "1" });

      expect([failure.code, failure.retryable]).toEqual(["ServerError", true]);
      expect([again.result, again.pullRequest?.number, stage.host.requests.length]).toEqual(["proposed", 1, 1]);
    },
  );

  it("that allows no labels is told in a note, and keeps a person's commit safe without one", async () => {
    const stage = await aFakeStage("github");
    const cycle = cyclesOn(stage);
    const refusal = { method: "POST", path: /labels$/, status: 403, body: { message: "Resource not accessible" } };
    stage.host.answers.push(refusal);
    const first = await cycle({ a: "1" }, { settings: { labels: ["compass"] } });
    const theirs = await stage.commit(BRANCH, { "notes.txt": "mine" });
    stage.host.answers.push(refusal);

    const blocked = [await cycle({ a: "2" }), await cycle({ a: "2" })];

    expect(first.notes).toEqual([expect.stringContaining("pullRequest.labels")]);
    const more = await stage.commit(BRANCH, { "notes.txt": "mine again" });
    stage.host.answers.push(refusal);
    blocked.push(await cycle({ a: "2" }));

    expect(blocked.map(({ result }) => result)).toEqual(["blocked", "blocked", "blocked"]);
    expect(more).not.toBe(theirs);
    expect([await stage.tip(BRANCH), stage.host.requests[0]?.comments.length]).toEqual([more, 1]);
  });

  it.each<FakeKind>(["github", "gitlab", "gitea"])(
    "gets labels, reviewers, draft and auto-merge in its own way: %s",
    async (kind) => {
      const stage = await aFakeStage(kind);
      const settings = { labels: ["compass"], reviewers: ["ada"], draft: true, autoMerge: true };

      const { notes } = await cyclesOn(stage)({ a: "1" }, { settings });

      expect(notes).toEqual([]);
      const reviewers = [kind === "gitlab" ? "user 42" : "ada"];
      expect(stage.host.requests).toMatchObject([{ labels: ["compass"], reviewers, draft: true, autoMerge: true }]);
      expect(stage.clock.slept.filter((each) => each === 1_000).length).toBeGreaterThanOrEqual(3);
    },
  );

  it("has a request of another runtime on the agent's branch, which is not touched", async () => {
    const stage = await aFakeStage("github");
    const cycle = cyclesOn(stage);
    const settings = { branch: "shared" };
    await cycle({ a: "1" }, { settings });
    const other = "ffffffff-6e6c-4c8a-9b0a-0123456789ab";
    const tip = await stage.tip("shared");

    const failure = await failureOf(cycle({ a: "2" }, { settings, runtimeID: other }));

    expect([failure.code, await stage.tip("shared")]).toEqual(["TwoAgents", tip]);
    expect(stage.host.requests).toHaveLength(1);
  });

  it.each([
    ["a letter beyond Latin", "the-tok\u20acn"],
    ["a control character", "the-to\u0007ken"],
  ])("is not asked with a token that no header can hold, and the setting is named: %s", async (_, token) => {
    const stage = await aFakeStage("github");
    await writeFile(join(stage.folder, "wrong"), token);

    const settings = { token: { file: join(stage.folder, "wrong") } };
    const failure = await failureOf(cyclesOn(stage)({ a: "1" }, { settings }));

    expect([failure.code, failure.stage]).toEqual(["ConfigurationInvalid", "config"]);
    expect(failure.message).toContain("pullRequest.token");
    expect(failure.message + failure.hint).not.toContain(token);
    expect(stage.host.calls).toEqual([]);
  });

  it("is never shown the token but in a header", async () => {
    const stage = await aFakeStage("gitea");
    await cyclesOn(stage)({ a: "1" });

    const shown = stage.host.calls.map(({ path, body }) => `${path} ${JSON.stringify(body)}`).join("\n");

    expect(shown).not.toContain(TOKEN);
    expect(new Set(stage.host.calls.map(({ authorization }) => authorization))).toEqual(new Set([`Bearer ${TOKEN}`]));
  });
});
