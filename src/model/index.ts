/** Stage model: named, sorted, digested Applications with their secrets as keyed fingerprints. Pure. */

export { NO_DESCRIPTION } from "./application.js";
export { buildEstate, type ModelOptions } from "./build-estate.js";
export { collisionsWith } from "./collisions.js";
export type {
  APIEntryModel,
  ApplicationModel,
  CredentialsReference,
  Degraded,
  DegradedReason,
  Estate,
  EventsEntryModel,
  SecretKey,
  SecretKeyModel,
  SecretModel,
  ServiceModel,
  SetAside,
  SetAsideReason,
} from "./estate.js";
export { isName } from "./names.js";
export { isVanished, withReferences } from "./vanished.js";
