/** The last look before anything is committed: no secret value in any file, in any of the forms it could take. */

/** Shorter values are found everywhere by chance; they never gate. In bytes. */
const SHORTEST = 12;

/** Bytes of a value's beginning that are looked up at each place of a file. */
const HEAD = 8;

export interface Gate {
  /** Director ids of the Applications of which a value stands in the text. */
  find(text: string): ReadonlySet<string>;
}

/** Looks for values as they are, in base64 and URL-encoded; one pass over a file whatever their number. */
export function createGate(values: Iterable<{ readonly id: string; readonly value: string }>): Gate {
  const byHead = new Map<string, { readonly needle: string; readonly id: string }[]>();
  for (const { id, value } of values) {
    if (Buffer.byteLength(value) < SHORTEST) continue;
    for (const needle of new Set([value, base64Core(value), encodeURIComponent(value.toWellFormed())])) {
      const head = needle.slice(0, HEAD);
      const list = byHead.get(head);
      if (list === undefined) byHead.set(head, [{ needle, id }]);
      else if (!list.some((known) => known.needle === needle && known.id === id)) list.push({ needle, id });
    }
  }
  return {
    find: (text) => {
      const found = new Set<string>();
      if (byHead.size === 0) return found;
      for (let at = 0; at + HEAD <= text.length; at++) {
        for (const { needle, id } of byHead.get(text.slice(at, at + HEAD)) ?? []) {
          if (text.startsWith(needle, at)) found.add(id);
        }
      }
      return found;
    },
  };
}

// Without the last group of four: what follows the value would change it.
const base64Core = (value: string) => {
  const encoded = Buffer.from(value).toString("base64");
  return encoded.slice(0, encoded.length - 4);
};
