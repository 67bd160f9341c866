/** Keeps the identity alive at the start of a cycle, so that nobody has to think of it. */

import { changeCertificateMemory } from "./certificate-memory.js";
import { lastingRemarks } from "./certificate-remarks.js";
import { asFailure, Failure, inOtherWords } from "./common/failure.js";
import type { Logger } from "./common/logger.js";
import type { Secret } from "./common/secret.js";
import { SecretMissing } from "./common/secret-missing.js";
import type { Config } from "./config/index.js";
import {
  endedBy,
  endedWords,
  findIdentity,
  goesOn,
  inspectIdentity,
  isPastTokenLife,
  nextAttempt,
  parseSubject,
  type RenewalReason,
  readToken,
  renewalReason,
  type Situation,
  tokenNeeded,
  type Usable,
  unprovenRenewal,
  validFrom,
} from "./connect/index.js";
import { type IdentityOptions, noContacts } from "./identity-client.js";
import { type Finished, finishIssued, pairIdentity } from "./pair-identity.js";
import { movedConnector } from "./reconnect-identity.js";
import { completePending, renewalDue, renewBy } from "./renew-identity.js";
import { configuredToken } from "./setup.js";
import type { CertificateMemory, PendingIdentity } from "./state/index.js";

export interface MaintainOptions extends IdentityOptions {
  readonly log: Logger;
  /** Told before a token is spent: the host it goes to. @default nobody */
  readonly onHost?: (host: string) => void;
  /** True when a person asked for a renewal: the wish is taken away by asking. @default nobody did */
  readonly takeRenewalRequest?: () => Promise<boolean>;
  /** A token that was not used yet pairs anew, although the identity works; it stays until the new one does. @default false */
  readonly mayPairAnew?: boolean;
  /** Why the configuration lacks what it refers to, as a token. @default it lacks nothing */
  readonly unresolved?: Failure | null;
}

export interface Maintenance {
  /** What happened that a person may want to know. */
  readonly notes: readonly string[];
  /** What put a new certificate in use; null when it is the same as before. */
  readonly done: "pairing" | "renewal" | null;
  /** What was tried in vain, while the identity in use works. */
  readonly failed: readonly { readonly work: "pairing" | "renewal"; readonly failure: Failure }[];
  /** Requests to the Connector. */
  readonly requests: number;
  /** How far Compass's clock is ahead of ours, in milliseconds; null when nobody was asked, or did not tell. */
  readonly clockSkew: number | null;
}

/**
 * Keeps the identity alive at the start of a cycle: finishes what was cut, pairs where a token is at hand and there is
 * nothing to use, renews where a policy says so. Throws only when there is no identity to go on with; what fails while
 * the one in use works is a note, and tried again later.
 */
export async function maintainIdentity(options: MaintainOptions): Promise<Maintenance> {
  const { config, state, clock, log, takeRenewalRequest, onHost = () => undefined } = options;
  const notes: string[] = [];
  const failures: { work: "pairing" | "renewal"; failure: Failure }[] = [];
  const { contacts = noContacts() } = options;
  const counted = { ...options, contacts };
  const ended = (done: Maintenance["done"]) => ({
    notes,
    done,
    failed: failures,
    ...contacts,
  });
  const failed = (work: "pairing" | "renewal", what: string, thrown: unknown) => {
    const failure = asFailure(thrown, "connect");
    if (failure.code === "Aborted" || failure.code === "Internal") throw thrown;
    log.warn(what, { code: failure.code });
    notes.push(`${what}: ${failure.message}`);
    failures.push({ work, failure });
  };

  const pending = await state.pending();
  const { certificate: memory, spentTokens } = await state.memory();
  const found = await findIdentity(state, clock.now());
  const usable = typeof found === "string" ? null : found;
  const isRejected = usable !== null && memory.rejected !== null;
  const hasMoved = usable !== null && movedConnector(config, usable.connection) !== null;
  const isWanted = options.mayPairAnew === true || memory.isPairingWanted;
  const mayPair = usable === null || isRejected || hasMoved || isWanted;
  // Who was paired, or is half-way there, may have taken the token away since.
  const isOptional = pending !== null || (await state.identity()) !== null;
  const token = mayPair
    ? await newToken(options, memory, spentTokens, pending).catch((thrown: unknown) => {
        if (!isOptional || !(thrown instanceof Failure)) throw withoutToken(found, thrown);
        if ((isRejected || hasMoved) && thrown.code === "TokenMalformed")
          notes.push(`the configured token cannot be used: ${thrown.message}`);
        return null;
      })
    : null;
  // Where the answer leaves open whether the token was taken, it is tried again with the next cycle.
  const isPairingWanted = isWanted && token !== null;
  if (isPairingWanted !== memory.isPairingWanted) await changeCertificateMemory(state, { isPairingWanted });

  if (token !== null) {
    const onGivenUp = (work: Finished["work"], failure: Failure) => failed(work, GIVEN_UP[work], failure);
    try {
      const finished = await finishIssued({ ...counted, onHost, onGivenUp });
      if (finished !== null) return ended(finished.work);
      await pairIdentity({ ...counted, token, force: true, onHost });
      return ended("pairing");
    } catch (thrown) {
      if (usable === null) throw thrown;
      failed("pairing", "pairing anew failed", thrown);
    }
  } else if (pending !== null && pending.tokenDigest !== null) {
    try {
      await pairIdentity({ ...counted, token: null, force: true, onHost });
      return ended("pairing");
    } catch (thrown) {
      if (usable === null) throw thrown;
      failed("pairing", GIVEN_UP.pairing, thrown);
    }
  }
  if (typeof found === "string") {
    // Renewed in time, but never proven: the old one has expired meanwhile.
    const unproven = unprovenRenewal(pending, clock.now());
    if (unproven === null) throw await noIdentity(found, pending, options);
    await completePending(unproven, counted);
    return ended("renewal");
  }

  const now = clock.now();
  for (const { problem, mend } of lastingRemarks(config, found, now)) notes.push(`${problem}: ${mend}`);
  // As it stands now: it may have been dropped meanwhile.
  const left = await state.pending();
  const isPairing = left !== null && left.tokenDigest !== null && now <= urgentFrom(config, found);
  // A request waits as well: the pairing gives new credentials, too, and its token would be lost.
  const requested = !isPairing && takeRenewalRequest !== undefined && (await takeRenewalRequest());
  const reason = renewalOf(config, found, { pending: left, memory, requested }, now);
  if (reason === null) {
    // Of an attempt that nothing asks to repeat.
    if (memory.renewal !== null && memory.unreached === null) await changeCertificateMemory(state, { renewal: null });
    return ended(null);
  }
  if (isPairing) {
    notes.push("renewing the certificate waits for the pairing that is on its way");
    return ended(null);
  }
  const unproven = unprovenRenewal(left, now);
  const { notAfter } = found.dates;
  const next = requested
    ? null
    : nextAttempt(memory, { notAfter, isIssued: unproven !== null && goesOn(unproven, notAfter, now) }, now);
  if (next !== null && next > now) {
    const from = unproven === null ? null : validFrom(unproven, now);
    if (from !== null) notes.push(`the new certificate is valid only from ${from.toISOString()}: it is used then`);
    else if (memory.renewal !== null)
      notes.push(`renewing the certificate failed (${memory.renewal.failure}); tried again at ${next.toISOString()}`);
    return ended(null);
  }
  log.info("renewing the certificate", { reason });
  try {
    const renewed = await renewBy(found, counted, !requested);
    log.info("certificate renewed");
    notes.push(`the certificate was renewed (${reason}): it is valid until ${renewed.notAfter.toISOString()}`);
    return ended("renewal");
  } catch (thrown) {
    failed("renewal", "renewing the certificate failed", thrown);
    return ended(null);
  }
}

