/** The proof that an identity works: both who need it are asked, on connections of their own. */

import { createHTTPClient, type HTTPClient, type HTTPClientOptions } from "../adapters/http/index.js";
import type { Clock } from "../common/clock.js";
import { retry } from "../common/retry.js";
import type { Identity } from "../state/index.js";
import { askTypename } from "./connector.js";
import { askRuntime } from "./director.js";
import { checkConnection, type URLs } from "./urls.js";

/** Resolves when Director and Connector accept the identity; rejects with a `Failure` when one does not, or does not answer. */
export type Prove = (identity: Pick<Identity, "chain" | "key">, urls: URLs) => Promise<void>;

export interface ProofOptions {
  readonly transport: Omit<HTTPClientOptions, "stage" | "peer" | "identity">;
  /** Null: the Connector alone is asked. */
  readonly runtimeID: string | null;
  readonly tenant: string | null;
  /** As `compass.hosts`: nothing else is asked. */
  readonly hosts: readonly string[];
  readonly clock: Clock;
  /** Told of each connection when it is closed. @default nobody */
  readonly onClosed?: (client: Pick<HTTPClient, "requests" | "clockSkew">) => void;
}

/** A certificate is not back-dated: a server whose clock is behind takes it a few seconds later (contract 1.5). */
const ATTEMPTS = { attempts: 3, base: 4_000, cap: 4_000 };

export function createProof({ transport, runtimeID, tenant, hosts, clock, onClosed }: ProofOptions): Prove {
  return async (identity, urls) => {
    const { secureConnectorURL, directorURL } = urls;
    checkConnection(urls, hosts);
    return retry(
      async () => {
        // A connection that another certificate opened would prove nothing.
        const client = createHTTPClient({
          ...transport,
          stage: "connect",
          peer: "Compass",
          identity: { certificate: identity.chain, key: identity.key.reveal() },
        });
        try {
          const { fetch } = client;
          await askTypename({ url: secureConnectorURL, fetch, token: null, tenant, runtimeID });
          if (runtimeID !== null) await askRuntime({ url: directorURL, fetch, runtimeID, tenant });
        } finally {
          onClosed?.(client);
          await client.close();
        }
      },
      {
        clock,
        signal: transport.signal,
        ...ATTEMPTS,
        when: ({ code, retryable }) => retryable || code === "CredentialsRejected",
      },
    );
  };
}
