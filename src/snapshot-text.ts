/** A recording for others to read: beside the secret values every text that repeats one is left out. Pure. */

import { formatSnapshot, type Snapshot } from "./fetch/index.js";
import { createGuards } from "./seal/index.js";

export interface SnapshotText {
  readonly text: string;
  /** Places at which a text was replaced. */
  readonly withheld: readonly string[];
}

const WITHHELD = "(withheld: it holds a secret value)";

/** What identifies, and what Director's schema says: a value there would be no planted one. Labels are called as anybody likes. */
const KEPT = new Set(["id", "__typename"]);

export async function snapshotText(snapshot: Snapshot, signal: AbortSignal): Promise<SnapshotText> {
  const guards = await createGuards(snapshot, "", signal);
  const withheld: string[] = [];
  const open = (value: unknown, id: string, place: string): unknown => {
    if (typeof value === "string") {
      if (guards.findInName(value, id).size === 0) return value;
      withheld.push(place);
      return WITHHELD;
    }
    if (Array.isArray(value)) return value.map((each, index) => open(each, id, `${place}[${index}]`));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, KEPT.has(key) ? inner : open(inner, id, `${place}.${key}`)]),
    );
  };
  /** With the names, which are told apart where they are left out. */
  const openLabels = (value: unknown, place: string): unknown => {
    if (Array.isArray(value)) return value.map((each, index) => openLabels(each, `${place}[${index}]`));
    if (typeof value !== "object" || value === null) return open(value, "", place);
    let unnamed = 0;
    return Object.fromEntries(
      Object.entries(value).map(([given, inner]) => {
        const name = guards.findInName(given, "").size === 0 ? given : `${WITHHELD} ${++unnamed}`;
        const at = `${place}.${name}`;
        if (name !== given) withheld.push(at);
        return [name, openLabels(inner, at)];
      }),
    );
  };
  const { applications, unreadable, ...rest } = JSON.parse(formatSnapshot(snapshot)) as Document;
  const each = (list: readonly Identified[], place: string) =>
    list.map((one, index) => open(one, one.id, `${place}[${index}]`));
  const document = {
    ...rest,
    runtime: {
      ...rest.runtime,
      name: open(rest.runtime.name, "", "runtime.name"),
      labels: openLabels(rest.runtime.labels, "runtime.labels"),
    },
    applications: each(applications, "applications"),
    ...(unreadable === undefined ? {} : { unreadable: each(unreadable, "unreadable") }),
  };
  return { text: `${JSON.stringify(document, null, 2)}\n`, withheld };
}

interface Identified {
  readonly id: string;
}

interface Document {
  readonly runtime: { readonly name: unknown; readonly labels: unknown };
  readonly applications: readonly Identified[];
  readonly unreadable?: readonly Identified[];
}
