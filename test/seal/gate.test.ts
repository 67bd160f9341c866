import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createGate } from "../../src/seal/index.js";

const PASSWORD = "correct/horse+battery staple";
const find = (value: string, text: string) => [...createGate([{ id: "id", value }]).find(text)];

describe("the gate", () => {
  it.each([
    ["as it is", PASSWORD],
    ["in base64", Buffer.from(PASSWORD).toString("base64")],
    ["in base64 behind one more byte", Buffer.from(`u${PASSWORD}`).toString("base64")],
    ["in base64 behind two more bytes", Buffer.from(`u:${PASSWORD}`).toString("base64")],
    ["in base64 in the midst of a text", Buffer.from(`{"a":"${PASSWORD}","b":1}`).toString("base64")],
    ["in base64 without its padding", Buffer.from(PASSWORD).toString("base64").replace(/=+$/, "")],
    ["URL-encoded", encodeURIComponent(PASSWORD)],
    ["at the end", `text ${PASSWORD}`],
    ["in the midst of a text", `xx${PASSWORD}yy`],
  ])("finds a value %s", (_, text) => {
    expect(find(PASSWORD, text)).toEqual(["id"]);
    expect(find(PASSWORD, `before\n${text}\nafter`)).toEqual(["id"]);
  });

  it("finds a value as JSON has it", () => {
    const value = 'my"quoted"\n\\password';

    expect(find(value, JSON.stringify({ default: value }))).toEqual(["id"]);
    expect(find(value, JSON.stringify({ default: JSON.stringify({ default: "another text" }) }))).toEqual([]);
  });

  const SPECIAL = "S3cret&Key+for$me@x!";
  const inUserinfo = () => {
    const url = new URL("https://svc@api.example.com/v1");
    url.password = SPECIAL;
    return url.href;
  };
  const asGo = (text: string) => JSON.stringify(text).replaceAll("&", "\\u0026");
  const asQuery = (text: string) =>
    encodeURIComponent(text)
      .replaceAll("%20", "+")
      .replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16)}`);
  const inLines = (text: string, length: number, between: string) =>
    (text.match(new RegExp(`.{1,${length}}`, "g")) ?? []).join(between);
  const asEntities = (text: string) => text.replaceAll("&", "&amp;").replaceAll("$", "&#36;").replaceAll("@", "&#x40;");

  it.each([
    ["in an address, escaped in part", inUserinfo(), SPECIAL],
    ["in a query", `https://h/?${new URLSearchParams({ key: SPECIAL })}`, SPECIAL],
    ["in a query, with a space", `https://h/?${new URLSearchParams({ key: PASSWORD })}`, PASSWORD],
    [
      "in lower-case hex",
      encodeURIComponent(SPECIAL).toLowerCase().replace("s3cret", "S3cret").replace("key", "Key"),
      SPECIAL,
    ],
    ["escaped whole", [...Buffer.from(SPECIAL)].map((byte) => `%${byte.toString(16)}`).join(""), SPECIAL],
    ["beside a percent sign", `100 % sure: ${encodeURIComponent(SPECIAL)} %zz`, SPECIAL],
    ["in Latin-1", "p%E4ssw%F6rt-mit-%DF", "pässwört-mit-ß"],
    ["as Go writes JSON", asGo(SPECIAL), SPECIAL],
    ["as JSON in ASCII", "p\\u00e4sswort-mit-\\u00df", "pässwort-mit-ß"],
    ["in JSON within JSON", JSON.stringify(asGo(`{"a":"${SPECIAL}"}`)), SPECIAL],
    ["with quotes in JSON within JSON", JSON.stringify(JSON.stringify('quote"and\\back1')), 'quote"and\\back1'],
    ["in entities", asEntities(SPECIAL), SPECIAL],
    ["in entities of entities", asEntities(asEntities(SPECIAL)), SPECIAL],
    ["in entities with names", "S3cret&amp;Key&plus;for&dollar;me&commat;x&excl;", SPECIAL],
    ["in an address in JSON", asGo(`https://h/?a=1&${new URLSearchParams({ key: SPECIAL })}`), SPECIAL],
    [
      "in base64 in a query",
      `https://h/?${new URLSearchParams({ key: btoa("subject? >>?/~~~~~~") })}`,
      "subject? >>?/~~~~~~",
    ],
    ["of letters and marks, composed", "pässwörd-mit-ß€x".normalize("NFC"), "pässwörd-mit-ß€x".normalize("NFD")],
    ["of letters and marks, apart", "pässwörd-mit-ß€x".normalize("NFD"), "pässwörd-mit-ß€x".normalize("NFC")],
    ["of letters before a mark", `${"passwort-mit-e"}\u0301`, "passwort-mit-e"],
    ["in JSON behind a backslash", `\\${JSON.stringify('name "in quotes"').slice(1, -1)}`, 'name "in quotes"'],
    ["in base64 of what is URL-encoded", btoa(`user:${encodeURIComponent(SPECIAL)}`), SPECIAL],
    ["in base64 of what Go makes a query of", btoa(`u:${asQuery("p*ss (w)ord~!")}`), "p*ss (w)ord~!"],
    ["in base64 of JSON as Go writes it", btoa(asGo(`{"auth":"${SPECIAL}"}`)), SPECIAL],
    ["in base64 of base64", btoa(`x${btoa(`yy${SPECIAL}`)}`), SPECIAL],
    ["in base64 in lines of 64", inLines(btoa(`${"x".repeat(41)}${SPECIAL}${"y".repeat(40)}`), 64, "\n"), SPECIAL],
    ["in base64 in lines of 76, set in", inLines(btoa(`${"x".repeat(50)}${SPECIAL}`), 76, "\r\n  "), SPECIAL],
    [
      "in base64 in lines, below a word",
      `password\n${inLines(btoa(`${"x".repeat(44)}${SPECIAL}`), 64, "\n")}`,
      SPECIAL,
    ],
    ["in base64 in lines in JSON", JSON.stringify(inLines(btoa(`${"x".repeat(41)}${SPECIAL}`), 64, "\n")), SPECIAL],
    ["in base64 for addresses", Buffer.from("subject? >>?/~~~~~~").toString("base64url"), "subject? >>?/~~~~~~"],
    [
      "of letters beyond ASCII in base64 of JSON",
      Buffer.from(JSON.stringify('ü"pässwort-ß')).toString("base64"),
      'ü"pässwort-ß',
    ],
    ["in quotes of a shell", "curl -u 'it'\\''s my pass'\\''word'", "it's my pass'word"],
    ["in quotes of a shell within others", `curl -u 'it'"'"'s my pass'"'"'word'`, "it's my pass'word"],
    ["with backslashes of a shell", "curl -u S3cret\\&Key+for\\$me@x\\!", SPECIAL],
    ["with backslashes of Markdown", "`x` my\\_secret\\*word\\[1\\]", "my_secret*word[1]"],
    ["in entities in capitals", "S3cret&AMP;Key+for&QUOT;me", 'S3cret&Key+for"me'],
    ["in percent behind a percent sign", `%${encodeURIComponent("41 is/the answer")}`, "41 is/the answer"],
  ])("finds a value %s", (_, text, value) => {
    expect(find(value, text)).toEqual(["id"]);
    expect(find(value, `before\n${text}\nafter`)).toEqual(["id"]);
    expect(find(`${value}~`, text)).toEqual([]);
  });

  it("reads encodings of a large text in time that goes by its length", () => {
    const text = "%25%2525\\\\u0026&amp;amp;+".repeat(40_000);
    const gate = createGate([{ id: "id", value: PASSWORD }]);

    expect(gate.find(text).size).toBe(0);
    expect([...gate.find(`${text}${encodeURIComponent(PASSWORD)}`)]).toEqual(["id"]);
  });

  it.each([
    ["another value", "incorrect/horse+battery staple".slice(2, -1)],
    ["the value's beginning alone", PASSWORD.slice(0, -1)],
    ["the value's end alone", PASSWORD.slice(1)],
    ["the value in other letters", PASSWORD.toUpperCase()],
    ["nothing", ""],
  ])("does not mind %s", (_, text) => {
    expect(find(PASSWORD, text)).toEqual([]);
  });

  it("looks for values of 12 bytes and more", () => {
    expect(find("12345678901", "12345678901")).toEqual([]);
    expect(find("123456789012", "123456789012")).toEqual(["id"]);
    expect(find("", "")).toEqual([]);
  });

  it.each(["密码密码", "😀😀😀", "Zürich Zürich"])("counts bytes, not characters: %s", (value) => {
    expect(find(value, `a ${value} b`)).toEqual(["id"]);
    expect(find(value, Buffer.from(value).toString("base64"))).toEqual(["id"]);
    expect(find(value, encodeURIComponent(value))).toEqual(["id"]);
  });

  it("finds any value of 12 bytes and more in any of its forms, wherever it stands", () => {
    const value = fc
      .string({ unit: "binary", minLength: 4, maxLength: 60 })
      .filter((text) => Buffer.byteLength(text) >= 12 && text.isWellFormed());
    const around = fc.string({ unit: "binary", maxLength: 10 });

    fc.assert(
      fc.property(value, around, around, (value, before, after) => {
        const gate = createGate([{ id: "id", value }]);

        for (const form of [
          value,
          Buffer.from(value).toString("base64"),
          Buffer.from(`${before}${value}${after}`).toString("base64"),
          encodeURIComponent(value),
        ]) {
          expect([...gate.find(`${before}${form}${after}`)]).toEqual(["id"]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("tells whose the values are, all of them", () => {
    const gate = createGate([
      { id: "one", value: "value of the first" },
      { id: "two", value: "value of the second" },
      { id: "also two", value: "value of the second" },
      { id: "three", value: "value of the third" },
    ]);

    expect([...gate.find("value of the first, value of the second")].sort()).toEqual(["also two", "one", "two"]);
    expect([...gate.find("value of the fourth")]).toEqual([]);
  });

  it("finds nothing when there is nothing to look for", () => {
    expect([...createGate([]).find("any text")]).toEqual([]);
  });

  it("takes a value with half a surrogate pair", () => {
    expect(find("half \ud83d of a pair", "text half \ud83d of a pair")).toEqual(["id"]);
  });

  it("copes with a landscape of 20,000 values that begin alike", () => {
    const values = Array.from({ length: 20_000 }, (_, index) => ({
      id: `${index % 5000}`,
      value: `https://example.com/${index}`,
    }));
    const text = "text https://other.example.com/ ".repeat(100);

    const gate = createGate(values);
    let hits = 0;
    for (let file = 0; file < 20; file++) hits += gate.find(text).size;

    expect(hits).toBe(0);
    expect(gate.find("https://example.com/19999").size).toBe(5);
  });
});
