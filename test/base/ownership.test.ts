import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  type Base,
  foldersOf,
  formatInventory,
  INVENTORY_PATH,
  type Inventory,
  type InventoryFile,
  type OwnershipOptions,
  ownedFiles,
  type Remembered,
  sealKeyID,
} from "../../src/base/index.js";
import type { DeletionRecord } from "../../src/state/index.js";
import {
  aBase,
  anApplicationNamed,
  applied,
  aSnapshot,
  atOnce,
  blobID,
  cycle,
  later,
  minutes,
  noon,
  RUNTIME,
  sealKey,
  type Tree,
  uuid,
} from "../builders.js";

const otherKey = Buffer.alloc(32, 8);
const bytes = (text: string) => Buffer.from(text);
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

const kustomizationOf = (paths: readonly string[]) => `resources:\n${paths.map((path) => `  - ${path}\n`).join("")}`;

/** What the agent remembers of its third commit. */
const rememberedOf = (
  ids: Readonly<Record<string, string>>,
  trees: Readonly<Record<string, string>> = {},
): Remembered => ({
  serial: 3,
  ids: new Map(Object.entries(ids)),
  trees: new Map(Object.entries(trees)),
});

const treeOf = (files: Readonly<Record<string, string>>): Tree =>
  new Map(Object.entries(files).map(([path, text]) => [path, bytes(text)]));

const aRecord: DeletionRecord = {
  serial: 6,
  at: later(-minutes(60)).toISOString(),
  applications: 1,
  secrets: 2,
  ofApplications: 13,
  ofSecrets: 14,
};

/** What the agent of this runtime says of a base. */
const owned = (base: Base, options: Partial<OwnershipOptions> = {}) =>
  ownedFiles(base, { runtimeID: RUNTIME, tenant: null, sealKey, now: noon, ...options });

const inventoryOf = (
  owner: string,
  key = sealKey,
  formerSealKeys: readonly string[] = [],
  changes: Partial<Inventory> = {},
) =>
  formatInventory(
    {
      owner,
      tenant: null,
      serial: 17,
      deletions: [],
      sealKey: sealKeyID(key),
      formerSealKeys,
      files: [{ path: "kustomization.yaml", id: null, blob: blobID(bytes("k")), sha256: sha256("k") }],
      ...changes,
    },
    key,
  );

const withInventory = (inventory: Buffer, files: Readonly<Record<string, string>> = {}): Base =>
  aBase(new Map([...treeOf({ "kustomization.yaml": "k", ...files }), [INVENTORY_PATH, inventory]]));

const application = (id: string) => `spec:\n  compassMetadata:\n    applicationId: ${id}\n`;

describe("a path without an inventory", () => {
  it("is ours where there is nothing, or nothing that is in the way", async () => {
    const nothing = {
      files: [],
      serial: 0,
      deletions: [],
      tenant: null,
      formerSealKeys: [],
      trusted: true,
      broughtBack: new Set(),
      isMixed: false,
      note: null,
    };

    expect(await owned(aBase())).toEqual(nothing);
    expect(await owned(aBase(treeOf({ "README.md": "a", "applications/x/application.yaml": "b" })))).toEqual(nothing);
  });

  it.each(["kustomization.yaml", "revision.yaml", ".runtime-agent/.gitattributes"])(
    "cannot be used where somebody else has a %s",
    async (path) => {
      await expect(owned(aBase(treeOf({ [path]: "a" })))).rejects.toMatchObject({
        name: "Failure",
        code: "BaseUnusable",
        stage: "base",
        retryable: false,
        message: `git.path holds a ${path}, and no inventory that says it is the agent's`,
      });
    },
  );

  it("cannot be used where Applications of the agent stand: without an inventory nobody would list them", async () => {
    const { tree } = await cycle(new Map(), aSnapshot([anApplicationNamed("mp-a", 1)]));
    const applications = new Map([...tree].filter(([path]) => path.startsWith("applications/")));

    await expect(owned(aBase(applications))).rejects.toMatchObject({
      code: "BaseUnusable",
      message: "git.path holds Applications of the agent, and no inventory that says it is the agent's",
    });
    const edited = aBase(new Map([["applications/mp-a/application.yaml", bytes("mine")]]));
    expect(await owned(edited)).toMatchObject({ files: [] });
    const published = rememberedOf({ "mp-a": uuid(1) });
    await expect(owned(edited, { published })).rejects.toMatchObject({ code: "BaseUnusable" });
  });

  it.each(["kustomization.yml", "Kustomization"])(
    "cannot be used beside a %s, with an inventory or without",
    async (path) => {
      const { tree } = await cycle(new Map(), aSnapshot([]));

      for (const others of [new Map(), tree]) {
        await expect(owned(aBase(new Map([...others, [path, bytes("resources: []\n")]])))).rejects.toMatchObject({
          code: "BaseUnusable",
          message: expect.stringContaining(`git.path holds a ${path}`),
          hint: expect.stringContaining(`move ${path}`),
        });
      }
    },
  );
});

