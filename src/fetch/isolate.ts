/** Pages around the Applications that Director cannot write: each is found by narrowing, and named (contract 12.3, O9). */

import { Failure } from "../common/failure.js";
import type { Page } from "./answers.js";
import type { UnreadableApplication } from "./snapshot.js";

export interface IsolateOptions<T> {
  /** The size of a page while nothing is wrong. */
  readonly pageSize: number;
  /** Asks one page with everything. */
  readonly whole: (first: number, after: string | null) => Promise<Page<T>>;
  /** Asks one page without the fields that may be at fault. */
  readonly skeleton: (first: number, after: string | null) => Promise<Page<UnreadableApplication>>;
}

/** So many in a row, and not one page that can be read: it may be the query that Director refuses (contract 2.10). */
const ENOUGH = 10;

/** So many of those that come after are then asked for by themselves: all of a short list, else spread over the rest. */
const PROBES = 100;

/** True for the one failure that a smaller page, or a question for less, can come around. */
export const isUnprocessable = (thrown: unknown): thrown is Failure =>
  thrown instanceof Failure && thrown.code === "DirectorUnprocessable";

/**
 * Gives the function that asks the page after a cursor. Where Director answers 422, the same cursor is asked for half
 * as many, down to one; that one is asked by its skeleton, and the pages grow again by doubling: three requests for each
 * that cannot be read, and twice the logarithm of a page where it stands alone. Throws `DirectorUnprocessable` when a
 * skeleton is refused, too, or when none of the first ten and of a hundred more, spread over the rest, can be read: that
 * takes at most two hundred requests and one for each page, once.
 */
export function isolate<T>(
  options: IsolateOptions<T>,
): (after: string | null) => Promise<Page<T | UnreadableApplication>> {
  const { pageSize, whole, skeleton } = options;
  let size = pageSize;
  // At least one of so many from the cursor on cannot be written; 0 when nothing is known.
  let suspects = 0;
  let pages = 0;
  let unreadable = 0;

  return async (after) => {
    for (;;) {
      const first = suspects > 0 ? Math.ceil(suspects / 2) : size;
      try {
        const page = await whole(first, after);
        pages += 1;
        suspects = Math.max(0, suspects - page.data.length);
        size = Math.min(pageSize, first * 2);
        return page;
      } catch (thrown) {
        if (!isUnprocessable(thrown)) throw thrown;
        if (first > 1) {
          suspects = first;
          continue;
        }
        unreadable += 1;
        suspects = 0;
        size = Math.min(pageSize, 2);
        const page = await skeleton(1, after);
        const isSuspicious = pages === 0 && unreadable === ENOUGH;
        if (isSuspicious && !(await isAnyReadable(options, page))) throw thrown;
        return page;
      }
    }
  };
}

/** Asks some of those after a page, each by itself, with the skeletons between them: true once one can be read. */
async function isAnyReadable<T>(
  { pageSize, whole, skeleton }: IsolateOptions<T>,
  { pageInfo, totalCount }: Page<UnreadableApplication>,
): Promise<boolean> {
  const stride = Math.ceil((totalCount - ENOUGH) / PROBES);
  let { hasNextPage, endCursor } = pageInfo;
  for (let probe = 0; hasNextPage && probe < PROBES; probe++) {
    if (await isReadable(whole(1, endCursor))) return true;
    for (let left = stride; hasNextPage && left > 0; ) {
      const between = await skeleton(Math.min(pageSize, left), endCursor);
      // One that pages wrongly is told by whoever proves the list.
      if (between.data.length === 0 || between.pageInfo.endCursor === endCursor) return true;
      left -= between.data.length;
      ({ hasNextPage, endCursor } = between.pageInfo);
    }
  }
  return false;
}

const isReadable = (asked: Promise<unknown>): Promise<boolean> =>
  asked.then(
    () => true,
    (thrown: unknown) => {
      if (isUnprocessable(thrown)) return false;
      throw thrown;
    },
  );
