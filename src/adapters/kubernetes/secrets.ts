/** Secrets of the cluster, whole. */

import type { V1Secret } from "@kubernetes/client-node";
import { Secret } from "../../common/secret.js";
import type { SendCall } from "./calls.js";
import { type ClusterObject, createObjects, type Objects } from "./objects.js";

export interface ClusterSecret extends ClusterObject {
  /** Values in base64, as the API has them: they need not be text. */
  readonly data: ReadonlyMap<string, Secret>;
}

export function createSecrets(send: SendCall): Objects<ClusterSecret> {
  return createObjects<V1Secret, ClusterSecret>(
    {
      title: "Secret",
      resource: "secrets",
      get: async (configuration, place) => (await api(configuration)).readNamespacedSecret(place),
      create: async (configuration, { namespace }, body, options) =>
        (await api(configuration)).createNamespacedSecret({ namespace, body, ...options }),
      replace: async (configuration, { namespace, name }, body, options) =>
        (await api(configuration)).replaceNamespacedSecret({ namespace, name, body, ...options }),
      read: ({ data = {}, ...frame }, object) => {
        const values = Object.entries(data).map(([key, value]) => [key, Secret.of(value)] as const);
        return { ...object, frame, data: new Map(values) };
      },
      compose: ({ data }, frame) => {
        const values = [...data].map(([key, value]) => [key, value.reveal()] as const);
        return { ...frame, data: Object.fromEntries(values) };
      },
      isSame: (found, wanted) =>
        found.data.size === wanted.data.size &&
        [...wanted.data].every(([key, value]) => found.data.get(key)?.equals(value) === true),
    },
    send,
  );
}

type Configuration = Parameters<Parameters<SendCall>[1]>[0];

// Loading the client takes 0.4 s, which commands that need no cluster should not wait for.
async function api(configuration: Configuration) {
  const { CoreV1Api } = await import("@kubernetes/client-node");
  return new CoreV1Api(configuration);
}
