/** What people do, by commands and by commits of their own, as they would type it. */

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { git } from "../fakes/git-server.js";
import { aWorld, GIT_PATH, type World, type WorldOptions } from "./world.js";

const quick = { deletion: { observations: 1, over: "0s" } };

interface Answer {
  readonly result: string;
  readonly suspended: boolean;
  readonly approval: { readonly hash: string; readonly count: number; readonly command: string } | null;
  readonly notes: readonly string[];
  readonly applications: {
    readonly created: readonly string[];
    readonly updated: readonly string[];
    readonly deleted: readonly string[];
    readonly held: readonly { readonly name: string; readonly reason: string }[];
  };
}

const changes = ({ result, applications: { created, updated, deleted, held } }: Answer) => ({
  result,
  created,
  updated,
  deleted,
  held: held.map(({ name, reason }) => `${name} ${reason}`),
});
const nothing = { result: "unchanged", created: [], updated: [], deleted: [], held: [] };

async function aPairedWorld(options: WorldOptions = {}) {
  const world = await aWorld({ sandbox: { applications: 5 }, settings: quick, ...options });
  await world.pair();
  const sync = async (...args: string[]): Promise<Answer> => {
    const { stdout, stderr } = await world.run(["sync", "-o", "json", ...args]);
    if (stdout === "") throw new Error(stderr);
    return JSON.parse(stdout) as Answer;
  };
  await sync();
  return { world, sync, person: await aPerson(world) };
}

/** A clone in which somebody else works. */
async function aPerson({ folder, repository }: World) {
  const clone = await mkdtemp(join(folder, "person-"));
  await rm(clone, { recursive: true });
  await git(folder, "clone", "-q", repository, clone);
  const run = (...args: string[]) => git(clone, "-c", "user.name=Ada", "-c", "user.email=ada@example.com", ...args);
  return {
    /** `git …` on the newest state of main; then the push. */
    async git(...args: string[]) {
      await run("pull", "-q", "--rebase");
      await run(...args);
      await run("push", "-q");
    },
    async commit(change: (file: (path: string) => string) => Promise<unknown>) {
      await run("pull", "-q", "--rebase");
      await change((path) => join(clone, GIT_PATH, path));
      await run("add", "-A");
      await run("commit", "-q", "-m", "By hand");
      await run("push", "-q");
    },
    names: async () => {
      const listed = await git(repository, "ls-tree", "--name-only", `main:${GIT_PATH}/applications`);
      return listed.split("\n").filter((name) => name !== "");
    },
  };
}

describe("an empty answer", () => {
  it("is held until its hash is approved by command, and passes once", async () => {
    const { world, sync, person } = await aPairedWorld();
    await world.edit((landscape) => {
      landscape.applications = [];
    });

    const held = await sync();
    const hash = held.approval?.hash ?? "";
    const planned = JSON.parse((await world.run(["plan", "-o", "json"])).stdout) as Answer;
    const wrong = await world.run(["approve", "0".repeat(32), "--yes"]);
    const unasked = await world.run(["approve", hash]);
    const status = await world.run(["status"]);
    const approved = await world.run(["approve", hash, "--yes"]);
    const passed = await sync();

    expect(held.approval).toMatchObject({ count: 5, command: `runtime-agent approve ${hash}` });
    expect(held.notes.join()).toContain("Compass lists no Applications");
    expect(planned.approval?.hash).toBe(hash);
    expect([wrong.code, unasked.code, approved.code]).toEqual([1, 64, 0]);
    expect(wrong.stderr).toContain("Error [NothingHeld]");
    expect(status.stdout).toContain(`runtime-agent approve ${hash}`);
    expect(passed.applications.deleted).toHaveLength(5);
    expect(await person.names().catch(() => [])).toEqual([]);
    expect((await world.run(["approve", hash, "--yes"])).code).toBe(1);
  });

  it("is approved by a file in Git, which the commit that makes use of it removes", async () => {
    const { world, sync, person } = await aPairedWorld();
    await world.edit((landscape) => {
      landscape.applications = [];
    });
    const { approval } = await sync();

    await person.commit((file) => writeFile(file(".runtime-agent/approve"), `${approval?.hash}\n`));
    const passed = await sync();

    expect(passed.applications.deleted).toHaveLength(5);
    expect([...(await world.files()).keys()]).not.toContain(".runtime-agent/approve");
  });
});

