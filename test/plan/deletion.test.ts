import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Folder, InventoryFile, SecretReference } from "../../src/base/index.js";
import {
  committedCounts,
  type DeletionInput,
  decideDeletions,
  gatherUnits,
  isSeen,
  ofTheDay,
  type Unit,
} from "../../src/plan/deletion.js";
import type { DeletionRecord } from "../../src/state/index.js";
import {
  aBundle,
  anApplication,
  anApplicationNamed,
  anEstate,
  later,
  minutes,
  noon,
  rules,
  uuid,
} from "../builders.js";
import { runs } from "../common/property.js";

const a = { name: "mp-a", id: "1", secret: null };
const b = { name: "mp-b", id: "2", secret: null };
const pathOf = (name: string, secret: string) => `applications/${name}/secrets/${secret}.yaml`;
const secretOf = (name: string, id: string, secret = name): Unit => ({ name, id, secret: pathOf(name, secret) });

const aRow = (path: string, id: string, changes: Partial<InventoryFile> = {}): InventoryFile => ({
  path,
  id,
  blob: "b".repeat(40),
  sha256: "c".repeat(64),
  ...changes,
});

/** So many folders in Git, with so many Secrets in all of them together. */
const committed = (applications: number, secrets = 0): ReadonlyMap<string, Folder> =>
  new Map(
    Array.from({ length: applications }, (_, index) => {
      const name = `mp-${index}`;
      const own = index === 0 ? Array.from({ length: secrets }, (_, each) => pathOf(name, `s-${each}`)) : [];
      const rows = [`applications/${name}/application.yaml`, ...own].map((path) => aRow(path, `${index}`));
      return [name, { id: `${index}`, rows }];
    }),
  );

/** What Compass lists: somebody, so that the answer is not empty. */
const listed = anEstate([anApplicationNamed("mp-listed", 999)]);
const nobody = anEstate([]);
const owned = { trusted: true, deletions: [] };

const input = (changes: Partial<DeletionInput> = {}): DeletionInput => ({
  owned,
  remembered: [],
  folders: committed(10, 10),
  estate: listed,
  rules,
  missing: {},
  now: noon,
  ...changes,
});

const decide = ({ units = [a], ...changes }: Partial<DeletionInput> & { units?: readonly Unit[] } = {}) =>
  decideDeletions(units, input(changes));

/** Missing at each of these moments, in milliseconds after noon; gives the last decision. */
function observed(moments: readonly number[], changes: Parameters<typeof decide>[0] = {}) {
  let decision = decide({ ...changes, now: later(moments[0] ?? 0) });
  for (const moment of moments.slice(1)) {
    decision = decide({ ...changes, missing: decision.missing, now: later(moment) });
  }
  return decision;
}

