import { generateIdentity, identityToRecipient } from "age-encryption";
import { describe, expect, it } from "vitest";
import { INVENTORY_PATH } from "../../src/base/index.js";
import { Secret } from "../../src/common/secret.js";
import type { Plan } from "../../src/plan/index.js";
import { SOPS_CONFIG_PATH } from "../../src/render/index.js";
import { commitMessage, planNotes } from "../../src/report/index.js";
import { readSealingCertificate, type SealMode } from "../../src/seal/index.js";
import {
  aBundle,
  anApplication,
  anApplicationNamed,
  anAuth,
  aSnapshot,
  atOnce,
  basic,
  type CycleChanges,
  cycle,
  rules,
  textOf,
  uuid,
} from "../builders.js";
import { anOutcome } from "../report/an-outcome.js";
import { openDataKey, openSops, parseSops } from "./open-sops.js";
import { aSealingPair, openSealedFile, parseSealed } from "./sealing-pair.js";

const identities = [await generateIdentity(), await generateIdentity()] as const;
const [first, second] = await Promise.all(identities.map((identity) => identityToRecipient(identity)));
const sopsFor = (...recipients: (string | undefined)[]): SealMode => ({
  mode: "sops",
  recipients: recipients.filter((each) => each !== undefined),
});
const both = sopsFor(first, second);
const one = sopsFor(first);
const pairs = [await aSealingPair(), await aSealingPair()] as const;
const sealed = (pair = pairs[0], scope: "strict" | "cluster-wide" = "strict"): SealMode => ({
  mode: "sealed-secrets",
  certificate: readSealingCertificate(pair.certificate, "the test", new Date()),
  scope,
  managed: false,
});

const pathOf = (name: string, number: number) => `applications/${name}/secrets/${name}-${uuid(100 + number)}.yaml`;
const shop = pathOf("mp-shop", 1);
const many = (count: number) =>
  aSnapshot(Array.from({ length: count }, (_, index) => anApplicationNamed(`mp-a${index}`, index + 1)));
const alone = aSnapshot([anApplicationNamed("mp-shop", 1)]);
const secretsOf = ({ writes }: { writes: ReadonlyMap<string, Buffer> }) =>
  [...writes.keys()].filter((path) => path.includes("/secrets/"));

const notesOf = (plan: Plan) => planNotes(plan, { snapshot: alone, approvals: [], suspended: [] });

describe("a change of recipients", () => {
  it("is carried out at most 50 files a commit, and goes on until it is complete", async () => {
    const before = await cycle(new Map(), many(120), { mode: both });

    let tree = before.tree;
    const steps = [];
    for (let step = 0; step < 4; step++) {
      const { plan, tree: next } = await cycle(tree, many(120), { mode: one });
      steps.push({
        files: secretsOf(plan).length,
        done: plan.reencryption?.done.length,
        left: plan.reencryption?.waiting.length,
      });
      tree = next;
    }

    expect(steps).toEqual([
      { files: 50, done: 50, left: 70 },
      { files: 50, done: 50, left: 20 },
      { files: 20, done: 20, left: 0 },
      { files: 0, done: undefined, left: undefined },
    ]);
    const recipients = [...tree.keys()]
      .filter((path) => path.includes("/secrets/"))
      .map((path) => parseSops(textOf(tree, path)).sops.age.map(({ recipient }) => recipient));
    expect(recipients).toEqual(Array.from({ length: 120 }, () => [first]));
  });

  it("waits for what changed in Compass, which has a commit of its own", async () => {
    const before = await cycle(new Map(), many(3), { mode: both });
    const changed = aSnapshot([...many(2).applications, anApplicationNamed("mp-a2", 3, "another password")]);

    const now = await cycle(before.tree, changed, { mode: one });
    const next = await cycle(now.tree, changed, { mode: one });

    expect(secretsOf(now.plan)).toEqual([pathOf("mp-a2", 3)]);
    expect(now.plan.reencryption).toMatchObject({ done: [], waiting: [pathOf("mp-a0", 1), pathOf("mp-a1", 2)] });
    expect(secretsOf(next.plan).sort()).toEqual([pathOf("mp-a0", 1), pathOf("mp-a1", 2)]);
    expect([...next.plan.writes.keys()].filter((path) => path.endsWith("application.yaml"))).toEqual([]);
  });

  it("gives each file a new data key, which a former recipient cannot know", async () => {
    const before = await cycle(new Map(), alone, { mode: both });

    const { tree } = await cycle(before.tree, alone, { mode: one });

    const [was, is] = [textOf(before.tree, shop), textOf(tree, shop)];
    expect(Buffer.from(await openDataKey(is, identities[0]))).not.toEqual(
      Buffer.from(await openDataKey(was, identities[0])),
    );
    await expect(openDataKey(is, identities[1])).rejects.toThrow();
    expect(await openSops(is, identities[0])).toMatchObject({ password: "password of mp-shop" });
  });

  it("names the files whose values are not known, and is not complete while there is one", async () => {
    const pair = aSnapshot([anApplicationNamed("mp-shop", 1), anApplicationNamed("mp-gone", 2)]);
    const before = await cycle(new Map(), pair, { mode: both });

    const now = await cycle(before.tree, alone, { mode: one, rules });
    const later = await cycle(now.tree, alone, { mode: one, rules, memory: now.memory });
    const gone = await cycle(later.tree, alone, { mode: one, rules: atOnce });

    const unable = [{ name: "mp-gone", id: uuid(2), secret: `mp-gone-${uuid(102)}` }];
    expect(now.plan.reencryption).toEqual({ done: [shop], waiting: [], unable });
    expect(later.plan.writes.size).toBe(0);
    expect(later.plan.reencryption).toEqual({ done: [], waiting: [], unable });
    expect([gone.plan.deleted, gone.plan.reencryption]).toEqual([["mp-gone"], null]);
  });

  it("names what a recording without values cannot seal anew", async () => {
    const before = await cycle(new Map(), alone, { mode: both });
    const credential = { kind: "Basic", username: Secret.redacted(), password: Secret.redacted() } as const;
    const redacted = aSnapshot([
      { ...anApplicationNamed("mp-shop", 1), bundles: [aBundle({ defaultInstanceAuth: anAuth({ credential }) })] },
    ]);

    const { plan } = await cycle(before.tree, redacted, { mode: one });

    expect(plan.writes.size).toBe(0);
    expect(plan.reencryption).toMatchObject({ waiting: [], unable: [{ name: "mp-shop" }] });
  });

  it("tells nothing of the recipients in the inventory, where they could be counted or recognised", async () => {
    const { tree } = await cycle(new Map(), alone, { mode: one });

    expect(textOf(tree, INVENTORY_PATH)).not.toContain(first);
    expect(textOf(tree, INVENTORY_PATH)).toMatch(/"sealing":"[0-9a-f]{32}"/);
  });
});

