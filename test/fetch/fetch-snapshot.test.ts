import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { HTTPFetch } from "../../src/adapters/http/index.js";
import { formatSnapshot, parseSnapshot, type Snapshot } from "../../src/fetch/index.js";
import { type Fault, otherTenant, type Sandbox } from "../../src/sandbox/index.js";
import { failureOf, told } from "../common/failure-of.js";
import { anApplication, aSnapshot, id, write } from "../sandbox/a-snapshot.js";
import { aSandbox, control, requests, setFaults } from "../sandbox/compass-client.js";
import { fetching, sandboxWith } from "./setup.js";

/** With every value, so that two can be compared. */
const whole = (snapshot: Snapshot) => JSON.parse(formatSnapshot(snapshot, { withSecrets: true }));

const served = (sandbox: Sandbox) => parseSnapshot(readFileSync(sandbox.snapshotFile, "utf8"), "file");

const many = (count: number, sizes = {}) =>
  Array.from({ length: count }, (_, index) => anApplication(index + 1, sizes));

const count = (operations: readonly string[]) => {
  const counts: Record<string, number> = {};
  for (const operation of operations) counts[operation] = (counts[operation] ?? 0) + 1;
  return counts;
};

const APPLICATIONS = "runtime,applicationsForRuntime";

describe("a fetch", () => {
  it("gives what is served, to the last value", async () => {
    const sandbox = await aSandbox({ applications: 12 });
    const { run } = await fetching(sandbox, { pageSize: 200 });

    const snapshot = await run();

    const file = JSON.parse(readFileSync(sandbox.snapshotFile, "utf8"));
    expect(snapshot.applications.map((application) => application.id)).toEqual(
      file.applications.map((application: { id: string }) => application.id).sort(),
    );
    const secrets = file.applications
      .flatMap(({ bundles }: never) => bundles ?? [])
      .map(({ defaultInstanceAuth }: never) => (defaultInstanceAuth as { credential?: object } | null)?.credential)
      .flatMap((credential: Record<string, string> | null) => [credential?.password, credential?.clientSecret])
      .filter((value: string | undefined) => value !== undefined);
    const fetched = formatSnapshot(snapshot, { withSecrets: true });
    expect(secrets.length).toBeGreaterThan(3);
    for (const secret of secrets) expect(fetched).toContain(JSON.stringify(secret));
  });

  it.each([
    ["201 Applications by two", many(201), 2, { [APPLICATIONS]: 101 }],
    ["201 Applications by 200", many(201), 200, { [APPLICATIONS]: 2 }],
    ["201 Applications at once", many(201), 1000, { [APPLICATIONS]: 1 }],
    ["205 bundles by two", many(1, { bundles: 205 }), 2, { [APPLICATIONS]: 1, application: 102 }],
    ["205 bundles by 200", many(1, { bundles: 205 }), 200, { [APPLICATIONS]: 1, application: 1 }],
    ["205 bundles by Director's limit", many(1, { bundles: 205 }), 1000, { [APPLICATIONS]: 1, application: 1 }],
    ["205 API definitions by two", many(1, { bundles: 1, apis: 205 }), 2, { [APPLICATIONS]: 1, application: 102 }],
    ["205 API definitions by 200", many(1, { bundles: 1, apis: 205 }), 200, { [APPLICATIONS]: 1, application: 1 }],
    ["205 event definitions by two", many(1, { bundles: 1, events: 205 }), 2, { [APPLICATIONS]: 1, application: 102 }],
    ["205 event definitions by 200", many(1, { bundles: 1, events: 205 }), 200, { [APPLICATIONS]: 1, application: 1 }],
    [
      "three of all by two",
      many(3, { bundles: 3, apis: 3, events: 3 }),
      2,
      { [APPLICATIONS]: 2, application: 3 + 9 + 9 },
    ],
    [
      "three of all by one",
      many(3, { bundles: 3, apis: 3, events: 3 }),
      1,
      { [APPLICATIONS]: 3, application: 6 + 18 + 18 },
    ],
    ["two by two", many(2, { bundles: 2, apis: 2, events: 2 }), 2, { [APPLICATIONS]: 1 }],
    ["nothing", [], 2, { [APPLICATIONS]: 1 }],
  ])("reads %s to the end, in as many requests as are needed", async (_, applications, pageSize, expected) => {
    const sandbox = await sandboxWith(applications);
    const { run, asked } = await fetching(sandbox, { pageSize });

    const snapshot = await run();

    expect(whole(snapshot)).toMatchObject({ applications: whole(served(sandbox)).applications });
    expect(count(await asked())).toEqual(expected);
  });

  it("keeps the order received, in all lists", async () => {
    const reversed = many(5, { bundles: 3, apis: 3, events: 3 }).map((application) => ({
      ...application,
      bundles: application.bundles?.map((bundle) => ({
        ...bundle,
        apiDefinitions: bundle.apiDefinitions.toReversed(),
        eventDefinitions: bundle.eventDefinitions.toReversed(),
      })),
    }));
    const sandbox = await sandboxWith(reversed.toReversed());
    const { run } = await fetching(sandbox);

    const { applications } = await run();

    expect(applications.map((application) => application.id)).toEqual([5, 4, 3, 2, 1].map(id));
    expect(applications[0]?.bundles[2]?.apiDefinitions.map((one) => one.id)).toEqual([2, 1, 0].map(id));
    expect(applications[0]?.bundles[2]?.eventDefinitions.map((one) => one.id)).toEqual([2, 1, 0].map(id));
  });

  it("gives the runtime with its labels", async () => {
    const { run } = await fetching(await sandboxWith([]));

    const { runtime } = await run();

    expect(runtime).toMatchObject({
      id: id(0),
      name: "test",
      labels: { isNormalized: "true", scenarios: ["DEFAULT"] },
    });
  });

  it("takes an Application whose bundles Director does not give for one without", async () => {
    const sandbox = await sandboxWith([{ ...anApplication(1), bundles: null, auths: null }]);

    const { applications } = await (await fetching(sandbox)).run();

    expect(applications).toMatchObject([{ id: id(1), bundles: [], auths: [] }]);
  });

  it("tells how far it has come", async () => {
    const progress: [number, number][] = [];
    const onProgress = (fetched: number, total: number) => progress.push([fetched, total]);
    const { run } = await fetching(await sandboxWith(many(5)), { onProgress });

    await run();

    expect(progress).toEqual([
      [2, 5],
      [4, 5],
      [5, 5],
    ]);
  });

  it("takes credentials from the list of bundles, where they are the runtime's own", async () => {
    const sandbox = await sandboxWith(many(1, { bundles: 3, apis: 3 }));
    const { run } = await fetching(sandbox);

    const { applications } = await run();

    const passwords = applications[0]?.bundles.map(({ defaultInstanceAuth: auth }) =>
      auth?.credential?.kind === "Basic" ? auth.credential.password.reveal() : null,
    );
    expect(passwords).toEqual(["password of 0", "password of 1", "password of 2"]);
  });
});

