import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { INVENTORY_PATH } from "../../src/base/index.js";
import { Secret } from "../../src/common/secret.js";
import { readSealingCertificate, type SealMode } from "../../src/seal/index.js";
import { isForOthers, isResealDue } from "../../src/seal/sealed-for.js";
import {
  aBundle,
  anApplicationNamed,
  anAuth,
  aSnapshot,
  type CycleResult,
  cycle,
  later,
  noon,
  textOf,
  uuid,
} from "../builders.js";
import { aSealingPair, openSealed, openSealedFile, parseSealed } from "./sealing-pair.js";

const DAY = 86_400_000;

/** The controller's keys, one of each begins 30 days after the one before; the last at noon. */
const dates = [later(-60 * DAY), later(-30 * DAY), noon];
const pairs = await Promise.all(dates.map((notBefore) => aSealingPair({ notBefore })));
const [first, second, third] = pairs;

function sealedFor(pair: typeof first, resealAfter: number | null = null, scope: "strict" | "cluster-wide" = "strict") {
  const certificate = readSealingCertificate(pair?.certificate ?? "", "the test", noon);
  return { mode: "sealed-secrets", certificate, scope, managed: false, resealAfter } satisfies SealMode;
}

const pathOf = (number: number) => `applications/mp-a${number}/secrets/mp-a${number}-${uuid(100 + number)}.yaml`;
const landscape = (count: number, password = "password of all") =>
  aSnapshot(Array.from({ length: count }, (_, index) => anApplicationNamed(`mp-a${index}`, index, password)));
const alone = pathOf(0);
const sealedIn = ({ tree }: CycleResult, path = alone) => parseSealed(textOf(tree, path)).spec.encryptedData;
const opened = ({ tree }: CycleResult, pair: typeof first, path = alone) => {
  const { name, namespace } = parseSealed(textOf(tree, path)).metadata;
  return openSealedFile(textOf(tree, path), pair?.key ?? "", `${namespace}/${name}`);
};

describe("the age from which on a certificate takes the earlier one's place", () => {
  const aDay = { notBefore: later(-DAY) };

  it.each<[string, number | null, boolean]>([
    ["is never reached where none is set", null, false],
    ["is reached at once where it is nothing", 0, true],
    ["is reached to the millisecond", DAY, true],
    ["is not reached a millisecond before", DAY + 1, false],
  ])("%s", (_, resealAfter, due) => {
    expect(isResealDue(aDay, resealAfter, noon)).toBe(due);
  });
});

describe("a file", () => {
  const row = { path: alone, sealing: "strict", certificates: { a: "one", b: "two" } };
  const use = { sealing: "strict", certificate: "two", resealsEarlier: true };

  it.each<[string, Parameters<typeof isForOthers>, boolean]>([
    ["is for others when one of its values is, once that is to end", [row, use], true],
    ["is not, as long as the earlier certificate may stand", [row, { ...use, resealsEarlier: false }], false],
    ["is not when all of its values are for this one", [{ ...row, certificates: { a: "two" } }, use], false],
    ["is for others in another mode, whatever the certificate", [{ ...row, sealing: "sops" }, use], true],
    ["is not by a certificate where there is none in use", [row, { ...use, certificate: null }], false],
    ["is nobody's when it is no Secret", [{ ...row, path: "applications/a/application.yaml" }, use], false],
  ])("%s", (_, given, expected) => {
    expect(isForOthers(...given)).toBe(expected);
  });
});

