/** Where the agent's identity and memory live between cycles. Files today; the interface is what Kubernetes follows. */

export { openFileState } from "./files.js";
export type { Connection, Identity, LastCycle, Memory, Missing, PendingPairing, State } from "./state.js";
