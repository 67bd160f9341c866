/** Foreign text (names, descriptions, servers' words) made harmless for one sink each. */

/**
 * Control characters, bidirectional overrides, zero-width and line separators: everything that can move the cursor,
 * reorder a line, hide in it or end it.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: naming control characters is the purpose
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]/gu;

const LONE_SURROGATE = /\p{Surrogate}/gu;

const escapeCharacter = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** One line that cannot steer a terminal: unprintable characters are shown as `\u001b`. */
export function forTerminal(text: string, limit = 500): string {
  const shown = text.replace(UNPRINTABLE, escapeCharacter).replace(LONE_SURROGATE, escapeCharacter);
  const characters = [...shown];
  return characters.length > limit ? `${characters.slice(0, limit - 1).join("")}…` : shown;
}

/**
 * One word or phrase within a commit message's line: printable, short, and without the brackets that continuous
 * integration reads as a command (`[skip ci]`). The caller puts its own words before it, so that it never begins a
 * line and never reads as a trailer.
 */
export function forCommitMessage(text: string, limit = 120): string {
  return forTerminal(text, limit).replaceAll("[", "(").replaceAll("]", ")").replaceAll("***NO_CI***", "NO_CI");
}