describe("a renewed key of the controller", () => {
  it("changes not one byte, however many there were", async () => {
    const before = await cycle(new Map(), landscape(3), { mode: sealedFor(first) });

    const results = [];
    for (const pair of [second, third]) {
      results.push(await cycle(before.tree, landscape(3), { mode: sealedFor(pair) }));
    }

    for (const { plan } of results) {
      expect([...plan.writes.keys(), ...plan.deletes]).toEqual([]);
      expect(plan.reencryption).toBeNull();
    }
  });

  it("seals the value that changed, beside the ones for the former key; then comes to rest", async () => {
    const before = await cycle(new Map(), landscape(2), { mode: sealedFor(first) });
    const other = aSnapshot([...landscape(1, "a new password").applications, ...landscape(2).applications.slice(1)]);

    const now = await cycle(before.tree, other, { mode: sealedFor(second) });
    const next = await cycle(now.tree, other, { mode: sealedFor(second) });

    expect([...now.plan.writes.keys()].sort()).toEqual([INVENTORY_PATH, alone, "revision.yaml"]);
    expect(sealedIn(now).username).toBe(sealedIn(before).username);
    const label = `kyma-system/mp-a0-${uuid(100)}`;
    const { username = "", password = "" } = sealedIn(now);
    expect(openSealed(username, first?.key ?? "", label)).toBe("user of mp-a0");
    expect(openSealed(password, second?.key ?? "", label)).toBe("a new password");
    expect(next.plan.writes.size).toBe(0);
  });

  it("of another length is taken as well", async () => {
    const long = await aSealingPair({ key: generateKeyPairSync("rsa", { modulusLength: 4096 }).privateKey });
    const before = await cycle(new Map(), landscape(1), { mode: sealedFor(first) });

    const now = await cycle(before.tree, landscape(1, "a new password"), { mode: sealedFor(long) });

    expect(sealedIn(now).username).toBe(sealedIn(before).username);
    expect(Buffer.from(sealedIn(now).password ?? "", "base64").readUInt16BE(0)).toBe(512);
  });

  it("seals everything anew once its certificate is that old, at most 50 files a commit", async () => {
    const before = await cycle(new Map(), landscape(60), { mode: sealedFor(first) });
    const after = 30 * DAY;

    const early = await cycle(before.tree, landscape(60), { mode: sealedFor(second, after), now: later(-1) });
    const steps = [];
    let tree = early.tree;
    for (let step = 0; step < 3; step++) {
      const result = await cycle(tree, landscape(60), { mode: sealedFor(second, after) });
      steps.push([result.plan.reencryption?.done.length, result.plan.reencryption?.waiting.length]);
      tree = result.tree;
      if (step === 1) expect(opened(result, second)).toMatchObject({ password: "password of all" });
    }

    expect(early.plan.writes.size).toBe(0);
    expect(steps).toEqual([
      [50, 10],
      [10, 0],
      [undefined, undefined],
    ]);
  });

  it("that is to be sealed for at once, since the controller lost its former ones, mends a mixed file as well", async () => {
    const before = await cycle(new Map(), landscape(1), { mode: sealedFor(first) });
    const mixed = await cycle(before.tree, landscape(1, "a new password"), { mode: sealedFor(second) });

    const mended = await cycle(mixed.tree, landscape(1, "a new password"), { mode: sealedFor(second, 0) });
    const next = await cycle(mended.tree, landscape(1, "a new password"), { mode: sealedFor(second, 0) });

    expect(opened(mended, second)).toEqual({ username: "user of mp-a0", password: "a new password" });
    expect(mended.plan.reencryption).toEqual({ done: [alone], waiting: [], unable: [] });
    expect([next.plan.writes.size, next.plan.reencryption]).toEqual([0, null]);
  });

  it("leaves no value for a lost key in a file that changes anyway", async () => {
    const before = await cycle(new Map(), landscape(2), { mode: sealedFor(first) });
    const other = aSnapshot([...landscape(1, "a new password").applications, ...landscape(2).applications.slice(1)]);

    const now = await cycle(before.tree, other, { mode: sealedFor(second, 0) });

    expect(opened(now, second)).toEqual({ username: "user of mp-a0", password: "a new password" });
    expect(now.plan.reencryption?.waiting).toEqual([pathOf(1)]);
  });

  it("changes no byte of what is proposed, unless it is to be sealed for at once", async () => {
    const proposed = await cycle(new Map(), landscape(1), { mode: sealedFor(first) });
    const before = async (path: string) => {
      const row = proposed.plan.rows.get(path);
      const content = proposed.tree.get(path);
      return row === undefined || content === undefined ? null : { row, content };
    };

    const still = await cycle(new Map(), landscape(1), { mode: sealedFor(second), before });
    const anew = await cycle(new Map(), landscape(1), { mode: sealedFor(second, 0), before });

    expect(textOf(still.tree, alone)).toBe(textOf(proposed.tree, alone));
    expect(still.plan.rows.get(alone)?.certificates).toEqual(proposed.plan.rows.get(alone)?.certificates);
    expect(opened(anew, second)).toEqual({ username: "user of mp-a0", password: "password of all" });
  });

  it("is told from the one before by the file, also when that comes back", async () => {
    const before = await cycle(new Map(), landscape(1), { mode: sealedFor(first) });
    const mixed = await cycle(before.tree, landscape(1, "a new password"), { mode: sealedFor(second) });

    const back = await cycle(mixed.tree, landscape(1, "a new password"), { mode: sealedFor(first, 0) });

    expect(back.plan.reencryption?.done).toEqual([alone]);
    expect(opened(back, first)).toEqual({ username: "user of mp-a0", password: "a new password" });
  });

  it("is no reason to seal anew a file of which every value has changed since", async () => {
    const credentials = (username: string, password: string) =>
      aSnapshot([
        {
          ...anApplicationNamed("mp-a0", 0),
          bundles: [
            aBundle({
              id: uuid(100),
              defaultInstanceAuth: anAuth({
                credential: { kind: "Basic", username: Secret.of(username), password: Secret.of(password) },
              }),
            }),
          ],
        },
      ]);
    const before = await cycle(new Map(), credentials("one", "password one"), { mode: sealedFor(first) });
    const half = await cycle(before.tree, credentials("two", "password one"), { mode: sealedFor(second) });
    const whole = await cycle(half.tree, credentials("two", "password two"), { mode: sealedFor(second) });

    const due = await cycle(whole.tree, credentials("two", "password two"), { mode: sealedFor(second, 0) });

    expect(opened(whole, second)).toEqual({ username: "two", password: "password two" });
    expect(due.plan.writes.size).toBe(0);
  });

  it("tells nothing of itself in the inventory", async () => {
    const mode = sealedFor(first);

    const { tree } = await cycle(new Map(), landscape(1), { mode });

    expect(textOf(tree, INVENTORY_PATH)).not.toContain(mode.certificate.digest.slice(0, 16));
    expect(textOf(tree, INVENTORY_PATH)).toMatch(/"certificates":\{"password":"[0-9a-f]{32}","username"/);
  });
});

describe("a canary", () => {
  const canary = "canary.yaml";
  const empty = aSnapshot([{ ...anApplicationNamed("mp-a0", 0), bundles: [] }]);

  it.each([
    ["where there are Secrets, in their commit", landscape(1), [INVENTORY_PATH, alone, canary, "revision.yaml"]],
    ["where there are none, by itself", empty, [INVENTORY_PATH, canary]],
  ])("is sealed for the new key when that is due, %s", async (_, snapshot, expected) => {
    const before = await cycle(new Map(), snapshot, { mode: sealedFor(first), canary: true });

    const still = await cycle(before.tree, snapshot, { mode: sealedFor(second), canary: true });
    const now = await cycle(before.tree, snapshot, { mode: sealedFor(second, 0), canary: true });
    const next = await cycle(now.tree, snapshot, { mode: sealedFor(second, 0), canary: true });

    expect(still.plan.writes.size).toBe(0);
    expect([...now.plan.writes.keys()].sort()).toEqual(expected);
    expect(opened(now, second, canary)).toEqual({ digest: now.plan.digest });
    expect(next.plan.writes.size).toBe(0);
  });
});

// Where the scope changes as well, nothing of the former file fits.
it("a change of scope is carried out whatever the age", async () => {
  const before = await cycle(new Map(), landscape(1), { mode: sealedFor(first) });

  const { plan } = await cycle(before.tree, landscape(1), { mode: sealedFor(second, null, "cluster-wide") });

  expect(plan.reencryption?.done).toEqual([alone]);
});
