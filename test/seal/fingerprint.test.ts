import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Secret } from "../../src/common/secret.js";
import { createFingerprinter } from "../../src/seal/index.js";

interface Place {
  sealKey: string;
  namespace: string;
  sealer: string;
  secret: string;
  key: string;
  value: string;
}

const fingerprintOf = ({ sealKey, namespace, sealer, secret, key, value }: Place) =>
  createFingerprinter({ sealKey: Buffer.from(sealKey.padEnd(32, "0")), namespace, sealer }).value(
    { secret, key },
    Secret.of(value),
  );

/** Of a whole Secret with this one value. */
const wholeOf = ({ sealKey, namespace, sealer, secret, key, value }: Place) => {
  const options = { sealKey: Buffer.from(sealKey.padEnd(32, "0")), namespace, sealer };
  const fingerprints = createFingerprinter(options);
  const fingerprint = fingerprints.value({ secret, key }, Secret.of(value));
  return fingerprints.secret({ name: secret, keys: [{ key, fingerprint }] });
};

/** Few letters, so that neighbours like "ab" + "c" and "a" + "bc" are met often. */
const word = fc.string({ unit: fc.constantFrom("a", "b", ":", "1", "\0"), maxLength: 4 });
const place: fc.Arbitrary<Place> = fc.record({
  sealKey: fc.constantFrom("one", "two"),
  namespace: word,
  sealer: word,
  secret: word,
  key: word,
  value: word,
});

describe("a fingerprint", () => {
  it("is equal exactly when value, key, Secret, namespace and seal key are, whatever they are sealed with", () => {
    fc.assert(
      fc.property(place, place, (left, right) => {
        const same = Object.entries(left).every(
          ([name, text]) => name === "sealer" || text === right[name as keyof Place],
        );

        expect(fingerprintOf(left) === fingerprintOf(right)).toBe(same);
        expect(fingerprintOf({ ...left })).toBe(fingerprintOf(left));
      }),
      { numRuns: 500 },
    );
  });

  it.each(["sealKey", "namespace", "secret", "key", "value"] as const)("differs by the %s alone", (name) => {
    const all = { sealKey: "s", namespace: "n", sealer: "m", secret: "s", key: "k", value: "v" };

    expect(fingerprintOf({ ...all, [name]: "other" })).not.toBe(fingerprintOf(all));
  });

  it("tells nothing of what it is sealed with: a change of recipients is no change in Compass", () => {
    const all = { sealKey: "s", namespace: "n", sealer: "m", secret: "s", key: "k", value: "v" };

    expect(fingerprintOf({ ...all, sealer: "other" })).toBe(fingerprintOf(all));
  });

  it("keeps its neighbours apart", () => {
    const all = { sealKey: "s", namespace: "n", sealer: "m", secret: "s", key: "k", value: "v" };

    expect(fingerprintOf({ ...all, secret: "ab", key: "c" })).not.toBe(
      fingerprintOf({ ...all, secret: "a", key: "bc" }),
    );
  });

  it("is null for a redacted value, and tells nothing of the value", () => {
    const fingerprints = createFingerprinter({ sealKey: Buffer.alloc(32), namespace: "n", sealer: "m" });
    const secret = { secret: "s", key: "k" };

    expect(fingerprints.value(secret, Secret.redacted())).toBeNull();
    expect(fingerprints.value(secret, Secret.of(""))).toMatch(/^[0-9a-f]{32}$/);
    expect(fingerprints.value(secret, Secret.of("x".repeat(1000)))).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe("the fingerprint of a whole Secret", () => {
  const { secret } = createFingerprinter({ sealKey: Buffer.alloc(32), namespace: "n", sealer: "m" });
  const keys = [
    { key: "username", fingerprint: "1" },
    { key: "password", fingerprint: "2" },
  ];

  it("is that of its values, in whatever order", () => {
    expect(secret({ name: "s", keys: keys.toReversed() })).toBe(secret({ name: "s", keys }));
    expect(keys.map(({ key }) => key)).toEqual(["username", "password"]);
  });

  it.each([
    ["its name", { name: "t", keys }],
    ["one value", { name: "s", keys: [keys[0], { key: "password", fingerprint: "3" }] }],
    ["one key", { name: "s", keys: [keys[0], { key: "passphrase", fingerprint: "2" }] }],
    ["a key less", { name: "s", keys: [keys[0]] }],
    [
      "values that changed places",
      {
        name: "s",
        keys: [
          { key: "username", fingerprint: "2" },
          { key: "password", fingerprint: "1" },
        ],
      },
    ],
  ])("differs by %s", (_, other) => {
    expect(secret(other as Parameters<typeof secret>[0])).not.toBe(secret({ name: "s", keys }));
  });

  it("is equal exactly when all is, the way of sealing among it", () => {
    fc.assert(
      fc.property(place, place, (left, right) => {
        const same = Object.entries(left).every(([name, text]) => text === right[name as keyof Place]);

        expect(wholeOf(left) === wholeOf(right)).toBe(same);
      }),
      { numRuns: 500 },
    );
  });

  it.each(["sealKey", "namespace", "sealer", "secret", "key", "value"] as const)("differs by the %s alone", (name) => {
    const all = { sealKey: "s", namespace: "n", sealer: "m", secret: "s", key: "k", value: "v" };

    expect(wholeOf({ ...all, [name]: "other" })).not.toBe(wholeOf(all));
  });

  it("is null when one of its values is not known", () => {
    expect(secret({ name: "s", keys: [...keys, { key: "headers", fingerprint: null }] })).toBeNull();
  });

  it("of a seal key's namesake in another namespace differs through its values", () => {
    const at = (namespace: string) => {
      const fingerprints = createFingerprinter({ sealKey: Buffer.alloc(32), namespace, sealer: "m" });
      const fingerprint = fingerprints.value({ secret: "s", key: "k" }, Secret.of("v"));
      return fingerprints.secret({ name: "s", keys: [{ key: "k", fingerprint }] });
    };

    expect(at("one")).not.toBe(at("other"));
  });
});