describe("a request", () => {
  it.each([
    ["names the tenant when one is configured", "t-1"],
    ["names no tenant when none is", null],
  ])("%s", async (_, tenant) => {
    const sent: Headers[] = [];
    const between = (fetch: HTTPFetch) => (url: string | URL, init?: RequestInit) => {
      sent.push(new Headers(init?.headers));
      return fetch(url, init);
    };
    const { run } = await fetching(await sandboxWith(many(1)), { director: { tenant }, between });

    await run().catch(() => undefined);

    expect([...new Set(sent.map((headers) => headers.get("Tenant")))]).toEqual([tenant]);
  });

  it("has a number of its own that begins with the runtime", async () => {
    const sandbox = await sandboxWith(many(3));
    const { run } = await fetching(sandbox);

    await run();

    const numbers = (await requests(sandbox))
      .map(({ requestID }) => requestID)
      .filter((number) => number !== undefined);
    expect(numbers).toHaveLength(2);
    expect(new Set(numbers).size).toBe(2);
    for (const number of numbers) expect(number).toMatch(new RegExp(`^${sandbox.runtimeID}_[0-9a-f-]{36}$`));
  });

  it("is answered also without a tenant", async () => {
    const sandbox = await sandboxWith(many(1));

    const { applications } = await (await fetching(sandbox, { director: { tenant: null } })).run();

    expect(applications).toHaveLength(1);
  });
});

/** Three Applications, the first with three bundles, the first of these with three definitions of each kind. */
const landscape = () => many(3, { bundles: 3, apis: 3, events: 3 });

async function failing(fault: Fault, setup: Parameters<typeof fetching>[1] = {}) {
  const sandbox = await sandboxWith(landscape());
  const fetch = await fetching(sandbox, setup);
  await setFaults(sandbox, fault);
  return fetch;
}

