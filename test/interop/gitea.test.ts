/** The scenarios of one rolling request on a real Gitea, with a token of the permissions that the tutorial names. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BRANCH, cyclesOn, followsOneRequest, LABEL } from "../hosts/scenarios.js";
import { type Gitea, startGitea } from "./gitea.js";

describe("a real Gitea", () => {
  let gitea: Gitea | undefined;
  beforeAll(async () => {
    gitea = await startGitea();
  }, 120_000);
  afterAll(() => gitea?.close());

  const stageOf = (options?: { readonly isFork?: boolean; readonly isProtected?: boolean }) => {
    if (gitea === undefined) throw new TypeError("Gitea does not run");
    return gitea.stage(options);
  };

  followsOneRequest(stageOf);

  describe("with a fork, and the right to read the target alone", () => {
    followsOneRequest(() => stageOf({ isFork: true }), { mayLabel: false });
  });

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

  it("lets the agent replace its branch by the tutorial's rule, and is tidied up as far as that goes", async () => {
    const stage = await stageOf({ isProtected: true });
    const cycle = cyclesOn(stage);

    const opened = [await cycle({ a: "1" }), await cycle({ a: "2" })];
    await stage.merge(1);
    const merged = [await cycle({ a: "2" }), await cycle({ a: "2" })];
    const next = await cycle({ a: "3" });
    const withdrawn = [await cycle({ a: "2" }), await cycle({ a: "2" })];

    const seen = ({ result, notes }: (typeof merged)[number]) => [result, notes.length];
    expect([...opened, next].map(seen)).toEqual([
      ["proposed", 0],
      ["proposed", 0],
      ["proposed", 0],
    ]);
    // A protected branch cannot be removed on Gitea: told once.
    expect([...merged, ...withdrawn].map(seen)).toEqual([
      ["unchanged", 1],
      ["unchanged", 0],
      ["unchanged", 1],
      ["unchanged", 0],
    ]);
    expect(merged[0]?.notes[0]).toContain("protected");
    expect((await stage.requests()).map(({ state, comments }) => [state, comments.length])).toEqual([
      ["merged", 0],
      ["closed", 1],
    ]);
  });

  it("finds its labels behind fifty others", async () => {
    const stage = await stageOf();
    const cycle = cyclesOn(stage);
    for (let index = 10; index < 70; index++) await stage.addLabel(`area/${index}`);
    await stage.addLabel("zeta");

    await cycle({ a: "1" }, { settings: { labels: ["zeta"] } });
    await stage.commit(BRANCH, { "notes.txt": "mine" });
    await cycle({ a: "1" });
    const blocked = (await stage.requests())[0]?.labels;
    await stage.commit("main", { "notes.txt": "mine" });
    const { result } = await cycle({ a: "2" });

    expect([...(blocked ?? [])].sort()).toEqual([LABEL, "zeta"]);
    expect([result, (await stage.requests())[0]?.labels]).toEqual(["proposed", ["zeta"]]);
    expect(await stage.labelsNamed("zeta")).toBe(1);
  });
});
