/** Reads one YAML 1.2 document strictly; what is wrong with it is told by place, never by content. */

import {
  type Document,
  type ErrorCode,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
} from "yaml";
import { Failure, type FailureCode, type Stage } from "../../common/failure.js";

/** Keys and list positions from the root of a document to a value. */
export type YamlPath = readonly (string | number)[];

export interface ParseOptions {
  /** How messages name the text, usually its path. */
  readonly file: string;
  readonly stage: Stage;
  readonly code: FailureCode;
  /** What the user can do about it. @default "Correct the YAML at the place named." */
  readonly hint?: string;
}

export interface ParsedYaml {
  readonly value: unknown;
  /** The line, counted from 1, of the key or list item at a path; null when the document does not hold it. */
  lineOf(path: YamlPath): number | null;
}

/** In our own words: the library's quote the text, which could be a secret. */
const REASONS: Record<ErrorCode, string> = {
  ALIAS_PROPS: "an alias cannot have an anchor or a tag",
  BAD_ALIAS: "an alias that cannot be resolved",
  BAD_COLLECTION_TYPE: "a tag that does not fit its list or mapping",
  BAD_DIRECTIVE: "a directive (%…) that cannot be read",
  BAD_DQ_ESCAPE: "an escape (\\…) that double quotes do not know",
  BAD_INDENT: "wrong indentation",
  BAD_PROP_ORDER: "anchors and tags must stand after the indicator and before the value",
  BAD_SCALAR_START: "a value that begins with a reserved character: quote it",
  BLOCK_AS_IMPLICIT_KEY: "a mapping or list cannot stand on the same line as its key",
  BLOCK_IN_FLOW: "an indented block cannot stand within […] or {…}",
  DUPLICATE_KEY: "a key that stands twice in one mapping",
  IMPOSSIBLE: "not YAML",
  KEY_OVER_1024_CHARS: "a key that is too long",
  MISSING_CHAR: "a missing character, such as a closing quote, bracket, colon or comma",
  MULTILINE_IMPLICIT_KEY: "a key that runs over several lines",
  MULTIPLE_ANCHORS: "more than one anchor on a value",
  MULTIPLE_DOCS: "more than one document: keep the first, remove the rest from --- on",
  MULTIPLE_TAGS: "more than one tag on a value",
  NON_STRING_KEY: "a key that is not a text",
  RESOURCE_EXHAUSTION: "nested too deeply",
  TAB_AS_INDENT: "a tab used as indentation: use spaces",
  TAG_RESOLVE_FAILED: "a tag (!…) that is not known or does not fit its value",
  UNEXPECTED_TOKEN: "something that does not belong there",
};

/** At most this many errors are told; more is usually one mistake with echoes. */
const SHOWN = 5;

const DEFAULT_HINT = "Correct the YAML at the place named.";

/**
 * Parses one document by the YAML 1.2 core schema, whatever its directives say. An empty text is null. Throws a
 * Failure of the caller's stage and code, with line and column, for syntax errors, keys that stand twice, unknown
 * tags, further documents, and aliases that would unfold without end.
 */
export function parseYaml(text: string, options: ParseOptions): unknown {
  return parseYamlDocument(text, options).value;
}

/** Like `parseYaml`, and remembers on which line each value stands. */
export function parseYamlDocument(text: string, options: ParseOptions): ParsedYaml {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    version: "1.2",
    schema: "core",
    merge: false,
    strict: true,
    stringKeys: true,
    uniqueKeys: true,
    prettyErrors: false,
    // "silent" would let further documents pass.
    logLevel: "error",
    lineCounter: lines,
  });
  const errors = [...document.errors, ...document.warnings].sort((left, right) => left.pos[0] - right.pos[0]);
  if (errors.length > 0) {
    const told = errors.slice(0, SHOWN).map(({ code, pos: [offset] }) => {
      const { line, col } = lines.linePos(offset);
      return `${options.file}:${line}:${col}  ${REASONS[code]}`;
    });
    const more = errors.length > SHOWN ? [`and ${errors.length - SHOWN} more`] : [];
    throw failure([...told, ...more].join("\n"), options);
  }
  return { value: toPlain(document, options), lineOf: (path) => lineOf(document, lines, path) };
}

function toPlain(document: Document.Parsed, options: ParseOptions): unknown {
  try {
    return document.toJS();
  } catch {
    // Raised for aliases of nothing, and for those that unfold to more than a hundred times their size.
    throw failure(`${options.file}  aliases (*…) that lead nowhere or unfold without end`, options);
  }
}

/** The library's error is left out on purpose, as its text and even its fields may hold content. */
function failure(message: string, { stage, code, hint = DEFAULT_HINT }: ParseOptions): Failure {
  return new Failure(message, { stage, code, hint });
}

function lineOf(document: Document.Parsed, lines: LineCounter, path: YamlPath): number | null {
  let node: unknown = document.contents;
  let place: unknown = node;
  for (const step of path) {
    const holder = isAlias(node) ? node.resolve(document) : node;
    if (isMap(holder)) {
      const pair = holder.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (pair === undefined) return null;
      [place, node] = [pair.key, pair.value];
    } else if (isSeq(holder)) {
      node = holder.items[Number(step)];
      place = node;
    } else {
      return null;
    }
  }
  const offset = isNode(place) ? place.range?.[0] : undefined;
  return offset === undefined ? null : lines.linePos(offset).line;
}
