/** Whether somebody else's words, as of a webhook that refuses a Secret, repeat a secret value. */

import type { Secret } from "../common/secret.js";
import type { Snapshot } from "../fetch/index.js";
import { createGate, type Gate } from "./gate.js";
import { guardedValues } from "./values.js";
import { viewsOf } from "./views.js";

/** Shorter ones are found in any sentence. In characters. */
const SHORTEST = 3;

/** True for words that hold a value of these, or one of the snapshot that is long enough to be told from chance. */
export type HoldsValue = (words: string, values: Iterable<Secret>) => boolean;

/** Made from the whole landscape, and in most cycles nobody refuses anything: only then it is made. */
export function createWordsGate(snapshot: Snapshot): HoldsValue {
  let gate: Gate | null = null;
  return (words, values) => {
    gate ??= createGate(guardedValues(snapshot));
    const views = viewsOf(words);
    if (gate.findIn(views).size > 0) return true;
    // Of the object that the words are about even the short ones, which the gate lets pass.
    return [...values].flatMap((value) => textsOf(value.reveal())).some((text) => isIn(views, text));
  };
}

/** A value, and what stands in one that is an object of lists, as headers are. */
function textsOf(value: string): string[] {
  try {
    const parsed: unknown = JSON.parse(value);
    if (typeof parsed === "object" && parsed !== null) return [value, ...Object.values(parsed).flat().map(String)];
  } catch {
    // A value like any other.
  }
  return [value];
}

function isIn(words: string, text: string): boolean {
  if (text.length < SHORTEST) return false;
  const forms = [
    text,
    JSON.stringify(text).slice(1, -1),
    Buffer.from(text).toString("base64"),
    encodeURIComponent(text.toWellFormed()),
  ];
  return forms.some((form) => words.includes(form));
}
