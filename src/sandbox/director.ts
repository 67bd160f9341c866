/** Director: the runtime, its Applications and their credentials (contract 2). */

import type { Clock } from "../common/clock.js";
import { answerOf, wire } from "./answer-faults.js";
import { baseAuth } from "./base-auth.js";
import {
  DirectorError,
  errorOfCode,
  insufficientScopes,
  internalError,
  invalidData,
  invalidOperation,
  missingScope,
  notFound,
} from "./director-error.js";
import type { Fault, Faults } from "./faults.js";
import { createEndpoint, executableSchema } from "./graphql-endpoint.js";
import { checkLabel } from "./label-rules.js";
import { describeToken, timestamp } from "./one-time-token.js";
import { changedList, spoiledPage } from "./page-faults.js";
import { cutPage, nestedSize, type Page, type PageArguments, sizeUpTo, topSize } from "./paging.js";
import type { LabelValue, Registry } from "./registry.js";
import { directorSchema } from "./schema-director.js";
import type { Application, Auth, Bundle, Snapshot } from "./snapshot-file.js";

export interface DirectorOptions {
  readonly registry: Registry;
  readonly faults: Faults;
  readonly clock: Clock;
  /** For the tokens it mints. */
  readonly connectorURL: string;
  /** The name that `applicationsForRuntime` gives. */
  readonly nameOf: (application: Application, isNormalized: unknown) => string;
}

export type DirectorContext = {
  /** False for revoked and unknown certificates, and for a tenant that Compass does not know. */
  readonly identified: boolean;
  readonly snapshot: Snapshot;
  /** The root fields asked for. */
  readonly operations: readonly string[];
  /** What the data loaders of this one HTTP request go by (contract 2.7). */
  readonly batches: Map<string, { readonly page: PageArguments; readonly left: number }>;
  /** Set when the answer cannot be written as JSON (contract 12.3, O9). */
  readonly unwritable: { found: boolean };
  /** Ids and names of the Applications whose schema field the answer holds. */
  readonly schemasOf: Set<string>;
};

/** A bundle that knows where it belongs. */
type OwnedBundle = Bundle & { readonly owner: Application };

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

// Go's quoting of these is not JSON.
// biome-ignore lint/suspicious/noControlCharactersInRegex: naming control characters is the purpose
const UNWRITABLE = /[\u0000-\u0007\u000b\u000e-\u001f\u007f]/;

/** The largest page that a `page-size` fault allows. */
const limitOf = ({ limit = 100 }: Fault): number => limit;

/** Parents that one data loader takes together. */
const BATCH = 200;

