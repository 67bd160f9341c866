/** The scenarios of one rolling request on a real Gitea, with a token of the permissions that the tutorial names. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cyclesOn, followsOneRequest } from "../hosts/scenarios.js";
import { type Gitea, startGitea } from "./gitea.js";

describe("a real Gitea", () => {
  let gitea: Gitea | undefined;
  beforeAll(async () => {
    gitea = await startGitea();
  }, 120_000);
  afterAll(() => gitea?.close());

  const stageOf = () => {
    if (gitea === undefined) throw new TypeError("Gitea does not run");
    return gitea.stage();
  };

  followsOneRequest(stageOf);

  it("keeps a person's approval through ten cycles that find nothing new", async () => {
    const stage = await stageOf();
    const cycle = cyclesOn(stage);
    const { pullRequest } = await cycle({ a: "1" });
    const number = pullRequest?.number ?? 0;
    await stage.approve(number);
    const tip = await stage.tip(pullRequest?.branch ?? "");

    for (let round = 0; round < 10; round++) await cycle({ a: "1" }, { body: `Round ${round}` });
    const kept = await stage.approvals(number);
    await cycle({ a: "2" });

    expect(kept).toBe(1);
    // The same approval does not survive what does change: it was looked for in the right place.
    await expect.poll(() => stage.approvals(number), { timeout: 30_000 }).toBe(0);
    expect(tip).not.toBe(await stage.tip(pullRequest?.branch ?? ""));
  });
});
