/** The door: Director's objects are checked here once, and every secret value is wrapped (contract 2.6, 2.8, 2.9). */

import { z } from "zod";
import { Secret } from "../common/secret.js";
import { goJSON } from "./go-json.js";
import type {
  APIDefinition,
  Application,
  Auth,
  Bundle,
  Credential,
  EventDefinition,
  Runtime,
  UnreadableApplication,
} from "./snapshot.js";

/** How a recorded file stands for a value that it leaves out. */
export const REDACTED = { redacted: true } as const;

const redacted = z.strictObject({ redacted: z.literal(true) }).transform(() => Secret.redacted());
const secret = z.union([z.string().transform((value) => Secret.of(value)), redacted]);

/** A record by its own entries, since zod's own drops a name such as `__proto__`. */
const named = z.custom<Readonly<Record<string, readonly string[] | null>>>((value) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const isText = (item: unknown) => typeof item === "string";
  return Object.values(value).every((list) => list === null || (Array.isArray(list) && list.every(isText)));
});

const parameters = z
  .union([
    redacted,
    named.transform((all) => {
      const lists = Object.entries(all).map(([name, values]) => [name, values ?? []] as const);
      return lists.length === 0 ? null : Secret.of(goJSON(Object.fromEntries(lists)));
    }),
  ])
  .nullish()
  .transform((value) => value ?? null);

// A recording may lack __typename: the fields tell the members apart, and an empty object is what the Go agent's
// query gave for the one that it did not know.
const credential = z.looseObject({ __typename: z.string().optional() }).transform((fields, context): Credential => {
  const type = fields.__typename ?? memberOf(fields);
  const parsed = members.safeParse({ ...fields, __typename: type });
  if (parsed.success) return parsed.data;
  // One Application with credentials of a kind to come must not stop the others.
  if (!KNOWN.has(type) && NAME.test(type)) return { kind: "Unknown", type };
  context.addIssue({ code: "custom", message: "not a credential" });
  return z.NEVER;
});

const KNOWN: ReadonlySet<string> = new Set([
  "BasicCredentialData",
  "OAuthCredentialData",
  "CertificateOAuthCredentialData",
]);

/** A name in GraphQL, of a length that can be shown. */
const NAME = /^[A-Za-z_]\w{0,62}$/;

const memberOf = (fields: Readonly<Record<string, unknown>>) => {
  if ("username" in fields) return "BasicCredentialData";
  return "clientSecret" in fields ? "OAuthCredentialData" : "CertificateOAuthCredentialData";
};

const members = z.discriminatedUnion("__typename", [
  z
    .object({ __typename: z.literal("BasicCredentialData"), username: secret, password: secret })
    .transform(({ username, password }): Credential => ({ kind: "Basic", username, password })),
  z
    .object({ __typename: z.literal("OAuthCredentialData"), clientId: secret, clientSecret: secret, url: z.string() })
    .transform(
      ({ clientId, clientSecret, url }): Credential => ({ kind: "OAuth", clientID: clientId, clientSecret, url }),
    ),
  z
    .object({ __typename: z.literal("CertificateOAuthCredentialData") })
    .transform((): Credential => ({ kind: "CertificateOAuth" })),
]);

const auth = z
  .object({
    credential: credential.nullish(),
    additionalHeaders: parameters,
    additionalQueryParams: parameters,
    requestAuth: z.object({ csrf: z.object({ tokenEndpointURL: z.string() }).nullish() }).nullish(),
  })
  .transform(
    (fields): Auth => ({
      credential: fields.credential ?? null,
      headers: fields.additionalHeaders,
      queryParameters: fields.additionalQueryParams,
      csrfTokenEndpointURL: fields.requestAuth?.csrf?.tokenEndpointURL ?? null,
    }),
  );

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? null);

export const apiDefinition = z.object({
  id: z.string().min(1),
  name: z.string(),
  targetURL: z.string(),
}) satisfies z.ZodType<APIDefinition>;
export const eventDefinition = z.object({
  id: z.string().min(1),
  name: z.string(),
}) satisfies z.ZodType<EventDefinition>;

export const runtime = z
  .object({
    id: z.string().min(1),
    name: z.string(),
    labels: z.record(z.string(), z.unknown()).nullish(),
  })
  .transform(({ id, name, labels }): Runtime => ({ id, name, labels: shallow(labels ?? {}) }));

/** Levels of a label's value that are kept: one without end could not be written down again. */
const DEPTH = 32;

/** Labels by their name, but for those that are nested too deeply to mean anything. */
function shallow(labels: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const isShallow = (value: unknown, left: number): boolean =>
    typeof value !== "object" ||
    value === null ||
    (left > 0 && Object.values(value).every((each) => isShallow(each, left - 1)));
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => isShallow(value, DEPTH)));
}

/** A page as the wire has it. */
export interface Page<T> {
  readonly data: readonly T[];
  readonly pageInfo: { readonly endCursor: string; readonly hasNextPage: boolean };
  readonly totalCount: number;
}

export const page = <T>(item: z.ZodType<T>) =>
  z.object({
    data: z.array(item),
    pageInfo: z.object({ endCursor: z.string(), hasNextPage: z.boolean() }),
    totalCount: z.number().int().nonnegative(),
  });

type Lists<T> = { apiDefinitions: T; eventDefinitions: T };

const bundleFields = {
  id: z.string().min(1),
  name: z.string(),
  description: text,
  instanceAuthRequestInputSchema: text,
  defaultInstanceAuth: auth.nullish().transform((value) => value ?? null),
};

/** A bundle whose lists are still pages. */
export interface PagedBundle extends Omit<Bundle, keyof Lists<unknown>> {
  readonly apiDefinitions: Page<APIDefinition>;
  readonly eventDefinitions: Page<EventDefinition>;
}

export const pagedBundle: z.ZodType<PagedBundle> = z.object({
  ...bundleFields,
  apiDefinitions: page(apiDefinition),
  eventDefinitions: page(eventDefinition),
});

const applicationFields = {
  id: z.string().min(1),
  name: z.string(),
  description: text,
  auths: z
    .array(z.object({ id: z.string().min(1) }))
    .nullish()
    .transform((list) => (list ?? []).map(({ id }) => id)),
};

/** An application whose bundles are still a page; null where Director has none to give. */
export interface PagedApplication extends Omit<Application, "bundles"> {
  readonly bundles: Page<PagedBundle> | null;
}

export const pagedApplication: z.ZodType<PagedApplication> = z.object({
  ...applicationFields,
  bundles: page(pagedBundle)
    .nullish()
    .transform((value) => value ?? null),
});

export const unreadableApplication = z.object({
  id: z.string().min(1),
  name: z.string(),
}) satisfies z.ZodType<UnreadableApplication>;

const listed = <T>(item: z.ZodType<T>) =>
  z
    .array(item)
    .nullish()
    .transform((list): readonly T[] => list ?? []);

/** An application of a recorded file, where a page is its complete list. */
export const recordedApplication: z.ZodType<Application> = z.object({
  ...applicationFields,
  bundles: listed(
    z.object({
      ...bundleFields,
      apiDefinitions: listed(apiDefinition),
      eventDefinitions: listed(eventDefinition),
    }),
  ),
});
