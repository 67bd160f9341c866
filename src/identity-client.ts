/** A client and a proof by the configuration, and what their requests showed. */

import { createHTTPClient, type HTTPClient } from "./adapters/http/index.js";
import type { Clock } from "./common/clock.js";
import type { Config } from "./config/index.js";
import { createProof } from "./connect/index.js";
import { compassTransport, type Environment } from "./setup.js";
import type { Identity, State } from "./state/index.js";

/** What requests showed beside their answers. */
export interface Contacts {
  requests: number;
  /** How far Compass's clock is ahead of ours, in milliseconds; null when it did not tell its time. */
  clockSkew: number | null;
}

export const noContacts = (): Contacts => ({ requests: 0, clockSkew: null });

export interface IdentityOptions {
  readonly config: Config;
  readonly env: Environment;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Locked by the caller, who is the only one to write. */
  readonly state: State;
  /** Header `x-request-id` of every call. @default one for each */
  readonly requestID?: string;
  /** Told what the requests showed, where somebody wants to know. */
  readonly contacts?: Contacts;
}

/** The proof as the configuration has it. */
export const proofOf = async (options: Omit<IdentityOptions, "state">) => {
  const { config, env, signal, clock, requestID, contacts } = options;
  return createProof({
    transport: await compassTransport(config, env, signal, clock, requestID),
    runtimeID: config.runtime.id,
    tenant: config.runtime.tenant,
    hosts: config.compass.hosts,
    clock,
    onClosed: (client) => noteContacts(contacts, client),
  });
};

/** A client that shows an identity, or none; closed when the work is done. */
export async function withClient<T>(
  { config, env, signal, clock, requestID, contacts }: IdentityOptions,
  shown: { readonly identity: Pick<Identity, "key">; readonly shown: string } | null,
  work: (client: HTTPClient) => Promise<T>,
  peer = "the Connector",
): Promise<T> {
  const client = createHTTPClient({
    ...(await compassTransport(config, env, signal, clock, requestID)),
    stage: "connect",
    peer,
    identity: shown === null ? undefined : { certificate: shown.shown, key: shown.identity.key.reveal() },
  });
  try {
    return await work(client);
  } finally {
    noteContacts(contacts, client);
    await client.close();
  }
}

function noteContacts(contacts: Contacts | undefined, { requests, clockSkew }: Readonly<Contacts>): void {
  if (contacts === undefined) return;
  contacts.requests += requests;
  contacts.clockSkew = clockSkew ?? contacts.clockSkew;
}
