import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { goJSON } from "../../src/fetch/go-json.js";

describe("parameters as Go writes them", () => {
  // The right column is what Go's json.Marshal gives for the same map[string][]string.
  it.each<[Record<string, string[]>, string]>([
    [{}, "{}"],
    [{ "X-Tenant": ["eu-1"] }, '{"X-Tenant":["eu-1"]}'],
    [{ a: [] }, '{"a":[]}'],
    [{ a: ["1", "2"], b: [""] }, '{"a":["1","2"],"b":[""]}'],
    [{ b: ["2"], a: ["1"] }, '{"a":["1"],"b":["2"]}'],
    [{ a: ["<b>&</b>"] }, '{"a":["\\u003cb\\u003e\\u0026\\u003c/b\\u003e"]}'],
    [{ "<&>": ["x"] }, '{"\\u003c\\u0026\\u003e":["x"]}'],
    [{ a: ["x\u2028y\u2029z"] }, '{"a":["x\\u2028y\\u2029z"]}'],
    [{ a: ['say "hi" \\ /'] }, '{"a":["say \\"hi\\" \\\\ /"]}'],
    [{ a: ["tab\tline\nreturn\r"] }, '{"a":["tab\\tline\\nreturn\\r"]}'],
    [{ a: ["\u0000\u0001\u001f\u007f"] }, '{"a":["\\u0000\\u0001\\u001f\u007f"]}'],
    [{ a: ["é 日本 😀"] }, '{"a":["é 日本 😀"]}'],
    [{ Z: ["1"], a: ["2"], _: ["3"], "-": ["4"] }, '{"-":["4"],"Z":["1"],"_":["3"],"a":["2"]}'],
    [{ "10": ["1"], "9": ["2"], a: ["3"] }, '{"10":["1"],"9":["2"],"a":["3"]}'],
    // By bytes U+FF21 (EF BC A1) stands before U+1F600 (F0 …); by UTF-16 units it would stand after.
    [{ "😀": ["1"], Ａ: ["2"], é: ["3"] }, '{"é":["3"],"Ａ":["2"],"😀":["1"]}'],
  ])("%j is %s", (parameters, expected) => {
    expect(goJSON(parameters)).toBe(expected);
  });

  it("read back are what they were, with their names in the order of their bytes", () => {
    const text = fc.string({ unit: "grapheme" });
    fc.assert(
      fc.property(fc.dictionary(text, fc.array(text), { noNullPrototype: true }), (parameters) => {
        const written = goJSON(parameters);

        expect(JSON.parse(written)).toEqual(parameters);
        expect(written).not.toMatch(/[<>&\u2028\u2029\n]/);
      }),
    );
  });
});
