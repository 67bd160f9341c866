import { describe, expect, it } from "vitest";
import type { HTTPFetch } from "../../src/adapters/http/index.js";
import type { Fault } from "../../src/sandbox/index.js";
import { failureOf } from "../common/failure-of.js";
import { anApplication } from "../sandbox/a-snapshot.js";
import { setFaults } from "../sandbox/compass-client.js";
import { fetching, sandboxWith } from "./setup.js";

/** The sizes of the pages that were asked for, each named once. */
function sizes() {
  const asked: number[] = [];
  const between =
    (fetch: HTTPFetch): HTTPFetch =>
    (url, init) => {
      const { operationName, variables } = JSON.parse(String(init?.body));
      if (operationName === "Applications" && asked.at(-1) !== variables.first) asked.push(variables.first);
      return fetch(url, init);
    };
  return { asked, between };
}

async function withFault(pageSize: number, fault: Fault, transport = {}) {
  const applications = Array.from({ length: 30 }, (_, index) => anApplication(index + 1, { bundles: 2, apis: 2 }));
  const sandbox = await sandboxWith(applications);
  const { asked, between } = sizes();
  const { run } = await fetching(sandbox, { pageSize, between, transport });
  await setFaults(sandbox, fault);
  return { run, asked };
}

const list = "applicationsForRuntime";

describe("a fetch of pages that are too large", () => {
  it.each<[string, Fault, number[]]>([
    ["the size of a page", { name: "page-size", limit: 60 }, [200, 100, 50]],
    ["the size of a list within", { name: "page-size", limit: 60, match: "bundles" }, [200, 100, 50]],
    ["the size of a list within that", { name: "page-size", limit: 60, match: "apiDefinitions" }, [200, 100, 50]],
    ["an answer in its time", { name: "http-503", match: list, times: 8 }, [200, 100, 50]],
    ["an operation in its time", { name: "graphql-error", code: 28, match: list, times: 4 }, [200, 100]],
  ])("begins anew with smaller ones when Director refuses %s", async (_, fault, expected) => {
    const { run, asked } = await withFault(200, fault);

    const { applications } = await run();

    expect(applications).toHaveLength(30);
    expect(applications[0]?.bundles.map(({ apiDefinitions }) => apiDefinitions.length)).toEqual([2, 2]);
    expect(asked).toEqual(expected);
  });

  it("begins anew with smaller ones when an answer is larger than allowed", async () => {
    const { run, asked } = await withFault(40, { name: "slow", delay: 0 }, { maxBytes: 12_000 });

    const { applications } = await run();

    expect(applications).toHaveLength(30);
    expect(asked[0]).toBe(40);
    expect(asked.length).toBeGreaterThan(1);
  });

  it.each([
    [200, [200, 100, 50, 25, 12, 1]],
    [1000, [1000, 500, 250, 125, 62, 1]],
    [7, [7, 3, 1]],
    [1, [1]],
  ])(
    "is given up after a handful of steps, of which single Applications are the last: from %s",
    async (pageSize, all) => {
      const { run, asked } = await withFault(pageSize, { name: "slow", delay: 0 }, { maxBytes: 100 });

      expect(await failureOf(run())).toMatchObject({ code: "AnswerTooLarge", retryable: false });
      expect(asked).toEqual(all);
    },
  );

  it("says so when no size is allowed, and not that the runtime is unknown", async () => {
    const sandbox = await sandboxWith([anApplication(1)]);
    const { run, asked } = await fetching(sandbox, {
      pageSize: 4,
      between: () => async () => {
        const message = "Invalid data [reason=page size cannot be smaller than 1]";
        return new Response(JSON.stringify({ errors: [{ message, extensions: { error_code: 22 } }], data: null }));
      },
    });

    const failure = await failureOf(run());

    expect(failure).toMatchObject({ code: "PageSizeRefused", stage: "fetch", retryable: false });
    expect(failure.hint).toContain("compass.pageSize");
    expect(await asked()).toEqual([]);
  });

  it("does not ask for less when a smaller page would not help", async () => {
    const { run, asked } = await withFault(200, { name: "no-runtime" });

    expect(await failureOf(run())).toMatchObject({ code: "RuntimeUnknown" });
    expect(asked).toEqual([200]);
  });
});

describe("the patience of a fetch", () => {
  it.each<[string, Fault, string]>([
    ["the same question", { name: "http-500" }, "ServerError"],
    ["the whole fetch", { name: "drop-item", match: "bundles" }, "FetchIncomplete"],
    ["smaller pages", { name: "page-size", limit: 1 }, "PageSizeRefused"],
  ])("ends all trying again: %s", async (_, fault, code) => {
    const { run, asked } = await withPatience(0, fault);

    expect(await failureOf(run())).toMatchObject({ code });
    expect(await asked()).toHaveLength(1);
  });

  it("is for all pages together", async () => {
    const { run, clock } = await withPatience(3_000, { name: "http-500", match: list, times: 1 });
    await run();
    expect(clock.waits).toHaveLength(1);

    const late = await withPatience(3_000, { name: "http-500" });
    const start = late.clock.now().getTime();
    await failureOf(late.run());

    expect(late.clock.now().getTime() - start).toBeLessThanOrEqual(3_000);
  });

  async function withPatience(patience: number, fault: Fault) {
    const sandbox = await sandboxWith([anApplication(1, { bundles: 1 }), anApplication(2, { bundles: 1 })]);
    const fetch = await fetching(sandbox, { pageSize: 200, patience });
    await setFaults(sandbox, fault);
    return fetch;
  }
});
