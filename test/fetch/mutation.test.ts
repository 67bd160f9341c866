import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HTTPFetch } from "../../src/adapters/http/index.js";
import { Failure } from "../../src/common/failure.js";
import { createDirector, fetchSnapshot, formatSnapshot, parseSnapshot } from "../../src/fetch/index.js";
import { aClock } from "../common/clock.js";
import { told } from "../common/failure-of.js";
import { runs, timeLimit } from "../common/property.js";

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const page = (data: Json[]): Json => ({
  data,
  pageInfo: { endCursor: "", hasNextPage: false },
  totalCount: data.length,
});

/** A page, and the one after it. */
const pages = (data: Json[], after: Json[]): [Json, Json] => {
  const totalCount = data.length + after.length;
  return [
    { data, pageInfo: { endCursor: "next", hasNextPage: true }, totalCount },
    { data: after, pageInfo: { endCursor: "", hasNextPage: false }, totalCount },
  ];
};

const auth = (credential: Json): Json => ({
  credential,
  additionalHeaders: { "X-A": ["hidden-header"] },
  additionalQueryParams: null,
  requestAuth: { csrf: { tokenEndpointURL: "https://csrf/" } },
});

const [apis, moreAPIs] = pages(
  [{ id: "a-1", name: "API", targetURL: "https://api/" }],
  [{ id: "a-2", name: "Another", targetURL: "https://api/2" }],
);
const [events, moreEvents] = pages([{ id: "e-1", name: "Events" }], [{ id: "e-2", name: "More" }]);

const bundle = (id: string, credential: Json, lists: [Json, Json] = [page([]), page([])]): Json => ({
  id,
  name: "Orders",
  description: "text",
  instanceAuthRequestInputSchema: null,
  defaultInstanceAuth: auth(credential),
  apiDefinitions: lists[0],
  eventDefinitions: lists[1],
});

const application = (id: string, bundles: Json): Json => ({
  id,
  name: `mp-${id}`,
  description: null,
  auths: [{ id: "x" }],
  bundles,
});

const [bundles, moreBundles] = pages(
  [
    bundle("b-1", { __typename: "BasicCredentialData", username: "hidden-user", password: "hidden-password" }, [
      apis,
      events,
    ]),
    bundle("b-2", { __typename: "OAuthCredentialData", clientId: "hidden", clientSecret: "hidden", url: "u" }),
  ],
  [bundle("b-3", null)],
);

/** What Director answers to any of the questions: to the first pages of everything, and to those after them. */
const sound: Json = {
  data: {
    runtime: { id: "r-1", name: "runtime", labels: { isNormalized: "true" } },
    applicationsForRuntime: page([
      application("1", bundles),
      application("2", page([bundle("b-4", { __typename: "CertificateOAuthCredentialData" })])),
      application("3", page([])),
    ]),
    application: { bundles: moreBundles, bundle: { apiDefinitions: moreAPIs, eventDefinitions: moreEvents } },
  },
};

/** Paths to every node. */
function paths(node: Json, here: readonly string[] = []): string[][] {
  if (typeof node !== "object" || node === null) return [[...here]];
  const below = Object.entries(node).flatMap(([name, value]) => paths(value, [...here, name]));
  return [[...here], ...below];
}

const PATHS = paths(sound);

/** What happens to one node: another in its place, left out, there twice, or by another name. */
interface Change {
  readonly at: readonly string[];
  readonly kind: "replaced" | "left out" | "twice" | "renamed";
  readonly to: Json;
  readonly name: string;
}

/** What stands where one node stood. */
function inPlaceOf(node: Json, { kind, to }: Pick<Change, "kind" | "to">): Json[] {
  switch (kind) {
    case "replaced":
      return [to];
    case "left out":
      return [];
    case "twice":
      return [node, node];
    case "renamed":
      return [node];
  }
}

/** A copy with that change. */
function changed(node: Json, { at: [here, ...rest], ...change }: Change): Json {
  if (here === undefined) return change.to;
  if (typeof node !== "object" || node === null) return node;
  const last = rest.length === 0;
  const below = (value: Json) => (last ? inPlaceOf(value, change) : [changed(value, { ...change, at: rest })]);
  if (Array.isArray(node)) return node.flatMap((value, index) => (String(index) === here ? below(value) : [value]));
  const entries = Object.entries(node).flatMap(([key, value]) => {
    if (key !== here) return [[key, value] as const];
    const name = last && change.kind === "renamed" ? change.name : key;
    return below(value).map((next) => [name, next] as const);
  });
  // This makes a property of its own even of `__proto__`.
  return Object.fromEntries(entries);
}

/** Stands for what `JSON.stringify` cannot write; nested as deep as it follows when it writes it again. */
const UNWRITABLE: Readonly<Record<string, string>> = {
  "(huge)": "1e400",
  "(many digits)": "9".repeat(10_000),
  "(fine)": "0.1e-400",
  "(deep list)": `${"[".repeat(10_000)}${"]".repeat(10_000)}`,
  "(deep object)": `${'{"data":'.repeat(10_000)}null${"}".repeat(10_000)}`,
  "(twice)": '{"id":"1","id":"hidden","__proto__":{"id":"hidden"}}',
};

