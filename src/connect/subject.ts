/** The subject that the Connector dictates: `O=…,OU=…,L=…,ST=…,C=…,CN=…`, without any escaping (contract 1.4). */

import type { SubjectAttributes } from "../adapters/x509/index.js";
import { Failure } from "../common/failure.js";

/** Splits at commas and at the first `=` of each part. Throws `ConnectorRejected` when an attribute is missing or empty. */
export function parseSubject(subject: string): SubjectAttributes {
  const attributes = new Map<string, string>();
  for (const part of subject.split(",")) {
    const at = part.indexOf("=");
    if (at > 0) attributes.set(part.slice(0, at).trim(), part.slice(at + 1).trim());
  }
  const attribute = (name: string): string => {
    const value = attributes.get(name);
    if (value) return value;
    throw new Failure(`the subject that the Connector asks for has no ${name}`, {
      code: "ConnectorRejected",
      stage: "connect",
      hint: "The Connector is of an unknown version or wrongly set up: ask the owner of Compass.",
    });
  };
  return {
    commonName: attribute("CN"),
    country: attribute("C"),
    organization: attribute("O"),
    organizationalUnit: attribute("OU"),
    locality: attribute("L"),
    province: attribute("ST"),
  };
}
