/** An outcome, a plan's diff and a failure as text for a terminal. */

import { styleText } from "node:util";
import { forTerminal } from "../common/quote.js";
import { type Applied, notAppliedText } from "./applied.js";
import type { FileDiff } from "./diff.js";
import { appliedOf, type Outcome, type OutcomeApplications, type OutcomeFailure } from "./outcome.js";
import { requestText } from "./request.js";

export interface TextOptions {
  readonly color: boolean;
}

type Style = Parameters<typeof styleText>[0];

/** Applies a style only where the reader can see it. */
export function paint({ color }: TextOptions, style: Style, text: string): string {
  return color ? styleText(style, text, { validateStream: false }) : text;
}

/** How many names a line shows before it counts. */
const NAMED = 8;

/** No limit: our own sentences are shown to their end. */
const WHOLE = Number.POSITIVE_INFINITY;

/** What happened, in a few lines that end with a line feed. */
export function outcomeText(outcome: Outcome, options: TextOptions): string {
  const { applications, commit, failure, digest } = outcome;
  const { created, updated, deleted, replaced, held, setAside, degraded, unchanged, destinationChanges } = applications;
  const lines: string[] = [headline(outcome, options)];
  const row = (sign: string, style: Style, names: readonly string[]) => {
    if (names.length > 0) lines.push(`  ${paint(options, style, sign)} ${named(names)}`);
  };
  for (const change of destinationChanges) lines.push(destination(change, options));
  row("+", "green", created);
  row("~", "yellow", updated);
  row("-", "red", deleted);
  row(
    "→ (another Application has the name now)",
    "yellow",
    replaced.map(({ name }) => name),
  );
  if (failure === null && unchanged > 0) lines.push(`  = ${count(unchanged, "Application")} unchanged`);
  const remark = (title: string, items: readonly { name: string; reason: string; text: string }[]) => {
    if (items.length === 0) return;
    lines.push(paint(options, "bold", title));
    const shown = items.map(
      ({ name, reason, text }) =>
        `  ${forTerminal(name, 63)}  ${paint(options, "yellow", reason)}${text === "" ? "" : `  ${forTerminal(text)}`}`,
    );
    // Two bundles of one Application can have the same to say.
    lines.push(...new Set(shown));
  };
  remark(
    "Set aside (their committed files stay as they are):",
    setAside.map(({ message, ...each }) => ({ ...each, text: message })),
  );
  remark(
    "Held:",
    held.map(({ name, reason, secret, until }) => ({ name, reason, text: holdText(secret, until) })),
  );
  if (outcome.approval !== null) {
    const { count: number, heldSince, expires, command } = outcome.approval;
    lines.push(
      expires === null
        ? `${number} of these, held since ${heldSince}, pass at once by: ${paint(options, "bold", command)}`
        : `An approval was given, and ends ${expires}`,
    );
  }
  remark(
    "Degraded (published as far as they are sound):",
    degraded.map(({ message, ...each }) => ({ ...each, text: message })),
  );
  for (const note of outcome.notes) lines.push(`${paint(options, "cyan", "Note:")} ${forTerminal(note, WHOLE)}`);
  if (outcome.pullRequest !== null) {
    const { number, url } = outcome.pullRequest;
    const words = requestText(outcome.pullRequest, outcome.result === "blocked");
    lines.push(`Request ${number}, ${words}: ${forTerminal(url, 300)}`);
  }
  if (commit !== null)
    lines.push(
      `Commit ${commit.id.slice(0, 12)} on ${forTerminal(commit.branch, 100)}, ${digest.planned?.slice(0, 19)}…`,
    );
  const applied = appliedOf(outcome);
  if (applied !== null) lines.push(appliedLine(applied, options));
  return `${lines.join("\n")}\n`;
}

function appliedLine(applied: Applied, options: TextOptions): string {
  if (applied.current) return `${paint(options, "green", "Applied")} in the cluster`;
  return `${paint(options, "yellow", "Not applied")} in the cluster since ${applied.since}: ${notAppliedText(applied)}`;
}

