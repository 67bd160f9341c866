/** A landscape that is synced, and that Director has changed since: whoever takes a wrong answer for a right one writes. */

import { cp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { git } from "../fakes/git-server.js";
import { aWorld, GIT_PATH, type World, type WorldOptions } from "./world.js";

/**
 * What the branch holds: what it held before (the very commit), all that Director says, or that but for the changed
 * Application, whose files are as they were, or but for the removed one, which is still there. Or something else in
 * which each Secret that is not of the removed one is as it was.
 */
export type Tree =
  | "unchanged"
  | "as Director says"
  | "all but one"
  | "nothing deleted"
  | "no Secret lost"
  | "something else";

export interface Stage {
  readonly world: World;
  /** For every run: pages of two, so that there are three. */
  readonly env: Readonly<Record<string, string>>;
  /** Id of the Application that is changed. */
  readonly changed: string;
  /** Back to where Director has changed and Git does not know yet. */
  reset(): Promise<void>;
  /** By ids of commits, trees and files: equal ones are equal to the byte. */
  tree(): Promise<Tree>;
}

/** Six Applications; then Director changes one, removes one and adds one. */
export async function aStage({ asProcess = false }: Pick<WorldOptions, "asProcess"> = {}): Promise<Stage> {
  const world = await aWorld({
    asProcess,
    sandbox: { applications: 6 },
    settings: { deletion: { mode: "sync", observations: 1, over: "0s" } },
  });
  const { repository, folder } = world;
  const [state, kept] = [join(folder, "state"), join(folder, "kept-state")];
  const env = { RUNTIME_AGENT_COMPASS_PAGE_SIZE: "2" };
  const idOf = (revision: string) => git(repository, "rev-parse", revision);

  await world.pair();
  await world.run(["sync"], { env });
  const before = await idOf("main");
  await cp(state, kept, { recursive: true, verbatimSymlinks: true });
  let changed = "";
  await world.edit(({ applications }) => {
    applications.splice(4, 1);
    const [, second, third] = applications;
    if (second === undefined || third === undefined) return;
    changed = second.id;
    second.description = "Changed in Director";
    applications.push({ ...third, id: "ffffffff-0000-4000-8000-000000000001", name: "mp-added", bundles: [] });
  });
  await world.run(["sync"], { env });
  const after = await idOf("main");
  const folderThatWas = async (filter: "M" | "D") => {
    const range = [before, after, "--", "*/application.yaml"];
    return dirname(await git(repository, "diff", "--no-renames", "--name-only", `--diff-filter=${filter}`, ...range));
  };
  const [changedFolder, removedFolder] = [await folderThatWas("M"), await folderThatWas("D")];

  return {
    world,
    env,
    changed,
    async reset() {
      await world.fault();
      await git(repository, "update-ref", "refs/heads/main", before);
      await rm(state, { recursive: true });
      await cp(kept, state, { recursive: true, verbatimSymlinks: true });
    },
    async tree() {
      const now = await idOf("main");
      if (now === before) return "unchanged";
      // The inventory says when something was deleted; the revision stands for everything else.
      const revision = `${GIT_PATH}/revision.yaml`;
      if ((await idOf(`main:${revision}`)) === (await idOf(`${after}:${revision}`))) return "as Director says";
      const isAt = async (revision: string, folder: string) =>
        (await git(repository, "rev-parse", `main:${folder}`)) === (await idOf(`${revision}:${folder}`));
      const isRemoved = (await git(repository, "ls-tree", "main", removedFolder)) === "";
      if (isRemoved && (await isAt(before, changedFolder))) return "all but one";
      const secretsAt = async (revision: string) =>
        (await git(repository, "ls-tree", "-r", revision)).split("\n").filter((line) => line.includes("/secrets/"));
      const there = new Set(await secretsAt("main"));
      const others = (await secretsAt(before)).filter((line) => !line.includes(`${removedFolder}/`));
      if (isRemoved) return others.every((line) => there.has(line)) ? "no Secret lost" : "something else";
      const isElseThere = (await isAt(after, changedFolder)) && (await isAt(before, removedFolder));
      return isElseThere ? "nothing deleted" : "something else";
    },
  };
}
