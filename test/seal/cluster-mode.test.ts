import { generateIdentity, identityToRecipient } from "age-encryption";
import { describe, expect, it } from "vitest";
import { formatInventory, INVENTORY_PATH, readInventory } from "../../src/base/index.js";
import { Secret } from "../../src/common/secret.js";
import type { SealMode } from "../../src/seal/index.js";
import {
  aBundle,
  anAPI,
  anApplicationNamed,
  anAuth,
  aSnapshot,
  atOnce,
  basic,
  type CycleChanges,
  cycle,
  NAMESPACE,
  sealKey,
  textOf,
  uuid,
} from "../builders.js";

const mode: SealMode = { mode: "cluster" };
const sops: SealMode = { mode: "sops", recipients: [await identityToRecipient(await generateIdentity())] };
const name = `mp-shop-${uuid(101)}`;
const path = `applications/mp-shop/secrets/${name}.yaml`;
const shop = (password = "password of shop") => aSnapshot([anApplicationNamed("mp-shop", 1, password)]);
const other = aSnapshot([anApplicationNamed("mp-other", 2)]);
const run = (tree: ReadonlyMap<string, Buffer>, snapshot = shop(), changes: CycleChanges = {}) =>
  cycle(tree, snapshot, { mode, ...changes });
const decoded = (data: ReadonlyMap<string, Secret> | undefined) =>
  Object.fromEntries([...(data ?? [])].map(([key, value]) => [key, Buffer.from(value.reveal(), "base64").toString()]));

