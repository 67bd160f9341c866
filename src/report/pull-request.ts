/** Title and body of the request to merge, for a reviewer who has many: what goes first, then what changes, then what waits. Pure. */

import { applicationOf, applicationPath, isSecretPath, secretNameOf } from "../base/index.js";
import { forCommitMessage, forMarkdown } from "../common/quote.js";
import { fillTemplate } from "../common/template.js";
import type { Plan } from "../plan/index.js";
import { changedFields } from "./changed-fields.js";
import type { FileChange } from "./diff.js";
import type { Outcome, OutcomeApplications } from "./outcome.js";
import { count } from "./terminal.js";

export interface RequestWordsOptions {
  readonly outcome: Outcome;
  /** Subject of the commit. */
  readonly subject: string;
  readonly changes: readonly FileChange[];
  readonly rows: Plan["rows"];
  readonly runtime: string;
  /** `git.path`; "" for the root. */
  readonly path: string;
  /** Of the configuration; null for the agent's own title. */
  readonly title: string | null;
  readonly limits: { readonly title: number; readonly body: number };
}

/** Rows of one list, the more the host has room for. */
const LENGTHS = [500, 200, 100, 50, 20, 10, 5, 1];

/** Fields and Secrets that one row names. */
const NAMED = 6;

/** Both are within the limits. */
export function requestWords(options: RequestWordsOptions): { readonly title: string; readonly body: string } {
  const { limits } = options;
  const details = detailsOf(options);
  const bodies = LENGTHS.map((length) => () => bodyOf(options, details, length));
  let body = "";
  for (const next of bodies) {
    body = next();
    if (body.length <= limits.body) break;
  }
  return { title: cut(titleOf(options), limits.title), body: cut(body, limits.body) };
}

function titleOf({ title, subject, path, runtime, outcome }: RequestWordsOptions): string {
  if (title === null) return path === "" ? subject : `${subject} (${forCommitMessage(path, 100)})`;
  const { created, updated, deleted } = outcome.applications;
  return fillTemplate(title, {
    subject,
    runtime: forCommitMessage(runtime, 64),
    path: forCommitMessage(path, 100),
    created: created.length,
    updated: updated.length,
    deleted: deleted.length,
  });
}

/** What changes of one Application beside its name, in short. */
type Details = ReadonlyMap<string, string>;

