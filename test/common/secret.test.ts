import { Console } from "node:console";
import { Writable } from "node:stream";
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Secret } from "../../src/common/secret.js";

const VALUE = "correct horse battery staple";

function onConsole(write: (console: Console) => void): string {
  let text = "";
  const stream = new Writable({
    write: (chunk, _, done) => {
      text += chunk;
      done();
    },
  });
  write(new Console(stream));
  return text;
}

describe("a secret", () => {
  const secret = Secret.of(VALUE);

  it.each([
    ["a template", () => `${secret}`],
    ["a sum", () => `${`a${secret as unknown as string}`}`],
    ["String()", () => String(secret)],
    ["JSON", () => JSON.stringify({ secret, list: [secret] })],
    ["inspection", () => inspect({ secret }, { depth: 9, showHidden: true, getters: true })],
    ["console.log", () => onConsole((console) => console.log(secret, "%s %o %j", secret, { secret }))],
    ["console.dir", () => onConsole((console) => console.dir({ secret }, { depth: 9, showHidden: true }))],
    ["console.table", () => onConsole((console) => console.table([{ secret }]))],
    ["its properties", () => JSON.stringify([Object.entries(secret), Reflect.ownKeys(secret).map(String)])],
    ["a copy", () => JSON.stringify({ ...secret }) + JSON.stringify(structuredClone({ ...secret }))],
    ["an error that holds it", () => inspect(new Error("no", { cause: secret }), { showHidden: true, depth: 9 })],
  ])("has no printable form in %s", (_, print) => {
    const text = print();

    expect(text).not.toContain("horse");
    expect(text.length).toBeGreaterThan(0);
  });

  it("shows in its place that there is one", () => {
    expect([`${secret}`, JSON.stringify(secret), inspect(secret)]).toEqual(["[secret]", '"[secret]"', "[secret]"]);
  });

  it("can be read by one method", () => {
    expect(secret.reveal()).toBe(VALUE);
  });

  it("is equal to another of the same value, and to no other", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (one, other) => {
        const bytes = (text: string) => Buffer.from(text).toString("hex");

        expect(Secret.of(one).equals(Secret.of(one))).toBe(true);
        expect(Secret.of(one).equals(Secret.of(other))).toBe(bytes(one) === bytes(other));
      }),
    );
  });

  it("knows whether it is empty", () => {
    expect([Secret.of("").isEmpty, Secret.of(" ").isEmpty, Secret.redacted().isEmpty]).toEqual([true, false, false]);
  });
});

describe("a redacted secret", () => {
  it("cannot be read", () => {
    expect(() => Secret.redacted().reveal()).toThrow(TypeError);
    expect([Secret.redacted().isRedacted, Secret.of("").isRedacted]).toEqual([true, false]);
  });

  it("equals nothing, not even itself", () => {
    const redacted = Secret.redacted();

    expect([redacted.equals(redacted), redacted.equals(Secret.of("")), Secret.of("").equals(redacted)]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it("looks like any other", () => {
    expect([`${Secret.redacted()}`, inspect(Secret.redacted())]).toEqual(["[secret]", "[secret]"]);
  });
});
