/** Exchanges a one-time token for a certificate, in exactly two token calls (contract 1.4). */

import type { HTTPClient } from "../adapters/http/index.js";
import { createSigningRequest } from "../adapters/x509/index.js";
import type { Clock } from "../common/clock.js";
import { Failure, inOtherWords } from "../common/failure.js";
import type { Secret } from "../common/secret.js";
import type { FailedAttempts, PendingIdentity, State } from "../state/index.js";
import { type CertificateDates, readKey } from "./certificate.js";
import { type CompleteOptions, complete, endedBy, endedWords, type Issued } from "./complete.js";
import { AnsweredByConnector, askCertificate, askConfiguration } from "./connector.js";
import { generateKey } from "./key.js";
import type { Prove } from "./prove.js";
import { parseSubject } from "./subject.js";
import { type OneTimeToken, readToken } from "./token.js";
import { checkAnsweredURL, checkConnection, isSameURL } from "./urls.js";

export interface PairOptions {
  readonly state: State;
  readonly client: HTTPClient;
  /** The token as given; null to finish a pairing that was cut. */
  readonly token: Secret | null;
  /** `compass.connectorURL`; null when the token names it. */
  readonly connectorURL: string | null;
  /** What the connection keeps as the Connector's address, where Compass names it otherwise. @default null */
  readonly knownAs?: string | null;
  readonly hosts: readonly string[];
  /** RSA bits. */
  readonly keySize: number;
  readonly clock: Clock;
  readonly prove: Prove;
  /** The identity in use, while it works; null when there is none. */
  readonly former: CompleteOptions["former"];
  /** Told before the token is spent: the host it goes to. */
  readonly onHost: (host: string) => void;
}

export interface Paired extends CertificateDates {
  readonly host: string;
  /** True when a pairing that was cut was finished. */
  readonly resumed: boolean;
}

/**
 * Pairs and puts the identity in use; the one in use before stays until then. Cut anywhere, the next call goes on:
 * key, second token and addresses are stored before the second call, its answer before anything else is done with it.
 */
export async function pair(options: PairOptions): Promise<Paired> {
  const { state } = options;
  const token = options.token === null ? null : readToken(options.token);
  const cut = await pendingPairing(state, options.clock.now());
  const { spentTokens } = await state.memory();
  // A token that was used before, as one that stays configured, is no reason to begin anew.
  const isNew = token !== null && token.digest !== cut?.tokenDigest && !spentTokens.includes(token.digest);
  if (cut !== null && !isNew) return finish(cut, true, options);
  if (token === null) throw tokenNeeded(endedBy(await state.pending(), options.clock.now()));
  if (!isNew) throw tokenSpent();
  const connectorURL = connectorOf(token, options.connectorURL);
  checkConnector(connectorURL, options);
  const pending = await begin(token, connectorURL, options);
  return finish(pending, false, options);
}

/** Nobody who could spend a token has seen it: its hour has not begun by that. */
const UNSENT: ReadonlySet<string> = new Set(["NetworkUnreachable", "TlsUntrusted", "ProxyFailed", "Aborted"]);

/** How long a token is taken from its creation on (contract 1.3), in milliseconds. */
const TOKEN_LIFE = 60 * 60_000;

/** Tries in vain after which a token is given up: fewer may be of an outage, seen by a clock that was put right since. */
const TRIES = 6;

/** True for a token that was tried in vain often, and for longer than any is taken. */
export const isPastTokenLife = (tried: FailedAttempts | undefined, now: Date): boolean =>
  tried !== undefined && tried.times >= TRIES && Date.parse(tried.since) + TOKEN_LIFE < now.getTime();

/** How long a cut pairing is tried again: Compass tells when its token is too old, a clock that was put right does not. */
export const PAIRING_LIFE = 24 * 60 * 60_000;

