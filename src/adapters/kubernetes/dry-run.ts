/** An object tried by a server-side dry run: admission and validation decide as they would, and nothing is stored. */

import { z } from "zod";
import type { Secret } from "../../common/secret.js";
import type { SendCall } from "./calls.js";
import { ClusterFailure } from "./errors.js";
import { sendRaw, statusError } from "./raw.js";
import { refusalOf } from "./refusal.js";

/** What is to be applied; a Secret's data apart. */
export interface TriedObject {
  readonly object: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly namespace?: string };
    readonly [field: string]: unknown;
  };
  /** By key, as text; null for what is no Secret. */
  readonly data: ReadonlyMap<string, Secret> | null;
}

/** Who applies, as fields are owned by name. */
const FIELD_MANAGER = "runtime-agent";

/** Gives why the API server refuses an object, in its own words, which are foreign text; null when it takes it. */
export type TryApply = (tried: TriedObject) => Promise<string | null>;

interface Resource {
  readonly plural: string;
  readonly isNamespaced: boolean;
}

/** What is asked for most; of other kinds the server is asked how it calls them. */
const KNOWN: Readonly<Record<string, Resource>> = {
  "v1 Secret": { plural: "secrets", isNamespaced: true },
  "v1 ConfigMap": { plural: "configmaps", isNamespaced: true },
  "applicationconnector.kyma-project.io/v1alpha1 Application": { plural: "applications", isNamespaced: false },
};

/** Server-side apply by force, as GitOps tools do. Rejects with a `ClusterFailure` where nobody could be asked. */
export function createTryApply(send: SendCall): TryApply {
  const found = new Map<string, Promise<Resource | null>>();
  const resourceOf = (apiVersion: string, kind: string) => {
    const key = `${apiVersion} ${kind}`;
    const known = KNOWN[key];
    if (known !== undefined) return known;
    const asked = found.get(key) ?? findResource(send, apiVersion, kind);
    found.set(key, asked);
    return asked;
  };

  return async ({ object, data }) => {
    const { apiVersion, kind, metadata } = object;
    const resource = await resourceOf(apiVersion, kind);
    if (resource === null) return `the cluster knows no ${kind} of ${apiVersion}`;
    const { plural, isNamespaced } = resource;
    const namespace = isNamespaced ? (metadata.namespace ?? "default") : null;
    const place = namespace === null ? metadata.name : `${namespace}/${metadata.name}`;
    const within = namespace === null ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
    const path = `${rootOf(apiVersion)}${within}/${plural}/${encodeURIComponent(metadata.name)}`;
    const call = { verb: "patch", resource: plural, object: `${kind} ${place}` };
    const { refusal } = await send(call, async (configuration) => {
      const answer = await sendRaw(configuration, {
        method: "PATCH",
        path,
        query: { dryRun: "All", fieldManager: FIELD_MANAGER, force: "true" },
        contentType: "application/apply-patch+yaml",
        // JSON is YAML. Made here, so that no value outlives the request.
        body: JSON.stringify(data === null ? object : { ...object, data: encoded(data) }),
      });
      if (answer.status < 300) {
        // A page for people is no consent.
        if (!isApplied(answer.body, metadata.name)) throw new SyntaxError("no object of the API");
        return { metadata, refusal: null };
      }
      return { metadata, refusal: await refusalOf(answer) };
    });
    return refusal;
  };
}

const encoded = (data: ReadonlyMap<string, Secret>) =>
  Object.fromEntries([...data].map(([key, value]) => [key, Buffer.from(value.reveal()).toString("base64")]));

const rootOf = (apiVersion: string) => `${apiVersion.includes("/") ? "/apis" : "/api"}/${apiVersion}`;

/** True for the object as it would stand. */
const isApplied = (body: unknown, name: string) => applied.safeParse(body).data?.metadata.name === name;

const applied = z.object({ metadata: z.object({ name: z.string() }) });

const resourceList = z.object({
  resources: z.array(z.object({ name: z.string(), kind: z.string(), namespaced: z.boolean() })),
});

/** Null where the cluster has no such kind. */
async function findResource(send: SendCall, apiVersion: string, kind: string): Promise<Resource | null> {
  const call = { verb: "get", resource: apiVersion, object: `the kinds of ${apiVersion}` };
  const { resources } = await send(call, async (configuration) => {
    const { status, body } = await sendRaw(configuration, { method: "GET", path: rootOf(apiVersion) });
    if (status === 404) return { metadata: {}, resources: [] };
    if (status >= 300) throw await statusError(status);
    const { data } = resourceList.safeParse(body);
    if (data === undefined) throw new SyntaxError("no list of the API");
    return { metadata: {}, ...data };
  });
  const resource = resources.find((each) => each.kind === kind && !each.name.includes("/"));
  return resource === undefined ? null : { plural: resource.name, isNamespaced: resource.namespaced };
}

/** True where the account may not do what it was asked for; nothing is known of the object then. */
export const isForbidden = (thrown: unknown): thrown is ClusterFailure =>
  thrown instanceof ClusterFailure && thrown.code === "ClusterForbidden";
