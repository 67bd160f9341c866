/** How Director rewrites the names of Applications for a runtime (contract 4.2). */

interface Named {
  readonly name: string;
  readonly systemNumber?: string | null | undefined;
}

function clean(name: string): string {
  return name
    .replaceAll("İ", "i") // Go gives one character, JavaScript two
    .toLowerCase()
    .replaceAll(/[^-a-z0-9]/gu, "-")
    .replaceAll(/-+/g, "-")
    .replace(/-$/, "");
}

/** The normal form; a name that is in it already stays. */
export function normalize(name: string): string {
  return name.startsWith("mp-") && clean(name) === name ? name : clean(`mp-${name}`);
}

/** The name that `applicationsForRuntime` gives: a system number is appended as it is, after normalising. */
export function nameForRuntime({ name, systemNumber }: Named, isNormalized: unknown): string {
  const base = isNormalized === undefined || isNormalized === "true" ? normalize(name) : name;
  return systemNumber ? `${base}-${systemNumber}` : base;
}
