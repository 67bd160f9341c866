/** What one complete fetch gave: the runtime and its Applications, every secret value wrapped. */

import type { Secret } from "../common/secret.js";

/** Everything Director says about a runtime, proven complete, or read from a recorded file. */
export interface Snapshot {
  readonly runtime: Runtime;
  /** In the order received. */
  readonly applications: readonly Application[];
  /** Listed, but Director cannot write what they offer (contract 12.3, O9): there, unknown, and never gone. */
  readonly unreadable: readonly UnreadableApplication[];
}

/** All that can be read of an Application that Director cannot write. */
export interface UnreadableApplication {
  readonly id: string;
  /** As Director gave it, like that of an `Application`. */
  readonly name: string;
}

export interface Runtime {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, unknown>>;
}

export interface Application {
  readonly id: string;
  /** As Director gave it; normalised by the model where the runtime's label asks for it (contract 4.2). */
  readonly name: string;
  readonly description: string | null;
  /** Ids of the system auths: the common names of the application's own certificates. */
  readonly auths: readonly string[];
  readonly bundles: readonly Bundle[];
}

export interface Bundle {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly instanceAuthRequestInputSchema: string | null;
  readonly defaultInstanceAuth: Auth | null;
  readonly apiDefinitions: readonly APIDefinition[];
  readonly eventDefinitions: readonly EventDefinition[];
}

export interface APIDefinition {
  readonly id: string;
  readonly name: string;
  readonly targetURL: string;
}

export interface EventDefinition {
  readonly id: string;
  readonly name: string;
}

export interface Auth {
  readonly credential: Credential | null;
  /** JSON text, name → list of values, as the gateway reads it; null when there is nothing in it. */
  readonly headers: Secret | null;
  /** Like `headers`. */
  readonly queryParameters: Secret | null;
  readonly csrfTokenEndpointURL: string | null;
}

export type Credential =
  | { readonly kind: "Basic"; readonly username: Secret; readonly password: Secret }
  | { readonly kind: "OAuth"; readonly clientID: Secret; readonly clientSecret: Secret; readonly url: string }
  /** Known to exist; the gateway has no use for it, since Director does not give the private key (contract 2.8). */
  | { readonly kind: "CertificateOAuth" }
  /** Of a Compass that is newer than this version; `type` is GraphQL's name of it. */
  | { readonly kind: "Unknown"; readonly type: string };
