/** Writes YAML that every reader in a cluster reads alike: Go's and Python's YAML 1.1, and YAML 1.2. */

import { type ScalarTag, stringify } from "yaml";
import { UNPRINTABLE } from "../../common/quote.js";

/** The keys that stand first in a manifest, in this order; all others follow by code point. */
const FIRST_KEYS = ["apiVersion", "kind", "metadata"];

/**
 * Formats one manifest in its canonical form: keys sorted by code point at every level, but `apiVersion`, `kind` and
 * `metadata` first at the top; block style, no folding, no aliases, LF, a newline at the end. Equal values give equal
 * bytes. An undefined property is left out. Throws a TypeError for anything that is not plain JSON data, and a
 * RangeError for a text with half a surrogate pair, which UTF-8 cannot hold.
 */
export function formatYaml(value: unknown): string {
  return write(canonical(value, FIRST_KEYS), FOR_READERS);
}

/**
 * Formats any value that JSON can hold, in the order its keys have, for output that people read: nothing in it can steer
 * a terminal or hide there. Objects with `toJSON` (dates, secrets) are written as that gives them; half a surrogate pair,
 * which UTF-8 cannot hold, becomes U+FFFD.
 */
export function formatDocument(value: unknown): string {
  // Through JSON, so that -o yaml and -o json always say the same.
  const json = JSON.stringify(value);
  return write(json === undefined ? null : ordered(JSON.parse(json)), FOR_PEOPLE);
}

/** Orders by code point, as UTF-8 bytes would be; the default order of JavaScript puts emoji before some letters. */
export function compareCodePoints(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const [a, b] = [left.charCodeAt(index), right.charCodeAt(index)];
    if (a !== b) return rank(a) - rank(b);
  }
  return left.length - right.length;
}

/** UTF-16 units in code point order: surrogates stand for what lies beyond U+FFFF. */
const rank = (unit: number) => (unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit);

/** Maps instead of objects, because an object moves keys like "10" to the front. */
function canonical(value: unknown, first: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((item) => canonical(item, []));
  if (!isObject(value)) return scalar(value);
  const keys = Object.keys(value).sort(compareCodePoints);
  const leading = first.filter((key) => Object.hasOwn(value, key));
  const rest = keys.filter((key) => !leading.includes(key));
  const entries = [...leading, ...rest].map((key): [string, unknown] => [key, value[key]]);
  return new Map(
    entries.filter(([, item]) => item !== undefined).map(([key, item]) => [wellFormed(key), canonical(item, [])]),
  );
}

function ordered(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (Array.isArray(value)) return value.map(ordered);
  if (!isObject(value)) return scalar(value);
  return new Map(Object.entries(value).map(([key, item]) => [key.toWellFormed(), ordered(item)]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError("only plain objects, lists, texts, numbers, booleans and null can be written as YAML");
  }
  return true;
}

function scalar(value: unknown): unknown {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string") return wellFormed(value);
  if (typeof value === "number" && Number.isFinite(value)) return Object.is(value, -0) ? 0 : value;
  throw new TypeError(`a ${typeof value} cannot be written as YAML`);
}

function wellFormed(text: string): string {
  if (/\p{Surrogate}/u.test(text)) throw new RangeError("a text with half a surrogate pair cannot be written as YAML");
  return text;
}

/** The library's tags that are used; without the others no key is taken for a merge, and no Map for an ordered map. */
const JSON_TAGS = new Set(["map", "seq", "null", "bool", "int", "float"].map((name) => `tag:yaml.org,2002:${name}`));

function write(value: unknown, escaping: Escaping): string {
  const text = textTag(escaping);
  return stringify(value, {
    version: "1.1",
    lineWidth: 0,
    aliasDuplicateObjects: false,
    customTags: (tags) => [text, ...tags.filter((tag) => typeof tag !== "string" && JSON_TAGS.has(tag.tag))],
  });
}

/** Texts with such a character are written in double quotes, and the character by its name or number. */
interface Escaping {
  readonly needed: RegExp;
  /** The same, with what else cannot stand between double quotes. */
  readonly quoted: RegExp;
}

const escapingOf = (characters: string): Escaping => ({
  needed: new RegExp(`(?!\\n)${characters}`, "u"),
  quoted: new RegExp(`${characters}|["\\\\\\n]`, "gu"),
});

/**
 * What must be escaped for every reader: control characters, the line breaks that only YAML 1.1 knows (U+0085, U+2028,
 * U+2029), the byte order mark and the two non-characters that Go's reader refuses. Emoji are written as themselves:
 * kustomize refuses `\ud83d\ude00`.
 */
const FOR_READERS = escapingOf("[\\u0000-\\u0009\\u000b-\\u001f\\u007f-\\u009f\\u2028\\u2029\\ufeff\\ufffe\\uffff]");

/** What must be escaped for people, too. */
const FOR_PEOPLE = escapingOf(UNPRINTABLE.source);

/** How a text begins that no reader takes for anything but text, … */
const PLAIN_START = /^[A-Za-z_/\u00c0-\u{10fffd}]/u;

/** … and what it must not hold: the marks of a key and a comment, white space at the end. */
const MARKS = /:(?:\s|$)|\s#|\s$/;

/** Ids as Compass makes them; no number or date has this shape. */
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What some reader takes for null, a boolean or a number, in any case; `0x1`, `.inf` and their like begin otherwise. */
const WORDS = new Set(["null", "true", "false", "yes", "no", "y", "n", "on", "off"]);

/** What a literal block does not give back to the byte in every reader: a line that begins with white space, an empty end. */
const NOT_LITERAL = /^\s|\n[^\S\n]|\n\n$/;

/** Texts are written by these rules rather than by the library's, which leave some to the version of the reader. */
const textTag = (escaping: Escaping): ScalarTag => ({
  identify: (value) => typeof value === "string",
  default: true,
  tag: "tag:yaml.org,2002:str",
  resolve: (text) => text,
  stringify({ value }, { implicitKey, inFlow, indent }) {
    const text = String(value);
    if (text.includes("\n")) {
      const literal =
        !implicitKey && !inFlow && indent !== "" && !escaping.needed.test(text) && !NOT_LITERAL.test(text);
      return literal ? literalBlock(text, indent) : doubleQuoted(text, escaping);
    }
    if (escaping.needed.test(text)) return doubleQuoted(text, escaping);
    const plain =
      !inFlow && (UUID.test(text) || (PLAIN_START.test(text) && !MARKS.test(text) && !WORDS.has(text.toLowerCase())));
    if (plain) return text;
    // One kind of quotes, unless the text is full of them, as JSON is.
    return /["\\]/.test(text) && !text.includes("'") ? `'${text}'` : doubleQuoted(text, escaping);
  },
});

function literalBlock(text: string, indent: string): string {
  const body = text.endsWith("\n") ? text.slice(0, -1) : text;
  return `|${text.endsWith("\n") ? "" : "-"}\n${indent}${body.replace(/\n+/g, `$&${indent}`)}`;
}

const ESCAPES: Record<string, string> = {
  '"': '\\"',
  "\\": "\\\\",
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
  "\u0085": "\\N",
  "\u2028": "\\L",
  "\u2029": "\\P",
};

function doubleQuoted(text: string, { quoted }: Escaping): string {
  const hex = (character: string) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    if (code.length <= 2) return `\\x${code.padStart(2, "0")}`;
    return code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\U${code.padStart(8, "0")}`;
  };
  return `"${text.replace(quoted, (character) => ESCAPES[character] ?? hex(character))}"`;
}
