/** Stage connect: the identity, and a connection to Compass that uses it. */

export {
  type CertificateDates,
  type Inspected,
  inspectIdentity,
  readCertificate,
  readIdentity,
} from "./certificate.js";
export { complete, endedAt, endedBy, endedWords, type Issued, unprovenRenewal, validFrom } from "./complete.js";
export { askRevocation } from "./connector.js";
export { requestToken } from "./director.js";
export {
  anotherFailure,
  canFinish,
  isPastTokenLife,
  PAIRING_LIFE,
  type Paired,
  type PairOptions,
  pair,
} from "./pair.js";
export {
  isShortLived,
  nextAttempt,
  type RenewalReason,
  renewalReason,
  renewalTime,
  retryWait,
  type Situation,
} from "./policies.js";
export { createProof, type Prove } from "./prove.js";
export { goesOn, type RenewOptions, renew } from "./renew.js";
export { findIdentity, openSession, type Session, type SessionOptions, tokenNeeded, type Usable } from "./session.js";
export { parseSubject } from "./subject.js";
export { readToken } from "./token.js";
export { checkAnsweredURL, checkConnection, hostIn, isAllowed, isSameURL, type URLs } from "./urls.js";
