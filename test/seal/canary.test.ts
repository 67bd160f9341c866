import { generateIdentity, identityToRecipient } from "age-encryption";
import { describe, expect, it } from "vitest";
import type { SealMode } from "../../src/seal/index.js";
import { anApplicationNamed, aSnapshot, cycle, later, textOf } from "../builders.js";
import { failureOf } from "../common/failure-of.js";
import { openSops } from "./open-sops.js";

const identity = await generateIdentity();
const mode: SealMode = { mode: "sops", recipients: [await identityToRecipient(identity)] };
const PATH = "canary.yaml";

const landscape = (...names: string[]) => aSnapshot(names.map((name, index) => anApplicationNamed(name, index + 1)));
const withCanary = { mode, canary: true };

async function aTree(...names: string[]) {
  return cycle(new Map(), landscape(...names), withCanary);
}

const rowOf = (tree: ReadonlyMap<string, Buffer>) =>
  textOf(tree, ".runtime-agent/inventory.json")
    .split("\n")
    .find((line) => line.startsWith(`{"path":"${PATH}"`));

/** What a person may have put in the place of a file. */
const THINGS: readonly [string, (tree: ReadonlyMap<string, Buffer>, path: string) => Standing][] = [
  [
    "a folder",
    (tree, path) => ({
      tree: new Map([...without(tree, path), [`${path}/mine.txt`, Buffer.from("mine\n")]]),
      obstacles: new Set(),
    }),
  ],
  ["a link", (tree, path) => ({ tree: without(tree, path), obstacles: new Set([path]) })],
  ["a folder with a link", (tree, path) => ({ tree: without(tree, path), obstacles: new Set([`${path}/mine`]) })],
];

interface Standing {
  readonly tree: ReadonlyMap<string, Buffer>;
  readonly obstacles: ReadonlySet<string>;
}

const without = (tree: ReadonlyMap<string, Buffer>, path: string) =>
  new Map([...tree].filter(([each]) => each !== path));

describe("the canary", () => {
  it("holds the digest that the revision shows, sealed, and stands in kustomization and inventory", async () => {
    const { tree, plan } = await aTree("mp-a");

    expect(await openSops(textOf(tree, PATH), identity)).toEqual({ digest: plan.digest });
    expect(textOf(tree, PATH)).not.toContain(plan.digest);
    expect(textOf(tree, PATH)).not.toContain(Buffer.from(plan.digest).toString("base64"));
    expect(textOf(tree, PATH)).toContain("name: runtime-agent-canary\n");
    expect(textOf(tree, "revision.yaml")).toContain(plan.digest);
    expect(textOf(tree, "kustomization.yaml")).toContain(`- ${PATH}\n`);
    expect(rowOf(tree)).toBeDefined();
  });

  it("is not there where nobody wants it", async () => {
    const { tree } = await cycle(new Map(), landscape("mp-a"), { mode });

    expect(tree.has(PATH)).toBe(false);
    expect(textOf(tree, "kustomization.yaml")).not.toContain(PATH);
  });

  it("keeps its bytes while nothing changes, so that nothing is written at all", async () => {
    const first = await aTree("mp-a");
    const second = await cycle(first.tree, landscape("mp-a"), {
      ...withCanary,
      memory: first.memory,
      now: later(60_000),
    });

    expect([...second.plan.writes.keys(), ...second.plan.deletes]).toEqual([]);
    expect(second.plan.digest).toBe(first.plan.digest);
  });

  it("goes once nobody wants it any more, but not while the inventory is rebuilt", async () => {
    const { tree } = await aTree("mp-a");
    const broken = new Map(tree).set(
      ".runtime-agent/inventory.json",
      Buffer.from(textOf(tree, ".runtime-agent/inventory.json").replace('"serial": 1', '"serial": 9')),
    );

    const rebuilt = await cycle(broken, landscape("mp-a"), { mode });
    const next = await cycle(rebuilt.tree, landscape("mp-a"), { mode });

    expect(rebuilt.plan.deletes).toEqual([]);
    expect(rebuilt.tree.get(PATH)).toEqual(tree.get(PATH));
    expect(textOf(rebuilt.tree, "kustomization.yaml")).toContain(PATH);
    expect(next.plan.deletes).toEqual([PATH]);
    expect(textOf(next.tree, "kustomization.yaml")).not.toContain(PATH);
  });

  it("follows the digest, with the bytes of one cycle", async () => {
    const first = await aTree("mp-a");
    const second = await cycle(first.tree, landscape("mp-a", "mp-b"), withCanary);

    expect(second.plan.digest).not.toBe(first.plan.digest);
    expect(await openSops(textOf(second.tree, PATH), identity)).toEqual({ digest: second.plan.digest });
    const third = await cycle(second.tree, landscape("mp-a", "mp-b"), withCanary);
    expect(third.plan.writes.size).toBe(0);
  });

  it("is sealed anew for other recipients, though what it says is the same", async () => {
    const first = await aTree();
    const other = await generateIdentity();
    const recipients = [await identityToRecipient(other)];
    const second = await cycle(first.tree, landscape(), { canary: true, mode: { mode: "sops", recipients } });

    expect(second.plan.digest).toBe(first.plan.digest);
    expect([...second.plan.writes.keys()].sort()).toEqual([".runtime-agent/inventory.json", PATH]);
    expect(await openSops(textOf(second.tree, PATH), other)).toEqual({ digest: first.plan.digest });
  });

  it("that somebody changed or removed is written again", async () => {
    const first = await aTree("mp-a");
    const changed = new Map([...first.tree, [PATH, Buffer.from("kind: Secret\n")]]);
    const removed = new Map([...first.tree].filter(([path]) => path !== PATH));

    for (const tree of [changed, removed]) {
      const { tree: mended } = await cycle(tree, landscape("mp-a"), withCanary);
      expect(await openSops(textOf(mended, PATH), identity)).toEqual({ digest: first.plan.digest });
    }
  });

  it("goes when nobody wants it any more", async () => {
    const first = await aTree("mp-a");
    const { tree, plan } = await cycle(first.tree, landscape("mp-a"), { mode });

    expect(plan.deletes).toEqual([PATH]);
    expect(tree.has(PATH)).toBe(false);
    expect(rowOf(tree)).toBeUndefined();
  });

  it("is not written over a file that is somebody else's", async () => {
    const { tree } = await cycle(new Map(), landscape("mp-a"), { mode });
    const foreign = new Map([...tree, [PATH, Buffer.from("kind: ConfigMap\nmetadata:\n  name: tweety\n")]]);

    const failure = await failureOf(cycle(foreign, landscape("mp-a"), withCanary));

    expect(failure).toMatchObject({ code: "BaseUnusable", stage: "seal" });
    expect(failure.message).toContain(PATH);
  });

  describe.each(THINGS)("in whose place %s stands", (_, put) => {
    it.each([
      ["for the first time", {}],
      ["after it was there", { canary: true }],
    ])("is not written over that: %s", async (_when, before) => {
      const first = await cycle(new Map(), landscape("mp-a"), { mode, ...before });
      const { tree, obstacles } = put(first.tree, PATH);

      const failure = await failureOf(cycle(tree, landscape("mp-a"), { ...withCanary, obstacles }));
      const off = await cycle(tree, landscape("mp-a"), { mode, obstacles });

      expect(failure).toMatchObject({ code: "BaseUnusable", message: expect.stringContaining(`"${PATH}"`) });
      expect(failure.hint).toContain("applications.canary");
      expect([...off.plan.writes.keys(), ...off.plan.deletes].filter((path) => path.startsWith(PATH))).toEqual([]);
      expect(textOf(off.tree, "kustomization.yaml")).not.toContain(PATH);
    });
  });

  it("is known as the agent's own beside an inventory that does not list it", async () => {
    const first = await aTree("mp-a");
    const unlisted = await cycle(new Map(), landscape("mp-a"), { mode });
    const tree = new Map([...unlisted.tree, [PATH, first.tree.get(PATH) ?? Buffer.alloc(0)]]);

    const { tree: mended, plan } = await cycle(tree, landscape("mp-a"), withCanary);

    expect(await openSops(textOf(mended, PATH), identity)).toEqual({ digest: plan.digest });
  });
});

