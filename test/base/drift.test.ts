import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { RECONCILE_ANNOTATION } from "../../src/base/committed-application.js";
import { type Base, findDrift, type InventoryFile } from "../../src/base/index.js";
import { aBase, blobID, type Tree } from "../builders.js";

const bytes = (text: string) => Buffer.from(text);
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const idOf = (text: string) => blobID(bytes(text));
const path = "applications/mp-a/application.yaml";

const aRow = (text: string, changes: Partial<InventoryFile> = {}): InventoryFile => ({
  path,
  id: "1",
  blob: idOf(text),
  sha256: sha256(text),
  ...changes,
});

const treeOf = (files: Readonly<Record<string, string>>): Tree =>
  new Map(Object.entries(files).map(([name, text]) => [name, bytes(text)]));

/** What differs when this stands in the one place; null for nothing there. */
const drift = (there: string | null, row: InventoryFile) =>
  findDrift(aBase(there === null ? new Map() : treeOf({ [row.path]: there })), [row]);

describe("drift", () => {
  it("is none where everything stands as it was written", async () => {
    expect(await drift("ours", aRow("ours"))).toEqual({ files: new Map(), disabled: new Set() });
    expect(await findDrift(aBase(treeOf({ "README.md": "not ours" })), [])).toEqual({
      files: new Map(),
      disabled: new Set(),
    });
  });

  it("is a file that somebody changed, with what stands there now", async () => {
    const row = aRow("ours");

    expect((await drift("theirs", row)).files).toEqual(
      new Map([[path, { row, now: { blob: idOf("theirs"), sha256: sha256("theirs") }, older: false }]]),
    );
  });

  it("is a file that somebody removed", async () => {
    const row = aRow("ours");

    expect((await drift(null, row)).files).toEqual(new Map([[path, { row, now: null, older: false }]]));
    expect((await drift(null, { ...row, absent: true })).files.size).toBe(1);
  });

  it("is not what somebody put back as the agent wrote it, after it was removed or changed", async () => {
    expect((await drift("ours", aRow("ours", { absent: true }))).files.size).toBe(0);
    expect((await drift("ours", aRow("theirs", { written: idOf("ours") }))).files.size).toBe(0);
  });

  it("stays what it is where a person's bytes were left in place", async () => {
    expect((await drift("theirs", aRow("theirs", { written: idOf("ours") }))).files.get(path)).toMatchObject({
      now: { blob: idOf("theirs") },
      older: false,
    });
  });

  it("is older where somebody put back what the agent wrote there before", async () => {
    const row = aRow("ours", { former: [idOf("latest but one"), idOf("first")] });

    expect((await drift("latest but one", row)).files.get(path)).toMatchObject({ older: true });
    expect((await drift("first", row)).files.get(path)).toMatchObject({ older: true });
    expect((await drift("theirs", row)).files.get(path)).toMatchObject({ older: false });
    expect((await drift(null, row)).files.get(path)).toMatchObject({ older: false });
  });

  it("tells which Applications are to be left alone, by the mark on a changed application.yaml", async () => {
    const mark = `metadata: { annotations: { ${RECONCILE_ANNOTATION}: disabled } }`;
    const secret = "applications/mp-b/secrets/application.yaml";
    const other = "applications/mp-c/application.yaml";
    const rows = [aRow("ours"), aRow("ours", { path: secret }), aRow("ours", { path: other })];

    const { disabled, files } = await findDrift(
      aBase(treeOf({ [path]: mark, [secret]: mark, [other]: "theirs" })),
      rows,
    );

    expect(files.size).toBe(3);
    expect(disabled).toEqual(new Set(["mp-a"]));
  });

  it("reads only what differs", async () => {
    const asked: string[] = [];
    const base = aBase(treeOf({ [path]: "ours", "revision.yaml": "theirs" }));
    const rows = [aRow("ours"), aRow("ours", { path: "revision.yaml" }), aRow("ours", { path: "kustomization.yaml" })];

    const readAll: Base["readAll"] = (paths) => {
      asked.push(...paths);
      return base.readAll(paths);
    };

    await findDrift({ ...base, readAll }, rows);

    expect(asked).toEqual(["revision.yaml"]);
  });
});
