/** A new certificate for the same client, asked for with the one in use (contract 1.6). */

import type { HTTPFetch } from "../adapters/http/index.js";
import { createSigningRequest } from "../adapters/x509/index.js";
import type { Clock } from "../common/clock.js";
import type { Connection, Identity, PendingIdentity, State } from "../state/index.js";
import { type CertificateDates, readKey } from "./certificate.js";
import { complete, datesOf, type Issued } from "./complete.js";
import { AnsweredByConnector, askCertificate, askConfiguration, issuedNothing } from "./connector.js";
import { generateKey } from "./key.js";
import type { Prove } from "./prove.js";
import { parseSubject } from "./subject.js";
import { checkAnsweredURL } from "./urls.js";

export interface RenewOptions {
  readonly state: State;
  /** Shows the certificate in use. */
  readonly fetch: HTTPFetch;
  readonly identity: Identity;
  readonly connection: Connection;
  readonly hosts: readonly string[];
  /** RSA bits. */
  readonly keySize: number;
  readonly runtimeID: string | null;
  readonly tenant: string | null;
  readonly clock: Clock;
  readonly prove: Prove;
  /** When the certificate in use ends. */
  readonly until: Date;
  /** How often this renewal failed so far. */
  readonly failures: number;
  /** Told what Compass names as subject, whatever comes of the renewal. */
  readonly onSubject: (subject: string) => Promise<void>;
  /** Told before the signing request is sent, when it is the agent's own decision: stores its time. */
  readonly beforeIssuance: () => Promise<void>;
  /** Told when it was answered without a certificate: the time does not count. */
  readonly onNothingIssued: () => Promise<void>;
}

/**
 * Gets, proves and uses a new certificate; the one in use stays until then. Cut anywhere, the next call goes on from
 * what is stored: over mTLS the signing request may be sent again, with the same key. What the Connector itself refuses,
 * a key that cannot be read, and a day without proof end that attempt: the next one asks anew what Compass wants.
 */
export async function renew(options: RenewOptions): Promise<CertificateDates> {
  const { state, identity, connection, clock, prove, hosts, failures } = options;
  const cut = await state.pending();
  const pending = cut !== null && goesOn(cut, options.until, clock.now()) ? cut : await begin(options);
  const issued = pending.issued === null ? await sign(pending, options) : { ...pending, issued: pending.issued };
  return complete(issued, { state, clock, prove, hosts, former: { identity, connection }, failures });
}

/** For so long what Compass named at the beginning of a renewal is taken for true, in milliseconds. */
const BEGINNING_LIFE = 24 * 60 * 60_000;

/**
 * True for a renewal on its way that is continued; else it is begun anew: Compass may have moved in the day since, the new
 * certificate has expired, or it becomes valid only when the one in use, until `until`, has ended.
 */
export function goesOn(pending: PendingIdentity, until: Date, now: Date): boolean {
  if (pending.tokenDigest !== null || !isWhole(pending)) return false;
  const dates = datesOf(pending);
  const from = Math.max(Date.parse(pending.since), dates?.notBefore.getTime() ?? 0);
  const isWaiting = dates !== null && dates.notBefore > now;
  if (isWaiting) return dates.notBefore < until;
  return from + BEGINNING_LIFE > now.getTime() && (dates === null || dates.notAfter > now);
}

function isWhole({ key, subject }: PendingIdentity): boolean {
  try {
    parseSubject(subject);
    readKey(key);
    return true;
  } catch {
    return false;
  }
}

const callOf = ({ fetch, connection, runtimeID, tenant }: RenewOptions) => ({
  url: connection.secureConnectorURL,
  fetch,
  token: null,
  runtimeID,
  tenant,
});

async function begin(options: RenewOptions): Promise<PendingIdentity> {
  const { state, connection, hosts, keySize, clock } = options;
  const { subject, directorURL, secureConnectorURL } = await askConfiguration(callOf(options));
  checkAnsweredURL(directorURL, connection.connectorURL, hosts);
  checkAnsweredURL(secureConnectorURL, connection.connectorURL, hosts);
  parseSubject(subject);
  await options.onSubject(subject);
  const pending: PendingIdentity = {
    tokenDigest: null,
    since: clock.now().toISOString(),
    subject,
    urls: { connectorURL: connection.connectorURL, secureConnectorURL, directorURL },
    knownAs: null,
    key: await generateKey(keySize),
    nextToken: null,
    issued: null,
  };
  await state.savePending(pending);
  return pending;
}

async function sign(pending: PendingIdentity, options: RenewOptions): Promise<Issued> {
  const csr = createSigningRequest(parseSubject(pending.subject), readKey(pending.key));
  const { state, beforeIssuance, onNothingIssued } = options;
  await beforeIssuance();
  const issued = await askCertificate(callOf(options), csr).catch(async (thrown: unknown) => {
    if (issuedNothing(thrown)) await onNothingIssued();
    // The same request would be refused again: Compass wants another subject by now.
    if (thrown instanceof AnsweredByConnector) await state.discardPending();
    throw thrown;
  });
  const complete = { ...pending, issued };
  await state.savePending(complete);
  return complete;
}
