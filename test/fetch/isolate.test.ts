import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HTTPFetch } from "../../src/adapters/http/index.js";
import type { Page } from "../../src/fetch/answers.js";
import type { Snapshot } from "../../src/fetch/index.js";
import { isolate } from "../../src/fetch/isolate.js";
import { allPages } from "../../src/fetch/pages.js";
import { refusal } from "../../src/fetch/refusals.js";
import { failureOf, told } from "../common/failure-of.js";
import { aBundle, anApplication, aSnapshot, id, write } from "../sandbox/a-snapshot.js";
import { setFaults } from "../sandbox/compass-client.js";
import { fetching, sandboxWith } from "./setup.js";

const unprocessable = () =>
  refusal("Applications", { kind: "errors", status: 422, partial: false, errors: [{ message: "", code: 10 }] });

interface Item {
  readonly id: string;
  readonly name: string;
  readonly whole?: true;
}

const firstOnes = (count: number) => new Set(Array.from({ length: count }, (_, number) => number));

/** A list whose items of these numbers cannot be written, read to the end. */
async function reading(count: number, bad: ReadonlySet<number>, pageSize: number, asked: string[] = []) {
  const cut = (first: number, after: string | null): Page<Item> => {
    const from = Number(after ?? 0);
    const data = Array.from({ length: Math.min(first, count - from) }, (_, index) => from + index);
    const end = from + data.length;
    return {
      data: data.map((number) => ({ id: String(number), name: `n-${number}` })),
      pageInfo: { endCursor: end < count ? String(end) : "", hasNextPage: end < count },
      totalCount: count,
    };
  };
  const next = isolate<Item>({
    pageSize,
    whole: async (first, after) => {
      asked.push(`${after ?? 0}+${first}`);
      const page = cut(first, after);
      if (page.data.some((item) => bad.has(Number(item.id)))) throw unprocessable();
      return { ...page, data: page.data.map((item) => ({ ...item, whole: true })) };
    },
    skeleton: async (first, after) => {
      asked.push(first === 1 ? `${after ?? 0} skeleton` : `${after ?? 0}+${first} skeletons`);
      return cut(first, after);
    },
  });
  const items: readonly Item[] = await allPages("things", await next(null), next);
  const numbers = (whole: boolean) =>
    items.filter((item) => (item.whole === true) === whole).map((item) => Number(item.id));
  return { asked, readable: numbers(true), unreadable: numbers(false) };
}

