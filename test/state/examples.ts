/** Identities and pairings by a name that is in each of their parts, so that a mixture of two shows. */

import { Secret } from "../../src/common/secret.js";
import type { Connection, Identity, PendingIdentity } from "../../src/state/index.js";

export const identityOf = (name: string): Identity => ({
  key: Secret.of(`key of ${name}`),
  certificate: `certificate of ${name}`,
  chain: `chain of ${name}`,
  ca: `ca of ${name}`,
});

const urlsOf = (name: string) => ({
  connectorURL: `https://connector.${name}.example.com`,
  secureConnectorURL: `https://secure.${name}.example.com`,
  directorURL: `https://director.${name}.example.com`,
});

export const connectionOf = (name: string): Connection => ({
  ...urlsOf(name),
  clientID: `client ${name}`,
  subject: `CN=${name}`,
  establishedAt: "2026-03-01T12:00:00.000Z",
  renewedAt: null,
});

/** Between the two token calls. */
export const beginning = (name: string): PendingIdentity => ({
  tokenDigest: `digest of ${name}`,
  since: "2026-03-01T12:00:00.000Z",
  subject: `CN=${name}`,
  urls: urlsOf(name),
  knownAs: `https://known.example.com/${name}`,
  key: Secret.of(`key of ${name}`),
  nextToken: Secret.of(`token of ${name}`),
  issued: null,
});

/** After the second. */
export const completed = (name: string): PendingIdentity => {
  const { key, ...issued } = identityOf(name);
  return { ...beginning(name), key, nextToken: null, issued };
};
