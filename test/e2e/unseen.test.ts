/** What came to the branch while nobody looked: pushed by an agent that was killed then, merged by people, taken back, or gone altogether. */

import { chmod, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { formatDocument, parseYaml } from "../../src/adapters/yaml/index.js";
import { commitAs, git } from "../fakes/git-server.js";
import { aWorld, GIT_PATH, type World } from "./world.js";

const quick = { deletion: { observations: 1, over: "0s", limit: "100%" } };

interface Applications {
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly deleted: readonly string[];
  readonly held: readonly { readonly name: string; readonly reason: string }[];
}

async function aPairedWorld(settings: Readonly<Record<string, unknown>> = {}) {
  const world = await aWorld({ sandbox: { applications: 5 }, settings: { ...quick, ...settings } });
  await world.pair();
  const sync = async (...args: string[]) => {
    const { code, stdout, stderr } = await world.run(["sync", "-o", "json", ...args]);
    if (stdout === "") throw new Error(stderr);
    const { result, applications, failure } = JSON.parse(stdout);
    const { created, updated, deleted, held } = applications as Applications;
    return {
      code,
      result,
      failure,
      created,
      updated,
      deleted,
      held: held.map(({ name, reason }) => `${name} ${reason}`),
    };
  };
  return { ...world, sync };
}

/** A sync that ends by SIGKILL when its push is done, before it remembers anything of it. */
async function killedAfterPush({ folder, repository, run }: World): Promise<void> {
  const [hook, pid] = [join(repository, "hooks", "post-receive"), join(folder, "pid")];
  await writeFile(hook, `#!/bin/sh\nkill -9 "$(cat '${pid}')"\n`);
  await chmod(hook, 0o755);
  let written: Promise<void> = Promise.resolve();
  const { code, stderr } = await run(["sync"], {
    onChild: (child) => {
      written = writeFile(pid, String(child.pid));
    },
  });
  await written;
  await rm(hook);
  expect([code, code === null ? "" : stderr]).toEqual([null, ""]);
}

/** `git revert` of the commit that is `back` before the tip, by a person. */
async function revert({ folder, repository }: World, back = 0): Promise<void> {
  const clone = join(folder, "person");
  await git(folder, "clone", "-q", repository, clone);
  await git(clone, "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "revert", "--no-edit", `HEAD~${back}`);
  await git(clone, "push", "-q");
  await rm(clone, { recursive: true });
}

const describeAs = (world: World, index: number, description: string) =>
  world.edit(({ applications }) => void Object.assign(applications.at(index) ?? {}, { description }));

const changesBy: [string, (world: World) => Promise<void>][] = [
  ["an update", (world) => describeAs(world, 0, "The second one.")],
  ["a deletion", (world) => world.edit(({ applications }) => void applications.splice(0, 1))],
];

describe.each(changesBy)("%s that a person reverted stays so", (_, change) => {
  it("when an agent that knew of it is killed as it has pushed something else", async () => {
    const world = await aPairedWorld();
    await world.sync();
    await change(world);
    await world.sync();
    await revert(world);
    const { held } = await world.sync();
    await describeAs(world, -1, "Another one.");

    await killedAfterPush(world);
    const after = [await world.sync(), await world.sync()];

    expect(held).toEqual([expect.stringMatching(/ Reverted$/)]);
    for (const each of after) expect(each).toMatchObject({ result: "unchanged", updated: [], deleted: [], held });
  });

  it("when the agent that sees it first is killed as it has pushed something else", async () => {
    const world = await aPairedWorld();
    await world.sync();
    await change(world);
    await world.sync();
    await revert(world);
    await describeAs(world, -1, "Another one.");

    await killedAfterPush(world);
    const after = [await world.sync(), await world.sync()];

    const held = [expect.stringMatching(/ Reverted$/)];
    for (const each of after) expect(each).toMatchObject({ result: "unchanged", updated: [], deleted: [], held });
  });

  it("when the agent was killed as it had pushed that very change", async () => {
    const world = await aPairedWorld();
    await world.sync();
    await change(world);

    await killedAfterPush(world);
    await revert(world);
    const after = [await world.sync(), await world.sync()];

    const held = [expect.stringMatching(/ Reverted$/)];
    for (const each of after) expect(each).toMatchObject({ result: "unchanged", updated: [], deleted: [], held });
  });
});

describe("another address of the same repository", () => {
  it("keeps what a person put back, and drops it with another one", async () => {
    const world = await aPairedWorld();
    const { folder, repository, config } = world;
    const place = { file: config, stage: "config", code: "Internal" } as const;
    const document = parseYaml(await readFile(config, "utf8"), place) as { git: object };
    const at = (url: string) => writeFile(config, formatDocument({ ...document, git: { ...document.git, url } }));
    const other = join(folder, "other.git");
    await world.sync();
    await git(folder, "clone", "-q", "--bare", repository, other);
    await describeAs(world, 0, "The second one.");
    await world.sync();
    await revert(world);
    const { held } = await world.sync();
    await symlink(repository, join(folder, "alias.git"));

    await at(join(folder, "alias.git"));
    const after = [await world.sync(), await world.sync()];
    await at(other);
    const elsewhere = await world.sync();

    expect(held).toEqual([expect.stringMatching(/ Reverted$/)]);
    for (const each of after) expect(each).toMatchObject({ result: "unchanged", updated: [], held });
    expect(elsewhere).toMatchObject({ result: "published", held: [] });
    expect(elsewhere.updated).toHaveLength(1);
  });
});

describe("a commit that the server refused", () => {
  it.each([
    ["the first", false],
    ["a later", true],
  ])("though it kept its objects, is made again and is no revert: %s", async (_, isLater) => {
    const world = await aPairedWorld();
    if (isLater) {
      await world.sync();
      await describeAs(world, 0, "The second one.");
    } else await commitAs(world.repository, { files: { "README.md": "Hello\n" } });
    const hook = join(world.repository, "hooks", "update");
    await writeFile(hook, "#!/bin/sh\nexit 1\n");
    await chmod(hook, 0o755);
    const refused = await world.sync();
    await rm(hook);

    const made = await world.sync();

    expect(refused.result).toBe("failed");
    expect([made.result, made.created.length, made.updated.length, made.held]).toEqual([
      "published",
      isLater ? 0 : 5,
      isLater ? 1 : 0,
      [],
    ]);
  });
});

describe("where nothing is left of what was published", () => {
  it.each([
    ["a branch that is to be made anew", { createFrom: "main" }, "BranchNotFound"],
    ["a branch that people made anew", {}, "BaseUnusable"],
  ])("the cycle stops before anybody could prune: %s", async (_, settings, code) => {
    const world = await aPairedWorld();
    await commitAs(world.repository, { files: { "README.md": "Hello\n" } });
    const place = { file: world.config, stage: "config", code: "Internal" } as const;
    const document = parseYaml(await readFile(world.config, "utf8"), place) as { git: object };
    const given = { ...document.git, branch: "clusters", createFrom: "main" };
    await writeFile(world.config, formatDocument({ ...document, git: given }));
    await world.sync();
    await git(world.repository, "update-ref", "-d", "refs/heads/clusters");
    if (code === "BaseUnusable") await git(world.repository, "branch", "clusters", "main");
    await writeFile(world.config, formatDocument({ ...document, git: { ...given, createFrom: null, ...settings } }));

    const stopped = await world.sync();
    const again = await world.sync();
    const branches = await git(world.repository, "for-each-ref", "--format=%(refname:short) %(subject)");
    await writeFile(world.config, formatDocument({ ...document, git: given }));
    const anew = await world.sync("--take-over", world.sandbox.runtimeID);
    const idle = await world.sync();

    for (const each of [stopped, again]) expect(each).toMatchObject({ result: "failed", failure: { code } });
    expect(branches).not.toContain("revision");
    expect(anew).toMatchObject({ result: "published", held: [] });
    expect(anew.created).toHaveLength(5);
    expect(idle).toMatchObject({ result: "unchanged", held: [] });
    const listed = await git(world.repository, "ls-tree", "--name-only", `clusters:${GIT_PATH}/applications`);
    expect(listed.split("\n")).toHaveLength(5);
  });
});
