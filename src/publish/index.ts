/** The stage that writes to Git: a commit, a proposal, or nothing. */

export { type Publication, type PublishOptions, publishCommit } from "./commit.js";
export { intentDigest } from "./intent.js";
export { wasMerged } from "./merged.js";
export type { ProposeOptions } from "./options.js";
export { type ProposedPublication, publishProposal } from "./propose.js";
