/** One Application from Director to the fields of its custom resource (contract 4.1). */

import { hostsOf, type SecretReference } from "../base/index.js";
import type { Secret } from "../common/secret.js";
import { sha256 } from "../common/sha256.js";
import type { Application, Auth, Bundle } from "../fetch/index.js";
import type { ModelOptions } from "./build-estate.js";
import type {
  ApplicationModel,
  CredentialsReference,
  Degraded,
  DegradedReason,
  SecretKey,
  SecretModel,
  ServiceModel,
} from "./estate.js";
import { credentialsSecretName, parametersSecretName, pathPart, serviceName } from "./names.js";
import { printable } from "./text.js";

/** What stands where Compass has no description (contract 4.1). */
export const NO_DESCRIPTION = "Description not provided";

/**
 * `name` is the final one, `known` the ids of bundles that Git has of it. What cannot be published as Compass has it is
 * left out and told in `degraded`.
 */
export function modelApplication(
  application: Application,
  name: string,
  fingerprint: ModelOptions["fingerprint"],
  known: Iterable<string> = [],
): { readonly model: ApplicationModel; readonly degraded: readonly Degraded[] } {
  const { id } = application;
  const degraded: Degraded[] = [];
  const degrade = (reason: DegradedReason, bundle: string | null, message: string) =>
    degraded.push({ name, id, reason, bundle, message });
  const prose = (text: string, bundle: string | null) => {
    const clean = printable(text);
    if (clean !== text) degrade("UnprintableText", bundle, "control characters in a text were replaced by U+FFFD");
    return clean;
  };

  const places = new Set(known);
  const secrets: SecretModel[] = [];
  const write: Actions["write"] = (secret, reference, values) => {
    const keys = values.map(([key, value]) => ({ key, fingerprint: fingerprint({ secret, key }, value) }));
    // At a place that no name of the Application changes: the same values are the same under another name.
    const digestAt = (bundle: string) => {
      const places = values.map(([key, value]) => fingerprint({ secret: bundle, key }, value));
      return places.includes(null) ? null : digestOf([reference.type, ...places]).slice(0, 32);
    };
    const names = values.map(([key]) => key);
    const elsewhere = [...places].flatMap((bundle): [string, string][] => {
      const digest = bundle === reference.bundle ? null : digestAt(bundle);
      return digest === null ? [] : [[bundle, digest]];
    });
    secrets.push({
      name: secret,
      bundle: reference.bundle,
      keys,
      reference: { ...reference, keys: names, values: digestAt(reference.bundle) },
      elsewhere: Object.fromEntries(elsewhere),
    });
    return secret;
  };

  const services = application.bundles.map((bundle): ServiceModel => {
    // A credential that no API entry uses would be a Secret that nothing refers to.
    const auth = bundle.apiDefinitions.length > 0 ? bundle.defaultInstanceAuth : null;
    const credentials = credentialsOf(auth, bundle, name, { degrade, write });
    const parameters = parametersOf(auth);
    const requestParametersSecretName =
      parameters.length > 0
        ? write(parametersSecretName(name, bundle.id), referenceOf(bundle, "Parameters", null, null), parameters)
        : null;
    if (bundle.apiDefinitions.some(({ targetURL }) => targetURL === "")) {
      degrade("NoTarget", bundle.id, "an API has no target URL, so calls of it fail");
    }
    return {
      id: bundle.id,
      name: serviceName(bundle.name, bundle.id),
      displayName: bundle.name,
      description: prose(bundle.description || NO_DESCRIPTION, bundle.id),
      authCreateParameterSchema:
        bundle.instanceAuthRequestInputSchema === null ? null : prose(bundle.instanceAuthRequestInputSchema, bundle.id),
      path: pathPart(bundle.name),
      entries: [
        ...bundle.apiDefinitions.map((api) => ({
          ...api,
          type: "API" as const,
          path: pathPart(api.name),
          credentials,
          requestParametersSecretName,
        })),
        ...bundle.eventDefinitions.map((event) => ({ ...event, type: "Events" as const })),
      ],
    };
  });

  const open = {
    id,
    name,
    description: prose(application.description || NO_DESCRIPTION, null),
    clientIDs: [...application.auths].sort(),
    services,
  };
  return { model: withDigests({ ...open, secrets }), degraded };
}

