/** Pages that go wrong: what a list that changes, or a server that errs, does to whoever reads it page by page. */

import type { Fault, FaultName } from "./faults.js";
import { decodeCursor, encodeCursor, type Page, type PageArguments } from "./paging.js";

type Take = (name: FaultName) => Fault | null;

interface Item {
  readonly id: string;
  readonly name: string;
}

/** Sorts before every other. */
const FIRST_ID = "00000000-0000-4000-8000-000000000001";

/** The list as it is when this page is read: it may have changed since the page before (contract 2.5, consistency). */
export function changedList<T extends Item>(list: readonly T[], { after }: PageArguments, take: Take): readonly T[] {
  const [first] = list;
  if (first === undefined) return list;
  const later = after !== null && after !== undefined && after !== "";
  if (later && take("insert-between-pages")) return [{ ...first, id: FIRST_ID, name: `${first.name}-new` }, ...list];
  if (later && take("delete-between-pages")) return list.slice(1);
  return list;
}

/** The page as it is answered. */
export function spoiledPage<T>(page: Page<T>, { after }: PageArguments, take: Take): Page<T> {
  const { data, pageInfo, totalCount } = page;
  if (take("empty-page")) {
    return { data: [], pageInfo: { startCursor: "", endCursor: "", hasNextPage: false }, totalCount: 0 };
  }
  if (take("wrong-total")) return { ...page, totalCount: totalCount + 1 };
  if (take("cursor-loop")) {
    return { ...page, pageInfo: { ...pageInfo, hasNextPage: true, endCursor: encodeCursor(decodeCursor(after)) } };
  }
  if (data.length > 0 && take("drop-item")) return { ...page, data: data.slice(0, -1) };
  if (data.length > 0 && take("repeat-item")) {
    // The number of items stays right where it can: only their ids tell.
    const others = data.length > 1 ? data.slice(0, -1) : data;
    return { ...page, data: [...others, ...data.slice(0, 1)] };
  }
  return page;
}
