/** Where the agent's identity and memory live between cycles: a folder, or Secrets. */

export { openFileState } from "./files.js";
export { type KubernetesStateOptions, openKubernetesState } from "./kubernetes.js";
export type {
  AppliedMemory,
  Approval,
  Blocked,
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
  Place,
  Proposal,
  ProposedRequest,
  PublishedApplication,
  Reverted,
  State,
  Suspension,
  Wish,
  WrittenProposal,
} from "./state.js";
export { UNKNOWN_INTENT } from "./state.js";
