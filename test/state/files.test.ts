import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { openFileState, type PendingIdentity, type State } from "../../src/state/index.js";
import { noMemory } from "../builders.js";
import { failureOf, told } from "../common/failure-of.js";
import { behavesAsState, readable } from "./behaviour.js";
import { beginning, completed, connectionOf, identityOf } from "./examples.js";

function aDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "state-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function aState() {
  const directory = join(aDirectory(), "state");
  return { directory, state: openFileState(directory) };
}

function everything(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).sort();
}

describe("a state in a folder", () => {
  behavesAsState(async () => {
    const directory = join(aDirectory(), "state");
    return () => openFileState(directory);
  });
});

describe("a state that is new", () => {
  it("holds nothing, and makes nothing by being read", async () => {
    const { directory, state } = aState();

    const read = [await state.identity(), await state.connection(), await state.pending(), await state.sealKey(false)];

    expect(read).toEqual([null, null, null, null]);
    expect(await state.memory()).toEqual(noMemory);
    expect(existsSync(directory)).toBe(false);
  });
});

describe("a state that was restored from a backup which followed the links", () => {
  /** `current` is a folder, and `connection.json` a file. */
  async function restored() {
    const { directory, state } = aState();
    await state.promote(identityOf("one"), connectionOf("one"));
    const copy = join(aDirectory(), "state");
    expect(spawnSync("cp", ["-rL", directory, copy]).status).toBe(0);
    expect(lstatSync(join(copy, "identity", "current")).isDirectory()).toBe(true);
    return { directory: copy, state: openFileState(copy) };
  }
  const inUse = async (state: State) => [readable(await state.identity()), await state.connection()];
  const ONE = [readable(identityOf("one")), connectionOf("one")];

  it("is read as it is", async () => {
    expect(await inUse((await restored()).state)).toEqual(ONE);
  });

  it("has its link again when it is opened for writing", async () => {
    const { directory, state } = await restored();

    await (await state.lock())();

    expect(lstatSync(join(directory, "identity", "current")).isSymbolicLink()).toBe(true);
    expect(await inUse(state)).toEqual(ONE);
    expect(readdirSync(join(directory, "identity"))).toHaveLength(2);
  });

  it("takes the next identity, and forgets it", async () => {
    const { directory, state } = await restored();

    await state.promote(identityOf("two"), connectionOf("two"));
    const next = await inUse(state);
    await state.forgetIdentity();

    expect(next).toEqual([readable(identityOf("two")), connectionOf("two")]);
    expect(await state.identity()).toBeNull();
    expect(everything(directory)).toEqual([]);
  });

  it.each(["before the folder is moved", "after it"])("has its identity when it is killed %s", async (moment) => {
    const { directory, state } = await restored();
    const identity = join(directory, "identity");
    const [digest = ""] = readdirSync(identity).filter((name) => name !== "current");
    symlinkSync(digest, join(identity, "next"));
    rmSync(join(identity, digest), { recursive: true });
    if (moment === "after it") renameSync(join(identity, "current"), join(identity, digest));

    const cut = await inUse(state);
    await (await state.lock())();

    expect(cut).toEqual(ONE);
    expect(await inUse(state)).toEqual(ONE);
    expect(readlinkSync(join(identity, "current"))).toBe(digest);
  });

  it.each(["memory.json", "seal.key", "connection.json"])("is not writable where %s is a folder", async (name) => {
    const { directory, state } = await restored();
    rmSync(join(directory, name), { force: true });
    mkdirSync(join(directory, name));

    expect(await failureOf(state.checkWritable())).toMatchObject({
      code: "StateUnwritable",
      message: expect.stringContaining(name),
    });
  });
});