describe("a path with an inventory that verifies", () => {
  it("is what the inventory says", async () => {
    const found = await owned(
      withInventory(inventoryOf(RUNTIME, sealKey, ["0123456789abcdef"], { tenant: "t", deletions: [aRecord] })),
    );

    expect(found).toEqual({
      files: [{ path: "kustomization.yaml", id: null, blob: blobID(bytes("k")), sha256: sha256("k") }],
      serial: 17,
      deletions: [aRecord],
      tenant: "t",
      formerSealKeys: ["0123456789abcdef"],
      trusted: true,
      broughtBack: new Set(),
      isMixed: false,
      note: null,
    });
  });

  it("is another agent's when it names another runtime", async () => {
    await expect(owned(withInventory(inventoryOf("canary")))).rejects.toMatchObject({
      code: "TwoAgents",
      stage: "base",
      retryable: false,
      message: expect.not.stringContaining("canary"),
    });
  });
});

describe("a path of another tenant", () => {
  const ofTenant = (tenant: string | null) => withInventory(inventoryOf(RUNTIME, sealKey, [], { tenant }));

  it("is another agent's, though the runtime is the same", async () => {
    await expect(owned(ofTenant("canary"), { tenant: "t" })).rejects.toMatchObject({
      code: "TwoAgents",
      stage: "base",
      message: "git.path belongs to the agent of another tenant",
      hint: expect.stringMatching(/runtime\.tenant.*sync --take-over 0f2c1b1e-/),
    });
  });

  it.each([
    ["t", "t"],
    ["t", null],
    [null, "t"],
    [null, null],
  ])("is none where the inventory names %s and the configuration %s", async (named, tenant) => {
    expect(await owned(ofTenant(named), { tenant })).toMatchObject({ tenant: named, trusted: true, note: null });
  });

  it("is taken over by the runtime id that both have", async () => {
    expect(await owned(ofTenant("canary"), { tenant: "t", takeOver: RUNTIME })).toMatchObject({
      trusted: false,
      serial: 17,
      note: "git.path is taken over from another tenant; nothing is deleted in this cycle",
    });
  });
});