function detailsOf({ changes, rows, outcome }: RequestWordsOptions): Details {
  const groups = Map.groupBy(changes, ({ path }) => applicationOf(path) ?? "");
  const { updated } = outcome.applications;
  const isUpdated = new Set(updated);
  const details = new Map<string, string>();
  for (const [name, files] of groups) {
    const own = files.find(({ path }) => path === applicationPath(name));
    const fields = own?.before == null || own.after === null ? [] : changedFields(own.before, own.after);
    const secrets = files.filter(({ path }) => isSecretPath(path)).map((file) => secretText(file, rows));
    const others = files.filter(({ path }) => path !== applicationPath(name) && !isSecretPath(path));
    const parts = [
      ...listed(fields.map((field) => forMarkdown(field, 100))),
      ...listed(secrets),
      ...listed(others.map(({ path }) => forMarkdown(path.replace(/^applications\/[^/]+\//, ""), 100))),
    ];
    details.set(name, parts.length === 0 && isUpdated.has(name) ? "bookkeeping" : parts.join(", "));
  }
  return details;
}

/** The keys of a Secret are its schema, and no secret: values and their lengths are never told. */
function secretText({ path, before, after }: FileChange, rows: Plan["rows"]): string {
  const keys = rows.get(path)?.reference?.keys ?? [];
  const verb = before === null ? "new" : after === null ? "deleted" : "changed";
  const shown = keys.length === 0 ? "" : ` (${listed(keys.map((key) => forMarkdown(key, 60))).join(", ")})`;
  return `${verb} Secret ${forMarkdown(secretNameOf(path), 100)}${shown}`;
}

function listed(items: readonly string[], most = NAMED): string[] {
  return items.length > most ? [...items.slice(0, most), `and ${items.length - most} more`] : [...items];
}

function bodyOf({ outcome, runtime, path }: RequestWordsOptions, details: Details, length: number): string {
  const { created, updated, deleted, replaced, held, setAside, degraded, destinationChanges } = outcome.applications;
  const replacedNames = new Set(replaced.map(({ name }) => name));
  const moved = destinationChanges.filter((change) => !change.held);
  const rows = [
    ...deleted.map((name) => [name, "**deleted**"] as const),
    ...created.map((name) => [name, "added"] as const),
    ...updated.map((name) => [name, replacedNames.has(name) ? "replaced by another of that name" : "updated"] as const),
  ].map(([name, change]) => `| ${forMarkdown(name, 63)} | ${change} | ${details.get(name) ?? ""} |`);
  const where = path === "" ? "the whole repository" : forMarkdown(path, 200);
  const parts = [
    `${summary(outcome.applications)} Runtime ${forMarkdown(runtime, 64)}, in ${where}.`,
    section(
      "Deletions",
      deleted.map((name) => `- ${forMarkdown(name, 63)} and its credentials`),
      length,
      "What is merged here is removed from the cluster.",
    ),
    section(
      "Destinations",
      moved.map(({ name, from, to }) => `- ${forMarkdown(name, 63)}: ${hosts(from)} so far, now also ${hosts(to)}`),
      length,
      "Credentials stay the same, but are sent to another host. Be sure that it is theirs.",
    ),
    table(rows, length),
    section("Held back", [...new Set(held.map(heldText))], length, heldLead(outcome)),
    section(
      "Set aside",
      setAside.map(
        ({ name, reason, message }) => `- ${forMarkdown(name, 63)} (${reason}): ${forMarkdown(message, 300)}`,
      ),
      length,
      "Their files stay as they are.",
    ),
    section(
      "Published in part",
      [
        ...new Set(
          degraded.map(
            ({ name, reason, message }) => `- ${forMarkdown(name, 63)} (${reason}): ${forMarkdown(message, 300)}`,
          ),
        ),
      ],
      length,
      "",
    ),
    "_One request that is kept up to date. Closed without merging, the same change is not proposed again; a commit of yours on its branch is not overwritten._",
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function summary({ created, updated, deleted, unchanged }: OutcomeApplications): string {
  const parts = [
    created.length > 0 ? `adds ${count(created.length, "Application")}` : "",
    updated.length > 0 ? `updates ${count(updated.length, "Application")}` : "",
    deleted.length > 0 ? `**deletes ${count(deleted.length, "Application")}**` : "",
  ].filter((part) => part !== "");
  const whole = parts.length === 0 ? "Brings the agent's own files up to date." : `This ${parts.join(", ")}.`;
  return unchanged > 0 ? `${whole} ${unchanged} unchanged.` : whole;
}

const hosts = (list: readonly string[]) => listed(list.map((host) => forMarkdown(host, 100))).join(", ") || "nobody";

function heldText({ name, secret, reason, until }: OutcomeApplications["held"][number]): string {
  const what = secret === null ? "" : `, Secret ${forMarkdown(secret, 100)}`;
  const when = until === null ? "" : `, until ${minute(until)} at the earliest`;
  return `- ${forMarkdown(name, 63)}${what} (${reason}${when})`;
}

/** As people write a time: seconds do not matter here. */
const minute = (time: string) => `${time.slice(0, 16).replace("T", " ")} UTC`;

const heldLead = ({ approval }: Outcome) =>
  approval === null
    ? "Not in this request."
    : `Not in this request. To let ${approval.count} of them pass at once: ${forMarkdown(approval.command, 200)}; its hash is of exactly this set.`;

function section(title: string, lines: readonly string[], length: number, lead: string): string {
  if (lines.length === 0) return "";
  return [
    `### ${title} (${lines.length})`,
    ...(lead === "" ? [] : [lead]),
    shortened(lines, length, "- ").join("\n"),
  ].join("\n\n");
}

function table(rows: readonly string[], length: number): string {
  if (rows.length === 0) return "";
  const head = ["| Application | Change | What |", "|---|---|---|"];
  const shown = rows.slice(0, length);
  const more = rows.length - shown.length;
  return ["### Changes", "", ...head, ...shown, ...(more > 0 ? [`| … | | and ${more} more |`] : [])].join("\n");
}

const shortened = (lines: readonly string[], length: number, bullet: string) =>
  lines.length > length ? [...lines.slice(0, length), `${bullet}and ${lines.length - length} more`] : lines;

/** By whole characters. */
function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 2).replace(/[\ud800-\udbff]$/, "")}…`;
}
