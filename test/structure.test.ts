import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { structureFaults } from "../scripts/structure.js";

/** A package with these files, and what breaks its structure. */
function faultsOf(files: Readonly<Record<string, string>>, dependencies: Record<string, string> = {}): string[] {
  const root = mkdtempSync(join(tmpdir(), "structure-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  writeFileSync(join(root, "package.json"), JSON.stringify({ dependencies }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return structureFaults(root);
}

describe("the structure", () => {
  it("of this package holds", () => {
    expect(structureFaults(join(import.meta.dirname, ".."))).toEqual([]);
  });

  it("lets a stage import what stands left of it, through its index", () => {
    const faults = faultsOf({
      "src/fetch/index.ts": `import { a } from "../connect/index.js";\nimport { b } from "../common/b.js";\na(b);`,
      "src/connect/index.ts": "export const a = (b: number) => b;",
      "src/common/b.ts": "export const b = 1;",
    });

    expect(faults).toEqual([]);
  });

  it.each([
    [
      "a stage that imports one to its right",
      { "src/connect/a.ts": `import type { A } from "../fetch/index.js";` },
      "src/connect/a.ts imports src/fetch/index.js, which does not stand left of it",
    ],
    [
      "a stage that imports past an index",
      { "src/fetch/a.ts": `import {\n  A,\n} from "../connect/inner.js";` },
      "src/fetch/a.ts imports src/connect/inner.js past its index",
    ],
    [
      "a stage that imports the cycle",
      { "src/report/a.ts": `import { A } from "../cycle.js";` },
      "src/report/a.ts imports src/cycle.js, which does not stand left of it",
    ],
    [
      "a room of adapters that imports past another's index",
      { "src/adapters/graphql/a.ts": `import { A } from "../http/client.js";` },
      "src/adapters/graphql/a.ts imports src/adapters/http/client.js past its index",
    ],
    ...[
      "a.reveal() === b",
      "a !== b?.reveal()",
      "row.fingerprint === current",
      "current !== row?.fingerprint",
      "row.fingerprint === fingerprints.secret(a)",
    ].map((line): [string, Record<string, string>, string] => [
      `a plain comparison: ${line}`,
      { "src/base/a.ts": `if (${line}) a();` },
      "src/base/a.ts:1 compares a secret or a fingerprint in plain",
    ]),
    [
      "a second place that compares in constant time",
      { "src/base/a.ts": "timingSafeEqual(a, b);" },
      "src/base/a.ts compares past src/common/same.ts",
    ],
    [
      "a sandbox that imports a stage",
      { "src/sandbox/a.ts": `const a = await import("../fetch/index.js");` },
      "src/sandbox/a.ts imports a stage: src/fetch/index.js",
    ],
    [
      "a second importer of a package",
      { "src/plan/a.ts": `import { parse } from "yaml";` },
      "src/plan/a.ts imports yaml, which only src/adapters/yaml may",
    ],
    [
      "a second importer of a scoped package",
      { "src/report/a.ts": `import { KubeConfig } from "@kubernetes/client-node";` },
      "src/report/a.ts imports @kubernetes/client-node, which only src/adapters/kubernetes may",
    ],
    [
      "an export that nothing uses",
      { "src/plan/a.ts": "export function idle() {}" },
      "src/plan/a.ts exports idle, which nothing uses",
    ],
  ])("does not hold with %s", (_what, files, fault) => {
    expect(faultsOf(files as unknown as Record<string, string>)).toContain(fault);
  });

  it.each(["graphql-request", "node-forge", "simple-git", "undici", "cdk8s", "commander"])(
    "keeps %s to its importer",
    (name) => {
      expect(faultsOf({ "src/plan/a.ts": `import a from "${name}";` })).toHaveLength(1);
    },
  );

  it("does not hold with a dependency that nothing imports", () => {
    const faults = faultsOf({ "src/plan/a.ts": `import { z } from "zod";` }, { zod: "4", idle: "1" });

    expect(faults).toEqual(["package.json depends on idle, which nothing imports"]);
  });
});
