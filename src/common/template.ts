/** Templates of one line over the outcome, as in `git.commit.subject`: `{created}` and the like. Pure. */

/** Documented in docs/reference/commits.md; never renamed. */
export const PLACEHOLDERS = [
  "summary",
  "runtime",
  "created",
  "updated",
  "deleted",
  "changed",
  "held",
  "setAside",
  "degraded",
  "digest",
  "version",
] as const;

export type Placeholder = (typeof PLACEHOLDERS)[number];

const PLACE = /\{([A-Za-z][A-Za-z0-9]*)\}/g;

/** The first placeholder that is none of ours; null when all are known. Braces around anything but a word stay as they are. */
export function unknownPlaceholder(template: string, placeholders: readonly string[] = PLACEHOLDERS): string | null {
  const known: ReadonlySet<string> = new Set(placeholders);
  return [...template.matchAll(PLACE)].map(([, name = ""]) => name).find((name) => !known.has(name)) ?? null;
}

/** Values are put in as they are: the caller has quoted them for where the line goes. */
export function fillTemplate(template: string, values: Readonly<Record<string, string | number>>): string {
  return template.replaceAll(PLACE, (whole, name: string) =>
    Object.hasOwn(values, name) ? String(values[name]) : whole,
  );
}
