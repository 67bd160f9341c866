import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { compareCodePoints, formatDocument, formatYaml } from "../../../src/adapters/yaml/index.js";

/** As Go and Python read, and as the standard of 2009 says. */
const readers = {
  "YAML 1.1": (text: string): unknown => parse(text, { version: "1.1" }),
  "YAML 1.2": (text: string): unknown => parse(text, { version: "1.2" }),
};

const MISREAD = [
  ..."yes Yes YES no on On OFF off y n Y N true FALSE null Null NULL ~ <<".split(" "),
  ..."12:30:45 1:30 190:20:30.15 0x1 0o7 017 0b1 1_000 1,000 1e3 .5 5. .inf -.INF .nan +1 -1 = -".split(" "),
  ..."2001-01-01 2001-1-1 2001-12-14t21:59:43.10-05:00 !!str &a *a @a `a %a |a >a 'a \"a [a] {a} ? : , #a".split(" "),
  ...[
    "",
    " ",
    "- a",
    "? a",
    "a: b",
    "a:",
    "a #b",
    " a",
    "a ",
    "---",
    "--- a",
    "...",
    "\t",
    "a\tb",
    "\ta",
    "2001-12-14 21:59:43",
  ],
];

const MULTILINE = [
  ...[
    "\n",
    "a\n",
    "a\n\n",
    "\na",
    "a\nb",
    "a \nb",
    "a\n b",
    "a\n\tb",
    " a\nb\n",
    "a\r\nb",
    "a\n\nb\n",
    "a\n ",
    "#a\nb",
    "---\na\n",
  ],
  ...[
    "a\n---\nb",
    "a\n...\n",
    "%a\nb",
    "a: b\n- c\n",
    "a\u2028b\n",
    "a\n\u0085b",
    "😀\nb\n",
    "-----BEGIN X-----\nabc=\n-----END X-----\n",
  ],
];

const TROUBLE = [
  ...MISREAD,
  ...MULTILINE,
  "\u0000",
  "\u0007",
  "\u007f",
  "\u0085",
  "\u00a0",
  "\u2028",
  "\u2029",
  "\ufeff",
  "\ufffe",
  "\uffff",
];

const texts = fc.oneof(
  fc.constantFrom(...TROUBLE),
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: fc.constantFrom(..." \n\t\r:#-'\"\\ab01😀é\u2028") }),
);

const { value: values } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    texts,
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (Object.is(number, -0) ? 0 : number)),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(
      texts.filter((key) => key !== "__proto__"),
      tie("value"),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ),
}));

