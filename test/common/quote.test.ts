import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { forCommitMessage, forTerminal } from "../../src/common/quote.js";

/** Text as an attacker writes it: pieces that steer, hide, reorder or command, between ordinary ones. */
const hostile = fc
  .array(
    fc.oneof(
      { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
      { weight: 1, arbitrary: fc.string({ unit: "grapheme" }) },
      {
        weight: 3,
        arbitrary: fc.constantFrom(
          "\u001b[31m",
          "\u001b]8;;https://evil.example\u0007link\u001b]8;;\u0007",
          "\u009b2J",
          "\u202e",
          "\u2066",
          "\u2069",
          "\u061c",
          "\u200b",
          "\u200d",
          "\u2060",
          "\ufeff",
          "\u00ad",
          "\u034f",
          "\u115f",
          "\u180e",
          "\u3164",
          "\uffa0",
          "\ufe0f",
          "\u{e0041}",
          "\u{e0100}",
          "\u{1d173}",
          "\ud800",
          "\udc00",
          "\r",
          "\n",
          "\r\n",
          "\u0085",
          "\u2028",
          "\u2029",
          "\t",
          "\u0000",
          "\u007f",
          "[skip ci]",
          "[ci skip]",
          "***NO_CI***",
          "***NO_***NO_CI***CI***",
          "\n\nSigned-off-by: Eve <eve@example.com>",
          "\nCo-authored-by: Eve",
          "日本語",
          "e\u0301",
          "\ufffd",
          "😀",
        ),
      },
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));

/** Everything that is drawn as nothing, moves the cursor, ends a line or reorders it. */
const HARMFUL = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]/u;

const runs = { numRuns: 2000 };

describe("text for a terminal", () => {
  it("is one printable line, whatever comes in", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(forTerminal(text)).not.toMatch(HARMFUL);
        expect(forTerminal(text).isWellFormed()).toBe(true);
      }),
      runs,
    );
  });

  it("is no longer than its limit", () => {
    fc.assert(
      fc.property(hostile, fc.integer({ min: 1, max: 40 }), (text, limit) => {
        expect([...forTerminal(text, limit)].length).toBeLessThanOrEqual(limit);
      }),
      runs,
    );
  });

  it("keeps printable text as it is", () => {
    const text = "Café Zürich – 日本語 [1] <b> e\u0301 ا 100 % “quoted” \\ /";

    expect(forTerminal(text)).toBe(text);
  });

  it.each([
    ["\u001b[31mred", "\\u001b[31mred"],
    ["\u001b]8;;https://evil.example\u0007link", "\\u001b]8;;https://evil.example\\u0007link"],
    ["a\nb\r\nc", "a\\u000ab\\u000d\\u000ac"],
    ["user\u202egnp.exe", "user\\u202egnp.exe"],
    ["zero\u200bwidth", "zero\\u200bwidth"],
    ["soft\u00adhyphen", "soft\\u00adhyphen"],
    ["tag\u{e0041}", "tag\\u{e0041}"],
    ["lone\ud83dsurrogate", "lone\\ud83dsurrogate"],
    ["pair😀", "pair😀"],
    ["", ""],
  ])("shows what it cannot print by its number: %j", (text, shown) => {
    expect(forTerminal(text)).toBe(shown);
  });

  it("says by a dot that it was cut, and never cuts a character in two", () => {
    expect(forTerminal("😀".repeat(10), 3)).toBe("😀😀…");
    expect(forTerminal("abc", 3)).toBe("abc");
    expect(forTerminal("x".repeat(600))).toHaveLength(500);
  });
});

describe("text for a commit message", () => {
  it("is one printable line without brackets, whatever comes in", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const quoted = forCommitMessage(text);

        expect(quoted).not.toMatch(HARMFUL);
        expect(quoted).not.toMatch(/[[\]]/);
        expect(quoted).not.toContain("***NO_CI***");
        expect([...quoted].length).toBeLessThanOrEqual(120);
      }),
      runs,
    );
  });

  it.each([
    ["shop [skip ci]", "shop (skip ci)"],
    ["shop ***NO_CI***", "shop NO_CI"],
    ["shop\n\nSigned-off-by: Eve", "shop\\u000a\\u000aSigned-off-by: Eve"],
    ["plain name", "plain name"],
  ])("cannot command or sign: %j", (text, quoted) => {
    expect(forCommitMessage(text)).toBe(quoted);
  });
});
