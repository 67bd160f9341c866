import { describe, expect, it } from "vitest";
import type { InventoryFile } from "../../src/base/index.js";
import { intentDigest } from "../../src/publish/index.js";
import { formatMarker, readMarker } from "../../src/publish/marker.js";

const SECRET = "applications/mp-a/secrets/s.yaml";
const sealKey = Buffer.alloc(32, 1);

interface Given {
  readonly rows?: readonly Partial<InventoryFile>[];
  readonly deletes?: readonly string[];
  readonly inventory?: "verified" | "unverified";
  readonly key?: Buffer;
  /** Paths that are sealed anew by themselves. */
  readonly resealed?: readonly string[];
  readonly runtimeID?: string;
}

function digest(given: Given) {
  const { rows = [], deletes = [], inventory = "verified", key = sealKey, runtimeID = "r", resealed } = given;
  const reencryption = resealed === undefined ? null : { done: resealed, waiting: [], unable: [] };
  const all = rows.map((row) => ({ path: "a", id: null, blob: "b", sha256: "s", ...row }));
  const writes = new Map(all.map(({ path }) => [path, Buffer.from("bytes")]));
  return intentDigest({
    plan: { writes, deletes, rows: new Map(all.map((row) => [row.path, row])), reencryption },
    base: { inventory: { state: inventory } as never },
    runtimeID,
    sealKey: key,
  });
}

describe("the intent of a proposal", () => {
  it("is another for the controller's next key only where nothing but that is what a person is asked about", () => {
    const sealedFor = (certificate: string, resealed?: readonly string[]) =>
      digest({
        rows: [{ path: SECRET, fingerprint: "f", input: "i", certificates: { password: certificate } }],
        ...(resealed === undefined ? {} : { resealed }),
      });

    expect(sealedFor("two")).toBe(sealedFor("one"));
    expect(sealedFor("two", [SECRET])).not.toBe(sealedFor("one", [SECRET]));
    expect(sealedFor("two", [SECRET])).toBe(sealedFor("two", [SECRET]));
  });

  it("is the same however often a Secret is sealed, and another for another value", () => {
    const secret = { path: SECRET, fingerprint: "f", input: "i" };
    const first = digest({ rows: [{ ...secret, blob: "1", sha256: "1" }] });

    expect(digest({ rows: [{ ...secret, blob: "2", sha256: "2" }] })).toBe(first);
    expect(digest({ rows: [{ ...secret, fingerprint: "g" }] })).not.toBe(first);
    expect(digest({ rows: [{ ...secret, input: "j" }] })).not.toBe(first);
  });

  it("does not follow the canary's bytes, nor the digest that it tells", () => {
    const canary = { path: "canary.yaml", fingerprint: "f", input: "i" };

    expect(digest({ rows: [{ ...canary, sha256: "1" }] })).toBe(
      digest({ rows: [{ ...canary, fingerprint: "g", sha256: "2" }] }),
    );
  });

  it("changes with every other byte, path, deletion, runtime and key", () => {
    const all = [
      digest({ rows: [{ sha256: "1" }] }),
      digest({ rows: [{ sha256: "2" }] }),
      digest({ rows: [{ path: "c", sha256: "1" }] }),
      digest({ rows: [{ sha256: "1" }], deletes: ["d"] }),
      digest({ rows: [{ sha256: "1" }], runtimeID: "other" }),
      digest({ rows: [{ sha256: "1" }], key: Buffer.alloc(32, 2) }),
    ];

    expect(new Set(all).size).toBe(all.length);
  });

  it("takes no part in what follows from the rest: revision and inventory, which hold times and sealed bytes", () => {
    const rows = [{ sha256: "1" }];
    const more = [
      { path: "revision.yaml", sha256: "x" },
      { path: ".runtime-agent/inventory.json", sha256: "y" },
    ];
    const other = more.map((row) => ({ ...row, sha256: "z" }));

    expect(digest({ rows: [...rows, ...more] })).toBe(digest({ rows: [...rows, ...other] }));
  });

  it("is none for the inventory alone, which nobody should have to review, unless it does not verify", () => {
    const rows = [{ path: ".runtime-agent/inventory.json" }];

    expect([digest({}), digest({ rows }), digest({ rows, inventory: "unverified" })]).toEqual([
      null,
      null,
      expect.any(String),
    ]);
  });
});

describe("the marker", () => {
  const intent = "0123456789abcdef0123456789abcdef";
  const target = "fedcba9876543210";

  it("is read back from wherever it is", () => {
    const marker = formatMarker({ runtime: "r-1", intent, target });

    expect(readMarker(`${marker}\n\nText`)).toEqual({ runtime: "r-1", intent, target });
    expect(readMarker(`${"x".repeat(2_000)}${marker}`)).toEqual({ runtime: "r-1", intent, target });
    expect(readMarker("")).toBeNull();
  });

  it("of an earlier version, which names no target, is understood", () => {
    expect(readMarker(`<!-- runtime-agent runtime=r-1 intent=${intent} -->`)).toEqual({
      runtime: "r-1",
      intent,
      target: null,
    });
  });

  it.each(["a b", "--> <script>", "x".repeat(500), "a--b", ""])("holds no id that could end it: %j", (runtime) => {
    const marker = formatMarker({ runtime, intent, target });

    expect(marker.length).toBeLessThan(200);
    expect(marker.match(/-->/g)).toHaveLength(1);
    expect(readMarker(marker)?.runtime).toMatch(/^sha256-[0-9a-f]{32}$/);
  });
});
