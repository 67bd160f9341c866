/** The charts of an installation; `src/install` decides which of them a cluster gets. */

export { admissionRights } from "../admission-rights.js";
export { optionalRights } from "../optional-rights.js";
export { clusterSecretsRights, rights } from "../rights.js";
export { ARGOCD_GIT_SECRET, ARGOCD_NAMESPACE, argoCD } from "./argocd.js";
export { FLUX_GIT_SECRET, FLUX_NAMESPACE, FLUX_SOPS_SECRET, flux } from "./flux.js";
export { AGENT, APPLIER, CONFIGURATION_SECRET, CREDENTIALS_FOLDER, CREDENTIALS_SECRET } from "./manifest.js";
export { networkPolicy } from "./network.js";
export { configuration, emptySecret, namespace } from "./settings.js";
export { cronJob, deployment } from "./workload.js";
