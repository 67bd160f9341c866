import { describe, expect, it } from "vitest";
import type { Application } from "../../src/fetch/index.js";
import {
  aBundle,
  anAPI,
  anApplication,
  anApplicationNamed,
  anAuth,
  aSnapshot,
  atOnce,
  basic,
  cycle,
  later,
  minutes,
  noon,
  rules,
  uuid,
} from "../builders.js";

/** An Application whose two bundles each have credentials and a target of their own. */
const withTargets = (first: string, second: string): Application =>
  anApplication({
    bundles: [first, second].map((host, index) =>
      aBundle({
        id: uuid(101 + index),
        name: `Bundle ${index}`,
        defaultInstanceAuth: anAuth({ credential: basic() }),
        apiDefinitions: [anAPI({ id: uuid(1001 + index), targetURL: `https://${host}/` })],
      }),
    ),
  });

describe("an approval of new destinations", () => {
  const settings = { destinationChange: "hold" } as const;
  const holdOf = async (first: string, second: string) => {
    const { tree, memory } = await cycle(new Map(), aSnapshot([withTargets("a.example.com", "b.example.com")]));
    const { plan } = await cycle(tree, aSnapshot([withTargets(first, second)]), { memory, settings });
    return plan.hold;
  };

  it("is needed before anything is written there, and bound to the host", async () => {
    const hold = await holdOf("a.example.com", "new.example.com");

    expect(hold?.units).toEqual([{ name: "mp-shop", id: uuid(1), secret: null }]);
    expect((await holdOf("a.example.com", "new.example.com"))?.hash).toBe(hold?.hash);
    expect((await holdOf("a.example.com", "evil.example.com"))?.hash).not.toBe(hold?.hash);
  });

  it("is bound to the hosts of each bundle", async () => {
    const hold = await holdOf("new.example.com", "other.example.com");

    expect((await holdOf("evil.example.com", "other.example.com"))?.hash).not.toBe(hold?.hash);
    expect((await holdOf("new.example.com", "evil.example.com"))?.hash).not.toBe(hold?.hash);
  });

  it("is bound to each new host of one bundle", async () => {
    const withTwo = (second: string): Application => {
      const [bundle = aBundle()] = withTargets("a.example.com", "b.example.com").bundles;
      const apiDefinitions = ["a.new.example.com", second].map((host, index) =>
        anAPI({ id: uuid(1001 + index), name: `API ${index}`, targetURL: `https://${host}/` }),
      );
      return anApplication({ bundles: [{ ...bundle, apiDefinitions }] });
    };
    const hashOf = async (second: string) => {
      const { tree, memory } = await cycle(new Map(), aSnapshot([withTargets("a.example.com", "b.example.com")]));
      const { plan } = await cycle(tree, aSnapshot([withTwo(second)]), { memory, settings });
      return plan.hold?.hash;
    };

    expect(await hashOf("b.new.example.com")).toBe(await hashOf("b.new.example.com"));
    expect(await hashOf("b.new.example.com")).not.toBe(await hashOf("c.new.example.com"));
  });
});

describe("a second look at Compass", () => {
  const shop = anApplicationNamed("mp-a", 1);
  const bare = { ...shop, bundles: shop.bundles.map((bundle) => ({ ...bundle, defaultInstanceAuth: null })) };
  const path = `applications/mp-a/secrets/mp-a-${uuid(101)}.yaml`;
  const others = [anApplicationNamed("mp-b", 2)];
  const secondLook = async (second: ReturnType<typeof aSnapshot>) => {
    const { tree } = await cycle(new Map(), aSnapshot([shop, ...others]));
    return cycle(tree, aSnapshot([bare, ...others]), { rules: atOnce, second });
  };

  it("lets a Secret go that it lacks, too", async () => {
    const { plan, lookedAgain } = await secondLook(aSnapshot([bare, ...others]));

    expect(lookedAgain).toBe(true);
    expect(plan.deletes).toEqual([path]);
  });

  it("keeps a Secret that it shows", async () => {
    const { plan } = await secondLook(aSnapshot([shop, ...others]));

    expect(plan.deletes).toEqual([]);
    expect(plan.held).toEqual([{ name: "mp-a", id: uuid(1), secret: path, reason: "SeenAgain", until: null }]);
  });

  it("keeps a Secret of an Application that it cannot read", async () => {
    const unreadable = [{ id: uuid(1), name: "mp-a" }];

    const { plan } = await secondLook({ ...aSnapshot(others), unreadable });

    expect(plan.deletes).toEqual([]);
  });

  it("leaves an approval for the next cycle where it makes all of it wait", async () => {
    const all = [1, 2, 3].map((number) => anApplicationNamed(`mp-${number}`, number));
    const { tree, memory } = await cycle(new Map(), aSnapshot(all));
    // The second is due by itself, the first only by the approval.
    const patience = { observations: 3, waited: minutes(30), lastSeenMissing: noon.toISOString() };
    const missing = { [`${uuid(2)}/mp-2`]: patience };
    const look = { missing, second: aSnapshot(all.slice(1)) };
    const held = await cycle(tree, aSnapshot(all.slice(2)), { ...look, memory });
    const hash = held.plan.hold?.hash ?? "";
    const approvals = [{ hash, expires: later(minutes(60)).toISOString() }];

    const after = await cycle(tree, aSnapshot(all.slice(2)), { ...look, memory: { ...held.memory, approvals } });

    expect(held.plan.hold?.units).toEqual([{ name: "mp-1", id: uuid(1), secret: null }]);
    expect(after.plan.deleted).toEqual([]);
    expect(after.memory.approvals).toEqual(approvals);
    expect(after.plan.hold).toEqual(held.plan.hold);
  });
});

