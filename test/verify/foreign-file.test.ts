/** What people may write beside the agent's files: no Secret gets a readable value by it. */

import { describe, expect, it } from "vitest";
import { foreignFileFault } from "../../src/verify/foreign-file.js";

const secrets = { mode: "sops", age: [], vault: null } as const;

const fault = (text: string, path = "extra/kustomization.yaml") =>
  foreignFileFault(path, Buffer.from(text), { secrets }, true);

const patch = (target: string, operation: string) =>
  `kind: Kustomization\npatches:\n- target: ${target}\n  patch: |-\n    - ${operation}\n`;

const PROSE = "Secrets are sealed: with [SOPS.\n```yaml\nkind: Kustomization\nmetadata: {name: a}\n```\n";

const VALUE = "{op: add, path: /data/a, value: hunter2}";

describe("a person's file passes with", () => {
  it.each([
    ["a JSON patch of another kind", patch("{kind: ConfigMap}", VALUE)],
    ["a JSON patch of another group", patch("{group: apps.example.com}", VALUE)],
    ["a label for a Secret", patch("{kind: Secret}", "{op: add, path: /metadata/labels/a, value: b}")],
    ["a value taken out of a Secret", patch("{kind: Secret}", "{op: remove, path: /data/a}")],
    ["a patch of another kind by a file", "patches:\n- {target: {kind: Deployment}, path: patch.yaml}\n"],
    ["a patch by a file alone", "patches:\n- path: patch.yaml\n"],
    ["a generator without a value", "secretGenerator:\n- {name: a, behavior: merge, literals: []}\n"],
    ["a generator of ConfigMaps", "configMapGenerator:\n- {name: a, literals: [a=b]}\n"],
    ["labels in further places", "labels:\n- {pairs: {a: b}, fields: [{path: spec/selector, create: true}]}\n"],
    ["labels in the data of another kind", "labels:\n- {pairs: {a: b}, fields: [{path: data/a, kind: ConfigMap}]}\n"],
    ["fields of anybody else's", "kind: View\nfields: [{path: data/a}]\ntargets: [{path: /healthz}]\n"],
    ["a patch that may not change a kind", `${patch("{kind: ConfigMap}", VALUE)}  options: {allowKindChange: false}\n`],
    ["a patch of labels as a file", "- {op: add, path: /metadata/labels/a, value: b}\n"],
    ["a look at the kind", patch("{kind: ConfigMap}", "{op: test, path: /kind, value: ConfigMap}")],
    ["paths of anything else", '{"images":[{"path":"./a.png"}],"targets":[{"path":"$.data"},{"path":"/"}]}\n'],
  ])("%s", (_what, text) => {
    expect(fault(text)).toBeNull();
  });
});

describe("a person's file is refused with its reason for", () => {
  it.each([
    ["a JSON patch", patch("{kind: Secret}", VALUE), "has a patch that gives a Secret readable values"],
    ["a target without a kind", patch("{name: a}", VALUE), "its target does not say another kind"],
    ["a pattern of groups", patch("{group: 'a*'}", VALUE), "its target does not say another kind"],
    ["a patch by a file", "patches:\n- {target: {kind: Secret}, path: a.yaml}\n", "patches Secrets by a file"],
    ["a file of operations", `- ${VALUE}\n`, "let it stand in the kustomization"],
    ["a generator of files", "secretGenerator:\n- {name: a, files: [a.txt]}\n", "secretGenerator with files"],
    [
      "a generator of lines",
      "secretGenerator:\n- {name: a, envs: [a.env]}\n",
      "secretGenerator with values from files",
    ],
    [
      "labels that go into values",
      "labels:\n- {pairs: {a: hunter2}, fields: [{path: stringData/a, create: true}]}\n",
      "writes to a place that may be a Secret's value",
    ],
    [
      "a transformer's file",
      "kind: AnnotationsTransformer\nannotations: {a: hunter2}\nfieldSpecs: [{path: /data/a, kind: Secret, create: true}]\n",
      "writes to a place that may be a Secret's value",
    ],
    [
      "a configuration of transformers",
      "commonLabels:\n- {path: stringData/a, create: true}\n",
      "writes to a place that may be a Secret's value",
    ],
    [
      "a configuration of references",
      "nameReference:\n- {kind: ConfigMap, fieldSpecs: [{path: 'stringData/a'}]}\n",
      "writes to a place that may be a Secret's value",
    ],
    [
      "a value that is added",
      "kind: ValueAddTransformer\nvalue: hunter2\ntargets: [{fieldPath: stringData/a, selector: {kind: Secret}}]\n",
      "writes to a place that may be a Secret's value",
    ],
    [
      "a patch that may change a kind",
      `${patch("{kind: ConfigMap}", VALUE)}  options: {allowKindChange: true}\n`,
      "changes the kind",
    ],
    [
      "operations that change a kind",
      patch("{kind: ConfigMap}", "{op: replace, path: /kind, value: Secret}"),
      "changes the kind",
    ],
    ["a generator's own file", "kind: SecretGenerator\nliterals: [a=b]\n", "secretGenerator with readable values"],
  ])("%s", (_what, text, reason) => {
    expect(fault(text)).toMatchObject({ code: "ClearSecret", message: expect.stringContaining(reason) });
  });

  const BROKEN = "a: [\n---\nkind: Secret\nstringData: {a: hunter2}\n";

  it.each([
    ["what looks like a Secret", BROKEN],
    ["that with an escaped key", 'a: [\n---\n"k\\x69nd": Secret\nstringData: {a: hunter2}\n'],
    ["a generator", "a: [\n---\nsecretGenerator: [{name: a, literals: [a=b]}]\n"],
  ])("a file of any name that cannot be read, and has %s", (_what, text) => {
    expect(fault(text, "extra/secret.txt")).toMatchObject({ code: "Unreadable" });
  });

  it("such a file in UTF-16, as some readers take it, and not for one that is far away, or prose", () => {
    const encoded = Buffer.from(`\ufeff${BROKEN}`, "utf16le");

    expect(foreignFileFault("extra/secret.txt", encoded, { secrets }, true)).toMatchObject({ code: "Unreadable" });
    expect(foreignFileFault("extra/secret.txt", encoded, { secrets }, false)).toBeNull();
    expect(fault("A Secret: not [ YAML, what kind? : data\n", "extra/README.md")).toBeNull();
    expect(fault(PROSE, "extra/README.md")).toBeNull();
  });

  it("a kustomization without an ending, whatever stands in it", () => {
    const text = patch("{kind: 'S.*'}", VALUE);

    expect(fault(text, "extra/Kustomization")).toMatchObject({ code: "ClearSecret" });
    expect(fault(text, "extra/notes")).toBeNull();
  });
});