describe("a change of mode", () => {
  it.each<[string, SealMode, SealMode]>([
    ["plain to SOPS", { mode: "plain" }, one],
    ["SOPS to Sealed Secrets", one, sealed()],
    ["Sealed Secrets to SOPS", sealed(), one],
    ["one scope to another, with the controller's next key", sealed(), sealed(pairs[1], "cluster-wide")],
    ["one scope to another", sealed(), sealed(pairs[0], "cluster-wide")],
  ])("from %s seals every file anew, and then comes to rest", async (_, from, to) => {
    const before = await cycle(new Map(), alone, { mode: from });

    const now = await cycle(before.tree, alone, { mode: to });
    const next = await cycle(now.tree, alone, { mode: to });

    expect(secretsOf(now.plan)).toEqual([shop]);
    expect(now.plan.updated).toEqual(["mp-shop"]);
    expect(now.plan.reencryption).toEqual({ done: [shop], waiting: [], unable: [] });
    expect([next.plan.writes.size, next.plan.reencryption]).toEqual([0, null]);
    expect(textOf(now.tree, shop)).not.toBe(textOf(before.tree, shop));
  });
});

describe("a SealedSecret in Git", () => {
  const with_ = (password: string, description: string | null = null) =>
    aSnapshot([{ ...anApplicationNamed("mp-shop", 1, password), description }]);
  const sync = (tree: ReadonlyMap<string, Buffer>, password: string, changes: CycleChanges & { text?: string } = {}) =>
    cycle(tree, with_(password, changes.text ?? null), { mode: sealed(), ...changes });

  it("keeps the bytes of a value that did not change beside one that did", async () => {
    const before = await sync(new Map(), "old password");

    const { tree, plan } = await sync(before.tree, "new password");

    const [was, is] = [textOf(before.tree, shop), textOf(tree, shop)].map(
      (text) => parseSealed(text).spec.encryptedData,
    );
    expect(is?.username).toBe(was?.username);
    expect(is?.password).not.toBe(was?.password);
    expect(openSealedFile(textOf(tree, shop), pairs[0].key, `kyma-system/mp-shop-${uuid(101)}`)).toEqual({
      username: "user of mp-shop",
      password: "new password",
    });
    expect([...plan.writes.keys()].sort()).toEqual([INVENTORY_PATH, shop, "revision.yaml"]);
  });

  it("is written once, whatever else changes", async () => {
    const before = await sync(new Map(), "password of shop");

    const { tree, plan } = await sync(before.tree, "password of shop", { text: "Another text" });

    expect(plan.updated).toEqual(["mp-shop"]);
    expect(textOf(tree, shop)).toBe(textOf(before.tree, shop));
  });

  it("keeps nothing of what a person changed", async () => {
    const before = await sync(new Map(), "password of shop");
    const edited = new Map([...before.tree, [shop, Buffer.from(`${textOf(before.tree, shop)}# by hand\n`)]]);

    const { tree } = await sync(edited, "password of shop");

    const [was, is] = [textOf(before.tree, shop), textOf(tree, shop)].map(
      (text) => parseSealed(text).spec.encryptedData,
    );
    expect(is?.username).not.toBe(was?.username);
  });

  it("goes when its Application goes, by the rules of deletion", async () => {
    const before = await sync(new Map(), "password of shop");
    const none = aSnapshot([anApplicationNamed("mp-other", 2)]);

    const kept = await cycle(before.tree, none, { mode: sealed() });
    const gone = await cycle(before.tree, none, { mode: sealed(), rules: atOnce });

    expect([kept.tree.has(shop), gone.tree.has(shop)]).toEqual([true, false]);
    expect(kept.plan.held.map(({ reason }) => reason)).toEqual(["MissingTooBriefly"]);
  });

  it("loses a value that Compass gives no more, and keeps the rest", async () => {
    const own = anApplicationNamed("mp-shop", 1);
    const withParameters = (headers: Secret | null) =>
      aSnapshot([
        {
          ...own,
          bundles: [
            aBundle({
              defaultInstanceAuth: anAuth({
                credential: basic(),
                headers,
                queryParameters: Secret.of('{"key":["value of a query"]}'),
              }),
            }),
          ],
        },
      ]);
    const path = `applications/mp-shop/secrets/params-mp-shop-${uuid(101)}.yaml`;
    const before = await cycle(new Map(), withParameters(Secret.of('{"X":["value of a header"]}')), { mode: sealed() });

    const { tree } = await cycle(before.tree, withParameters(null), { mode: sealed() });

    const [was, is] = [textOf(before.tree, path), textOf(tree, path)].map(
      (text) => parseSealed(text).spec.encryptedData,
    );
    expect(Object.keys(was ?? {}).sort()).toEqual(["headers", "queryParameters"]);
    expect(is).toEqual({ queryParameters: was?.queryParameters });
  });
});