describe("a file that is written only when it is asked for", () => {
  const SOPS = ".runtime-agent/.sops.yaml";
  const common = new Map([[SOPS, "creation_rules: []\n"]]);

  it("is written and kept, and goes once nobody asks for it any more", async () => {
    const first = await cycle(new Map(), landscape("mp-a"), { mode, common });
    const again = await cycle(first.tree, landscape("mp-a"), { mode, common, memory: first.memory });
    const over = await cycle(first.tree, landscape("mp-a"), { mode, memory: first.memory });

    expect(textOf(first.tree, SOPS)).toBe("creation_rules: []\n");
    expect([...again.plan.writes.keys(), ...again.plan.deletes]).toEqual([]);
    expect(over.plan.deletes).toEqual([SOPS]);
  });

  it("is neither written over a person's file of its name nor taken away with it, unless it says the same", async () => {
    const { tree } = await cycle(new Map(), landscape("mp-a"), { mode });
    const beside = (text: string) => new Map(tree).set(SOPS, Buffer.from(text));

    const failure = await failureOf(cycle(beside("mine: true\n"), landscape("mp-a"), { mode, common }));
    const left = await cycle(beside("mine: true\n"), landscape("mp-a"), { mode });
    const same = await cycle(beside("creation_rules: []\n"), landscape("mp-a"), { mode, common });

    expect(failure).toMatchObject({ code: "BaseUnusable", message: expect.stringContaining(SOPS) });
    expect(left.plan.deletes).toEqual([]);
    expect([same.plan.writes.has(SOPS), same.plan.writes.has(".runtime-agent/inventory.json")]).toEqual([false, true]);
  });

  describe.each(THINGS)("in whose place %s stands", (_, put) => {
    it.each([
      ["for the first time", {}],
      ["after it was there", { common }],
    ])("is not written over that: %s", async (_when, before) => {
      const first = await cycle(new Map(), landscape("mp-a"), { mode, ...before });
      const { tree, obstacles } = put(first.tree, SOPS);

      const failure = await failureOf(cycle(tree, landscape("mp-a"), { mode, common, obstacles }));
      const off = await cycle(tree, landscape("mp-a"), { mode, obstacles });

      expect(failure).toMatchObject({ code: "BaseUnusable", message: expect.stringContaining(`"${SOPS}"`) });
      expect(failure.hint).toContain("secrets.sops.configFile");
      expect([...off.plan.writes.keys(), ...off.plan.deletes].filter((path) => path.startsWith(SOPS))).toEqual([]);
    });
  });
});
