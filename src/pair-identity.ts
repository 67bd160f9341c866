/** The pairing by the configuration, and the end of what was cut. */

import type { HTTPClient } from "./adapters/http/index.js";
import { isRefusedForGood, noteCutPairing, noteProof } from "./certificate-memory.js";
import { asFailure, Failure } from "./common/failure.js";
import type { Secret } from "./common/secret.js";
import {
  canFinish,
  checkConnection,
  endedBy,
  findIdentity,
  isSameURL,
  type Paired,
  pair,
  type Usable,
} from "./connect/index.js";
import { type IdentityOptions, proofOf, withClient } from "./identity-client.js";
import { completePending } from "./renew-identity.js";
import type { PendingIdentity, State } from "./state/index.js";

export interface PairingOptions extends IdentityOptions {
  /** Null to finish a pairing that was cut. */
  readonly token: Secret | null;
  /** Pair although there is a valid identity; it stays in use until the new one works. @default false */
  readonly force?: boolean;
  /** What is on its way and has its certificate is tried before the token. @default false */
  readonly finishFirst?: boolean;
  /** What the connection keeps as the Connector's address, where Compass names it otherwise. @default as Compass names it */
  readonly knownAs?: string | null;
  readonly onHost: (host: string) => void;
}

/** Null when there is none, or none that Compass could take. */
export async function usableIdentity(state: State, now: Date): Promise<Usable | null> {
  const found = await findIdentity(state, now);
  return typeof found === "string" ? null : found;
}

/** Throws a `Failure`; `Usage` when there is an identity that works and `force` is not set. */
export async function pairIdentity(options: PairingOptions): Promise<Paired> {
  const { state, clock, force = false } = options;
  const usable = await usableIdentity(state, clock.now());
  const isRejected = (await state.memory()).certificate.rejected !== null;
  if (usable !== null && !isRejected && !force && ((await state.pending())?.tokenDigest ?? null) === null) {
    const until = usable.dates.notAfter.toISOString();
    throw new Failure(`this agent is already paired; its certificate is valid until ${until}`, {
      code: "Usage",
      stage: "connect",
      hint: "Nothing has to be done. To pair anew all the same, add --force; the token was not used.",
    });
  }
  if (options.finishFirst === true && options.token !== null) {
    const finished = await finishIssued(options);
    if (finished !== null) return finished;
  }
  try {
    return await withClient(options, null, (client) => pairBy(client, usable, options));
  } catch (thrown) {
    await noteCutPairing(state, asFailure(thrown, "connect").code, clock.now());
    throw thrown;
  }
}

/** What was finished, as it is told. */
export interface Finished extends Paired {
  readonly work: "pairing" | "renewal";
}

/**
 * What has its certificate already is worth more than a token that nobody has taken yet: it is proven and used. Null where
 * there is nothing like that, or where it cannot be used, which `onGivenUp` is told. Throws what may pass: in an outage the
 * token would meet the same, and what it gives would take the place of a certificate that is good.
 */
export async function finishIssued(
  options: Omit<PairingOptions, "token"> & {
    readonly onGivenUp?: (work: Finished["work"], failure: Failure) => void;
  },
): Promise<Finished | null> {
  const { state, clock, onGivenUp } = options;
  const pending = await state.pending();
  if (pending?.issued == null || endedBy(pending, clock.now()) !== null) return null;
  const work = pending.tokenDigest === null ? "renewal" : "pairing";
  // While the identity in use works, its renewal has time.
  if (work === "renewal" && (await usableIdentity(state, clock.now())) !== null) return null;
  try {
    if (work === "pairing") {
      return { ...(await pairIdentity({ ...options, token: null, force: true, finishFirst: false })), work };
    }
    const dates = await completePending({ ...pending, issued: pending.issued }, options);
    return { ...dates, host: new URL(pending.urls.secureConnectorURL).host, resumed: true, work };
  } catch (thrown) {
    if (!(thrown instanceof Failure) || thrown.code === "Aborted") throw thrown;
    if (await mayPass(thrown, pending.issued, options)) throw thrown;
    onGivenUp?.(work, thrown);
    return null;
  }
}

async function mayPass(
  { code, retryable }: Failure,
  issued: NonNullable<PendingIdentity["issued"]>,
  { state }: IdentityOptions,
): Promise<boolean> {
  if (code !== "CredentialsRejected") return retryable && code !== "CertificateUnusable";
  return !(await isRefusedForGood(state, issued));
}

async function pairBy(client: HTTPClient, usable: Usable | null, options: PairingOptions): Promise<Paired> {
  const { config, state, clock, token, onHost } = options;
  const { connectorURL, hosts } = config.compass;
  const { keySize } = config.certificate;
  const prove = await proofOf(options);
  const cut = await state.pending();
  // It would answer the same again, and the token would be spent for it.
  const isCut = cut !== null && token !== null && canFinish(cut, clock.now());
  if (isCut && connectorURL !== null && isSameURL(cut.urls.connectorURL, connectorURL))
    checkConnection(cut.urls, hosts);
  const paired = await pair({
    state,
    client,
    token,
    connectorURL,
    ...(options.knownAs === undefined ? {} : { knownAs: options.knownAs }),
    hosts,
    keySize,
    clock,
    prove,
    former: usable,
    onHost,
  });
  await noteProof(state, clock.now());
  return paired;
}
