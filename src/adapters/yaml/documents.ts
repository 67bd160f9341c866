/** Reads what any reader of YAML may find in a text: every document of it, with merge keys carried out. */

import { parseAllDocuments } from "yaml";

/**
 * All documents of a text, in the core schema. Null when one cannot be read for sure: syntax, keys that stand twice, tags
 * that are not of the core, aliases that would unfold without end.
 */
export function parseYamlDocuments(text: string): readonly unknown[] | null {
  try {
    const documents = parseAllDocuments(text, {
      version: "1.2",
      schema: "core",
      // Go's readers carry `<<` out, so that a kind may come from elsewhere.
      merge: true,
      strict: true,
      uniqueKeys: true,
      prettyErrors: false,
      logLevel: "error",
    });
    if (!Array.isArray(documents)) return [];
    const isRead = documents.every(({ errors, warnings }) => errors.length + warnings.length === 0);
    const values = isRead ? documents.map((document): unknown => document.toJS()) : null;
    return values?.every(isPlain) === true ? values : null;
  } catch {
    return null;
  }
}

/** False for bytes, dates, sets and ordered maps, which the library knows by their tags, and other readers as texts. */
function isPlain(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isPlain);
  if (typeof value !== "object" || value === null) return typeof value !== "bigint";
  return Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(isPlain);
}
