/** An installation in the cluster: from settings to manifests, text, and what to do with them. */

export type { InstallManifest, ManifestFile } from "./chart-file.js";
export { installFiles, VARYING_FILE_NAMES } from "./manifests.js";
export { nextSteps, quoted } from "./next.js";
export { optionalFiles } from "./optional-files.js";
export { type GitOpsTool, type InstallOptions, type InstallSettings, installSettings } from "./settings.js";
export { fileTexts, HEAD, streamText } from "./text.js";
export { removalSteps, takeOutOfGit, uninstallManifests } from "./uninstall.js";
