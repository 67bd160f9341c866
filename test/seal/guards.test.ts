import { describe, expect, it } from "vitest";
import { Secret } from "../../src/common/secret.js";
import { createGuards } from "../../src/seal/index.js";
import { aBundle, anApplication, anAuth, aSnapshot, uuid } from "../builders.js";

const keys = Array.from({ length: 5000 }, (_, index) => `aaaaaaaaaaaaaaaa1${index}`);
const headers = Secret.of(JSON.stringify({ "X-Key": keys }));
const snapshot = aSnapshot([anApplication({ bundles: [aBundle({ defaultInstanceAuth: anAuth({ headers }) })] })]);

describe("the guards over a landscape", () => {
  it("know every value of a header", async () => {
    const guards = await createGuards(snapshot, "", new AbortController().signal);

    expect(guards.holds(`text ${keys.at(-1)} text`, uuid(9))).toBe(true);
    expect(guards.holds("aaaaaaaaaaaaaaaa2", uuid(9))).toBe(false);
  });

  it("hear the signal while they are made", async () => {
    const stop = new AbortController();
    setImmediate(() => stop.abort(new Error("enough")));

    await expect(createGuards(snapshot, "", stop.signal)).rejects.toThrow("enough");
  });
});
