/** Pairs with what the configuration says; used by `pair`, and by `sync` when there is no identity yet. */

import { createHTTPClient } from "./adapters/http/index.js";
import type { Clock } from "./common/clock.js";
import { Failure } from "./common/failure.js";
import type { Secret } from "./common/secret.js";
import type { Config } from "./config/index.js";
import { type Paired, pair, readIdentity } from "./connect/index.js";
import { compassTransport, type Environment, openState } from "./setup.js";
import type { Identity } from "./state/index.js";

export interface PairingOptions {
  readonly config: Config;
  readonly env: Environment;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly token: Secret | null;
  /** Pair although there is a valid identity; it stays in use until the new one is complete. @default false */
  readonly force?: boolean;
  readonly onHost: (host: string) => void;
}

/** Null when there is no identity, or none that can be read: then pairing is what mends it. */
function validUntil(identity: Identity | null): Date | null {
  try {
    return identity === null ? null : readIdentity(identity).notAfter;
  } catch {
    return null;
  }
}

/** Throws a `Failure`; `Usage` when there is a valid identity and `force` is not set. */
export async function pairRuntime(options: PairingOptions): Promise<Paired> {
  const { config, env, clock, signal, token, force = false, onHost } = options;
  const state = openState(config, env);
  const unlock = await state.lock();
  try {
    const until = validUntil(await state.identity());
    const usable = until !== null && until > clock.now() && (await state.connection()) !== null;
    if (usable && !force && (await state.pending()) === null) {
      throw new Failure(`this agent is already paired; its certificate is valid until ${until.toISOString()}`, {
        code: "Usage",
        stage: "connect",
        hint: "Nothing has to be done. To pair anew all the same, add --force; the token was not used.",
      });
    }
    const transport = await compassTransport(config, env, signal);
    const client = createHTTPClient({ ...transport, stage: "connect", peer: "the Connector" });
    try {
      const { connectorURL, hosts } = config.compass;
      const { keySize } = config.certificate;
      return await pair({ state, client, token, connectorURL, hosts, keySize, clock, onHost });
    } finally {
      await client.close();
    }
  } finally {
    await unlock();
  }
}
