/** Writes a certificate signing request: forge encodes it, OpenSSL signs it (docs/decisions/0003-keys.md). */

import { createPublicKey, type KeyObject, sign } from "node:crypto";
import forge from "node-forge";

/** The attributes that the Connector compares, one value each (contract 1.4, 1.5). */
export interface SubjectAttributes {
  readonly commonName: string;
  readonly country: string;
  readonly organization: string;
  readonly organizationalUnit: string;
  readonly locality: string;
  readonly province: string;
}

/** PEM text of a PKCS#10 request, signed with SHA-256 and PKCS#1 v1.5. `privateKey` is RSA. */
export function createSigningRequest(subject: SubjectAttributes, privateKey: KeyObject): string {
  const request = forge.pki.createCertificationRequest();
  request.publicKey = forge.pki.publicKeyFromPem(
    createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString(),
  );
  request.setSubject([
    { name: "countryName", value: subject.country },
    { name: "stateOrProvinceName", value: subject.province, valueTagClass: UTF8 },
    { name: "localityName", value: subject.locality, valueTagClass: UTF8 },
    { name: "organizationName", value: subject.organization, valueTagClass: UTF8 },
    { name: "organizationalUnitName", value: subject.organizationalUnit, valueTagClass: UTF8 },
    { name: "commonName", value: subject.commonName, valueTagClass: UTF8 },
  ]);
  // forge signs with whatever has this method, so the private key never enters its big integers and the event loop
  // stands still for a tenth of the time. DigestInfo is what PKCS#1 v1.5 wraps: node:crypto makes it from the message.
  const signer = {
    sign: () => sign("sha256", requestInfo(request), privateKey).toString("binary"),
  };
  request.sign(signer as unknown as forge.pki.rsa.PrivateKey, forge.md.sha256.create());
  return forge.pki.certificationRequestToPem(request).replaceAll("\r\n", "\n");
}

const UTF8 = forge.asn1.Type.UTF8 as unknown as forge.asn1.Class;

/** The DER bytes that the signature covers. forge sets them just before it asks for the signature. */
function requestInfo(request: forge.pki.CertificateSigningRequest): Buffer {
  const info = (request as unknown as { certificationRequestInfo: forge.asn1.Asn1 }).certificationRequestInfo;
  return Buffer.from(forge.asn1.toDer(info).getBytes(), "binary");
}
