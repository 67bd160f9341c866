import { describe, expect, it } from "vitest";
import { dataKeysOf, handedOn } from "../../../src/adapters/kubernetes/managed-fields.js";

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

  it("are nobody else's, whoever wrote the same before and would hold on to it for ever", () => {
    const former = { ...by("former", "a", "c"), operation: "Update" };
    const labels = { "f:metadata": { "f:labels": { "f:app": {} } } };
    const marking = { ...by("marking", "a"), operation: "Update" };
    const marked = { ...marking, fieldsV1: { ...marking.fieldsV1, ...labels } };
    const touched = { ...by("touched", "a"), fieldsV1: { "f:data": { ".": {}, "f:a": {} } } };

    expect(handedOn([by("agent", "a", "b"), former, marked, touched], "agent", "heir")).toEqual([
      written({ ...former, fieldsV1: by("former", "c").fieldsV1 }),
      written({ ...marked, fieldsV1: labels as never }),
      written(by("heir", "a", "b")),
    ]);
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

describe("keys that somebody wrote", () => {
  it("are those of the data, of whoever is asked for", () => {
    const all = [by("one", "a", "."), by("two", "b"), { ...by("two", "a"), operation: "Update" }];
    const none = { ...by("two"), fieldsV1: { "f:type": {} } };

    expect([...dataKeysOf([...all, none], (manager) => manager === "two")].sort()).toEqual(["a", "b"]);
    expect([...dataKeysOf(all, (manager) => manager === "one")]).toEqual(["a", "."]);
    expect([...dataKeysOf([{ ...by("one"), fieldsV1: { "f:data": { ".": {} } } }], () => true)]).toEqual([]);
  });
});
