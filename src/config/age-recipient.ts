/** Whether a text is a recipient of age: of its form, and with the checksum of Bech32 (BIP 173), which a slip breaks. Pure. */

import type { Parsed } from "./values.js";

// age1…, and the kinds that are age's own; age1<plugin>1… is anybody's.
const RECIPIENT = /^(age(?:1(?:pq|tag|tagpq))?)1([ac-hj-np-z02-9]{58,})$/;

const OF_PLUGIN = /^age1[a-z0-9.+_-]+1[ac-hj-np-z02-9]+$/;

const PLUGIN =
  "is a recipient of a plugin of age, and the agent runs none: give one that age-keygen made (age1…, age1pq1…)";

const ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

export function parseRecipient(given: string): Parsed<string> {
  if (/^AGE-SECRET-KEY-/i.test(given))
    return { wrong: "is a private key: give the recipient (age1…) that belongs to it" };
  const [, prefix, data] = RECIPIENT.exec(given) ?? [];
  if (prefix === undefined || data === undefined)
    return { wrong: OF_PLUGIN.test(given) ? PLUGIN : "is not an age recipient" };
  return isChecked(prefix, data)
    ? { value: given }
    : { wrong: "is not an age recipient: its checksum is wrong, so a character of it is; copy it again" };
}

function isChecked(prefix: string, data: string): boolean {
  const codes = [...prefix].map((character) => character.charCodeAt(0));
  const values = [...data].map((character) => ALPHABET.indexOf(character));
  return checksum([...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31), ...values]) === 1;
}

/** The remainder that BIP 173 takes, 1 for what is whole. */
function checksum(values: readonly number[]): number {
  let sum = 1;
  for (const value of values) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    for (const [bit, part] of GENERATOR.entries()) if ((top >> bit) & 1) sum ^= part;
  }
  return sum >>> 0;
}