describe("suspending", () => {
  it("stops all writing until it is resumed, while the plan goes on", async () => {
    const { world, sync } = await aPairedWorld();
    await world.edit(({ applications }) => {
      for (const application of applications) application.description = "changed";
    });
    const commits = await world.commits();

    expect((await world.run(["suspend", "--reason", "a migration"])).code).toBe(0);
    const suspended = await sync();
    const status = await world.run(["status"]);
    const text = await world.run(["sync"]);
    expect((await world.run(["resume"])).code).toBe(0);
    const resumed = await sync();

    expect(suspended).toMatchObject({ result: "planned", suspended: true });
    expect(suspended.applications.updated).toHaveLength(5);
    expect(suspended.notes.join()).toContain("a migration");
    expect(status.stdout).toMatch(/suspended\s+everything, since .* \(a migration\)/);
    expect(text.stdout).toContain("Suspended: 5 changed Applications of 5 planned");
    expect(resumed).toMatchObject({ result: "published", suspended: false });
    expect(await world.commits()).toBe(commits + 1);
    expect((await world.run(["resume"])).code).toBe(1);
  });

  it("of one Application holds that one alone", async () => {
    const { world, sync, person } = await aPairedWorld();
    const [name = ""] = await person.names();
    await world.edit(({ applications }) => {
      for (const application of applications) application.description = "changed";
    });

    await world.run(["suspend", name]);
    const held = await sync();
    await world.run(["resume", name]);
    const written = await sync();

    expect(held.applications.updated).toHaveLength(4);
    expect(changes(held).held).toEqual([`${name} Suspended`]);
    expect(changes(written)).toEqual({ ...nothing, result: "published", updated: [name] });
  });

  it.each([
    [
      "a file in Git",
      async (_: World, person: Awaited<ReturnType<typeof aPerson>>) => {
        await person.commit((file) => writeFile(file(".runtime-agent/suspend"), ""));
        return {};
      },
    ],
    ["the configuration", async () => ({ RUNTIME_AGENT_SUSPEND: "true" })],
  ])("is possible by %s", async (_, suspend) => {
    const { world, person } = await aPairedWorld();
    const env = await suspend(world, person);
    await world.edit(({ applications }) => void applications.pop());
    const commits = await world.commits();

    const { stdout, code } = await world.run(["sync", "-o", "json"], { env });

    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ result: "planned", suspended: true });
    expect(await world.commits()).toBe(commits);
  });

  it("ends where it was made: resume names every place but the command", async () => {
    const { world } = await aPairedWorld();

    const { code, stderr } = await world.run(["resume"]);

    expect(code).toBe(1);
    expect(stderr).toContain("Error [NothingHeld]");
    for (const place of ["`suspend`", ".runtime-agent/suspend", "runtime-agent.kyma-project.io/suspend"])
      expect(stderr).toContain(place);
  });
});

describe("a git revert of the agent's commit", () => {
  it("is respected until a person resumes it", async () => {
    const { world, sync, person } = await aPairedWorld();
    await world.edit(({ applications }) => {
      const [first] = applications;
      if (first !== undefined) first.description = "changed";
    });
    const [name = ""] = (await sync()).applications.updated;

    await person.git("revert", "--no-edit", "HEAD");
    const commits = await world.commits();
    const held = await sync();
    const status = await world.run(["status"]);

    expect(changes(held)).toEqual({ ...nothing, held: [`${name} Reverted`] });
    expect(await world.commits()).toBe(commits);
    expect(status.stdout).toContain(`runtime-agent resume ${name}`);

    expect((await world.run(["resume", name])).code).toBe(0);
    expect(changes(await sync())).toEqual({ ...nothing, result: "published", updated: [name] });
    expect(changes(await sync())).toEqual(nothing);
  });

  it("that deleted an Application brings it back, until a person resumes what Compass says", async () => {
    const { world, sync, person } = await aPairedWorld({
      settings: { deletion: { ...quick.deletion, limit: "100%" } },
    });
    await world.edit(({ applications }) => void applications.pop());
    const [name = ""] = (await sync()).applications.deleted;

    await person.git("revert", "--no-edit", "HEAD");

    expect(changes(await sync())).toEqual({ ...nothing, held: [`${name} Reverted`] });
    expect(changes(await sync())).toEqual({ ...nothing, held: [`${name} Reverted`] });
    expect(await person.names()).toContain(name);

    const resumed = await world.run(["resume", name]);
    expect(resumed.stdout).toContain(
      `Resumed ${name}; from the next sync on it is written as Compass has it, or deleted`,
    );
    expect((await sync()).applications.deleted).toEqual([name]);
  });
});

