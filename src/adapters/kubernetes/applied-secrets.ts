/** Secrets of the cluster that are the agent's own: applied whole, and removed by name. */

import { z } from "zod";
import type { Secret } from "../../common/secret.js";
import type { SendCall } from "./calls.js";
import { isConflict, unlessGone } from "./errors.js";
import { dataKeysOf, handedOn, type ManagedBy, managedBy } from "./managed-fields.js";
import type { Place } from "./objects.js";
import { type RawRequest, sendRaw, statusError } from "./raw.js";
import { refusalOf } from "./refusal.js";
import { credentialCall } from "./secret-handover.js";

export interface AppliedSecret extends Place {
  /** All of it but its data. */
  readonly object: object;
  /** In base64. */
  readonly data: ReadonlyMap<string, Secret>;
}

export interface RemovableSecret extends Place {
  readonly uid: string;
  /** Keys of the data that may go; null where nobody else has any, so that it goes as a whole. */
  readonly keys: readonly string[] | null;
}

/** Labels and annotations, by name. */
export interface Marks {
  readonly labels: readonly string[];
  readonly annotations: readonly string[];
}

/** Who looks after a Secret from now on. */
export interface Heir {
  /** Of its fields, as the API server knows it; null where it takes what it wants, whoever has it. */
  readonly manager: string | null;
  /** By which it takes it over. */
  readonly annotations: Readonly<Record<string, string>>;
}

export interface AppliedSecrets {
  /**
   * Server-side apply as `runtime-agent`: what stands there afterwards is this, and what others added beside its data. Keys
   * that it does not have go, which may hold a credential that was taken away: those that nobody looks after, or who wrote
   * such Secrets before. Of anybody else they stay. Applied again without a change it is no change. Gives why the API server refuses it for what it is, in its own words, which are foreign
   * text; null when it took it.
   */
  apply(secret: AppliedSecret): Promise<string | null>;
  /**
   * The one with that uid and no later one of its name. Where others look after keys of it, these and what else is theirs
   * stay, without the marks. One that is not there is fine.
   */
  remove(secret: RemovableSecret, marks: Marks): Promise<void>;
  /**
   * Takes these from it, and gives its fields to who applies it from now on, whose own apply takes away then what it no
   * longer has. One that is not there is fine.
   */
  release(place: Place, marks: Marks, heir: Heir): Promise<void>;
}

/** Who the fields belong to. */
const MANAGER = "runtime-agent";

const MERGE = "application/merge-patch+json";

/**
 * Who wrote credential Secrets before: the Go agent, the tools that apply Git, the Sealed Secrets controller, and people. A
 * template may name a Secret like one of somebody else's, whose keys these are not.
 */
const isFormer = (manager: string) =>
  /^(?:runtime-agent|compass-runtime-agent|kustomize-controller|argocd-(?:application-)?controller|controller|before-first-apply|kubectl(?:-.*)?)$/.test(
    manager,
  );

/** Keys of the data of a Secret of the agent's that go with it; null where nobody else has one that the agent has not as well. */
export function keysToRemove(managedFields: readonly ManagedBy[]): readonly string[] | null {
  const mine = dataKeysOf(managedFields, (manager) => manager === MANAGER);
  // What a tool that restored the Secret has as well is the credential all the same.
  const others = new Set(
    [...dataKeysOf(managedFields, (manager) => !isFormer(manager))].filter((key) => !mine.has(key)),
  );
  if (others.size === 0) return null;
  return [...dataKeysOf(managedFields, isFormer)].filter((key) => !others.has(key));
}

const stored = z.object({
  metadata: z.object({ name: z.string(), uid: z.string().optional(), managedFields: z.array(managedBy).default([]) }),
  data: z.record(z.string(), z.unknown()).optional(),
});

/** Of the API server alone: nothing in it is a value. */
const owned = z.object({
  metadata: z.object({
    uid: z.string(),
    resourceVersion: z.string(),
    managedFields: z.array(managedBy).default([]),
  }),
});

