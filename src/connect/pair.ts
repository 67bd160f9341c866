/** Exchanges a one-time token for a certificate, in exactly two token calls (contract 1.4). */

import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import type { HTTPClient } from "../adapters/http/index.js";
import { createSigningRequest } from "../adapters/x509/index.js";
import type { Clock } from "../common/clock.js";
import { Failure } from "../common/failure.js";
import { Secret } from "../common/secret.js";
import type { PendingIdentity, State } from "../state/index.js";
import { type CertificateDates, checkIssued, readKey } from "./certificate.js";
import { AnsweredByConnector, askCertificate, askConfiguration } from "./connector.js";
import { parseSubject } from "./subject.js";
import { type OneTimeToken, readToken } from "./token.js";
import { checkAnsweredURL } from "./urls.js";

export interface PairOptions {
  readonly state: State;
  readonly client: HTTPClient;
  /** The token as given; null to finish a pairing that was cut. */
  readonly token: Secret | null;
  /** `compass.connectorURL`; null when the token names it. */
  readonly connectorURL: string | null;
  readonly hosts: readonly string[];
  /** RSA bits. */
  readonly keySize: number;
  readonly clock: Clock;
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
  const cut = await state.pending();
  if (cut !== null && (token === null || token.digest === cut.tokenDigest)) return finish(cut, true, options);
  if (token === null) throw tokenNeeded();

  const memory = await state.memory();
  if (memory.spentTokens.includes(token.digest)) throw tokenSpent();
  const connectorURL = connectorOf(token, options.connectorURL);
  options.onHost(new URL(connectorURL).host);
  const pending = await begin(token, connectorURL, options);
  return finish(pending, false, options);
}

/** First token call, and everything that the second one needs stored. */
async function begin(token: OneTimeToken, connectorURL: string, options: PairOptions): Promise<PendingIdentity> {
  const { state, client, hosts, keySize, clock } = options;
  // Before the call, so that nothing slow stands between its answer and the disk.
  const key = await generateKey(keySize);
  const call = { url: connectorURL, fetch: client.fetch, token: token.token };
  const answer = await askConfiguration(call).catch(async (thrown: unknown) => {
    if (thrown instanceof AnsweredByConnector) await rememberSpent(state, token.digest);
    throw thrown;
  });
  const { directorURL, secureConnectorURL, subject, nextToken } = answer;
  try {
    checkAnsweredURL(directorURL, connectorURL, hosts);
    checkAnsweredURL(secureConnectorURL, connectorURL, hosts);
    parseSubject(subject);
    const urls = { connectorURL, secureConnectorURL, directorURL };
    const since = clock.now().toISOString();
    const pending = { tokenDigest: token.digest, since, subject, urls, key, nextToken, issued: null };
    await state.savePending(pending);
    return pending;
  } finally {
    await rememberSpent(state, token.digest);
  }
}

/** Second token call unless its answer is stored already; then the checks, then the switch. */
async function finish(pending: PendingIdentity, resumed: boolean, options: PairOptions): Promise<Paired> {
  const { state, clock } = options;
  const { issued, urls, key } =
    pending.issued === null ? await sign(pending, options) : { ...pending, issued: pending.issued };
  const subject = parseSubject(pending.subject);
  let dates: CertificateDates;
  try {
    dates = checkIssued({ key, ...issued }, subject.commonName, clock.now());
  } catch (thrown) {
    // One that time alone makes usable is kept.
    if (!(thrown instanceof Failure && thrown.retryable)) await state.discardPending();
    throw thrown;
  }
  const connection = {
    ...urls,
    clientID: dates.commonName,
    subject: pending.subject,
    establishedAt: clock.now().toISOString(),
    renewedAt: null,
  };
  await state.promote({ key, ...issued }, connection);
  return { ...dates, host: new URL(urls.connectorURL).host, resumed };
}

type Complete = PendingIdentity & { issued: NonNullable<PendingIdentity["issued"]> };

async function sign(pending: PendingIdentity, { state, client }: PairOptions): Promise<Complete> {
  const { nextToken, subject, key, urls } = pending;
  if (nextToken === null) throw tokenNeeded();
  const csr = createSigningRequest(parseSubject(subject), readKey(key));
  try {
    const call = { url: urls.connectorURL, fetch: client.fetch, token: nextToken };
    const complete = { ...pending, nextToken: null, issued: await askCertificate(call, csr) };
    await state.savePending(complete);
    return complete;
  } catch (thrown) {
    // Its token is spent, so there is nothing to go on with.
    if (thrown instanceof AnsweredByConnector) await state.discardPending();
    throw thrown;
  }
}

async function generateKey(modulusLength: number): Promise<Secret> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength });
  return Secret.of(privateKey.export({ type: "pkcs1", format: "pem" }).toString());
}

async function rememberSpent(state: State, digest: string): Promise<void> {
  const memory = await state.memory();
  if (memory.spentTokens.includes(digest)) return;
  await state.saveMemory({ ...memory, spentTokens: [...memory.spentTokens, digest].slice(-50) });
}

function connectorOf(token: OneTimeToken, configured: string | null): string {
  if (token.connectorURL !== null && configured !== null && token.connectorURL !== configured) {
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

const tokenNeeded = () =>
  new Failure("there is no one-time token to pair with", {
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
