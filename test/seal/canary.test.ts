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

  it("is known as the agent's own beside an inventory that does not list it", async () => {
    const first = await aTree("mp-a");
    const unlisted = await cycle(new Map(), landscape("mp-a"), { mode });
    const tree = new Map([...unlisted.tree, [PATH, first.tree.get(PATH) ?? Buffer.alloc(0)]]);

    const { tree: mended, plan } = await cycle(tree, landscape("mp-a"), withCanary);

    expect(await openSops(textOf(mended, PATH), identity)).toEqual({ digest: plan.digest });
  });
});