describe("a landscape whose values are words of every day", () => {
  const WORDS = ["a", "true", "kyma", "application/json", "null"];
  /** `described`: the words stand in every text, too; then no password is one of 12 bytes, which would gate everywhere. */
  const everyday = (described: boolean) =>
    aSnapshot(
      WORDS.map((word, index) => ({
        ...anApplicationNamed(`mp-a${index}`, index + 1),
        description: described ? "It is a true kyma application/json, and null." : null,
        bundles: [
          aBundle({
            id: uuid(101 + index),
            defaultInstanceAuth: anAuth({
              credential: basic(word, described ? word.slice(0, 11) : word),
              headers: Secret.of(JSON.stringify({ Accept: [word] })),
            }),
          }),
        ],
      })),
    );

  it.each<[string, SealMode]>([
    ["SOPS", one],
    ["Sealed Secrets", sealed()],
    ["the cluster", { mode: "cluster" }],
    ["plain", { mode: "plain" }],
  ])(
    "is published in mode %s, all of it, but for a value of 12 bytes and more that stands in its own text",
    async (_, mode) => {
      const { plan } = await cycle(new Map(), everyday(true), { mode });

      expect(plan.created).toEqual(["mp-a0", "mp-a1", "mp-a2", "mp-a4"]);
      expect(plan.setAside.map(({ name, reason }) => [name, reason])).toEqual([["mp-a3", "ReadableSecret"]]);
    },
  );

  it.each<[string, SealMode]>([
    ["SOPS", one],
    ["Sealed Secrets", sealed()],
    ["the cluster", { mode: "cluster" }],
    ["plain", { mode: "plain" }],
  ])("is published in mode %s where no text holds one", async (_, mode) => {
    const { plan } = await cycle(new Map(), everyday(false), { mode });

    expect([plan.created.length, plan.setAside]).toEqual([5, []]);
  });
});