describe("a path that a person takes over", () => {
  it("is ours with all that its inventory says, but nothing is deleted in the cycle", async () => {
    const changes = { deletions: [aRecord], serial: 4 };
    const base = withInventory(inventoryOf("other", sealKey, ["0123456789abcdef"], changes));

    expect(await owned(base, { takeOver: "other" })).toEqual({
      files: [{ path: "kustomization.yaml", id: null, blob: blobID(bytes("k")), sha256: sha256("k") }],
      serial: 4,
      deletions: [aRecord],
      tenant: null,
      formerSealKeys: ["0123456789abcdef"],
      trusted: false,
      broughtBack: new Set(),
      isMixed: false,
      note: "git.path is taken over from another runtime; nothing is deleted in this cycle",
    });
  });

  it("is rebuilt where another key wrote it, a later version, or somebody who took it over from us", async () => {
    const bases = [
      [withInventory(inventoryOf("other", otherKey)), "other"],
      [withInventory(inventoryOf(RUNTIME, otherKey, [sealKeyID(sealKey)])), RUNTIME],
      [withInventory(bytes(`{"version":2,"owner":"${RUNTIME}"}`)), RUNTIME],
    ] as const;

    for (const [base, takeOver] of bases) {
      expect(await owned(base, { takeOver })).toMatchObject({
        files: [{ path: "kustomization.yaml" }],
        trusted: false,
        broughtBack: new Set(),
        isMixed: false,
        note: expect.stringMatching(/taken over from another agent.*nothing is deleted in this cycle$/),
      });
    }
  });

  it("is only that of the runtime named", async () => {
    const bases = [withInventory(inventoryOf("other")), withInventory(inventoryOf("other", otherKey))];

    for (const base of bases) {
      for (const takeOver of ["somebody", RUNTIME, ""]) {
        await expect(owned(base, { takeOver })).rejects.toMatchObject({ code: "TwoAgents" });
      }
    }
    await expect(owned(withInventory(bytes("{}")), { takeOver: "other" })).rejects.toMatchObject({
      code: "InventoryUnusable",
    });
  });

  it("is no take-over where it was ours before: the command may be given again", async () => {
    expect(await owned(withInventory(inventoryOf(RUNTIME)), { takeOver: RUNTIME })).toMatchObject({
      trusted: true,
      broughtBack: new Set(),
      isMixed: false,
      note: null,
    });
  });

  it("shows an owner in the hint only where it is an id", async () => {
    await expect(owned(withInventory(inventoryOf("x; rm -rf /\u001b[2J")))).rejects.toMatchObject({
      code: "TwoAgents",
      hint: expect.stringContaining("`sync --take-over OWNER`"),
    });
  });
});

