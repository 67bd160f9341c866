import { describe, expect, it } from "vitest";
import type { DriftedFile, Folder, InventoryFile, Ownership } from "../../src/base/index.js";
import { treeDigest } from "../../src/base/index.js";
import type { Application } from "../../src/fetch/index.js";
import { buildEstate, type Estate } from "../../src/model/index.js";
import { findStanding, type StandingInput } from "../../src/plan/standing.js";
import type { PublishedApplication, Reverted } from "../../src/state/index.js";
import { anApplicationNamed, anEstate, aSnapshot, later, noMemory, noon, TARGET, uuid } from "../builders.js";

const pathOf = (name: string) => `applications/${name}/application.yaml`;
const aRow = (name: string, blob: string): InventoryFile => ({ path: pathOf(name), id: uuid(1), blob, sha256: "s" });

interface World {
  /** Blobs of the files in Git, by the name of the Application; each is the agent's own unless it has drifted. */
  readonly there?: Readonly<Record<string, string>>;
  /** By name: true for a former blob of the agent's, false for a person's own. */
  readonly drifted?: Readonly<Record<string, boolean>>;
  readonly disabled?: readonly string[];
  readonly removed?: readonly string[];
  /** Whose what was removed is. */
  readonly removedOf?: string | null;
  /** What is in the way, and what else is in Git. */
  readonly obstacles?: readonly string[];
  readonly besides?: readonly string[];
  readonly owned?: Partial<Ownership>;
  readonly tip?: string | null;
  readonly estate?: Estate;
  readonly suspendedByFile?: "everything" | readonly string[];
  readonly suspended?: readonly string[];
  readonly published?: Readonly<Record<string, PublishedApplication>>;
  readonly serial?: number;
  readonly reverted?: Readonly<Record<string, Reverted>>;
  readonly settings?: Partial<StandingInput["settings"]>;
  readonly now?: Date;
}

const estate = anEstate([anApplicationNamed("mp-a", 1), anApplicationNamed("mp-b", 2)]);
const intentOf = (name: string, one = estate) => one.applications.find((each) => each.name === name)?.intent ?? "";
const treeOf = (name: string, blob: string) => treeDigest([[pathOf(name), blob]]);
/** What the agent published last. */
const aPublished = (name: string, blob: string, intent = intentOf(name)): PublishedApplication => ({
  id: uuid(1),
  intent,
  tree: blob === "" ? "" : treeOf(name, blob),
  manifest: blob,
});

function standing(world: World) {
  const { there = { "mp-a": "ours", "mp-b": "ours" }, drifted = {}, removed = [], suspendedByFile = [] } = world;
  const { removedOf = uuid(1), obstacles = [], besides = [] } = world;
  const rows = Object.entries(there).map(([name, blob]) => aRow(name, blob));
  const folders = new Map(
    rows.map((row): [string, Folder] => [row.path.split("/")[1] ?? "", { id: uuid(1), rows: [row] }]),
  );
  const changed = Object.entries(drifted).map(([name, older]): [string, DriftedFile] => {
    const row = aRow(name, "written");
    return [row.path, { row, now: { blob: there[name] ?? "", sha256: "s" }, older }];
  });
  const gone = removed.map((name): [string, DriftedFile] => [
    pathOf(name),
    { row: { ...aRow(name, "written"), id: removedOf }, now: null, older: false },
  ]);
  return findStanding({
    base: {
      obstacles: new Set(obstacles),
      listing: new Map([
        ...rows.map(({ path, blob }) => [path, blob] as const),
        ...besides.map((path) => [path, "theirs"] as const),
      ]),
      tip: world.tip === undefined ? "tip" : world.tip,
    },
    owned: {
      files: rows,
      serial: 7,
      deletions: [],
      tenant: null,
      formerSealKeys: [],
      trusted: true,
      broughtBack: new Set(),
      isMixed: false,
      note: null,
      ...world.owned,
    },
    folders,
    drift: { files: new Map([...changed, ...gone]), disabled: new Set(world.disabled) },
    instructions: { approvals: [], suspended: suspendedByFile },
    estate: world.estate ?? estate,
    memory: {
      published: {
        target: TARGET,
        serial: world.serial ?? 7,
        deletions: [],
        applications: world.published ?? {},
        others: {},
      },
      reverted: world.reverted ?? {},
      suspended: {
        ...noMemory.suspended,
        applications: Object.fromEntries(
          (world.suspended ?? []).map((name) => [name, { since: noon.toISOString(), reason: null }]),
        ),
      },
    },
    settings: { drift: "overwrite", reverted: "hold", ...world.settings },
    now: world.now ?? noon,
  });
}