describe("what goes by the recipients beside the Secrets", () => {
  const CANARY = "canary.yaml";
  const wanted = { canary: true, common: new Map([[SOPS_CONFIG_PATH, "for both\n"]]) };
  const forOne = new Map([[SOPS_CONFIG_PATH, "for one\n"]]);
  const titleOf = (plan: Plan) =>
    commitMessage(anOutcome(plan), { runtime: "r", digest: plan.digest, version: "1" }).split("\n")[0];

  it("goes with the first of them, and not in a commit before", async () => {
    const before = await cycle(new Map(), many(60), { mode: both, ...wanted });

    const now = await cycle(before.tree, many(60), { mode: one, canary: true, common: forOne });
    const next = await cycle(now.tree, many(60), { mode: one, canary: true, common: forOne });
    const last = await cycle(next.tree, many(60), { mode: one, canary: true, common: forOne });

    expect(titleOf(now.plan)).toBe("Seal 50 Secrets anew for the mode and recipients configured");
    expect(textOf(now.tree, SOPS_CONFIG_PATH)).toBe("for one\n");
    expect(parseSops(textOf(now.tree, CANARY)).sops.age.map((each) => each.recipient)).toEqual([first]);
    expect(titleOf(next.plan)).toBe("Seal 10 Secrets anew for the mode and recipients configured");
    expect(last.plan.writes.size).toBe(0);
  });

  it.each<[string, SealMode, SealMode]>([
    ["to plain", both, { mode: "plain" }],
    ["to the cluster", both, { mode: "cluster" }],
    ["from the cluster", { mode: "cluster" }, both],
    ["to Sealed Secrets", both, sealed()],
  ])("comes and goes with the mode in one commit, %s", async (_, from, to) => {
    const before = await cycle(new Map(), alone, { mode: from, ...(from === both ? wanted : { canary: true }) });

    const now = await cycle(before.tree, alone, { mode: to, canary: true, ...(to === both ? wanted : {}) });
    const next = await cycle(now.tree, alone, { mode: to, canary: true, ...(to === both ? wanted : {}) });

    expect(now.plan.reencryption).toMatchObject({ done: [shop], waiting: [] });
    expect([now.tree.has(SOPS_CONFIG_PATH), now.tree.has(CANARY)]).toEqual([to === both, to.mode !== "cluster"]);
    expect(next.plan.writes.size + next.plan.deletes.length).toBe(0);
  });

  it("is written at once where no Secret waits", async () => {
    const none = aSnapshot([anApplication({ bundles: [] })]);
    const before = await cycle(new Map(), none, { mode: both, ...wanted });

    const { plan } = await cycle(before.tree, none, { mode: one, canary: true, common: forOne });

    expect([...plan.writes.keys()]).toEqual(expect.arrayContaining([CANARY, SOPS_CONFIG_PATH]));
  });

  it("is told as what it is where Secrets become readable", async () => {
    const before = await cycle(new Map(), many(2), { mode: one });

    const { plan } = await cycle(before.tree, many(2), { mode: { mode: "plain" } });

    expect(titleOf(plan)).toBe("Write 2 Secrets readable");
    expect(notesOf(plan)).toEqual(["Secrets are written readable: 2 in this cycle, 0 wait"]);
  });
});

describe("a lost seal key", () => {
  it("is one sealing anew that commit and note announce", async () => {
    const before = await cycle(new Map(), many(3), { mode: one });
    const key = Buffer.alloc(32, 9);

    const now = await cycle(before.tree, many(3), { mode: one, key });
    const next = await cycle(now.tree, many(3), { mode: one, key });

    const message = commitMessage(anOutcome(now.plan), { runtime: "r", digest: now.plan.digest, version: "1" });
    expect(message).toMatch(/^Seal 3 Secrets anew: seal key or inventory was lost\n/);
    expect(message).toContain("\nReencryption: 3 done, 0 waiting, 0 not possible\n");
    expect(notesOf(now.plan)).toEqual([
      expect.stringMatching(/^Secrets are sealed anew once, since the seal key .*: 3 in/),
    ]);
    expect([next.plan.writes.size, next.plan.reencryption]).toEqual([0, null]);
  });

  it("is announced, too, where the recipients change with it", async () => {
    const before = await cycle(new Map(), many(2), { mode: both });

    const now = await cycle(before.tree, many(2), { mode: one, key: Buffer.alloc(32, 9) });

    expect(now.plan.reencryption).toMatchObject({ how: "Rebuilt", waiting: [], unable: [] });
    expect(now.plan.reencryption?.done.length).toBe(2);
  });
});

describe("a file that somebody changed and that stays so", () => {
  it("is not taken for sealed anew, whatever the agent wrote there before", async () => {
    const settings = { drift: "preserve" } as const;
    const before = await cycle(new Map(), alone, { mode: both, settings });
    const removed = await cycle(before.tree, alone, { mode: one, settings, memory: before.memory });
    const edited = new Map([...removed.tree, [shop, Buffer.from(`${textOf(before.tree, shop)}# by hand\n`)]]);

    const now = await cycle(edited, alone, { mode: one, settings, memory: removed.memory });
    const later = await cycle(now.tree, alone, { mode: one, settings, memory: now.memory });

    const unable = [{ name: "mp-shop", id: uuid(1), secret: `mp-shop-${uuid(101)}`, edited: true }];
    for (const { plan } of [now, later]) {
      expect(plan.reencryption).toEqual({ done: [], waiting: [], unable });
      expect(notesOf(plan)).toEqual([
        expect.stringMatching(/^NotReencrypted: 1 Secrets stand as somebody changed them/),
      ]);
    }
  });
});
