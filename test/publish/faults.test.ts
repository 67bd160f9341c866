/** A Git server that fails at each phase: what comes of it, and that no commit is lost, doubled or left half done. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { openBase } from "../../src/base/index.js";
import { systemClock } from "../../src/common/clock.js";
import type { Failure } from "../../src/common/failure.js";
import { retry } from "../../src/common/retry.js";
import { publishCommit } from "../../src/publish/index.js";
import { agent, noon, useWorkshop } from "../adapters/git/setup.js";
import { commitAs, createBareRepository, git, startGitServer } from "../fakes/git-server.js";

const workshop = useWorkshop();
const sealKey = Buffer.alloc(32, 7);

/** Where in a cycle a request stands; git asks for branches before it pushes, too. */
const phases = {
  "the branches": ({ url = "" }) => url.includes("service=git-upload-pack"),
  "the fetch": ({ url = "", method }) => method === "POST" && url.endsWith("/git-upload-pack"),
  "the greeting before a push": ({ url = "" }) => url.includes("service=git-receive-pack"),
  "the push": ({ url = "", method }) => method === "POST" && url.endsWith("/git-receive-pack"),
} satisfies Record<string, (request: IncomingMessage) => boolean>;

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const status =
  (code: number): Answer =>
  (request, response) => {
    request.resume();
    response.writeHead(code, { "Content-Type": "text/plain" }).end("no\n");
  };

const faults: readonly (readonly [name: string, answer: Answer, code: string, retryable: boolean])[] = [
  ["answers 500", status(500), "ServerError", true],
  ["answers 429", status(429), "RateLimited", true],
  ["answers 413", status(413), "RepositoryRefused", false],
  ["answers 403", status(403), "RepositoryAuthentication|RepositoryRefused", false],
  ["hangs up", (request) => void request.socket.destroy(), "NetworkUnreachable|ServerError", true],
  [
    "cuts its answer",
    (request, response) => {
      request.resume();
      response.writeHead(200, { "Content-Type": typeOf(request), "Content-Length": "1000" });
      response.write("0008", () => request.socket.destroy());
    },
    "ServerError|NetworkUnreachable",
    true,
  ],
  // Stopped by the deadline of a call.
  ["says nothing", (request) => void request.resume(), "TimedOut", true],
];

/** As a Git server labels its answers. */
function typeOf({ url = "", method }: IncomingMessage): string {
  const service = /git-(?:upload|receive)-pack/.exec(url)?.[0];
  return `application/x-${service}-${method === "GET" ? "advertisement" : "result"}`;
}

interface Options {
  readonly phase: (request: IncomingMessage) => boolean;
  readonly answer: Answer;
  /** How often the fault comes. */
  readonly times: number;
  /** Milliseconds per call. */
  readonly timeout: number;
}

async function aServer({ phase, answer, times }: Options) {
  const path = await createBareRepository(workshop.directory, "fleet.git");
  await commitAs(path, { files: { "README.md": "theirs", "ours/a": "1" } });
  let left = times;
  const server = await startGitServer({
    directory: workshop.directory,
    intercept: (request, response) => {
      if (left === 0 || !phase(request)) return false;
      left -= 1;
      answer(request, response);
      return true;
    },
  });
  workshop.later(() => server.close());
  return { path, url: server.url("fleet.git") };
}

/** From the base to the push, as a cycle does; `attempts` as a cycle makes them. */
async function publish(url: string, { timeout }: Options, attempts: number) {
  const { signal } = new AbortController();
  return retry(
    async () => {
      const repository = await workshop.open(url, { timeout, kept: "repository-1.git" });
      let isWell = false;
      try {
        const base = await openBase({ repository, branch: "main", path: "ours", sealKey });
        const publication = await publishCommit({
          repository,
          base,
          writes: new Map([["a", Buffer.from("2")]]),
          deletes: [],
          message: "Ours",
          author: agent,
          date: noon,
          signal,
        });
        isWell = true;
        return publication;
      } finally {
        await repository.close(isWell);
      }
    },
    { clock: systemClock, signal, attempts, when: ({ retryable }) => retryable },
  );
}

const cases = Object.entries(phases).flatMap(([name, phase]) =>
  faults.map(([fault, answer, code, retryable]) => ({ name, phase, fault, answer, code, retryable })),
);

describe("a Git server that", () => {
  it.each(cases)("$fault instead of $name gives $code, and nothing is committed", async (each) => {
    const { name, phase, answer, code, retryable, fault } = each;
    const options = {
      phase,
      answer,
      times: Number.POSITIVE_INFINITY,
      timeout: fault === "says nothing" ? 1_500 : 20_000,
    };
    const { path, url } = await aServer(options);

    const failure = await publish(url, options, 1).then(
      () => null,
      (thrown: Failure) => thrown,
    );

    expect([failure?.code.match(code)?.[0], failure?.retryable]).toEqual([failure?.code, retryable]);
    expect(failure?.stage).toBe(name === "the branches" || name === "the fetch" ? "base" : "publish");
    expect(failure?.hint).not.toBe("");
    expect(await git(path, "log", "--format=%s", "main")).toBe("A person's commit");
  });

  it.each(cases.filter(({ retryable, fault }) => retryable && !["says nothing", "answers 429"].includes(fault)))(
    "$fault once instead of $name is asked again, and there is one commit",
    async ({ phase, answer }) => {
      const options = { phase, answer, times: 1, timeout: 20_000 };
      const { path, url } = await aServer(options);

      await publish(url, options, 3);
      await publish(url, options, 3);

      expect(await git(path, "log", "--format=%s", "main")).toBe("Ours\nA person's commit");
      expect(await git(path, "show", "main:ours/a")).toBe("2");
      expect(await git(path, "show", "main:README.md")).toBe("theirs");
    },
  );
});

describe("a push whose answer is lost after it was done", () => {
  it("is no second commit", async () => {
    let lost = 0;
    const path = await createBareRepository(workshop.directory, "fleet.git");
    await commitAs(path, { files: { "ours/a": "1" } });
    const server = await startGitServer({
      directory: workshop.directory,
      intercept: (request, response) => {
        if (!phases["the push"](request) || lost > 0) return false;
        lost += 1;
        // The program behind gets all of it; its answer goes nowhere.
        response.write = () => true;
        response.end = () => response.destroy();
        return false;
      },
    });
    workshop.later(() => server.close());
    const options = { phase: () => false, answer: () => {}, times: 0, timeout: 20_000 };

    await publish(server.url("fleet.git"), options, 3);

    expect(lost).toBe(1);
    expect(await git(path, "log", "--format=%s", "main")).toBe("Ours\nA person's commit");
  });
});