describe("narrowing", () => {
  it.each([
    [0, 17],
    [50, 17],
    [63, 17],
    [100, 16],
    [127, 16],
    [199, 10],
  ])(
    "finds the one that cannot be written, number %s of a page of 200, in %s requests for all",
    async (bad, requests) => {
      const { asked, readable, unreadable } = await reading(200, new Set([bad]), 200);

      expect(unreadable).toEqual([bad]);
      expect(readable).toHaveLength(199);
      expect(asked).toHaveLength(requests);
    },
  );

  it("halves from the same cursor, asks the last one for less, and doubles again", async () => {
    const { asked } = await reading(16, new Set([1]), 8);

    expect(asked).toEqual(["0+8", "0+4", "0+2", "0+1", "1+1", "1 skeleton", "2+2", "4+4", "8+8"]);
  });

  it("asks nothing more than the pages when all can be read", async () => {
    expect((await reading(5, new Set(), 2)).asked).toEqual(["0+2", "2+2", "4+2"]);
  });

  it("gives each item once and in order, whichever cannot be written", async () => {
    const lists = fc.record({
      count: fc.integer({ min: 1, max: 60 }),
      // So many at the beginning, and more anywhere.
      first: fc.nat({ max: 30 }),
      more: fc.uniqueArray(fc.nat({ max: 59 }), { maxLength: 20 }),
      pageSize: fc.integer({ min: 1, max: 70 }),
    });

    await fc.assert(
      fc.asyncProperty(lists, async ({ count, first, more, pageSize }) => {
        const bad = [...new Set([...firstOnes(first), ...more])];
        // Where not one can be read, it is the query.
        fc.pre(count < 10 || bad.filter((number) => number < count).length < count);
        const { asked, readable, unreadable } = await reading(count, new Set(bad), pageSize);
        const expected = Array.from({ length: count }, (_, number) => number);

        expect(unreadable).toEqual(expected.filter((number) => bad.includes(number)));
        expect(readable).toEqual(expected.filter((number) => !bad.includes(number)));
        const pages = Math.ceil(count / pageSize);
        const depth = Math.ceil(Math.log2(pageSize)) + 1;
        expect(asked.length).toBeLessThanOrEqual(2 * pages + 20 + unreadable.length * (5 + 2 * depth));
      }),
    );
  });

  it.each([10, 12, 19, 28, 98, 109])("goes on when the first %s of 110 cannot be written", async (count) => {
    const { readable, unreadable } = await reading(110, firstOnes(count), 200);

    expect(unreadable).toEqual([...firstOnes(count)]);
    expect(readable).toHaveLength(110 - count);
  });

  it("looks for one that can be written a hundredth of the rest apart, once", async () => {
    const { asked } = await reading(510, firstOnes(25), 4);

    const from = asked.indexOf("9 skeleton") + 1;
    expect(asked.slice(from, from + 9)).toEqual([
      ...["10+1", "10+4 skeletons", "14 skeleton"],
      ...["15+1", "15+4 skeletons", "19 skeleton"],
      ...["20+1", "20+4 skeletons", "24 skeleton"],
    ]);
    expect(asked.slice(from + 9, from + 11)).toEqual(["25+1", "10+2"]);
  });

  it.each([10, 11, 40, 110, 1_000])(
    "is given up when none of %s can be written: then it is the query",
    async (count) => {
      const asked: string[] = [];

      const failure = await failureOf(reading(count, firstOnes(count), 8, asked));

      expect(failure).toMatchObject({ code: "DirectorUnprocessable" });
      expect(asked.length).toBeLessThanOrEqual(4 + 3 * 10 + 200 + (5 * count) / 8);
    },
  );

  it("is told as what it is when something else fails while one is looked for", async () => {
    const outage = refusal("Applications", { kind: "status", status: 503, empty: true, timedOut: false });
    const page = { data: [{ id: "1", name: "n-1" }], pageInfo: { endCursor: "on", hasNextPage: true }, totalCount: 40 };
    let asked = 0;
    const next = isolate<Item>({
      pageSize: 1,
      whole: () => Promise.reject(++asked > 10 ? outage : unprocessable()),
      skeleton: async () => page,
    });

    for (let time = 0; time < 9; time++) await next(null);
    expect(await failureOf(next(null))).toBe(outage);
  });

  it("is no endless question where the list pages wrongly", async () => {
    const item = { id: "1", name: "n-1" };
    const page = { data: [item], pageInfo: { endCursor: "again", hasNextPage: true }, totalCount: 1_000_000 };
    let asked = 0;
    const next = isolate<Item>({
      pageSize: 1,
      whole: () => Promise.reject(unprocessable()),
      skeleton: async () => {
        asked += 1;
        return page;
      },
    });

    for (let time = 0; time < 10; time++) expect(await next("again")).toEqual(page);
    expect(asked).toBe(11);
  });

  it("looks for none where one before them could be written", async () => {
    const bad = new Set(Array.from({ length: 20 }, (_, index) => index + 10));

    const { asked, unreadable } = await reading(110, bad, 10);

    expect(unreadable).toEqual([...bad]);
    expect(asked.filter((each) => each.includes("skeleton"))).toHaveLength(20);
  });

  it("goes on when nine cannot be written and the tenth can", async () => {
    expect((await reading(40, firstOnes(9), 8)).unreadable).toHaveLength(9);
  });
});

const many = (count: number) => Array.from({ length: count }, (_, index) => anApplication(index + 1, { bundles: 1 }));

const ids = ({ applications }: Snapshot) => applications.map((application) => application.id);

describe("narrowing after any other failure", () => {
  it.each([1, 200])(
    "does not happen, since that says nothing of an Application: from a page of %s",
    async (pageSize) => {
      const outage = refusal("Applications", { kind: "status", status: 503, empty: true, timedOut: false });
      const asked: string[] = [];
      const page = { data: [{ id: "1", name: "n-1" }], pageInfo: { endCursor: "", hasNextPage: false }, totalCount: 1 };
      const next = isolate<Item>({
        pageSize,
        whole: async (first) => {
          asked.push(`whole ${first}`);
          throw outage;
        },
        skeleton: async () => {
          asked.push("skeleton");
          return page;
        },
      });

      expect(await failureOf(next(null))).toBe(outage);
      expect(asked).toEqual([`whole ${pageSize}`]);
    },
  );
});