describe("a fault that stays", () => {
  const leaks = /password of|Internal Server Error|Sign in|local_rate_limited|errorID|timed out"/;

  it.each<[Fault, string, boolean, number]>([
    [{ name: "http-500" }, "ServerError", true, 4],
    [{ name: "http-401" }, "CredentialsRejected", false, 1],
    [{ name: "http-403" }, "CredentialsRejected", false, 1],
    [{ name: "rate-limited" }, "RateLimited", true, 4],
    [{ name: "reset" }, "NetworkUnreachable", true, 4],
    [{ name: "cut-body" }, "AnswerCut", true, 4],
    [{ name: "truncated-json" }, "AnswerCut", true, 4],
    [{ name: "not-json" }, "AnswerMalformed", true, 4],
    [{ name: "graphql-error" }, "DirectorRefused", true, 4],
    [{ name: "graphql-error", code: 32 }, "ServerError", true, 4],
    [{ name: "graphql-error", code: 35 }, "ServerError", true, 4],
    [{ name: "partial-error" }, "DirectorRefused", true, 4],
    [{ name: "graphql-error", code: 20 }, "DirectorRefused", false, 1],
    [{ name: "graphql-error", code: 22 }, "RuntimeUnknown", false, 1],
    [{ name: "graphql-error", code: 23 }, "CredentialsRejected", false, 3],
    [{ name: "graphql-error", code: 24 }, "CredentialsRejected", false, 1],
    [{ name: "graphql-error", code: 25 }, "CredentialsRejected", false, 1],
    [{ name: "graphql-error", code: 27 }, "DirectorRefused", false, 1],
    [{ name: "insufficient-scopes" }, "CredentialsRejected", false, 3],
    [{ name: "missing-scope" }, "DirectorRefused", false, 1],
    // Two, one, and the names alone of that one.
    [{ name: "unprocessable" }, "DirectorUnprocessable", false, 3],
    [{ name: "bad-request-empty" }, "CredentialsRejected", false, 3],
    // Four attempts by two, and four by one.
    [{ name: "http-503" }, "DirectorTimedOut", true, 8],
    [{ name: "graphql-error", code: 28 }, "DirectorTimedOut", true, 8],
    [{ name: "redirect" }, "Redirected", false, 1],
    [{ name: "no-runtime" }, "RuntimeUnknown", false, 1],
    [{ name: "drop-item" }, "FetchIncomplete", true, 6],
    [{ name: "repeat-item" }, "FetchIncomplete", true, 3],
    [{ name: "wrong-total" }, "FetchIncomplete", true, 6],
    [{ name: "cursor-loop" }, "FetchIncomplete", true, 6],
    [{ name: "insert-between-pages" }, "FetchIncomplete", true, 6],
    [{ name: "delete-between-pages" }, "FetchIncomplete", true, 6],
  ])("gives no snapshot: %j is told as %s (passing: %s) after %s requests", async (fault, code, retryable, asked) => {
    const fetch = await failing(fault);

    const failure = await failureOf(fetch.run());

    expect(failure).toMatchObject({ name: "Failure", code, stage: "fetch", retryable });
    expect(failure.hint).not.toBe("");
    expect(told(failure)).not.toMatch(leaks);
    expect(await fetch.asked()).toHaveLength(asked);
  });

  const nested = (name: Fault["name"]) =>
    ["bundles", "apiDefinitions", "eventDefinitions"].map((match) => ({ name, match }));

  it.each([...nested("drop-item"), ...nested("repeat-item"), ...nested("wrong-total"), ...nested("cursor-loop")])(
    "gives no snapshot when it strikes only a list within: %j",
    async (fault) => {
      const fetch = await failing(fault);

      const failure = await failureOf(fetch.run());

      expect(failure).toMatchObject({ name: "Failure", code: "FetchIncomplete", stage: "fetch", retryable: true });
      expect(told(failure)).not.toMatch(leaks);
      expect(fetch.clock.waits).toHaveLength(2);
    },
  );

  it("gives an empty snapshot for an empty page: it is a legal answer, and held later", async () => {
    const fetch = await failing({ name: "empty-page" });

    expect((await fetch.run()).applications).toEqual([]);
  });

  it("is told as untrusted when it is about the server's certificate", async () => {
    const fetch = await failing({ name: "tls-untrusted" });

    expect(await failureOf(fetch.run())).toMatchObject({ code: "TlsUntrusted", stage: "fetch", retryable: false });
  });

  it("ends at the deadline of each call when it makes Director slow", async () => {
    const fetch = await failing({ name: "slow", delay: "PT1H" }, { transport: { timeout: 100 } });

    const failure = await failureOf(fetch.run());

    expect(failure).toMatchObject({ code: "TimedOut", retryable: true });
    expect(fetch.retries).toEqual(["TimedOut", "TimedOut", "TimedOut"]);
  });

  it("gives no snapshot when an answer is larger than allowed", async () => {
    const { run } = await fetching(await sandboxWith(landscape()), { transport: { maxBytes: 500 } });

    expect(await failureOf(run())).toMatchObject({ code: "AnswerTooLarge", retryable: false });
  });
});

