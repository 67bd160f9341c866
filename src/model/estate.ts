/** The estate: what the runtime's Applications shall be, with no secret value in it. */

import type { SecretReference } from "../base/index.js";

/** Why an Application is left out of a cycle while its committed files stay. Documented in docs/reference/reasons.md. */
export type SetAsideReason =
  | "DuplicateName"
  | "InvalidName"
  | "UnprintableName"
  | "TooLarge"
  | "InvalidByTemplate"
  | "InvalidBySchema"
  | "ForeignFile"
  | "ReadableSecret"
  | "RefusedByAdmission"
  | "Unreadable";

/** Why an Application is published only as far as it is sound. Documented in docs/reference/reasons.md. */
export type DegradedReason =
  | "PathCollision"
  | "EmptyPathPart"
  | "NoTarget"
  | "UnsupportedCredentials"
  | "IncompleteCredentials"
  | "UnprintableText";

export interface SetAside {
  readonly name: string;
  readonly id: string;
  readonly reason: SetAsideReason;
  readonly message: string;
}

export interface Degraded {
  readonly name: string;
  readonly id: string;
  readonly reason: DegradedReason;
  /** Id of the bundle concerned; null when it is the Application as a whole. */
  readonly bundle: string | null;
  readonly message: string;
}

/** Sorted by name; `setAside` and `degraded` likewise. */
export interface Estate {
  readonly applications: readonly ApplicationModel[];
  readonly setAside: readonly SetAside[];
  readonly degraded: readonly Degraded[];
}

/** One Application, as the templates see it. */
export interface ApplicationModel {
  /** Director's id: the identity. */
  readonly id: string;
  /** The final name: a DNS-1123 label of at most 63 characters. */
  readonly name: string;
  readonly description: string;
  /** Sorted. */
  readonly clientIDs: readonly string[];
  /** One per bundle, in the order received. */
  readonly services: readonly ServiceModel[];
  /** Those that an API entry refers to, and no others. */
  readonly secrets: readonly SecretModel[];
  /** SHA-256 over all of the above but the fingerprints; equal digests render alike. */
  readonly digest: string;
  /**
   * Digest of what Compass says of it, the secret values by their fingerprints: it changes when Compass changes, whatever
   * else does. Null when a value is not known.
   */
  readonly intent: string | null;
}

export interface ServiceModel {
  readonly id: string;
  readonly name: string;
  readonly displayName: string;
  readonly description: string;
  readonly authCreateParameterSchema: string | null;
  /** The bundle's part of the gateway's path. */
  readonly path: string;
  /** APIs first, then events, each in the order received. */
  readonly entries: readonly (APIEntryModel | EventsEntryModel)[];
}

export interface APIEntryModel {
  readonly type: "API";
  readonly id: string;
  readonly name: string;
  readonly targetURL: string;
  /** The API's part of the gateway's path. */
  readonly path: string;
  readonly credentials: CredentialsReference | null;
  readonly requestParametersSecretName: string | null;
}

export interface EventsEntryModel {
  readonly type: "Events";
  readonly id: string;
  readonly name: string;
}

export interface CredentialsReference {
  readonly type: "Basic" | "OAuth";
  readonly secretName: string;
  readonly authenticationURL: string | null;
  readonly csrfTokenEndpointURL: string | null;
}

/** One Secret to be written: its keys and, for each, a keyed fingerprint instead of the value. */
export interface SecretModel {
  readonly name: string;
  /** Id of the bundle that the credentials belong to. */
  readonly bundle: string;
  readonly keys: readonly SecretKeyModel[];
  /** What the inventory keeps of it, for the day on which Director gives it no more. */
  readonly reference: SecretReference;
  /** By the id of another bundle that Git has of the Application: `values` of the reference, were it of that one. */
  readonly elsewhere: Readonly<Record<string, string>>;
}

export interface SecretKeyModel {
  readonly key: SecretKey;
  /** Null when the value is not known (a redacted recording): it counts as unchanged. */
  readonly fingerprint: string | null;
}

/** The keys that the gateway reads (contract 4.4, 5.1). */
export type SecretKey = "username" | "password" | "clientId" | "clientSecret" | "headers" | "queryParameters";
