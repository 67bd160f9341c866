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

/** Who suspended everything, in words; null when nobody did. */
export function suspensionOf(
  isSet: boolean,
  { suspended }: Suspended,
  instructions: Instructions,
  isAnnotated = false,
): string | null {
  if (isSet) return "the setting `suspend`";
  if (isAnnotated) return "the annotation runtime-agent.kyma-project.io/suspend of the CompassConnection";
  if (instructions.suspended === "everything") return "the file .runtime-agent/suspend in Git";
  const { everything } = suspended;
  if (everything === null) return null;
  const reason = everything.reason === null ? "" : ` (${forTerminal(everything.reason, 200)})`;
  return `\`runtime-agent suspend\` since ${everything.since}${reason}`;
}
