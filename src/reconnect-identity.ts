/** Pairing anew beside an identity, by the configuration. */

import { Failure } from "./common/failure.js";
import type { Secret } from "./common/secret.js";
import type { Config } from "./config/index.js";
import {
  canFinish,
  checkAnsweredURL,
  checkConnection,
  hostIn,
  isSameURL,
  type Paired,
  readToken,
  requestToken,
  tokenNeeded,
  type URLs,
} from "./connect/index.js";
import { withClient } from "./identity-client.js";
import { type PairingOptions, pairIdentity, usableIdentity } from "./pair-identity.js";
import { configuredToken, settingMissing } from "./setup.js";
import type { Connection } from "./state/index.js";

/** Pairs anew beside the identity in use: with the token given, or one that the agent asks Director for itself. */
export async function reconnectIdentity(options: PairingOptions): Promise<Paired> {
  const { config, state, clock, token, env, signal } = options;
  const usable = await usableIdentity(state, clock.now());
  const { certificate, spentTokens } = await state.memory();
  const given = token ?? (await configuredToken(config, env, signal).catch(() => null));
  const isFresh = given !== null && isUnspent(given, spentTokens);
  const moved = usable === null ? null : movedConnector(config, usable.connection);
  // Who is rejected asks Director in vain, and who is to move asks the wrong one.
  const isLost = certificate.rejected !== null || moved !== null;
  if (token !== null || usable === null || (isLost && isFresh)) {
    if (given === null && (await state.pending()) === null) {
      throw tokenNeeded("there is no valid certificate to ask Director for a token with");
    }
    return pairIdentity({ ...options, token: given, force: true, finishFirst: token === null });
  }
  if (moved !== null) {
    const cut = await state.pending();
    const isThere = cut !== null && canFinish(cut, clock.now()) && isOfConfigured(config, cut.urls);
    if (!isThere) throw newTokenNeeded(moved);
    // What was cut is of the new one already.
    return pairIdentity({ ...options, token: null, force: true });
  }
  if (config.runtime.id === null) throw settingMissing("runtime.id", "the runtime's id in Compass");
  const { id: runtimeID, tenant } = config.runtime;
  const { hosts, connectorURL: knownAs } = config.compass;
  const { directorURL } = usable.connection;
  checkConnection(usable.connection, hosts);
  // However Compass calls its Connector, it is the one that is configured; what is kept must be usable under that name.
  if (knownAs !== null) checkConnection({ ...usable.connection, connectorURL: knownAs }, hosts);
  const minted = await withClient(
    options,
    usable,
    ({ fetch }) => requestToken({ url: directorURL, fetch, runtimeID, tenant }),
    "Director",
  );
  checkAnsweredURL(minted.connectorURL, usable.connection.connectorURL, hosts);
  // Whether it is the configured one under another name, nobody knows of one whose Connector was not known before.
  const isKnown = usable.connection.connectorURL !== usable.connection.secureConnectorURL;
  const other = isKnown ? null : movedConnector(config, { ...usable.connection, connectorURL: minted.connectorURL });
  if (other !== null) throw newTokenNeeded(other);
  // Compass itself says which Connector takes it.
  const compass = { ...config.compass, connectorURL: minted.connectorURL };
  return pairIdentity({ ...options, config: { ...config, compass }, token: minted.token, force: true, knownAs });
}

/** In words, that the configuration names another Connector than the one that the identity was paired with; else null. */
export function movedConnector({ compass }: Config, { connectorURL, secureConnectorURL }: Connection): string | null {
  const configured = compass.connectorURL;
  // One that the Go agent paired does not know the address that takes tokens.
  if (configured === null || connectorURL === secureConnectorURL || isSameURL(configured, connectorURL)) return null;
  return `paired with ${hostIn(connectorURL)}, but compass.connectorURL names ${hostIn(configured)}`;
}

const isOfConfigured = ({ compass }: Config, { connectorURL }: URLs): boolean =>
  compass.connectorURL !== null && isSameURL(connectorURL, compass.connectorURL);

/** The Director of the identity in use would be asked for a token of the Compass that is to be left. */
const newTokenNeeded = (moved: string) =>
  new Failure(`the identity is ${moved}, and there is no unused one-time token of that one`, {
    code: "TokenNeeded",
    stage: "connect",
    hint: "Nothing was changed. Ask the new Compass for a one-time token and run `runtime-agent reconnect --token-file FILE`, or put it where compass.token reads it. To stay with the one in use, put compass.connectorURL back.",
  });

/** False also for what is no token. */
function isUnspent(token: Secret, spentTokens: readonly string[]): boolean {
  try {
    return !spentTokens.includes(readToken(token).digest);
  } catch {
    return false;
  }
}
