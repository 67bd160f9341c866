/** Foreign text (names, descriptions, servers' words) made harmless for one sink each. */

/**
 * Control characters, line separators, lone surrogates, bidirectional overrides, and all that is drawn as nothing
 * (zero-width characters, tags, fillers): everything that can move the cursor, reorder a line, hide in it or end it.
 */
export const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\ufff9-\uffff]/gu;

const escapeCharacter = (character: string) => {
  const code = (character.codePointAt(0) ?? 0).toString(16);
  return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, "0")}`;
};

/** One line that cannot steer a terminal: unprintable characters are shown as `\u001b`. */
export function forTerminal(text: string, limit = 500): string {
  return cut(text.replace(UNPRINTABLE, escapeCharacter), limit);
}

/**
 * JSON with the same value, in which everything unprintable but its own line feeds is escaped: it may be looked at on a
 * terminal, too.
 */
export function forJSON(json: string): string {
  const escapeUnits = (character: string) =>
    character === "\n"
      ? character
      : [...Array(character.length).keys()]
          .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`)
          .join("");
  return json.replace(UNPRINTABLE, escapeUnits);
}

/** An Event's message: the API server takes 1 KiB, people read it on terminals and pages. */
export function forEvent(text: string): string {
  const shown = forTerminal(text, 1_024);
  return Buffer.byteLength(shown) <= 1_024
    ? shown
    : new TextDecoder().decode(Buffer.from(shown).subarray(0, 1_020)).replace(/\ufffd+$/, "…");
}

/** What GitHub, GitLab, Gitea and Azure read in a commit message, by the one character that each cannot do without. */
const READ_BY_HOSTS: readonly RegExp[] = [
  // Issues (`#12`), mentions (`@team`), merge requests (`!12`), continuous integration (`[skip ci]`).
  /[#@![\]]/g,
  // Epics.
  /&(?=\d)/g,
  // Issues by their address.
  /:(?=\/\/)/g,
  // Issues in another spelling (`GH-12`, `GL-12`), and those of other trackers (`SHOP-12`).
  /(?<=[Gg][HhLl]|[A-Z][A-Z0-9_]*)-(?=\d)/g,
  // Continuous integration.
  /(?<=skip-checks\s*):/gi,
  /\*(?=NO_CI)/gi,
];

/** What a Kubernetes name is made of: without a space no word stands before `gh-12` that would close it. */
const PLAIN_NAME = /^[-a-z0-9.]*$/;

/**
 * One word or phrase within a commit message's line: printable, short, and nothing that a Git host acts on; what it
 * would act on is shown as `\u0023`, too. The caller puts its own words before it, so that it never begins a line and
 * never reads as a trailer.
 */
export function forCommitMessage(text: string, limit = 120): string {
  if (PLAIN_NAME.test(text)) return cut(text, limit);
  const printable = text.replace(UNPRINTABLE, escapeCharacter);
  return cut(
    READ_BY_HOSTS.reduce((shown, read) => shown.replace(read, escapeCharacter), printable),
    limit,
  );
}

/** What would end a span of code or a cell of a table. */
const ENDS_SPAN = /[`|]/g;

/**
 * A span of code in Markdown, wherever a line or a cell has room for one: nothing in it is drawn, linked, mentioned or
 * carried out, and nothing ends it. It is safe as a commit message, too, which hosts make of such texts.
 */
export function forMarkdown(text: string, limit = 120): string {
  const shown = cut(forCommitMessage(text, Number.POSITIVE_INFINITY).replace(ENDS_SPAN, escapeCharacter), limit);
  return shown.trim() === "" ? "`(empty)`" : `\`${shown}\``;
}

function cut(text: string, limit: number): string {
  const characters = [...text];
  return characters.length > limit ? `${characters.slice(0, limit - 1).join("")}…` : text;
}