describe("what is kept", () => {
  it("is found again: a pairing after its calls, without the token that is spent", async () => {
    const { directory, state } = aState();
    await state.savePending(beginning("one"));

    await state.savePending(completed("one"));

    expect(readable(await openFileState(directory).pending())).toEqual(readable(completed("one")));
    expect(everything(join(directory, "identity", "pending"))).not.toContain("token");
  });

  it("is read at its published places: the files in use below identity/current, and connection.json", async () => {
    const { directory, state } = aState();
    await state.promote(identityOf("one"), connectionOf("one"));
    await state.promote(identityOf("two"), connectionOf("two"));

    const current = readdirSync(join(directory, "identity", "current")).sort();
    const connection = JSON.parse(readFileSync(join(directory, "connection.json"), "utf8"));

    expect(current).toEqual(["ca.pem", "certificate.pem", "chain.pem", "connection.json", "key.pem"]);
    expect(connection).toEqual(connectionOf("two"));
  });

  it("is read as far as it goes where an earlier version wrote it", async () => {
    const { directory, state } = aState();
    await state.saveMemory(noMemory);
    writeFileSync(join(directory, "memory.json"), '{"spentTokens":["a"],"missing":{},"lastCycle":null}');

    expect(await state.memory()).toEqual({ ...noMemory, spentTokens: ["a"] });
  });

  it("is replaced: of two identities only the second is left", async () => {
    const { directory, state } = aState();
    await state.promote(identityOf("one"), connectionOf("one"));

    await state.promote(identityOf("two"), connectionOf("two"));

    expect(readable(await state.identity())).toEqual(readable(identityOf("two")));
    expect(readdirSync(join(directory, "identity"))).toHaveLength(2);
  });

  it("can be dropped: a pairing", async () => {
    const { directory, state } = aState();
    await state.savePending(completed("one"));

    await state.discardPending();
    await state.discardPending();

    expect(await state.pending()).toBeNull();
    expect(everything(directory)).toEqual(["identity"]);
  });

  it("is for its owner alone, whatever the umask", async () => {
    const { directory, state } = aState();
    const umask = process.umask(0);
    onTestFinished(() => void process.umask(umask));

    await state.savePending(beginning("two"));
    await state.saveMemory(await state.memory());
    await state.sealKey(true);
    await state.lock();
    await state.promote(identityOf("one"), connectionOf("one"));
    await state.savePending(completed("two"));

    const modes = ["", ...everything(directory)].map((path) => {
      const stat = statSync(join(directory, path));
      return `${path}: ${stat.isDirectory() ? "folder" : "file"} ${(stat.mode & 0o777).toString(8)}`;
    });
    expect(modes.length).toBeGreaterThanOrEqual(18);
    expect(modes.filter((mode) => !/: (folder 700|file 600)$/.test(mode))).toEqual([]);
  });

  it("is written beside and renamed: who holds the old file open reads the old content", async () => {
    const { directory, state } = aState();
    await state.saveMemory({ ...(await state.memory()), spentTokens: ["old"] });
    const before = statSync(join(directory, "memory.json")).ino;

    await state.saveMemory({ ...(await state.memory()), spentTokens: ["new"] });

    expect(statSync(join(directory, "memory.json")).ino).not.toBe(before);
    expect(everything(directory)).toEqual(["memory.json"]);
  });
});

const CHILD = join(import.meta.dirname, "run-step.ts");

