/** The last steps of a new identity, however it came: checked, proven, put in use. */

import type { Clock } from "../common/clock.js";
import { Failure, inOtherWords } from "../common/failure.js";
import type { Connection, Identity, PendingIdentity, State } from "../state/index.js";
import { type CertificateDates, checkIssued, hasSubject, readCertificate } from "./certificate.js";
import type { Prove } from "./prove.js";
import { parseSubject } from "./subject.js";
import { checkConnection } from "./urls.js";

export interface CompleteOptions {
  readonly state: State;
  readonly clock: Clock;
  readonly prove: Prove;
  /** As in `checkConnection`. */
  readonly hosts: readonly string[];
  /** The identity that is replaced and still works; null when there is none. */
  readonly former: { readonly identity: Identity; readonly connection: Connection } | null;
  /** How often the new identity was tried in vain so far. @default 0 */
  readonly failures?: number;
}

export type Issued = PendingIdentity & { readonly issued: NonNullable<PendingIdentity["issued"]> };

/** A renewal that has its certificate and lacks its proof alone; null for anything else on its way. */
export const unprovenRenewal = (pending: PendingIdentity | null, now: Date): Issued | null =>
  pending !== null && pending.tokenDigest === null && pending.issued !== null && endedBy(pending, now) === null
    ? { ...pending, issued: pending.issued }
    : null;

/** Of a certificate on its way; null where there is none, or none that can be read. */
export function datesOf({ issued }: Pick<PendingIdentity, "issued">): CertificateDates | null {
  if (issued === null) return null;
  try {
    return readCertificate(issued.certificate);
  } catch {
    return null;
  }
}

/** When a certificate on its way ends; null where there is none, or none that can be read. */
export const endedAt = (pending: Pick<PendingIdentity, "issued">): Date | null => datesOf(pending)?.notAfter ?? null;

/** When a certificate on its way ended, where it did; else null. */
export function endedBy(pending: Pick<PendingIdentity, "issued"> | null, now: Date): Date | null {
  const until = pending === null ? null : endedAt(pending);
  return until !== null && until <= now ? until : null;
}

export const endedWords = (ended: Date) =>
  `a new certificate is stored, but it ended on ${ended.toISOString()} by the clock of this machine: check that first`;

/** When a certificate on its way begins to be valid, where that is still to come; else null. */
export function validFrom(pending: Pick<PendingIdentity, "issued">, now: Date): Date | null {
  const beginning = datesOf(pending)?.notBefore ?? null;
  return beginning !== null && beginning > now ? beginning : null;
}

/** From then on the new identity is taken for the culprit when the former one works and it does not. */
const PATIENCE = 3;

/**
 * Throws a `Failure` when the new identity cannot be put in use: it stays pending when that may pass, and is dropped
 * when it is not ours, or when Compass takes the former one at the same time.
 */
export async function complete(pending: Issued, options: CompleteOptions): Promise<CertificateDates> {
  const { state, clock, prove, hosts, former } = options;
  const { issued, key, tokenDigest } = pending;
  const urls = { ...pending.urls, connectorURL: pending.knownAs ?? pending.urls.connectorURL };
  const subject = parseSubject(pending.subject);
  const identity = { key, ...issued };
  // By a clock that may be wrong: kept, as one is that is not valid yet.
  const until = datesOf(pending)?.notAfter;
  if (until !== undefined && until <= clock.now()) throw expired(until);
  let dates: CertificateDates;
  try {
    dates = checkIssued(identity, subject.commonName, clock.now());
  } catch (thrown) {
    // One that time alone makes usable is kept.
    if (thrown instanceof Failure && thrown.retryable) throw thrown;
    await state.discardPending();
    if (former === null || !(thrown instanceof Failure)) throw thrown;
    throw inOtherWords(
      thrown,
      `the new certificate was dropped: ${thrown.message}`,
      afterDropped(tokenDigest !== null),
    );
  }
  // Whatever is put in use is held against this before each call: it would replace what works, and serve nobody.
  checkConnection(urls, hosts);
  try {
    await prove(identity, pending.urls);
  } catch (thrown) {
    if (await isCulprit(thrown, options)) {
      await state.discardPending();
      throw dropped(thrown, tokenDigest !== null);
    }
    throw thrown;
  }
  const now = clock.now().toISOString();
  // A renewal is one also where its predecessor has expired before it was proven.
  const before = tokenDigest === null ? (former?.connection ?? (await state.connection())) : null;
  await state.promote(identity, {
    ...urls,
    clientID: dates.commonName,
    // Where Compass issues another than it asks for, there is nothing that a renewal could mend.
    subject: hasSubject(issued.certificate, subject) ? pending.subject : null,
    establishedAt: before?.establishedAt ?? now,
    renewedAt: before === null ? null : now,
  });
  return dates;
}

/** An outage refuses both (contract 12.2): so the one that works is asked at the same time. */
async function isCulprit(thrown: unknown, { prove, former, failures = 0 }: CompleteOptions): Promise<boolean> {
  if (former === null || !(thrown instanceof Failure) || thrown.code === "Aborted") return false;
  const isRefused = thrown.code === "CredentialsRejected" || thrown.code === "RuntimeUnknown";
  if (!isRefused && failures + 1 < PATIENCE) return false;
  try {
    await prove(former.identity, former.connection);
    return true;
  } catch {
    return false;
  }
}

const expired = (until: Date) =>
  new Failure(`the new certificate was valid until ${until.toISOString()}, by the clock of this machine`, {
    code: "CertificateUnusable",
    stage: "connect",
    retryable: true,
    hint: "Check the clock of this machine: the certificate is kept and looked at again. If the clock is right, pair with a new one-time token.",
  });

const dropped = (cause: unknown, isPaired: boolean) =>
  new Failure("Compass takes the certificate in use, but not the new one, which was dropped", {
    code: "CertificateUnusable",
    stage: "connect",
    hint: afterDropped(isPaired),
    cause,
  });

const afterDropped = (isPaired: boolean) =>
  isPaired
    ? "The certificate in use stays in use. The token is spent: to try again, use a new one. When it stays, ask the owner of Compass."
    : "The certificate in use stays in use, and another one is asked for. When it stays, ask the owner of Compass.";