describe("an Application that is missing", () => {
  it("is held at first, until the time that must pass at least", () => {
    expect(decide()).toEqual({
      due: [],
      held: [{ ...a, reason: "MissingTooBriefly", until: later(minutes(30)) }],
      missing: { "1/mp-a": { observations: 1, waited: 0, lastSeenMissing: noon.toISOString() } },
    });
  });

  it("is due after three observations over half an hour", () => {
    const decision = observed([0, minutes(15), minutes(30)]);

    expect(decision.due).toEqual([a]);
    expect(decision.held).toEqual([]);
    expect(decision.missing).toEqual({
      "1/mp-a": { observations: 3, waited: minutes(30), lastSeenMissing: later(minutes(30)).toISOString() },
    });
  });

  it.each([
    ["three observations in too short a time", [0, minutes(10), minutes(20)]],
    ["one millisecond too early", [0, minutes(15), minutes(30) - 1]],
    ["a long silence, which counts no more than its share", [0, minutes(600)]],
    ["observations without time between them", [0, 0, 0, 0, 0]],
    ["a clock that goes back", [minutes(60), minutes(30), 0]],
  ])("is held after %s", (_, moments) => {
    expect(observed(moments).held).toMatchObject([{ ...a, reason: "MissingTooBriefly" }]);
  });

  it.each([
    ["more observations, closer together", Array.from({ length: 11 }, (_, index) => minutes(3 * index))],
    ["long silences", [0, minutes(600), minutes(1200)]],
    ["a clock that went back in between", [minutes(60), minutes(30), minutes(45), minutes(60)]],
  ])("is due after %s", (_, moments) => {
    expect(observed(moments).due).toEqual([a]);
  });

  it("counts each observation by min(max(now − previous, 0), over / (observations − 1))", () => {
    const times = fc.array(fc.integer({ min: -minutes(60), max: minutes(60) }), { minLength: 1, maxLength: 12 });

    fc.assert(
      fc.property(
        times,
        fc.integer({ min: 2, max: 9 }),
        fc.integer({ min: 0, max: minutes(60) }),
        (moments, observations, over) => {
          const decision = observed(moments, { rules: { ...rules, observations, over } });

          // In whole units of one (observations − 1)th of a millisecond, so that nothing is rounded.
          const steps = moments.slice(1).map((moment, index) => Math.max(0, moment - (moments[index] ?? 0)));
          const units = steps.reduce((sum, step) => sum + Math.min(step * (observations - 1), over), 0);
          const isDue = moments.length >= observations && units >= over * (observations - 1);
          expect(decision.due.length === 1).toBe(isDue);
          expect(decision.missing["1/mp-a"]?.waited).toBeCloseTo(units / (observations - 1), 3);
        },
      ),
      runs(1000),
    );
  });

  it.each([3, 4, 7, 8, 11, 50])(
    "is due at the last of %d observations that came in exactly the time",
    (observations) => {
      const over = minutes(30);
      const share = over / (observations - 1);
      const moments = Array.from({ length: observations }, (_, index) => Math.ceil(share) * index);

      expect(observed(moments.slice(0, -1), { rules: { ...rules, observations } }).due).toEqual([]);
      expect(observed(moments, { rules: { ...rules, observations } }).due).toEqual([a]);
    },
  );

  it("says until when it is held at the earliest", () => {
    const { held } = observed([0, minutes(10)]);

    expect(held).toMatchObject([{ until: later(minutes(10) + minutes(20)) }]);
  });

  it("is due at once where one observation is enough", () => {
    expect(decide({ rules: { ...rules, observations: 1, over: 0 } }).due).toEqual([a]);
  });

  it("waits all the time for one observation that must be old enough", () => {
    const once = { ...rules, observations: 1 };

    expect(observed([0], { rules: once }).due).toEqual([]);
    expect(observed([0, minutes(29)], { rules: once }).due).toEqual([]);
    expect(observed([0, minutes(30)], { rules: once }).due).toEqual([a]);
  });

  it("begins anew after it was seen once", () => {
    const before = observed([0, minutes(15)]);
    const seen = decide({ units: [], missing: before.missing, now: later(minutes(20)) });
    const after = decide({ missing: seen.missing, now: later(minutes(30)) });

    expect(seen.missing).toEqual({});
    expect(after.missing).toMatchObject({ "1/mp-a": { observations: 1, waited: 0 } });
  });

  it("is counted by its id and its name: an Application under another name is another", () => {
    const before = observed([0, minutes(15)]);

    const renamed = decide({ units: [{ ...a, name: "mp-z" }], missing: before.missing, now: later(minutes(30)) });

    expect(renamed.missing).toEqual({ "1/mp-z": expect.objectContaining({ observations: 1 }) });
  });
});

