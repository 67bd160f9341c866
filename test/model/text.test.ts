import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPrintable, printable } from "../../src/model/text.js";

/** Every character that kustomize refuses in a text, or changes (consumers 2). */
const refused = [
  ...Array.from({ length: 0x20 }, (_, code) => code).filter((code) => ![9, 10, 13].includes(code)),
  ...Array.from({ length: 0x21 }, (_, index) => 0x7f + index),
  0xfffe,
  0xffff,
].map((code) => String.fromCharCode(code));

describe("a text for consumers", () => {
  it.each(refused.map((character) => [character.charCodeAt(0).toString(16), character]))(
    "has U+%s replaced in prose, and refuses it elsewhere",
    (_, character) => {
      expect(printable(`a${character}b`)).toBe("a\ufffdb");
      expect(isPrintable(`a${character}b`)).toBe(false);
    },
  );

  it("has half a surrogate pair replaced, and keeps whole ones", () => {
    expect(printable("a\ud83db\ude00c")).toBe("a\ufffdb\ufffdc");
    expect(printable("a😀b")).toBe("a😀b");
    expect(isPrintable("\ud83d")).toBe(false);
    expect(isPrintable("😀 Zürich 日本語 \ufffd")).toBe(true);
  });

  it("keeps line breaks and tabs in prose alone", () => {
    expect(printable("a\n\tb\r\nc")).toBe("a\n\tb\r\nc");
    for (const character of ["\n", "\r", "\t"]) expect(isPrintable(`a${character}b`)).toBe(false);
  });

  it("is safe and stays when it was made safe once, whatever it was", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const clean = printable(text);

        expect(printable(clean)).toBe(clean);
        expect(clean.isWellFormed()).toBe(true);
        expect(clean.length).toBe(text.length);
        expect(refused.filter((character) => clean.includes(character))).toEqual([]);
      }),
    );
  });

  it("is the same on every call: no state between them", () => {
    expect([isPrintable("\u0001"), isPrintable("\u0001"), isPrintable("a"), isPrintable("\u0001")]).toEqual([
      false,
      false,
      true,
      false,
    ]);
  });
});
