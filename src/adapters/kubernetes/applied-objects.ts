/** What a cluster shows of what was committed: the revision, the Applications, and Secrets that were unsealed. */

import { z } from "zod";
import type { SendCall } from "./calls.js";
import { type CustomKind, createCustomObjects } from "./custom-objects.js";
import { ClusterFailure } from "./errors.js";
import { itemsOf } from "./items.js";
import type { Place } from "./objects.js";

/** A SealedSecret, as far as its controller says what became of it. */
export interface SealedSecretState {
  /** True once there is a Secret of it; null where the controller has not looked at it. */
  readonly isUnsealed: boolean | null;
  /** The controller's words; "" for none. */
  readonly message: string;
}

export interface AppliedObjects {
  /** The data of a ConfigMap; null when there is none. */
  configMap(place: Place): Promise<ReadonlyMap<string, string> | null>;
  /** Annotations of all Applications by name, of one request; null when the cluster knows no Applications. */
  applications(): Promise<ReadonlyMap<string, Readonly<Record<string, string>>> | null>;
  /** By name; null when the cluster knows no SealedSecrets. */
  sealedSecrets(namespace: string): Promise<ReadonlyMap<string, SealedSecretState> | null>;
}

const APPLICATION: CustomKind = {
  group: "applicationconnector.kyma-project.io",
  version: "v1alpha1",
  plural: "applications",
  title: "Application",
};
const SEALED_SECRET: CustomKind = {
  group: "bitnami.com",
  version: "v1alpha1",
  plural: "sealedsecrets",
  title: "SealedSecret",
};

const named = z.object({ name: z.string(), annotations: z.record(z.string(), z.string()).optional() });

const applicationsSchema = z.object({ items: itemsOf(z.object({ metadata: named })) });

const conditionSchema = z.object({ type: z.string(), status: z.string(), message: z.string().optional() });
const sealedSecret = z.object({
  metadata: named.extend({ generation: z.number().optional() }),
  status: z
    .object({ conditions: z.array(conditionSchema).optional(), observedGeneration: z.number().optional() })
    .optional(),
});
const sealedSecretsSchema = z.object({ items: itemsOf(sealedSecret) });

export function createAppliedObjects(send: SendCall): AppliedObjects {
  const custom = createCustomObjects(send);
  return {
    configMap: async ({ namespace, name }) => {
      const call = { verb: "get", resource: "configmaps", object: `ConfigMap ${namespace}/${name}` };
      try {
        const { data = {} } = await send(call, async (configuration) => {
          const { CoreV1Api } = await import("@kubernetes/client-node");
          return new CoreV1Api(configuration).readNamespacedConfigMap({ namespace, name });
        });
        return new Map(Object.entries(data));
      } catch (thrown) {
        if (thrown instanceof ClusterFailure && thrown.status === 404) return null;
        throw thrown;
      }
    },
    applications: async () => {
      const found = await custom.listMetadata(APPLICATION, null, applicationsSchema);
      return found && new Map(found.items.map(({ metadata }) => [metadata.name, metadata.annotations ?? {}]));
    },
    sealedSecrets: async (namespace) => {
      const found = await custom.list(SEALED_SECRET, namespace, sealedSecretsSchema);
      return found && new Map(found.items.map(({ metadata, status }) => [metadata.name, stateOf(metadata, status)]));
    },
  };
}

type SealedSecretItem = z.infer<typeof sealedSecret>;

/** What is said of an earlier version of it says nothing of this one. */
function stateOf({ generation }: SealedSecretItem["metadata"], status: SealedSecretItem["status"]): SealedSecretState {
  const isSeen = generation === undefined || (status?.observedGeneration ?? generation) >= generation;
  const synced = isSeen ? status?.conditions?.find(({ type }) => type === "Synced") : undefined;
  return { isUnsealed: synced === undefined ? null : synced.status === "True", message: synced?.message ?? "" };
}
