/** The comparison with the cluster as a text for a terminal. */

import { forTerminal } from "../common/quote.js";
import type { ClusterDifference, ComparedObject, DocumentedDifference } from "../plan/index.js";
import { count, paint, type TextOptions } from "./terminal.js";

/** What `plan --base cluster -o json` gives (docs/reference/outcome.md). */
export interface PlanAgainstCluster {
  readonly kind: "PlanAgainstCluster";
  readonly version: 1;
  readonly runtime: string | null;
  readonly objects: readonly ComparedObject[];
  /** Applications that would not be written: they are in the cluster as they are, or not at all. */
  readonly setAside: readonly {
    readonly name: string;
    readonly id: string;
    readonly reason: string;
    readonly message: string;
  }[];
  readonly notes: readonly string[];
}

const WORDS: Readonly<Record<DocumentedDifference, string>> = {
  OwnAnnotation: "annotations that this agent writes",
  OwnerReference: "owner references of the Go agent, which stay, and are not in Git",
  SortedClientIDs: "client ids in another order",
  MissingSecret: "references to Secrets that are not there, left out",
  EmptyParameters: "request parameters that are an empty object, left out",
  UnusedSecret: "Secrets that no Application refers to, not written",
  InvalidName: "names that this agent does not write",
  ReplacedCharacters: "characters that GitOps tools refuse, replaced",
  NotOurs: "fields that somebody else wrote, which stay",
};

/** Values longer than that say little on a terminal. */
const VALUE = 60;

const SIGNS = { create: "+", update: "~", "only-in-cluster": "?", same: "=" } as const;

/** True when something differs for another reason than those that are documented. */
export const hasUndocumented = ({ objects }: PlanAgainstCluster): boolean =>
  objects.some(({ differences }) => differences.some(({ documented }) => !documented));

/** What is not documented object by object, the rest counted; ends with a line feed. */
export function againstClusterText({ objects, setAside, notes }: PlanAgainstCluster, options: TextOptions): string {
  const numberOf = (wanted: ComparedObject["kind"]) => objects.filter(({ kind }) => kind === wanted).length;
  const lines = [
    `${paint(options, "bold", "Compared")} ${count(numberOf("Application"), "Application")} and ${count(numberOf("Secret"), "Secret")} with the cluster; nothing was written`,
  ];
  const same = objects.filter(({ differences }) => differences.every(({ documented }) => documented)).length;
  if (same > 0) lines.push(`  = ${count(same, "object")} without a difference, but for those that are documented`);
  for (const object of objects) {
    const told = object.differences.filter(({ documented }) => !documented);
    if (told.length === 0) continue;
    lines.push(`  ${paint(options, "yellow", SIGNS[object.change])} ${headline(object)}`);
    lines.push(...told.filter(({ path }) => path !== "").map((each) => `      ${fieldText(each)}`));
  }
  const documented = Map.groupBy(
    objects.flatMap((object) =>
      object.differences.flatMap(({ reason }) => (reason === null ? [] : [{ reason, object }])),
    ),
    ({ reason }) => reason,
  );
  if (documented.size > 0) lines.push(paint(options, "bold", "Documented differences (docs/tutorials/move-over.md):"));
  for (const [reason, found] of [...documented].sort(([one], [other]) => (one < other ? -1 : 1))) {
    const { size } = new Set(found.map(({ object }) => object));
    lines.push(`  ${paint(options, "cyan", reason)}  ${WORDS[reason]}: ${count(size, "object")}`);
  }
  if (setAside.length > 0) lines.push(paint(options, "bold", "Set aside (not written by this agent):"));
  for (const { name, reason, message } of setAside) {
    lines.push(`  ${forTerminal(name, 63)}  ${paint(options, "yellow", reason)}  ${forTerminal(message)}`);
  }
  for (const note of notes) lines.push(`${paint(options, "cyan", "Note:")} ${forTerminal(note)}`);
  return `${lines.join("\n")}\n`;
}

function headline({ kind, namespace, name, change }: ComparedObject): string {
  const title = `${kind} ${forTerminal(namespace === null ? name : `${namespace}/${name}`, 130)}`;
  if (change === "create") return `${title} is not there`;
  return change === "only-in-cluster" ? `${title} is there, and would not be written` : title;
}

const fieldText = ({ path, before, after }: ClusterDifference) =>
  `${forTerminal(path, 200)}: ${valueText(before)} → ${valueText(after)}`;

const valueText = (value: unknown) => (value === null ? "nothing" : forTerminal(JSON.stringify(value), VALUE));
