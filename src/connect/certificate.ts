/** What Compass issued is checked before it is used: node:crypto reads and verifies, nothing else. */

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import type { SubjectAttributes } from "../adapters/x509/index.js";
import { Failure } from "../common/failure.js";
import type { Identity } from "../state/index.js";

export interface CertificateDates {
  /** The id of the system auth. */
  readonly commonName: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

// Compass does not back-date what it issues, so that a clock slightly behind its own sees the future (contract 1.5).
const CLOCK_SKEW = 5 * 60 * 1000;

const unusable = (reason: string, cause?: unknown) =>
  new Failure(`the client certificate cannot be used: ${reason}`, {
    code: "CertificateUnusable",
    stage: "connect",
    hint: "Pair again with a new one-time token; when it stays, ask the owner of Compass.",
    cause,
  });

/** Subject and dates of a certificate. Throws `CertificateUnusable` for what is none. */
export function readCertificate(pem: string): CertificateDates {
  const certificate = parse(pem);
  const commonName: unknown = certificate.toLegacyObject().subject.CN;
  if (typeof commonName !== "string") throw unusable("it has not exactly one common name");
  return { commonName, notBefore: certificate.validFromDate, notAfter: certificate.validToDate };
}

/** What an identity in use is good for. */
export interface Inspected {
  /** The PEM to show in TLS, and its dates; null when nothing of it fits the key. */
  readonly usable: { readonly certificate: string; readonly dates: CertificateDates } | null;
  /** What is wrong with it, be it usable or not. */
  readonly flaw: "CertificateUnreadable" | "KeyMismatch" | null;
}

/** Looks at an identity as it was stored, damaged perhaps: certificate and chain each may still serve. Throws nothing. */
export function inspectIdentity({ key, certificate, chain }: Identity): Inspected {
  const fits = (pem: string): CertificateDates | "CertificateUnreadable" | "KeyMismatch" => {
    let dates: CertificateDates;
    try {
      dates = readCertificate(pem);
    } catch {
      return "CertificateUnreadable";
    }
    try {
      return parse(pem).checkPrivateKey(readKey(key)) ? dates : "KeyMismatch";
    } catch {
      return "KeyMismatch";
    }
  };
  const [alone, first] = [fits(certificate), fits(chain)];
  const usable =
    typeof first !== "string"
      ? { certificate: chain, dates: first }
      : typeof alone !== "string"
        ? { certificate, dates: alone }
        : null;
  return { usable, flaw: typeof alone === "string" ? alone : typeof first === "string" ? first : null };
}

/** True when the certificate is made out to exactly the subject that Compass wants (contract 1.4). */
export function hasSubject(pem: string, wanted: SubjectAttributes): boolean {
  const { C, ST, L, O, OU, CN } = parse(pem).toLegacyObject().subject as unknown as Record<string, unknown>;
  const { country, province, locality, organization, organizationalUnit, commonName } = wanted;
  const pairs = [
    [C, country],
    [ST, province],
    [L, locality],
    [O, organization],
    [OU, organizationalUnit],
    [CN, commonName],
  ];
  return pairs.every(([has, wants]) => has === wants);
}

/** Subject and dates of the identity in use. Throws `CertificateUnusable` when its key is not the certificate's. */
export function readIdentity({ key, certificate }: Identity): CertificateDates {
  const dates = readCertificate(certificate);
  if (!parse(certificate).checkPrivateKey(readKey(key))) throw unusable("it belongs to another key");
  return dates;
}

/**
 * Throws `CertificateUnusable` unless the certificate fits our key and the expected common name, is valid now, and is
 * the first of a chain in which each is signed by the next.
 */
export function checkIssued(
  { key, certificate, chain, ca }: Identity,
  commonName: string,
  now: Date,
): CertificateDates {
  const leaf = parse(certificate);
  const dates = readIdentity({ key, certificate, chain, ca });
  if (dates.commonName !== commonName)
    throw unusable("it is made out to another client than the one that was asked for");
  if (dates.notAfter <= now) throw unusable(`it expired on ${dates.notAfter.toISOString()}`);
  if (dates.notBefore.getTime() > now.getTime() + CLOCK_SKEW) {
    throw new Failure(`the client certificate is valid only from ${dates.notBefore.toISOString()} on`, {
      code: "CertificateUnusable",
      stage: "connect",
      retryable: true,
      hint: "Check the clock of this machine: the certificate is kept and looked at again, no token is needed.",
    });
  }
  const links = (chain.match(PEM) ?? []).map(parse);
  if (links[0]?.fingerprint256 !== leaf.fingerprint256) throw unusable("its chain begins with another certificate");
  const issuers = (ca.match(PEM) ?? []).map(parse);
  if (issuers.length === 0) throw unusable("no issuing authority came with it");
  for (const [index, link] of links.entries()) {
    const issuer = links[index + 1] ?? (index === 0 ? issuers[0] : undefined);
    if (issuer === undefined) break;
    if (!link.checkIssued(issuer) || !link.verify(issuer.publicKey)) throw unusable("its chain does not hold together");
  }
  if (!issuers.some((issuer) => leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey))) {
    throw unusable("it was not issued by the authority that came with it");
  }
  return dates;
}

/** Throws `CertificateUnusable` for what is no private key; the reason that OpenSSL gives is left out. */
export function readKey(key: Identity["key"]): KeyObject {
  try {
    return createPrivateKey(key.reveal());
  } catch {
    throw unusable("its key cannot be read");
  }
}

function parse(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (thrown) {
    throw unusable("it cannot be read", thrown);
  }
}