/** True for a pairing that was cut and can go on: it has its certificate, or a second token that may still be taken. */
export const canFinish = ({ tokenDigest, issued, since }: PendingIdentity, now: Date): boolean =>
  tokenDigest !== null &&
  (issued === null ? Date.parse(since) + PAIRING_LIFE > now.getTime() : endedBy({ issued }, now) === null);

/** A pairing that was cut and can go on; one that cannot is dropped. */
async function pendingPairing(state: State, now: Date): Promise<PendingIdentity | null> {
  const pending = await state.pending();
  if (pending === null || pending.tokenDigest === null) return null;
  const { triedTokens } = (await state.memory()).certificate;
  const isGivenUp = pending.issued === null && isPastTokenLife(triedTokens[pending.tokenDigest], now);
  if (canFinish(pending, now) && !isGivenUp) return pending;
  // By a clock that may be wrong: what has ended stays where it is.
  if (pending.issued === null) await drop(state, pending.tokenDigest);
  return null;
}

/** Nothing tells of its token any more but what is remembered of it. */
async function drop(state: State, tokenDigest: string | null): Promise<void> {
  if (tokenDigest !== null) await rememberSpent(state, tokenDigest);
  await state.discardPending();
}

/** First token call, and everything that the second one needs stored. */
async function begin(token: OneTimeToken, connectorURL: string, options: PairOptions): Promise<PendingIdentity> {
  const { state, client, hosts, keySize, clock, knownAs = null } = options;
  // Before the call, so that nothing slow stands between its answer and the disk.
  const key = await generateKey(keySize);
  // A token is good for one answer: where that cannot be kept, none is asked for.
  await state.checkWritable();
  options.onHost(new URL(connectorURL).host);
  const call = { url: connectorURL, fetch: client.fetch, token: token.token };
  const answer = await askConfiguration(call).catch(async (thrown: unknown) => {
    if (thrown instanceof AnsweredByConnector) await rememberSpent(state, token.digest);
    else if (thrown instanceof Failure && !UNSENT.has(thrown.code))
      await rememberTried(state, token.digest, thrown.code, clock.now());
    throw thrown;
  });
  const { directorURL, secureConnectorURL, subject, nextToken } = answer;
  try {
    checkAnsweredURL(directorURL, connectorURL, hosts);
    checkAnsweredURL(secureConnectorURL, connectorURL, hosts);
    parseSubject(subject);
    const urls = { connectorURL, secureConnectorURL, directorURL };
    checkConnection({ ...urls, connectorURL: knownAs ?? connectorURL }, hosts);
    const since = clock.now().toISOString();
    const pending = { tokenDigest: token.digest, since, subject, urls, knownAs, key, nextToken, issued: null };
    await state.savePending(pending).catch((thrown: unknown) => {
      throw unkept(thrown);
    });
    await rememberSpent(state, token.digest);
    return pending;
  } catch (thrown) {
    // What went wrong first is what is told, though this may go wrong, too.
    await rememberSpent(state, token.digest).catch(() => undefined);
    throw thrown;
  }
}

/** The answer could not be kept, and no token gives it twice. */
function unkept(thrown: unknown): unknown {
  if (!(thrown instanceof Failure)) return thrown;
  const { message, hint } = thrown;
  return inOtherWords(
    thrown,
    `${message}; the one-time token is used up`,
    `${hint} Then pair with a new one-time token.`,
  );
}

/** Second token call unless its answer is stored already; then the checks, the proof, and the switch. */
async function finish(pending: PendingIdentity, resumed: boolean, options: PairOptions): Promise<Paired> {
  const { state, clock, prove, hosts, former } = options;
  checkConnector(pending.urls.connectorURL, options);
  checkConnection(pending.urls, hosts);
  const issued = pending.issued === null ? await sign(pending, options) : { ...pending, issued: pending.issued };
  const dates = await complete(issued, { state, clock, prove, hosts, former });
  return { ...dates, host: new URL(issued.urls.connectorURL).host, resumed };
}

