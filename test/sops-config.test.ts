import { describe, expect, it } from "vitest";
import { sopsConfigText } from "../src/sops-config.js";

describe("the rules of sops", () => {
  it("are the same in whatever order the recipients are configured", () => {
    const [one, two] = ["age1one", "age1two"];

    const text = sopsConfigText({ age: [two, one], vault: null, configFile: true });

    expect(text).toContain("age1one,age1two");
    expect(text).toBe(sopsConfigText({ age: [one, two], vault: null, configFile: true }));
  });
});
