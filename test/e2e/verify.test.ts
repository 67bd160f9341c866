/** `verify` as a build server runs it, on what the agent really committed. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { commitAs, git } from "../fakes/git-server.js";
import { aWorld, GIT_PATH } from "./world.js";

describe("verify", () => {
  it("accepts what the agent committed, from any folder, and refuses what somebody adds in its name", async () => {
    const world = await aWorld();
    const { repository, folder } = world;
    const base = await commitAs(repository, { files: { "README.md": "ours\n" } });
    await world.pair();
    await world.run(["sync"]);
    await world.edit(({ applications }) => {
      for (const application of applications.slice(0, 1)) application.description = "changed";
    });
    await world.run(["sync"]);
    await git(folder, "clone", "--quiet", repository, "checkout");
    const env = { RUNTIME_AGENT_GIT_URL: "https://git.invalid/x.git" };

    const json = await world.run(["verify", "--base", base, "--head", "main", "-o", "json"]);
    const key = join(folder, "state", "seal.key");
    const withKey = await world.run(["verify", "--base", base, "--head", "main", "--seal-key", key]);
    const inCheckout = await world.run(["verify", "--base", base], { cwd: join(folder, "checkout", "clusters"), env });
    const tip = await git(repository, "rev-parse", "main");
    const message = (await git(repository, "log", "-1", "--format=%B", "main")).replaceAll(/^Digest:.*$/gm, "$&");
    const forged = await commitAs(repository, {
      message,
      files: { [`${GIT_PATH}/applications/mp-x/secrets/mp-x.yaml`]: "kind: Secret\nstringData: {a: b}\n" },
    });
    const refused = await world.run(["verify", "--base", tip, "--head", "main"]);
    const refusedJSON = await world.run(["verify", "--base", tip, "--head", "main", "-o", "json"]);

    expect(JSON.parse(json.stdout)).toEqual({
      kind: "VerifyResult",
      version: 1,
      base,
      head: tip,
      commits: { total: 2, agent: 2 },
      findings: [],
      checked: { inventoryCode: "not checked", signatures: "not configured", secrets: "checked" },
    });
    expect([json, withKey, inCheckout].map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(withKey.stdout).toBe("Verified 2 commits, 2 by the agent\n");
    expect(inCheckout.stdout).toContain("Not checked: the inventory's code");
    expect([refused.code, refusedJSON.code]).toEqual([1, 1]);
    expect(refused.stdout).toContain(
      `${forged.slice(0, 12)} ClearSecret ${GIT_PATH}/applications/mp-x/secrets/mp-x.yaml`,
    );
    expect(refused.stdout).toContain("Refused: 2 findings in 1 commit, 1 by the agent");
    expect(JSON.parse(refusedJSON.stdout).findings).toContainEqual({
      commit: forged,
      path: `${GIT_PATH}/applications/mp-x/secrets/mp-x.yaml`,
      code: "NotInInventory",
      message: "is not in the inventory",
    });
  });

  it("says what it needs when a name is none, looks like an option, or the clone is shallow", async () => {
    const world = await aWorld();
    await commitAs(world.repository, { files: { a: "1" } });
    await commitAs(world.repository, { files: { a: "2" } });
    await mkdir(join(world.folder, "clone"));
    await git(world.folder, "clone", "--quiet", "--depth=1", `file://${world.repository}`, "clone");
    const cwd = join(world.folder, "clone");
    const tree = await git(cwd, "rev-parse", "HEAD^{tree}");
    const orphan = await git(cwd, "commit-tree", tree, "-m", "Orphan");

    const unknown = await world.run(["verify", "--base", "no-such"]);
    const option = await world.run(["verify", "--base=--all"]);
    const shallow = await world.run(["verify", "--base", "HEAD~1"], { cwd });
    const cut = await world.run(["verify", "--base", orphan], { cwd });

    for (const { code, stderr } of [unknown, option, shallow, cut]) {
      expect([code, stderr]).toEqual([1, expect.stringContaining("BaseUnusable")]);
      expect(stderr).toContain("fetch-depth: 0");
    }
    expect(cut.stderr).toContain("shallow");
  });
});
