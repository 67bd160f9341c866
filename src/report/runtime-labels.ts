/** Which labels of the runtime Compass is to be told: where its console and its event gateway are (contract 2.3). Pure. */

import type { Config } from "../config/index.js";
import type { RuntimeLabel } from "../fetch/index.js";

/** What became of a label: `planned` is one that would be set, `left` one that is configured no more and stays as it is. */
export type LabelState = "unchanged" | "set" | "planned" | "failed" | "left";

export interface LabelDecision {
  /** Missing in Compass, or different there. */
  readonly toSet: readonly RuntimeLabel[];
  readonly unchanged: readonly string[];
  /** Set by the agent before and configured no more; with the setting's name. */
  readonly left: readonly { readonly key: string; readonly setting: string }[];
}

const SETTINGS = [
  { key: "runtime_consoleUrl", name: "consoleURL" },
  { key: "runtime_eventServiceUrl", name: "eventsURL" },
] as const;

/**
 * `found` are the labels that the last fetch gave, `remembered` those that the agent set. An empty value is never sent:
 * Director refuses it, and a Go agent that is configured so fails every sync.
 */
export function decideLabels(
  runtime: Pick<Config["runtime"], "consoleURL" | "eventsURL">,
  found: Readonly<Record<string, unknown>>,
  remembered: Readonly<Record<string, string>>,
): LabelDecision {
  const wanted = SETTINGS.flatMap(({ key, name }) => {
    const value = runtime[name];
    return value === null || value === "" ? [] : [{ key, value }];
  });
  const isThere = ({ key, value }: RuntimeLabel) => Object.hasOwn(found, key) && found[key] === value;
  return {
    toSet: wanted.filter((label) => !isThere(label)),
    unchanged: wanted.filter(isThere).map(({ key }) => key),
    left: SETTINGS.filter(
      ({ key }) =>
        wanted.every((label) => label.key !== key) && Object.hasOwn(remembered, key) && Object.hasOwn(found, key),
    ).map(({ key, name }) => ({ key, setting: `runtime.${name}` })),
  };
}
