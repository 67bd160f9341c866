import { describe, expect, it } from "vitest";
import type { Page } from "../../src/fetch/answers.js";
import { allPages } from "../../src/fetch/pages.js";
import { failureOf } from "../common/failure-of.js";

interface Item {
  readonly id: string;
}

const page = (
  ids: readonly (number | string)[],
  endCursor: string,
  totalCount: number,
  hasNextPage = endCursor !== "",
): Page<Item> => ({
  data: ids.map((id) => ({ id: String(id) })),
  pageInfo: { endCursor, hasNextPage },
  totalCount,
});

/** Pages by the cursor that leads to them. */
async function read(first: Page<Item>, others: Readonly<Record<string, Page<Item>>> = {}) {
  const asked: string[] = [];
  const items = await allPages("things", first, async (after) => {
    asked.push(after);
    const found = others[after];
    if (found === undefined) throw new Error(`nothing after ${after}`);
    return found;
  });
  return { ids: items.map(({ id }) => id), asked };
}

describe("a list of pages", () => {
  it.each<[string, Page<Item>, Record<string, Page<Item>>, string[], string[]]>([
    ["one page", page([1, 2], "", 2), {}, ["1", "2"], []],
    ["none", page([], "", 0), {}, [], []],
    [
      "three pages",
      page([1, 2], "a", 5),
      { a: page([3, 4], "b", 5), b: page([5], "", 5) },
      ["1", "2", "3", "4", "5"],
      ["a", "b"],
    ],
    ["a last page with a cursor that leads nowhere", page([1], "x", 1, false), {}, ["1"], []],
  ])("is complete: %s", async (_, first, others, ids, asked) => {
    expect(await read(first, others)).toEqual({ ids, asked });
  });

  it.each<[string, Page<Item>, Record<string, Page<Item>>, string]>([
    ["fewer than the total", page([1], "", 2), {}, "1 of 2 came"],
    ["more than the total", page([1, 2], "", 1), {}, "more than 1 came"],
    ["items without a total", page([1], "", 0), {}, "more than 0 came"],
    ["a total that grows", page([1], "a", 2), { a: page([2], "", 3) }, "the total changed between pages"],
    ["a total that shrinks", page([1], "a", 2), { a: page([2], "", 1) }, "the total changed between pages"],
    ["an item twice on a page", page([1, 1], "", 2), {}, "an item came twice"],
    ["an item twice on two pages", page([1, 2], "a", 4), { a: page([2, 3], "", 4) }, "an item came twice"],
    ["no cursor", page([1], "", 2, true), {}, "the cursor does not advance"],
    ["a cursor that leads to itself", page([1], "a", 3), { a: page([2], "a", 3) }, "the cursor does not advance"],
    [
      "cursors in a circle",
      page([1], "a", 9),
      { a: page([2], "b", 9), b: page([3], "a", 9) },
      "the cursor does not advance",
    ],
    [
      "an empty page in the middle",
      page([1], "a", 2),
      { a: page([], "b", 2), b: page([2], "", 2) },
      "a page before the last is empty",
    ],
    ["an empty last page", page([1], "a", 2), { a: page([], "", 2) }, "1 of 2 came"],
  ])("is not complete: %s", async (_, first, others, reason) => {
    const failure = await failureOf(read(first, others));

    expect(failure).toMatchObject({ code: "FetchIncomplete", stage: "fetch", retryable: true });
    expect(failure.message).toBe(`the list of things is not complete: ${reason}`);
  });

  it("is given up when it goes on beyond its total for ever", async () => {
    let asked = 0;
    const endless = allPages("things", page([0], "0", 3), async () => page([++asked], String(asked), 3));

    expect(await failureOf(endless)).toMatchObject({ code: "FetchIncomplete" });
    expect(asked).toBe(3);
  });

  it("passes on what a page fails with", async () => {
    await expect(read(page([1], "a", 2))).rejects.toThrow("nothing after a");
  });
});
