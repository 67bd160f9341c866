/** Stage fetch: the complete, proven Director answer, or a failure; never a part. */

export { type Asking, createDirector, type Director, type DirectorOptions } from "./director.js";
export { type FetchOptions, fetchSnapshot } from "./fetch-snapshot.js";
export { formatSnapshot, parseSnapshot } from "./recording.js";
export { type RuntimeLabel, setRuntimeLabel } from "./set-label.js";
export type {
  APIDefinition,
  Application,
  Auth,
  Bundle,
  Credential,
  EventDefinition,
  Runtime,
  Snapshot,
} from "./snapshot.js";
