/** JSON text as Go's encoder writes it, so that Secrets taken over from the Go agent keep their bytes (contract 4.4). */

const ESCAPED = /[<>&\u2028\u2029]/g;

/** An object name → list of texts, compact, keys sorted by their UTF-8 bytes, `<`, `>` and `&` escaped. */
export function goJSON(parameters: Readonly<Record<string, readonly string[]>>): string {
  const names = Object.keys(parameters).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const members = names.map((name) => `${JSON.stringify(name)}:${JSON.stringify(parameters[name])}`);
  return `{${members.join(",")}}`.replace(
    ESCAPED,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