describe("an old name whose owner is listed under another one", () => {
  const renamed = anEstate([anApplicationNamed("mp-z", 1)]);
  const owner = { ...a, id: renamed.applications[0]?.id ?? "" };

  it("waits by its own count: how long it has waited says nothing about an owner who goes then", () => {
    const before = observed([0, minutes(15), minutes(30)], { units: [owner], estate: renamed });

    const gone = decide({ units: [owner], missing: before.missing, now: later(minutes(45)) });
    const back = decide({ units: [owner], missing: gone.missing, estate: renamed, now: later(minutes(60)) });

    expect(before.due).toEqual([owner]);
    expect(gone).toMatchObject({ due: [], held: [{ name: "mp-a", reason: "MissingTooBriefly" }] });
    expect(Object.values(gone.missing)).toMatchObject([{ observations: 1 }]);
    expect(Object.values(back.missing)).toMatchObject([{ observations: 1 }]);
  });
});

describe("deletions that are due together", () => {
  const atOnce = { ...rules, observations: 1, over: 0 };
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ name: `mp-${index}`, id: `${index}`, secret: null }));

  it.each([
    [1, 1, 0],
    [1, 2, 0.2],
    [1, 4, 0.2],
    [1, 9, 0.2],
    [2, 10, 0.2],
    [2, 14, 0.2],
    [3, 15, 0.2],
    [10, 10, 1],
  ])("pass up to the limit: %d of %d with %d", (due, whole, limit) => {
    const decision = decide({ units: many(due), folders: committed(whole), rules: { ...atOnce, limit } });

    expect(decision.due).toHaveLength(due);
  });

  it.each([
    [2, 9, 0.2],
    [3, 10, 0.2],
    [2, 100, 0],
    [10, 10, 0.99],
  ])("are all held over it: %d of %d with %d", (due, whole, limit) => {
    const units = many(due);

    const decision = decide({ units, folders: committed(whole), rules: { ...atOnce, limit } });

    expect(decision.due).toEqual([]);
    expect(decision.held).toEqual(units.map((each) => ({ ...each, reason: "OverLimit", until: null })));
    expect(Object.keys(decision.missing)).toHaveLength(due);
  });

  it("do not count those that are not due yet", () => {
    const before = observed([0, minutes(15)]);

    const decision = decide({ units: [a, b, ...many(5)], missing: before.missing, now: later(minutes(30)) });

    expect(decision.due).toEqual([a]);
    expect(decision.held.map(({ reason }) => reason)).toEqual(Array.from({ length: 6 }, () => "MissingTooBriefly"));
  });

  it("stay due while they are held over the limit", () => {
    const units = many(3);
    const held = observed([0, minutes(15), minutes(30)], { units });

    const decision = decide({
      units,
      missing: held.missing,
      now: later(minutes(31)),
      rules: { ...rules, limit: 1 },
    });

    expect(held.held.every(({ reason }) => reason === "OverLimit")).toBe(true);
    expect(decision.due).toEqual(units);
  });
});

describe("Secrets that their Application has no more", () => {
  const secret = secretOf("mp-a", "1");

  it("go at once where the patience with credentials says so, whatever that with Applications is", () => {
    const decision = decide({ units: [a, secret] });

    expect(decision.due).toEqual([secret]);
    expect(decision.held).toEqual([{ ...a, reason: "MissingTooBriefly", until: later(minutes(30)) }]);
  });

  it("are held for a reason of their own, until the time that must pass at least", () => {
    const patient = { ...rules, observations: 1, over: 0, credentials: { observations: 2, over: minutes(10) } };

    expect(decide({ units: [a, secret], rules: patient })).toMatchObject({
      due: [a],
      held: [{ ...secret, reason: "CredentialsVanished", until: later(minutes(10)) }],
    });
    expect(observed([0, minutes(10)], { units: [secret], rules: patient })).toMatchObject({ due: [secret], held: [] });
  });

  it("are counted by the owner's id and their path, apart from their Application and from each other", () => {
    const { missing } = decide({ units: [a, secret, secretOf("mp-a", "1", "params-mp-a")] });

    expect(Object.keys(missing)).toEqual([
      "1/mp-a",
      "1/applications/mp-a/secrets/mp-a.yaml",
      "1/applications/mp-a/secrets/params-mp-a.yaml",
    ]);
  });
});

