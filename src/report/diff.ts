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

/** Of one file, in milliseconds: the time grows with the square of what differs, and nothing else happens meanwhile. */
const LONGEST_COMPARISON = 1_000;

export interface DiffOptions {
  /** Unchanged lines shown around a change. @default 3 */
  readonly context?: number;
}

/** Masks, compares, and leaves out what is for machines. Sorted by path. */
export function diffFiles(changes: readonly FileChange[], { context = 3 }: DiffOptions = {}): FileDiff[] {
  return changes
    .filter(({ path }) => !UNTOLD.has(path))
    .map(({ path, before, after }): FileDiff => {
      const [old, next] = maskPair(path, before, after);
      const options = { context, timeout: LONGEST_COMPARISON };
      const patch = structuredPatch(path, path, old ?? "", next ?? "", undefined, undefined, options);
      const lines = patch?.hunks.flatMap((hunk) => [
        `@@ -${range(hunk.oldStart, hunk.oldLines)} +${range(hunk.newStart, hunk.newLines)} @@`,
        ...hunk.lines.filter((line) => !line.startsWith("\\")),
      ]);
      const tooMuch = ["@@ too much of it differs to be compared line by line @@"];
      return {
        path,
        lines: lines ?? tooMuch,
        change: before === null ? "added" : after === null ? "deleted" : "changed",
      };
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Of no lines it is the line before that counts, as `diff` and git have it. */
const range = (start: number, lines: number) => `${lines === 0 ? start - 1 : start},${lines}`;

const MASK = "••••••••";
const CHANGED = "•••••••• (changed)";

/** Where every Secret stands that the agent writes. */
const IN_SECRETS = /(?:^|\/)secrets\//;

/** Both sides with masked values; a value that differs is marked on the new side. Nothing tells its length. */
function maskPair(path: string, before: string | null, after: string | null): [string | null, string | null] {
  const isSecret = (text: string | null): text is string =>
    text !== null && (IN_SECRETS.test(path) || /^kind: Secret$/m.test(text));
  return [isSecret(before) ? mask(before, null) : before, isSecret(after) ? mask(after, before) : after];
}

function mask(text: string, against: string | null): string {
  const secret = readSecret(text);
  if (secret === null) return `${MASK}\n`;
  const other = against === null ? null : readSecret(against);
  const data = Object.entries(secret.data).map(([key, value]) => {
    const before = other?.data[key];
    return [key, before !== undefined && before !== value ? CHANGED : MASK] as const;
  });
  return formatYaml({ ...secret.open, data: Object.fromEntries(data) });
}

interface SecretDocument {
  /** What may be shown, by name: whatever else somebody put into the file is not known to be harmless. */
  readonly open: Readonly<Record<string, unknown>>;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A Secret file, sealed or not, however somebody formatted it; null for what is none, as a half-finished edit. */
function readSecret(text: string): SecretDocument | null {
  try {
    const value = parseYaml(text, { file: "a Secret", stage: "report", code: "Internal" });
    const { apiVersion, kind, metadata, type, immutable, spec, ...rest } = value as Record<string, unknown>;
    // Of a SealedSecret the sealed values; its template may hold anything of anybody.
    const data = rest.data ?? (spec as { encryptedData?: unknown } | null | undefined)?.encryptedData ?? {};
    if (typeof data !== "object") return null;
    const open = { apiVersion, kind, metadata, type, immutable };
    // Throws for what the agent never wrote.
    formatYaml(open);
    return { open, data: data as Record<string, unknown> };
  } catch {
    return null;
  }
}
