import { describe, expect, it } from "vitest";
import { handedOn } from "../../../src/adapters/kubernetes/managed-fields.js";

const by = (manager: string, ...keys: string[]) => ({
  manager,
  operation: "Apply",
  apiVersion: "v1",
  subresource: "",
  fieldsV1: { "f:data": Object.fromEntries(keys.map((key) => [`f:${key}`, {}])) },
});
const written = ({ subresource: _, ...rest }: ReturnType<typeof by>) => rest;

describe("fields that are handed on", () => {
  it("are the heir's, beside its own, and others keep theirs", () => {
    const [mine, heirs, others] = [by("agent", "a", "b"), by("heir", "b", "c"), by("other", "d")];

    expect(handedOn([mine, heirs, others], "agent", "heir")).toEqual([
      written(others),
      written(by("heir", "a", "b", "c")),
    ]);
    expect(handedOn([mine, others], "agent", "heir")).toEqual([written(others), written(by("heir", "a", "b"))]);
  });

  it("are nobody's without an heir, which an empty list would not say", () => {
    expect(handedOn([by("agent", "a"), by("other", "d")], "agent", null)).toEqual([written(by("other", "d"))]);
    expect(handedOn([by("agent", "a")], "agent", null)).toEqual([{}]);
  });

  it("are left where there are none, which is a release that was made before", () => {
    expect(handedOn([by("heir", "a")], "agent", "heir")).toBeNull();
    expect(handedOn([{ ...by("agent", "a"), operation: "Update" }], "agent", "heir")).toBeNull();
  });
});