/** Runs an operation in a process of its own; `step` kills it before that change, `as` runs it as another user. */
function run(directory: string, operation: string, { step = 0, as }: { step?: number; as?: number } = {}) {
  const command = [process.execPath, "--no-warnings", CHILD, directory, operation, String(step)];
  const user = as === undefined ? [] : ["setpriv", `--reuid=${as}`, `--regid=${as}`, "--clear-groups"];
  const [program = "", ...args] = [...user, ...command];
  const { status, signal, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", cwd: "/" });
  if (signal === null && (status !== 0 || stderr !== "")) throw new Error(stderr);
  return { killed: signal === "SIGKILL", failure: stdout === "" ? null : JSON.parse(stdout) };
}

/** The states that a kill before each change of an operation leaves, and last the one that it leaves by itself. */
function cuts(directory: string, operation: string): string[] {
  const left: string[] = [];
  for (let step = 1; ; step++) {
    const copy = aDirectory();
    cpSync(directory, copy, { recursive: true, verbatimSymlinks: true });
    const { killed, failure } = run(copy, operation, { step });
    if (failure !== null) throw new Error(failure.message);
    left.push(copy);
    if (!killed) return left;
  }
}

const summary = async (state: State) => ({
  identity: (await state.identity())?.certificate.replace("certificate of ", "") ?? null,
  connection: (await state.connection())?.clientID.replace("client ", "") ?? null,
  pending: describePending(await state.pending()),
});

/** Throws when it is a mixture of two. */
function describePending(pending: PendingIdentity | null): string | null {
  if (pending === null) return null;
  const name = pending.tokenDigest?.replace("digest of ", "") ?? "";
  const parts = [
    pending.key.reveal(),
    pending.subject,
    pending.nextToken?.reveal(),
    ...Object.values(pending.issued ?? {}),
  ];
  for (const part of parts) if (part !== undefined && !part.includes(name)) throw new Error(`${part} within ${name}`);
  if (pending.issued !== null) return `${name} complete`;
  return pending.nextToken === null ? `${name} without anything` : `${name} begun`;
}

describe("an outage in the middle", () => {
  async function cutShort(operation: string, prepare: (state: State) => Promise<unknown>) {
    const { directory, state } = aState();
    mkdirSync(directory, { mode: 0o700 });
    await prepare(state);
    const left = cuts(directory, operation);
    const states = [];
    for (const copy of left) states.push(await summary(openFileState(copy)));
    return { left, states };
  }

  it("of a beginning leaves no pairing or the whole beginning, and the identity as it was", async () => {
    const { states } = await cutShort("begin", (state) => state.promote(identityOf("old"), connectionOf("old")));

    expect(states.length).toBeGreaterThan(4);
    expect(states.at(-1)).toEqual({ identity: "old", connection: "old", pending: "new begun" });
    for (const state of states.slice(0, -1))
      expect(state).toEqual({ identity: "old", connection: "old", pending: null });
  });

  it("of a beginning over a pairing that was complete leaves one of them or none, never a mixture", async () => {
    const { states } = await cutShort("begin", (state) => state.savePending(completed("old")));

    const pending = states.map((state) => state.pending);
    expect(pending[0]).toBe("old complete");
    expect(pending.at(-1)).toBe("new begun");
    expect(new Set(pending)).toEqual(new Set(["old complete", null, "new begun"]));
  });

  it("of a completion leaves the beginning or the completion", async () => {
    const { states } = await cutShort("complete", (state) => state.savePending(beginning("new")));

    const pending = states.map((state) => state.pending);
    expect(pending.length).toBeGreaterThan(5);
    expect(pending[0]).toBe("new begun");
    expect(pending.at(-1)).toBe("new complete");
    expect(new Set(pending)).toEqual(new Set(["new begun", "new complete"]));
  });

  it("of a promotion leaves an identity with its own connection, and the pairing until the new one is in use", async () => {
    const { left, states } = await cutShort("promote", async (state) => {
      await state.promote(identityOf("old"), connectionOf("old"));
      await state.savePending(completed("new"));
    });

    expect(states.length).toBeGreaterThan(7);
    expect(states[0]).toEqual({ identity: "old", connection: "old", pending: "new complete" });
    expect(states.at(-1)).toEqual({ identity: "new", connection: "new", pending: null });
    for (const state of states) {
      expect(state.connection).toBe(state.identity);
      if (state.identity === "old") expect(state.pending).toBe("new complete");
    }

    // Every one of them can be gone on from.
    for (const copy of left) {
      const state = openFileState(copy);
      await state.promote(identityOf("new"), connectionOf("new"));
      expect(await summary(state)).toEqual({ identity: "new", connection: "new", pending: null });
      expect(readdirSync(join(copy, "identity"))).toHaveLength(2);
    }
  });

  it("of the first promotion leaves no identity without its connection", async () => {
    const { states } = await cutShort("promote", (state) => state.savePending(completed("new")));

    for (const state of states) {
      expect(state.connection).toBe(state.identity);
      if (state.identity === null) expect(state.pending).toBe("new complete");
    }
  });

  it("of dropping a pairing leaves it whole or not at all", async () => {
    const { states } = await cutShort("discard", (state) => state.savePending(beginning("old")));

    expect(states.map(({ pending }) => pending)).toEqual(["old begun", null, null]);
  });

  it("of a change of the memory leaves the old or the new", async () => {
    const { directory, state } = aState();
    await state.saveMemory({ ...(await state.memory()), spentTokens: ["old"] });

    const left = cuts(directory, "remember");

    const spent = await Promise.all(left.map(async (copy) => (await openFileState(copy).memory()).spentTokens));
    expect(spent).toEqual([["old"], ["new"]]);
  });
});

describe("a step that fails", () => {
  it("of a promotion leaves the former identity in use, and can be done again", async () => {
    const { directory, state } = aState();
    await state.promote(identityOf("old"), connectionOf("old"));
    await state.savePending(completed("new"));
    // A folder in the way of the link's temporary name.
    mkdirSync(join(directory, "identity", `current.${process.pid}.new`, "full"), { recursive: true });

    const failure = await failureOf(state.promote(identityOf("new"), connectionOf("new")));
    const between = await summary(state);
    rmSync(join(directory, "identity", `current.${process.pid}.new`), { recursive: true });
    await state.promote(identityOf("new"), connectionOf("new"));

    expect(failure).toMatchObject({ code: "StateUnwritable", stage: "connect", retryable: false });
    expect(between).toEqual({ identity: "old", connection: "old", pending: "new complete" });
    expect(await summary(state)).toEqual({ identity: "new", connection: "new", pending: null });
  });

  it("of a write names the place and the mend, and nothing of the content", async () => {
    const { directory, state } = aState();
    mkdirSync(join(directory, "identity", "pending", "token"), { recursive: true });
    writeFileSync(join(directory, "identity", "pending", "key.pem"), "");
    mkdirSync(join(directory, "memory.json", "in-the-way"), { recursive: true });

    const failure = await failureOf(state.saveMemory({ ...noMemory, spentTokens: ["hidden"] }));

    expect(failure).toMatchObject({ code: "StateUnwritable", stage: "connect", retryable: false });
    expect(failure.message).toContain(join(directory, "memory.json"));
    expect(failure.hint).toContain("state.directory");
    expect(told(failure)).not.toContain("hidden");
  });

  it("because a file stands where the directory should be is told as unwritable", async () => {
    const directory = join(aDirectory(), "state");
    writeFileSync(directory, "");
    const state = openFileState(directory);

    const failures = [
      await failureOf(state.sealKey(true)),
      await failureOf(state.savePending(beginning("one"))),
      await failureOf(state.lock()),
    ];

    for (const failure of failures) expect(failure).toMatchObject({ code: "StateUnwritable", retryable: false });
  });
});

it("removes what is left of a pairing that was being removed, with its key", async () => {
  const { directory, state } = aState();
  await state.savePending(beginning("one"));
  rmSync(join(directory, "identity/pending/pairing.json"));

  await (await state.lock())();

  expect(existsSync(join(directory, "identity/pending"))).toBe(false);
});

describe("the look whether it can be written", () => {
  it("leaves nothing behind, before the first identity and beside one", async () => {
    const { directory, state } = aState();
    await state.checkWritable();
    const before = existsSync(directory);
    await state.promote(identityOf("one"), connectionOf("one"));
    const files = readdirSync(directory, { recursive: true });

    await state.checkWritable();

    expect(before).toBe(false);
    expect(readdirSync(directory, { recursive: true })).toEqual(files);
  });
});

describe("a damaged file", () => {
  it.each([
    ["memory.json", "{", (state: State) => state.memory()],
    ["memory.json", '{"spentTokens": "hidden"}', (state: State) => state.memory()],
    ["memory.json", "", (state: State) => state.memory()],
    ["identity/current/connection.json", '{"connectorURL": "hidden"}', (state: State) => state.connection()],
    ["seal.key", "hidden", (state: State) => state.sealKey(true)],
    ["seal.key", "", (state: State) => state.sealKey(false)],
  ])("is named, and its content is not: %s with %s", async (path, content, read) => {
    const { directory, state } = aState();
    await state.promote(identityOf("one"), connectionOf("one"));
    await state.savePending(beginning("two"));
    writeFileSync(join(directory, path), content);

    const failure = await failureOf(read(state));

    expect(failure).toMatchObject({ code: "StateUnreadable", stage: "connect", retryable: false });
    expect(failure.message).toBe(`the state file ${realpathSync(join(directory, path))} is damaged`);
    expect(told(failure)).not.toContain("hidden");
    expect(readFileSync(join(directory, path), "utf8")).toBe(content);
  });

  it.each(["", "{", '{"tokenDigest": 1}'])(
    "of what is on its way counts as none, and is written over: %s",
    async (content) => {
      const { directory, state } = aState();
      await state.savePending(beginning("one"));
      writeFileSync(join(directory, "identity/pending/pairing.json"), content);

      expect(await state.pending()).toBeNull();
      await state.savePending(beginning("two"));
      expect((await state.pending())?.key.reveal()).toBe(beginning("two").key.reveal());
    },
  );

  it.each([["key.pem"], ["certificate.pem", "chain.pem"]])(
    "that is missing leaves no identity: %s %s",
    async (...names) => {
      const { directory, state } = aState();
      await state.promote(identityOf("one"), connectionOf("one"));

      for (const name of names) rmSync(join(directory, "identity", "current", name));

      expect(await state.identity()).toBeNull();
    },
  );

  it.each([
    ["certificate.pem", "certificate"],
    ["chain.pem", "chain"],
    ["ca.pem", "ca"],
  ] as const)("that is missing leaves the rest of the identity: %s", async (name, field) => {
    const { directory, state } = aState();
    await state.promote(identityOf("one"), connectionOf("one"));

    rmSync(join(directory, "identity", "current", name));

    expect(await state.identity()).toMatchObject({ ...identityOf("one"), key: expect.anything(), [field]: "" });
  });

  it("that is a folder cannot be read", async () => {
    const { directory, state } = aState();
    mkdirSync(join(directory, "memory.json"), { recursive: true });

    const failure = await failureOf(state.memory());

    expect(failure).toMatchObject({ code: "StateUnreadable", stage: "connect" });
    expect(failure.message).toContain("EISDIR");
  });
});

// Root may read and write everything, so another user is needed to be refused.
const NOBODY = 65_534;
const canChange = process.getuid?.() === 0 && spawnSync("setpriv", ["--version"]).status === 0;

describe.skipIf(!canChange)("a user without the right (skipped unless root has setpriv)", () => {
  it.each([
    ["read", "StateUnreadable", "memory.json cannot be read (EACCES)"],
    ["remember", "StateUnreadable", "memory.json cannot be read (EACCES)"],
    ["begin", "StateUnwritable", "(EACCES)"],
    ["lock", "StateUnwritable", "(EACCES)"],
  ])("is told so: %s", async (operation, code, message) => {
    const directory = aDirectory();
    await openFileState(directory).saveMemory(noMemory);
    chmodSync(directory, 0o700);

    const { failure } = run(directory, operation, { as: NOBODY });

    expect(failure.code).toBe(code);
    expect(failure.message).toContain(message);
  });
});

describe("the lock", () => {
  /** The number of a process that has ended. */
  const goneProcess = () => spawnSync(process.execPath, ["--version"]).pid;

  it("keeps a second process out, and names who holds it", async () => {
    const { directory, state } = aState();
    mkdirSync(directory);
    writeFileSync(join(directory, "lock"), `${process.ppid}\n`);

    const failure = await failureOf(state.lock());

    expect(failure).toMatchObject({ code: "StateLocked", stage: "connect", retryable: true });
    expect(failure.message).toContain(`process ${process.ppid}`);
    expect(readFileSync(join(directory, "lock"), "utf8")).toBe(`${process.ppid}\n`);
    expect(everything(directory)).toEqual(["lock"]);
  });

  it("keeps another process out while this one holds it, and lets it in afterwards", async () => {
    const { directory, state } = aState();
    const unlock = await state.lock();

    const during = run(directory, "lock");
    await unlock();
    const after = run(directory, "lock");

    expect(during.failure).toMatchObject({ code: "StateLocked", message: expect.stringContaining(`${process.pid}`) });
    expect(after.failure).toBeNull();
  });

  it.each([
    ["a process that is gone", () => `${goneProcess()}\n`],
    ["a former life with our own number", () => `${process.pid}\n`],
    ["another process that has its number by now", () => `${process.ppid} ${"0".repeat(16)} 1\n`],
    ["nobody", () => ""],
    ["junk", () => "junk\n"],
    ["a number that is none of a process", () => "-1\n"],
  ])("is taken over from %s", async (_, content) => {
    const { directory, state } = aState();
    mkdirSync(directory);
    writeFileSync(join(directory, "lock"), content());

    const unlock = await state.lock();

    expect(readFileSync(join(directory, "lock"), "utf8")).toMatch(new RegExp(`^${process.pid} [0-9a-f]{16} \\d*\n$`));
    await unlock();
    expect(everything(directory)).toEqual([]);
  });

  it("is never seen without its number", () => {
    const { directory } = aState();
    mkdirSync(directory);

    const left = cuts(directory, "lock");

    const locks = left.map((copy) =>
      existsSync(join(copy, "lock")) ? readFileSync(join(copy, "lock"), "utf8") : null,
    );
    expect(locks[0]).toBeNull();
    for (const lock of locks.slice(1)) expect(lock).toMatch(/^\d+ [0-9a-f]{16} \d*\n$/);
    expect(locks.length).toBeGreaterThan(1);
  });
});

describe("an identity that is promoted while it is read", () => {
  it("is read as one of both, never as a part of each", async () => {
    const { directory, state } = aState();
    const [one, two] = [identityOf("one"), identityOf("two")];
    await state.promote(one, connectionOf("one"));
    // A pipe gives its reader nothing until it is written to: so long the reading stands still.
    const key = join(realpathSync(join(directory, "identity", "current")), "key.pem");
    rmSync(key);
    spawnSync("mkfifo", [key]);
    const pipe = await open(key, "r+");

    const reading = state.identity();
    await delay(50);
    await state.promote(two, connectionOf("two"));
    await pipe.write(one.key.reveal());
    await pipe.close();
    const read = await reading;

    expect([read?.key.reveal(), read?.certificate]).toEqual([two.key.reveal(), two.certificate]);
  });
});
