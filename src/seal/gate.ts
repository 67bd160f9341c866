/** The last look before anything is committed: no secret value in any file, in any of the forms it could take. */

import type { GuardedValue } from "./values.js";

/** Shorter values are found everywhere by chance; they never gate. In bytes. */
const SHORTEST = 12;

/** Characters of a form's beginning that are looked up at each place of a file; some forms of wide characters are shorter. */
const HEAD = 8;

export interface Gate {
  /** Director ids of the Applications of which a value stands in the text. */
  find(text: string): ReadonlySet<string>;
}

/**
 * Looks for values as they are, in base64 and URL-encoded; one pass over a file whatever their number.
 * A value that stands in `constants`, which is in everybody's files, is not looked for.
 */
export function createGate(values: Iterable<Pick<GuardedValue, "id" | "value">>, constants = ""): Gate {
  const forms = new Map<number, Map<string, Map<string, Set<string>>>>();
  for (const { id, value } of values) {
    // What every Application's files hold tells nothing, though somebody chose it as a value.
    if (Buffer.byteLength(value) < SHORTEST || constants.includes(value)) continue;
    for (const needle of [value, ...base64Cores(value), encodeURIComponent(value.toWellFormed())]) {
      const length = Math.min(HEAD, needle.length);
      const ids = entry(
        entry(
          entry(forms, length, () => new Map()),
          needle.slice(0, length),
          () => new Map(),
        ),
        needle,
        () => new Set(),
      );
      ids.add(id);
    }
  }
  return {
    find: (text) => {
      const found = new Set<string>();
      for (const [length, byHead] of forms) {
        for (let at = 0; at + length <= text.length; at++) {
          for (const [needle, ids] of byHead.get(text.slice(at, at + length)) ?? []) {
            if (text.startsWith(needle, at)) for (const id of ids) found.add(id);
          }
        }
      }
      return found;
    },
  };
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

/** The value in base64 behind nothing, one or two bytes of another text, without the characters that its neighbours change. */
function base64Cores(value: string): string[] {
  const bytes = Buffer.from(value);
  return [0, 1, 2].map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
  });
}