export function createAppliedSecrets(send: SendCall): AppliedSecrets {
  const pathOf = ({ namespace, name }: Place) =>
    `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets/${encodeURIComponent(name)}`;
  /** Of a refusal for what it is, the words alone. */
  const patch = async (place: Place, request: Pick<RawRequest, "query" | "contentType">, body: () => object) =>
    send(credentialCall("patch", place), async (configuration) => {
      // JSON is YAML. Made here, so that no value outlives the request.
      const sent = { method: "PATCH", path: pathOf(place), ...request, body: JSON.stringify(body()) } as const;
      const answer = await sendRaw(configuration, sent);
      if (answer.status >= 300) return { metadata: {}, refusal: await refusalOf(answer), stored: null };
      const { data } = stored.safeParse(answer.body);
      // A page for people has stored nothing.
      if (data?.metadata.name !== place.name) throw new SyntaxError("no object of the API");
      const { uid, managedFields } = data.metadata;
      const others = dataKeysOf(managedFields, (manager) => !isFormer(manager));
      const keys = Object.keys(data.data ?? {}).filter((key) => !others.has(key));
      return { metadata: {}, refusal: null, stored: { uid, keys } };
    });
  const merge = (place: Place, metadata: object, data: object = {}) =>
    send(credentialCall("patch", place), async (configuration) => {
      const body = JSON.stringify({ metadata, data });
      const request = { method: "PATCH", path: pathOf(place), contentType: MERGE, body } as const;
      const answer = await sendRaw(configuration, request);
      if (answer.status >= 300) throw await statusError(answer.status);
      const left = owned.safeParse(answer.body);
      if (!left.success) throw new SyntaxError("no object of the API");
      return left.data;
    });
  return {
    apply: async (secret) => {
      const { object, data } = secret;
      const query = { fieldManager: MANAGER, force: "true" };
      const applied = await patch(secret, { query, contentType: "application/apply-patch+yaml" }, () => ({
        ...object,
        data: revealed(data),
      }));
      const foreign = applied.stored?.keys.filter((key) => !data.has(key)) ?? [];
      if (foreign.length === 0) return applied.refusal;
      const removed = Object.fromEntries(foreign.map((key) => [key, null]));
      const metadata = { uid: applied.stored?.uid };
      const left = await patch(secret, { query: { fieldManager: MANAGER }, contentType: MERGE }, () => ({
        metadata,
        data: removed,
      }));
      return left.refusal;
    },
    remove: async ({ uid, keys, ...place }, marks) => {
      if (keys !== null) {
        const data = Object.fromEntries(keys.map((key) => [key, null]));
        await merge(place, { uid, ...without(marks) }, data).catch(unlessGone);
        return;
      }
      await send(credentialCall("delete", place), async (configuration) => {
        const { CoreV1Api } = await import("@kubernetes/client-node");
        return new CoreV1Api(configuration).deleteNamespacedSecret({ ...place, body: { preconditions: { uid } } });
      }).catch(unlessGone);
    },
    release: async (place, marks, heir) => {
      const { labels, annotations } = without(marks);
      for (let attempt = 1; ; attempt++) {
        try {
          const { metadata } = await merge(place, { labels, annotations: { ...annotations, ...heir.annotations } });
          const { uid, resourceVersion, managedFields: held } = metadata;
          const managedFields = handedOn(held, MANAGER, heir.manager);
          if (managedFields !== null) await merge(place, { uid, resourceVersion, managedFields });
          return;
        } catch (thrown) {
          // Somebody wrote between the two.
          if (!isConflict(thrown) || attempt === ATTEMPTS) return unlessGone(thrown);
        }
      }
    },
  };
}

/** For a merge patch. */
const without = (marks: Marks) => {
  const nothing = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, null]));
  return { labels: nothing(marks.labels), annotations: nothing(marks.annotations) };
};

/** Of a release, where others write the same Secret. */
const ATTEMPTS = 5;

const revealed = (data: ReadonlyMap<string, Secret>) =>
  Object.fromEntries([...data].map(([key, value]) => [key, value.reveal()]));