describe("the limit", () => {
  const atOnce = { ...rules, observations: 1, over: 0 };
  const folderUnits = (count: number): Unit[] =>
    Array.from({ length: count }, (_, index) => ({ name: `mp-${index}`, id: `${index}`, secret: null }));
  const secretUnits = (count: number): Unit[] =>
    Array.from({ length: count }, (_, index) => secretOf("mp-0", "0", `s-${index}`));
  let serial = 0;
  const aRecord = (changes: Partial<DeletionRecord> = {}): DeletionRecord => ({
    serial: ++serial,
    at: later(-minutes(60)).toISOString(),
    applications: 0,
    secrets: 0,
    ofApplications: 10,
    ofSecrets: 10,
    ...changes,
  });
  const day = minutes(24 * 60);
  const isHeld = (
    units: readonly Unit[],
    deletions: readonly DeletionRecord[],
    changes: Partial<DeletionInput> = {},
  ) => {
    const { due, held } = decide({ units, rules: atOnce, owned: { trusted: true, deletions }, ...changes });
    expect(due.length === 0 || held.length === 0).toBe(true);
    expect(held.every(({ reason, until }) => reason === "OverLimit" && until === null)).toBe(true);
    return held.length > 0;
  };

  it.each([
    ["Applications and Secrets each up to theirs", 2, 2, false],
    ["an Application too many", 3, 2, true],
    ["a Secret too many", 2, 3, true],
    ["no Application at all, but Secrets too many", 0, 3, true],
  ])("counts Applications and Secrets apart: %s", (_, applications, secrets, expected) => {
    expect(isHeld([...folderUnits(applications), ...secretUnits(secrets)], [])).toBe(expected);
  });

  it("holds the units of both kinds when one kind exceeds it", () => {
    const units = [...folderUnits(1), ...secretUnits(3)];

    expect(decide({ units, rules: atOnce }).held.map(({ name, secret }) => [name, secret])).toEqual(
      units.map(({ name, secret }) => [name, secret]),
    );
  });

  it("counts what went within the day", () => {
    const before = [aRecord({ applications: 1, secrets: 2 })];

    expect(isHeld(folderUnits(1), before)).toBe(false);
    expect(isHeld(folderUnits(2), before)).toBe(true);
    expect(isHeld(secretUnits(1), before)).toBe(true);
    expect(isHeld(folderUnits(1), [...before, aRecord({ applications: 1 })])).toBe(true);
  });

  it("does not mind what one kind used up while nothing of it is due", () => {
    expect(isHeld(folderUnits(1), [aRecord({ secrets: 10 })])).toBe(false);
    expect(isHeld(secretUnits(1), [aRecord({ applications: 10 })])).toBe(false);
  });

  it.each([
    ["one millisecond ago", -1, true],
    ["one millisecond less than a day ago", -day + 1, true],
    ["a day ago", -day, false],
    ["a year ago", -365 * day, false],
    ["in the future, since the clock was set back", day, true],
    ["far in the future", 365 * day, true],
  ])("counts a record of %s: %s", (_, moment, counts) => {
    expect(isHeld(folderUnits(1), [aRecord({ at: later(moment).toISOString(), applications: 2 })])).toBe(counts);
  });

  it("counts a record of the future from now on, and so for one day", () => {
    const future = aRecord({ at: later(365 * day).toISOString(), applications: 2 });
    const met = { ...future, at: noon.toISOString() };

    expect(ofTheDay([future], [], noon)).toEqual([met]);
    expect(ofTheDay([], [future], noon)).toEqual([met]);
    // What is dated otherwise in Git and in the memory, since one of both was written after the clock was set back.
    for (const at of [later(minutes(5)), later(day - 1)]) {
      expect(ofTheDay([future], [met], at)).toEqual([met]);
      expect(ofTheDay([met], [future], at)).toEqual([met]);
    }
    expect(ofTheDay([future], [met], later(day))).toEqual([]);
  });

  it("counts what is remembered and Git does not tell, and what both tell once", () => {
    const record = aRecord({ applications: 1 });

    expect(isHeld(folderUnits(2), [], { remembered: [record] })).toBe(true);
    expect(isHeld(folderUnits(1), [record], { remembered: [record] })).toBe(false);
    // Another one in the same moment, of as many.
    expect(isHeld(folderUnits(1), [record], { remembered: [{ ...record, serial: record.serial + 1000 }] })).toBe(true);
  });

  it("counts each of those that tell no serial", () => {
    const [one, other] = [0, 30].map((ago) => aRecord({ serial: 0, at: later(-minutes(ago)).toISOString() }));
    if (one === undefined || other === undefined) throw new TypeError();

    expect(ofTheDay([one, other], [one], noon)).toEqual([other, one]);
  });

  it("is a share of what was committed when the day began, however little is left", () => {
    const folders = committed(4, 4);
    const before = [
      aRecord({ applications: 1, secrets: 1, ofApplications: 20, ofSecrets: 20 }),
      aRecord({ ofApplications: 1, ofSecrets: 1 }),
    ];

    expect(isHeld([...folderUnits(3), ...secretUnits(3)], before, { folders })).toBe(false);
    expect(isHeld(folderUnits(4), before, { folders })).toBe(true);
    expect(isHeld(secretUnits(4), before, { folders })).toBe(true);
  });

  it("is a share of what is committed now where the records are older than a day", () => {
    const old = [aRecord({ at: later(-day).toISOString(), ofApplications: 1000, ofSecrets: 1000 })];

    expect(isHeld(folderUnits(2), old)).toBe(false);
    expect(isHeld(folderUnits(3), old)).toBe(true);
    expect(isHeld(secretUnits(3), old)).toBe(true);
  });

  it("lets one of each kind go in a day, and not in every cycle", () => {
    const none = { rules: { ...atOnce, limit: 0 } };

    expect(isHeld([...folderUnits(1), ...secretUnits(1)], [], none)).toBe(false);
    expect(isHeld(folderUnits(1), [aRecord({ applications: 1 })], none)).toBe(true);
    expect(isHeld(secretUnits(1), [aRecord({ secrets: 1 })], none)).toBe(true);
    expect(isHeld(folderUnits(1), [aRecord({ at: later(-day).toISOString(), applications: 1 })], none)).toBe(false);
  });

  it("is never exceeded in any day, whatever comes due when", () => {
    const steps = fc.array(fc.record({ wait: fc.integer({ min: 0, max: 36 }), due: fc.integer({ min: 0, max: 8 }) }), {
      maxLength: 20,
    });

    fc.assert(
      fc.property(steps, fc.constantFrom(0, 0.2, 0.5), (all, limit) => {
        let deletions: DeletionRecord[] = [];
        let left = 20;
        let moment = 0;
        for (const { wait, due: wanted } of all) {
          moment += wait * minutes(60);
          const now = later(moment);
          const folders = committed(left);
          const units = folderUnits(Math.min(wanted, left));
          const { due } = decide({
            units,
            folders,
            now,
            rules: { ...atOnce, limit },
            owned: { trusted: true, deletions },
          });
          if (due.length === 0) continue;
          const record = aRecord({ at: now.toISOString(), applications: due.length, ofApplications: left });
          deletions = [...deletions, record].filter(({ at }) => now.getTime() - Date.parse(at) < day);
          left -= due.length;
          const went = deletions.reduce((sum, each) => sum + each.applications, 0);
          expect(went).toBeLessThanOrEqual(Math.max(1, limit * (deletions[0]?.ofApplications ?? 0)));
        }
      }),
      runs(300),
    );
  });
});

