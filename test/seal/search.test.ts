import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildSearch, type Search } from "../../src/seal/search.js";

function searchFor(words: readonly string[]): Search {
  const steps = buildSearch(words);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

const found = (words: readonly string[], text: string) =>
  [...searchFor(words)(text)].map((index) => words[index]).sort();
const naively = (words: readonly string[], text: string) => words.filter((word) => text.includes(word)).sort();

const runs = Number(process.env.RUNTIME_AGENT_RUNS ?? 2000);

describe("the search for many words at once", () => {
  it.each<[string, readonly string[], string]>([
    ["one within another", ["aaaaaaaaab", "aaaaaaaaa", "aaaa"], "xaaaaaaaaay"],
    ["all that begin alike", ["commonly-1", "commonly-22", "commonly-333", "commonly-"], "commonly-22"],
    ["the shorter one where the longer one breaks off", ["abcdefghij", "abcdefghijklmnopqrst"], "abcdefghijklmnopqrs"],
    ["one that ends where the text does", ["password-of-shop"], "the password-of-shop"],
    [
      "wide characters and halves of them",
      ["密码密码", "\ud83d\ud83d\ud83d\ud83d"],
      "\ud83d密码密码\ud83d\ud83d\ud83d\ud83d",
    ],
    ["none where there is none", [], "text"],
    ["none in no text", ["word"], ""],
    ["characters that count nothing", ["\0\0\0\0\0\0\0\0\0", "\0\0\0\0\0\0\0\0\0\0"], "\0\0\0\0\0\0\0\0\0"],
  ])("finds %s", (_, words, text) => {
    expect(found(words, text)).toEqual(naively(words, text));
  });

  // Of so few letters that words lie within each other, overlap and repeat themselves.
  const word = fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 40 });
  const words = fc.uniqueArray(
    fc.oneof(
      word,
      word.map((each) => `aaaaaaaaaaaa${each}`),
    ),
    { maxLength: 40 },
  );

  it("finds what looking for each by itself finds", () => {
    fc.assert(
      fc.property(words, fc.string({ unit: fc.constantFrom("a", "a", "a", "b", "c"), maxLength: 300 }), (all, text) => {
        expect(found(all, text)).toEqual(naively(all, text));
      }),
      { numRuns: runs },
    );
  });

  it("finds what was put there, and what that holds", () => {
    fc.assert(
      fc.property(words, fc.array(fc.nat(), { maxLength: 6 }), (all, places) => {
        const text = places.map((place) => all[place % all.length] ?? "").join("c");
        expect(found(all, text)).toEqual(naively(all, text));
      }),
      { numRuns: runs },
    );
  });

  it("finds words one after the other in many texts, longer and shorter ones than any word", () => {
    const search = searchFor(["aaaaaaaaaaaaaaaaaaaa", "aaaaaaaaab"]);

    expect(
      ["a".repeat(19), `${"a".repeat(9)}b`, "a".repeat(100), "b", "aaaaaaaaab"].map((text) => [...search(text)]),
    ).toEqual([[], [1], [0], [], [1]]);
  });

  it("ends with 60,000 words that begin alike and a long text of nothing but their beginning", () => {
    const words = Array.from({ length: 60_000 }, (_, index) => `aaaaaaaaaaaaaaaa1${String(index).padStart(6, "0")}`);
    const text = "a".repeat(1_000_000);
    const search = searchFor(words);

    expect(search(text).size).toBe(0);
    expect([...search(`${text}1059999`)]).toEqual([59_999]);
  });

  it("ends with words that lie within each other and a long text of nothing but them", () => {
    const words = Array.from({ length: 2000 }, (_, index) => "a".repeat(12 + index));

    const found = searchFor([...words, `${"a".repeat(200_000)}b`])("a".repeat(1_000_000));

    expect(found.size).toBe(words.length);
  });

  it("gives way while it is built", () => {
    const words = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(10_000));

    expect([...buildSearch(words)].length).toBeGreaterThan(1);
    expect([...buildSearch(words.slice(0, 5))]).toEqual([]);
  });
});
