/** Pages put together into one list that is proven complete, or a failure; never a part (contract 2.5, 2.7). */

import { Failure } from "../common/failure.js";
import type { Page } from "./answers.js";

interface Identified {
  readonly id: string;
}

/** A list that cannot be used; `reason` holds no value. */
export const incomplete = (list: string, reason: string) =>
  new Failure(`the list of ${list} is not complete: ${reason}`, {
    code: "FetchIncomplete",
    stage: "fetch",
    retryable: true,
    hint: "Something changed in Director while it was read, or it pages wrongly; nothing was used of this answer.",
  });

/**
 * Follows `first` with `next` until the last page. Proven: every page names the same total, the cursor advances, ids
 * are unique, and as many items came as the total says. Otherwise throws `FetchIncomplete` (retryable).
 */
export async function allPages<T extends Identified>(
  list: string,
  first: Page<T>,
  next: (after: string) => Promise<Page<T>>,
): Promise<T[]> {
  const items = new Map<string, T>();
  const cursors = new Set<string>();
  for (let page = first; ; ) {
    if (page.totalCount !== first.totalCount) throw incomplete(list, "the total changed between pages");
    for (const item of page.data) {
      if (items.has(item.id)) throw incomplete(list, "an item came twice");
      items.set(item.id, item);
    }
    if (items.size > first.totalCount) throw incomplete(list, `more than ${first.totalCount} came`);
    const { hasNextPage, endCursor } = page.pageInfo;
    if (!hasNextPage) break;
    if (endCursor === "" || cursors.has(endCursor)) throw incomplete(list, "the cursor does not advance");
    if (page.data.length === 0) throw incomplete(list, "a page before the last is empty");
    cursors.add(endCursor);
    page = await next(endCursor);
  }
  if (items.size !== first.totalCount) {
    throw incomplete(list, `${items.size} of ${first.totalCount} came`);
  }
  return [...items.values()];
}