function destination(
  { name, from, to, held }: OutcomeApplications["destinationChanges"][number],
  options: TextOptions,
): string {
  const hosts = (list: readonly string[]) => list.map((host) => forTerminal(host, 100)).join(", ") || "nobody";
  const title = paint(options, ["red", "bold"], "Destination changed");
  return `  ${title}: the credentials of ${forTerminal(name, 63)}, sent to ${hosts(from)} so far, ${held ? "would go" : "go"} to ${hosts(to)}`;
}

function holdText(secret: string | null, until: string | null): string {
  const parts = [secret === null ? "" : `Secret ${secret}`, until === null ? "" : `until ${until} at the earliest`];
  return parts.filter((part) => part !== "").join(", ");
}

function headline(outcome: Outcome, options: TextOptions): string {
  const { result, applications, failure } = outcome;
  const { created, updated, deleted } = applications;
  // Those that went were there, too.
  const total = applications.total + deleted.length;
  const changes = created.length + updated.length + deleted.length;
  const same = changes === 0 && outcome.digest.planned === outcome.digest.target;
  const took = `${outcome.durationSeconds.total} s`;
  switch (result) {
    case "published":
      return `${paint(options, ["green", "bold"], "Published")} ${count(changes, "changed Application")} of ${total} (${took})`;
    case "unchanged":
      return `${paint(options, ["green", "bold"], "Nothing to commit")} (${took})`;
    case "proposed":
      return outcome.commit === null
        ? `${paint(options, ["green", "bold"], "Proposed")} already: ${count(changes, "changed Application")} of ${total} (${took})`
        : `${paint(options, ["green", "bold"], "Proposed")} ${count(changes, "changed Application")} of ${total} (${took})`;
    case "blocked":
      return `${paint(options, ["yellow", "bold"], "Blocked")}: ${count(changes, "changed Application")} of ${total} wait for a person (${took})`;
    case "planned":
      if (outcome.suspended)
        return `${paint(options, ["yellow", "bold"], "Suspended")}: ${count(changes, "changed Application")} of ${total} planned (${took}); nothing was written`;
      return same
        ? `${paint(options, "bold", "No changes")} for ${count(total, "Application")} (${took})`
        : `${paint(options, "bold", "Planned")} ${count(changes, "changed Application")} of ${total} (${took}); nothing was written`;
    default:
      return failure === null ? result : failureText(failure, options).trimEnd();
  }
}

/** `Error [Code]: what is wrong`, then the mend on a line of its own. */
export function failureText({ code, message, hint, retryable }: OutcomeFailure, options: TextOptions): string {
  const again = retryable ? " (may pass by itself)" : "";
  const [error, mend] = [paint(options, ["red", "bold"], "Error"), paint(options, "bold", "Mend")];
  return `${error} [${code}]: ${paragraph(message)}${again}\n${mend}: ${paragraph(hint)}\n`;
}

/** Of several lines, such as one for each problem of a configuration. */
const paragraph = (text: string) =>
  text
    .split("\n")
    .map((line) => forTerminal(line, WHOLE))
    .join("\n");

/** Lines longer than `width` are cut. */
export function diffText(diffs: readonly FileDiff[], options: TextOptions, width = 400): string {
  const styles: Record<string, Style> = { "+": "green", "-": "red", "@": "cyan" };
  return diffs
    .map(({ path, change, lines }) => {
      const body = lines.map((line) => {
        const style = styles[line.charAt(0)];
        const shown = line.charAt(0) + forTerminal(line.slice(1), width);
        return style === undefined ? shown : paint(options, style, shown);
      });
      return [paint(options, "bold", `${forTerminal(path, width)} (${change})`), ...body, ""].join("\n");
    })
    .join("\n");
}

/** The first of them, each no longer than `width`, and how many more there are. */
export function named(names: readonly string[], most = NAMED, width = 63): string {
  const shown = names.slice(0, most).map((name) => forTerminal(name, width));
  return names.length > most ? `${shown.join(", ")} and ${names.length - most} more` : shown.join(", ");
}

/** `1 Application`, `5 Applications`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
