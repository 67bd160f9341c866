/** Stage plan: writes, deletes and holds, each with a reason. Pure. */

export type { Candidate, DeletionRules, Hold, HoldReason } from "./deletion.js";
export { makePlan, type Plan, type PlanOptions } from "./plan.js";
