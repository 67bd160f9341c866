/** A request that was merged, and the merge taken back, before the agent looked again. */

import { describe, expect, it } from "vitest";
import { commitAs, git } from "../fakes/git-server.js";
import { aHostedWorld } from "./hosted-world.js";

type HostedWorld = Awaited<ReturnType<typeof aHostedWorld>>;

/** As hosts merge by another button: one commit, which has none of the branch's before it. */
async function squash({ repository, host, branch }: HostedWorld, number: number): Promise<void> {
  const names = ["-c", "user.name=p", "-c", "user.email=p@example.com"];
  const commit = await git(repository, ...names, "commit-tree", `${branch}^{tree}`, "-p", "main", "-m", "Squashed");
  await git(repository, "update-ref", "refs/heads/main", commit);
  for (const request of host.requests) if (request.number === number) request.state = "merged";
}

/** Its first request is merged, and seen to be. */
async function aMergedWorld(...options: Parameters<typeof aHostedWorld>): Promise<HostedWorld> {
  const world = await aHostedWorld(...options);
  await world.sync();
  await world.host.merge(1);
  await world.sync();
  return world;
}

const describeFirst = (world: HostedWorld, description: string) =>
  world.edit(({ applications }) => void Object.assign(applications[0] ?? {}, { description }));

const reasons = ({ outcome }: Awaited<ReturnType<HostedWorld["sync"]>>) =>
  outcome.applications.held.map(({ reason }: { reason: string }) => reason);

describe("what was merged and reverted between two cycles", () => {
  it.each([
    ["merged", (world: HostedWorld) => world.host.merge(2)],
    ["squashed", (world: HostedWorld) => squash(world, 2)],
  ])("stays reverted, and is not proposed again: %s", async (_, merge) => {
    const world = await aMergedWorld("gitea");
    await describeFirst(world, "The second one.");
    await world.sync();
    await merge(world);
    await world.revertMerge();

    const after = [await world.sync(), await world.sync()];
    await describeFirst(world, "The third one.");
    const changed = await world.sync();

    expect(after.map(({ outcome: { result } }) => result)).toEqual(["unchanged", "unchanged"]);
    expect(after.map(reasons)).toEqual([["Reverted"], ["Reverted"]]);
    expect([changed.outcome.result, reasons(changed)]).toEqual(["proposed", []]);
    expect(world.host.requests.map(({ state }) => state)).toEqual(["merged", "merged", "open"]);
  });

  it("is not what a request that was never opened asks for", async () => {
    const world = await aMergedWorld("github");
    await describeFirst(world, "The second one.");
    world.host.answers.push({ method: "POST", path: /pulls$/, status: 403, body: { message: "not now" } });
    const refused = await world.sync();
    const names = ["-c", "user.name=p", "-c", "user.email=p@example.com"];
    const commit = await git(world.repository, ...names, "commit-tree", "main^{tree}", "-p", "main", "-m", "Theirs");
    await git(world.repository, "update-ref", "refs/heads/main", commit);

    const next = await world.sync();

    expect([refused.outcome.result, next.outcome.result, reasons(next)]).toEqual(["failed", "proposed", []]);
    expect(world.host.requests.map(({ state }) => state)).toEqual(["merged", "open"]);
  });

  it("is looked for once at each tip of the target, where it was refused", async () => {
    const world = await aMergedWorld("gitea");
    await describeFirst(world, "The second one.");
    await world.sync();
    for (const request of world.host.requests) if (request.state === "open") request.state = "closed";
    const asked = async () => {
      const before = world.host.calls.length;
      const { outcome } = await world.sync();
      return { host: world.host.calls.length - before, git: outcome.requests.git };
    };
    const unmoved = [await asked(), await asked()];
    await commitAs(world.repository, { files: { "README.md": "Hello again\n" } });
    const first = await asked();

    const later = [await asked(), await asked()];

    expect(first.host).toBeGreaterThan(later[0]?.host ?? 0);
    expect(later).toEqual([unmoved[1], unmoved[1]]);
    expect(world.host.requests.map(({ state }) => state)).toEqual(["merged", "closed"]);
  });

  it("is let go by another approval only", async () => {
    const deletion = { observations: 1, over: "0s", limit: "20%", credentials: { observations: 1, over: "0s" } };
    const world = await aMergedWorld("github", {}, { settings: { deletion } });
    await world.edit(({ applications }) => void applications.splice(0, 3));
    const held = await world.sync();
    const { hash } = held.outcome.approval;
    await world.run(["approve", hash, "--yes"]);
    await world.sync();
    await world.host.merge(2);
    await world.revertMerge();

    const after = await world.sync();
    for (const { name } of after.outcome.applications.held) await world.run(["resume", name]);
    const resumed = await world.sync();

    expect(reasons(after)).toEqual(["Reverted", "Reverted", "Reverted"]);
    expect([resumed.outcome.result, resumed.outcome.applications.deleted]).toEqual(["unchanged", []]);
    expect(resumed.outcome.approval).toMatchObject({ count: 3 });
    expect(resumed.outcome.approval.hash).not.toBe(hash);
  });
});
