/** The revocation by the configuration. */

import { isRefusedForGood, noteRejection } from "./certificate-memory.js";
import { asFailure, Failure, inOtherWords } from "./common/failure.js";
import {
  askRevocation,
  checkConnection,
  findIdentity,
  parseSubject,
  tokenNeeded,
  type URLs,
  type Usable,
  validFrom,
} from "./connect/index.js";
import { type IdentityOptions, withClient } from "./identity-client.js";
import type { State } from "./state/index.js";

/**
 * Revokes the certificate in use, and one that is on its way as far as that can be. The identity is dropped when the
 * Connector said `true` to the one in use; otherwise it is kept, and the failure is `RevocationUnconfirmed`.
 */
export async function revokeIdentity(options: IdentityOptions): Promise<{ readonly clientID: string }> {
  const { config, state, clock } = options;
  const found = await findIdentity(state, clock.now());
  const pending = await state.pending();
  const issued =
    pending?.issued == null ? null : { identity: pending, issued: pending.issued, shown: pending.issued.chain };
  const { id: runtimeID, tenant } = config.runtime;
  const revoke = (each: NonNullable<typeof issued> | Usable, { secureConnectorURL: url }: URLs) =>
    withClient(options, each, ({ fetch }) => askRevocation({ url, fetch, token: null, tenant, runtimeID }));
  if (typeof found === "string") {
    // What is on its way is all there is.
    if (pending !== null && issued === null) {
      await state.discardPending();
      throw tokenNeeded(
        `${found}; the ${pending.tokenDigest === null ? "renewal" : "pairing"} that was on its way is given up`,
      );
    }
    if (pending === null || issued === null) throw tokenNeeded(found);
    checkConnection(pending.urls, config.compass.hosts);
    await revoke(issued, pending.urls).catch((thrown: unknown) => {
      throw unconfirmed(asFailure(thrown, "connect"));
    });
    await forget(state);
    return { clientID: parseSubject(pending.subject).commonName };
  }
  const usable = found;
  checkConnection(usable.connection, config.compass.hosts);
  if (issued !== null) {
    // One that Compass goes on to refuse, or that is not valid yet, stops nothing: its key goes with it.
    await revoke(issued, usable.connection).catch(async (thrown: unknown) => {
      const failure = asFailure(thrown, "connect");
      const isDead =
        validFrom(issued, clock.now()) !== null ||
        (failure.code === "CredentialsRejected" && (await isRefusedForGood(state, issued.issued)));
      if (!isDead) throw unconfirmed(failure);
    });
  }
  try {
    await revoke(usable, usable.connection);
  } catch (thrown) {
    const failure = asFailure(thrown, "connect");
    await noteRejection(state, failure.code, clock.now());
    throw unconfirmed(failure);
  }
  await forget(state);
  return { clientID: usable.connection.clientID };
}

/** Compass has revoked it, whatever becomes of what is stored: the failure says so. */
async function forget(state: State): Promise<void> {
  try {
    await state.forgetIdentity();
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown;
    throw inOtherWords(
      thrown,
      `the certificate is revoked, but stays in the state: ${thrown.message}`,
      `${thrown.hint} Nothing can be done with it any more: pair with a new one-time token.`,
    );
  }
}

const unconfirmed = (cause: Failure) =>
  new Failure(`the Connector did not confirm the revocation (${cause.code}): ${cause.message}`, {
    code: "RevocationUnconfirmed",
    stage: "connect",
    retryable: cause.retryable,
    hint: "The identity is kept. Run `revoke` again; where the certificate is revoked already, `reconnect` with a new token replaces it.",
    cause,
  });
