/** What changes under an open request beside what is proposed: its text, the settings, the repository, the agent's version. */

import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { failureOf } from "../common/failure-of.js";
import type { FakeKind } from "../fakes/git-hosts.js";
import { gitEnvironment } from "../fakes/git-server.js";
import { aFakeStage, type FakeStage } from "./fake-stage.js";
import { BRANCH, cyclesOn, LABEL, RUNTIME, withGit } from "./scenarios.js";

// Each is several cycles, and each cycle a dozen processes of git.
vi.setConfig({ testTimeout: 180_000 });

/** As a version left it that did not tell what a request is for. */
async function asBefore(stage: FakeStage, published: object = {}): Promise<void> {
  const file = join(stage.folder, `state-${RUNTIME}`, "memory.json");
  const memory = JSON.parse(await readFile(file, "utf8"));
  const { formerTarget: _target, ...proposal } = memory.proposal;
  const { target: _written, ...written } = proposal.written;
  await writeFile(file, JSON.stringify({ ...memory, ...published, proposal: { ...proposal, written } }));
  for (const request of stage.host.requests) request.body = request.body.replace(/ target=[0-9a-f]+ -->/, " -->");
}

describe("a merge that comes after the target was looked at", () => {
  it("sends the cycle back to the target, instead of a request that changes nothing", async () => {
    let asked: number | null = null;
    const stage = await aFakeStage("gitlab", {
      server: {
        intercept: ({ url = "" }) => {
          // The third look of a cycle, after the two for the target, is the one at the agent's branch.
          if (asked !== null && url.includes("info/refs") && ++asked === 3) mergeNow(stage);
          return false;
        },
      },
    });
    const cycle = cyclesOn(stage);
    await cycle({ a: "1" });
    asked = 0;

    const failure = await failureOf(cycle({ a: "1" }));
    const again = await cycle({ a: "1" });

    expect([failure.code, failure.retryable, again.result]).toEqual(["PushRejected", true, "unchanged"]);
    expect(stage.host.requests.map(({ state }) => state)).toEqual(["merged"]);
  });
});

/** Before the server answers. */
function mergeNow({ repository, host }: FakeStage): void {
  const run = (...args: string[]) =>
    execFileSync("git", args, { cwd: repository, env: gitEnvironment, encoding: "utf8" }).trim();
  const commit = run("commit-tree", `${BRANCH}^{tree}`, "-p", "main", "-p", BRANCH, "-m", "Merge");
  run("update-ref", "refs/heads/main", commit);
  for (const request of host.requests) request.state = "merged";
}

describe("a repository that was made anew at the same address", () => {
  it("has a person's request with the number of the agent's, which is left alone", async () => {
    const stage = await aFakeStage("github");
    const cycle = cyclesOn(stage);
    await cycle({ a: "1" });
    await stage.deleteBranch(BRANCH);
    const head = await stage.commit("feature", { "z.txt": "1" });
    const [ours] = stage.host.requests.splice(0);
    if (ours === undefined) throw new TypeError("there is no request");
    stage.host.requests.push({ ...ours, branch: "feature", title: "Mine", body: "A person's words", head });

    const { result, pullRequest } = await cycle({ a: "1" });

    expect([result, pullRequest?.number]).toEqual(["proposed", 2]);
    expect(stage.host.requests[0]).toMatchObject({
      state: "open",
      title: "Mine",
      body: "A person's words",
      comments: [],
    });
  });
});

