/** How the Connector judges and signs a CSR (contract 1.5): its checks in their order, with its words. */

import { X509Certificate } from "node:crypto";
import { type Authority, type ReceivedRequest, readSigningRequest } from "../adapters/x509/index.js";

/** The constants of the Compass chart. */
const expected = { C: "DE", O: "Org", OU: "OrgUnit", L: "locality", ST: "province" } as const;

/** The subject that `configuration` demands: always in this order, nothing escaped (contract 1.4). */
export function subjectFor(clientID: string): string {
  const { O, OU, L, ST, C } = expected;
  return `O=${O},OU=${OU},L=${L},ST=${ST},C=${C},CN=${clientID}`;
}

/** APP_CERTIFICATE_VALIDITY_TIME: 2160 hours, in milliseconds. */
export const VALIDITY = 2160 * 3600 * 1000;

/** Contract 1.5: every certificate of a Compass instance has the same serial. */
const SERIAL = 2;

/** A CSR that is refused; the message is what the Connector says. */
export class RejectedRequest extends Error {
  override readonly name = "RejectedRequest";
}

const COMMON_NAME = "2.5.4.3";

/** In the order in which they are checked. */
const attributes = [
  { type: "2.5.4.6", word: "country", value: expected.C },
  { type: "2.5.4.10", word: "organization", value: expected.O },
  { type: "2.5.4.11", word: "organizational unit", value: expected.OU },
  { type: "2.5.4.7", word: "locality", value: expected.L },
  { type: "2.5.4.8", word: "province", value: expected.ST },
] as const;

/** Decodes standard base64 as Go does: padded, line ends ignored; null for anything else. */
function decodeBase64(text: string): Buffer | null {
  const joined = text.replaceAll(/[\r\n]/g, "");
  const valid = joined.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(joined);
  return valid ? Buffer.from(joined, "base64") : null;
}

/** The first PEM block, whatever its type; null when there is none. */
function firstBlock(text: string): Buffer | null {
  const match = /-----BEGIN ([^\n-]*)-----\r?\n([A-Za-z0-9+/=\s]*?)\r?\n-----END \1-----/.exec(text);
  return match?.[2] === undefined ? null : Buffer.from(match[2], "base64");
}

function parse(der: Buffer): ReceivedRequest {
  try {
    return readSigningRequest(der);
  } catch {
    throw rejected("Error while parsing CSR: asn1: structure error");
  }
}

const rejected = (detail: string) => new RejectedRequest(`Error while signing Certificate Signing Request: ${detail}`);

function checkSubject({ subject }: ReceivedRequest, clientID: string): void {
  const name = subject.findLast(({ type }) => type === COMMON_NAME)?.value;
  if (name !== clientID) throw rejected("CSR: Invalid common name provided.");
  for (const { type, word, value } of attributes) {
    // Only the first value counts: further ones go into the certificate unseen.
    const first = subject.find((attribute) => attribute.type === type);
    if (first === undefined) throw rejected(`CSR: No ${word} provided.`);
    if (first.value !== value) throw rejected(`CSR: Invalid ${word} provided.`);
  }
}

/** The CSR behind the argument of `signCertificateSigningRequest`; throws a RejectedRequest. */
export function acceptRequest(argument: string, clientID: string): ReceivedRequest {
  const text = decodeBase64(argument);
  if (text === null) {
    throw new RejectedRequest(
      "Error while decoding Certificate Signing Request: Error while parsing base64 content. Incorrect value provided.",
    );
  }
  const der = firstBlock(text.toString("latin1"));
  if (der === null) throw rejected("Error while decoding pem block.");
  const request = parse(der);
  if (!request.signatureValid) throw rejected("CSR signature invalid: crypto/rsa: verification error");
  checkSubject(request, clientID);
  return request;
}

export interface SignedChain {
  readonly certificate: X509Certificate;
  /** As GraphQL gives them: base64 of PEM. */
  readonly clientCertificate: string;
  readonly caCertificate: string;
  readonly certificateChain: string;
}

const base64 = (text: string) => Buffer.from(text).toString("base64");

/** Signs an accepted request; throws a RejectedRequest when its algorithm does not fit the authority's key. */
export function signRequest(
  authority: Authority,
  request: ReceivedRequest,
  notBefore: Date,
  life: number,
): SignedChain {
  const notAfter = new Date(notBefore.getTime() + life);
  try {
    const client = authority.issueClient({ ...request, notBefore, notAfter, serial: SERIAL });
    return {
      certificate: new X509Certificate(client),
      clientCertificate: base64(client),
      caCertificate: base64(authority.certificate),
      certificateChain: base64(client + authority.certificate),
    };
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    throw rejected(
      "Error while creating certificate: x509: requested SignatureAlgorithm does not match private key type",
    );
  }
}
