/** What is remembered of the certificate: proofs, failures and refusals. */

import type { FailureCode } from "./common/failure.js";
import { sha256 } from "./common/sha256.js";
import { anotherFailure } from "./connect/index.js";
import type { CertificateMemory, PendingIdentity, State } from "./state/index.js";

export async function changeCertificateMemory(state: State, change: Partial<CertificateMemory>): Promise<void> {
  const memory = await state.memory();
  await state.saveMemory({ ...memory, certificate: { ...memory.certificate, ...change } });
}

/** Remembers that Compass has just taken a new certificate. */
export const noteProof = (state: State, now: Date) =>
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

export async function noteFailedRenewal(state: State, code: FailureCode, now: Date): Promise<void> {
  if (code === "Aborted") return;
  const { renewal } = (await state.memory()).certificate;
  await changeCertificateMemory(state, { renewal: anotherFailure(renewal, code, now) });
}

/** Remembers how long whoever rests waits until a pairing on its way is tried again. */
export async function noteCutPairing(state: State, code: FailureCode, now: Date): Promise<void> {
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
export async function noteRejection(state: State, code: FailureCode, now: Date): Promise<void> {
  if (code !== "CredentialsRejected") return;
  const { rejected } = (await state.memory()).certificate;
  await changeCertificateMemory(state, { rejected: anotherFailure(rejected, code, now) });
}

/** Refusals of a certificate on its way, one a run, before it is taken for dead: an outage gives the same (contract 12.2). */
const REFUSALS = 3;

/** Counts one refusal more, for each certificate by itself: those of the one in use say nothing of the one on its way. */
export async function isRefusedForGood(state: State, issued: NonNullable<PendingIdentity["issued"]>): Promise<boolean> {
  const { refused } = (await state.memory()).certificate;
  const certificate = sha256(issued.certificate);
  const times = (refused?.certificate === certificate ? refused.times : 0) + 1;
  await changeCertificateMemory(state, { refused: { certificate, times } });
  return times >= REFUSALS;
}
