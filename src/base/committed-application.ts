/** What an `application.yaml` or a kustomization in Git tells by itself, where the inventory cannot be asked. */

import { parseYaml } from "../adapters/yaml/index.js";
import { sha256 } from "../common/sha256.js";
import type { SecretReference } from "./inventory.js";

/** On each Application: the SHA-256 of its file without this annotation's line. */
export const DIGEST_ANNOTATION = "runtime-agent.kyma-project.io/digest";

/** A person's, on a committed Application: this one is left alone. */
export const RECONCILE_ANNOTATION = "runtime-agent.kyma-project.io/reconcile";

export interface CommittedApplication {
  /** Director's id; null when the file does not say. */
  readonly id: string | null;
  /** Its `metadata.name`; null when the file does not say. */
  readonly name: string | null;
  readonly isDisabled: boolean;
  /** By the name of the Secret. */
  readonly references: ReadonlyMap<string, SecretReference>;
  /** Paths of its APIs in the gateway: Application, service, entry. */
  readonly routes: readonly Route[];
}

export type Route = readonly [application: string, service: string, entry: string];

const DIGEST_LINE = /^ {4}runtime-agent\.kyma-project\.io\/digest: sha256:([0-9a-f]{64})\n/m;

/** True for bytes that the agent wrote: any version of any Application carries its own digest. */
export const isOurs = (bytes: Buffer): boolean => ownDigest(bytes) !== null;

/** The digest that an Application carries, where it is right; else null. */
export function ownDigest(bytes: Buffer): string | null {
  const text = bytes.toString("utf8");
  const digest = DIGEST_LINE.exec(text)?.[1];
  return digest === sha256(text.replace(DIGEST_LINE, "")) ? `sha256:${digest}` : null;
}

/** Reads as far as it can be read: a person's half-finished edit says nothing. */
export function readApplication(bytes: Buffer): CommittedApplication {
  try {
    const options = { file: "application.yaml", stage: "base", code: "BaseUnusable" } as const;
    const { metadata, spec } = record(parseYaml(bytes.toString("utf8"), options));
    const id = record(record(spec).compassMetadata).applicationId;
    return {
      id: textOf(id),
      name: textOf(record(metadata).name),
      isDisabled: record(record(metadata).annotations)[RECONCILE_ANNOTATION] === "disabled",
      references: referencesOf(spec),
      routes: routesOf(spec),
    };
  } catch {
    return { id: null, name: null, isDisabled: false, references: new Map(), routes: [] };
  }
}

/** Paths that a kustomization lists; none where it cannot be read. */
export function resourcesOf(bytes: Buffer): string[] {
  try {
    const options = { file: "kustomization.yaml", stage: "base", code: "BaseUnusable" } as const;
    return list(record(parseYaml(bytes.toString("utf8"), options)).resources).flatMap((each) => textOf(each) ?? []);
  } catch {
    return [];
  }
}

const KEYS = { Basic: ["username", "password"], OAuth: ["clientId", "clientSecret"] } as const;

function referencesOf(spec: unknown): Map<string, SecretReference> {
  const references = new Map<string, SecretReference>();
  const add = (name: string | null, reference: SecretReference) => {
    if (name === null) return;
    const hosts = new Set([...(references.get(name)?.hosts ?? []), ...reference.hosts]);
    references.set(name, { ...reference, hosts: [...hosts].sort() });
  };
  for (const service of list(record(spec).services)) {
    const bundle = textOf(record(service).id);
    if (bundle === null) continue;
    for (const entry of list(record(service).entries)) {
      const { targetUrl, credentials, requestParametersSecretName } = record(entry);
      const { type, secretName, authenticationUrl, csrfInfo } = record(credentials);
      const authenticationURL = textOf(authenticationUrl);
      const csrfTokenEndpointURL = textOf(record(csrfInfo).tokenEndpointURL);
      const target = textOf(targetUrl);
      if (type === "Basic" || type === "OAuth") {
        const hosts = hostsOf([target, authenticationURL, csrfTokenEndpointURL]);
        add(textOf(secretName), {
          bundle,
          type,
          keys: KEYS[type],
          authenticationURL,
          csrfTokenEndpointURL,
          hosts,
          values: null,
        });
      }
      const parameters = {
        authenticationURL: null,
        csrfTokenEndpointURL: null,
        hosts: hostsOf([target]),
        values: null,
      };
      add(textOf(requestParametersSecretName), { bundle, type: "Parameters", keys: [], ...parameters });
    }
  }
  return references;
}

/** By the addresses that the agent gave them (contract 4.3); one that a person or a template put elsewhere is none. */
function routesOf(spec: unknown): Route[] {
  const entries = list(record(spec).services).flatMap((service) => list(record(service).entries));
  return entries.flatMap((entry): Route[] => {
    const path = URL.parse(textOf(record(entry).centralGatewayUrl) ?? "")?.pathname.split("/") ?? [];
    const [application, service, name] = path.slice(-3);
    return application && service && name ? [[application, service, name]] : [];
  });
}

/**
 * Hosts with their ports, once each, sorted. One that is not spoken to over TLS is another, and has its scheme before it;
 * an address that cannot be read counts as it stands.
 */
export function hostsOf(urls: readonly (string | null)[]): string[] {
  const hosts = urls.flatMap((url) => (url === null || url === "" ? [] : [hostOf(url)]));
  return [...new Set(hosts)].sort();
}

/** Characters of a name in DNS. */
const LONGEST_HOST = 253;

function hostOf(url: string): string {
  const { protocol, host } = URL.parse(url) ?? {};
  // As long as it is, the inventory would hold it once more for each Secret.
  if (!host) return url.length > LONGEST_HOST ? `sha256:${sha256(url)}` : url;
  return protocol === "https:" ? host : `${protocol}//${host}`;
}

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const textOf = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);