const reasons = (world: World) => Object.fromEntries(standing(world).reasons);

describe("what a person wants left alone", () => {
  it("is nothing by itself", () => {
    expect(standing({})).toEqual({ reasons: new Map(), reverted: {} });
  });

  it("is what is suspended, by command and by a file, whether or not it is in Git", () => {
    expect(reasons({ suspended: ["mp-a"], suspendedByFile: ["mp-z"] })).toEqual({
      "mp-a": "Suspended",
      "mp-z": "Suspended",
    });
  });

  it("is not each Application where everything is suspended: that stops the commit, not the plan", () => {
    expect(reasons({ suspendedByFile: "everything" })).toEqual({});
  });

  it("is what its file says is to be left alone, whatever is done about drift", () => {
    const world = { disabled: ["mp-a"], drifted: { "mp-a": false } };

    for (const drift of ["overwrite", "preserve", "fail"] as const) {
      expect(reasons({ ...world, settings: { drift } })).toEqual({ "mp-a": "ReconcileDisabled" });
    }
  });

  it.each<[StandingInput["settings"]["drift"], object]>([
    ["overwrite", {}],
    ["preserve", { "mp-a": "Drifted", "mp-b": "Drifted" }],
  ])("is what somebody changed or removed only where that is preserved: %s", (drift, expected) => {
    const world = { there: { "mp-a": "theirs" }, drifted: { "mp-a": false }, removed: ["mp-b"] };

    expect(reasons({ ...world, settings: { drift } })).toEqual(expected);
  });

  it("stops the cycle for a changed file where the configuration wants that", () => {
    const settings = { drift: "fail" } as const;

    for (const world of [{ drifted: { "mp-a": false } }, { removed: ["mp-a"] }]) {
      expect(() => standing({ ...world, settings })).toThrow(
        expect.objectContaining({
          name: "Failure",
          code: "Drifted",
          stage: "plan",
          retryable: false,
          message: "somebody changed files of mp-a in Git, and drift is set to fail",
          hint: "Put the agent's version back, or set drift to overwrite or preserve.",
        }),
      );
    }
    expect(reasons({ settings })).toEqual({});
  });

  it.each<[string, World]>([
    ["disabled", { disabled: ["mp-a"] }],
    ["suspended by command", { suspended: ["mp-a"] }],
    ["suspended by a file", { suspendedByFile: ["mp-a"] }],
    ["reverted", { drifted: { "mp-a": true } }],
  ])("does not stop the cycle where it is %s", (_, world) => {
    const settings = { drift: "fail" } as const;

    expect(Object.keys(reasons({ drifted: { "mp-a": false }, ...world, settings }))).toEqual(["mp-a"]);
    expect(() => standing({ ...world, drifted: { "mp-a": false, ...world.drifted, "mp-b": false }, settings })).toThrow(
      /files of mp-b/,
    );
  });

  it("is nothing that was removed of an Application that is gone, where another one has its name", () => {
    const world: World = {
      there: { "mp-b": "ours" },
      removed: ["mp-a"],
      removedOf: uuid(99),
      settings: { drift: "preserve" },
    };
    const gone = anEstate([anApplicationNamed("mp-b", 2)]);
    const badly = anEstate([anApplicationNamed("mp-a", 1), anApplicationNamed("BAD NAME", 99)]);

    expect(reasons(world)).toEqual({});
    const still = { "mp-a": "Drifted" };
    expect(reasons({ ...world, removedOf: null })).toEqual(still);
    expect(reasons({ ...world, there: { "mp-a": "ours", "mp-b": "ours" } })).toEqual(still);
    expect(reasons({ ...world, estate: gone })).toEqual(still);
    expect(reasons({ ...world, estate: badly })).toEqual(still);
    expect(reasons({ ...world, estate: anEstate([]) })).toEqual(still);
    expect(reasons({ ...world, removed: [], drifted: { "mp-a": false } })).toEqual(still);
  });

  it("stops no cycle where it was removed to the last file of an Application that Compass has no more", () => {
    const gone = anEstate([anApplicationNamed("mp-b", 2)]);
    const world: World = { there: { "mp-b": "ours" }, removed: ["mp-a"], settings: { drift: "fail" }, estate: gone };
    const badly = anEstate([anApplicationNamed("BAD NAME", 1), anApplicationNamed("mp-b", 2)]);

    // Remembered as what somebody changed, should Compass list it again.
    expect(reasons(world)).toEqual({ "mp-a": "Drifted" });
    const others: World[] = [
      { estate },
      { estate: badly },
      { estate: anEstate([]) },
      { there: { "mp-a": "ours", "mp-b": "ours" } },
      { removedOf: null },
      { removed: ["mp-a", "mp-b"], removedOf: uuid(2), there: {} },
    ];
    for (const each of others) expect(() => standing({ ...world, ...each })).toThrow(/drift is set to fail/);
  });

  it("has one reason, the first of several", () => {
    const all: World = {
      drifted: { "mp-a": true, "mp-b": false },
      disabled: ["mp-a"],
      suspended: ["mp-a"],
      settings: { drift: "preserve" },
    };

    expect(reasons(all)).toEqual({ "mp-a": "Suspended", "mp-b": "Drifted" });
    expect(reasons({ ...all, suspended: [] })).toMatchObject({ "mp-a": "ReconcileDisabled" });
    expect(reasons({ ...all, suspended: [], disabled: [] })).toMatchObject({ "mp-a": "Reverted" });
    expect(
      reasons({ ...all, suspended: [], disabled: [], settings: { drift: "preserve", reverted: "overwrite" } }),
    ).toEqual({ "mp-b": "Drifted" });
  });

  it.each<[string, World]>([
    ["reverts are overwritten", { settings: { reverted: "overwrite" } }],
    ["Compass says something new about it", { published: { "mp-a": aPublished("mp-a", "written", "another intent") } }],
  ])("is no file that was put back to an older version, where %s", (_, world) => {
    for (const drift of ["preserve", "fail"] as const) {
      const settings = { ...world.settings, drift };
      expect(reasons({ ...world, drifted: { "mp-a": true }, settings })).toEqual({});
      expect(() =>
        standing({ ...world, drifted: { "mp-a": true, "mp-b": false }, settings: { ...settings, drift: "fail" } }),
      ).toThrow(/files of mp-b/);
    }
  });
});

