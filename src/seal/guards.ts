/** Two gates over one landscape: values that nobody's text may hold, and those that the own text alone may not hold. */

import { setImmediate } from "node:timers/promises";
import type { Snapshot } from "../fetch/index.js";
import { buildGate, type Gate } from "./gate.js";
import { type GuardedValue, guardedValues } from "./values.js";
import { viewsOf } from "./views.js";

export interface Guards {
  /** Director ids of the Applications of which a value stands in a text of this one's; the own id alone where it is one of them. */
  find(text: string, id: string): ReadonlySet<string>;
  holds(text: string, id: string): boolean;
  /** The same for a name, or a path of names, which Kubernetes has in small letters alone. */
  findInName(name: string, id: string): ReadonlySet<string>;
}

/** A value that stands in `constants`, which the agent writes for everybody, is not looked for. Yields to the event loop. */
export async function createGuards(snapshot: Snapshot, constants: string, signal: AbortSignal): Promise<Guards> {
  const values = Map.groupBy(guardedValues(snapshot), ({ everywhere }) => everywhere);
  const [keys, others] = [values.get(true) ?? [], values.get(false) ?? []];
  const gateOf = async (guarded: Iterable<Pick<GuardedValue, "id" | "value">>): Promise<Gate> => {
    const steps = buildGate(guarded, constants);
    for (;;) {
      await setImmediate();
      signal.throwIfAborted();
      const { done, value } = steps.next();
      if (done === true) return value;
    }
  };
  const [anybodys, own] = [await gateOf(keys), await gateOf(others)];
  const find = (text: string, id: string) => {
    const views = viewsOf(text);
    return own.findIn(views).has(id) ? new Set([id]) : anybodys.findIn(views);
  };
  // What need not be a key is a word of every day, as names are.
  const small = await gateOf(keys.map(({ id, value }) => ({ id, value: value.toLowerCase() })));
  const findInName = (name: string, id: string) => {
    const found = find(name, id);
    return found.size > 0 ? found : small.find(name.toLowerCase());
  };
  return { find, findInName, holds: (text, id) => find(text, id).size > 0 };
}