/** JSON text, with the placeholders replaced. */
const write = (value: Json) =>
  JSON.stringify(value).replaceAll(/"(\([a-z ]+\))"/g, (whole, name) => UNWRITABLE[name] ?? whole);

const odd = fc.oneof(
  fc.constant(null),
  fc.constantFrom<Json[]>({}, [], "", "hidden", 0, -1, 1e300, true, { redacted: true }, { redacted: "hidden" }),
  fc.constantFrom(...Object.keys(UNWRITABLE)),
  // As long as one of Director's texts may be: 64 KiB.
  fc.constantFrom("x".repeat(65_536), "\ud800".repeat(5000), "\u0000", "\u001b[2Jhidden\u202e"),
  fc.constantFrom(...PATHS).map((path) => path.reduce<Json>((node, name) => (node as never)[name], sound)),
  fc.json({ maxDepth: 2 }).map((text) => JSON.parse(text) as Json),
);

const oddName = fc.constantFrom("__proto__", "constructor", "toString", "hidden", "", "ID", "__typename");

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.constantFrom(...PATHS),
  kind: fc.constantFrom("replaced", "replaced", "left out", "twice", "renamed"),
  to: odd,
  name: oddName,
});

const structure = fc
  .array(change, { minLength: 1, maxLength: 3 })
  .map((changes) => write(changes.reduce(changed, sound)));

const SOUND_BYTES = Buffer.from(JSON.stringify(sound));

/** Bytes that JSON, UTF-8 or a decoder may stumble over, and any others. */
const foreignBytes = fc.oneof(
  fc
    .constantFrom('"', "{", "}", "[", ",", "\\", "\\u0000", "\\ud800", "\ufeff", "null", "1e999")
    .map((text) => Buffer.from(text)),
  fc
    .constantFrom([0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82], [0])
    .map((list) => Buffer.from(list)),
  fc.uint8Array({ maxLength: 20 }).map((list) => Buffer.from(list)),
);

/** Bytes at one place flipped, left out, replaced or put between; or everything after it cut. */
const byteChange = fc.record({
  kind: fc.constantFrom("flip", "remove", "insert", "replace", "cut"),
  at: fc.nat(SOUND_BYTES.length - 1),
  bit: fc.nat(7),
  length: fc.integer({ min: 1, max: 40 }),
  foreign: foreignBytes,
});

const bytes = fc.array(byteChange, { minLength: 1, maxLength: 4 }).map((changes) =>
  changes.reduce((text, { kind, at, bit, length, foreign }) => {
    const [before, after] = [text.subarray(0, at), text.subarray(at)];
    switch (kind) {
      case "flip":
        return Buffer.concat([before, after.subarray(0, 1).map((byte) => byte ^ (1 << bit)), after.subarray(1)]);
      case "remove":
        return Buffer.concat([before, after.subarray(length)]);
      case "insert":
        return Buffer.concat([before, foreign, after]);
      case "replace":
        return Buffer.concat([before, foreign, after.subarray(foreign.length)]);
      default:
        return before;
    }
  }, SOUND_BYTES),
);

const body: fc.Arbitrary<string | Buffer> = fc.oneof(
  { weight: 6, arbitrary: structure },
  { weight: 4, arbitrary: bytes },
  { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
);

const status = fc.oneof(
  { weight: 20, arbitrary: fc.constant(200) },
  fc.constantFrom(204, 400, 401, 403, 404, 413, 422, 429, 500, 503),
);

/** Fetches from a Director that answers this to every question. */
async function fetchFrom(answer: string | Buffer, status = 200) {
  const headers = { "content-type": "application/json" };
  const empty = status === 204 || status === 304;
  const fetch = (async () => new Response(empty ? null : answer, { status, headers })) as unknown as HTTPFetch;
  const common = { clock: aClock(), signal: new AbortController().signal, runtimeID: "r-1" };
  const director = createDirector({ url: "https://director/", fetch, tenant: null, ...common });
  return fetchSnapshot({ director, pageSize: 200, ...common });
}

/** Half a minute on two cores. */
const RUNS = 50_000;

/** Milliseconds for one answer: retries and all, since the clock of the test does not wait. */
const LONGEST = 1000;

describe("an answer of Director that was tampered with", () => {
  it("would be taken if it had not been", async () => {
    const { applications } = await fetchFrom(JSON.stringify(sound));

    expect(applications.map((each) => each.bundles.length)).toEqual([3, 1, 0]);
    expect(applications[0]?.bundles.map((each) => each.apiDefinitions.length)).toEqual([2, 0, 0]);
  });

  it(
    "gives a snapshot or a failure in less than a second, and never shows a value",
    async () => {
      const { numRuns, ...rest } = runs(RUNS);
      const outcomes = { snapshot: 0, failure: 0 };
      let longest = 0;

      await fc.assert(
        fc.asyncProperty(body, status, async (answer, code) => {
          const begin = performance.now();
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
          const took = performance.now() - begin;
          longest = Math.max(longest, took);
          expect(took).toBeLessThan(LONGEST);
        }),
        { ...rest, numRuns },
      );

      // A test whose answers were all refused at the first glance, or all taken, would prove little.
      expect(outcomes.snapshot).toBeGreaterThan(numRuns / 50);
      expect(outcomes.failure).toBeGreaterThan(numRuns / 5);
    },
    timeLimit(RUNS, 5),
  );
});
