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
