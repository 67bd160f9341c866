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
  readonly runtimeID?: string;
}

function digest({ rows = [], deletes = [], inventory = "verified", key = sealKey, runtimeID = "r" }: Given) {
  const all = rows.map((row) => ({ path: "a", id: null, blob: "b", sha256: "s", ...row }));
  const writes = new Map(all.map(({ path }) => [path, Buffer.from("bytes")]));
  return intentDigest({
    plan: { writes, deletes, rows: new Map(all.map((row) => [row.path, row])) },
    base: { inventory: { state: inventory } as never },
    runtimeID,
    sealKey: key,
  });
}

describe("the intent of a proposal", () => {
  it("is the same however often a Secret is sealed, and another for another value", () => {
    const secret = { path: SECRET, fingerprint: "f", input: "i" };
    const first = digest({ rows: [{ ...secret, blob: "1", sha256: "1" }] });

    expect(digest({ rows: [{ ...secret, blob: "2", sha256: "2" }] })).toBe(first);
    expect(digest({ rows: [{ ...secret, fingerprint: "g" }] })).not.toBe(first);
    expect(digest({ rows: [{ ...secret, input: "j" }] })).not.toBe(first);
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

  it("is read back from the first 200 characters alone", () => {
    const marker = formatMarker({ runtime: "r-1", intent });

    expect(readMarker(`${marker}\n\nText`)).toEqual({ runtime: "r-1", intent });
    expect(readMarker(`${"x".repeat(150)}${marker}`)).toBeNull();
    expect(readMarker("")).toBeNull();
  });

  it.each(["a b", "--> <script>", "x".repeat(500), "a--b", ""])("holds no id that could end it: %j", (runtime) => {
    const marker = formatMarker({ runtime, intent });

    expect(marker.length).toBeLessThan(200);
    expect(marker.match(/-->/g)).toHaveLength(1);
    expect(readMarker(marker)?.runtime).toMatch(/^sha256-[0-9a-f]{32}$/);
  });
});
