/** The last look before anything is committed: no secret value in any file, in any of the forms it could take. */

import { buildSearch } from "./search.js";
import type { GuardedValue } from "./values.js";
import { SHORTEST, viewsOf } from "./views.js";

/** Values between two yields. */
const STEP = 500;

export interface Gate {
  /** Director ids of the Applications of which a value stands in the text. */
  find(text: string): ReadonlySet<string>;
  /** The same of a text that `viewsOf` has gone over. */
  findIn(views: string): ReadonlySet<string>;
}

type Guarded = Pick<GuardedValue, "id" | "value">;

/**
 * Looks for values as they are, as JSON has them, in base64 and URL-encoded, in the text as each of its readers has it (`viewsOf`).
 * A value that stands in `constants`, which is in everybody's files, is not looked for.
 */
export function createGate(values: Iterable<Guarded>, constants = ""): Gate {
  const steps = buildGate(values, constants);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** Step by step, for values of a whole landscape: what else waits may be looked at in between. */
export function* buildGate(values: Iterable<Guarded>, constants: string): Generator<void, Gate> {
  const ids = new Map<string, Set<string>>();
  let seen = 0;
  for (const { id, value } of values) {
    seen += 1;
    if (seen % STEP === 0) yield;
    // What every Application's files hold tells nothing, though somebody chose it as a value.
    if (Buffer.byteLength(value) < SHORTEST || constants.includes(value)) continue;
    for (const form of formsOf(value)) {
      const known = ids.get(form);
      if (known === undefined) ids.set(form, new Set([id]));
      else known.add(id);
    }
  }
  const search = yield* buildSearch([...ids.keys()]);
  const owners = [...ids.values()];
  const findIn = (views: string) => new Set([...search(views)].flatMap((index) => [...(owners[index] ?? [])]));
  return { find: (text) => findIn(viewsOf(text)), findIn };
}

/** Quotes and line feeds are escaped where a text is JSON within a text, as in a schema. */
const formsOf = (value: string): ReadonlySet<string> =>
  new Set([...ownForms(value), ...ownForms(value.normalize("NFC"))]);

const ownForms = (value: string): readonly string[] => [
  value,
  JSON.stringify(value).slice(1, -1),
  ...base64Cores(value),
  encodeURIComponent(value.toWellFormed()),
];

/** The value in base64 behind nothing, one or two bytes of another text, without the characters that its neighbours change. */
function base64Cores(value: string): string[] {
  const bytes = Buffer.from(value);
  return [0, 1, 2].map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
  });
}