describe("a second look at Compass that lists nothing, where the first did not", () => {
  const [shop, crm] = [anApplicationNamed("mp-a", 1), anApplicationNamed("mp-b", 2)];
  const bare = { ...shop, bundles: shop.bundles.map((bundle) => ({ ...bundle, defaultInstanceAuth: null })) };
  const second = aSnapshot([]);

  it.each([
    ["an Application", [crm]],
    ["a Secret", [bare, crm]],
    ["a Secret and the old name", [{ ...bare, name: "mp-c" }, crm]],
    ["a name that another one has", [{ ...anApplicationNamed("mp-a", 3) }, crm]],
  ])("takes nothing away: not %s", async (_, listed) => {
    const { tree } = await cycle(new Map(), aSnapshot([shop, crm]));

    const { lookedAgain, plan, tree: after } = await cycle(tree, aSnapshot(listed), { rules: atOnce, second });

    expect(lookedAgain).toBe(true);
    expect(plan).toMatchObject({ deletes: [], deleted: [], replaced: [] });
    for (const [path, bytes] of tree)
      if (path.startsWith("applications/mp-a/secrets/")) expect(after.get(path)).toEqual(bytes);
    expect(plan.held.filter(({ reason }) => reason === "SeenAgain" || reason === "Renamed")).not.toEqual([]);
  });

  it("lets the next cycle go on where it was, the approval included", async () => {
    const { tree, memory } = await cycle(new Map(), aSnapshot([shop, crm]));
    const held = await cycle(tree, aSnapshot([crm]), { memory });
    const hash = held.plan.hold?.hash ?? "";
    const approvals = [{ hash, expires: later(minutes(60)).toISOString() }];

    const blank = await cycle(tree, aSnapshot([crm]), { memory: { ...held.memory, approvals }, second });
    const next = await cycle(blank.tree, aSnapshot([crm]), { memory: blank.memory, nonce: "of another hold" });

    expect(blank.plan.held).toMatchObject([{ name: "mp-a", reason: "SeenAgain" }]);
    expect(Object.values(blank.memory.missing)).toMatchObject([{ observations: 2 }]);
    expect(next.plan).toMatchObject({ deleted: ["mp-a"], usedApproval: hash });
  });

  it("uses up no approval of which it keeps a part", async () => {
    const settings = { destinationChange: "hold" } as const;
    const [before, moved] = [
      withTargets("a.example.com", "b.example.com"),
      withTargets("new.example.com", "b.example.com"),
    ];
    const { tree, memory } = await cycle(new Map(), aSnapshot([before, anApplicationNamed("mp-x", 7)]));
    const held = await cycle(tree, aSnapshot([moved]), { memory, settings });
    const hash = held.plan.hold?.hash ?? "";
    const approvals = [{ hash, expires: later(minutes(60)).toISOString() }];

    const blank = await cycle(tree, aSnapshot([moved]), { memory: { ...held.memory, approvals }, settings, second });
    const next = await cycle(blank.tree, aSnapshot([moved]), {
      memory: blank.memory,
      settings,
      nonce: "of another hold",
    });

    expect(held.plan.hold?.units.map(({ name }) => name).sort()).toEqual(["mp-shop", "mp-x"]);
    expect(blank.plan).toMatchObject({ deleted: [], updated: [], usedApproval: null });
    expect(next.plan).toMatchObject({ deleted: ["mp-x"], updated: ["mp-shop"], usedApproval: hash });
  });

  it("is as good as any other where the first listed nothing either", async () => {
    const { tree, memory } = await cycle(new Map(), aSnapshot([shop, crm]));
    const held = await cycle(tree, aSnapshot([]), { memory });
    const approvals = [{ hash: held.plan.hold?.hash ?? "", expires: later(minutes(60)).toISOString() }];

    const { plan } = await cycle(tree, aSnapshot([]), { memory: { ...held.memory, approvals } });

    expect(plan.deleted).toEqual(["mp-a", "mp-b"]);
  });
});

