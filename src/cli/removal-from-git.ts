/** What became of a removal from Git, and what people do about it before the cluster's turn comes. Pure. */

import { SUSPEND_PATH } from "../base/index.js";
import { takeOutOfGit } from "../install/index.js";
import { SUSPENDED_BY, suspensionNote } from "../plan/index.js";
import { count, type Outcome } from "../report/index.js";

/** Where a removal stands: `done` alone says that the target branch holds nothing of the agent's any more. */
export type Removal = "done" | "suspended" | "approval" | "committed" | "proposed" | "blocked" | "closed" | "held";

export interface RemovalFromGit {
  readonly removal: Removal;
  /** None when it is done. */
  readonly steps: readonly string[];
}

export interface RemovalWords {
  /** The agent's. */
  readonly namespace: string;
  /** This one, with the very options that were given: without them the rest would be another one. */
  readonly command: string;
  /** The beginning of another command. */
  readonly agent: string;
  /** The agent's folder, "" for the root of the repository. */
  readonly gitPath: string;
}

/** Names told of those that stay. */
const SHOWN = 20;

/**
 * Judges by the target branch, whatever the cycle wrote elsewhere: what is only proposed may be closed, and then the files
 * still say what the cluster is to hold.
 */
export function removalFromGit(outcome: Outcome, { namespace, command, agent, gitPath }: RemovalWords): RemovalFromGit {
  const { approval, commit, pullRequest, applications, suspended, result, notes } = outcome;
  const again = `then again: ${command}`;
  const said = (removal: Removal, ...steps: string[]): RemovalFromGit => ({ removal, steps });
  // Not the wiring yet: what the tool shall remove, it has to see gone.
  const stop = `stop the agent, which would bring them back: kubectl -n ${namespace} delete cronjob/runtime-agent deployment/runtime-agent --ignore-not-found`;
  if (suspended) {
    const told = (by: string) => notes.includes(suspensionNote(by));
    // `resume` changes what is remembered, and nothing else.
    const resume = told(SUSPENDED_BY.setting)
      ? "set suspend: false in its configuration"
      : told(SUSPENDED_BY.annotation)
        ? "kubectl annotate compassconnection compass-connection runtime-agent.kyma-project.io/suspend-"
        : told(SUSPENDED_BY.file)
          ? `remove the file ${gitPath === "" ? "" : `${gitPath}/`}${SUSPEND_PATH} from Git`
          : `${agent} resume`;
    return said("suspended", `nothing is removed from Git while the agent is suspended: ${resume}`, again);
  }
  if (approval !== null) {
    return said(
      "approval",
      `nothing was removed yet: of ${count(approval.count, "Application")} everything would be`,
      stop,
      `approve it: ${agent} approve ${approval.hash}`,
      again,
    );
  }
  const where = pullRequest === null ? "the agent's own branch" : pullRequest.url;
  if (result === "blocked") {
    return said(
      "blocked",
      `nothing is removed yet: somebody else's commit stands on the branch of ${where}, so the removal is not proposed`,
      ...notes,
      again,
    );
  }
  if (result === "proposed" || pullRequest?.state === "open") {
    return said(
      "proposed",
      `nothing is removed yet: it is only proposed in ${where}`,
      stop,
      `merge ${where}, and wait until your GitOps tool has applied it and the Applications are gone from the cluster`,
      again,
    );
  }
  if (result === "published" && commit !== null) {
    return said(
      "committed",
      `commit ${commit.id} on ${commit.branch} removes ${count(applications.deleted.length, "Application")} with all files`,
      "wait until your GitOps tool has applied it and the Applications are gone from the cluster",
      ...notes,
      takeOutOfGit(gitPath),
      `then for the rest: ${command} | kubectl delete --ignore-not-found -f -`,
    );
  }
  const isOnTarget = outcome.digest.planned === outcome.digest.target;
  if (!isOnTarget && pullRequest?.state === "closed") {
    return said(
      "closed",
      `nothing is removed: ${where} proposed it, and was closed without merging`,
      `open ${where} again, and merge it`,
      again,
    );
  }
  if (applications.held.length > 0) {
    const names = applications.held.slice(0, SHOWN).map(({ name, reason }) => `${name} (${reason})`);
    return said("held", `Git still holds what a person keeps back; let it go first: ${names.join(", ")}`);
  }
  // Whatever it is that keeps them there: nothing is named for deletion as long as Git would bring it back.
  if (!isOnTarget || applications.unchanged > 0 || result !== "unchanged") {
    return said("held", "the target branch still holds files of the agent", ...notes, again);
  }
  return said("done");
}
