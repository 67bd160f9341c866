/** An HTTPS server on loopback with scripted answers, for everything that Compass itself would never answer. */

import { X509Certificate } from "node:crypto";
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";
import { type Authority, createAuthority } from "../../src/adapters/x509/index.js";

export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Subject of the client's certificate; null when it showed none. */
  readonly client: string | null;
}

export interface TLSServer {
  readonly port: number;
  /** With the host name that its certificate is for. */
  url(path?: string): string;
  readonly requests: readonly Received[];
  /** Connections that are open. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

export interface TLSServerOptions {
  readonly authority: Authority;
  /** Names in its certificate; the first one is used in its URLs. @default localhost */
  readonly hosts?: readonly string[];
  readonly answer: (response: ServerResponse, request: Received) => void;
}

let shared: Promise<Authority> | undefined;

/** One authority for all tests of a file: making a key takes longer than most of them. */
export function anAuthority(): Promise<Authority> {
  shared ??= createAuthority({ commonName: "Test CA", now: new Date() });
  return shared;
}

export async function startTLSServer({
  authority,
  hosts = ["localhost"],
  answer,
}: TLSServerOptions): Promise<TLSServer> {
  const { certificate, key } = await authority.issueServer({ hosts, now: new Date() });
  const requests: Received[] = [];
  const server = createServer(
    { cert: certificate, key, ca: authority.certificate, requestCert: true, rejectUnauthorized: false },
    async (request, response) => {
      const { method = "", url = "", headers } = request;
      const raw = (request.socket as TLSSocket).getPeerX509Certificate();
      const client = raw === undefined ? null : new X509Certificate(raw.raw).subject;
      const received = { method, url, headers, body: await text(request), client };
      requests.push(received);
      answer(response, received);
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: (path = "/") => `https://${hosts[0]}:${port}${path}`,
    requests,
    connections: () =>
      new Promise((resolve, reject) =>
        server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      ),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