describe("a change by hand", () => {
  const edit = (person: Awaited<ReturnType<typeof aPerson>>, name: string, change: (text: string) => string) =>
    person.commit(async (file) => {
      const path = file(`applications/${name}/application.yaml`);
      await writeFile(path, change(await readFile(path, "utf8")));
    });
  const describeAnew = (text: string) => text.replace(/^ {2}description: .*$/m, "  description: by hand");

  it.each([
    ["overwrite", { ...nothing, result: "published", updated: ["NAME"] }],
    ["preserve", { ...nothing, held: ["NAME Drifted"] }],
  ])("is treated by drift: %s", async (drift, expected) => {
    const { sync, person } = await aPairedWorld({ settings: { ...quick, drift } });
    const [name = ""] = await person.names();

    await edit(person, name, describeAnew);

    const named = JSON.parse(JSON.stringify(expected).replace("NAME", name));
    const first = await sync();
    expect(changes(first).held.length > 0 ? { ...changes(first), result: "unchanged" } : changes(first)).toEqual(named);
    expect(changes(await sync()).held).toEqual(named.held);
  });

  it("stops the cycle by drift: fail, with exit code 1", async () => {
    const { world, person } = await aPairedWorld({ settings: { ...quick, drift: "fail" } });
    const [name = ""] = await person.names();
    await edit(person, name, describeAnew);
    const commits = await world.commits();

    const { code, stderr } = await world.run(["sync"]);

    expect(code).toBe(1);
    expect(stderr).toContain("Error [Drifted]");
    expect(stderr).toContain("Mend: ");
    expect(await world.commits()).toBe(commits);
  });

  it("with reconcile: disabled is left alone, also when the Application is gone from Compass", async () => {
    const { world, sync, person } = await aPairedWorld();
    const [name = ""] = await person.names();
    await edit(person, name, (text) =>
      text.replace("  annotations:\n", "  annotations:\n    runtime-agent.kyma-project.io/reconcile: disabled\n"),
    );
    const before = await world.files();

    const held = await sync();
    await world.edit((landscape) => {
      landscape.applications = landscape.applications.filter(
        (each) => !name.endsWith(each.name.toLowerCase().replaceAll(" ", "-")),
      );
    });
    const gone = await sync();

    expect(changes(held).held).toEqual([`${name} ReconcileDisabled`]);
    expect(changes(gone).held).toContain(`${name} ReconcileDisabled`);
    const path = `applications/${name}/application.yaml`;
    expect((await world.files()).get(path)).toBe(before.get(path));
  });
});

describe("a path of another agent", () => {
  it("is refused, and taken over by a command that names its owner, which deletes nothing", async () => {
    const { world, person } = await aPairedWorld();
    const landscape = JSON.parse(await readFile(world.sandbox.snapshotFile, "utf8")) as { runtime: { id: string } };
    const snapshot = join(world.folder, "other.json");
    const runtime = { ...landscape.runtime, id: "0e4dc1b1-6a55-4f37-9d0c-1f5d8a0f7c99" };
    await writeFile(snapshot, JSON.stringify({ ...landscape, runtime, applications: [] }));
    const other = await aWorld({
      snapshot,
      settings: { ...quick, git: { url: world.repository, path: GIT_PATH } },
    });
    await other.pair();
    const before = await person.names();

    const refused = await other.run(["sync"]);
    const command = /sync --take-over (\S+?)`/.exec(refused.stderr)?.[1] ?? "";
    const taken = await other.run(["sync", "--take-over", command, "-o", "json"]);
    const first = await world.run(["sync"]);

    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("Error [TwoAgents]");
    expect(command).toBe(world.sandbox.runtimeID);
    expect(taken.code).toBe(0);
    expect(await person.names()).toEqual(expect.arrayContaining(before));
    expect(first.code).toBe(1);
    expect(first.stderr).toContain("Error [TwoAgents]");
  });

  it("is refused inside of it, and around it", async () => {
    const { world } = await aPairedWorld();

    for (const path of [`${GIT_PATH}/applications/mine`, dirname(GIT_PATH)]) {
      const { code, stderr } = await world.run(["sync"], { env: { RUNTIME_AGENT_GIT_PATH: path } });

      expect(code).toBe(1);
      expect(stderr).toContain("Error [TwoAgents]");
    }
  });
});