async function sign(pending: PendingIdentity, { state, client, clock }: PairOptions): Promise<Issued> {
  const { nextToken, subject, key, urls } = pending;
  if (nextToken === null) throw tokenNeeded(null);
  const csr = createSigningRequest(parseSubject(subject), readKey(key));
  await state.checkWritable();
  try {
    const call = { url: urls.connectorURL, fetch: client.fetch, token: nextToken };
    const issued = { ...pending, nextToken: null, issued: await askCertificate(call, csr) };
    await state.savePending(issued).catch((thrown: unknown) => {
      throw unkept(thrown);
    });
    return issued;
  } catch (thrown) {
    // Its token is spent, so there is nothing to go on with.
    if (thrown instanceof AnsweredByConnector) await drop(state, pending.tokenDigest);
    else if (pending.tokenDigest !== null && thrown instanceof Failure && !UNSENT.has(thrown.code))
      await rememberTried(state, pending.tokenDigest, thrown.code, clock.now());
    throw thrown;
  }
}

async function rememberSpent(state: State, digest: string): Promise<void> {
  const memory = await state.memory();
  if (memory.spentTokens.includes(digest)) return;
  await state.saveMemory({ ...memory, spentTokens: [...memory.spentTokens, digest].slice(-50) });
}

/** The answer left open whether the token is spent: it may be sent again while it may still be valid. */
async function rememberTried(state: State, digest: string, failure: string, now: Date): Promise<void> {
  const memory = await state.memory();
  const { triedTokens } = memory.certificate;
  const { [digest]: before, ...others } = triedTokens;
  const tried = [...Object.entries(others).slice(-20), [digest, anotherFailure(before, failure, now)] as const];
  await state.saveMemory({
    ...memory,
    certificate: { ...memory.certificate, triedTokens: Object.fromEntries(tried) },
  });
}

/** One failure more. */
export const anotherFailure = (before: FailedAttempts | null | undefined, failure: string, now: Date) => ({
  since: before?.since ?? now.toISOString(),
  last: now.toISOString(),
  times: (before?.times ?? 0) + 1,
  failure,
});

function connectorOf(token: OneTimeToken, configured: string | null): string {
  if (token.connectorURL !== null && configured !== null && !isSameURL(token.connectorURL, configured)) {
    throw new Failure("the token belongs to another Connector than compass.connectorURL names", {
      code: "TokenMalformed",
      stage: "connect",
      hint: "Ask for a token of that Compass, or mend compass.connectorURL. The token was not sent anywhere.",
    });
  }
  const url = configured ?? token.connectorURL;
  if (url === null) {
    throw new Failure("it is not known which Connector to pair with", {
      code: "ConfigurationInvalid",
      stage: "connect",
      hint: "Set compass.connectorURL, or give the token as rawEncoded, which names it.",
    });
  }
  if (!URL.canParse(url) || new URL(url).protocol !== "https:") {
    throw new Failure("the Connector's address is not an https URL", {
      code: "ConfigurationInvalid",
      stage: "connect",
      hint: "Set compass.connectorURL to https://…/connector/graphql.",
    });
  }
  return url;
}

/** The one that is configured is a person's choice; one that only a token names is Compass's, and must be within `hosts`. */
function checkConnector(url: string, { connectorURL, hosts }: Pick<PairOptions, "connectorURL" | "hosts">): void {
  if (connectorURL === null || !isSameURL(url, connectorURL)) checkAnsweredURL(url, url, hosts);
}

const tokenNeeded = (ended: Date | null) =>
  new Failure(`there is no one-time token to pair with${ended === null ? "" : `; ${endedWords(ended)}`}`, {
    code: "TokenNeeded",
    stage: "connect",
    hint: "Ask Compass for a one-time token and give it with `pair --token-file FILE` or as compass.token.",
  });

const tokenSpent = () =>
  new Failure("this one-time token was used before by this agent; it was not sent again", {
    code: "TokenRejected",
    stage: "connect",
    hint: "Ask Compass for a new one-time token.",
  });