describe("Secrets in the cluster", () => {
  it("stand in no file and are told to nobody by Git, which knows them by name and fingerprint", async () => {
    const { plan, tree } = await run(new Map());

    expect([...tree.keys()].filter((each) => each.includes("/secrets/"))).toEqual([]);
    expect(textOf(tree, "kustomization.yaml")).not.toContain("secrets");
    expect(textOf(tree, "applications/mp-shop/application.yaml")).toContain(name);
    expect(textOf(tree, INVENTORY_PATH)).toContain(`"cluster":"${NAMESPACE}"`);
    const all = [...tree.values()].map((bytes) => bytes.toString()).join("\n");
    for (const value of ["user of mp-shop", "password of shop"]) {
      expect(all).not.toContain(value);
      expect(all).not.toContain(Buffer.from(value).toString("base64"));
    }
    expect(plan.cluster.apply.map((each) => [each.namespace, each.name, decoded(each.data)])).toEqual([
      [NAMESPACE, name, { username: "user of mp-shop", password: "password of shop" }],
    ]);
    expect(plan.cluster.apply[0]?.object).toMatchObject({ kind: "Secret", metadata: { name, namespace: NAMESPACE } });
    expect(JSON.stringify(plan.cluster.apply)).not.toContain(Buffer.from("password of shop").toString("base64"));
  });

  it("are applied each time, and make a commit only when one changed", async () => {
    const first = await run(new Map());

    const same = await run(first.tree);
    const rotated = await run(first.tree, shop("another password"));

    expect([same.plan.writes.size, same.plan.cluster.apply.length, same.plan.unchanged]).toEqual([0, 1, ["mp-shop"]]);
    expect([...rotated.plan.writes.keys()]).toEqual([INVENTORY_PATH]);
    expect([rotated.plan.updated, decoded(rotated.plan.cluster.apply[0]?.data).password]).toEqual([
      ["mp-shop"],
      "another password",
    ]);
  });

  it("go by the same rules as files: held for their time, then removed with their Application", async () => {
    const first = await run(new Map());

    const held = await run(first.tree, other);
    const gone = await run(held.tree, other, { rules: atOnce });
    const after = await run(gone.tree, other, { rules: atOnce });

    expect([held.plan.held.map(({ reason }) => reason), held.plan.cluster.remove]).toEqual([["MissingTooBriefly"], []]);
    expect(textOf(held.tree, INVENTORY_PATH)).toContain(path);
    expect(gone.plan.cluster.remove).toEqual([{ namespace: NAMESPACE, name }]);
    expect([gone.plan.deleted, gone.plan.deletes]).toEqual([["mp-shop"], ["applications/mp-shop/application.yaml"]]);
    expect(after.plan.cluster.remove).toEqual([]);
  });

  it("stay, with the reference to them, while credentials that vanished wait", async () => {
    const first = await run(new Map());
    const without = aSnapshot([{ ...anApplicationNamed("mp-shop", 1), bundles: [aBundle({ id: uuid(101) })] }]);
    const patient = { ...atOnce, credentials: { observations: 2, over: 0 } };

    const held = await run(first.tree, without, { rules: patient });
    const gone = await run(held.tree, without, { rules: patient, memory: held.memory });

    expect([held.plan.held.map(({ reason }) => reason), held.plan.cluster]).toEqual([
      ["CredentialsVanished"],
      { apply: [], remove: [], release: [] },
    ]);
    expect(textOf(held.tree, "applications/mp-shop/application.yaml")).toContain(name);
    expect(gone.plan.cluster.remove).toEqual([{ namespace: NAMESPACE, name }]);
    expect(textOf(gone.tree, "applications/mp-shop/application.yaml")).not.toContain(name);
  });

  it("are never removed by an inventory that does not verify", async () => {
    const first = await run(new Map());
    const forged = new Map([
      ...first.tree,
      [INVENTORY_PATH, Buffer.from(textOf(first.tree, INVENTORY_PATH).replace('"serial": 1', '"serial": 9'))],
    ]);

    const { plan } = await run(forged, other, { rules: atOnce });

    expect(plan.cluster.remove).toEqual([]);
  });

  const forgedOf = (tree: ReadonlyMap<string, Buffer>) =>
    new Map([
      ...tree,
      [INVENTORY_PATH, Buffer.from(textOf(tree, INVENTORY_PATH).replace('"serial": 1', '"serial": 9'))],
    ]);

  it("stay with the reference to them where credentials vanish while the inventory is rebuilt", async () => {
    const first = await run(new Map());
    const without = aSnapshot([{ ...anApplicationNamed("mp-shop", 1), bundles: [aBundle({ id: uuid(101) })] }]);

    const rebuilt = await run(forgedOf(first.tree), without, { rules: atOnce, memory: first.memory });
    const next = await run(rebuilt.tree, without, { rules: atOnce, memory: rebuilt.memory });

    expect([rebuilt.plan.held.map(({ reason }) => reason), rebuilt.plan.cluster.remove]).toEqual([
      ["InventoryRebuilt"],
      [],
    ]);
    expect(textOf(rebuilt.tree, "applications/mp-shop/application.yaml")).toContain(name);
    expect(textOf(rebuilt.tree, INVENTORY_PATH)).toContain(`"cluster":"${NAMESPACE}"`);
    expect(textOf(rebuilt.tree, "kustomization.yaml")).not.toContain("secrets");
    expect([rebuilt.plan.reencryption, next.plan.cluster.remove]).toEqual([null, [{ namespace: NAMESPACE, name }]]);
  });

  it("hold a new host while the inventory is rebuilt, as if the credentials were unchanged", async () => {
    const at = (targetURL: string) =>
      aSnapshot([
        {
          ...anApplicationNamed("mp-shop", 1),
          bundles: [
            aBundle({
              id: uuid(101),
              defaultInstanceAuth: anAuth({ credential: basic() }),
              apiDefinitions: [anAPI({ targetURL })],
            }),
          ],
        },
      ]);
    const first = await run(new Map(), at("https://shop.example.com/"));
    const settings = { destinationChange: "hold" } as const;

    const { plan, tree } = await run(forgedOf(first.tree), at("https://evil.example.net/"), { settings });

    expect(plan.held.map(({ reason }) => reason)).toEqual(["DestinationChanged"]);
    expect(plan.destinationChanges).toMatchObject([{ from: ["shop.example.com"], to: ["evil.example.net"] }]);
    expect(textOf(tree, "applications/mp-shop/application.yaml")).not.toContain("evil.example.net");
  });

  it("go from a namespace that is not theirs any more", async () => {
    const first = await run(new Map());
    const reading = readInventory(first.tree.get(INVENTORY_PATH) ?? Buffer.alloc(0), sealKey);
    if (reading.state !== "verified") throw new Error("it is the agent's");
    const files = reading.inventory.files.map(({ fingerprint, ...row }) =>
      row.cluster === undefined ? row : { ...row, cluster: "elsewhere", fingerprint: "of elsewhere" },
    );
    const elsewhere = new Map([
      ...first.tree,
      [INVENTORY_PATH, formatInventory({ ...reading.inventory, files }, sealKey)],
    ]);

    const { plan } = await run(elsewhere);

    expect(plan.cluster.remove).toEqual([{ namespace: "elsewhere", name }]);
    expect(plan.cluster.apply.map((each) => each.namespace)).toEqual([NAMESPACE]);
  });

  it("are not applied where a recording left their values out", async () => {
    const first = await run(new Map());
    const credential = { kind: "Basic", username: Secret.redacted(), password: Secret.redacted() } as const;
    const redacted = aSnapshot([
      { ...anApplicationNamed("mp-shop", 1), bundles: [aBundle({ defaultInstanceAuth: anAuth({ credential }) })] },
    ]);

    const { plan } = await run(first.tree, redacted);

    expect([plan.writes.size, plan.cluster.apply]).toEqual([0, []]);
  });

  it("of an Application that is set aside are neither applied nor removed", async () => {
    const first = await run(new Map());
    const planted = aSnapshot([{ ...anApplicationNamed("mp-shop", 1), description: "It is password of mp-shop" }]);

    const { plan } = await run(first.tree, planted, { rules: atOnce });

    expect(plan.setAside.map(({ reason }) => reason)).toEqual(["ReadableSecret"]);
    expect(plan.cluster).toEqual({ apply: [], remove: [], release: [] });
  });

  it("leave Git in a commit of their own, marked so that nobody prunes them, and come back released", async () => {
    const inGit = await cycle(new Map(), shop(), { mode: sops });

    const left = await run(inGit.tree);
    const rested = await run(left.tree);
    const back = await cycle(left.tree, shop(), { mode: sops });

    expect([inGit.tree.has(path), left.tree.has(path), back.tree.has(path)]).toEqual([true, false, true]);
    expect(left.plan.reencryption).toEqual({ done: [path], waiting: [], unable: [] });
    expect(left.plan.cluster.apply[0]?.object.metadata.annotations).toEqual({
      "argocd.argoproj.io/sync-options": "Prune=false",
      "kustomize.toolkit.fluxcd.io/prune": "disabled",
    });
    expect(rested.plan.writes.size).toBe(0);
    expect(back.plan.cluster).toEqual({ apply: [], remove: [], release: [{ namespace: NAMESPACE, name }] });
    expect(textOf(back.tree, "kustomization.yaml")).toContain(path);
  });

  it("take the place of a file that a person put there", async () => {
    const first = await run(new Map());
    const planted = new Map([...first.tree, [path, Buffer.from("kind: Secret\n")]]);

    const { plan, tree } = await run(planted);

    expect([plan.deletes, tree.has(path), plan.cluster.apply.length]).toEqual([[path], false, 1]);
  });
});
