import { describe, expect, it } from "vitest";
import type { HTTPClientOptions } from "../../src/adapters/http/index.js";
import type { Failure } from "../../src/common/failure.js";
import type { Fault } from "../../src/sandbox/index.js";
import { aDeadPort, aProxy } from "../adapters/http/setup.js";
import { failureOf } from "../common/failure-of.js";
import { anApplication } from "../sandbox/a-snapshot.js";
import { setFaults } from "../sandbox/compass-client.js";
import { fetching, sandboxWith } from "./setup.js";

interface Way {
  readonly faults?: readonly Fault[];
  readonly transport?: () => Promise<Partial<HTTPClientOptions>>;
  /** Director's address instead of the sandbox's. */
  readonly url?: () => Promise<string>;
}

const fault = (name: Fault["name"], more: Partial<Fault> = {}): Way => ({ faults: [{ name, ...more }] });

/** Each way in which a fetch fails, how it is told, and whether it may pass by itself. */
const ways: readonly (readonly [string, Way, string, boolean])[] = [
  ["no network", { url: async () => `https://127.0.0.1:${await aDeadPort()}/` }, "NetworkUnreachable", true],
  ["a certificate that is not trusted", fault("tls-untrusted"), "TlsUntrusted", false],
  [
    "a proxy that refuses",
    { transport: async () => ({ proxy: { https: (await aProxy({ refuse: 403 })).url, no: [] } }) },
    "ProxyFailed",
    true,
  ],
  ["HTTP 401", fault("http-401"), "CredentialsRejected", false],
  ["HTTP 429", fault("rate-limited"), "RateLimited", true],
  ["HTTP 500", fault("http-500"), "ServerError", true],
  [
    "no answer in time",
    { ...fault("slow", { delay: "PT1H" }), transport: async () => ({ timeout: 100 }) },
    "TimedOut",
    true,
  ],
  ["an operation that took Director too long", fault("http-503"), "DirectorTimedOut", true],
  ["a body that the connection cuts", fault("cut-body"), "AnswerCut", true],
  ["a body that ends too early", fault("truncated-json"), "AnswerCut", true],
  ["a body that is not JSON", fault("not-json"), "AnswerMalformed", true],
  ["an answer that is too large", { transport: async () => ({ maxBytes: 10 }) }, "AnswerTooLarge", false],
  ["HTTP 422 with code 10", fault("unprocessable"), "DirectorUnprocessable", false],
  ["an error without data", fault("graphql-error"), "DirectorRefused", true],
  ["an error with data", fault("partial-error"), "DirectorRefused", true],
  ["a code 23 without identity", fault("insufficient-scopes"), "CredentialsRejected", false],
  ["an empty HTTP 400", fault("bad-request-empty"), "CredentialsRejected", false],
  ["a code 23 with an identity", fault("missing-scope"), "DirectorRefused", false],
  ["a page size that is not allowed", fault("page-size", { limit: 0 }), "PageSizeRefused", false],
  ["a runtime that is unknown", fault("no-runtime", { match: "applicationsForRuntime" }), "RuntimeUnknown", false],
];

const told = new Map<string, Failure>();

async function failureIn({ faults = [], transport, url }: Way): Promise<Failure> {
  const sandbox = await sandboxWith([anApplication(1, { bundles: 1 })]);
  const setup = { transport: (await transport?.()) ?? {}, director: url === undefined ? {} : { url: await url() } };
  const { run } = await fetching(sandbox, { pageSize: 2, ...setup });
  await setFaults(sandbox, ...faults);
  return failureOf(run());
}

describe("a fetch that fails", () => {
  it.each(ways)("is told by its kind: %s", async (name, way, code, retryable) => {
    const failure = await failureIn(way);

    told.set(name, failure);
    expect(failure).toMatchObject({ name: "Failure", code, stage: "fetch", retryable });
  });

  it("has a mend of its own for each kind", () => {
    const mends = [...told.values()].map(({ hint }) => hint);

    expect(mends).toHaveLength(ways.length);
    expect(mends.filter((mend, index) => mends.indexOf(mend) !== index)).toEqual([]);
  });
});
