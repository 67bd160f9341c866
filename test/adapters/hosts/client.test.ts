import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { createHostClient, LONGEST_WAIT, WRITE_PAUSE } from "../../../src/adapters/hosts/client.js";
import { waitUntil } from "../../../src/adapters/hosts/index.js";
import { createHTTPClient } from "../../../src/adapters/http/index.js";
import { Secret } from "../../../src/common/secret.js";
import { failureOf } from "../../common/failure-of.js";

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

const START = Date.parse("2026-03-01T12:00:00Z");

describe("calls of a Git host", () => {
  const server = createServer();
  let answers: Answer[] = [];
  let seen: string[] = [];
  let now = START;
  const slept: number[] = [];
  const client = () => {
    const signal = new AbortController().signal;
    const { port } = server.address() as AddressInfo;
    const http = createHTTPClient({
      stage: "publish",
      peer: "the Git host",
      timeout: 5_000,
      maxBytes: 1_000_000,
      signal,
    });
    const clock = {
      now: () => new Date(now),
      sleep: async (milliseconds: number) => {
        slept.push(milliseconds);
        now += milliseconds;
      },
    };
    const api = `http://127.0.0.1:${port}`;
    const [token, setting] = [Secret.of("ghp_secret"), "git.auth.token"];
    return createHostClient({ http, name: "GitHub", api, token, setting, headers: {}, clock, signal });
  };
  const write = (body: object) => ({ method: "POST" as const, path: "/x", body, schema: z.unknown() });
  const read = { path: "/x", schema: z.object({ n: z.number() }) };

  beforeEach(async () => {
    [answers, seen, now] = [[], [], START];
    slept.length = 0;
    server.removeAllListeners("request");
    server.on("request", (request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers.authorization}`);
      const { status, headers = {}, body = {} } = answers.shift() ?? { status: 200, body: { n: 1 } };
      request.resume();
      response.writeHead(status, headers).end(JSON.stringify(body));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });

  it("writes one thing after the other, a second apart, however it is asked", async () => {
    const calls = client();

    await Promise.all([calls.call(write({})), calls.call(write({})), calls.call(read), calls.call(write({}))]);

    expect(slept).toEqual([WRITE_PAUSE, WRITE_PAUSE]);
    expect(seen).toHaveLength(4);
  });

  it("waits as long as a limit tells, and then does it", async () => {
    answers = [{ status: 429, headers: { "retry-after": "7" } }];

    await client().call(write({}));

    expect([slept, seen.length]).toEqual([[7_000], 2]);
  });

  it.each([
    [
      "GitHub's hourly limit",
      { status: 403, headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(START / 1000 + 1_800) } },
      1_800,
    ],
    [
      "GitLab's limit",
      { status: 429, headers: { "retry-after": "600", "ratelimit-reset": String(START / 1000 + 600) } },
      600,
    ],
    [
      "a secondary limit without a time",
      { status: 403, body: { message: "You have exceeded a secondary rate limit" } },
      60,
    ],
  ])("leaves %s to a later cycle, and says when", async (_name, answer, seconds) => {
    answers = [answer];

    const failure = await failureOf(client().call(write({})));

    expect([failure.code, failure.retryable, waitUntil(failure)]).toEqual([
      "RateLimited",
      true,
      new Date(START + seconds * 1000),
    ]);
    expect([slept, seen.length]).toEqual([[], 1]);
    expect(seconds * 1000).toBeGreaterThan(LONGEST_WAIT);
  });

  it("reads again after a fault of the host, but never writes twice what may have been done", async () => {
    answers = [{ status: 502 }, { status: 503 }];
    const answer = await client().call(read);
    answers = [{ status: 502 }];
    const failure = await failureOf(client().call(write({})));

    expect([answer, failure.code, failure.retryable]).toEqual([{ n: 1 }, "ServerError", true]);
    expect(seen.map((each) => each.split(" ")[0])).toEqual(["GET", "GET", "GET", "POST"]);
  });

  it.each([
    [401, {}, { message: "Bad credentials" }, "HostAuthentication", "Bad credentials"],
    [
      403,
      { "x-accepted-github-permissions": "pull_requests=write" },
      { message: "Resource not accessible by personal access token" },
      "HostForbidden",
      "it lacks pull_requests=write",
    ],
    [403, {}, { error: "insufficient_scope", scope: "api" }, "HostForbidden", "it lacks api"],
    [
      403,
      {},
      { message: "token does not have at least one of required scope(s): [write:issue]" },
      "HostForbidden",
      "it lacks write:issue",
    ],
    [
      422,
      {},
      { message: "Validation Failed", errors: [{ message: "title is too long" }] },
      "HostRefused",
      "title is too long",
    ],
    [409, {}, { message: ["Another open merge request already exists"] }, "HostRefused", "already exists"],
  ])("tells a refusal %i %j with the host's reason", async (status, headers, body, code, words) => {
    answers = [{ status, headers: headers as Record<string, string>, body }];

    const failure = await failureOf(client().call(write({})));

    expect([failure.code, failure.retryable]).toEqual([code, false]);
    expect(failure.message).toContain(words);
  });

  it("shows no token, though the host repeats it, and sends it in a header alone", async () => {
    answers = [{ status: 401, body: { message: "the token ghp_secret is bad" } }];

    const failure = await failureOf(client().call(read));

    expect(`${failure.message} ${failure.hint}`).not.toContain("ghp_secret");
    expect(seen).toEqual(["GET /x Bearer ghp_secret"]);
  });

  it("takes nothing that is not the host's API", async () => {
    answers = [{ status: 200, body: { n: "one" } }];

    const failure = await failureOf(client().call(read));

    expect([failure.code, failure.hint.includes("pullRequest.api")]).toEqual(["AnswerMalformed", true]);
  });
});
