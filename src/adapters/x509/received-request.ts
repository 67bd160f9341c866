/** Reads a certificate signing request (PKCS#10) as a certificate authority receives it, whatever its key. */

import { createPublicKey, type KeyObject, verify } from "node:crypto";
import forge from "node-forge";

export interface ReceivedRequest {
  /** The subject's attributes in the order of the request (object identifier and value); a type may repeat. */
  readonly subject: readonly { readonly type: string; readonly value: string }[];
  /** The subject as it stands in the request. */
  readonly subjectDER: Buffer;
  readonly publicKey: KeyObject;
  /** The object identifier of the algorithm that the request is signed with. */
  readonly signatureAlgorithm: string;
  /** True when the request is signed with the key that it holds. */
  readonly signatureValid: boolean;
}

/** Digests by signature algorithm; null for Ed25519, which has none of its own. */
const digests: Readonly<Record<string, string | null>> = {
  "1.2.840.113549.1.1.5": "sha1",
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
  "1.3.101.112": null,
};

const UTF8_STRING = 12;

interface Element {
  readonly tag: number;
  /** Tag, length and content: what a signature is made over. */
  readonly raw: Buffer;
  readonly content: Buffer;
}

/** Splits a run of DER elements. forge would read the same, but knows RSA requests only and keeps no raw bytes. */
function elements(der: Buffer): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < der.length; ) {
    const first = der.readUInt8(at + 1);
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes);
    const start = at + 2 + lengthBytes;
    const end = start + length;
    if (end > der.length) throw new RangeError("data truncated");
    found.push({ tag: der.readUInt8(at), raw: der.subarray(at, end), content: der.subarray(start, end) });
    at = end;
  }
  return found;
}

function nth(list: readonly Element[], index: number): Element {
  const element = list[index];
  if (element === undefined) throw new RangeError("structure error");
  return element;
}

const identifier = (element: Element) => forge.asn1.derToOid(element.content.toString("latin1"));

function attributes(name: Element): { type: string; value: string }[] {
  return elements(name.content)
    .flatMap((relativeName) => elements(relativeName.content))
    .map((attribute) => {
      const [type, value] = [nth(elements(attribute.content), 0), nth(elements(attribute.content), 1)];
      return { type: identifier(type), value: value.content.toString(value.tag === UTF8_STRING ? "utf8" : "latin1") };
    });
}

/** Reads the DER of a request; throws a SyntaxError when it is none. */
export function readSigningRequest(der: Buffer): ReceivedRequest {
  try {
    const [request, ...rest] = elements(der);
    if (request === undefined || rest.length > 0) throw new RangeError("trailing data");
    const parts = elements(request.content);
    const [info, algorithm, signature] = [nth(parts, 0), nth(parts, 1), nth(parts, 2)];
    const [subject, key] = [nth(elements(info.content), 1), nth(elements(info.content), 2)];
    const publicKey = createPublicKey({ key: key.raw, format: "der", type: "spki" });
    const signatureAlgorithm = identifier(nth(elements(algorithm.content), 0));
    const digest = digests[signatureAlgorithm];
    if (digest === undefined) throw new RangeError("unknown signature algorithm");
    return {
      subject: attributes(subject),
      subjectDER: subject.raw,
      publicKey,
      signatureAlgorithm,
      // The first octet of a bit string counts its unused bits.
      signatureValid: verify(digest, info.raw, publicKey, signature.content.subarray(1)),
    };
  } catch (thrown) {
    throw new SyntaxError("not a certificate signing request", { cause: thrown });
  }
}