export function createDirector({ registry, faults, clock, connectorURL, nameOf }: DirectorOptions) {
  const started = timestamp(clock.now());

  const runtimeOf = (snapshot: Snapshot) => ({
    ...snapshot.runtime,
    labels: { ...snapshot.runtime.labels, ...registry.labels },
    status: { condition: registry.condition, timestamp: timestamp(clock.now()) },
    metadata: { creationTimestamp: started },
    auths: registry.systemAuths.map((id) => ({ id })),
  });

  /** A root field: scopes first, then what a fault makes of it. */
  const operation =
    <A, T>(name: string, scope: string, resolve: (given: A, context: DirectorContext) => T) =>
    (_: unknown, given: A, context: DirectorContext): T => {
      if (!context.identified) throw insufficientScopes(scope);
      if (faults.take("insufficient-scopes", [name])) throw insufficientScopes(scope);
      if (faults.take("missing-scope", [name])) throw missingScope(scope);
      const fault = faults.take("graphql-error", [name]);
      if (fault) throw errorOfCode(fault.code ?? 10);
      return resolve(given, context);
    };

  const requireRuntime = (id: string, { snapshot }: DirectorContext, name: string): boolean => {
    if (!UUID.test(id)) throw internalError();
    return id === snapshot.runtime.id && !faults.take("no-runtime", [name]);
  };

  const nested = <T>(
    name: string,
    list: readonly T[] | null | undefined,
    given: PageArguments,
    { batches }: DirectorContext,
  ): Page<T> | null => {
    if (list === null || list === undefined) return null;
    // The loader goes by the arguments of its first parent, whatever the others say: the alias trap.
    const batch = batches.get(name) ?? { page: given, left: BATCH };
    if (batch.left > 1) batches.set(name, { page: batch.page, left: batch.left - 1 });
    else batches.delete(name);
    const page = cutPage(list, batch.page, (size) => {
      nestedSize(size);
      const fault = faults.takeNamed("page-size", name, (one) => size > limitOf(one));
      if (fault) sizeUpTo(limitOf(fault), size);
    });
    return spoiledPage(page, batch.page, (fault) => faults.takeNamed(fault, name));
  };

  const schema = executableSchema<DirectorContext>(directorSchema, {
    Query: {
      runtime: operation("runtime", "runtime:read", ({ id }: { id: string }, context) =>
        requireRuntime(id, context, "runtime") ? runtimeOf(context.snapshot) : null,
      ),
      application: operation("application", "application:read", ({ id }: { id: string }, { snapshot }) => {
        if (!UUID.test(id)) throw internalError();
        const found = snapshot.applications.find((application) => application.id === id);
        if (found === undefined) throw invalidOperation("requested object should be in a formation with the runtime");
        return found;
      }),
      applicationsForRuntime: operation(
        "applicationsForRuntime",
        "application:read",
        ({ runtimeID, ...page }: PageArguments & { runtimeID: string }, context) => {
          const name = "applicationsForRuntime";
          if (!requireRuntime(runtimeID, context, name)) throw invalidData("runtime does not exist");
          const take: Parameters<typeof changedList>[2] = (fault) => faults.take(fault, [name]);
          const { snapshot } = context;
          const cut = cutPage(changedList(snapshot.applications, page, take), page, (size) => {
            topSize(size);
            const fault = faults.take("page-size", [name], (one) => size > limitOf(one));
            if (fault) sizeUpTo(limitOf(fault), size);
          });
          const answered = spoiledPage(cut, page, take);
          const { isNormalized } = runtimeOf(snapshot).labels;
          const named = answered.data.map((application) => ({
            ...application,
            name: nameOf(application, isNormalized),
          }));
          return { ...answered, data: named };
        },
      ),
    },
    Mutation: {
      setRuntimeLabel: operation(
        "setRuntimeLabel",
        "runtime:write",
        ({ runtimeID, key, value }: { runtimeID: string; key: string; value: LabelValue }, context) => {
          if (!requireRuntime(runtimeID, context, "setRuntimeLabel")) throw notFound("runtime", runtimeID);
          checkLabel(key, value);
          registry.setLabel(key, value);
          return { key, value };
        },
      ),
      requestOneTimeTokenForRuntime: operation(
        "requestOneTimeTokenForRuntime",
        "runtime:write",
        ({ id, systemAuthID }: { id: string; systemAuthID?: string | null }, context) => {
          if (!requireRuntime(id, context, "requestOneTimeTokenForRuntime")) throw notFound("runtime", id);
          if (systemAuthID && !registry.systemAuths.includes(systemAuthID)) throw notFound("systemAuth", systemAuthID);
          return describeToken(registry.issueToken(clock.now(), systemAuthID ?? undefined), connectorURL);
        },
      ),
    },
    Runtime: { labels: labelsByKey },
    Application: {
      labels: labelsByKey,
      bundles: (owner: Application, given: PageArguments, context) => {
        const page = nested("bundles", owner.bundles, given, context);
        return page && { ...page, data: page.data.map((bundle): OwnedBundle => ({ ...bundle, owner })) };
      },
      bundle: (owner: Application, { id }: { id: string }) => {
        const found = owner.bundles?.find((bundle) => bundle.id === id);
        const auth = found?.defaultInstanceAuth;
        return found && { ...found, owner, defaultInstanceAuth: auth && baseAuth(auth) };
      },
      status: () => ({ condition: "CONNECTED", timestamp: timestamp(clock.now()) }),
    },
    // A runtime lacks the scope application.auths:read (contract 2.1).
    AppSystemAuth: { auth: () => null },
    Bundle: {
      instanceAuthRequestInputSchema: (bundle: OwnedBundle, _, { unwritable, schemasOf }) => {
        const { instanceAuthRequestInputSchema: text, owner } = bundle;
        if (text && UNWRITABLE.test(text)) unwritable.found = true;
        schemasOf.add(owner.id).add(owner.name);
        return text;
      },
      // The group is accepted and ignored (contract 2.7).
      apiDefinitions: ({ apiDefinitions }: Bundle, page: PageArguments, context) =>
        nested("apiDefinitions", apiDefinitions, page, context),
      eventDefinitions: ({ eventDefinitions }: Bundle, page: PageArguments, context) =>
        nested("eventDefinitions", eventDefinitions, page, context),
      apiDefinition: ({ apiDefinitions }: Bundle, { id }: { id: string }) =>
        apiDefinitions?.find((one) => one.id === id),
      eventDefinition: ({ eventDefinitions }: Bundle, { id }: { id: string }) =>
        eventDefinitions?.find((one) => one.id === id),
    },
    Auth: {
      additionalHeadersSerialized: ({ additionalHeaders }: Auth) =>
        additionalHeaders && JSON.stringify(additionalHeaders),
      additionalQueryParamsSerialized: ({ additionalQueryParams }: Auth) =>
        additionalQueryParams && JSON.stringify(additionalQueryParams),
    },
  });

  return createEndpoint<DirectorContext>({
    schema,
    present: ({ originalError, message, path }) => ({
      ...wire(originalError instanceof DirectorError ? originalError : internalError(message), path),
    }),
    refuse: ({ message }) => wire(internalError(message)),
    finish: (result, context) => answerOf(result, context, faults),
  });
}

function labelsByKey(
  { labels }: { labels?: Readonly<Record<string, unknown>> | null },
  { key }: { key?: string | null },
) {
  if (!labels) return labels;
  const visible = Object.entries(labels).filter(([name]) => !/_defaultEventing$/.test(name));
  return Object.fromEntries(key ? visible.filter(([name]) => name === key) : visible);
}

/** The marks of one HTTP request. */
export function freshMarks(): Pick<DirectorContext, "batches" | "unwritable" | "schemasOf"> {
  return { batches: new Map(), unwritable: { found: false }, schemasOf: new Set() };
}