describe("words around the agent's in the body", () => {
  const SUMMARY = "A robot's summary of this request. ".repeat(8);

  it("are no change: nothing is edited, and a refusal is known below them", async () => {
    const stage = await aFakeStage("github");
    const cycle = cyclesOn(stage);
    await cycle({ a: "1" });
    const [request] = stage.host.requests;
    if (request === undefined) throw new TypeError("there is no request");
    request.body = `${SUMMARY}\n\n${request.body}`;
    const before = stage.host.calls.length;

    const stands = await cycle({ a: "1" });
    const methods = stage.host.calls.slice(before).map(({ method }) => method);
    await stage.close(1);
    const refused = await cycle({ a: "1" });

    expect([stands.commit, methods, refused.result]).toEqual([null, ["GET"], "unchanged"]);
    expect(stage.host.requests).toHaveLength(1);
  });

  it("stay when something else is wanted, below the agent's, which are replaced", async () => {
    const stage = await aFakeStage("gitea");
    const cycle = cyclesOn(stage);
    await cycle({ a: "1" }, { body: "First words." });
    const [request] = stage.host.requests;
    if (request === undefined) throw new TypeError("there is no request");
    request.body = `${SUMMARY}\n\n${request.body}\n\nReviewed by Ada.`;

    await cycle({ a: "2" }, { body: "Second words." });
    await cycle({ a: "3" }, { body: "Third words." });

    expect(request.body).toMatch(/^<!-- runtime-agent runtime=/);
    expect(request.body.match(/A robot's|Reviewed by Ada|(?:First|Second|Third) words/g)?.slice(0, 2)).toEqual([
      "Third words",
      "A robot's",
    ]);
    expect(request.body.split("Reviewed by Ada.")).toHaveLength(2);
    expect(request.body.split(SUMMARY.trim())).toHaveLength(2);
  });

  it("go where they leave no room for the agent's", async () => {
    const stage = await aFakeStage("github");
    const cycle = cyclesOn(stage);
    await cycle({ a: "1" });
    const [request] = stage.host.requests;
    if (request === undefined) throw new TypeError("there is no request");
    request.body = `${request.body}${"x".repeat(60_000)}`;

    await cycle({ a: "2" }, { body: "Second words." });

    expect(request.body).toContain("Second words.");
    expect(request.body).not.toContain("xx");
  });
});

describe("another place for the agent's branch", () => {
  const settings = { branch: "compass/{runtime}" };
  const seen = ({ host }: FakeStage) => host.requests.map(({ state, comments }) => [state, comments.length]);

  it("closes the former request, and takes its branch away", async () => {
    const stage = await aFakeStage("gitlab");
    const cycle = cyclesOn(stage);
    await cycle({ a: "1" });

    const moved = await cycle({ a: "1" }, { settings });
    const stands = await cycle({ a: "1" }, { settings });

    expect([moved.result, moved.pullRequest?.number, moved.notes]).toEqual([
      "proposed",
      2,
      [expect.stringMatching(/1.*closed/)],
    ]);
    expect([stands.commit, stands.notes, stands.calls]).toEqual([null, [], 1]);
    expect([seen(stage), await stage.tip(BRANCH)]).toEqual([
      [
        ["closed", 1],
        ["open", 0],
      ],
      null,
    ]);
  });

  it("takes the former branch away, though the server failed when the request was closed", async () => {
    let asked: number | null = null;
    const stage = await aFakeStage("gitlab", {
      server: {
        intercept: ({ url = "" }, response) => {
          // The last look of that cycle at the branches.
          if (asked === null || !url.includes("info/refs") || ++asked !== 4) return false;
          response.writeHead(503).end();
          return true;
        },
      },
    });
    const cycle = cyclesOn(stage);
    await cycle({ a: "1" });
    asked = 0;

    const failure = await failureOf(cycle({ a: "1" }, { settings }));
    const between = [stage.host.requests[0]?.state, await stage.tip(BRANCH)];
    const { result, notes } = await cycle({ a: "1" }, { settings });

    expect([failure.retryable, between]).toEqual([true, ["closed", expect.any(String)]]);
    expect([result, notes, await stage.tip(BRANCH)]).toEqual(["proposed", [], null]);
  });

  it("closes a fork's request where proposals are made in the repository itself again", async () => {
    const stage = await aFakeStage("github", { isFork: true, server: { intercept: () => false } });
    await cyclesOn(stage)({ a: "1" });

    const { result, notes } = await cyclesOn(withGit(stage, { push: undefined }))({ a: "1" });

    expect([result, notes]).toEqual(["proposed", [expect.stringMatching(/1.*closed/)]]);
    expect(seen(stage)).toEqual([
      ["closed", 1],
      ["open", 0],
    ]);
  });

  it("leaves a former request with a person's commit to people, and names it once", async () => {
    const stage = await aFakeStage("gitea");
    const cycle = cyclesOn(stage);
    await cycle({ a: "1" });
    const theirs = await stage.commit(BRANCH, { "notes.txt": "mine" });

    const moved = await cycle({ a: "1" }, { settings });
    const stands = await cycle({ a: "1" }, { settings });

    expect([moved.result, moved.notes, stands.notes]).toEqual([
      "proposed",
      [expect.stringMatching(/1.*left open/)],
      [],
    ]);
    expect([seen(stage), await stage.tip(BRANCH)]).toEqual([
      [
        ["open", 0],
        ["open", 0],
      ],
      theirs,
    ]);
  });

  it("that is the same by another address is gone on with", async () => {
    const stage = await aFakeStage("github");
    await cyclesOn(stage)({ a: "1" });
    const { url } = stage.settings.git;

    const { result, commit, notes } = await cyclesOn(withGit(stage, { url: url.replace("127.0.0.1", "localhost") }))({
      a: "1",
    });

    expect([result, commit, notes, seen(stage)]).toEqual(["proposed", null, [], [["open", 0]]]);
  });
});

