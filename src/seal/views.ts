/** A text as its readers have it: percent-encoding, base64, escapes and entities taken off, also where one stands in another. Pure. */

/** Shorter values are found everywhere by chance; nobody looks for them. In bytes. */
export const SHORTEST = 12;

/** As a schema (JSON) with an address (percent-encoded) in it. */
const NESTED = 2;

type Decode = (text: string) => string;

const percentDecoded: Decode = (text) =>
  text.replaceAll(/(?:%[\da-f]{2})+/gi, (run) => textOf(Buffer.from(run.replaceAll("%", ""), "hex")));

/** As in forms and queries. */
const formDecoded: Decode = (text) => percentDecoded(text.replaceAll("+", " "));

const LETTERS: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** Of JSON, whoever wrote it: Go escapes what HTML could take for its own, and others all beyond ASCII. */
const unescaped: Decode = (text) =>
  text.replaceAll(/\\(?:u([\da-f]{4})|x([\da-f]{2})|([bfnrt"'/\\]))/gi, (_, unit, byte, letter) =>
    letter === undefined ? String.fromCharCode(Number.parseInt(unit ?? byte, 16)) : (LETTERS[letter] ?? letter),
  );

/** Of a shell and of Markdown, where a backslash stands before any sign. */
const unslashed: Decode = (text) => text.replaceAll(/'(?:\\'|"'")'|\\([!-/:-@[-`{-~ ])/g, (_, sign = "'") => sign);

/** Either alphabet, also in lines; the padding tells nothing. */
const BASE64 = /[\w+/-]+(?:\r?\n[ \t]*[\w+/-]+)*/g;

/** Of letters, for a value that is looked for. */
const SHORTEST_RUN = Math.ceil((SHORTEST * 4) / 3);

/** Some letters in a row that are UTF-8: bytes by chance rarely are. One class of code units: this is asked of every file. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what no text has
const READABLE = /[^\x00-\x08\x0e-\x1f\x7f-\x9f\ufffd]{6,}/g;

/**
 * What stands in base64, and nothing else. Where it begins cannot be told from the letters before it: so it is read from each
 * of four. What is no text, as the bytes of a sealed value, is left out.
 */
const fromBase64: Decode = (text) =>
  (text.match(BASE64) ?? [])
    .map((run) => run.replaceAll(/\s+/g, ""))
    .filter((run) => run.length >= SHORTEST_RUN)
    .flatMap((run) => [0, 1, 2, 3].map((from) => Buffer.from(run.slice(from), "base64").toString("utf8")))
    .flatMap((read) => read.match(READABLE) ?? [])
    .join("\0");

/** From U+00A0 on, in order. */
const LATIN =
  "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot " +
  "cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml " +
  "Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig " +
  "agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute " +
  "ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml";

/** What a password holds, and what writers of HTML and XML have names for. */
const ENTITIES: ReadonlyMap<string, string> = new Map([
  ...LATIN.split(" ").map((name, index) => [name, String.fromCharCode(0xa0 + index)] as const),
  ...Object.entries({
    ...{ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", excl: "!", num: "#", dollar: "$", percnt: "%", lpar: "(" },
    ...{ rpar: ")", ast: "*", plus: "+", comma: ",", period: ".", sol: "/", colon: ":", semi: ";", equals: "=" },
    ...{ quest: "?", commat: "@", lsqb: "[", lbrack: "[", bsol: "\\", rsqb: "]", rbrack: "]", Hat: "^", lowbar: "_" },
    ...{ grave: "`", lcub: "{", lbrace: "{", verbar: "|", vert: "|", rcub: "}", rbrace: "}", euro: "€" },
  }),
]);

const withoutEntities: Decode = (text) =>
  text.replaceAll(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]+\d{0,2}));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES.get(name) ?? ENTITIES.get(name.toLowerCase()) ?? whole;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code > 0x10ffff ? whole : String.fromCodePoint(code);
  });

const DECODERS = [percentDecoded, formDecoded, unescaped, unslashed, withoutEntities, fromBase64];

/**
 * The text itself, and what each reader makes of it: a value that is looked for as it is in all of them is found however
 * its writer encoded it, in whole or in part. What is no encoding stays. Behind each other, with what no value goes over.
 */
export function viewsOf(text: string): string {
  const views = new Set([text]);
  let last = [text];
  for (let depth = 0; depth < NESTED; depth++) {
    const next = new Set(last.flatMap((view) => DECODERS.map((decode) => decode(view))));
    last = [...next].filter((view) => !views.has(view));
    for (const view of last) views.add(view);
  }
  // Marks can stand behind the letter that they belong to. Composed with what follows it a value would be another one.
  for (const view of [...views]) views.add(view.normalize("NFC"));
  return [...views].join("\0");
}

/** Who does not write UTF-8 writes Latin-1. */
function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return bytes.toString("latin1");
  }
}
