/** What is told passes the same gate as what is written: the last look at an outcome before any view has it. Pure. */

import { forTerminal } from "../common/quote.js";
import type { Snapshot } from "../fetch/index.js";
import type { Plan } from "../plan/index.js";
import type { Guards } from "../seal/index.js";
import type { Applied } from "./applied.js";
import type { Outcome } from "./outcome.js";
import { isOwnWords } from "./own-words.js";

/** An outcome without secret values; `plan` knows whose names there are. */
export type Tell = (outcome: Outcome, plan: Plan | null) => Outcome;

interface Named {
  readonly name: string;
  readonly id: string;
}

const WITHHELD = "(withheld: it holds a secret value)";

/** As messages cut names. */
const WIDTHS = [63, Number.POSITIVE_INFINITY];

/**
 * A name that holds a value which gates is told by the Application's id instead, wherever it stands, and another text that
 * holds one not at all: whoever planted it, it would go to Git, to the host and into Events.
 */
export function createTell({ applications, unreadable }: Snapshot, guards: Guards): Tell {
  // An outcome is told more than once in a cycle, and names the same Applications from several sides.
  const judged = new Map<string, boolean>();
  const holdsValue = ({ name, id }: Named): boolean => {
    const key = `${id} ${name}`;
    const known = judged.get(key) ?? guards.findInName(name, id).size > 0;
    judged.set(key, known);
    return known;
  };
  return (outcome, plan) => {
    const ids = new Map<string, string>();
    for (const each of [...applications, ...unreadable, ...namesOf(plan), ...named(outcome)]) {
      const { name, id } = each;
      if (ids.has(name) || !holdsValue(each)) continue;
      for (const shown of [name, ...WIDTHS.map((width) => forTerminal(name, width))]) ids.set(shown, id || WITHHELD);
    }
    // A name may stand within another.
    const longestFirst = [...ids].sort(([one], [other]) => other.length - one.length);
    const text = (told: string, id = "") => {
      if (isOwnWords(told)) return told;
      let safe = told;
      for (const [name, instead] of longestFirst) safe = safe.replaceAll(name, instead);
      return guards.holds(safe, id) ? WITHHELD : safe;
    };
    // Two Applications can have the same name.
    const nameOf = (name: string, id: string) => (ids.has(name) ? id || WITHHELD : text(name, id));
    const each = <T extends Named>(entry: T): T => ({ ...entry, name: nameOf(entry.name, entry.id) });
    const withSecret = <T extends { id: string | null; name: string; secret: string | null }>(entry: T): T => {
      const id = entry.id ?? "";
      return { ...entry, name: nameOf(entry.name, id), secret: entry.secret && text(entry.secret, id) };
    };
    const withMessage = <T extends Named & { readonly message: string }>(entry: T): T => ({
      ...each(entry),
      message: text(entry.message, entry.id),
    });
    const words = (list: readonly string[]) => list.map((told) => text(told));
    const appliedOf = (applied: Applied): Applied => ({
      ...applied,
      missing: words(applied.missing),
      remaining: words(applied.remaining),
      controller: applied.controller && { ...applied.controller, message: text(applied.controller.message) },
      unsealed: applied.unsealed.map(({ name, message }) => ({ name: text(name), message: text(message) })),
    });
    const { applications: lists, reencryption, failure, applied } = outcome;
    return {
      ...outcome,
      applications: {
        ...lists,
        created: words(lists.created),
        updated: words(lists.updated),
        deleted: words(lists.deleted),
        replaced: lists.replaced.map(each),
        held: lists.held.map(withSecret),
        setAside: lists.setAside.map(withMessage),
        degraded: lists.degraded.map(withMessage),
        destinationChanges: lists.destinationChanges.map((change) => ({
          ...each(change),
          from: words(change.from),
          to: words(change.to),
        })),
      },
      reencryption: reencryption && {
        ...reencryption,
        notReencrypted: reencryption.notReencrypted.map(withSecret),
      },
      applied: "revision" in applied ? appliedOf(applied) : { ...applied, missing: words(applied.missing) },
      notes: words(outcome.notes),
      failure: failure && { ...failure, message: text(failure.message), hint: text(failure.hint) },
    };
  };
}

/** Under the names that Git has, which are not always those of Compass. */
function namesOf(plan: Plan | null): Named[] {
  if (plan === null) return [];
  return [
    ...plan.decision.estate.applications,
    ...Object.entries(plan.published).map(([name, { id }]) => ({ name, id })),
    ...Object.entries(plan.others).map(([name, id]) => ({ name, id })),
  ];
}

const named = ({ applications: { held, setAside, degraded, replaced, destinationChanges } }: Outcome): Named[] => [
  ...held,
  ...setAside,
  ...degraded,
  ...replaced,
  ...destinationChanges,
];
