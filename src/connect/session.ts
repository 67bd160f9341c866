/** The connection to Compass with the identity in use. */

import { createHTTPClient, type HTTPClient, type HTTPClientOptions } from "../adapters/http/index.js";
import type { Clock } from "../common/clock.js";
import { Failure } from "../common/failure.js";
import type { Connection, State } from "../state/index.js";
import { type CertificateDates, readIdentity } from "./certificate.js";
import { checkAnsweredURL } from "./urls.js";

export interface Session {
  readonly client: HTTPClient;
  readonly certificate: CertificateDates;
  readonly connection: Connection;
}

export interface SessionOptions {
  readonly state: State;
  readonly transport: Omit<HTTPClientOptions, "stage" | "peer" | "identity">;
  readonly hosts: readonly string[];
  readonly clock: Clock;
}

/** Throws `TokenNeeded` when there is no identity or its certificate has expired. */
export async function openSession({ state, transport, hosts, clock }: SessionOptions): Promise<Session> {
  const [identity, connection] = [await state.identity(), await state.connection()];
  if (identity === null || connection === null) {
    throw tokenNeeded("this agent is not paired with Compass");
  }
  const certificate = readIdentity(identity);
  if (certificate.notAfter <= clock.now()) {
    throw tokenNeeded(`the client certificate expired on ${certificate.notAfter.toISOString()}`);
  }
  checkAnsweredURL(connection.directorURL, connection.connectorURL, hosts);
  const client = createHTTPClient({
    ...transport,
    stage: "fetch",
    peer: "Director",
    identity: { certificate: identity.chain, key: identity.key.reveal() },
  });
  return { client, certificate, connection };
}

const tokenNeeded = (message: string) =>
  new Failure(message, {
    code: "TokenNeeded",
    stage: "connect",
    hint: "Ask Compass for a one-time token and run `runtime-agent pair --token-file FILE`.",
  });
