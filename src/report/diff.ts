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
      const [old, next] = maskPair(before, after);
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
function maskPair(before: string | null, after: string | null): [string | null, string | null] {
  const [old, next] = [before && readSecret(before), after && readSecret(after)];
  const show = (secret: SecretDocument, against: SecretDocument | null) => {
    const { sops: _sops, data = {}, stringData: _stringData, ...rest } = secret;
    const masked = Object.entries(data).map(([key, value]) => {
      const other = against?.data?.[key];
      return [key, other !== undefined && other !== value ? CHANGED : MASK] as const;
    });
    return formatYaml({ ...rest, data: Object.fromEntries(masked) });
  };
  return [old ? show(old, null) : before, next ? show(next, old || null) : after];
}

/** A Secret file, sealed or not, as one object; null for any other file. */
function readSecret(text: string): SecretDocument | null {
  if (!/^kind: Secret$/m.test(text)) return null;
  return parseYaml(text, { file: "a Secret", stage: "report", code: "Internal" }) as SecretDocument;
}
