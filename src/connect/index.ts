/** Stage connect: the identity, and a connection to Compass that uses it. */

export { type CertificateDates, readCertificate, readIdentity } from "./certificate.js";
export { type Paired, type PairOptions, pair } from "./pair.js";
export { openSession, type Session, type SessionOptions } from "./session.js";