describe.each(Object.entries(readers))("a manifest read as %s", (_name, read) => {
  it("is the value it was written from, whatever its texts and keys", () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(read(formatYaml(value))).toEqual(value);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each(TROUBLE)("keeps %j as a text, as a value, key and list item, at the top and deep down", (text) => {
    const value = { [text]: text, list: [text, [text]], deep: { [text]: { [text]: text } } };

    expect(read(formatYaml(value))).toEqual(value);
    expect(read(formatYaml(text))).toEqual(text);
  });
});

describe("a manifest", () => {
  it("has apiVersion, kind and metadata first, and all other keys by code point", () => {
    const manifest = {
      z: 1,
      kind: "K",
      "\u{1f600}": 1,
      "\uff61": 1,
      "10": 1,
      "9": 1,
      metadata: { kind: 1, apiVersion: 1 },
      apiVersion: "v1",
    };

    expect(formatYaml(manifest)).toBe(
      'apiVersion: v1\nkind: K\nmetadata:\n  apiVersion: 1\n  kind: 1\n"10": 1\n"9": 1\nz: 1\n\uff61: 1\n\u{1f600}: 1\n',
    );
  });

  it("is equal for equal values, whatever the order of their keys", () => {
    fc.assert(
      fc.property(fc.dictionary(texts, texts, { noNullPrototype: true }), (value) => {
        const turned = Object.fromEntries(Object.entries(value).reverse());

        expect(formatYaml(turned)).toBe(formatYaml(value));
      }),
    );
  });

  it("is written for people where it can be: plain texts and blocks", () => {
    const manifest = {
      data: { certificate: "-----BEGIN X-----\nabc=\n-----END X-----\n", words: "no newline\nat the end" },
      id: "3e64bb27-0a0b-4c0d-8e0f-0123456789ab",
      json: '{"a":"\\n"}',
      list: [{ name: "a", url: "https://a.example.com:443/b?c=d#e" }, {}, []],
      said: 'He said "it\'s"',
    };

    expect(formatYaml(manifest)).toBe(
      [
        "data:",
        "  certificate: |",
        "    -----BEGIN X-----",
        "    abc=",
        "    -----END X-----",
        "  words: |-",
        "    no newline",
        "    at the end",
        "id: 3e64bb27-0a0b-4c0d-8e0f-0123456789ab",
        `json: '{"a":"\\n"}'`,
        "list:",
        "  - name: a",
        "    url: https://a.example.com:443/b?c=d#e",
        "  - {}",
        "  - []",
        'said: He said "it\'s"',
        "",
      ].join("\n"),
    );
  });

  it("writes emoji as themselves, and escapes the line breaks that only some readers know", () => {
    const text = formatYaml({ a: "😀\u2028\u0085\ufeff", b: "😀" });

    expect(text).toBe('a: "😀\\L\\N\\ufeff"\nb: 😀\n');
  });

  it("never holds an escaped surrogate, a carriage return or a character that Go's reader refuses", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const written = formatYaml({ [text]: text });

        expect(written).not.toMatch(/(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F]/);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
        expect(written).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/);
        expect(written.endsWith("\n")).toBe(true);
      }),
    );
  });

  it("quotes what readers disagree on within a block: lines that begin with white space, empty lines at the end", () => {
    expect(formatYaml({ a: "b\n\tc", d: " e\nf", g: "h\n i", j: "k\n\n" })).toBe(
      'a: "b\\n\\tc"\nd: " e\\nf"\ng: "h\\n i"\nj: "k\\n\\n"\n',
    );
  });

  it("repeats a shared object instead of referring to it", () => {
    const shared = { a: "b" };

    expect(formatYaml({ one: shared, two: shared })).toBe("one:\n  a: b\ntwo:\n  a: b\n");
  });

  it("never folds a long line", () => {
    const long = "word ".repeat(100).trim();

    expect(formatYaml({ long })).toBe(`long: ${long}\n`);
  });

  it("leaves out what is undefined", () => {
    expect(formatYaml({ a: undefined, b: 1 })).toBe("b: 1\n");
  });

  it.each([[new Date(0)], [Number.NaN], [1n], [() => 1], [new Map()], [[undefined]]])(
    "refuses %o, which is not JSON data",
    (value) => {
      expect(() => formatYaml({ value })).toThrow(TypeError);
    },
  );

  it("refuses half a surrogate pair, which UTF-8 cannot hold", () => {
    expect(() => formatYaml({ a: "\ud83d" })).toThrow(RangeError);
    expect(() => formatYaml({ "\ude00": 1 })).toThrow(RangeError);
  });
});

describe("a document", () => {
  it("keeps the order of its keys, and quotes by the same rules", () => {
    expect(formatDocument({ b: "yes", a: { d: 1, c: [true] } })).toBe('b: "yes"\na:\n  d: 1\n  c:\n    - true\n');
  });

  it("escapes what could steer a terminal or hide on it, where a manifest has it as it is", () => {
    const text = { "a\u200b": "b\u202eb", c: "d\u{e0041}\ne" };

    expect(formatDocument(text)).toBe('"a\\u200b": "b\\u202eb"\nc: "d\\U000e0041\\ne"\n');
    expect(parse(formatDocument(text))).toEqual(text);
    expect(formatYaml({ a: "b\u202eb" })).toBe("a: b\u202eb\n");
  });

  it("is written whatever JSON can hold, even half a surrogate pair", () => {
    expect(formatDocument({ "\ude00": ["\ud83d", "😀"] })).toBe('"\\ufffd":\n  - "\\ufffd"\n  - 😀\n');
  });

  it("says what JSON would say of dates and of objects that hide themselves", () => {
    const hidden = { toJSON: () => "[secret]" };

    expect(formatDocument({ at: new Date(0), hidden, none: undefined })).toBe(
      'at: "1970-01-01T00:00:00.000Z"\nhidden: "[secret]"\n',
    );
  });
});

describe("the order of code points", () => {
  it("is the order of the UTF-8 bytes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (left, right) => {
        expect(Math.sign(compareCodePoints(left, right))).toBe(Buffer.compare(Buffer.from(left), Buffer.from(right)));
      }),
    );
  });
});