describe("a cycle that deletes nothing at all", () => {
  it.each<[string, Partial<DeletionInput>]>([
    ["UpsertOnly", { rules: { ...rules, mode: "upsert-only" } }],
    ["EmptyAnswer", { estate: nobody }],
    ["InventoryRebuilt", { owned: { trusted: false, deletions: [] } }],
  ])("says why: %s, and counts no observation meanwhile", (reason, changes) => {
    const before = observed([0, minutes(15)]);

    const decision = decide({ missing: before.missing, now: later(minutes(60)), units: [a, b], ...changes });

    expect(decision.due).toEqual([]);
    expect(decision.held).toEqual([a, b].map((each) => ({ ...each, reason, until: null })));
    expect(decision.missing).toEqual(before.missing);
  });

  it("holds an empty answer for ever", () => {
    expect(observed([0, minutes(15), minutes(30), minutes(6000)], { estate: nobody }).held).toMatchObject([
      { reason: "EmptyAnswer", until: null },
    ]);
  });

  it("forgets who was seen all the same", () => {
    const before = observed([0, minutes(15)]);

    expect(decide({ units: [b], missing: before.missing, estate: nobody }).missing).toEqual({});
  });

  it("names the first reason of several", () => {
    const all = {
      rules: { ...rules, mode: "upsert-only" },
      estate: nobody,
      owned: { trusted: false, deletions: [] },
    } as const;

    expect(decide(all).held).toMatchObject([{ reason: "UpsertOnly" }]);
    expect(decide({ ...all, rules }).held).toMatchObject([{ reason: "InventoryRebuilt" }]);
    expect(decide({ ...all, rules, owned: { trusted: true, deletions: [] } }).held).toMatchObject([
      { reason: "EmptyAnswer" },
    ]);
  });

  it("has nothing to hold where nothing is missing", () => {
    expect(decide({ units: [], estate: nobody })).toEqual({ due: [], held: [], missing: {} });
  });
});

