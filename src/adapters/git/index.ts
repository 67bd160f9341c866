/** Git: the single importer of simple-git, over plumbing commands and without a work tree. */

export { createBareRepository } from "./create.js";
export type { GitAuth } from "./environment.js";
export { type Change, type History, type HistoryCommit, openHistory } from "./history.js";
export { branchInTheWay } from "./in-the-way.js";
export {
  type CommitOptions,
  openRepository,
  type PushOptions,
  type RemoteOptions,
  type RemoteState,
  type Repository,
  type RepositoryOptions,
  type TreeEntry,
} from "./repository.js";
