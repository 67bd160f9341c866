/** Finds which of many words stand in a text, in time that goes by its length, whatever their number and what they share. Pure but for the chance in its hashes. */

import { randomInt } from "node:crypto";

/** Gives the indices of the words that stand in the text. */
export type Search = (text: string) => ReadonlySet<number>;

/** Characters of a word's beginning that are looked up at each place of a text before anything else; a shorter word has fewer. */
const HEAD = 8;

/** The two largest below 2^26: products of two remainders are exact as numbers, and two remainders fit into one. */
const PRIMES = [67_108_859, 67_108_837] as const;

const NONE = -1;

/** How much of the work is done between two yields, in characters. */
const STEP = 100_000;

/**
 * Words are to be different and not empty. Of each the beginnings are kept whose lengths are the highest bits of its own: 16,
 * 20 and 22 characters of 22. So the longest of them that a place of a text begins with is found in as many looks as its
 * length has bits, by the hash of what stands there, and with each the longest word that it begins with. Yields now and then.
 */
export function* buildSearch(words: readonly string[]): Generator<void, Search> {
  const longest = words.reduce((most, { length }) => Math.max(most, length), 0);
  const highest = 2 ** Math.floor(Math.log2(Math.max(1, longest)));
  const hashesOf = createHashes(longest);
  /** By hash of a beginning: index of the longest word that it begins with. */
  const beginnings = new Map<number, number>();
  const heads = new Map<number, Set<string>>();
  /** By index: the longest of the other words that it begins with. */
  const within = new Int32Array(words.length);

  const longestAt = (hash: (at: number, length: number) => number, at: number, limit: number): number => {
    let [length, found] = [0, NONE];
    for (let bit = highest; bit >= 1; bit /= 2) {
      if (length + bit > limit) continue;
      const word = beginnings.get(hash(at, length + bit));
      if (word === undefined) continue;
      length += bit;
      found = word;
    }
    return found;
  };

  // By length: whatever a beginning begins with is known then.
  const byLength = [...words.keys()].sort((one, other) => lengthOf(words, one) - lengthOf(words, other));
  let done = 0;
  for (const index of byLength) {
    const word = words[index] ?? "";
    const { length } = word;
    const hash = hashesOf(word);
    for (let [bit, end] = [highest, 0]; bit >= 1; bit /= 2) {
      if ((length & bit) === 0) continue;
      end += bit;
      const key = hash(0, end);
      if (end === length) {
        within[index] = longestAt(hash, 0, length - 1);
        beginnings.set(key, index);
      } else if (!beginnings.has(key)) beginnings.set(key, longestAt(hash, 0, end));
    }
    const head = word.slice(0, HEAD);
    heads.set(head.length, (heads.get(head.length) ?? new Set()).add(head));
    done += length;
    if (done < STEP) continue;
    done = 0;
    yield;
  }

  return (text) => {
    const found = new Set<number>();
    let hash: ReturnType<typeof hashesOf> | null = null;
    for (const [length, those] of heads) {
      for (let at = 0; at + length <= text.length; at++) {
        if (!those.has(text.slice(at, at + length))) continue;
        hash ??= hashesOf(text);
        let index = longestAt(hash, at, text.length - at);
        // What is found already was found with all that it begins with.
        while (index !== NONE && !found.has(index) && text.startsWith(words[index] ?? "", at)) {
          found.add(index);
          index = within[index] ?? NONE;
        }
      }
    }
    return found;
  };
}

const lengthOf = (words: readonly string[], index: number) => words[index]?.length ?? 0;

/**
 * Gives of a text the hash of each of its parts, up to that length, in constant time. By a base that nobody knows before, so
 * that nobody chooses words with one hash; those of two different ones are the same once in 2^52.
 */
function createHashes(longest: number) {
  const bases = PRIMES.map((prime) => randomInt(2 ** 16, prime)) as [number, number];
  const [first, second] = PRIMES;
  const powers = sumsOf(longest);
  powers[0][0] = powers[1][0] = 1;
  for (let index = 0; index < longest; index++) {
    powers[0][index + 1] = remainder((powers[0][index] ?? 0) * bases[0], first);
    powers[1][index + 1] = remainder((powers[1][index] ?? 0) * bases[1], second);
  }
  // Of one text at a time: with the next one, what was given for the last tells nothing.
  const own = sumsOf(longest);
  return (text: string) => {
    const [ones, twos] = text.length > longest ? sumsOf(text.length) : own;
    let [one, two] = [0, 0];
    for (let at = 0; at < text.length; at++) {
      // No character counts nothing, or a text would be the same behind any number of them.
      const code = text.charCodeAt(at) + 1;
      one = remainder(one * bases[0] + code, first);
      two = remainder(two * bases[1] + code, second);
      ones[at + 1] = one;
      twos[at + 1] = two;
    }
    return (at: number, length: number): number => {
      const end = at + length;
      const one = (ones[end] ?? 0) - remainder((ones[at] ?? 0) * (powers[0][length] ?? 0), first);
      const two = (twos[end] ?? 0) - remainder((twos[at] ?? 0) * (powers[1][length] ?? 0), second);
      return (one < 0 ? one + first : one) * 2 ** 26 + (two < 0 ? two + second : two);
    };
  };
}

const sumsOf = (length: number) => [new Uint32Array(length + 1), new Uint32Array(length + 1)] as const;

/** Many times as fast as `%` beyond 2^32; exact below 2^52. */
const remainder = (value: number, prime: number): number => value - Math.floor(value / prime) * prime;