describe("what would go", () => {
  const sync = { mode: "sync" } as const;
  const nothing = () => false;
  /** Applications as Git has them: a folder each, with the Secret of its bundle. */
  const folderOf = (number: number, name: string, rows: readonly InventoryFile[] = []): [string, Folder] => {
    const id = uuid(number);
    return [name, { id, rows: [aRow(`applications/${name}/application.yaml`, id), ...rows] }];
  };
  const credentials = (name: string, number: number) =>
    aRow(pathOf(name, `${name}-${uuid(100 + number)}`), uuid(number), { reference: referenceTo(number) });
  const referenceTo = (number: number): SecretReference => ({
    bundle: uuid(100 + number),
    type: "Basic",
    keys: ["username", "password"],
    authenticationURL: null,
    csrfTokenEndpointURL: null,
    hosts: [],
    values: null,
  });
  const without = (name: string, number: number) =>
    anApplication({ id: uuid(number), name, bundles: [aBundle({ id: uuid(100 + number) })] });

  it("is the folder of who is not listed, and nothing of who is", () => {
    const folders = new Map([folderOf(1, "mp-a", [credentials("mp-a", 1)]), folderOf(2, "mp-b")]);

    expect(gatherUnits({ ...sync, folders, estate: anEstate([anApplicationNamed("mp-a", 1)]) }, nothing)).toEqual([
      { name: "mp-b", id: uuid(2), secret: null },
    ]);
  });

  it("is the old folder of who has another name now, but not what somebody else goes on under", () => {
    const folders = new Map([folderOf(1, "mp-a"), folderOf(2, "mp-b")]);
    const estate = anEstate([anApplicationNamed("mp-z", 1), anApplicationNamed("mp-b", 3)]);

    expect(gatherUnits({ ...sync, folders, estate }, nothing)).toEqual([{ name: "mp-a", id: uuid(1), secret: null }]);
  });

  it("is the folder of who is not known, unless somebody has the name", () => {
    const folders = new Map([["mp-a", { id: "", rows: [] }] as const]);

    expect(gatherUnits({ ...sync, folders, estate: listed }, nothing)).toEqual([
      { name: "mp-a", id: "", secret: null },
    ]);
    expect(gatherUnits({ ...sync, folders, estate: anEstate([anApplicationNamed("mp-a", 1)]) }, nothing)).toEqual([]);
  });

  it("is nothing of those that are set aside", () => {
    const folders = new Map([folderOf(1, "mp-a", [credentials("mp-a", 1)]), folderOf(2, "mp-b")]);
    const estate = anEstate([
      anApplicationNamed("MP_A!", 1),
      anApplicationNamed("mp-c", 2),
      anApplicationNamed("mp-c", 3),
    ]);

    expect(estate.setAside).toHaveLength(3);
    expect(gatherUnits({ ...sync, folders, estate }, nothing)).toEqual([]);
  });

  it("is nothing of those that are left alone, under the old name and under the new one", () => {
    const folders = new Map([folderOf(1, "mp-a"), folderOf(2, "mp-b"), folderOf(3, "mp-c")]);
    const estate = anEstate([anApplicationNamed("mp-z", 2)]);

    expect(gatherUnits({ ...sync, folders, estate }, (name) => ["mp-a", "mp-z"].includes(name))).toEqual([
      { name: "mp-c", id: uuid(3), secret: null },
    ]);
  });

  it("is each Secret that a listed Application has no more, by its path", () => {
    const { path } = credentials("mp-a", 1);
    const folders = new Map([folderOf(1, "mp-a", [credentials("mp-a", 1)])]);

    expect(gatherUnits({ ...sync, folders, estate: anEstate([without("mp-a", 1)]) }, nothing)).toEqual([
      { name: "mp-a", id: uuid(1), secret: path },
    ]);
    expect(gatherUnits({ ...sync, folders, estate: anEstate([anApplicationNamed("mp-a", 1)]) }, nothing)).toEqual([]);
  });

  it("is no Secret of somebody else's in the folder, nor of an Application that goes as a whole", () => {
    const foreign = aRow(pathOf("mp-a", "x"), uuid(7));
    const nobodys = { ...aRow(pathOf("mp-a", "y"), ""), id: null };
    const rule = aRow("applications/mp-a/apirules/z.yaml", uuid(1));
    const estate = anEstate([without("mp-a", 1)]);

    // Of unknown owner is what an inventory that was rebuilt could not tell: it waits as if it were its own.
    expect(
      gatherUnits({ ...sync, folders: new Map([folderOf(1, "mp-a", [foreign, nobodys, rule])]), estate }, nothing),
    ).toEqual([{ name: "mp-a", id: uuid(1), secret: nobodys.path }]);
    // Where nothing is ever deleted, it was left behind by a former owner of the name.
    expect(
      gatherUnits({ mode: "upsert-only", folders: new Map([folderOf(1, "mp-a", [nobodys])]), estate }, nothing),
    ).toEqual([]);
    const folders = new Map([folderOf(3, "mp-c", [credentials("mp-c", 3)])]);
    expect(gatherUnits({ ...sync, folders, estate }, nothing)).toEqual([{ name: "mp-c", id: uuid(3), secret: null }]);
  });

  it("is all Secrets of a former owner, where the one that has its name now has fewer", () => {
    const foreign = aRow(pathOf("mp-a", "x"), uuid(7));
    const folders = new Map([folderOf(2, "mp-a", [credentials("mp-a", 2), foreign])]);
    const anew = anEstate([without("mp-a", 1)]);
    const swapped = anEstate([without("mp-a", 1), anApplicationNamed("mp-z", 2)]);

    expect(gatherUnits({ ...sync, folders, estate: anew }, nothing)).toEqual([
      { name: "mp-a", id: uuid(2), secret: credentials("mp-a", 2).path },
    ]);
    expect(gatherUnits({ ...sync, folders, estate: anEstate([anApplicationNamed("mp-a", 1)]) }, nothing)).toEqual([]);
    // Its owner has another name, and its credentials: it takes them with it.
    expect(gatherUnits({ ...sync, folders, estate: swapped }, nothing)).toEqual([]);
    expect(gatherUnits({ mode: "upsert-only", folders, estate: anew }, nothing)).toEqual([]);
  });

  it("is not a Secret that stands under another name than the agent's own, while it is for the same bundle", () => {
    const renamed = aRow(pathOf("mp-a", "chosen-by-a-template"), uuid(1), { reference: referenceTo(1) });

    const folders = new Map([folderOf(1, "mp-a", [renamed])]);

    expect(gatherUnits({ ...sync, folders, estate: anEstate([anApplicationNamed("mp-a", 1)]) }, nothing)).toEqual([]);
  });

  describe("and is seen by a second look", () => {
    const unit = { name: "mp-a", id: uuid(1), secret: null };
    const secret = { ...unit, secret: credentials("mp-a", 1).path };
    const folders = new Map([folderOf(1, "mp-a", [credentials("mp-a", 1)])]);
    const first = { folders, estate: listed };

    it.each([
      ["the Application is listed", anEstate([anApplicationNamed("mp-a", 1)]), true],
      ["it is listed under another name", anEstate([anApplicationNamed("mp-z", 1)]), true],
      ["it is set aside", anEstate([anApplicationNamed("MP_A!", 1)]), true],
      ["another Application has the name", anEstate([anApplicationNamed("mp-a", 2)]), false],
      ["nobody is listed", nobody, false],
    ])("%s: %s", (_, second, expected) => {
      expect(isSeen(unit, first, second)).toBe(expected);
    });

    it("under its old name again, where the first look showed a new one", () => {
      const renamed = { folders, estate: anEstate([anApplicationNamed("mp-z", 1)]) };

      expect(isSeen(unit, renamed, anEstate([anApplicationNamed("mp-z", 1)]))).toBe(false);
      expect(isSeen(unit, renamed, anEstate([anApplicationNamed("mp-y", 1)]))).toBe(false);
      expect(isSeen(unit, renamed, anEstate([anApplicationNamed("mp-a", 1)]))).toBe(true);
    });

    it("where a Secret is given again", () => {
      expect(isSeen(secret, first, anEstate([anApplicationNamed("mp-a", 1)]))).toBe(true);
      expect(isSeen(secret, first, anEstate([without("mp-a", 1)]))).toBe(false);
      expect(isSeen(secret, first, nobody)).toBe(false);
      expect(
        isSeen({ ...secret, secret: pathOf("mp-a", "gone") }, first, anEstate([anApplicationNamed("mp-a", 1)])),
      ).toBe(false);
      expect(isSeen({ ...secret, name: "mp-gone" }, first, anEstate([anApplicationNamed("mp-a", 1)]))).toBe(false);
    });

    it("by what is said of its own Application alone", () => {
      const other = anApplicationNamed("mp-0", 2);
      const setAside = anApplicationNamed("MP_0!", 2);

      expect(isSeen(secret, first, anEstate([other, anApplicationNamed("mp-a", 1)]))).toBe(true);
      expect(isSeen(secret, first, anEstate([other, without("mp-a", 1)]))).toBe(false);
      expect(isSeen(secret, first, anEstate([{ ...without("mp-0", 2) }, anApplicationNamed("mp-a", 1)]))).toBe(true);
      expect(isSeen(secret, first, anEstate([setAside, without("mp-a", 1)]))).toBe(false);
      expect(isSeen(secret, first, anEstate([anApplicationNamed("MP_A!", 1)]))).toBe(true);
    });
  });
});

describe("what Git holds", () => {
  it("is counted by folders and by Secrets, and nothing else of them", () => {
    const rows = [
      aRow("applications/mp-a/application.yaml", "1"),
      aRow("applications/mp-a/apirules/r.yaml", "1"),
      aRow(pathOf("mp-a", "s"), "1"),
      aRow(pathOf("mp-a", "t"), "1"),
    ];
    const folders = new Map<string, Folder>([
      ["mp-a", { id: "1", rows }],
      ["mp-b", { id: "", rows: [aRow(pathOf("mp-b", "u"), "2")] }],
    ]);

    expect(committedCounts(folders)).toEqual({ applications: 2, secrets: 3 });
    expect(committedCounts(new Map())).toEqual({ applications: 0, secrets: 0 });
  });
});
