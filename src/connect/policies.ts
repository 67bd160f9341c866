/** Decides whether the certificate in use is renewed, and when it may be tried. Pure: the clock is an argument. */

import { sha256 } from "../common/sha256.js";
import type { CertificateMemory, Identity } from "../state/index.js";
import { type CertificateDates, hasSubject, type Inspected } from "./certificate.js";
import { parseSubject } from "./subject.js";

/** Why a certificate is renewed. Documented in docs/reference/reasons.md; never renamed. */
export type RenewalReason =
  | "RenewalRequested"
  | "CertificateUnreadable"
  | "KeyMismatch"
  | "AuthorityMissing"
  | "SubjectChanged"
  | "DirectorUnreachable"
  | "RenewalDue";

/** What the moment of a renewal depends on beside the certificate. */
export interface RenewalTiming {
  /** The share of the life that may pass. */
  readonly renewAt: number;
  /** Between two cycles, in milliseconds. */
  readonly every: number;
}

export interface Situation {
  readonly identity: Identity;
  readonly inspected: Inspected;
  /** What Compass wanted as subject when it was last asked; null when it is not known. */
  readonly subject: string | null;
  readonly memory: Pick<CertificateMemory, "unreached" | "renewal">;
  /** A person asked for it. */
  readonly requested: boolean;
  readonly timing: RenewalTiming;
  readonly runtimeID: string;
  readonly now: Date;
}

/** For so long Director is not reached before Compass is asked where it is, and then once in that time; in milliseconds. */
const A_DAY = 24 * 60 * 60_000;
/** A cycle or two after a long sleep show nothing. */
const TIMES_UNREACHED = 3;

type Policy = (situation: Situation) => RenewalReason | null;

const requested: Policy = (situation) => (situation.requested ? "RenewalRequested" : null);

// Of certificate and chain one is damaged or of another key: the other is shown meanwhile.
const flawed: Policy = ({ inspected }) => inspected.flaw;

// The event gateway asks for it; nothing but a renewal brings it back (contract 3.5).
const authorityMissing: Policy = ({ identity }) => (identity.ca === "" ? "AuthorityMissing" : null);

const subjectChanged: Policy = ({ inspected: { usable }, subject }) =>
  usable !== null && subject !== null && !hasSubject(usable.certificate, parseSubject(subject))
    ? "SubjectChanged"
    : null;

// Compass may have moved: with a renewal it says where to (contract 1.6).
const unreachable: Policy = ({ memory: { unreached, renewal }, now }) => {
  const isLongAgo = (moment: string) => Date.parse(moment) + A_DAY <= now.getTime();
  const isLost = unreached !== null && unreached.times >= TIMES_UNREACHED && isLongAgo(unreached.since);
  return isLost && (renewal === null || isLongAgo(renewal.last)) ? "DirectorUnreachable" : null;
};

const due: Policy = ({ inspected: { usable }, timing, runtimeID, now }) =>
  usable !== null && now >= renewalTime(usable.dates, timing, runtimeID) ? "RenewalDue" : null;

/** In this order: the first reason stands. */
const policies: readonly Policy[] = [requested, flawed, authorityMissing, subjectChanged, unreachable, due];

/** Why the certificate is to be renewed now; null when nothing asks for it. */
export function renewalReason(situation: Situation): RenewalReason | null {
  for (const policy of policies) {
    const reason = policy(situation);
    if (reason !== null) return reason;
  }
  return null;
}

/** Cycles that must fit in what is left of the life: one may meet an outage (contract 3.6). */
const INTERVALS_LEFT = 2;
/** Sooner than this, however rare cycles are, another certificate would follow on each cycle. */
const EARLIEST = 1 / 3;

/**
 * When the certificate is due: `renewAt` of its life, and up to a twentieth of the life before that, the same for one
 * runtime always, so that runtimes paired together do not renew together. Never after `renewAt`: what is left then must
 * outlast an outage of the Connector. Sooner where fewer than two intervals would be left, but after a third of the life.
 */
export function renewalTime(
  { notBefore, notAfter }: CertificateDates,
  { renewAt, every }: RenewalTiming,
  runtimeID: string,
): Date {
  const life = notAfter.getTime() - notBefore.getTime();
  const share = Number.parseInt(sha256(runtimeID).slice(0, 8), 16) / 2 ** 32;
  const early = Math.min(0.01 + 0.04 * share, renewAt / 2);
  const bySchedule = Math.max(life * EARLIEST, life - INTERVALS_LEFT * every);
  return new Date(notBefore.getTime() + Math.min(life * (renewAt - early), bySchedule));
}

/** Intervals that a life must have for a cycle to fit in before and after the moment of its renewal. */
const INTERVALS_OF_A_LIFE = 3;

/** True for a certificate that ends before the third interval does: then one cycle too few can lose it. */
export const isShortLived = ({ notBefore, notAfter }: CertificateDates, every: number): boolean =>
  notAfter.getTime() - notBefore.getTime() < INTERVALS_OF_A_LIFE * every;

const FIRST_WAIT = 30_000;
const LONGEST_WAIT = 15 * 60_000;
/** Between two signing requests that the agent sends by its own decision. */
const BETWEEN_ISSUANCES = 10 * 60_000;

/** After so many failures, with so much left of the certificate; in milliseconds. */
export const retryWait = (times: number, left: number): number =>
  Math.min(FIRST_WAIT * 2 ** (times - 1), LONGEST_WAIT, left / 4);

/**
 * When a renewal may be tried, after failures: 30 s doubling to 15 min, but never waiting beyond a quarter of what is
 * left of the certificate. At most one signing request in ten minutes, whatever is left; one that lacks its proof alone
 * (`isIssued`) needs none. Null: at once. What is said to have been after `now` was by a clock that was wrong, and keeps
 * nobody waiting.
 */
export function nextAttempt(
  { renewal, lastIssuance }: Pick<CertificateMemory, "renewal" | "lastIssuance">,
  { notAfter, isIssued }: { readonly notAfter: Date; readonly isIssued: boolean },
  now: Date,
): Date | null {
  const moments: number[] = [];
  const isPast = (moment: string) => Date.parse(moment) <= now.getTime();
  if (renewal !== null && isPast(renewal.last)) {
    const last = Date.parse(renewal.last);
    const left = Math.max(0, notAfter.getTime() - last);
    moments.push(last + retryWait(renewal.times, left));
  }
  if (lastIssuance !== null && !isIssued && isPast(lastIssuance))
    moments.push(Date.parse(lastIssuance) + BETWEEN_ISSUANCES);
  return moments.length === 0 ? null : new Date(Math.max(...moments));
}
