/** One request of the API for whatever kind of object, where the client's own calls know too little of it. */

import type { Configuration } from "@kubernetes/client-node";

export interface RawRequest {
  readonly method: "GET" | "PATCH" | "POST";
  /** From the server's root on, each part encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  /** @default JSON, whole */
  readonly accept?: string;
  readonly body?: string;
}

export interface RawAnswer {
  readonly status: number;
  /** Parsed; null where it is no JSON. */
  readonly body: unknown;
}

/** Whatever its status. Rejects with what the client throws where there is no answer. */
export async function sendRaw(configuration: Configuration, request: RawRequest): Promise<RawAnswer> {
  const { HttpMethod } = await import("@kubernetes/client-node");
  const { method, path, query = {}, contentType, accept = "application/json", body } = request;
  let context = configuration.baseServer.makeRequestContext(path, HttpMethod[method]);
  context.setHeaderParam("Accept", accept);
  for (const [name, value] of Object.entries(query)) context.setQueryParam(name, value);
  if (contentType !== undefined) context.setHeaderParam("Content-Type", contentType);
  if (body !== undefined) context.setBody(body);
  await configuration.authMethods.default?.applySecurityAuthentication(context);
  for (const middleware of configuration.middleware) context = await middleware.pre(context).toPromise();
  const response = await configuration.httpApi.send(context).toPromise();
  const text = await response.body.text();
  return { status: response.httpStatusCode, body: parse(text) };
}

/** As the client's own calls throw it, to be translated with theirs. */
export async function statusError(status: number): Promise<Error> {
  const { ApiException } = await import("@kubernetes/client-node");
  return new ApiException(status, "", undefined, {});
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
