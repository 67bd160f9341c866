/** Random rows of changes in Compass, edits in Git, commands, faults and lost states, each cycle judged by a model of the rules. */

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { INVENTORY_PATH } from "../../src/base/index.js";
import { Failure } from "../../src/common/failure.js";
import type { Application, Snapshot } from "../../src/fetch/index.js";
import { learn, memoryFor, withLanded } from "../../src/plan/index.js";
import type { Memory } from "../../src/state/index.js";
import {
  aBundle,
  anAPI,
  anApplication,
  anAuth,
  aSnapshot,
  basic,
  type CycleResult,
  cycle,
  minutes,
  noMemory,
  noon,
  put,
  TARGET,
  type Tree,
  textOf,
  uuid,
} from "../builders.js";
import { runs, timeLimit } from "../common/property.js";
import { faults } from "./a-tree.js";
import {
  applicationPath,
  type DeletionRecord,
  folderOf,
  type Listed,
  ownPaths,
  ReferenceModel,
  readTree,
  type Settings,
  secretPath,
} from "./reference-model.js";

/** Two of them begin alike, so that the names of their Secrets do, and one is no name. */
const NAMES = [
  "mp-a",
  "mp-b",
  "mp-c",
  "mp-sap-commerce-cloud-production-eu",
  "mp-sap-commerce-cloud-production-us",
  "BAD NAME",
];
const FOREIGN = [
  "README.md",
  "applications/mp-a/notes.md",
  "applications/mp-b/application.yaml",
  "applications/mp-c/secrets/mine.yaml",
  // In the place of a folder, and as a folder in the place of a file.
  "applications/mp-a",
  "applications/mp-b/secrets",
  "applications/mp-c/application.yaml/notes.md",
];
const BLOCKING = FOREIGN.slice(-3);
const ANNOTATION = "    runtime-agent.kyma-project.io/reconcile: disabled\n";
const PASSWORDS = [null, "password one of them", "password two of them"];

const index = fc.nat({ max: 11 });
const name = fc.constantFrom(...NAMES);
const soundName = fc.constantFrom(...NAMES.slice(0, 5));

