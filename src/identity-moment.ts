/** When the identity wants to be looked after, so that whoever rests between two cycles wakes in time for it. */

import { ofPairing } from "./certificate-memory.js";
import type { Config } from "./config/index.js";
import {
  canFinish,
  endedAt,
  findIdentity,
  goesOn,
  nextAttempt,
  PAIRING_LIFE,
  retryWait,
  unprovenRenewal,
  validFrom,
} from "./connect/index.js";
import type { Moment } from "./daemon.js";
import { renewalOf, urgentFrom } from "./maintain.js";
import { renewalDue } from "./renew-identity.js";
import type { CertificateMemory, PendingIdentity, State } from "./state/index.js";

/**
 * When the certificate in use is due, or a pairing or a renewal that failed may be tried again; past where nobody has done it
 * yet. Null where waiting for the next cycle loses nothing: without an identity a new token wakes the agent.
 */
export async function identityMoment(config: Config, state: State, now: Date): Promise<Moment | null> {
  const [pending, { certificate: memory }] = [await state.pending(), await state.memory()];
  const pairing = pairingMoment(pending, memory, now);
  const found = await findIdentity(state, now);
  const unproven = unprovenRenewal(pending, now);
  if (typeof found === "string") {
    // What is left is the new certificate, which ends, too.
    const until = unproven === null ? null : endedAt(unproven);
    if (until === null) return pairing;
    return { at: nextAttempt(memory, { notAfter: until, isIssued: true }, now) ?? now, until };
  }
  const { notAfter: until } = found.dates;
  const reason = renewalOf(config, found, { pending, memory, requested: false }, now);
  if (reason === null)
    return earlier(pairing, { at: renewalDue(config, found.dates, found.connection.clientID), until });
  // While a pairing is on its way, a renewal waits for it.
  const urgent = urgentFrom(config, found);
  if (pending !== null && pending.tokenDigest !== null && urgent > now) return earlier(pairing, { at: urgent, until });
  const isIssued = unproven !== null && goesOn(unproven, until, now);
  return earlier(pairing, { at: nextAttempt(memory, { notAfter: until, isIssued }, now) ?? now, until });
}

const earlier = (one: Moment | null, other: Moment): Moment => (one !== null && one.at < other.at ? one : other);

/**
 * When a pairing that was cut is tried again, at the pace of a renewal that fails: its second token does not live long.
 * Null where none is on its way. What is said to have been after `now` keeps nobody waiting.
 */
function pairingMoment(pending: PendingIdentity | null, memory: CertificateMemory, now: Date): Moment | null {
  if (pending === null || !canFinish(pending, now)) return null;
  const until = endedAt(pending) ?? new Date(Date.parse(pending.since) + PAIRING_LIFE);
  const from = validFrom(pending, now);
  if (from !== null) return { at: from, until };
  const tried = ofPairing(memory.pairing, pending);
  if (tried === null || Date.parse(tried.last) > now.getTime()) return { at: now, until };
  const last = Date.parse(tried.last);
  return { at: new Date(last + retryWait(tried.times, until.getTime() - last)), until };
}
