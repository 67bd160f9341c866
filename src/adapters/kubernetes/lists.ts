/** Applications and credential Secrets as the cluster has them, all of them, page by page. */

import { z } from "zod";
import { Secret } from "../../common/secret.js";
import { keysToRemove, type RemovableSecret } from "./applied-secrets.js";
import type { SendCall } from "./calls.js";
import { ClusterFailure, isConflict } from "./errors.js";
import { itemsOf } from "./items.js";
import { managedBy } from "./managed-fields.js";
import { sendRaw, statusError } from "./raw.js";

/** An Application; its spec is foreign, and checked where it is read. */
export interface ListedApplication {
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: Readonly<Record<string, unknown>>;
}

export interface ListedSecret {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Kinds and names. */
  readonly owners: readonly { readonly kind: string; readonly name: string }[];
  readonly type: string;
  /** In base64, as the API has them. */
  readonly data: ReadonlyMap<string, Secret>;
}

/** A Secret without its values: they are not asked for. */
export interface MarkedSecret extends RemovableSecret {
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Lists {
  /** None where the cluster does not know the kind. */
  applications(): Promise<ListedApplication[]>;
  /** Those with all of these labels, whatever they say. */
  labelledSecrets(namespace: string, labels: readonly string[]): Promise<ListedSecret[]>;
  /** Those of which this label says this. */
  markedSecrets(namespace: string, label: string, value: string): Promise<MarkedSecret[]>;
}

/** Objects of one page. */
const PAGE = 500;

/** A list that takes too long has to be begun anew. */
const ATTEMPTS = 3;

const texts = z.record(z.string(), z.string()).default({});

const metadata = z.object({
  name: z.string(),
  namespace: z.string().default(""),
  uid: z.string(),
  labels: texts,
  annotations: texts,
  ownerReferences: z.array(z.object({ kind: z.string(), name: z.string() })).default([]),
});

const application = z.object({ metadata, spec: z.record(z.string(), z.unknown()).default({}) });
const secret = z.object({ metadata, type: z.string().default("Opaque"), data: texts });

const marked = z.object({ metadata: metadata.extend({ managedFields: z.array(managedBy).default([]) }) });

const METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

const pageOf = <T>(item: z.ZodType<T>) =>
  z.object({ metadata: z.object({ continue: z.string().default("") }), items: itemsOf(item) });

export function createLists(send: SendCall): Lists {
  return {
    applications: async () => {
      const path = "/apis/applicationconnector.kyma-project.io/v1alpha1/applications";
      const call = { verb: "list", resource: "applications", object: "Applications" };
      const found = await listAll(send, call, application, path, {}).catch((thrown: unknown) => {
        if (thrown instanceof ClusterFailure && thrown.status === 404) return [];
        throw thrown;
      });
      return found.map(({ metadata, spec }) => {
        const { name, uid, labels, annotations } = metadata;
        return { name, uid, labels, annotations, spec };
      });
    },
    labelledSecrets: async (namespace, labels) => {
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets`;
      const call = { verb: "list", resource: "secrets", object: `Secrets of ${namespace}` };
      const found = await listAll(send, call, secret, path, { labelSelector: labels.join(",") });
      return found.map(({ metadata, type, data }) => {
        const { ownerReferences: owners, ...named } = metadata;
        const values = Object.entries(data).map(([key, value]) => [key, Secret.of(value)] as const);
        return { ...named, owners, type, data: new Map(values) };
      });
    },
    markedSecrets: async (namespace, label, value) => {
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets`;
      const call = { verb: "list", resource: "secrets", object: `Secrets of ${namespace}` };
      const query = { labelSelector: `${label}=${value}` };
      const found = await listAll(send, call, marked, path, query, METADATA_ONLY);
      return found.map(({ metadata: { name, uid, annotations, managedFields } }) => {
        return { name, namespace, uid, annotations, keys: keysToRemove(managedFields) };
      });
    },
  };
}

type Call = Parameters<SendCall>[0];

type Query = Readonly<Record<string, string>>;

async function listAll<T>(
  send: SendCall,
  call: Call,
  item: z.ZodType<T>,
  path: string,
  query: Query,
  accept?: string,
): Promise<T[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await pagesOf(send, call, item, path, query, accept);
    } catch (thrown) {
      if (!isConflict(thrown) || attempt >= ATTEMPTS) throw thrown;
    }
  }
}

async function pagesOf<T>(
  send: SendCall,
  call: Call,
  item: z.ZodType<T>,
  path: string,
  query: Query,
  accept: string | undefined,
): Promise<T[]> {
  const page = pageOf(item);
  const items: T[] = [];
  let next = "";
  do {
    const where = next === "" ? query : { ...query, continue: next };
    const answer = await send(call, async (configuration) => {
      const { status, body } = await sendRaw(configuration, {
        method: "GET",
        path,
        query: { ...where, limit: String(PAGE) },
        ...(accept === undefined ? {} : { accept }),
      });
      if (status >= 300) throw await statusError(status);
      const { data } = page.safeParse(body);
      // As for everything that answers in place of an API server.
      if (data === undefined) throw new SyntaxError("no list of the API");
      return data;
    });
    items.push(...answer.items);
    next = answer.metadata.continue;
  } while (next !== "");
  return items;
}
