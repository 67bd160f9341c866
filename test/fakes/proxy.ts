/** A CONNECT proxy on loopback that keeps what it gets to see; whatever the name, it connects to loopback. */

import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

export interface ConnectProxy {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  /** `host:port` of each tunnel that was asked for. */
  readonly tunnels: readonly string[];
  /** Header lines of the CONNECT requests. */
  readonly headers: readonly string[];
  /** Everything that went from client to server through the tunnels. */
  seen(): string;
  /** Requests that were no CONNECT. */
  readonly others: readonly string[];
  close(): Promise<void>;
}

export interface ConnectProxyOptions {
  /** Refuses every tunnel with this status. @default lets all through */
  readonly refuse?: number;
}

export async function startProxy({ refuse }: ConnectProxyOptions = {}): Promise<ConnectProxy> {
  const tunnels: string[] = [];
  const headers: string[] = [];
  const others: string[] = [];
  const chunks: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    others.push(`${request.method} ${request.url}`);
    response.writeHead(405).end();
  });
  server.on("connect", (request, client: Socket, head: Buffer) => {
    tunnels.push(request.url ?? "");
    headers.push(...request.rawHeaders);
    sockets.add(client);
    client.on("error", () => undefined);
    if (refuse !== undefined) {
      client.end(`HTTP/1.1 ${refuse} Words of the proxy\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const target = connect(Number(request.url?.split(":").at(-1)), "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      target.write(head);
      client.on("data", (chunk) => chunks.push(chunk));
      client.pipe(target).pipe(client);
    });
    sockets.add(target);
    target.on("error", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tunnels,
    headers,
    others,
    seen: () => Buffer.concat(chunks).toString("latin1"),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
        server.closeAllConnections();
      }),
  };
}
