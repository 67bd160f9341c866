/** Director's pages: cut by offset, with cursors that hide it (contract 2.5). */

import { internalError, invalidData } from "./director-error.js";

/** What Director puts before the offset. */
const PREFIX = "DpKtJ4j9jDq";

export interface PageArguments {
  readonly first?: number | null;
  readonly after?: string | null;
}

export interface Page<T> {
  readonly data: readonly T[];
  readonly pageInfo: { readonly startCursor: string; readonly endCursor: string; readonly hasNextPage: boolean };
  readonly totalCount: number;
}

export const encodeCursor = (offset: number): string => Buffer.from(`${PREFIX}${offset}`).toString("base64");

/** The offset behind a cursor; none is the first page, and a bare number counts. Throws a DirectorError. */
export function decodeCursor(cursor: string | null | undefined): number {
  if (cursor === null || cursor === undefined || cursor === "") return 0;
  const bytes = Buffer.from(cursor, "base64");
  const text = bytes.toString().replace(PREFIX, "");
  if (bytes.toString("base64") !== cursor || !/^[+-]?\d+$/.test(text)) throw internalError("cursor is not correct");
  if (Number(text) < 0) throw invalidData("cursor is not correct");
  return Number(text);
}

/** Cuts one page; `check` says what size is allowed and throws otherwise. */
export function cutPage<T>(
  list: readonly T[],
  { first, after }: PageArguments,
  check: (size: number) => void,
): Page<T> {
  if (first === null || first === undefined) throw invalidData("missing required parameter 'first'");
  check(first);
  const offset = decodeCursor(after);
  const data = list.slice(offset, offset + first);
  const hasNextPage = list.length > offset + data.length;
  const endCursor = hasNextPage ? encodeCursor(offset + data.length) : "";
  return { data, pageInfo: { startCursor: after ?? "", endCursor, hasNextPage }, totalCount: list.length };
}

/** Of `applicationsForRuntime`: any positive size (contract 12.3, O10). */
export function topSize(size: number): void {
  if (size < 1) throw invalidData("page size cannot be smaller than 1");
}

/** Of the lists within an Application. */
export const nestedSize = (size: number): void => sizeUpTo(200, size);

/** What Director says to a page that is too large. */
export function sizeUpTo(limit: number, size: number): void {
  if (size < 1 || size > limit) throw invalidData(`page size must be between 1 and ${limit}`);
}
