/** Stage plan: what is decided before rendering, and then writes, deletes and holds, each with a reason. Pure. */

export {
  type ClusterDifference,
  type ComparedObject,
  compareWithCluster,
  type DocumentedDifference,
  secretsOf,
} from "./against-cluster.js";
export type { ApprovalState } from "./approval.js";
export { type Decision, type DecisionInput, decide, type Hold, type HoldReason } from "./decision.js";
export type { DeletionRules } from "./deletion.js";
export type { DestinationChange } from "./destination.js";
export { revisionDigest } from "./digest.js";
export { type FoundSecret, type Leftovers, leftovers } from "./leftovers.js";
export {
  begunAnew,
  deletedBefore,
  learn,
  memoryFor,
  publishedBefore,
  setOut,
  usedApprovalOf,
} from "./memory.js";
export {
  type ClusterPlace,
  makePlan,
  type OwnedManifest,
  type Plan,
  type PlanOptions,
  placeOf,
  plannedDigest,
} from "./plan.js";
export { isHeldBack, nextBatch, type Reencryption } from "./reencryption.js";
export { SUSPENDED_BY, suspendedNames, suspensionNote, suspensionOf } from "./suspension.js";
export { withAbsent, withLanded, withUnseen } from "./unseen.js";
