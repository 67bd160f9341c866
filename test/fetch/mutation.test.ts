import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HTTPFetch } from "../../src/adapters/http/index.js";
import { Failure } from "../../src/common/failure.js";
import { createDirector, fetchSnapshot, formatSnapshot, parseSnapshot } from "../../src/fetch/index.js";
import { aClock } from "../common/clock.js";
import { told } from "../common/failure-of.js";

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const page = (data: Json[]): Json => ({
  data,
  pageInfo: { endCursor: "", hasNextPage: false },
  totalCount: data.length,
});

const auth = (credential: Json): Json => ({
  credential,
  additionalHeaders: { "X-A": ["hidden-header"] },
  additionalQueryParams: null,
  requestAuth: { csrf: { tokenEndpointURL: "https://csrf/" } },
});

const bundle = (id: string, credential: Json): Json => ({
  id,
  name: "Orders",
  description: "text",
  instanceAuthRequestInputSchema: null,
  defaultInstanceAuth: auth(credential),
  apiDefinitions: page([{ id: "a-1", name: "API", targetURL: "https://api/" }]),
  eventDefinitions: page([{ id: "e-1", name: "Events" }]),
});

const application = (id: string, bundles: Json[]): Json => ({
  id,
  name: `mp-${id}`,
  description: null,
  auths: [{ id: "x" }],
  bundles: page(bundles),
});

/** What Director answers to one request for everything. */
const sound: Json = {
  data: {
    runtime: { id: "r-1", name: "runtime", labels: { isNormalized: "true" } },
    applicationsForRuntime: page([
      application("1", [
        bundle("b-1", { __typename: "BasicCredentialData", username: "hidden-user", password: "hidden-password" }),
        bundle("b-2", { __typename: "OAuthCredentialData", clientId: "hidden", clientSecret: "hidden", url: "u" }),
      ]),
      application("2", [bundle("b-3", { __typename: "CertificateOAuthCredentialData" })]),
      application("3", []),
    ]),
  },
};

/** Paths to every node. */
function paths(node: Json, here: readonly string[] = []): string[][] {
  if (typeof node !== "object" || node === null) return [[...here]];
  const below = Object.entries(node).flatMap(([name, value]) => paths(value, [...here, name]));
  return [[...here], ...below];
}

const PATHS = paths(sound);

type Change = { readonly at: readonly string[]; readonly to: Json | undefined };

/** A copy with one node replaced, or left out. */
function changed(node: Json, [name, ...rest]: readonly string[], to: Json | undefined): Json | undefined {
  if (name === undefined) return to;
  if (Array.isArray(node)) {
    const index = Number(name);
    return node.flatMap((value, at) => {
      const next = at === index ? changed(value, rest, to) : value;
      return next === undefined ? [] : [next];
    });
  }
  if (typeof node !== "object" || node === null) return node;
  const entries = Object.entries(node).flatMap(([key, value]) => {
    const next = key === name ? changed(value, rest, to) : value;
    return next === undefined ? [] : [[key, next] as const];
  });
  return Object.fromEntries(entries);
}

const odd = fc.oneof(
  fc.constant(undefined),
  fc.constantFrom<Json[]>(null, {}, [], "", "hidden", 0, -1, 1e300, true, { redacted: true }, { redacted: "hidden" }),
  fc.constantFrom(...PATHS).map((path) => path.reduce<Json>((node, name) => (node as never)[name], sound)),
  fc.json({ maxDepth: 2 }).map((text) => JSON.parse(text) as Json),
);

const change: fc.Arbitrary<Change> = fc.record({ at: fc.constantFrom(...PATHS), to: odd });

const body = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .array(change, { minLength: 1, maxLength: 3 })
      .map(
        (changes) =>
          JSON.stringify(
            changes.reduce<Json | undefined>(
              (node, { at, to }) => (node === undefined ? node : changed(node, at, to)),
              sound,
            ),
          ) ?? "",
      ),
  },
  {
    weight: 1,
    arbitrary: fc.nat(JSON.stringify(sound).length).map((length) => JSON.stringify(sound).slice(0, length)),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
);

const status = fc.oneof(
  { weight: 6, arbitrary: fc.constant(200) },
  fc.constantFrom(204, 400, 401, 403, 404, 413, 422, 429, 500, 503),
);

/** Fetches from a Director that answers this to every question. */
async function fetchFrom(answer: string, code = 200) {
  const headers = new Headers({ "content-type": "application/json" });
  const fetch: HTTPFetch = async () =>
    ({ ok: code < 300, status: code, headers, text: async () => answer }) as Response;
  const common = { clock: aClock(), signal: new AbortController().signal, runtimeID: "r-1" };
  const director = createDirector({ url: "https://director/", fetch, tenant: null, ...common });
  return fetchSnapshot({ director, pageSize: 200, ...common });
}

describe("an answer of Director that was tampered with", () => {
  it("would be taken if it had not been", async () => {
    const { applications } = await fetchFrom(JSON.stringify(sound));

    expect(applications.map(({ bundles }) => bundles.length)).toEqual([2, 1, 0]);
  });

  it("gives a snapshot or a failure, and never shows a value", async () => {
    const outcomes = { snapshot: 0, failure: 0 };

    await fc.assert(
      fc.asyncProperty(body, status, async (answer, code) => {
        try {
          const snapshot = await fetchFrom(answer, code);
          const text = formatSnapshot(snapshot, { withSecrets: true });
          expect(formatSnapshot(parseSnapshot(text, "file"), { withSecrets: true })).toBe(text);
          outcomes.snapshot++;
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Failure);
          expect(thrown).toMatchObject({ stage: "fetch" });
          expect((thrown as Failure).code).not.toBe("Internal");
          expect(told(thrown as Failure)).not.toContain("hidden");
          outcomes.failure++;
        }
      }),
      { numRuns: 2000 },
    );

    expect(outcomes.snapshot).toBeGreaterThan(50);
    expect(outcomes.failure).toBeGreaterThan(500);
  });
});
