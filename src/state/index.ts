/** Where the agent's identity and memory live between cycles. Files today; the interface is what Kubernetes follows. */

export { openFileState } from "./files.js";
export type {
  Approval,
  CertificateMemory,
  Connection,
  DeletionRecord,
  FailedAttempts,
  HeldSet,
  HeldUnit,
  Identity,
  LastCycle,
  Memory,
  Missing,
  PendingIdentity,
  PublishedApplication,
  Reverted,
  State,
  Suspension,
} from "./state.js";
