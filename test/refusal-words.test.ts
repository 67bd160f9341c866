import { describe, expect, it } from "vitest";
import { refusalMessage } from "../src/refusal-words.js";

const told = (words: string) =>
  refusalMessage({ kind: "Secret", name: "s", words, values: [] }, () => false).replace(
    `the API server refuses Secret s: ${words}`,
    "",
  );

describe("the words of a refusal", () => {
  it.each([
    ['Secret "s" is invalid: data: Forbidden: field is immutable when `immutable` is set', "delete it"],
    ['Secret "s" is invalid: data: Too long: may not be more than 1048576 bytes', "at most 1 MiB"],
    ["Request entity too large: limit is 3145728", "at most 1 MiB"],
    ['namespaces "team" not found', "create that namespace"],
  ])("get a mend where they name the cause: %s", (words, mend) => {
    expect(told(words)).toContain(`; ${mend === "at most 1 MiB" ? "a Secret holds " : ""}${mend}`);
  });

  it.each([
    "secrets \"s\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: not wanted",
    'admission webhook "w.example.com" denied the request: 3 of 10485760',
  ])("stand alone where a policy or webhook says them: %s", (words) => {
    expect(told(words)).toBe("");
  });
});
