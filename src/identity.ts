/** The identity by the configuration: paired, renewed, revoked, paired anew. */

import { createHTTPClient, type HTTPClient } from "./adapters/http/index.js";
import type { Clock } from "./common/clock.js";
import { asFailure, Failure, type FailureCode, inOtherWords } from "./common/failure.js";
import type { Secret } from "./common/secret.js";
import { sha256 } from "./common/sha256.js";
import type { Config } from "./config/index.js";
import {
  anotherFailure,
  askRevocation,
  type CertificateDates,
  canFinish,
  checkAnsweredURL,
  checkConnection,
  complete,
  createProof,
  endedBy,
  findIdentity,
  hostIn,
  type Issued,
  isSameURL,
  type Paired,
  pair,
  parseSubject,
  readToken,
  renew,
  renewalTime,
  requestToken,
  tokenNeeded,
  type URLs,
  type Usable,
  unprovenRenewal,
  validFrom,
} from "./connect/index.js";
import { compassTransport, configuredToken, type Environment, settingMissing } from "./setup.js";
import type { CertificateMemory, Connection, Identity, PendingIdentity, State } from "./state/index.js";

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

/** When a certificate is due by the configuration; the client's id stands in for a runtime that is not configured. */
export const renewalDue = (
  { certificate, runtime, schedule }: Config,
  dates: CertificateDates,
  clientID: string,
): Date => renewalTime(dates, { renewAt: certificate.renewAt, every: schedule.every }, runtime.id ?? clientID);

