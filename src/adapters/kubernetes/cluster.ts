/** The cluster, opened once for many calls. */

import { createAccessReviews, type MayI } from "./access-reviews.js";
import { type AppliedObjects, createAppliedObjects } from "./applied-objects.js";
import { type AppliedSecrets, createAppliedSecrets } from "./applied-secrets.js";
import { type ClusterOptions, createCalls } from "./calls.js";
import { type ClusterCompassConnection, createCompassConnections } from "./compass-connections.js";
import { type ClusterDeployment, createDeployments } from "./deployments.js";
import { createTryApply, type TryApply } from "./dry-run.js";
import { ClusterFailure } from "./errors.js";
import { type ClusterEvent, createEvents } from "./events.js";
import { createGitOps, type GitOps } from "./gitops.js";
import { createWiring, type FindWiring } from "./gitops-wiring.js";
import { type ClusterLease, createLeases } from "./leases.js";
import { createLists, type Lists } from "./lists.js";
import type { Objects, Place } from "./objects.js";
import { createSecretHandover, type SecretHandover } from "./secret-handover.js";
import { type ClusterSecret, createSecrets } from "./secrets.js";
import { createServices, type ServicePath } from "./services.js";

export interface Cluster extends Lists {
  readonly secrets: Objects<ClusterSecret>;
  readonly appliedSecrets: AppliedSecrets;
  readonly handover: SecretHandover;
  readonly leases: Objects<ClusterLease>;
  readonly compassConnections: Objects<ClusterCompassConnection>;
  readonly applied: AppliedObjects;
  readonly gitops: GitOps;
  /** How they are set. */
  readonly wiring: FindWiring;
  readonly mayI: MayI;
  /** The CompassConnection of that name, as it stands; null when there is none, or no such kind of object. */
  compassConnection(name: string): Promise<unknown>;
  /** Null when there is no such Deployment. */
  deployment(place: Place): Promise<ClusterDeployment | null>;
  /** Tries an object without storing it. */
  readonly tryApply: TryApply;
  /** What a Service answers over http at its port `http`, asked through the API server. */
  serviceText(service: ServicePath): Promise<string>;
  /** Tells an Event, or counts it once more when it was told before. */
  tell(event: ClusterEvent): Promise<void>;
  /** Rejects as the API would refuse an Event about an object; stores nothing. */
  rehearseTelling(about: ClusterEvent["about"]): Promise<void>;
}

/**
 * Opens nothing yet: access is found by the first call. KUBECONFIG names it; else a pod's service account is taken, else
 * ~/.kube/config. Every call has a deadline, ends with the signal, is tried again where that may help, and rejects with
 * a `ClusterFailure` without the client's text.
 */
export function openCluster(options: ClusterOptions): Cluster {
  const send = createCalls(options);
  return {
    secrets: createSecrets(send),
    appliedSecrets: createAppliedSecrets(send),
    handover: createSecretHandover(send),
    leases: createLeases(send),
    compassConnections: createCompassConnections(send),
    applied: createAppliedObjects(send),
    gitops: createGitOps(send),
    wiring: createWiring(send),
    mayI: createAccessReviews(send),
    deployment: createDeployments(send),
    tryApply: createTryApply(send),
    ...createLists(send),
    serviceText: createServices(send),
    ...createEvents(send),
    compassConnection: async (name) => {
      const call = { verb: "get", resource: COMPASS_CONNECTIONS.plural, object: `CompassConnection ${name}` };
      try {
        return await send(call, async (configuration) => {
          const { CustomObjectsApi } = await import("@kubernetes/client-node");
          return new CustomObjectsApi(configuration).getClusterCustomObject({ ...COMPASS_CONNECTIONS, name });
        });
      } catch (thrown) {
        if (thrown instanceof ClusterFailure && thrown.status === 404) return null;
        throw thrown;
      }
    },
  };
}

const COMPASS_CONNECTIONS = { group: "compass.kyma-project.io", version: "v1alpha1", plural: "compassconnections" };
