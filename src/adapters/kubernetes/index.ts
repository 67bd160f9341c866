/** The cluster's API; the only importer of the Kubernetes client. */

export type { Right } from "./access-reviews.js";
export type { Heir } from "./applied-secrets.js";
export type { ClusterOptions } from "./calls.js";
export { type Cluster, openCluster } from "./cluster.js";
export { type ClusterCompassConnection, COMPASS_CONNECTION } from "./compass-connections.js";
export { isForbidden, type TriedObject } from "./dry-run.js";
export { ClusterFailure, isConflict } from "./errors.js";
export type { ClusterEvent } from "./events.js";
export type { GitOpsState } from "./gitops.js";
export type { Wiring } from "./gitops-wiring.js";
export type { ClusterLease } from "./leases.js";
export type { ListedApplication, ListedSecret, MarkedSecret } from "./lists.js";
export type { ClusterObject, Objects, Place } from "./objects.js";
export { type ClusterSecretOptions, readClusterSecret } from "./read-secret.js";
export type { ClusterSecret } from "./secrets.js";
