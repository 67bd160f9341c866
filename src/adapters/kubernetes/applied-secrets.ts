/** Secrets of the cluster that are the agent's own: applied whole, and removed by name. */

import type { Secret } from "../../common/secret.js";
import type { SendCall } from "./calls.js";
import { ClusterFailure } from "./errors.js";
import type { Place } from "./objects.js";

export interface AppliedSecret extends Place {
  /** All of it but its data. */
  readonly object: object;
  /** In base64. */
  readonly data: ReadonlyMap<string, Secret>;
}

export interface AppliedSecrets {
  /**
   * Server-side apply as `runtime-agent`: what stands there afterwards is this, and what others added beside it. Applied
   * again without a change it is no change.
   */
  apply(secret: AppliedSecret): Promise<void>;
  /** One that is not there is fine. */
  remove(place: Place): Promise<void>;
  /** Takes these annotations from it; one that is not there is fine. */
  removeAnnotations(place: Place, names: readonly string[]): Promise<void>;
}

/** Who the fields belong to. */
const MANAGER = "runtime-agent";

export function createAppliedSecrets(send: SendCall): AppliedSecrets {
  const call = (verb: string, { namespace, name }: Place) => ({
    verb,
    resource: "secrets",
    object: `Secret ${namespace}/${name}`,
  });
  const unlessGone = (thrown: unknown) => {
    if (!(thrown instanceof ClusterFailure) || thrown.status !== 404) throw thrown;
  };
  return {
    apply: async (secret) => {
      const { namespace, name, object, data } = secret;
      await send(call("patch", secret), async (configuration) => {
        const { CoreV1Api, PatchStrategy, setHeaderOptions } = await import("@kubernetes/client-node");
        const revealed = Object.fromEntries([...data].map(([key, value]) => [key, value.reveal()]));
        return new CoreV1Api(configuration).patchNamespacedSecret(
          { namespace, name, body: { ...object, data: revealed }, fieldManager: MANAGER, force: true },
          setHeaderOptions("Content-Type", PatchStrategy.ServerSideApply),
        );
      });
    },
    remove: async (place) => {
      await send(call("delete", place), async (configuration) => {
        const { CoreV1Api } = await import("@kubernetes/client-node");
        return new CoreV1Api(configuration).deleteNamespacedSecret(place);
      }).catch(unlessGone);
    },
    removeAnnotations: async (place, names) => {
      await send(call("patch", place), async (configuration) => {
        const { CoreV1Api, PatchStrategy, setHeaderOptions } = await import("@kubernetes/client-node");
        const annotations = Object.fromEntries(names.map((name) => [name, null]));
        return new CoreV1Api(configuration).patchNamespacedSecret(
          { ...place, body: { metadata: { annotations } } },
          setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
        );
      }).catch(unlessGone);
    },
  };
}
