/** `verify`: what a range of commits shows of the agent's work, for a required check of the platform team's own. */

export type { Finding, FindingCode } from "./finding.js";
export { type VerifiedRange, verifyRange } from "./range.js";
export type { SecretRules } from "./rules.js";
export { type Checked, verifyText } from "./text.js";
