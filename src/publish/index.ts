/** The stage that writes to Git: a commit, or nothing. */

export { type Publication, type PublishOptions, publishCommit } from "./commit.js";
