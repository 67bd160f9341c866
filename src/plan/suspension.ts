/** What a person wants nothing written of: by the configuration, by command, by an annotation, or by a file in Git. Pure. */

import type { Instructions } from "../base/index.js";
import { forTerminal } from "../common/quote.js";
import type { Memory } from "../state/index.js";

type Suspended = Pick<Memory, "suspended">;

/** Names of Applications. */
export const suspendedNames = ({ suspended }: Suspended, instructions: Instructions): readonly string[] => [
  ...Object.keys(suspended.applications),
  ...(instructions.suspended === "everything" ? [] : instructions.suspended),
];

/** Who may suspend everything beside the command, in words. */
export const SUSPENDED_BY = {
  setting: "the setting `suspend`",
  annotation: "the annotation runtime-agent.kyma-project.io/suspend of the CompassConnection",
  file: "the file .runtime-agent/suspend in Git",
} as const;

/** What people are told of it. */
export const suspensionNote = (by: string): string => `suspended by ${by}: nothing is written`;

/** Who suspended everything, in words; null when nobody did. */
export function suspensionOf(
  isSet: boolean,
  { suspended }: Suspended,
  instructions: Instructions,
  isAnnotated = false,
): string | null {
  if (isSet) return SUSPENDED_BY.setting;
  if (isAnnotated) return SUSPENDED_BY.annotation;
  if (instructions.suspended === "everything") return SUSPENDED_BY.file;
  const { everything } = suspended;
  if (everything === null) return null;
  const reason = everything.reason === null ? "" : ` (${forTerminal(everything.reason, 200)})`;
  return `\`runtime-agent suspend\` since ${everything.since}${reason}`;
}