describe("a fault that passes", () => {
  it.each<[Fault, readonly string[], number]>([
    [{ name: "http-500" }, ["ServerError"], 1],
    [{ name: "http-503" }, ["DirectorTimedOut"], 1],
    [{ name: "insufficient-scopes" }, ["CredentialsRejected"], 1],
    [{ name: "bad-request-empty" }, ["CredentialsRejected"], 1],
    [{ name: "truncated-json" }, ["AnswerCut"], 1],
    [{ name: "rate-limited" }, ["RateLimited"], 1],
    [{ name: "reset" }, ["NetworkUnreachable"], 1],
    [{ name: "cut-body" }, ["AnswerCut"], 1],
    [{ name: "not-json" }, ["AnswerMalformed"], 1],
    [{ name: "graphql-error" }, ["DirectorRefused"], 1],
    [{ name: "graphql-error", code: 28 }, ["DirectorTimedOut"], 1],
    [{ name: "partial-error" }, ["DirectorRefused"], 1],
    [{ name: "http-500", match: "application" }, ["ServerError"], 1],
    [{ name: "drop-item" }, [], 1],
    [{ name: "repeat-item" }, [], 1],
    [{ name: "wrong-total" }, [], 1],
    [{ name: "cursor-loop" }, [], 1],
    [{ name: "insert-between-pages" }, [], 1],
    [{ name: "delete-between-pages" }, [], 1],
    [{ name: "drop-item", match: "bundles" }, [], 1],
    [{ name: "repeat-item", match: "apiDefinitions" }, [], 1],
    [{ name: "wrong-total", match: "eventDefinitions" }, [], 1],
    [{ name: "cursor-loop", match: "eventDefinitions" }, [], 1],
  ])("costs a wait, and the snapshot is whole: %j", async (fault, retries, waits) => {
    const fetch = await failing({ ...fault, times: 1 });

    const snapshot = await fetch.run();

    expect(whole(snapshot).applications).toEqual(whole(served(fetch.sandbox)).applications);
    expect(fetch.retries).toEqual(retries);
    expect(fetch.clock.waits).toHaveLength(waits);
  });
});

describe("a change while it is read", () => {
  /** Serves something else from the moment of the first answer. */
  async function changing(applications: readonly object[], to: readonly object[]) {
    const sandbox = await sandboxWith(applications);
    let answers = 0;
    return fetching(sandbox, {
      between: (fetch) => async (url, init) => {
        const answer = await fetch(url, init);
        if (++answers === 1) write(sandbox.snapshotFile, aSnapshot(to));
        return answer;
      },
    });
  }

  const full = () => many(2, { bundles: 3, apis: 3, events: 3 });

  it.each([
    ["an Application goes before its other bundles are asked", full(), full().slice(1)],
    ["a bundle goes before its definitions are asked", many(1, { bundles: 1, apis: 3 }), many(1)],
    ["a bundle goes before its events are asked", many(1, { bundles: 1, events: 3 }), many(1)],
  ])("begins anew and gives what is there then: %s", async (_, before, later) => {
    const fetch = await changing(before, later);

    const snapshot = await fetch.run();

    expect(whole(snapshot).applications).toEqual(whole(served(fetch.sandbox)).applications);
    expect(fetch.clock.waits).toHaveLength(1);
  });
});

describe("who is not known", () => {
  it("has no list, whatever comes with it", async () => {
    const nobody = { data: [], totalCount: 0, pageInfo: { startCursor: "", endCursor: "", hasNextPage: false } };
    const data = { runtime: null, applicationsForRuntime: nobody };
    const { run } = await fetching(await sandboxWith(many(1)), {
      between: () => async () => Response.json({ data }),
    });

    expect(await failureOf(run())).toMatchObject({ code: "RuntimeUnknown", stage: "fetch", retryable: false });
  });

  it("is told: a runtime that is not registered", async () => {
    const sandbox = await sandboxWith(many(1));
    const { run } = await fetching(sandbox, { director: { runtimeID: id(999) } });

    const failure = await failureOf(run());

    expect(failure).toMatchObject({ code: "RuntimeUnknown", stage: "fetch", retryable: false });
    expect(failure.hint).toContain("runtime.id");
  });

  it("is told: a certificate that was revoked", async () => {
    const sandbox = await sandboxWith(many(1));
    const { run } = await fetching(sandbox);
    await control(sandbox, "/revoke", {});

    const failure = await failureOf(run());

    expect(failure).toMatchObject({ code: "CredentialsRejected", stage: "fetch", retryable: false });
    expect(failure.message).toContain("code 23");
  });

  it.each([
    ["another one's", otherTenant],
    ["an unknown one", "11111111-2222-4333-8444-555555555555"],
  ])("is told: a tenant that is %s", async (_, tenant) => {
    const sandbox = await sandboxWith(many(1));
    const { run } = await fetching(sandbox, { director: { tenant } });

    const failure = await failureOf(run());

    expect(failure).toMatchObject({ code: "CredentialsRejected", stage: "fetch", retryable: false });
    expect(failure.hint + failure.message).toMatch(/tenant/);
  });
});
