/** Tells Compass where the runtime's console and event gateway are, after all else of a cycle is done. */

import { asFailure, type Failure } from "./common/failure.js";
import type { RuntimeLabel } from "./fetch/index.js";
import type { LabelDecision, LabelState } from "./report/index.js";

export interface ToldLabels {
  /** By the label's key. */
  readonly states: Readonly<Record<string, LabelState>>;
  /** For the memory. */
  readonly set: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
  /** The first one; the other label was tried all the same. */
  readonly failure: Failure | null;
}

/** `setLabel` is null where Compass is not to be told anything. */
export async function tellLabels(
  { toSet, unchanged, left }: LabelDecision,
  setLabel: ((label: RuntimeLabel) => Promise<void>) | null,
): Promise<ToldLabels> {
  const states: Record<string, LabelState> = {};
  for (const key of unchanged) states[key] = "unchanged";
  for (const { key } of left) states[key] = "left";
  const set: Record<string, string> = {};
  let failure: Failure | null = null;
  for (const label of toSet) {
    states[label.key] = "planned";
    if (setLabel === null) continue;
    try {
      await setLabel(label);
      states[label.key] = "set";
      set[label.key] = label.value;
    } catch (thrown) {
      states[label.key] = "failed";
      failure ??= asFailure(thrown, "report");
    }
  }
  const notes = left.map(
    ({ key, setting }) => `${setting} is not configured any more: Compass keeps the label ${key} as it is`,
  );
  return { states, set, notes, failure };
}
