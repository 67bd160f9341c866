/** The commit message: what changed and why, for people who read `git log`. */

import { forCommitMessage } from "../common/quote.js";
import type { Outcome, OutcomeApplications } from "./outcome.js";

/** Names listed of one kind; the rest is counted. */
const LISTED = 50;

/** Characters of a subject that every view of a log shows. */
const SUBJECT = 72;

export interface CommitMessageOptions {
  readonly runtime: string;
  readonly digest: string;
  readonly version: string;
}

/** Subject of at most 72 characters, lists of names with their reasons, trailers. Ends with a line feed. */
export function commitMessage(outcome: Outcome, { runtime, digest, version }: CommitMessageOptions): string {
  const { created, updated, deleted, replaced, held, setAside, degraded, destinationChanges } = outcome.applications;
  const sections = [
    list(
      "Destination changed, with the same credentials",
      destinationChanges.filter((change) => !change.held).map(withHosts),
    ),
    list("Added", created.map(quoted)),
    list("Updated", updated.map(quoted)),
    list(
      "Replaced (another Application has the name now)",
      replaced.map(({ name }) => quoted(name)),
    ),
    list("Deleted", deleted.map(quoted)),
    list("Held", [...new Set(held.map(withReason))]),
    list("Set aside", setAside.map(withReason)),
    list("Degraded", [...new Set(degraded.map(withReason))]),
  ].filter((section) => section !== "");
  const label = reencryptionLabel(outcome);
  const trailers = `Runtime: ${forCommitMessage(runtime)}\nDigest: ${digest}\nAgent-Version: ${version}${label?.trailer ?? ""}`;
  return `${[label?.subject ?? subject(outcome.applications), ...sections, trailers].join("\n\n")}\n`;
}

/** Of a commit that seals files anew, and nothing else: to be found in a log. */
function reencryptionLabel({ reencryption }: Outcome): { readonly subject: string; readonly trailer: string } | null {
  if (reencryption === null || reencryption.done === 0) return null;
  const { done, waiting, notReencrypted } = reencryption;
  return {
    subject: `Seal ${done} ${done === 1 ? "Secret" : "Secrets"} anew for the mode and recipients configured`,
    trailer: `\nReencryption: ${done} done, ${waiting} waiting, ${notReencrypted.length} not possible`,
  };
}

function subject({ created, updated, deleted }: OutcomeApplications): string {
  const parts = [phrase("add", created), phrase("update", updated), phrase("delete", deleted)].filter(
    (part) => part !== "",
  );
  const whole = parts.length === 0 ? "bring kustomization and inventory up to date" : parts.join(", ");
  const sentence = whole.length <= SUBJECT ? whole : counted({ created, updated, deleted });
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

function counted({ created, updated, deleted }: Pick<OutcomeApplications, "created" | "updated" | "deleted">): string {
  const counts = [
    ["add", created.length],
    ["update", updated.length],
    ["delete", deleted.length],
  ] as const;
  const parts = counts.filter(([, number]) => number > 0).map(([verb, number]) => `${verb} ${number}`);
  return `${parts.join(", ")} Applications`;
}

function phrase(verb: string, names: readonly string[]): string {
  if (names.length === 0) return "";
  return names.length === 1
    ? `${verb} ${forCommitMessage(names[0] ?? "", 63)}`
    : `${verb} ${names.length} Applications`;
}

const quoted = (name: string) => forCommitMessage(name, 100);

const withHosts = ({ name, from, to }: OutcomeApplications["destinationChanges"][number]) =>
  `${quoted(name)}: ${hostList(from)} -> ${hostList(to)}`;

const hostList = (hosts: readonly string[]) => hosts.map(quoted).join(", ") || "none";

/** The name is cut, never the reason. */
const withReason = ({ name, reason }: { readonly name: string; readonly reason: string }) =>
  `${quoted(name)} (${reason})`;

/** Of quoted items. Every line begins with our own words or indentation, so that no name reads as a trailer. */
function list(title: string, items: readonly string[]): string {
  if (items.length === 0) return "";
  const shown = items.slice(0, LISTED).map((item) => `  - ${item}`);
  if (items.length > LISTED) shown.push(`  - and ${items.length - LISTED} more`);
  return [`${title}:`, ...shown].join("\n");
}
