/** The cluster's API; the only importer of the Kubernetes client. */

export { type ClusterSecretOptions, readClusterSecret } from "./secrets.js";
