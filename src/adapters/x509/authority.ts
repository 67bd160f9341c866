/** A small certificate authority: what the embedded Compass signs with. forge builds, node:crypto makes keys and signs. */

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";
import { promisify } from "node:util";
import forge from "node-forge";

const { asn1, pki } = forge;

/** Public in forge, but not in its type declarations. */
const { getTBSCertificate } = pki as typeof pki & {
  getTBSCertificate(certificate: forge.pki.Certificate): forge.asn1.Asn1;
};

const generate = promisify(generateKeyPair);

const SHA256_WITH_RSA = "1.2.840.113549.1.1.11";

/** What an RSA key can sign with. */
const rsaDigests: Readonly<Record<string, string>> = {
  "1.2.840.113549.1.1.5": "sha1",
  [SHA256_WITH_RSA]: "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
};

const YEAR = 365 * 24 * 3600 * 1000;

export interface IssueOptions {
  /** The subject's DER, which goes into the certificate as it stands. */
  readonly subjectDER: Buffer;
  readonly publicKey: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly serial: number;
  /** Object identifier. @default SHA-256 with RSA */
  readonly signatureAlgorithm?: string;
}

export interface ServerOptions {
  /** Names and IP addresses that the certificate is for. */
  readonly hosts: readonly string[];
  readonly now: Date;
  /** PEM. @default a new key */
  readonly key?: string;
}

export interface Authority {
  /** Its own certificate, PEM. */
  readonly certificate: string;
  /** Its private key, PKCS#8 PEM: for keeping it, never for anyone else. */
  readonly key: string;
  /** A key and its server certificate, both PEM. */
  issueServer(options: ServerOptions): Promise<{ readonly certificate: string; readonly key: string }>;
  /**
   * A certificate for client authentication only, PEM. Throws a RangeError when the algorithm does not fit the
   * authority's key.
   */
  issueClient(options: IssueOptions): string;
  /** True for a certificate that this authority has signed; says nothing about its dates. */
  hasSigned(certificate: X509Certificate): boolean;
}

const pem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }).toString();
const spki = (key: KeyObject) => key.export({ type: "spki", format: "der" });
const binary = (data: Buffer) => data.toString("latin1");

/** The key that is given as PEM, or a new one. */
async function keyFrom(given: string | undefined): Promise<KeyObject> {
  return given === undefined ? (await generate("rsa", { modulusLength: 2048 })).privateKey : createPrivateKey(given);
}

const isAddress = (host: string) => /^[\d.]+$|:/.test(host);

/** Signs what forge has built through node:crypto: forge's own RSA would hold the event loop. */
function finish(certificate: forge.pki.Certificate, tbs: forge.asn1.Asn1, algorithm: string, key: KeyObject): string {
  certificate.tbsCertificate = tbs;
  certificate.signature = binary(sign(rsaDigests[algorithm], Buffer.from(asn1.toDer(tbs).getBytes(), "latin1"), key));
  return pki.certificateToPem(certificate).replaceAll("\r\n", "\n");
}

interface Blank {
  readonly issuer: forge.pki.CertificateField[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly serial: string;
  readonly algorithm: string;
  readonly extensions: object[];
}

function blank({ issuer, notBefore, notAfter, serial, algorithm, extensions }: Blank): forge.pki.Certificate {
  const certificate = pki.createCertificate();
  certificate.serialNumber = serial;
  certificate.validity.notBefore = notBefore;
  certificate.validity.notAfter = notAfter;
  certificate.setIssuer(issuer);
  certificate.setExtensions(extensions);
  certificate.signatureOid = certificate.siginfo.algorithmOid = algorithm;
  return certificate;
}

/** A serial that is positive and, for all purposes, unique. */
const randomSerial = () => `01${randomBytes(15).toString("hex")}`;

/** Wide on both sides: whoever verifies goes by a clock of his own, which a test may have moved. */
const wide = (now: Date) => ({
  notBefore: new Date(now.getTime() - 10 * YEAR),
  notAfter: new Date(now.getTime() + 20 * YEAR),
});

/** Makes a new authority: a key, unless one is given as PEM, and a certificate that it signs itself. */
export async function createAuthority(options: {
  readonly commonName: string;
  readonly now: Date;
  readonly key?: string;
}): Promise<Authority> {
  const privateKey = await keyFrom(options.key);
  const name = [{ name: "commonName", value: options.commonName }];
  const certificate = blank({
    issuer: name,
    ...wide(options.now),
    serial: randomSerial(),
    algorithm: SHA256_WITH_RSA,
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  certificate.setSubject(name);
  certificate.publicKey = pki.publicKeyFromAsn1(asn1.fromDer(binary(spki(createPublicKey(privateKey)))));
  const signed = finish(certificate, getTBSCertificate(certificate), SHA256_WITH_RSA, privateKey);
  return restoreAuthority({ certificate: signed, key: pem(privateKey) });
}

/** The authority that was kept as PEM. Throws when either text is not what it should be. */
export function restoreAuthority(kept: { readonly certificate: string; readonly key: string }): Authority {
  const own = pki.certificateFromPem(kept.certificate);
  const key = createPrivateKey(kept.key);
  const publicKey = new X509Certificate(kept.certificate).publicKey;

  return {
    ...kept,

    async issueServer({ hosts, now, key: given }) {
      const serverKey = await keyFrom(given);
      const certificate = blank({
        issuer: own.subject.attributes,
        ...wide(now),
        serial: randomSerial(),
        algorithm: SHA256_WITH_RSA,
        extensions: [
          { name: "keyUsage", digitalSignature: true, keyEncipherment: true, critical: true },
          { name: "extKeyUsage", serverAuth: true },
          {
            name: "subjectAltName",
            altNames: hosts.map((host) => (isAddress(host) ? { type: 7, ip: host } : { type: 2, value: host })),
          },
        ],
      });
      certificate.setSubject([{ name: "commonName", value: hosts[0] ?? "localhost" }]);
      certificate.publicKey = pki.publicKeyFromAsn1(asn1.fromDer(binary(spki(createPublicKey(serverKey)))));
      const signed = finish(certificate, getTBSCertificate(certificate), SHA256_WITH_RSA, key);
      return { certificate: signed, key: pem(serverKey) };
    },

    issueClient({ subjectDER, publicKey: subjectKey, notBefore, notAfter, serial, signatureAlgorithm }) {
      const algorithm = signatureAlgorithm ?? SHA256_WITH_RSA;
      if (rsaDigests[algorithm] === undefined) throw new RangeError("signature algorithm does not fit the key");
      const certificate = blank({
        issuer: own.subject.attributes,
        notBefore,
        notAfter,
        serial: serial.toString(16).padStart(2, "0"),
        algorithm,
        extensions: [
          { name: "keyUsage", digitalSignature: true, critical: true },
          { name: "extKeyUsage", clientAuth: true },
        ],
      });
      // Subject and key are put in byte for byte afterwards; forge wants some key meanwhile.
      certificate.publicKey = own.publicKey;
      const tbs = getTBSCertificate(certificate);
      const parts = tbs.value as forge.asn1.Asn1[];
      parts[5] = asn1.fromDer(binary(subjectDER));
      parts[6] = asn1.fromDer(binary(spki(subjectKey)));
      return finish(certificate, tbs, algorithm, key);
    },

    hasSigned: (certificate) => certificate.verify(publicKey),
  };
}
