import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { forCommitMessage, forJSON, forTerminal } from "../../src/common/quote.js";
import { hostile, UNPRINTABLE } from "./hostile-text.js";
import { runs } from "./property.js";

describe("JSON", () => {
  it("means the same and steers no terminal, whatever is in it", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const json = forJSON(JSON.stringify({ [text]: [text] }, null, 2));

        expect(json.replaceAll("\n", "")).not.toMatch(UNPRINTABLE);
        expect(JSON.parse(json)).toEqual({ [text]: [text] });
      }),
      runs(2000),
    );
  });
});

describe("text for a terminal", () => {
  it("is one printable line, whatever comes in", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(forTerminal(text)).not.toMatch(UNPRINTABLE);
        expect(forTerminal(text).isWellFormed()).toBe(true);
      }),
      runs(2000),
    );
  });

  it("is no longer than its limit", () => {
    fc.assert(
      fc.property(hostile, fc.integer({ min: 1, max: 40 }), (text, limit) => {
        expect([...forTerminal(text, limit)].length).toBeLessThanOrEqual(limit);
      }),
      runs(2000),
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
  it("is one printable line without commands, whatever comes in", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const quoted = forCommitMessage(text);

        expect(quoted).not.toMatch(UNPRINTABLE);
        expect(quoted).not.toMatch(/[#@[\]]/);
        expect(quoted).not.toContain("***NO_CI***");
        expect(forCommitMessage(quoted)).toBe(quoted);
        expect([...quoted].length).toBeLessThanOrEqual(120);
      }),
      runs(2000),
    );
  });

  it.each([
    ["shop [skip ci]", "shop \\u005bskip ci\\u005d"],
    ["shop ***NO_CI***", "shop **\\u002aNO_CI***"],
    ["shop ***NO_***NO_CI***CI***", "shop ***NO_**\\u002aNO_CI***CI***"],
    ["skip-checks: true", "skip-checks\\u003a true"],
    ["Skip-Checks :true", "Skip-Checks \\u003atrue"],
    ["shop\n\nSigned-off-by: Eve", "shop\\u000a\\u000aSigned-off-by: Eve"],
    ["Fixes #12", "Fixes \\u002312"],
    ["Closes owner/repo#3", "Closes owner/repo\\u00233"],
    ["closes gh-12, GL-3 and SHOP-4", "closes gh\\u002d12, GL\\u002d3 and SHOP\\u002d4"],
    ["Fixes https://github.com/o/r/issues/5", "Fixes https\\u003a//github.com/o/r/issues/5"],
    ["by @team", "by \\u0040team"],
    ["see !12 and group&34", "see \\u002112 and group\\u002634"],
  ])("cannot command, sign, close, refer or mention: %j", (text, quoted) => {
    expect(forCommitMessage(text)).toBe(quoted);
  });

  it.each(["plain name", "mp-shop-2", "gh-12", "a.b", "Café Zürich: R&D (100 %)", "Orders-2 2026-01-02", "日本語"])(
    "stays as it is where nobody acts on it: %j",
    (text) => {
      expect(forCommitMessage(text)).toBe(text);
    },
  );
});