describe("a path with an inventory that does not verify", () => {
  it("cannot be used when a later version wrote it, and says how to give up what that knew", async () => {
    await expect(owned(withInventory(bytes(`{"version":2,"owner":"${RUNTIME}"}`)))).rejects.toMatchObject({
      code: "InventoryUnusable",
      stage: "base",
      hint: expect.stringMatching(new RegExp(`a later one; .*\`sync --take-over ${RUNTIME}\``)),
    });
  });

  it("still counts what went within the day", async () => {
    const inventory = inventoryOf(RUNTIME, otherKey, [], { deletions: [aRecord] });

    expect((await owned(withInventory(inventory))).deletions).toEqual([aRecord]);
  });

  it("counts as if all that is there had gone today where that cannot be read", async () => {
    const files = {
      "applications/mp-a/application.yaml": "1",
      "applications/mp-a/secrets/s.yaml": "2",
      "applications/mp-a/secrets/t.yaml": "3",
      "applications/mp-a/apirules/r.yaml": "4",
      "applications/mp-b/application.yaml": "5",
      "applications/mp-c/notes.md": "6",
    };
    const listing = Object.keys(files).filter((path) => path.endsWith(".yaml"));

    const published = rememberedOf({ "mp-a": uuid(1), "mp-b": uuid(2) });
    const inventory = bytes(`{"version":1,"owner":"${RUNTIME}","deletions":7}`);
    const whole = { ...files, "kustomization.yaml": kustomizationOf(listing) };
    const { deletions } = await owned(withInventory(inventory, whole), { published });

    expect(deletions).toEqual([
      { serial: 0, at: noon.toISOString(), applications: 2, secrets: 2, ofApplications: 2, ofSecrets: 2 },
    ]);
  });

  it("that was tampered with twice stays ours: our own key is never a former one", async () => {
    const tampered = (tree: Tree): Tree => {
      const text = tree.get(INVENTORY_PATH)?.toString("utf8") ?? "";
      return new Map([...tree, [INVENTORY_PATH, bytes(text.replace(/"serial": \d+/, '"serial": 9999'))]]);
    };
    const snapshot = aSnapshot([anApplicationNamed("mp-a", 1)]);
    const first = await cycle(new Map(), snapshot);

    const second = await cycle(tampered(first.tree), snapshot, { memory: first.memory });
    const third = await cycle(tampered(second.tree), snapshot, { memory: second.memory });

    expect(aBase(tampered(second.tree)).inventory).toMatchObject({
      state: "unverified",
      sealKeys: [sealKeyID(sealKey)],
    });
    expect(aBase(third.tree).inventory).toMatchObject({ state: "verified", inventory: { formerSealKeys: [] } });
  });

  it("keeps the former keys of other agents, once each and without our own", async () => {
    const text = inventoryOf(RUNTIME, sealKey, ["0123456789abcdef", "fedcba9876543210"]).toString();

    const { formerSealKeys } = await owned(withInventory(bytes(text.replace('"serial": 17', '"serial": 18'))));

    expect(formerSealKeys).toEqual(["0123456789abcdef", "fedcba9876543210"]);
  });

  it("is told where it is older than files beside it, and not where it was put back with all of them", async () => {
    const [one, two] = [anApplicationNamed("mp-a", 1), anApplicationNamed("mp-b", 2)];
    const first = await cycle(new Map(), aSnapshot([one]));
    const second = await cycle(first.tree, aSnapshot([one, two]), { memory: first.memory });
    const published = rememberedOf({ "mp-a": uuid(1), "mp-b": uuid(2) });
    const mixed = new Map([...second.tree, [INVENTORY_PATH, first.tree.get(INVENTORY_PATH) ?? bytes("")]]);

    const noteOf = async (tree: Tree) => (await owned(aBase(tree), { published })).note;

    expect(await noteOf(mixed)).toMatch(
      /^somebody put an older inventory back beside files that are newer: these stay/,
    );
    expect(await noteOf(first.tree)).toBeNull();
    expect((await owned(aBase(mixed), { published: { ...published, serial: 1 } })).note).toBeNull();
  });

  it("has rows that tell of a changed Application that it is changed, and of a whole one what it refers to", async () => {
    const snapshot = aSnapshot([anApplicationNamed("mp-a", 1), anApplicationNamed("mp-b", 2)]);
    const { tree } = await cycle(new Map(), snapshot);
    const changed = "applications/mp-a/application.yaml";
    const edited = bytes((tree.get(changed) ?? "").toString().replace("Description not provided", "Mine"));

    const published = rememberedOf({ "mp-a": uuid(1), "mp-b": uuid(2) });
    const base = aBase(new Map([...tree, [changed, edited]]), otherKey);
    const { files } = await owned(base, { sealKey: otherKey, published });

    const row = (path: string) => files.find((each) => each.path === path);
    expect(row(changed)).toMatchObject({ id: uuid(1), blob: blobID(edited), written: "0".repeat(40) });
    expect(row("applications/mp-b/application.yaml")).not.toHaveProperty("written");
    for (const [name, number] of [
      ["mp-a", 1],
      ["mp-b", 2],
    ] as const) {
      expect(row(`applications/${name}/secrets/${name}-${uuid(100 + number)}.yaml`)?.reference).toEqual({
        bundle: uuid(100 + number),
        type: "Basic",
        keys: ["username", "password"],
        authenticationURL: null,
        csrfTokenEndpointURL: null,
        hosts: ["shop.example.com"],
        values: null,
      });
    }
  });

  it("is another agent's when it names another runtime", async () => {
    await expect(owned(withInventory(inventoryOf("other", otherKey)))).rejects.toMatchObject({
      code: "TwoAgents",
    });
  });

  it.each([
    ["is no JSON", "<<<<<<< HEAD"],
    ["names nobody", '{"version":1,"canary":1}'],
    ["is empty", ""],
  ])("cannot be used when it %s", async (_, text) => {
    await expect(owned(withInventory(bytes(text)))).rejects.toMatchObject({
      code: "InventoryUnusable",
      stage: "base",
      retryable: false,
      message: expect.not.stringMatching(/canary|HEAD/),
    });
  });

  const all = [
    "applications/mp-a/apirules/a.yaml",
    "applications/mp-a/application.yaml",
    "applications/mp-a/secrets/s.yaml",
    "applications/mp-b/application.yaml",
    "applications/mp-c/application.yaml",
    "applications/mp-d/secrets/s.yaml",
    "kustomization.yaml",
  ];
  const aRow = (path: string): InventoryFile => ({ path, id: null, blob: "a".repeat(40), sha256: "b".repeat(64) });

  it("leaves to somebody else what it does not list, unless that shows by itself that the agent wrote it", async () => {
    const { tree } = await cycle(new Map(), aSnapshot([anApplicationNamed("mp-a", 1)]));
    const foreign = [
      ["applications/mp-b/application.yaml", bytes(application(uuid(2)))],
      ["applications/mp-b/secrets/mine.yaml", bytes("mine")],
      ["applications/mp-a/configmaps/mine.yaml", bytes("mine")],
    ] as const;
    const base = withInventory(inventoryOf(RUNTIME, otherKey), {});
    const whole = aBase(new Map([...tree, ...foreign, [INVENTORY_PATH, await base.read(INVENTORY_PATH)]]));

    const { files } = await owned(whole);

    expect(files.map(({ path }) => path)).toEqual([
      "applications/mp-a/application.yaml",
      `applications/mp-a/secrets/mp-a-${uuid(101)}.yaml`,
      "kustomization.yaml",
    ]);
  });

  it.each([
    [
      "was written with another seal key",
      inventoryOf(RUNTIME, otherKey, [], { files: [...all].map(aRow) }),
      [sealKeyID(otherKey)],
    ],
    [
      "was changed",
      bytes(
        inventoryOf(RUNTIME, sealKey, [], { files: [...all].map(aRow) })
          .toString()
          .replace('"id":null', '"id":"x"'),
      ),
      [],
    ],
    ["is of no version at all", bytes(`{"version":null,"owner":"${RUNTIME}","deletions":[]}`), []],
  ])("is rebuilt from the tree when it %s and names us", async (_, inventory, former) => {
    const files = {
      "applications/mp-a/apirules/a.yaml": "rule",
      "applications/mp-a/application.yaml": application(uuid(1)),
      "applications/mp-a/secrets/s.yaml": "secret",
      "applications/mp-b/application.yaml": "half: [finished",
      "applications/mp-c/application.yaml": application("[1, 2]"),
      "applications/mp-d/secrets/s.yaml": "without an application",
      "applications/mp-a/notes.md": "not ours",
      "README.md": "not ours",
      "kustomization.yaml": kustomizationOf([...all].filter((path) => path.startsWith("applications/"))),
    };

    const numbers = { "mp-a": 1, "mp-b": 2, "mp-c": 3, "mp-d": 4 };
    const published = rememberedOf(
      Object.fromEntries(Object.entries(numbers).map(([name, number]) => [name, uuid(number)])),
    );
    const found = await owned(withInventory(inventory, files), { published });

    const row = (path: string, id: string | null, text: string, changes: Partial<InventoryFile> = {}) => ({
      path,
      id,
      blob: blobID(bytes(text)),
      sha256: sha256(text),
      ...changes,
    });
    // None of them holds its own digest: the agent did not write them like this.
    const changed = { written: "0".repeat(40) };
    expect(found).toEqual({
      files: [
        row("applications/mp-a/apirules/a.yaml", uuid(1), "rule"),
        row("applications/mp-a/application.yaml", uuid(1), application(uuid(1)), changed),
        row("applications/mp-a/secrets/s.yaml", uuid(1), "secret"),
        row("applications/mp-b/application.yaml", uuid(2), "half: [finished", changed),
        row("applications/mp-c/application.yaml", uuid(3), application("[1, 2]"), changed),
        row("applications/mp-d/secrets/s.yaml", uuid(4), "without an application"),
        row("kustomization.yaml", null, files["kustomization.yaml"]),
      ],
      serial: 0,
      deletions: [],
      tenant: null,
      formerSealKeys: former,
      trusted: false,
      broughtBack: new Set(),
      isMixed: false,
      note: expect.stringMatching(
        /^the inventory is rebuilt from the files, since its? .*; nothing is deleted in this cycle$/,
      ),
    });
  });

  describe("and lists what the agent did not write", () => {
    const mine = "applications/mine/application.yaml";
    const files = { [mine]: application(uuid(7)), "applications/mine/secrets/s.yaml": "mine" };
    const pathsOf = async (base: Base, published: Remembered | null) =>
      (await owned(base, { published })).files.map(({ path, id }) => `${path} ${id}`);
    const listing = withInventory(inventoryOf(RUNTIME, otherKey, [], { files: Object.keys(files).map(aRow) }), files);
    const unreadable = withInventory(bytes(`{"version":1,"owner":"${RUNTIME}","files":7}`), files);

    it("takes nothing of it, as far as it remembers what it wrote", async () => {
      for (const base of [listing, unreadable]) {
        expect(await pathsOf(base, rememberedOf({ "mp-a": uuid(1) }))).not.toContainEqual(
          expect.stringContaining("mine"),
        );
      }
    });

    it("takes what it always writes, and a canary that the kustomization lists, where the list cannot be read", async () => {
      const always = { "revision.yaml": "", ".runtime-agent/.gitattributes": "" };
      const asked = { "canary.yaml": "mine", ".runtime-agent/.sops.yaml": "mine", "theirs.yaml": "mine" };
      const broken = bytes(`{"version":1,"owner":"${RUNTIME}","files":7}`);
      const ownedWith = async (resources: readonly string[]) => {
        const kustomization = { "kustomization.yaml": kustomizationOf(resources) };
        const { files } = await owned(withInventory(broken, { ...kustomization, ...always, ...asked }));
        return files.map(({ path }) => path);
      };
      const taken = ["kustomization.yaml", ...Object.keys(always)];

      expect((await ownedWith([])).sort()).toEqual([...taken].sort());
      // What has no place in the agent's layout is nobody's, whatever lists it.
      expect((await ownedWith(["canary.yaml", "theirs.yaml"])).sort()).toEqual([...taken, "canary.yaml"].sort());
    });

    it("believes it where nothing is remembered, but not whose it is", async () => {
      expect(await pathsOf(listing, null)).toEqual([`${mine} null`, "applications/mine/secrets/s.yaml null"]);
      expect(await pathsOf(unreadable, null)).not.toContainEqual(expect.stringContaining("mine"));
    });
  });

  it("stops when another agent of the same runtime took over from us, so that the two do not write in turn for ever", async () => {
    const inventory = inventoryOf(RUNTIME, otherKey, [sealKeyID(sealKey)]);

    await expect(owned(withInventory(inventory))).rejects.toMatchObject({ code: "TwoAgents" });
  });

  it("finds again what the agent wrote, but for what it was made from", async () => {
    const { tree } = await cycle(new Map(), aSnapshot([anApplicationNamed("mp-a", 1), anApplicationNamed("mp-b", 2)]));
    const verified = await owned(aBase(tree));

    const rebuilt = await owned(aBase(tree, otherKey), { sealKey: otherKey });

    expect(rebuilt.trusted).toBe(false);
    expect(rebuilt.files).toEqual(
      verified.files.map(({ input: _input, fingerprint: _print, sealing: _sealing, reference, ...row }) =>
        reference === undefined ? row : { ...row, reference: { ...reference, values: null } },
      ),
    );
    expect(rebuilt.files.filter(({ reference }) => reference !== undefined)).toHaveLength(2);
  });

  it("holds an Application of unknown owner, and deletes nothing", async () => {
    const first = await cycle(new Map(), aSnapshot([anApplicationNamed("mp-a", 1)]));
    const tree = new Map([...first.tree, ["applications/mp-a/application.yaml", bytes("half: [finished")]]);

    const { plan } = await cycle(tree, aSnapshot([anApplicationNamed("mp-b", 2)]), { key: otherKey });

    expect(plan.held).toEqual([{ name: "mp-a", id: "", secret: null, reason: "InventoryRebuilt", until: null }]);
    expect(plan.deletes).toEqual([]);
    expect(applied(tree, plan).get("applications/mp-a/application.yaml")).toEqual(bytes("half: [finished"));
  });
});

