/** The configuration: one YAML file, environment, options and defaults, parsed once into `Config`. */

export { resolveConfiguration, tokenPlace } from "./configuration-secret.js";
export { type ExplicitSetting, explicitSettings } from "./explicit.js";
export { configSchema } from "./json-schema.js";
export { type LoadedConfig, type LoadOptions, loadConfig, requireVerification } from "./load.js";
export { configurationNotes } from "./notes.js";
export { PLAIN_WARNING } from "./plain-warning.js";
export { ConfigurationError, type Origin, type OriginKind, type Problem } from "./problems.js";
export type { Config } from "./schema.js";
export { readSecret, type SecretReference } from "./secret-reference.js";
export {
  type Address,
  formatDuration,
  type GitLocation,
  gitLocation,
  type NamespacedName,
  parseDuration,
} from "./values.js";
export { type ConfigView, viewData, viewText } from "./view.js";
