/** What becomes of the agent's request to merge, in words that are the same wherever they are told. Pure. */

import { forTerminal } from "../common/quote.js";
import type { Outcome, OutcomePullRequest } from "./outcome.js";

/** The results after which a person is to merge, or to let the agent go on: nothing failed, and nothing more is to be done. */
const WAITING: ReadonlySet<Outcome["result"]> = new Set(["proposed", "blocked"]);

/** True where what Compass asks for is not on the target branch, since a person has to act first. */
export const isWaitingForPeople = ({ result }: Pick<Outcome, "result">): boolean => WAITING.has(result);

/** `proposed, waiting for review since 2026-03-01T12:00:00Z` */
export function requestText({ state, openedAt }: Pick<OutcomePullRequest, "state" | "openedAt">, isBlocked: boolean) {
  // From the host: not ours to trust.
  const since = forTerminal(openedAt, 40);
  if (state !== "open") return `${state}, opened ${since}`;
  return isBlocked
    ? `open since ${since}, waiting for the person whose commit is on its branch`
    : `proposed, waiting for review since ${since}`;
}
