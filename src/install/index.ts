/** An installation in the cluster: from settings to manifests, text, and what to do with them. */

export { type InstallManifest, installFiles, type ManifestFile } from "./manifests.js";
export { nextSteps } from "./next.js";
export { type InstallOptions, type InstallSettings, installSettings } from "./settings.js";
export { fileTexts, HEAD, streamText } from "./text.js";
export { removalSteps, uninstallManifests } from "./uninstall.js";
