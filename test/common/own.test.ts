import { expect, it } from "vitest";
import { own } from "../../src/common/own.js";

it("finds what a record holds, and nothing that every object has", () => {
  const record: Record<string, number> = { "mp-a": 1 };

  expect([own(record, "mp-a"), own(record, "constructor"), own(record, "__proto__")]).toEqual([
    1,
    undefined,
    undefined,
  ]);
});