/** One thing that happens between two cycles; an index counts modulo what there is. */
const action = fc.oneof(
  // In Compass.
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("add" as const), number: fc.integer({ min: 1, max: 6 }), name }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("remove" as const), index }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("describe" as const), index, text: fc.constantFrom("One", "Two", "Three") }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("host" as const),
      index,
      host: fc.constantFrom("shop.example.com", "evil.example.net"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("credentials" as const), index, password: fc.constantFrom(...PASSWORDS) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("rename" as const), index, name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("swap" as const), index, other: index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("register again" as const), index }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("flaw" as const),
      index,
      flaw: fc.constantFrom<Listed["flaw"]>("control character", "unreadable", null),
    }),
  },
  // In Git.
  { weight: 2, arbitrary: fc.record({ do: fc.constant("edit" as const), index }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("remove file" as const), index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("remove folder" as const), name: soundName }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("foreign" as const), path: fc.constantFrom(...FOREIGN) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("put back" as const), index, age: fc.nat({ max: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("revert" as const), age: fc.nat({ max: 3 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("bring back" as const), name: soundName, age: fc.nat({ max: 3 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("inventory" as const),
      how: fc.constantFrom("tamper" as const, "format" as const, "garbage" as const, "remove" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restore the inventory" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("older inventory" as const), age: fc.nat({ max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("disable" as const), name: soundName, on: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("suspend file" as const),
      names: fc.option(fc.uniqueArray(soundName, { maxLength: 2 })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("approve file" as const), right: fc.boolean() }) },
  // By command.
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("approve" as const),
      right: fc.constantFrom(true, true, false),
      minutes: fc.constantFrom(10, 1440),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("suspend" as const), name: soundName }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("resume" as const), name: soundName }) },
  // To the agent.
  { weight: 1, arbitrary: fc.record({ do: fc.constant("lose state" as const), key: fc.boolean() }) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

/** How Compass is looked at: it may fail, answer nothing, also to the second look alone, or hide some from the first. */
const look = fc.oneof(
  { weight: 8, arbitrary: fc.constant({ see: "all" as const }) },
  { weight: 1, arbitrary: fc.constant({ see: "failure" as const }) },
  { weight: 1, arbitrary: fc.record({ see: fc.constant("nothing" as const), twice: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ see: "nothing the second time" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      see: fc.constant("some" as const),
      hidden: fc.uniqueArray(index, { minLength: 1, maxLength: 3 }),
      twice: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ see: fc.constant("no credentials" as const), index, twice: fc.boolean() }) },
);
type Look = typeof look extends fc.Arbitrary<infer T> ? T : never;

const step = fc.record({
  actions: fc.array(action, { maxLength: 3 }),
  look,
  // The agent is killed when it has pushed, and remembers nothing of that.
  isCut: fc.constantFrom(false, false, false, false, false, true),
  minutes: fc.constantFrom(5, 0, 1, 15, 16, 40, 24 * 60, 3 * 24 * 60, -60, -3 * 24 * 60),
});
type Begin = (typeof start extends fc.Arbitrary<infer T> ? T : never)[number];
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const settings: fc.Arbitrary<Settings> = fc.record({
  mode: fc.constantFrom("sync", "sync", "sync", "sync", "upsert-only"),
  observations: fc.integer({ min: 1, max: 3 }),
  over: fc.constantFrom(0, minutes(30)),
  limit: fc.constantFrom(1, 0.5, 0.2, 0),
  credentials: fc.record({ observations: fc.integer({ min: 1, max: 2 }), over: fc.constantFrom(0, minutes(10)) }),
  drift: fc.constantFrom("overwrite", "overwrite", "preserve", "preserve", "fail"),
  reverted: fc.constantFrom("hold", "hold", "overwrite"),
  destinationChange: fc.constantFrom("report", "hold"),
});

/** What there is to begin with, so that the first steps already have something to work on. */
const start = fc.uniqueArray(
  fc.record({ number: fc.integer({ min: 1, max: 6 }), name: soundName, password: fc.constantFrom(...PASSWORDS) }),
  { selector: ({ number }) => number, maxLength: 5 },
);

const listedOf = (number: number, name: string, password: string | null = "password one of them"): Listed => ({
  id: uuid(number),
  bundle: uuid(100 + number),
  name,
  description: "One",
  host: "shop.example.com",
  password,
  flaw: null,
});

const applicationOf = ({ id, bundle, name, description, host, password, flaw }: Listed): Application =>
  anApplication({
    id,
    name,
    description,
    auths: [flaw === "control character" ? "\u0007" : uuid(5)],
    bundles: [
      aBundle({
        id: bundle,
        apiDefinitions: [anAPI({ targetURL: `https://${host}/orders` })],
        defaultInstanceAuth: password === null ? null : anAuth({ credential: basic("user", password) }),
      }),
    ],
  });

const snapshotOf = (all: readonly Listed[]): Snapshot => ({
  ...aSnapshot(all.filter(({ flaw }) => flaw !== "unreadable").map(applicationOf)),
  unreadable: all.filter(({ flaw }) => flaw === "unreadable").map(({ id, name }) => ({ id, name })),
});

const at = <T>(all: readonly T[], index: number): T | undefined => all[index % Math.max(1, all.length)];

interface Commit {
  readonly tree: Tree;
  readonly records: readonly DeletionRecord[];
}

/** Compass, Git, the agent's state, and the model that watches. */
class World {
  readonly model = new ReferenceModel();
  compass: Listed[] = [];
  tree: Tree = new Map();
  /** The latest cycle began with it. */
  before: Tree = new Map();
  /** What the latest cycle saw first. */
  seen: readonly Listed[] = [];
  memory: Memory = noMemory;
  now = noon;
  settings: Settings;
  #records: readonly DeletionRecord[] = [];
  /** When each of them was met first, by serial: the clock may be set back. */
  #met = new Map<number, number>();
  /** Each as it was told first, by serial: while the clock is set back Git goes on to tell it so. */
  #told = new Map<number, DeletionRecord>();
  #key = 7;
  #cycles = 0;
  /** Files of ours after each commit, the latest last. */
  #commits: Commit[] = [{ tree: new Map(), records: [] }];
  /** The one that Git is at, by a commit of ours or by a revert, whatever else a person made of it. */
  #current: Commit = { tree: new Map(), records: [] };
  readonly #versions = new Map<string, Buffer[]>();
  readonly #hashes: string[] = ["0".repeat(32)];
  #registered = 10;

  constructor(settings: Settings) {
    this.settings = settings;
  }

  get key() {
    return Buffer.alloc(32, this.#key);
  }

  #change(index: number, changes: Partial<Listed>) {
    const chosen = at(this.compass, index);
    this.compass = this.compass.map((each) => (each === chosen ? { ...each, ...changes } : each));
  }

  #write(path: string, text: string | null) {
    this.tree = new Map(this.tree);
    if (text === null) this.tree.delete(path);
    else put(this.tree, path, Buffer.from(text));
  }

  #ourPaths() {
    const paths = new Set(this.#current.tree.keys());
    return [...this.tree.keys()].filter((path) => paths.has(path) && path !== INVENTORY_PATH);
  }

  #rightHash(right: boolean) {
    return right ? this.model.hold?.hash : this.#hashes.findLast((each) => each !== this.model.hold?.hash);
  }

  act(action: Action) {
    switch (action.do) {
      case "add":
        if (this.compass.every(({ id }) => id !== uuid(action.number)))
          this.compass = [...this.compass, listedOf(action.number, action.name)];
        return;
      case "remove": {
        const chosen = at(this.compass, action.index);
        this.compass = this.compass.filter((each) => each !== chosen);
        return;
      }
      case "describe":
        return this.#change(action.index, { description: action.text });
      case "host":
        return this.#change(action.index, { host: action.host });
      case "credentials":
        return this.#change(action.index, { password: action.password });
      case "rename":
        return this.#change(action.index, { name: action.name });
      case "swap": {
        const [one, other] = [at(this.compass, action.index), at(this.compass, action.other)];
        if (one === undefined || other === undefined) return;
        this.compass = this.compass.map((each) =>
          each === one ? { ...each, name: other.name } : each === other ? { ...each, name: one.name } : each,
        );
        return;
      }
      case "register again": {
        const number = ++this.#registered;
        return this.#change(action.index, { id: uuid(number), bundle: uuid(100 + number) });
      }
      case "flaw":
        return this.#change(action.index, { flaw: action.flaw });
      case "edit": {
        const path = at(this.#ourPaths(), action.index);
        if (path !== undefined) this.#write(path, `${textOf(this.tree, path)}# edited\n`);
        return;
      }
      case "remove file": {
        const path = at(this.#ourPaths(), action.index);
        if (path !== undefined) this.#write(path, null);
        return;
      }
      case "remove folder":
        for (const path of this.#ourPaths()) if (folderOf(path) === action.name) this.#write(path, null);
        return;
      case "foreign":
        if (this.tree.has(action.path)) return;
        return this.#write(
          action.path,
          `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${action.path.replace(/[^a-z]/g, "-")}\n`,
        );
      case "put back": {
        const changed = this.#ourPaths().filter((path) => (this.#versions.get(path)?.length ?? 0) > 1);
        const path = at(changed, action.index);
        const version = path === undefined ? undefined : this.#versions.get(path)?.at(-2 - action.age);
        if (path !== undefined && version !== undefined) this.#write(path, version.toString());
        return;
      }
      case "revert": {
        const commit = this.#commits.at(-2 - action.age);
        return commit === undefined ? undefined : this.#goTo(commit);
      }
      case "bring back": {
        // What was removed of one folder, as a commit of ours had it; what the agent deleted comes back by a revert.
        const { published, underway } = this.memory;
        if ([published, underway].some((each) => each?.applications[action.name]?.tree === "")) return;
        const files = [...(this.#commits.at(-1 - action.age)?.tree ?? [])];
        const listed = this.compass.find(({ name }) => name === action.name);
        const isOver = (path: string) =>
          path.includes("/secrets/") && (listed?.password == null || secretPath(listed) !== path);
        for (const [path, bytes] of files) {
          if (folderOf(path) !== action.name || this.tree.has(path) || isOver(path)) continue;
          this.#write(path, bytes.toString());
        }
        return;
      }
      case "inventory": {
        if (!this.tree.has(INVENTORY_PATH)) return;
        const text = textOf(this.tree, INVENTORY_PATH);
        if (action.how === "remove") {
          this.#write(INVENTORY_PATH, null);
        } else if (action.how === "garbage") this.#write(INVENTORY_PATH, "garbage\n");
        else if (action.how === "tamper") this.#write(INVENTORY_PATH, text.replace(/"sha256":"..../, '"sha256":"0000'));
        else if (readTree(this.tree, this.key).state === "verified")
          this.#write(INVENTORY_PATH, JSON.stringify(JSON.parse(text)));
        return;
      }
      case "restore the inventory":
        return this.#restoreInventory();
      case "older inventory": {
        const commit = this.#commits.at(-2 - action.age);
        const inventory = commit?.tree.get(INVENTORY_PATH);
        if (commit === undefined || inventory === undefined) return;
        // After a revert the latest may be a newer one, and after a lost state one of the same number may be of another beginning:
        // beside both, what they do not list is a person's.
        const serialOf = ({ tree }: Commit) => readTree(tree, this.key).serial;
        if (serialOf(commit) > 0 && serialOf(commit) >= serialOf(this.#current)) return;
        this.#write(INVENTORY_PATH, inventory.toString());
        this.#current = { ...this.#current, records: commit.records };
        return;
      }
      case "disable": {
        const path = applicationPath(action.name);
        if (!this.#ourPaths().includes(path)) return;
        const text = textOf(this.tree, path).replace(ANNOTATION, "");
        return this.#write(path, action.on ? text.replace("  annotations:\n", `  annotations:\n${ANNOTATION}`) : text);
      }
      case "suspend file":
        return this.#write(
          ".runtime-agent/suspend",
          action.names === null ? null : `# by hand\n${action.names.map((each) => `${each} # for now\n`).join("")}`,
        );
      case "approve file":
        return this.#write(".runtime-agent/approve", `# by hand\n${this.#rightHash(action.right) ?? ""}\n`);
      case "approve": {
        const hash = this.#rightHash(action.right);
        if (hash === undefined) return;
        const expires = new Date(this.now.getTime() + minutes(action.minutes));
        this.model.approve(hash, expires);
        const approvals = [...this.memory.approvals, { hash, expires: expires.toISOString() }];
        this.memory = { ...this.memory, approvals };
        return;
      }
      case "suspend": {
        this.model.suspend(action.name);
        const { everything, applications } = this.memory.suspended;
        const suspension = { since: this.now.toISOString(), reason: null };
        this.memory = {
          ...this.memory,
          suspended: { everything, applications: { ...applications, [action.name]: suspension } },
        };
        return;
      }
      case "resume":
        return this.resume(action.name);
      case "lose state":
        this.memory = noMemory;
        this.model.loseMemory();
        this.#records = [];
        this.#met = new Map();
        if (action.key) this.#key++;
        return;
    }
  }

  resume(name: string) {
    this.model.resume(name);
    const { [name]: _, ...applications } = this.memory.suspended.applications;
    const known = this.memory.reverted[name];
    const reverted =
      known === undefined ? this.memory.reverted : { ...this.memory.reverted, [name]: { ...known, resumed: true } };
    this.memory = { ...this.memory, suspended: { everything: null, applications }, reverted };
  }

  #goTo(commit: Commit) {
    const ours = new Set([INVENTORY_PATH, ...this.#current.tree.keys()]);
    const others = [...this.tree].filter(([path]) => !ours.has(path));
    this.tree = new Map(commit.tree);
    // A person who reverts keeps what is not the agent's.
    for (const [path, bytes] of others) put(this.tree, path, bytes);
    // What went is remembered, whatever is put back.
    this.#current = commit;
  }

  #restoreInventory() {
    const { tree } = this.#current;
    this.#write(INVENTORY_PATH, tree.get(INVENTORY_PATH)?.toString() ?? null);
    // With it comes back what it tells of deletions.
    this.#current = this.#commits.find((commit) => commit.tree === tree) ?? this.#current;
  }

  #seen(look: Look): readonly [first: Listed[], second: Listed[]] {
    const all = this.compass;
    const looks = (first: Listed[], twice: boolean): [Listed[], Listed[]] => [first, twice ? first : all];
    switch (look.see) {
      case "nothing":
        return looks([], look.twice);
      case "nothing the second time":
        return [all, []];
      case "some": {
        const hidden = look.hidden.map((each) => at(all, each));
        return looks(
          all.filter((each) => !hidden.includes(each)),
          look.twice,
        );
      }
      case "no credentials": {
        const chosen = at(all, look.index);
        return looks(
          all.map((each) => (each === chosen ? { ...each, password: null } : each)),
          look.twice,
        );
      }
      default:
        return [all, all];
    }
  }

  #cycle(tree: Tree, memory: Memory, [first, second]: readonly [Listed[], Listed[]]): Promise<CycleResult> {
    const { mode, observations, over, limit, credentials, drift, reverted, destinationChange } = this.settings;
    return cycle(tree, snapshotOf(first), {
      rules: { mode, observations, over, limit, credentials },
      settings: { drift, reverted, destinationChange },
      second: snapshotOf(second),
      // What is kept between two cycles is JSON.
      memory: JSON.parse(JSON.stringify(memory)) as Memory,
      nonce: `nonce ${this.#cycles++}`,
      now: this.now,
      key: this.key,
    });
  }

  /** One cycle and what is wrong with it. */
  async sync(look: Look, isCut = false): Promise<string[]> {
    if (look.see === "failure") return [];
    this.before = this.tree;
    this.#findTakenBack();
    const looks = this.#seen(look);
    [this.seen] = looks;
    const given = {
      before: this.tree,
      key: this.key,
      first: looks[0],
      second: looks[1],
      settings: this.settings,
      now: this.now,
      records: this.#knownRecords((each) => Math.min(each.at, this.#met.get(each.serial) ?? each.at)),
      latest: this.#withTold(this.#knownRecords(({ at }) => at)),
    };
    for (const { serial, at } of given.records) this.#met.set(serial, at);
    const expected = this.model.failure(given);
    // What stands in the place of the agent's files is a change of theirs for as long as it stands there, and hides what was.
    const isBlocked = this.settings.drift === "fail" && BLOCKING.some((path) => this.tree.has(path));
    const mayDrift = isBlocked || this.model.mayDrift(given);
    let result: CycleResult;
    try {
      result = await this.#cycle(this.tree, this.memory, looks);
    } catch (thrown) {
      if (!(thrown instanceof Failure)) throw thrown;
      if (thrown.code === "Drifted" && mayDrift) return [];
      return expected?.includes(thrown.code) ? [] : [`the cycle failed with ${thrown.code}`];
    }
    if (expected !== null && !(mayDrift && expected.includes("Drifted")))
      return [`the cycle did not fail with ${expected}`];
    const isPublished = !/^(?:#.*\n)+$/.test(this.tree.get(".runtime-agent/suspend")?.toString() ?? "");
    const { plan, lookedAgain } = result;
    const dropped = this.#dropped(result.tree);
    const { created, updated, unchanged, deleted, held, setAside } = plan;
    const said = {
      after: isPublished ? result.tree : this.tree,
      created,
      updated,
      unchanged,
      deleted,
      held,
      setAside,
      lookedAgain,
      hold: plan.approval?.hold ?? null,
      usedApproval: plan.usedApproval,
      isPublished,
      isCut,
    };
    const { against, records } = this.model.judge(given, said);
    for (const each of records) if (!this.#told.has(each.serial)) this.#told.set(each.serial, each);
    const isIdle = !isPublished || plan.writes.size + plan.deletes.length === 0;
    if (isCut) this.memory = isIdle ? this.memory : result.unseen;
    else
      this.memory = isPublished
        ? result.memory
        : learn(memoryFor(TARGET, this.memory), plan, { target: TARGET, isPublished, now: this.now });
    if (said.hold !== null) this.#hashes.push(said.hold.hash);
    if (!isPublished) return against;
    this.tree = result.tree;
    // Of the day that ends now; what Git says of earlier ones stays there until the inventory is written again.
    // Who was killed when nothing went out remembers nothing of what it read there.
    if (!isCut || !isIdle) this.#records = records.filter(({ at }) => this.now.getTime() - at < minutes(24 * 60));
    if (plan.writes.size + plan.deletes.length > 0) this.#commit(plan.writes);
    // 5. The tree fits together.
    against.push(...faults(this.tree, this.key, this.#foreignPaths()));
    return [...against, ...dropped, ...(await this.#unquiet(result, looks, isCut))];
  }

  /** A commit of which the agent saw no end, and that is not there any more: the server tells that it had it. */
  #findTakenBack() {
    const { underway } = this.memory;
    const { state, serial } = readTree(this.tree, this.key);
    if (underway !== null && (state !== "verified" || serial < underway.serial)) this.memory = withLanded(this.memory);
  }

  /** Files that the agent once wrote and listed, that stay, and that no consumer would find any more. */
  #dropped(after: Tree): string[] {
    const lists = (tree: Tree, path: string) => tree.get("kustomization.yaml")?.includes(`- ${path}\n`) === true;
    const written = [...this.#versions.keys()].filter((path) => this.before.has(path) && after.has(path));
    // Of an Application that is not remembered, or as deleted, an edited file beside an inventory that does not list it has
    // one witness alone.
    const { applications, others } = this.memory.published;
    const isRemembered = (path: string) => {
      const name = folderOf(path) ?? "";
      return name in applications ? applications[name]?.tree !== "" : name in others;
    };
    return written
      .filter(isRemembered)
      .filter((path) => lists(this.before, path) && !lists(after, path))
      .map((path) => `${path} is there and left the kustomization`);
  }

  /** What Git tells of deletions, and what is remembered of others, each once, none in the future. */
  #knownRecords(metAt: (record: DeletionRecord) => number): readonly DeletionRecord[] {
    const inGit = new Set(this.#current.records.map(({ serial }) => serial));
    const all = [...this.#current.records, ...this.#records.filter(({ serial }) => !inGit.has(serial))];
    const known = all.map((each) => ({ ...each, at: Math.min(metAt(each), this.now.getTime()) }));
    return known.toSorted((a, b) => a.at - b.at);
  }

  #withTold(known: readonly DeletionRecord[]): readonly DeletionRecord[] {
    const serials = new Set(known.map(({ serial }) => serial));
    const others = [...this.#told.values()].filter(({ serial }) => !serials.has(serial));
    const told = others.map((each) => ({ ...each, at: Math.min(each.at, this.now.getTime()) }));
    return [...known, ...told].toSorted((a, b) => a.at - b.at);
  }

  #commit(writes: ReadonlyMap<string, Buffer>) {
    const { rows } = readTree(this.tree, this.key);
    const paths = [INVENTORY_PATH, ...rows.map(({ path }) => path)];
    const tree = new Map(
      paths.flatMap((path) => {
        const bytes = this.tree.get(path);
        return bytes === undefined ? [] : [[path, bytes] as const];
      }),
    );
    // Git knows of them once the inventory is written.
    this.#current = { tree, records: writes.has(INVENTORY_PATH) ? this.#records : this.#current.records };
    this.#commits.push(this.#current);
    for (const [path, bytes] of writes) {
      if (folderOf(path) !== null) this.#versions.set(path, [...(this.#versions.get(path) ?? []), bytes]);
    }
  }

  #foreignPaths() {
    const ours = ownPaths(this.tree, readTree(this.tree, this.key), this.model.remembered);
    return [...this.tree.keys()].filter((path) => !ours.has(path) && path !== INVENTORY_PATH);
  }

  /** 3. The same once more makes nothing, but for what the next cycle may let pass. */
  async #unquiet({ plan }: CycleResult, looks: readonly [Listed[], Listed[]], isCut: boolean): Promise<string[]> {
    // Who was killed learns from Git what it did.
    const maySettle =
      isCut ||
      readTree(this.before, this.key).state === "rebuilt" ||
      plan.held.some(({ reason }) =>
        ["SeenAgain", "MissingTooBriefly", "OverLimit", "CredentialsVanished"].includes(reason),
      );
    let { tree, memory } = this;
    for (let left = maySettle ? 4 : 1; left > 0; left--) {
      const again = await this.#cycle(tree, memory, looks);
      const { writes, deletes } = again.plan;
      if (writes.size + deletes.length === 0) return [];
      tree = again.tree;
      memory = again.memory;
      if (left === 1) return [`the same once more writes ${[...writes.keys()]} and deletes ${deletes}`];
    }
    return [];
  }

  /** 4. All marks are taken away and Compass is sound: what nothing speaks against is published. */
  settle(): Promise<string[]> {
    const latest = this.#commits.at(-1);
    const isEmptied = !this.#current.tree.has(INVENTORY_PATH) && this.memory.published.serial > 0;
    if (isEmptied && latest !== undefined) this.#goTo(latest);
    this.#restoreInventory();
    this.#write(".runtime-agent/suspend", null);
    this.#write(".runtime-agent/approve", null);
    for (const path of this.#foreignPaths()) {
      if (FOREIGN.includes(path) || folderOf(path) !== null) this.#write(path, null);
    }
    for (const each of this.#ourPaths()) {
      const text = textOf(this.tree, each);
      if (text.includes(ANNOTATION)) this.#write(each, text.replace(ANNOTATION, ""));
    }
    for (const each of NAMES) this.resume(each);
    this.compass = this.compass
      .filter((each, index, all) => all.findIndex((other) => other.name === each.name) === index)
      .filter((each) => each.name !== "BAD NAME")
      .map((each) => ({ ...each, flaw: null }));
    if (this.compass.length === 0) this.compass = [listedOf(1, "mp-a")];
    this.settings = { ...this.settings, drift: "overwrite", reverted: "overwrite", destinationChange: "report" };
    return this.sync({ see: "all" });
  }

  /** 4. Then, when nothing has to wait, Git is what Compass says. */
  async converge(): Promise<string[]> {
    this.settings = {
      ...this.settings,
      mode: "sync",
      observations: 1,
      over: 0,
      limit: 1,
      credentials: { observations: 1, over: 0 },
    };
    this.now = new Date(this.now.getTime() + minutes(7 * 24 * 60));
    // Whose owner nobody knows is for a person to remove.
    const folders = Map.groupBy(readTree(this.tree, this.key).rows, ({ path }) => folderOf(path));
    for (const [name, rows] of folders) {
      const isWanted = name === null || this.compass.some((each) => each.name === name);
      if (!isWanted && rows.every(({ id }) => id === null)) for (const { path } of rows) this.#write(path, null);
    }
    const against = await this.sync({ see: "all" });
    const names = new Set([...this.tree.keys()].flatMap((path) => folderOf(path) ?? []));
    const wanted = this.compass.map((each) => each.name);
    if ([...names].sort().join() !== wanted.sort().join()) against.push(`Git has ${[...names]}, Compass ${wanted}`);
    return against;
  }
}

async function play(settings: Settings, begin: readonly Begin[], steps: readonly Step[]) {
  const world = new World(settings);
  world.compass = begin.map(({ number, name, password }) => listedOf(number, name, password));
  const cycles = [
    () => world.sync({ see: "all" }),
    ...steps.map(({ actions, look, isCut, minutes: passed }) => async () => {
      world.now = new Date(world.now.getTime() + minutes(passed));
      for (const each of actions) world.act(each);
      return world.sync(look, isCut);
    }),
    () => world.settle(),
    () => world.converge(),
  ];
  for (const each of cycles) {
    const against = await each();
    expect(against).toEqual([]);
  }
}

/** Sequences that broke a promise once. */
const found = JSON.parse(readFileSync(new URL("found-sequences.json", import.meta.url), "utf8")) as [
  Settings,
  Begin[],
  Step[],
][];

describe("any row of changes, edits, commands and faults", () => {
  it(
    "keeps every promise of the reference, cycle after cycle, and ends with what Compass says",
    async () => {
      await fc.assert(fc.asyncProperty(settings, start, fc.array(step, { minLength: 1, maxLength: 12 }), play), {
        ...runs(300, 20_261_123),
        examples: found,
      });
    },
    timeLimit(300, 200),
  );
});
