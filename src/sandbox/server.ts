/** How the sandbox listens: sockets, certificates, bodies. */

import { constants, type X509Certificate } from "node:crypto";
import { createServer as createPlainServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer, type Server as SecureServer } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Authority } from "../adapters/x509/index.js";
import type { Clock } from "../common/clock.js";
import type { EdgeOutcome, EdgeRequest, EndpointName } from "./edge.js";
import type { Faults } from "./faults.js";
import type { RequestLog } from "./request-log.js";

export const HOST = "127.0.0.1";

/** The gateway's limit of a request (contract 2.10). */
const BODY_LIMIT = 5_097_152;

interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export interface SecureOptions {
  readonly authority: Authority;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly log: RequestLog;
  readonly trusted: KeyPair;
  /** Shown instead while the fault `tls-untrusted` stands. */
  readonly untrusted: KeyPair;
  readonly handle: (request: EdgeRequest) => Promise<EdgeOutcome>;
}

/** The body as text; null when it is over the limit. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= BODY_LIMIT) chunks.push(chunk);
  }
  return size > BODY_LIMIT ? null : Buffer.concat(chunks).toString("utf8");
}

function write(response: ServerResponse, outcome: EdgeOutcome, now: Date): void {
  if (outcome === "reset") {
    response.socket?.destroy();
    return;
  }
  const body = Buffer.from(outcome.body);
  // By the sandbox's clock: it is what a client takes for the server's time.
  const headers = { date: now.toUTCString(), ...outcome.headers, "content-length": body.length };
  response.writeHead(outcome.status, headers);
  if (outcome.cut) {
    response.flushHeaders();
    response.write(body.subarray(0, Math.ceil(body.length / 2)), () => response.socket?.destroy());
    return;
  }
  response.end(body);
}

/** Kind and place of an error that nobody expected; its text might hold what was fetched. */
function placeOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return typeof thrown;
  return `${thrown.name} ${
    thrown.stack
      ?.split("\n")
      .find((line) => /^ +at /.test(line))
      ?.trim() ?? ""
  }`;
}

/** The client's certificate when Istio would let it in: signed by us and in its time, by the sandbox's clock. */
function admitted(socket: TLSSocket, authority: Authority, now: Date): X509Certificate | null {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined || !authority.hasSigned(certificate)) return null;
  const [notBefore, notAfter] = [certificate.validFromDate, certificate.validToDate];
  return notBefore <= now && now <= notAfter ? certificate : null;
}

/** Makes an HTTPS listener for the endpoints by their paths; with `mutual` it demands a client certificate and drops who has no good one. */
export function createSecureListener(
  options: SecureOptions,
  mutual: boolean,
  paths: Readonly<Record<string, EndpointName>>,
): SecureServer {
  const { authority, clock, faults, log, trusted, untrusted, handle } = options;

  const drop = (socket: Socket, note: string) => {
    log.add({ operation: "(connection)", arguments: {}, endpoint: "", status: null, bytes: 0, note });
    socket.destroy();
  };

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const socket = request.socket as TLSSocket;
    // Looked at again: the clock may have been moved while the connection was kept open.
    const certificate = mutual ? admitted(socket, authority, clock.now()) : null;
    if (mutual && certificate === null) return drop(socket, "client certificate no longer admitted");
    const { method = "", url = "/", headers } = request;
    const [path = ""] = url.split("?", 1);
    const endpoint = paths[path];
    if (endpoint === undefined) {
      log.add({ operation: `(${path.slice(0, 80)})`, arguments: {}, endpoint: "", status: 404, bytes: 0 });
      response.writeHead(404).end();
      return;
    }
    const outcome = await handle({ endpoint, method, url, headers, body: await readBody(request), certificate });
    write(response, outcome, clock.now());
  };

  // Without tickets: a resumed session would skip the look at the certificate.
  const context = { ca: authority.certificate, secureOptions: constants.SSL_OP_NO_TICKET };
  const server = createServer(
    { ...context, key: trusted.key, cert: trusted.certificate, requestCert: mutual, rejectUnauthorized: false },
    (request, response) => {
      respond(request, response).catch((thrown: unknown) => {
        drop(request.socket, `unexpected ${placeOf(thrown)}`);
      });
    },
  );

  // Before the server's own listener, which takes the certificate that stands then.
  let shown = trusted;
  server.prependListener("connection", () => {
    const due = faults.take("tls-untrusted", []) ? untrusted : trusted;
    if (due === shown) return;
    shown = due;
    server.setSecureContext({ ...context, cert: due.certificate, key: due.key });
  });
  if (mutual) {
    server.on("secureConnection", (socket) => {
      if (admitted(socket, authority, clock.now()) === null) drop(socket, "client certificate not admitted");
    });
  }
  return server;
}

export type PlainHandler = (
  request: IncomingMessage,
  body: string,
) => { readonly status: number; readonly body: unknown };

/** Makes a plain HTTP server that answers in JSON. */
export function createPlainListener(respond: PlainHandler): Server {
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { status, body } = respond(request, (await readBody(request)) ?? "");
    response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
  };
  return createPlainServer((request, response) => {
    answer(request, response).catch(() => response.socket?.destroy());
  });
}
