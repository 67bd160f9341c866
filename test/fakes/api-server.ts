/** A Kubernetes API server on loopback: objects with resourceVersions in memory, and every fault that is asked for. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

export interface APIRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string;
  readonly contentType: string;
  /** Whom it is made as; "" for who sends it. */
  readonly impersonated: string;
  readonly body: string;
  readonly accept: string;
}

/**
 * What becomes of a request: a status in place of its answer, no answer ever, a connection that breaks before or after
 * the request was done, something that is no JSON; a Status with words, or any other answer.
 */
export type Fault =
  | number
  | { readonly status: number; readonly message: string }
  | { readonly answer: unknown }
  | "hang"
  | "reset"
  | "lose-answer"
  | "login-page";

export interface FakeAPIServer {
  readonly requests: readonly APIRequest[];
  /** By path; what is put here is there. */
  readonly objects: Map<string, APIObject>;
  /** By path, decoded: what a Service answers through the API server, which is no object. */
  readonly texts: Map<string, string>;
  /** Asked for each request; null for none. */
  fault: (request: APIRequest) => Fault | null | Promise<Fault | null>;
  readonly url: string;
  /** The file's user has the token, or whatever is given. */
  kubeconfig(user?: Readonly<Record<string, string>>): Promise<string>;
  /** It is away from now on. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

export interface APIObject {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

export async function startFakeAPIServer(): Promise<FakeAPIServer> {
  const requests: APIRequest[] = [];
  const objects = new Map<string, APIObject>();
  const texts = new Map<string, string>();
  const folders: string[] = [];
  let version = 0;

  const answer = (response: ServerResponse, status: number, body: unknown) =>
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
  const refuse = (response: ServerResponse, code: number, message = "words of the server") =>
    answer(response, code, { kind: "Status", status: "Failure", message, code });

  const serve = (method: string, address: string, body: APIObject | null): [status: number, body: unknown] => {
    const { pathname: path, searchParams } = new URL(address, "http://server");
    const store = searchParams.get("dryRun") === "All" ? (_path: string, object: APIObject) => object : keep;
    if (method === "POST" && body !== null) {
      const at = `${path}/${body.metadata.name}`;
      return objects.has(at) ? [409, {}] : [201, store(at, body)];
    }
    const found = objects.get(path);
    if (found === undefined) return [404, {}];
    if (method === "GET") return [200, found];
    if (body === null || !["PUT", "PATCH"].includes(method)) return [405, {}];
    const { resourceVersion = undefined } = body.metadata ?? {};
    if (method === "PATCH") {
      if (resourceVersion !== undefined && resourceVersion !== found.metadata.resourceVersion) return [409, {}];
      return [200, store(path, { ...found, ...body, metadata: { ...found.metadata, ...body.metadata } })];
    }
    return resourceVersion === found.metadata.resourceVersion ? [200, store(path, body)] : [409, {}];
  };
  const keep = (path: string, object: APIObject) => {
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++version) } };
    objects.set(path, stored);
    return stored;
  };

  const server = createServer(async (request, response) => {
    const { method = "", url: path = "", headers } = request;
    const received = {
      method,
      path,
      authorization: headers.authorization ?? "",
      contentType: headers["content-type"] ?? "",
      impersonated: String(headers["impersonate-user"] ?? ""),
      body: await text(request),
      accept: headers.accept ?? "",
    };
    const { body } = received;
    requests.push(received);
    const fault = await fake.fault(received);
    if (fault === "hang") return;
    if (fault === "reset") return void request.socket.destroy();
    if (fault === "login-page") return void response.writeHead(200, { "Content-Type": "text/html" }).end("<html>");
    if (typeof fault === "number") return void refuse(response, fault);
    if (fault !== null && typeof fault === "object") {
      if ("answer" in fault) return void answer(response, 200, fault.answer);
      return void refuse(response, fault.status, fault.message);
    }
    const proxied = texts.get(decodeURIComponent(path));
    if (proxied !== undefined) {
      return void response.writeHead(200, { "Content-Type": "application/x-pem-file" }).end(proxied);
    }
    const [status, answered] = serve(method, path, body === "" ? null : JSON.parse(body));
    if (fault === "lose-answer") return void request.socket.destroy();
    if (status >= 400) refuse(response, status);
    else answer(response, status, answered);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const fake: FakeAPIServer = {
    requests,
    objects,
    texts,
    fault: () => null,
    url,
    kubeconfig: async (user = { token: "the-token" }) => {
      const folder = await mkdtemp(join(tmpdir(), "kubeconfig-"));
      folders.push(folder);
      const config = {
        apiVersion: "v1",
        kind: "Config",
        clusters: [{ name: "c", cluster: { server: url, "insecure-skip-tls-verify": true } }],
        users: [{ name: "u", user }],
        contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
        "current-context": "x",
      };
      await writeFile(join(folder, "config"), JSON.stringify(config));
      return join(folder, "config");
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
    close: async () => {
      await fake.stop();
      for (const folder of folders) await rm(folder, { recursive: true, force: true });
    },
  };
  return fake;
}
