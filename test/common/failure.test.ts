import { describe, expect, it } from "vitest";
import { asFailure, Failure } from "../../src/common/failure.js";
import { told } from "./failure-of.js";

describe("a failure", () => {
  it("lasts unless it is said to pass", () => {
    const failure = new Failure("no", { code: "DirectorRefused", stage: "fetch", hint: "Mend it." });

    expect(failure).toMatchObject({ name: "Failure", message: "no", code: "DirectorRefused", stage: "fetch" });
    expect([failure.retryable, failure.hint, "cause" in failure]).toEqual([false, "Mend it.", false]);
  });

  it("is given through as it is", () => {
    const failure = new Failure("no", { code: "TimedOut", stage: "connect", hint: "Wait.", retryable: true });

    expect(asFailure(failure, "publish")).toBe(failure);
  });

  it.each([
    ["an error", new TypeError("hidden-text"), "unexpected TypeError in stage seal"],
    ["a text", "hidden-text", "unexpected string in stage seal"],
    ["nothing", undefined, "unexpected undefined in stage seal"],
  ])("is made of %s without its words", (_, thrown, message) => {
    const failure = asFailure(thrown, "seal");

    expect(failure).toMatchObject({ code: "Internal", stage: "seal", message, retryable: false });
    expect(told(failure)).not.toContain("hidden-text");
    expect(failure.cause).toBe(thrown);
  });
});
