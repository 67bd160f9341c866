/** What a plan has to say beside its lists, one sentence each. */

import type { Instructions } from "../base/index.js";
import { forTerminal } from "../common/quote.js";
import type { Snapshot } from "../fetch/index.js";
import type { Plan } from "../plan/index.js";

/** Paths that a sentence names. */
const NAMED = 5;

export function planNotes(plan: Plan, snapshot: Snapshot, { approvals }: Instructions): string[] {
  const { overwritten, hold, usedApproval } = plan;
  const notes: string[] = [];
  if (overwritten.length > 0) {
    notes.push(`somebody changed what the agent writes over: ${listed(overwritten)}`);
  }
  if (snapshot.applications.length + snapshot.unreadable.length === 0) {
    const { scenarios } = snapshot.runtime.labels;
    const isAssigned = Array.isArray(scenarios) && scenarios.length > 0;
    notes.push(
      isAssigned
        ? "EmptyAnswer: Compass lists no Applications, though the runtime is in a formation; look there for what is assigned to it"
        : "NoFormation: Compass lists no Applications, since the runtime is in no formation; assign it to one in Compass",
    );
  }
  const hash = hold?.hash ?? usedApproval;
  const stale = approvals.filter((each) => each !== hash);
  if (stale.length > 0) {
    const named = `.runtime-agent/approve names ${forTerminal(stale[0] ?? "", 64)}`;
    notes.push(hash === null ? `${named}, but nothing is held` : `${named}, but what is held is ${hash}`);
  }
  return notes;
}

function listed(paths: readonly string[]): string {
  const shown = paths.slice(0, NAMED).map((path) => forTerminal(path, 200));
  return paths.length > NAMED ? `${shown.join(", ")} and ${paths.length - NAMED} more` : shown.join(", ");
}
