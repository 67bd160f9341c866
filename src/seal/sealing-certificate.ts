/** The certificate that the Sealed Secrets controller is known by: read, checked and dated. */

import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import { Failure } from "../common/failure.js";

export interface SealingCertificate {
  readonly publicKey: KeyObject;
  /** SHA-256 of the public key: another certificate for the same key is the same recipient. */
  readonly digest: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** An RSA key below this is refused: no controller makes one. In bits. */
const SHORTEST_KEY = 2048;

/** From here on a certificate that will expire is told, in milliseconds. */
const SOON = 30 * 24 * 60 * 60 * 1000;

const FIRST_CERTIFICATE = /-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----/;

/**
 * The first certificate of a PEM text, which is the controller's newest. Throws `SealingImpossible` when there is none,
 * when it is not valid at that time, or not for RSA. `place` says where the text is from.
 */
export function readSealingCertificate(pem: string, place: string, now: Date): SealingCertificate {
  const [first] = FIRST_CERTIFICATE.exec(pem) ?? [];
  if (first === undefined) throw unusable(`what ${place} holds is no certificate in PEM`, FETCH);
  let certificate: X509Certificate;
  let publicKey: KeyObject;
  try {
    certificate = new X509Certificate(first);
    publicKey = certificate.publicKey;
  } catch (cause) {
    throw unusable(`the sealing certificate of ${place} cannot be read`, FETCH, cause);
  }
  const bits = publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
  if (publicKey.asymmetricKeyType !== "rsa" || bits < SHORTEST_KEY) {
    throw unusable(`the sealing certificate of ${place} is not for an RSA key of ${SHORTEST_KEY} bits or more`, FETCH);
  }
  const { validFromDate: notBefore, validToDate: notAfter } = certificate;
  if (notAfter <= now) {
    throw unusable(
      `the sealing certificate of ${place} expired on ${notAfter.toISOString()}`,
      "The controller renews its key by itself: fetch the certificate in use with `kubeseal --fetch-cert`, or give it as secrets.sealedSecrets.certificate.controller.",
    );
  }
  if (notBefore > now) {
    throw unusable(
      `the sealing certificate of ${place} is valid only from ${notBefore.toISOString()}`,
      "Check the clock of this machine; else fetch the certificate again.",
    );
  }
  const spki = publicKey.export({ type: "spki", format: "der" });
  return { publicKey, digest: createHash("sha256").update(spki).digest("hex"), notBefore, notAfter };
}

/** What is to be told of a certificate that ends soon; null while there is time. */
export function expiryNote({ notAfter }: Pick<SealingCertificate, "notAfter">, now: Date): string | null {
  if (notAfter.getTime() - now.getTime() > SOON) return null;
  return `the sealing certificate expires on ${notAfter.toISOString()}: after that nothing can be sealed; fetch the controller's newest`;
}

const FETCH = "Fetch it with `kubeseal --fetch-cert`.";

const unusable = (message: string, hint: string, cause?: unknown) =>
  new Failure(message, { code: "SealingImpossible", stage: "seal", hint, cause });
