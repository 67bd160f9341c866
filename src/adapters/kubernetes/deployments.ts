/** Deployments of the cluster, as far as the agent looks at them: whether one runs. */

import type { SendCall } from "./calls.js";
import { ClusterFailure } from "./errors.js";
import type { Place } from "./objects.js";

export interface ClusterDeployment {
  /** Pods that are wanted. */
  readonly wanted: number;
  /** Pods that are there. */
  readonly running: number;
}

/** Gives null when there is no such Deployment. */
export function createDeployments(send: SendCall): (place: Place) => Promise<ClusterDeployment | null> {
  return async ({ namespace, name }) => {
    const call = { verb: "get", resource: "deployments", object: `Deployment ${namespace}/${name}` };
    try {
      const { spec, status } = await send(call, async (configuration) => {
        const { AppsV1Api } = await import("@kubernetes/client-node");
        return new AppsV1Api(configuration).readNamespacedDeployment({ namespace, name });
      });
      // Kubernetes's own default.
      return { wanted: spec?.replicas ?? 1, running: status?.replicas ?? 0 };
    } catch (thrown) {
      if (thrown instanceof ClusterFailure && thrown.status === 404) return null;
      throw thrown;
    }
  };
}
