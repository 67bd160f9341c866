import { generateIdentity, identityToRecipient } from "age-encryption";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { diffFiles } from "../../src/report/index.js";
import { createSealer, type FileMode } from "../../src/seal/index.js";
import { noon } from "../builders.js";

const path = "applications/mp-shop/secrets/mp-shop-1.yaml";
const plain: FileMode = { mode: "plain" };
const sops: FileMode = { mode: "sops", recipients: [await identityToRecipient(await generateIdentity())] };

const metadata = { name: "mp-shop-1", namespace: "kyma-system", labels: { app: "mp-shop" } };
const secretFile = (mode: FileMode, values: Readonly<Record<string, string>>, more: object = {}) =>
  createSealer(mode).seal(
    { apiVersion: "v1", kind: "Secret", metadata: { ...metadata, ...more }, type: "Opaque" },
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString("base64")])),
    noon,
  );

const linesOf = (before: string | null, after: string | null, at = path) =>
  diffFiles([{ path: at, before, after }])[0]?.lines;

describe("the diff of a plan", () => {
  it("shows what changes line by line, with three lines around it", () => {
    const lines = (middle: string) => ["a", "b", "c", "d", middle, "f", "g", "h", "i", ""].join("\n");

    expect(linesOf(lines("e"), lines("E"), "kustomization.yaml")).toEqual([
      "@@ -2,7 +2,7 @@",
      " b",
      " c",
      " d",
      "-e",
      "+E",
      " f",
      " g",
      " h",
    ]);
  });

  it("tells added, changed and deleted files apart, sorted by path, without those for machines", () => {
    const diffs = diffFiles([
      { path: "revision.yaml", before: "a\n", after: "b\n" },
      { path: ".runtime-agent/inventory.json", before: "a\n", after: "b\n" },
      { path: ".runtime-agent/.gitattributes", before: null, after: "b\n" },
      { path: "applications/b/application.yaml", before: "a\n", after: null },
      { path: "applications/a/application.yaml", before: null, after: "b\n" },
    ]);

    expect(diffs).toEqual([
      { path: "applications/a/application.yaml", change: "added", lines: ["@@ -0,0 +1,1 @@", "+b"] },
      { path: "applications/b/application.yaml", change: "deleted", lines: ["@@ -1,1 +0,0 @@", "-a"] },
      { path: "revision.yaml", change: "changed", lines: ["@@ -1,1 +1,1 @@", "-a", "+b"] },
    ]);
  });

  it("masks the values of a new Secret and shows the rest of it", async () => {
    const expected = [
      "+apiVersion: v1",
      "+kind: Secret",
      "+metadata:",
      "+  labels:",
      "+    app: mp-shop",
      "+  name: mp-shop-1",
      "+  namespace: kyma-system",
      "+data:",
      "+  password: ••••••••",
      "+type: Opaque",
    ];

    for (const mode of [plain, sops]) {
      const lines = linesOf(null, await secretFile(mode, { password: "canary" }));

      expect(lines?.slice(1).map((line) => line.replaceAll('"', ""))).toEqual(expected);
    }
  });

  it("marks the value that changed, on the new side alone", async () => {
    const before = await secretFile(plain, { username: "user", password: "old" });
    const after = await secretFile(plain, { username: "user", password: "new" });

    const changed = linesOf(before, after)?.filter((line) => /^[+-]/.test(line));

    expect(changed?.map((line) => line.replaceAll('"', ""))).toEqual([
      "-  password: ••••••••",
      "+  password: •••••••• (changed)",
    ]);
  });

  it.each([
    ["plain", plain],
    ["sops", sops],
  ] as const)("holds no value of a %s file in any form, and tells nothing of lengths", async (_, mode) => {
    const value = fc.string({ minLength: 8, maxLength: 300 });
    const shapeOf = async (old: string, next: string) =>
      linesOf(await secretFile(mode, { a: old, b: "constant value" }), await secretFile(mode, { a: next, c: old }));
    const expected = await shapeOf("some old value", "some new value");

    await fc.assert(
      fc.asyncProperty(value, value, async (old, next) => {
        fc.pre(old !== next);

        expect(await shapeOf(old, next)).toEqual(expected);
      }),
      { numRuns: 25 },
    );
    expect(expected?.join("\n")).not.toMatch(/ENC\[|age1|AGE ENCRYPTED|c29tZS/);
  });

  it("holds no value when a file goes from one mode to the other", async () => {
    const lines = linesOf(
      await secretFile(plain, { a: "canary-canary" }),
      await secretFile(sops, { a: "canary-canary" }),
    );

    expect(lines?.join("\n")).not.toContain(Buffer.from("canary-canary").toString("base64"));
    expect(lines?.join("\n")).toContain("(changed)");
  });

  it.each([
    ["in other quotes", (text: string) => text.replace("kind: Secret", 'kind: "Secret"')],
    ["with a comment", (text: string) => text.replace("kind: Secret", "kind: Secret # ours")],
    ["as JSON", () => JSON.stringify({ kind: "Secret", metadata, data: { password: "Y2FuYXJ5" } })],
    ["with other line ends", (text: string) => text.replaceAll("\n", "\r\n")],
    ["with stringData", (text: string) => `${text}stringData:\n  password: canary\n`],
    ["with a field of its own", (text: string) => `${text}note: canary\n`],
    ["so that it is no YAML any more", (text: string) => `${text}: [canary\n`],
    ["into a list", () => "- canary\n"],
    ["into a text", () => "canary\n"],
    ["so that data is a text", (text: string) => text.replace(/^data:[\s\S]*?(?=^type)/m, "data: canary\n")],
    ["so that a value is no number", (text: string) => text.replace("type: Opaque", "type: .nan")],
  ])("masks a Secret that a person wrote anew %s", async (_, edit) => {
    const before = edit(await secretFile(plain, { password: "canary" }));
    const after = await secretFile(plain, { password: "another" });

    const lines = linesOf(before, after)?.join("\n");

    expect(lines).not.toMatch(/canary/i);
    expect(lines).not.toContain("Y2FuYXJ5");
  });

  it("tells no length either where a person made data a text", async () => {
    const after = await secretFile(plain, { password: "another" });
    const withText = (text: string) => linesOf(after.replace(/^data:[\s\S]*?(?=^type)/m, `data: ${text}\n`), after);

    expect(withText("canary-and-more")).toEqual(withText("canary"));
  });

  it("is empty for a file that differs in what is masked away alone", async () => {
    const text = await secretFile(sops, { a: "value" });

    expect(linesOf(text, text.replace("12:00:00Z", "12:00:01Z"))).toEqual([]);
  });
});