describe("what a person put back", () => {
  /** A `git revert` of the commit that changed mp-a: its files and the inventory are those of before. */
  const revert: World = {
    there: { "mp-a": "old", "mp-b": "ours" },
    published: { "mp-a": aPublished("mp-a", "new"), "mp-b": aPublished("mp-b", "ours") },
    serial: 8,
  };
  const entry = { tree: treeOf("mp-a", "old"), intent: intentOf("mp-a"), since: noon.toISOString(), resumed: false };

  it("is told by an inventory older than the last one published, and by files that are others", () => {
    expect(standing(revert)).toEqual({
      reasons: new Map([["mp-a", "Reverted"]]),
      reverted: { "mp-a": entry },
    });
  });

  it.each<[string, World]>([
    ["the inventory is the last one published", { serial: 7 }],
    ["the inventory is a later one", { serial: 6 }],
    ["the repository is empty, which nobody reverts to", { tip: null }],
    ["the configuration wants it written over", { settings: { reverted: "overwrite" } }],
    ["nothing is known of what was published", { published: {} }],
    ["the files are those that were published", { there: { "mp-a": "new", "mp-b": "ours" } }],
  ])("is nothing where %s", (_, changes) => {
    expect(standing({ ...revert, ...changes })).toEqual({ reasons: new Map(), reverted: {} });
  });

  it("is told by the file itself where the inventory does not verify, and by nothing else", () => {
    const merged = { ...revert, owned: { trusted: false, serial: 0 } };

    expect([...standing(merged).reasons]).toEqual([["mp-a", "Reverted"]]);
    // What was published last stands there: the Secrets alone are no proof.
    expect([
      ...standing({ ...merged, published: { "mp-a": { ...aPublished("mp-a", "new"), manifest: "old" } } }).reasons,
    ]).toEqual([]);
    expect([...standing({ ...merged, there: { "mp-b": "ours" } }).reasons]).toEqual([["mp-a", "Reverted"]]);
    // What the agent deleted itself is no proof either.
    const nobody = anEstate([anApplicationNamed("mp-b", 2)]);
    const deleted = { "mp-a": aPublished("mp-a", "", "") };
    expect([...standing({ ...merged, published: deleted, estate: nobody }).reasons]).toEqual([]);
  });

  it("is a file that the agent wrote there before, whatever the serials say", () => {
    expect(standing({ there: { "mp-a": "old" }, drifted: { "mp-a": true } })).toEqual({
      reasons: new Map([["mp-a", "Reverted"]]),
      reverted: { "mp-a": entry },
    });
    expect(reasons({ there: { "mp-a": "theirs" }, drifted: { "mp-a": false } })).toEqual({});
  });

  it("stays held while Compass says what it said, and since when it was put back", () => {
    const world = { ...revert, serial: 7, reverted: { "mp-a": entry }, now: later(1) };

    expect(standing(world)).toMatchObject({ reasons: new Map([["mp-a", "Reverted"]]), reverted: { "mp-a": entry } });
  });

  it("is written again when Compass says something else", () => {
    const changed = anEstate([
      anApplicationNamed("mp-b", 2),
      { ...anApplicationNamed("mp-a", 1), description: "Other" },
    ]);

    expect(standing({ ...revert, estate: changed })).toEqual({ reasons: new Map(), reverted: {} });
    expect(standing({ ...revert, reverted: { "mp-a": entry }, estate: changed })).toEqual({
      reasons: new Map(),
      reverted: {},
    });
  });

  it("is written again when Compass lists it no more: that is for the rules over deletions", () => {
    const world = { ...revert, reverted: { "mp-a": entry }, estate: anEstate([anApplicationNamed("mp-b", 2)]) };

    expect(standing(world)).toEqual({ reasons: new Map(), reverted: {} });
  });

  it.each<[string, Estate]>([
    ["sets it aside", anEstate([anApplicationNamed("mp-a", 1), anApplicationNamed("mp-a", 3)])],
    [
      "gives values that are not known",
      { ...estate, applications: estate.applications.map((each) => ({ ...each, intent: null })) },
    ],
  ])("is held on where Compass %s: nothing can be compared", (_, unknown) => {
    expect(standing({ ...revert, reverted: { "mp-a": entry }, estate: unknown })).toMatchObject({
      reasons: new Map([["mp-a", "Reverted"]]),
      reverted: { "mp-a": entry },
    });
  });

  it("is compared with the one that has the name in Git, where a duplicate of it is set aside", () => {
    const twice = (changes: Partial<Application>) =>
      buildEstate(aSnapshot([{ ...anApplicationNamed("mp-a", 1), ...changes }, anApplicationNamed("mp-a", 3)]), {
        fingerprint: () => "fingerprint",
        owners: new Map([["mp-a", uuid(1)]]),
      });

    expect(reasons({ ...revert, reverted: { "mp-a": entry }, estate: twice({}) })).toEqual({ "mp-a": "Reverted" });
    expect(reasons({ ...revert, reverted: { "mp-a": entry }, estate: twice({ description: "Other" }) })).toEqual({});
  });

  it("is written again once a person resumed it, and remembered meanwhile, so that it is not held anew", () => {
    const resumed = { ...entry, resumed: true };

    expect(standing({ ...revert, reverted: { "mp-a": resumed } })).toEqual({
      reasons: new Map(),
      reverted: { "mp-a": resumed },
    });
    expect(
      reasons({ ...revert, drifted: { "mp-a": true }, reverted: { "mp-a": resumed }, settings: { drift: "preserve" } }),
    ).toEqual({});
    expect(
      reasons({ ...revert, drifted: { "mp-a": true }, reverted: { "mp-a": resumed }, settings: { drift: "fail" } }),
    ).toEqual({});
  });

  it.each<[string, World]>([
    ["a link in the place of its folder", { obstacles: ["applications/mp-a"] }],
    ["a link in its folder", { obstacles: ["applications/mp-c", "applications/mp-a/secrets"] }],
    ["a file in the place of its folder", { besides: ["applications/mp-a"] }],
  ])("is held on behind %s, which hides it", (_, inTheWay) => {
    const hidden: World = { ...revert, serial: 7, there: { "mp-b": "ours" }, reverted: { "mp-a": entry } };

    expect(standing({ ...hidden, ...inTheWay }).reverted).toEqual({ "mp-a": entry });
    expect(standing(hidden).reverted).toEqual({});
    expect(standing({ ...hidden, obstacles: ["applications/mp-abc"] }).reverted).toEqual({});
    // Nor is anything made up of one of which nothing was known, or hidden that can be seen.
    expect(standing({ ...hidden, ...inTheWay, reverted: {} }).reverted).toEqual({});
    expect(
      standing({ ...revert, ...inTheWay, serial: 7, reverted: { "mp-a": { ...entry, tree: "other" } } }).reverted,
    ).toEqual({});
  });

  it.each<[string, Estate]>([
    ["its owner, whatever that is called", anEstate([anApplicationNamed("BAD NAME", 1)])],
    ["whoever has its name", anEstate([anApplicationNamed("mp-a", 8), anApplicationNamed("mp-a", 9)])],
  ])("is held on where Compass sets %s aside", (_, unknown) => {
    expect(reasons({ ...revert, reverted: { "mp-a": entry }, estate: unknown })).toEqual({ "mp-a": "Reverted" });
  });

  it("is over when the files are ours again", () => {
    const world = { ...revert, there: { "mp-a": "new", "mp-b": "ours" }, reverted: { "mp-a": entry } };

    expect(standing(world)).toEqual({ reasons: new Map(), reverted: {} });
  });

  it("begins anew when a person puts yet something else in place", () => {
    const known = { ...entry, tree: treeOf("mp-a", "older"), since: later(-1).toISOString(), resumed: true };

    expect(standing({ ...revert, reverted: { "mp-a": known } }).reverted).toEqual({ "mp-a": entry });
  });

  it("is a deletion taken back, while Compass does not list it", () => {
    const nobody = anEstate([anApplicationNamed("mp-b", 2)]);
    const world: World = { ...revert, published: { "mp-a": aPublished("mp-a", "", "") }, estate: nobody };

    expect(standing(world)).toMatchObject({
      reasons: new Map([["mp-a", "Reverted"]]),
      reverted: { "mp-a": { tree: treeOf("mp-a", "old"), intent: "" } },
    });
    expect(reasons({ ...world, estate })).toEqual({});
  });

  it("is a deleted Application that stands there again as the agent wrote it, while Compass does not list it", () => {
    const nobody = anEstate([anApplicationNamed("mp-b", 2)]);
    const published = { "mp-a": aPublished("mp-a", "", "") };
    const world: World = { published, estate: nobody, owned: { broughtBack: new Set(["mp-a"]) } };

    expect(reasons(world)).toEqual({ "mp-a": "Reverted" });
    expect(reasons({ ...world, estate })).toEqual({});
    expect(reasons({ ...world, owned: {} })).toEqual({});
    expect(reasons({ ...world, published: { "mp-a": aPublished("mp-a", "new", "") } })).toEqual({});
    // An inventory later than the memory lists it by right.
    expect(reasons({ ...world, serial: 6 })).toEqual({});
  });

  it("is a creation taken back, while Compass says the same", () => {
    const world: World = { ...revert, there: { "mp-b": "ours" } };
    const changed = anEstate([{ ...anApplicationNamed("mp-a", 1), description: "Other" }]);

    expect(standing(world)).toEqual({
      reasons: new Map([["mp-a", "Reverted"]]),
      reverted: { "mp-a": { ...entry, tree: "" } },
    });
    expect(reasons({ ...world, estate: changed })).toEqual({});
  });

  it("is no deletion that still is one", () => {
    const world: World = { ...revert, there: { "mp-b": "ours" }, published: { "mp-a": aPublished("mp-a", "", "") } };

    expect(standing({ ...world, estate: anEstate([anApplicationNamed("mp-b", 2)]) }).reverted).toEqual({});
  });
});

describe("the digest of an Application's files", () => {
  it("is empty for none, and that of paths and blobs in whatever order", () => {
    const files = [
      ["applications/mp-a/application.yaml", "1"],
      ["applications/mp-a/secrets/s.yaml", "2"],
    ] as const;

    expect(treeDigest([])).toBe("");
    expect(treeDigest(files)).toMatch(/^[0-9a-f]{32}$/);
    expect(treeDigest(files.toReversed())).toBe(treeDigest(files));
  });

  it.each([
    ["another blob", [["a", "2"]]],
    ["another path", [["b", "1"]]],
    [
      "a file more",
      [
        ["a", "1"],
        ["b", "1"],
      ],
    ],
    ["what stands in both put together", [["a1", ""]]],
  ] as const)("is another for %s", (_, files) => {
    expect(treeDigest(files)).not.toBe(treeDigest([["a", "1"]]));
  });
});
