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
export { deletedBefore, learn, memoryFor, publishedBefore } from "./memory.js";
export { makePlan, type Plan, type PlanOptions, plannedDigest } from "./plan.js";
export { nextBatch, type Reencryption } from "./reencryption.js";
export { suspendedNames, suspensionOf } from "./suspension.js";
