/** The connection to Compass with the identity in use. */

import { createHTTPClient, type HTTPClient, type HTTPClientOptions } from "../adapters/http/index.js";
import type { Clock } from "../common/clock.js";
import { Failure } from "../common/failure.js";
import type { Connection, Identity, State } from "../state/index.js";
import { type CertificateDates, type Inspected, inspectIdentity } from "./certificate.js";
import { checkConnection } from "./urls.js";

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

/** An identity that can be shown now, and how Compass is reached with it. */
export interface Usable {
  readonly identity: Identity;
  readonly connection: Connection;
  readonly dates: CertificateDates;
  /** The PEM to show. */
  readonly shown: string;
}

/** The identity in use when Compass could take it now; else in words why not. */
export async function findIdentity(state: State, now: Date): Promise<Usable | string> {
  const [identity, connection] = [await state.identity(), await state.connection()];
  if (identity === null || connection === null) return "this agent is not paired with Compass";
  const { usable, flaw } = inspectIdentity(identity);
  if (usable === null) return unusable(flaw);
  const { certificate: shown, dates } = usable;
  return dates.notAfter <= now
    ? `the client certificate expired on ${dates.notAfter.toISOString()}`
    : { identity, connection, dates, shown };
}

/** Throws `TokenNeeded` when there is no identity, none that can be used, or its certificate has expired. */
export async function openSession({ state, transport, hosts, clock }: SessionOptions): Promise<Session> {
  const found = await findIdentity(state, clock.now());
  if (typeof found === "string") throw tokenNeeded(found);
  const { identity, connection, dates: certificate, shown } = found;
  checkConnection(connection, hosts);
  const client = createHTTPClient({
    ...transport,
    stage: "fetch",
    peer: "Director",
    identity: { certificate: shown, key: identity.key.reveal() },
  });
  return { client, certificate, connection };
}

const unusable = (flaw: Inspected["flaw"]) =>
  flaw === "KeyMismatch"
    ? "the client certificate cannot be used: it belongs to another key"
    : "the client certificate cannot be used: it cannot be read";

/** `message` says why. */
export const tokenNeeded = (message: string) =>
  new Failure(message, {
    code: "TokenNeeded",
    stage: "connect",
    hint: "Ask Compass for a one-time token and run `runtime-agent pair --token-file FILE`, or put it where compass.token reads it.",
  });