/**
 * Adds both digests; whatever changes of a model, this comes last. With `others`, Secrets that it has no more but still
 * refers to, the first is what it was with them.
 */
export function withDigests(
  model: Omit<ApplicationModel, "digest" | "intent">,
  others: readonly Pick<SecretModel, "name" | "reference">[] = [],
): ApplicationModel {
  const { secrets, id, name, description, clientIDs, services } = model;
  const places = [...secrets, ...others].map(({ name, reference }) => JSON.stringify([name, reference.keys])).sort();
  const digest = digestOf([{ id, name, description, clientIDs, services }, places]);
  const fingerprints = secrets.flatMap(({ keys }) => keys.map(({ fingerprint }) => fingerprint));
  return {
    ...model,
    digest,
    intent: fingerprints.includes(null) ? null : digestOf([digest, fingerprints]).slice(0, 32),
  };
}

const digestOf = (value: unknown) => sha256(JSON.stringify(value));

const referenceOf = (
  { id, apiDefinitions }: Bundle,
  type: SecretReference["type"],
  authenticationURL: string | null,
  csrfTokenEndpointURL: string | null,
): Omit<SecretReference, "keys" | "values"> => {
  const targets = apiDefinitions.map(({ targetURL }) => targetURL);
  const hosts = hostsOf([...targets, authenticationURL, csrfTokenEndpointURL]);
  return { bundle: id, type, authenticationURL, csrfTokenEndpointURL, hosts };
};

interface Actions {
  readonly degrade: (reason: DegradedReason, bundle: string | null, message: string) => void;
  readonly write: (
    secret: string,
    reference: Omit<SecretReference, "keys" | "values">,
    values: readonly (readonly [SecretKey, Secret])[],
  ) => string;
}

/** The reference of each API entry, its Secret written; null, and the Application degraded, where there can be none. */
function credentialsOf(auth: Auth | null, bundle: Bundle, application: string, actions: Actions) {
  if (auth === null) return null;
  const { degrade, write } = actions;
  const { credential, csrfTokenEndpointURL } = auth;
  const reference = (
    type: CredentialsReference["type"],
    authenticationURL: string | null,
    values: readonly (readonly [SecretKey, Secret])[],
  ): CredentialsReference | null => {
    if (values.some(([, value]) => value.isEmpty)) {
      degrade(
        "IncompleteCredentials",
        bundle.id,
        `a value of the ${type} credentials is empty: they are not published`,
      );
      return null;
    }
    const kept = referenceOf(bundle, type, authenticationURL, csrfTokenEndpointURL);
    const secretName = write(credentialsSecretName(application, bundle.id), kept, values);
    return { type, secretName, authenticationURL, csrfTokenEndpointURL };
  };
  switch (credential?.kind) {
    case "Basic":
      return reference("Basic", null, [
        ["username", credential.username],
        ["password", credential.password],
      ]);
    case "OAuth":
      return reference("OAuth", credential.url, [
        ["clientId", credential.clientID],
        ["clientSecret", credential.clientSecret],
      ]);
    case "CertificateOAuth":
      degrade(
        "UnsupportedCredentials",
        bundle.id,
        "the gateway cannot use certificate credentials: they are not published",
      );
      return null;
    case "Unknown":
      degrade(
        "UnsupportedCredentials",
        bundle.id,
        `credentials of the kind ${credential.type} are not known to this version: they are not published`,
      );
      return null;
    case undefined:
      if (csrfTokenEndpointURL !== null) {
        degrade(
          "UnsupportedCredentials",
          bundle.id,
          "a CSRF token without credentials cannot be fetched: it is not published",
        );
      }
      return null;
  }
}

const parametersOf = (auth: Auth | null): (readonly [SecretKey, Secret])[] => [
  ...(auth?.headers ? [["headers", auth.headers] as const] : []),
  ...(auth?.queryParameters ? [["queryParameters", auth.queryParameters] as const] : []),
];
