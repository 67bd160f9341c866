/** Stage plan: what is decided before rendering, and then writes, deletes and holds, each with a reason. Pure. */

export type { ApprovalState } from "./approval.js";
export { type Decision, type DecisionInput, decide, type Hold, type HoldReason } from "./decision.js";
export type { DeletionRules } from "./deletion.js";
export type { DestinationChange } from "./destination.js";
export { deletedBefore, learn, memoryFor, publishedBefore } from "./memory.js";
export { makePlan, type Plan, type PlanOptions } from "./plan.js";
export { nextBatch, type Reencryption } from "./reencryption.js";
export { suspendedNames, suspensionOf } from "./suspension.js";