describe("an Application that the agent deleted and a person brought back", () => {
  const manifest = "applications/mp-a/application.yaml";
  const secret = `applications/mp-a/secrets/mp-a-${uuid(101)}.yaml`;
  const deleted = new Map([["mp-a", uuid(1)]]);
  /** Its files are those of before, and the inventory does not list them. */
  const back = async (changes: Readonly<Record<string, string>> = {}): Promise<Base> => {
    const both = await cycle(new Map(), aSnapshot([anApplicationNamed("mp-a", 1), anApplicationNamed("mp-b", 2)]));
    const one = await cycle(both.tree, aSnapshot([anApplicationNamed("mp-b", 2)]), { rules: atOnce });
    return aBase(new Map([...both.tree, ...one.tree, ...treeOf(changes)]));
  };
  const pathsOf = ({ files }: { readonly files: readonly InventoryFile[] }) =>
    files.map(({ path }) => path).filter((path) => path.startsWith("applications/mp-a/"));

  it("is the agent's again, with its Secrets", async () => {
    const base = await back({ "applications/mp-a/secrets/mine.yaml": "mine" });

    const found = await owned(base, { deleted });

    expect(pathsOf(found)).toEqual([manifest, secret]);
    expect(found.files.find(({ path }) => path === secret)).toMatchObject({
      id: uuid(1),
      blob: base.listing.get(secret),
      reference: { bundle: uuid(101) },
    });
    expect(found).toMatchObject({ trusted: true, broughtBack: new Set(["mp-a"]) });
  });

  it("is nobody's where no deletion is remembered, or that of another one", async () => {
    for (const others of [new Map<string, string>(), new Map([["mp-a", uuid(3)]])]) {
      const found = await owned(await back(), { deleted: others });

      expect(pathsOf(found)).toEqual([]);
      expect(found.broughtBack).toEqual(new Set());
    }
  });

  it("is that person's where it is not what the agent wrote", async () => {
    const found = await owned(await back({ [manifest]: application(uuid(1)) }), { deleted });

    expect(pathsOf(found)).toEqual([]);
    expect(found.broughtBack).toEqual(new Set());
  });
});