/** In words, that the configuration names another Connector than the one that the identity was paired with; else null. */
export function movedConnector({ compass }: Config, { connectorURL, secureConnectorURL }: Connection): string | null {
  const configured = compass.connectorURL;
  // One that the Go agent paired does not know the address that takes tokens.
  if (configured === null || connectorURL === secureConnectorURL || isSameURL(configured, connectorURL)) return null;
  return `paired with ${hostIn(connectorURL)}, but compass.connectorURL names ${hostIn(configured)}`;
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

/** Refusals of a certificate on its way, one a run, before it is taken for dead: an outage gives the same (contract 12.2). */
const REFUSALS = 3;

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

/** Counts one refusal more, for each certificate by itself: those of the one in use say nothing of the one on its way. */
async function isRefusedForGood(state: State, issued: NonNullable<PendingIdentity["issued"]>): Promise<boolean> {
  const { refused } = (await state.memory()).certificate;
  const certificate = sha256(issued.certificate);
  const times = (refused?.certificate === certificate ? refused.times : 0) + 1;
  await changeCertificateMemory(state, { refused: { certificate, times } });
  return times >= REFUSALS;
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

/** Proves and uses a renewed certificate whose predecessor cannot be used any more. */
export async function completePending(pending: Issued, options: IdentityOptions): Promise<CertificateDates> {
  const { state, clock, config } = options;
  const { hosts } = config.compass;
  try {
    const dates = await complete(pending, { state, clock, prove: await proofOf(options), hosts, former: null });
    await noteProof(state, clock.now());
    return dates;
  } catch (thrown) {
    // Whoever rests until the next try knows by it how long.
    await noteFailedRenewal(state, asFailure(thrown, "connect").code, clock.now());
    throw thrown;
  }
}

export interface RenewedCertificate extends CertificateDates {
  readonly host: string;
}

/** Renews at once, by hand: no waiting after failures. Throws `TokenNeeded` when there is nothing to renew with. */
export async function renewIdentity(options: IdentityOptions): Promise<RenewedCertificate> {
  const { state, clock } = options;
  const usable = await findIdentity(state, clock.now());
  if (typeof usable === "string") {
    const renewed = unprovenRenewal(await state.pending(), clock.now());
    if (renewed === null) throw tokenNeeded(usable);
    return { ...(await completePending(renewed, options)), host: new URL(renewed.urls.secureConnectorURL).host };
  }
  const dates = await renewBy(usable, options, false);
  return { ...dates, host: new URL(usable.connection.secureConnectorURL).host };
}

/** `isAutomatic`: the time of the signing request is stored, so that there are not too many. */
export async function renewBy(
  usable: Usable,
  options: IdentityOptions,
  isAutomatic: boolean,
): Promise<CertificateDates> {
  const { config, state, clock } = options;
  const { identity, connection } = usable;
  const { renewal, lastIssuance } = (await state.memory()).certificate;
  const prove = await proofOf(options);
  try {
    checkConnection(connection, config.compass.hosts);
    const dates = await withClient(options, usable, ({ fetch }) =>
      renew({
        state,
        fetch,
        identity,
        connection,
        hosts: config.compass.hosts,
        keySize: config.certificate.keySize,
        runtimeID: config.runtime.id,
        tenant: config.runtime.tenant,
        clock,
        prove,
        failures: renewal?.times ?? 0,
        until: usable.dates.notAfter,
        onSubject: async (subject) => {
          if (subject !== connection.subject) await changeCertificateMemory(state, { subject });
        },
        beforeIssuance: async () => {
          if (isAutomatic) await changeCertificateMemory(state, { lastIssuance: clock.now().toISOString() });
        },
        onNothingIssued: async () => {
          await changeCertificateMemory(state, { lastIssuance });
        },
      }),
    );
    await noteProof(state, clock.now());
    return dates;
  } catch (thrown) {
    const { code } = asFailure(thrown, "connect");
    await noteFailedRenewal(state, code, clock.now());
    if (code !== "Aborted") {
      // Before there is another one, it is the one in use that was refused.
      if ((await state.pending())?.issued == null) await noteRejection(state, code, clock.now());
    }
    throw thrown;
  }
}

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

/** Remembers that Compass has just taken a new certificate. */
const noteProof = (state: State, now: Date) =>
  changeCertificateMemory(state, {
    renewal: null,
    rejected: null,
    refused: null,
    pairing: null,
    subject: null,
    unreached: null,
    isPairingWanted: false,
    lastContact: now.toISOString(),
  });

async function noteFailedRenewal(state: State, code: FailureCode, now: Date): Promise<void> {
  if (code === "Aborted") return;
  const { renewal } = (await state.memory()).certificate;
  await changeCertificateMemory(state, { renewal: anotherFailure(renewal, code, now) });
}

/** Remembers how long whoever rests waits until a pairing on its way is tried again. */
async function noteCutPairing(state: State, code: FailureCode, now: Date): Promise<void> {
  if (code === "Aborted") return;
  const pending = await state.pending();
  if (pending === null || pending.tokenDigest === null) return;
  const { pairing } = (await state.memory()).certificate;
  await changeCertificateMemory(state, { pairing: anotherFailure(ofPairing(pairing, pending), code, now) });
}

/** The attempts as far as they are of this pairing; null for none. */
export const ofPairing = (pairing: CertificateMemory["pairing"], { since }: PendingIdentity) =>
  pairing !== null && Date.parse(pairing.last) >= Date.parse(since) ? pairing : null;

/** Remembers that Compass did not take the certificate in use, which may be a passing fault (contract 12.2). */
async function noteRejection(state: State, code: FailureCode, now: Date): Promise<void> {
  if (code !== "CredentialsRejected") return;
  const { rejected } = (await state.memory()).certificate;
  await changeCertificateMemory(state, { rejected: anotherFailure(rejected, code, now) });
}

export async function changeCertificateMemory(state: State, change: Partial<CertificateMemory>): Promise<void> {
  const memory = await state.memory();
  await state.saveMemory({ ...memory, certificate: { ...memory.certificate, ...change } });
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

function noteContacts(contacts: Contacts | undefined, { requests, clockSkew }: Readonly<Contacts>): void {
  if (contacts === undefined) return;
  contacts.requests += requests;
  contacts.clockSkew = clockSkew ?? contacts.clockSkew;
}

/** A client that shows an identity, or none; closed when the work is done. */
async function withClient<T>(
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
