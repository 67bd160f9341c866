/** Foreign text (names, descriptions, servers' words) made harmless for one sink each. */

/**
 * Control characters, line separators, lone surrogates, bidirectional overrides, and all that is drawn as nothing
 * (zero-width characters, tags, fillers): everything that can move the cursor, reorder a line, hide in it or end it.
 */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\ufff9-\uffff]/gu;

const escapeCharacter = (character: string) => {
  const code = (character.codePointAt(0) ?? 0).toString(16);
  return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, "0")}`;
};

/** One line that cannot steer a terminal: unprintable characters are shown as `\u001b`. */
export function forTerminal(text: string, limit = 500): string {
  const shown = text.replace(UNPRINTABLE, escapeCharacter);
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