describe("the folders of a base", () => {
  const row = (path: string, id: string | null): InventoryFile => ({
    path,
    id,
    blob: blobID(bytes(path)),
    sha256: sha256(path),
  });
  const paths = {
    common: row("kustomization.yaml", null),
    application: row("applications/mp-a/application.yaml", "1"),
    leftBehind: row("applications/mp-a/configmaps/c.yaml", null),
    secret: row("applications/mp-b/secrets/s.yaml", null),
    removed: row("applications/mp-c/application.yaml", "3"),
  };
  const nothing = {
    serial: 0,
    deletions: [],
    tenant: null,
    formerSealKeys: [],
    trusted: true,
    broughtBack: new Set<string>(),
    isMixed: false,
    note: null,
  };
  const files = [paths.common, paths.leftBehind, paths.application, paths.secret, paths.removed];
  const listing = new Map(files.filter((each) => each !== paths.removed).map(({ path, blob }) => [path, blob]));

  it("are those of our files that are there, by name, with the owner where it is known", () => {
    expect(foldersOf({ listing }, { ...nothing, files })).toEqual(
      new Map([
        ["mp-a", { id: "1", rows: [paths.leftBehind, paths.application] }],
        ["mp-b", { id: "", rows: [paths.secret] }],
      ]),
    );
  });

  it("are none of a file that is not ours", () => {
    expect(foldersOf({ listing }, { ...nothing, files: [] })).toEqual(new Map());
  });
});

it("a folder is whose its Application's own file says, whatever lies beside it", () => {
  const row = (path: string, id: string | null) => ({ path, id, blob: "a".repeat(40), sha256: "" });
  const [own, other] = ["applications/mp-a/application.yaml", "applications/mp-a/secrets/s.yaml"];
  const listing = new Map([own, other].map((path) => [path, "a".repeat(40)]));
  const ownerOf = (files: readonly InventoryFile[]) =>
    foldersOf({ listing }, { files } as Parameters<typeof foldersOf>[1]).get("mp-a")?.id;

  expect(ownerOf([row(other, "former"), row(own, "owner")])).toBe("owner");
  expect(ownerOf([row(own, null), row(other, "former")])).toBe("former");
  expect(ownerOf([row(own, null)])).toBe("");
});