/** Two requests that people closed: the first for "1", the second for "2". */
async function refusedTwice(kind: FakeKind) {
  const stage = await aFakeStage(kind);
  const cycle = cyclesOn(stage);
  await cycle({ a: "1" });
  await stage.close(1);
  await cycle({ a: "2" });
  await stage.close(2);
  const [first] = stage.host.requests;
  if (first === undefined) throw new TypeError("there is no request");
  return { stage, cycle, first };
}

describe("a refusal", () => {
  it.each([
    ["known before", true],
    ["found out by the same cycle", false],
  ])("holds for another name of the agent's branch, too: %s", async (_, isSeen) => {
    const stage = await aFakeStage("github");
    const cycle = cyclesOn(stage);
    const settings = { branch: "compass/{runtime}" };
    await cycle({ a: "1" });
    await stage.close(1);
    if (isSeen) await cycle({ a: "1" });

    const same = [await cycle({ a: "1" }, { settings }), await cycle({ a: "1" }, { settings })];
    const other = await cycle({ a: "2" }, { settings });

    expect(same.map(({ result, pullRequest }) => [result, pullRequest?.number])).toEqual([
      ["unchanged", 1],
      ["unchanged", 1],
    ]);
    expect([other.result, other.pullRequest?.number]).toEqual(["proposed", 2]);
  });

  it("is taken back by opening the request again, with its branch as the agent once left it", async () => {
    const stage = await aFakeStage("gitea");
    const cycle = cyclesOn(stage);
    const { commit } = await cycle({ a: "1" });
    await stage.close(1);
    await cycle({ a: "1", b: "1" });
    await cycle({ a: "1" });
    await stage.reset(BRANCH, commit?.id ?? "");
    for (const request of stage.host.requests) if (request.number === 1) request.state = "open";

    const again = await cycle({ a: "1" });
    const later = await cycle({ a: "2" });

    expect([again.result, again.commit, again.pullRequest?.number]).toEqual(["proposed", null, 1]);
    expect([later.result, later.pullRequest?.number]).toEqual(["proposed", 1]);
    expect(await stage.tip(BRANCH)).toBe(later.commit?.id);
  });

  it("is found behind the requests of many others: Gitea", async () => {
    const { stage, cycle, first } = await refusedTwice("gitea");
    for (let number = 3; number < 153; number++) {
      stage.host.requests.push({ ...first, number, branch: `feature-${number}`, body: "" });
    }

    const { result, pullRequest } = await cycle({ a: "1" });

    expect([result, pullRequest?.number]).toEqual(["unchanged", 1]);
  });
});

describe("a request that a person opened from the agent's branch", () => {
  it.each<FakeKind>(["github", "gitlab", "gitea"])(
    "keeps its title and words, and is gone on with: %s",
    async (kind) => {
      const { stage, cycle, first } = await refusedTwice(kind);
      const theirs = {
        ...first,
        number: 3,
        state: "open" as const,
        title: "My title",
        body: "My words.",
        comments: [],
      };
      stage.host.requests.push(theirs);

      const proposed = [await cycle({ a: "1" }), await cycle({ a: "3" })];
      await stage.close(3);
      const refused = await cycle({ a: "3" });

      expect(proposed.map(({ result, pullRequest }) => [result, pullRequest?.number])).toEqual([
        ["proposed", 3],
        ["proposed", 3],
      ]);
      expect(theirs).toMatchObject({ title: "My title", comments: [] });
      expect(theirs.body.replace(/<!--.*?-->/g, "").trim()).toBe("My words.");
      expect([refused.result, stage.host.requests.length]).toEqual(["unchanged", 3]);
    },
  );
});

