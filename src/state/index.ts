/** Where the agent's identity and memory live between cycles. Files today; the interface is what Kubernetes follows. */

export { openFileState } from "./files.js";
export type {
  Approval,
  Connection,
  DeletionRecord,
  HeldSet,
  HeldUnit,
  Identity,
  LastCycle,
  Memory,
  Missing,
  PendingPairing,
  PublishedApplication,
  Reverted,
  State,
  Suspension,
} from "./state.js";
