import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { INVENTORY_PATH } from "../../src/base/index.js";
import { revisionDigest } from "../../src/plan/digest.js";

const sha = (text: string) => createHash("sha256").update(text).digest("hex");
const file = (path: string, text = path) => ({ path, sha256: sha(text) });

describe("the digest of what is applied", () => {
  it("is the SHA-256 over the sorted lines of path, NUL and SHA-256 of the bytes", () => {
    const lines = `applications/a/application.yaml\0${sha("A")}\nkustomization.yaml\0${sha("K")}\n`;

    const digest = revisionDigest([file("kustomization.yaml", "K"), file("applications/a/application.yaml", "A")]);

    expect(digest).toBe(`sha256:${sha(lines)}`);
  });

  it("leaves out the revision and the canary, which hold it, and the inventory", () => {
    const files = [file("kustomization.yaml"), file("applications/a/application.yaml")];

    expect(revisionDigest([...files, file("revision.yaml"), file("canary.yaml"), file(INVENTORY_PATH)])).toBe(
      revisionDigest(files),
    );
  });

  it("leaves out what a person removed, since nobody applies it", () => {
    const files = [file("a"), file("b")];

    expect(revisionDigest([...files, { ...file("c"), absent: true }])).toBe(revisionDigest(files));
  });

  it("changes with each path, each file's bytes, and each file more or less", () => {
    const digests = [
      [file("a"), file("b")],
      [file("a"), file("c", "b")],
      [file("a"), file("b", "B")],
      [file("a")],
      [],
      [file("a"), file("b"), file("c")],
    ].map(revisionDigest);

    expect(new Set(digests).size).toBe(6);
    expect(revisionDigest([])).toBe(`sha256:${sha("")}`);
  });
});