const GIVEN_UP = {
  pairing: "the pairing that was cut could not be finished",
  renewal: "the renewed certificate could not be used",
} as const;

/** From then on half of the time for a renewal is over: it cannot wait for anything else. */
export function urgentFrom(config: Config, { dates, connection }: Usable): Date {
  const due = renewalDue(config, dates, connection.clientID);
  return new Date((due.getTime() + dates.notAfter.getTime()) / 2);
}

/** Why the identity in use is to be renewed; null when nothing asks for it. */
export function renewalOf(
  { certificate, runtime, schedule }: Config,
  { identity, connection }: Pick<Usable, "identity" | "connection">,
  {
    pending,
    memory,
    requested,
  }: Pick<Situation, "requested"> & {
    memory: Situation["memory"] & Pick<CertificateMemory, "subject">;
    pending: PendingIdentity | null;
  },
  now: Date,
): RenewalReason | null {
  // What Compass named may have been for an identity that another agent has replaced since.
  const isOurs = memory.subject !== null && parseSubject(memory.subject).commonName === connection.clientID;
  const reason = renewalReason({
    identity,
    inspected: inspectIdentity(identity),
    subject: isOurs ? memory.subject : connection.subject,
    memory,
    requested,
    timing: { renewAt: certificate.renewAt, every: schedule.every },
    runtimeID: runtime.id ?? connection.clientID,
    now,
  });
  // One that was asked for and cut is finished, whatever asked for it.
  return reason ?? (pending !== null && pending.tokenDigest === null ? "RenewalRequested" : null);
}

/** Where the token was looked for and none is, one is needed there; whatever else kept it from being read is to be mended. */
const withoutToken = (found: Usable | string, thrown: unknown): unknown =>
  typeof found === "string" && thrown instanceof SecretMissing
    ? tokenNeeded(`${found}, and there is no token for it; ${thrown.message}`)
    : thrown;

/** `why` there is nothing to use, in words. */
async function noIdentity(
  why: string,
  pending: PendingIdentity | null,
  { config, env, clock, signal, unresolved = null }: MaintainOptions,
): Promise<Failure> {
  const ended = endedBy(pending, clock.now());
  const words = ended === null ? why : `${why}; ${endedWords(ended)}`;
  // A token may be there, and nobody can tell.
  if (unresolved !== null) return inOtherWords(tokenNeeded(words), `${words}; ${unresolved.message}`, unresolved.hint);
  const place = config.runtime.configuration?.secret;
  const lack = await configuredToken(config, env, signal).then(
    (token) => {
      if (token !== null) return ", and the configured token is spent or too old";
      return place === undefined ? "" : `; the Secret ${place.namespace}/${place.name} has no TOKEN`;
    },
    (thrown: unknown) => (thrown instanceof SecretMissing ? `; ${thrown.message}` : ""),
  );
  return tokenNeeded(`${why}${lack}${ended === null ? "" : `; ${endedWords(ended)}`}`);
}

/** The configured token, when it is worth sending: neither known to be spent, nor older than tokens live. */
async function newToken(
  { config, env, clock, signal }: IdentityOptions,
  { triedTokens }: CertificateMemory,
  spentTokens: readonly string[],
  pending: PendingIdentity | null,
): Promise<Secret | null> {
  const token = await configuredToken(config, env, signal);
  if (token === null) return null;
  const { digest } = readToken(token);
  if (spentTokens.includes(digest) || digest === pending?.tokenDigest) return null;
  return isPastTokenLife(triedTokens[digest], clock.now()) ? null : token;
}
