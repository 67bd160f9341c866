import { describe, expect, it } from "vitest";
import { nameForRuntime, normalize } from "../../src/sandbox/application-names.js";

// The worked examples of contract 4.2.
const examples = [
  ["test-application", "mp-test-application"],
  ["tEsT-ApPlIcAtIoN", "mp-test-application"],
  ["SAP Commerce Cloud", "mp-sap-commerce-cloud"],
  ["mp-test-application", "mp-test-application"],
  ["mp-Foo", "mp-mp-foo"],
  ["MP-foo", "mp-mp-foo"],
  ["mp-foo-", "mp-mp-foo"],
  ["mp-foo--bar", "mp-mp-foo-bar"],
  ["mp-foo_bar", "mp-mp-foo-bar"],
  ["mp-", "mp-mp"],
  ["mp", "mp-mp"],
  ["123", "mp-123"],
  ["a", "mp-a"],
  ["mp-my-app-0003000123", "mp-my-app-0003000123"],
  ["foo_bar", "mp-foo-bar"],
  ["foo.bar", "mp-foo-bar"],
  ["[test@application]", "mp-test-application"],
  ["test%.-&application", "mp-test-application"],
  ["test-application---", "mp-test-application"],
  ["  spaced  name  ", "mp-spaced-name"],
  ["Café Zürich", "mp-caf-z-rich"],
  ["emoji 😀 app", "mp-emoji-app"],
  ["日本語", "mp"],
  ["!!!", "mp"],
  ["---", "mp"],
  ["", "mp"],
  ["İstanbul", "mp-istanbul"],
  ["x".repeat(100), `mp-${"x".repeat(100)}`],
] as const;

describe("the names that Director gives a runtime", () => {
  it.each(examples)("%j becomes %j", (name, expected) => {
    expect(normalize(name)).toBe(expected);
  });

  it.each([
    ["true", "mp-sap-commerce-0003ABC"],
    [undefined, "mp-sap-commerce-0003ABC"],
    ["false", "SAP Commerce-0003ABC"],
    [true, "SAP Commerce-0003ABC"],
  ])("with isNormalized %j end in the system number as it is", (isNormalized, expected) => {
    expect(nameForRuntime({ name: "SAP Commerce", systemNumber: "0003ABC" }, isNormalized)).toBe(expected);
  });
});
