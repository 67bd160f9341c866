import { describe, expect, it } from "vitest";
import { Secret } from "../../src/common/secret.js";
import { createWordsGate } from "../../src/seal/index.js";
import { aBundle, anApplication, anAuth, aSnapshot, basic } from "../builders.js";

const holdsValue = createWordsGate(
  aSnapshot([
    anApplication({
      bundles: [aBundle({ defaultInstanceAuth: anAuth({ credential: basic("ada", "a long password") }) })],
    }),
  ]),
);
const own = (...values: string[]) => values.map((value) => Secret.of(value));

describe("foreign words", () => {
  it("pass when no value stands in them", () => {
    expect(holdsValue("the password is too short", own("pw5", "ada"))).toBe(false);
  });

  it.each([
    ["as it is", "no pw5 here", own("pw5")],
    ["in base64", `no ${Buffer.from("pw5!").toString("base64")} here`, own("pw5!")],
    ["URL-encoded", "no p%20w here", own("p w")],
    ["as it is quoted", String.raw`no "p\"w" here`, own('p"w')],
    ["within an object of parameters", "no x-1 here", own('{"X-Tenant":["x-1"]}')],
    ["of another Application, if it is long", "no a long password here", []],
  ])("do not pass with a value %s", (_, words, values) => {
    expect(holdsValue(words, values)).toBe(true);
  });

  it("pass with values that stand in any sentence", () => {
    expect(holdsValue("no", own("", "n", "no"))).toBe(false);
  });
});
