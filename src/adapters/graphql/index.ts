/** One GraphQL call and what came of it; the only importer of graphql-request. */

import { ClientError, GraphQLClient } from "graphql-request";
import type { HTTPFetch } from "../http/index.js";

export interface GraphQLCall {
  readonly url: string;
  readonly fetch: HTTPFetch;
  readonly document: string;
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One entry of `errors`. The message is the server's: it may hold values and never leaves the stage that asked. */
export interface GraphQLError {
  readonly message: string;
  /** Director's `extensions.error_code`; null when there is none. */
  readonly code: number | null;
}

/**
 * What a server answered (contract 1.7, 2.10):
 * - `data`: HTTP 2xx, a JSON object, no errors. `data` is not checked further.
 * - `errors`: at least one GraphQL error, whatever the HTTP status; data beside it is dropped, since a part is no answer.
 *   `partial` says that there was some.
 * - `status`: no GraphQL answer at all, only an HTTP status other than 2xx. `empty` says that the body was empty,
 *   `timedOut` that it holds the words with which Compass gives an operation up.
 * - `malformed`: HTTP 2xx with something else than a GraphQL answer, such as a page of a proxy. `cut` says that it
 *   begins as one and ends too early.
 */
export type GraphQLAnswer =
  | { readonly kind: "data"; readonly data: unknown }
  | {
      readonly kind: "errors";
      readonly status: number;
      readonly partial: boolean;
      readonly errors: readonly GraphQLError[];
    }
  | { readonly kind: "status"; readonly status: number; readonly empty: boolean; readonly timedOut: boolean }
  | { readonly kind: "malformed"; readonly status: number; readonly cut: boolean };

// graphql-request parses nothing else, and Compass does not name the type of every answer rightly (contract 2.10).
const JSON_TYPE = new Headers({ "content-type": "application/json" });

/**
 * Makes one call. Rejects only with what `fetch` rejects with. graphql-request's own errors hold variables and the
 * whole body in their message, so none of them is let through, not even as a cause. The body's text is read and parsed
 * by graphql-request alone; nothing here keeps it, so that only the parsed data is left once this resolves.
 */
export async function callGraphQL({ url, fetch, document, variables, headers }: GraphQLCall): Promise<GraphQLAnswer> {
  const seen = { status: 0, empty: true, cut: false, timedOut: false };
  let transportFailure: unknown;
  const observed: HTTPFetch = async (target, init) => {
    try {
      const answer = await fetch(target, init);
      seen.status = answer.status;
      return { ok: answer.ok, status: answer.status, headers: JSON_TYPE, text: () => answer.text() } as Response;
    } catch (thrown) {
      transportFailure = thrown;
      throw thrown;
    }
  };
  const parse = (text: string): unknown => {
    seen.empty = text === "";
    try {
      const value = JSON.parse(text) as unknown;
      seen.timedOut = saysTimedOut(value);
      return value;
    } catch (thrown) {
      seen.cut = text.trimStart().startsWith("{");
      throw thrown;
    }
  };
  const jsonSerializer = { parse, stringify: JSON.stringify };
  const client = new GraphQLClient(url, { fetch: observed as typeof globalThis.fetch, jsonSerializer });
  try {
    const { data } = await client.rawRequest(document, { ...variables }, { ...headers });
    // A list is what graphql-request makes of an answer to a batch.
    const isObject = typeof data === "object" && data !== null && !Array.isArray(data);
    return isObject ? { kind: "data", data } : { kind: "malformed", status: seen.status, cut: false };
  } catch (thrown) {
    if (transportFailure !== undefined) throw transportFailure;
    const { status, empty, cut, timedOut } = seen;
    const response = thrown instanceof ClientError ? thrown.response : undefined;
    const errors = graphQLErrors(response?.errors);
    if (errors.length > 0) return { kind: "errors", status, partial: holdsAny(response?.data), errors };
    if (status < 200 || status > 299) return { kind: "status", status, empty, timedOut };
    return { kind: "malformed", status, cut };
  }
}

/** `{"Message":"operation has timed out"}`, which comes with HTTP 503 (contract 2.10). */
const saysTimedOut = (value: unknown): boolean =>
  (value as { Message?: unknown } | null)?.Message === "operation has timed out";

/** True when a root field has a value in spite of the errors. */
const holdsAny = (data: unknown): boolean => Object.values(data ?? {}).some((value) => value !== null);

function graphQLErrors(errors: unknown): GraphQLError[] {
  if (!Array.isArray(errors)) return [];
  return errors.map((error: unknown) => {
    const { message, extensions } = (error ?? {}) as { message?: unknown; extensions?: { error_code?: unknown } };
    const code = extensions?.error_code;
    return { message: typeof message === "string" ? message : "", code: typeof code === "number" ? code : null };
  });
}
