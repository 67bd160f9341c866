/** The diff of a plan for people: canonical YAML line by line, every secret value masked. */

import { structuredPatch } from "diff";
import { formatYaml, parseYaml } from "../adapters/yaml/index.js";

export interface FileChange {
  readonly path: string;
  /** Null where there is no such file. */
  readonly before: string | null;
  readonly after: string | null;
}

export interface FileDiff {
  readonly path: string;
  readonly change: "added" | "changed" | "deleted";
  /** Lines that begin with `+`, `-`, ` ` or `@@`. */
  readonly lines: readonly string[];
}

/** Files whose change says nothing to a reader. */
const UNTOLD = new Set([".runtime-agent/inventory.json", ".runtime-agent/.gitattributes"]);

/** Masks, compares, and leaves out what is for machines. Sorted by path. */
export function diffFiles(changes: readonly FileChange[]): FileDiff[] {
  return changes
    .filter(({ path }) => !UNTOLD.has(path))
    .map(({ path, before, after }): FileDiff => {
      const [old, next] = maskPair(path, before, after);
      const patch = structuredPatch(path, path, old ?? "", next ?? "", undefined, undefined, { context: 3 });
      const lines = patch.hunks.flatMap((hunk) => [
        `@@ -${hunk.oldStart},${hunk.oldLines} +${hunk.newStart},${hunk.newLines} @@`,
        ...hunk.lines.filter((line) => !line.startsWith("\\")),
      ]);
      return { path, change: before === null ? "added" : after === null ? "deleted" : "changed", lines };
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

const MASK = "••••••••";
const CHANGED = "•••••••• (changed)";

interface SecretDocument {
  readonly kind?: unknown;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

/** Both sides with masked values; a value that differs is marked on the new side. Nothing tells its length. */
function maskPair(path: string, before: string | null, after: string | null): [string | null, string | null] {
  const isSecret = IN_SECRETS.test(path) || [before, after].some((text) => text !== null && /\bSecret\b/.test(text));
  if (!isSecret) return [before, after];
  const [old, next] = [before && readDocument(before), after && readDocument(after)];
  const show = (document: SecretDocument | null, against: SecretDocument | null) => {
    if (document === null) return `${MASK}\n`;
    const { sops: _sops, data, stringData: _stringData, ...rest } = document;
    const masked = Object.entries(data ?? {}).map(([key, value]) => {
      const other = against?.data?.[key];
      return [key, other !== undefined && other !== value ? CHANGED : MASK] as const;
    });
    return formatYaml({ ...rest, data: Object.fromEntries(masked) });
  };
  const shown = (text: string | null, document: SecretDocument | null | "", against: SecretDocument | null | "") => {
    if (!text || (document && !IN_SECRETS.test(path) && document.kind !== "Secret")) return text;
    return show(document || null, against || null);
  };
  return [shown(before, old, null), shown(after, next, old)];
}

/** Where the Secrets stand that the shipped templates give. */
const IN_SECRETS = /(?:^|\/)secrets\//;

/** A file as one object, however somebody formatted it; null for what is none: a half-finished edit is masked as a whole. */
function readDocument(text: string): SecretDocument | null {
  try {
    const value = parseYaml(text, { file: "a Secret", stage: "report", code: "Internal" });
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as SecretDocument) : null;
  } catch {
    return null;
  }
}