describe("the same place by another address, while a person's commit is on the branch", () => {
  it("is still known: the label taken off lets the agent go on, and nothing is told twice", async () => {
    const stage = await aFakeStage("github");
    await cyclesOn(stage)({ a: "1" });
    await stage.commit(BRANCH, { "notes.txt": "mine" });
    await cyclesOn(stage)({ a: "1" });
    const { url } = stage.settings.git;
    await stage.unlabel(1, LABEL);

    const { result, notes } = await cyclesOn(withGit(stage, { url: url.replace("127.0.0.1", "localhost") }))({
      a: "1",
    });

    expect([result, notes]).toEqual(["proposed", []]);
    expect(stage.host.requests.map(({ state, comments }) => [state, comments.length])).toEqual([["open", 1]]);
  });
});

describe("a blocked branch that was deleted to let the agent go on", () => {
  it("was no refusal, later either", async () => {
    const stage = await aFakeStage("github");
    const cycle = cyclesOn(stage);
    await cycle({ a: "1" });
    await stage.commit(BRANCH, { "notes.txt": "mine" });
    await cycle({ a: "1" });
    await stage.deleteBranch(BRANCH);
    await cycle({ a: "1" });
    await cycle({ a: "2" });

    const { result, pullRequest } = await cycle({ a: "1" });

    expect([result, pullRequest?.number]).toEqual(["proposed", 2]);
    expect(stage.host.requests.map(({ state }) => state)).toEqual(["closed", "open"]);
  });
});

describe("a note of which the answer is lost", () => {
  it.each<FakeKind>(["github", "gitlab", "gitea"])("is written once, by whichever cycle: %s", async (kind) => {
    const stage = await aFakeStage(kind);
    const cycle = cyclesOn(stage);
    await cycle({ a: "1" });
    await stage.commit(BRANCH, { "notes.txt": "mine" });
    const lost = { method: "POST", path: /comments|notes/, status: 502, afterwards: true };
    stage.host.answers.push(lost, lost, lost);

    for (let round = 0; round < 3; round++) await cycle({ a: "2" }).catch(() => {});
    stage.host.answers.length = 0;
    await stage.deleteBranch(BRANCH);
    await cycle({ a: "1" });
    stage.host.answers.push(lost);
    await cycle({}).catch(() => {});
    const { result } = await cycle({});

    expect(result).toBe("unchanged");
    expect(stage.host.requests.map(({ state, comments }) => [state, comments.length])).toEqual([
      ["closed", 1],
      ["closed", 1],
    ]);
  });
});

describe("what an earlier version proposed", () => {
  it("stands, and its refusal, too; both are of the target that was configured then", async () => {
    const stage = await aFakeStage("github");
    const cycle = cyclesOn(stage);
    const elsewhere = cyclesOn(withGit(stage, { path: "clusters/right" }));
    await cycle({ a: "1" });
    await asBefore(stage);
    const before = stage.host.calls.length;

    const stands = await cycle({ a: "1" });
    const calls = stage.host.calls.slice(before).map(({ method }) => method);
    await stage.close(1);
    const refused = await cycle({ a: "1" });
    const corrected = await elsewhere({ a: "1" });

    expect([stands.result, stands.commit, calls]).toEqual(["proposed", null, ["GET"]]);
    expect([refused.result, corrected.result, corrected.pullRequest?.number]).toEqual(["unchanged", "proposed", 2]);
    expect(await stage.tip(BRANCH)).toBe(corrected.commit?.id);
  });

  it("is built anew where the version and git.path change at once", async () => {
    const stage = await aFakeStage("github");
    await cyclesOn(stage)({ a: "1" });
    const published = { target: "0123456789abcdef", serial: 1, deletions: [], applications: {}, others: {} };
    await asBefore(stage, { published });

    const { result, commit } = await cyclesOn(withGit(stage, { path: "clusters/right" }))({ a: "1" });

    expect([result, commit?.id]).toEqual(["proposed", await stage.tip(BRANCH)]);
    expect(stage.host.requests.map(({ state }) => state)).toEqual(["open"]);
  });
});