describe("an Application that Director cannot write", () => {
  it("is named, and all others are read", async () => {
    const sandbox = await sandboxWith(many(21));
    const { run, asked } = await fetching(sandbox, { pageSize: 8 });
    await setFaults(sandbox, { name: "unprocessable", application: id(11) });

    const snapshot = await run();

    expect(snapshot.unreadable).toEqual([{ id: id(11), name: "mp-11" }]);
    expect(ids(snapshot)).toEqual(
      many(21)
        .map((one) => one.id)
        .filter((one) => one !== id(11)),
    );
    expect(await asked()).toHaveLength(9);
  });

  it("is found by what it holds: control characters in a schema", async () => {
    const bad = { ...anApplication(2), bundles: [{ ...aBundle(7), instanceAuthRequestInputSchema: "\u0007" }] };
    const { run } = await fetching(await sandboxWith([anApplication(1), bad, anApplication(3)]), { pageSize: 200 });

    const snapshot = await run();

    expect(snapshot.unreadable).toEqual([{ id: id(2), name: "mp-2" }]);
    expect(ids(snapshot)).toEqual([id(1), id(3)]);
  });

  it("may be the only one", async () => {
    const sandbox = await sandboxWith(many(1));
    const { run } = await fetching(sandbox, { pageSize: 200 });
    await setFaults(sandbox, { name: "unprocessable", application: "mp-1" });

    expect(await run()).toMatchObject({
      runtime: { id: id(0), name: "test" },
      applications: [],
      unreadable: [{ id: id(1), name: "mp-1" }],
    });
  });

  it.each<[string, object, string]>([
    ["bundles", { bundles: 3 }, "Bundles"],
    ["API definitions", { bundles: 1, apis: 3 }, "APIDefinitions"],
    ["event definitions", { bundles: 1, events: 3 }, "EventDefinitions"],
  ])("is named when only a later page of its %s cannot be written", async (_, sizes, operation) => {
    const refusing =
      (fetch: HTTPFetch): HTTPFetch =>
      (url, init) =>
        JSON.parse(String(init?.body)).operationName === operation ? unprocessableAnswer() : fetch(url, init);
    const sandbox = await sandboxWith([anApplication(1), anApplication(2, sizes), anApplication(3)]);
    const { run } = await fetching(sandbox, { between: refusing });

    const snapshot = await run();

    expect(snapshot.unreadable).toEqual([{ id: id(2), name: "mp-2" }]);
    expect(ids(snapshot)).toEqual([id(1), id(3)]);
  });

  it("is counted when the list is proven: a change while it is narrowed down begins it anew", async () => {
    const sandbox = await sandboxWith(many(3));
    const changing = (fetch: HTTPFetch): HTTPFetch => {
      let names = 0;
      return (url, init) => {
        const { operationName } = JSON.parse(String(init?.body));
        if (operationName === "ApplicationNames" && ++names === 1) write(sandbox.snapshotFile, aSnapshot(many(5)));
        return fetch(url, init);
      };
    };
    const { run, clock } = await fetching(sandbox, { pageSize: 2, between: changing });
    await setFaults(sandbox, { name: "unprocessable", application: id(3) });

    const snapshot = await run();

    expect(clock.waits).toHaveLength(1);
    expect(snapshot.unreadable).toEqual([{ id: id(3), name: "mp-3" }]);
    expect(ids(snapshot)).toEqual([1, 2, 4, 5].map(id));
  });
});

const unprocessableAnswer = async () => {
  const body = { errors: [{ message: "hidden", extensions: { error_code: 10 } }], data: null };
  return new Response(JSON.stringify(body), { status: 422 });
};

describe("a query that Director refuses", () => {
  it.each([
    ["whole", /^Applications$/],
    ["and its skeleton, too", /^Application/],
  ])("is a failure, never Applications that cannot be read: %s", async (_, refused) => {
    const refusing =
      (fetch: HTTPFetch): HTTPFetch =>
      (url, init) =>
        refused.test(JSON.parse(String(init?.body)).operationName) ? unprocessableAnswer() : fetch(url, init);
    const { run } = await fetching(await sandboxWith(many(30)), { pageSize: 200, between: refusing });

    const failure = await failureOf(run());

    expect(failure).toMatchObject({ code: "DirectorUnprocessable", stage: "fetch", retryable: false });
    expect(failure.hint).not.toBe("");
    expect(told(failure)).not.toContain("hidden");
  });
});
