/** The commit message: what changed and why, for people who read `git log`. */

import { forCommitMessage } from "../common/quote.js";
import { fillTemplate, type Placeholder } from "../common/template.js";
import type { Outcome, OutcomeApplications } from "./outcome.js";
import { count } from "./terminal.js";

/** Names listed of one kind; the rest is counted. */
const LISTED = 50;

/** Characters of a subject that every view of a log shows. */
const SUBJECT = 72;

export interface CommitMessageOptions {
  readonly runtime: string;
  readonly digest: string;
  readonly version: string;
  /** A template; null for the agent's own words. @default null */
  readonly subject?: string | null;
  /** Templates by name. @default none */
  readonly trailers?: Readonly<Record<string, string>>;
  /** Paths that somebody changed, and this commit writes over. @default none */
  readonly overwritten?: readonly string[];
  /** A paragraph of its own, which no configuration takes away. @default none */
  readonly warning?: string | null;
}

/** Subject, of at most 72 characters where it is the agent's own; lists of names with their reasons, trailers. Ends with a line feed. */
export function commitMessage(outcome: Outcome, options: CommitMessageOptions): string {
  const { runtime, digest, version, trailers: further = {}, warning = null, overwritten = [] } = options;
  const { created, updated, deleted, replaced, held, setAside, degraded, destinationChanges } = outcome.applications;
  const sections = [
    warning ?? "",
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
    list(
      "Written over, since somebody changed it",
      overwritten.map((path) => forCommitMessage(path, 400)),
    ),
    list("Held", [...new Set(held.map(withReason))]),
    list("Set aside", setAside.map(withReason)),
    list("Degraded", [...new Set(degraded.map(withReason))]),
  ].filter((section) => section !== "");
  const label = reencryptionLabel(outcome);
  const own = [
    `Runtime: ${forCommitMessage(runtime)}`,
    `Digest: ${digest}`,
    `Agent-Version: ${version}`,
    ...(label === null ? [] : [label.trailer]),
  ];
  const values = valuesOf(outcome, options);
  const theirs = Object.entries(further).map(([name, template]) => `${name}: ${fillTemplate(template, values)}`);
  // Sealing anew is told as such, whatever the template says.
  const first = label?.subject ?? (options.subject == null ? values.summary : fillTemplate(options.subject, values));
  return `${[first, ...sections, [...own, ...theirs].join("\n")].join("\n\n")}\n`;
}

/** For templates: names and ids quoted, the rest counted. */
function valuesOf({ applications }: Outcome, { runtime, digest, version }: CommitMessageOptions) {
  const { created, updated, deleted, held, setAside, degraded } = applications;
  return {
    summary: subject(applications),
    runtime: forCommitMessage(runtime),
    created: created.length,
    updated: updated.length,
    deleted: deleted.length,
    changed: created.length + updated.length + deleted.length,
    held: new Set(held.map(({ id }) => id)).size,
    setAside: setAside.length,
    degraded: new Set(degraded.map(({ id }) => id)).size,
    digest,
    version,
  } satisfies Record<Placeholder, string | number>;
}

/** Of a commit that seals files anew, and nothing else: to be found in a log. */
function reencryptionLabel({ reencryption }: Outcome): { readonly subject: string; readonly trailer: string } | null {
  if (reencryption === null || reencryption.done === 0) return null;
  const { done, waiting, notReencrypted, how } = reencryption;
  const secrets = count(done, "Secret");
  const subjects = {
    Readable: `Write ${secrets} readable`,
    Rebuilt: `Seal ${secrets} anew: seal key or inventory was lost`,
    Configured: `Seal ${secrets} anew for the mode and recipients configured`,
  };
  return {
    subject: subjects[how ?? "Configured"],
    trailer: `Reencryption: ${done} done, ${waiting} waiting, ${notReencrypted.length} not possible`,
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
