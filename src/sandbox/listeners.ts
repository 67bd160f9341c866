/** The three listeners of the sandbox, started and stopped together. */

import type { Server } from "node:http";
import type { Server as SecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createAuthority } from "../adapters/x509/index.js";
import { Failure } from "../common/failure.js";
import { createPlainListener, createSecureListener, HOST, type PlainHandler, type SecureOptions } from "./server.js";

export interface Urls {
  readonly connectorURL: string;
  readonly secureConnectorURL: string;
  readonly directorURL: string;
  readonly control: string;
}

export interface Listeners {
  readonly urls: Urls;
  close(): Promise<void>;
}

export interface ListenersOptions extends Pick<SecureOptions, "authority" | "clock" | "faults" | "log"> {
  /** The first of three in a row; 0 for any. */
  readonly port: number;
  /** Given the URLs, which nobody knows before, makes what answers; `dropIdle` ends connections that wait. */
  readonly serve: (urls: Urls, dropIdle: () => void) => { edge: SecureOptions["handle"]; control: PlainHandler };
}

/** Binds to loopback and gives the port; rejects when it is taken. */
function listen(server: Server | SecureServer, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, HOST, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Stops listening and cuts what is open. */
function stop(server: Server | SecureServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** Starts all three; rejects with a Failure when a port is taken. */
export async function startListeners({ port, serve, ...options }: ListenersOptions): Promise<Listeners> {
  const hosts = [HOST, "::1", "localhost"];
  const now = options.clock.now();
  const trusted = await options.authority.issueServer({ hosts, now });
  // The same key, for the sake of speed: nobody vouches for it all the same.
  const stranger = await createAuthority({ commonName: "Stranger CA", now, key: trusted.key });
  const untrusted = await stranger.issueServer({ hosts, now, key: trusted.key });

  let served: ReturnType<ListenersOptions["serve"]> | undefined;
  const ready = () => {
    if (served === undefined) throw new Error("not ready yet");
    return served;
  };
  const secure: SecureOptions = { ...options, trusted, untrusted, handle: (request) => ready().edge(request) };
  const open = createSecureListener(secure, false, { "/connector/graphql": "connector" });
  const mutual = createSecureListener(secure, true, {
    "/connector/graphql": "secure-connector",
    "/director/graphql": "director",
  });
  const control = createPlainListener((request, body) => ready().control(request, body));
  const servers = [open, mutual, control];

  const close = async () => {
    await Promise.all(servers.map(stop));
  };
  const dropIdle = () => {
    open.closeIdleConnections();
    mutual.closeIdleConnections();
  };

  const ports: number[] = [];
  try {
    for (const [index, server] of servers.entries()) ports.push(await listen(server, port === 0 ? 0 : port + index));
  } catch (thrown) {
    await close();
    throw new Failure(`the sandbox cannot listen on ${HOST}, port ${port + ports.length}`, {
      code: "ConfigurationInvalid",
      stage: "config",
      hint: "Choose another port; it and the next two are used.",
      cause: thrown,
    });
  }
  const [openPort, mutualPort, controlPort] = ports;
  const urls = {
    connectorURL: `https://${HOST}:${openPort}/connector/graphql`,
    secureConnectorURL: `https://${HOST}:${mutualPort}/connector/graphql`,
    directorURL: `https://${HOST}:${mutualPort}/director/graphql`,
    control: `http://${HOST}:${controlPort}`,
  };
  served = serve(urls, dropIdle);
  return { urls, close };
}