describe("a second look at Compass that shows one of those that were approved", () => {
  it("ends their hold, whatever else it shows", async () => {
    const all = [1, 2, 3].map((number) => anApplicationNamed(`mp-${number}`, number));
    const { tree, memory } = await cycle(new Map(), aSnapshot(all));
    const patience = { observations: 3, waited: minutes(30), lastSeenMissing: noon.toISOString() };
    // The second is due by itself, the first only by the approval; both are seen again.
    const look = { missing: { [`${uuid(2)}/mp-2`]: patience }, second: aSnapshot(all) };
    const held = await cycle(tree, aSnapshot(all.slice(2)), {
      ...look,
      second: aSnapshot(all.slice(2)),
      rules,
      memory,
    });
    const { hold } = held.plan;
    const hash = hold?.hash ?? "";
    const approvals = [{ hash, expires: later(minutes(60)).toISOString() }];

    const after = await cycle(tree, aSnapshot(all.slice(2)), { ...look, memory: { ...memory, hold, approvals } });

    expect(held.plan.hold?.units).toEqual([{ name: "mp-1", id: uuid(1), secret: null }]);
    expect(after.plan.deleted).toEqual([]);
    expect(after.plan).toMatchObject({ hold: null, approval: null, usedApproval: null });
  });
});

describe("what is said of new destinations", () => {
  const settings = { destinationChange: "hold" } as const;
  const moved = aSnapshot([withTargets("new.example.com", "b.example.com")]);
  const redirected = async (changes: Parameters<typeof cycle>[2]) => {
    const { tree, memory } = await cycle(new Map(), aSnapshot([withTargets("a.example.com", "b.example.com")]));
    return { tree, memory, next: await cycle(tree, moved, { memory, ...changes }) };
  };

  it("is that they changed, and the Application goes on as it is while it is held", async () => {
    const { tree, next } = await redirected({ settings });

    expect(next.plan.held).toEqual([
      { name: "mp-shop", id: uuid(1), secret: null, reason: "DestinationChanged", until: null },
    ]);
    expect(next.plan.decision.destinationChanges).toMatchObject([{ from: ["a.example.com"], to: ["new.example.com"] }]);
    expect(next.plan.destinationChanges).toMatchObject([{ name: "mp-shop", isHeld: true }]);
    expect(next.tree).toEqual(tree);
  });

  it("is only told where that is enough", async () => {
    const { next } = await redirected({});

    expect(next.plan).toMatchObject({ held: [], updated: ["mp-shop"] });
    expect(next.plan.decision.destinationChanges).toHaveLength(1);
    expect(next.plan.destinationChanges).toEqual([{ ...next.plan.decision.destinationChanges[0], isHeld: false }]);
  });

  it("is nothing where the Application waits for another reason", async () => {
    const { tree } = await cycle(new Map(), aSnapshot([withTargets("a.example.com", "b.example.com")]));
    const suspended = new Map(tree).set(".runtime-agent/suspend", Buffer.from("mp-shop\n"));

    const { plan } = await cycle(suspended, moved, { settings });

    expect(plan.held).toMatchObject([{ name: "mp-shop", reason: "Suspended" }]);
    expect(plan.destinationChanges).toEqual([]);
  });

  it("passes by an approval, once", async () => {
    const { tree, next } = await redirected({ settings });
    const hash = next.plan.hold?.hash ?? "";
    const approvals = [{ hash, expires: later(minutes(60)).toISOString() }];

    const { plan, memory } = await cycle(tree, moved, { settings, memory: { ...next.memory, approvals } });

    expect(plan).toMatchObject({ held: [], updated: ["mp-shop"], usedApproval: hash });
    expect(memory).toMatchObject({ approvals: [], hold: null });
  });
});
