/** What one rolling request goes through, the same on every host: the fakes and a real one run it. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { formatDocument } from "../../src/adapters/yaml/index.js";
import { openBase } from "../../src/base/index.js";
import type { Clock } from "../../src/common/clock.js";
import { sha256 } from "../../src/common/sha256.js";
import { loadConfig } from "../../src/config/index.js";
import type { Plan } from "../../src/plan/index.js";
import { openProposing } from "../../src/proposing.js";
import type { ProposedPublication } from "../../src/publish/index.js";
import { targetRepository } from "../../src/setup.js";
import { openFileState } from "../../src/state/index.js";
import { aPlan } from "../report/an-outcome.js";

export const RUNTIME = "0e4d6f0a-6e6c-4c8a-9b0a-0123456789ab";
export const BRANCH = `runtime-agent/${RUNTIME}`;
export const LABEL = "runtime-agent-blocked";
const PATH = "clusters/test";
const sealKey = Buffer.alloc(32, 7);

/** A repository on a host with `main` and a README, and the people around it. */
export interface HostStage {
  readonly folder: string;
  readonly clock: Clock;
  /** The keys of the configuration that name the host; the token is in `folder/token`. */
  readonly settings: ReturnType<typeof gitSettings>;
  tip(branch: string): Promise<string | null>;
  /** A person's commit on a branch: path → content, null removes. `amend` replaces the tip, by whoever wrote it. */
  commit(branch: string, files: Readonly<Record<string, string | null>>, amend?: boolean): Promise<string>;
  deleteBranch(branch: string): Promise<void>;
  /** Forces a branch back, or anywhere. */
  reset(branch: string, commit: string): Promise<void>;
  /** Whether a commit is in the history of a branch. */
  holds(branch: string, commit: string): Promise<boolean>;
  /** Of all requests, the newest last. */
  requests(): Promise<readonly StagedRequest[]>;
  merge(number: number): Promise<void>;
  /** Until the host has found out that it cannot be merged. */
  untilConflict(number: number): Promise<void>;
  close(number: number): Promise<void>;
  unlabel(number: number, label: string): Promise<void>;
}

export interface StagedRequest {
  readonly number: number;
  readonly title: string;
  readonly body: string;
  readonly state: "open" | "closed" | "merged";
  /** The branch that it asks to merge into. */
  readonly base: string;
  readonly labels: readonly string[];
  readonly comments: readonly string[];
}

export type Files = Readonly<Record<string, string>>;

export interface CycleOptions {
  readonly runtimeID?: string;
  /** Below `pullRequest`. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly body?: string;
}

/** The same with other keys below `git`; one that is undefined is left out. */
export const withGit = <Stage extends HostStage>(stage: Stage, git: Readonly<Record<string, unknown>>): Stage => ({
  ...stage,
  settings: { ...stage.settings, git: { ...stage.settings.git, ...git } },
});

export type Cycle = (files: Files, options?: CycleOptions) => Promise<ProposedPublication & { readonly calls: number }>;

/** One cycle's publishing, with a plan that leads to these files: what is there and not among them goes. */
export function cyclesOn({ folder, settings, clock }: HostStage): Cycle {
  return async (files, { runtimeID = RUNTIME, settings: more = {}, body = "The words of it." } = {}) => {
    const env = {};
    const file = join(folder, "agent.yaml");
    const { pullRequest } = settings;
    await writeFile(file, formatDocument({ version: 1, ...settings, pullRequest: { ...pullRequest, ...more } }));
    const { config } = await loadConfig({ env, cwd: folder, file });
    const { git } = config;
    if (git === null) throw new TypeError("the stage names no repository");
    const signal = new AbortController().signal;
    const state = openFileState(join(folder, `state-${runtimeID}`));
    const repository = await targetRepository(config, git, { env, signal, cache: state.cache });
    try {
      const base = await openBase({ repository, branch: git.branch, path: git.path, sealKey });
      const proposing = await openProposing({
        config,
        git,
        runtimeID,
        repository,
        base,
        state,
        sealKey,
        env,
        clock,
        signal,
      });
      try {
        const plan = planOf(files, base);
        const words = async () => ({ title: "Update Applications", body });
        const published = await proposing.publish(plan, { message: "Update Applications\n", words });
        return { ...published, calls: proposing.requests };
      } finally {
        await proposing.end();
      }
    } finally {
      await repository.close();
    }
  };
}

function planOf(files: Files, base: Awaited<ReturnType<typeof openBase>>): Plan {
  const wanted = Object.entries(files).map(([path, text]) => [path, Buffer.from(text)] as const);
  const writes = new Map(wanted.filter(([path, bytes]) => base.listing.get(path) !== base.blobID(bytes)));
  const rows = new Map(
    wanted.map(([path, bytes]) => [path, { path, id: null, blob: base.blobID(bytes), sha256: sha256(bytes) }]),
  );
  return aPlan({ writes, rows, deletes: [...base.listing.keys()].filter((path) => !rows.has(path)) });
}

export function gitSettings(
  url: string,
  token: string,
  pullRequest: Readonly<Record<string, unknown>>,
  push?: { readonly url: string; readonly auth?: object },
) {
  const auth = { token: { file: token } };
  const git = { url, path: PATH, publish: "pull-request", auth, ...(push === undefined ? {} : { push }) };
  return { git, pullRequest, secrets: { mode: "plain", acknowledgePlain: true } };
}

/** Real hosts give no label to who may only read: then a person ends a block in one of the other ways. */
export function followsOneRequest(open: () => Promise<HostStage>, { mayLabel = true } = {}): void {
  const aStage = async () => {
    const stage = await open();
    const cycle = cyclesOn(stage);
    const last = async () => (await stage.requests()).at(-1);
    return { stage, cycle, last };
  };

  describe("one rolling request", () => {
    it("is opened once, with the marker on top, and left alone while nothing changes", async () => {
      const { stage, cycle } = await aStage();
      const main = await stage.tip("main");

      const first = await cycle({ a: "1" });
      const tip = await stage.tip(BRANCH);
      const again = [await cycle({ a: "1" }, { body: "Other words." }), await cycle({ a: "1" })];

      const requests = await stage.requests();
      expect(first).toMatchObject({ result: "proposed", commit: { id: tip, branch: BRANCH } });
      expect(first.pullRequest).toMatchObject({ number: requests[0]?.number, state: "open", branch: BRANCH });
      expect(again.map(({ result, commit }) => [result, commit])).toEqual([
        ["proposed", null],
        ["proposed", null],
      ]);
      expect(Math.max(...again.map(({ calls }) => calls))).toBeLessThanOrEqual(2);
      expect(requests).toHaveLength(1);
      expect(requests[0]?.body.slice(0, 200)).toContain(`<!-- runtime-agent runtime=${RUNTIME} intent=`);
      expect(requests[0]?.body).toContain("The words of it.");
      expect([await stage.tip(BRANCH), await stage.tip("main")]).toEqual([tip, main]);
    });

    it("is brought up to date in place when something else is wanted", async () => {
      const { stage, cycle } = await aStage();
      await cycle({ a: "1" });
      const before = await stage.tip(BRANCH);

      const { result, commit } = await cycle({ a: "2" }, { body: "The second version." });

      const requests = await stage.requests();
      expect([result, commit?.id]).toEqual(["proposed", await stage.tip(BRANCH)]);
      expect(commit?.id).not.toBe(before);
      expect(requests.map(({ state }) => state)).toEqual(["open"]);
      expect(requests[0]?.body).toContain("The second version.");
    });

    it("stands while the base moves elsewhere, and is built anew where the host reports a conflict", async () => {
      const { stage, cycle } = await aStage();
      await stage.commit("main", { [`${PATH}/a`]: "0\n" });
      await cycle({ a: "1\n" });
      const tip = await stage.tip(BRANCH);
      await stage.commit("main", { "elsewhere.txt": "x" });

      const moved = await cycle({ a: "1\n" });
      const stood = await stage.tip(BRANCH);
      await stage.commit("main", { [`${PATH}/a`]: "somebody's\n" });
      await stage.untilConflict(moved.pullRequest?.number ?? 0);
      const conflicting = await cycle({ a: "1\n" });
      const settled = await cycle({ a: "1\n" });

      expect([moved.commit, stood]).toEqual([null, tip]);
      expect(conflicting.commit?.id).toBe(await stage.tip(BRANCH));
      expect(conflicting.commit).not.toBeNull();
      expect(settled.commit).toBeNull();
      expect((await stage.requests()).map(({ state }) => state)).toEqual(["open"]);
    });

    it("as a draft, too, is built anew for a conflict, and stands without one", async () => {
      const { stage, cycle } = await aStage();
      const settings = { draft: true };
      await stage.commit("main", { [`${PATH}/a`]: "0\n" });
      await cycle({ a: "1\n" }, { settings });
      await stage.commit("main", { "elsewhere.txt": "x" });
      const moved = await cycle({ a: "1\n" }, { settings });
      await stage.commit("main", { [`${PATH}/a`]: "somebody's\n" });
      await stage.untilConflict(moved.pullRequest?.number ?? 0);

      const conflicting = await cycle({ a: "1\n" }, { settings });
      const settled = await cycle({ a: "1\n" }, { settings });

      expect([moved.commit, settled.commit]).toEqual([null, null]);
      expect(conflicting.commit?.id).toBe(await stage.tip(BRANCH));
      expect(settled.calls).toBeLessThanOrEqual(2);
    });

    it("takes the branch away after the merge, and opens another one for what comes later", async () => {
      const { stage, cycle, last } = await aStage();
      await cycle({ a: "1" });
      await stage.merge((await last())?.number ?? 0);

      const merged = await cycle({ a: "1" });
      const branch = await stage.tip(BRANCH);
      const idle = await cycle({ a: "1" });
      const later = await cycle({ a: "2" });

      expect([merged.result, branch, idle.result, idle.calls]).toEqual(["unchanged", null, "unchanged", 0]);
      expect(later.result).toBe("proposed");
      expect((await stage.requests()).map(({ state }) => state)).toEqual(["merged", "open"]);
    });

    it("is closed with a note when nothing is left to change", async () => {
      const { stage, cycle, last } = await aStage();
      await cycle({ a: "1" });

      const { result } = await cycle({});

      expect([result, await stage.tip(BRANCH)]).toEqual(["unchanged", null]);
      expect(await last()).toMatchObject({ state: "closed", comments: [expect.stringContaining("Nothing is left")] });
    });

    it("closed by a person is not opened again for the same, only for something else", async () => {
      const { stage, cycle, last } = await aStage();
      await cycle({ a: "1" });
      await stage.close((await last())?.number ?? 0);

      const same = [await cycle({ a: "1" }), await cycle({ a: "1" })];
      const closed = (await stage.requests()).length;
      const other = await cycle({ a: "2" });
      await stage.close((await last())?.number ?? 0);
      const first = await cycle({ a: "1" });

      expect(same.map(({ result, notes, pullRequest }) => [result, notes.length, pullRequest?.state])).toEqual([
        ["unchanged", 1, "closed"],
        ["unchanged", 1, "closed"],
      ]);
      expect(Math.max(...same.map(({ calls }) => calls))).toBeLessThanOrEqual(2);
      expect([closed, other.result, first.result]).toEqual([1, "proposed", "unchanged"]);
      expect((await stage.requests()).map(({ state }) => state)).toEqual(["closed", "closed"]);
    });

    it("closed by a person is not asked for by another one that is open", async () => {
      const { stage, cycle, last } = await aStage();
      await cycle({ a: "1" });
      await stage.close((await last())?.number ?? 0);
      const more = await cycle({ a: "1", b: "1" });

      const less = await cycle({ a: "1" });
      const idle = await cycle({ a: "1" });

      expect([more.result, less.result, less.notes.length, idle.result]).toEqual([
        "proposed",
        "unchanged",
        1,
        "unchanged",
      ]);
      expect(idle.calls).toBeLessThanOrEqual(2);
      expect(await stage.tip(BRANCH)).toBeNull();
      expect((await stage.requests()).map(({ state, comments }) => [state, comments.length])).toEqual([
        ["closed", 0],
        ["closed", 1],
      ]);
    });

    it("of which a person deleted the branch counts as closed by that person", async () => {
      const { stage, cycle } = await aStage();
      await cycle({ a: "1" });
      await stage.deleteBranch(BRANCH);

      const same = await cycle({ a: "1" });
      const other = await cycle({ a: "2" });

      expect([same.result, same.notes.length, other.result]).toEqual(["unchanged", 1, "proposed"]);
      expect((await stage.requests()).filter(({ state }) => state === "open")).toHaveLength(1);
      expect(await stage.tip(BRANCH)).not.toBeNull();
    });
  });

  describe("where it leads to", () => {
    it("is corrected: the one request is built anew for another git.path, and a refusal of the former says nothing of it", async () => {
      const { stage, cycle } = await aStage();
      const corrected = cyclesOn(withGit(stage, { path: "clusters/right" }));
      await cycle({ a: "1" });

      const moved = await corrected({ a: "1" }, { body: "The right place." });
      const tip = await stage.tip(BRANCH);
      const stands = await corrected({ a: "1" });
      const [request] = await stage.requests();
      await stage.close(request?.number ?? 0);
      const refused = await corrected({ a: "1" });
      const former = await cycle({ a: "1" });

      expect([moved.result, moved.commit?.id]).toEqual(["proposed", tip]);
      expect(request?.body).toContain("The right place.");
      expect([stands.commit, refused.result, former.result]).toEqual([null, "unchanged", "proposed"]);
      expect(stands.calls).toBeLessThanOrEqual(2);
      expect((await stage.requests()).map(({ state }) => state)).toEqual(["closed", "open"]);
    });

    it("is corrected: for another git.branch the request is closed with a note, and one is opened into that", async () => {
      const { stage, cycle } = await aStage();
      await stage.commit("prod", { "prod.txt": "x" });
      const corrected = cyclesOn(withGit(stage, { branch: "prod" }));
      await cycle({ a: "1" });

      const moved = await corrected({ a: "1" });
      const stands = await corrected({ a: "1" });

      expect([moved.result, moved.commit?.id, stands.commit]).toEqual(["proposed", await stage.tip(BRANCH), null]);
      expect(stands.calls).toBeLessThanOrEqual(2);
      expect(await stage.requests()).toMatchObject([
        { base: "main", state: "closed", comments: [expect.stringContaining("prod")] },
        { base: "prod", state: "open", comments: [] },
      ]);
    });

    it("merged and taken back between two cycles is proposed anew by a commit that the target does not have", async () => {
      const { stage, cycle, last } = await aStage();
      await cycle({ a: "1" });
      const merged = await stage.tip(BRANCH);
      await stage.merge((await last())?.number ?? 0);
      await stage.commit("main", { [`${PATH}/a`]: null });

      const again = await cycle({ a: "1" });
      const stands = await cycle({ a: "1" });

      expect([again.result, again.commit?.id, stands.commit]).toEqual(["proposed", await stage.tip(BRANCH), null]);
      expect(again.commit?.id).not.toBe(merged);
      expect((await stage.requests()).map(({ state }) => state)).toEqual(["merged", "open"]);
    });

    it("is built anew where the target's history was cut back, and brings nothing of it in again", async () => {
      const { stage, cycle, last } = await aStage();
      const before = await stage.tip("main");
      const leaked = await stage.commit("main", { "leaked.txt": "a password" });
      await cycle({ a: "1" });
      await stage.reset("main", before ?? "");

      const again = await cycle({ a: "1" });
      const stands = await cycle({ a: "1" });
      await stage.merge((await last())?.number ?? 0);

      expect([again.result, again.commit?.id, stands.commit]).toEqual(["proposed", expect.any(String), null]);
      expect(stands.calls).toBeLessThanOrEqual(2);
      expect(await stage.holds("main", leaked)).toBe(false);
    });
  });

  describe("a person's commit on the branch", () => {
    it("is never overwritten, amended under our name or not, and told once by a note and a label", async () => {
      const { stage, cycle, last } = await aStage();
      await cycle({ a: "1" });
      const theirs = await stage.commit(BRANCH, { "notes.txt": "mine" });

      const blocked = [await cycle({ a: "2" }), await cycle({ a: "3" }), await cycle({ a: "1" })];
      const told = await last();
      const amended = await stage.commit(BRANCH, { "notes.txt": "mine again" }, true);
      const later = await cycle({ a: "4" });

      expect(blocked.map(({ result, commit }) => [result, commit])).toEqual([
        ["blocked", null],
        ["blocked", null],
        ["blocked", null],
      ]);
      expect(amended).not.toBe(theirs);
      expect([later.result, await stage.tip(BRANCH)]).toEqual(["blocked", amended]);
      const labels = mayLabel ? [LABEL] : [];
      expect(told).toMatchObject({ state: "open", labels, comments: [expect.stringContaining(LABEL)] });
      expect((await last())?.comments).toHaveLength(1);
    });

    if (mayLabel)
      it("is replaced once the label is taken off", async () => {
        const { stage, cycle, last } = await aStage();
        await cycle({ a: "1" });
        await stage.commit(BRANCH, { "notes.txt": "mine" });
        await cycle({ a: "2" });
        await stage.unlabel((await last())?.number ?? 0, LABEL);

        const { result, commit } = await cycle({ a: "2" });

        expect([result, commit?.id]).toEqual(["proposed", await stage.tip(BRANCH)]);
        expect(await last()).toMatchObject({ state: "open", labels: [] });
      });

    it("is replaced once what it changed is in the base", async () => {
      const { stage, cycle, last } = await aStage();
      await cycle({ a: "1" });
      await stage.commit(BRANCH, { "notes.txt": "mine" });
      const before = await cycle({ a: "2" });
      await stage.commit("main", { "notes.txt": "mine" });

      const { result, commit } = await cycle({ a: "2" });

      expect(before.result).toBe("blocked");
      expect([result, commit?.id]).toEqual(["proposed", await stage.tip(BRANCH)]);
      expect((await last())?.labels).toEqual([]);
    });

    it.each(["1", "2"])(
      "is no obstacle once the branch is deleted, with what was proposed before (1) or not: %s",
      async (wanted) => {
        const { stage, cycle } = await aStage();
        await cycle({ a: "1" });
        await stage.commit(BRANCH, { "notes.txt": "mine" });
        await cycle({ a: wanted });
        await stage.deleteBranch(BRANCH);

        const { result, commit } = await cycle({ a: wanted });

        expect([result, commit?.id]).toEqual(["proposed", await stage.tip(BRANCH)]);
        expect((await stage.requests()).filter(({ state }) => state === "open")).toHaveLength(1);
      },
    );

    it("merged with the request frees the branch, which stays as it is until it is needed", async () => {
      const { stage, cycle, last } = await aStage();
      await cycle({ a: "1" });
      const theirs = await stage.commit(BRANCH, { "notes.txt": "mine" });
      await stage.merge((await last())?.number ?? 0);

      const nothing = await cycle({ a: "1" });
      const between = await stage.tip(BRANCH);
      const later = await cycle({ a: "2" });

      // Some hosts delete a merged branch by themselves.
      expect([theirs, null]).toContain(between);
      expect([nothing.result, nothing.notes, later.result]).toEqual(["unchanged", [], "proposed"]);
      expect(later.commit?.id).toBe(await stage.tip(BRANCH));
    });

    it("on a branch that the agent does not know counts as a person's, without a request, too", async () => {
      const { stage, cycle } = await aStage();
      const theirs = await stage.commit(BRANCH, { "notes.txt": "mine" });

      const { result, pullRequest, notes } = await cycle({ a: "1" });

      expect([result, pullRequest, notes.length, await stage.tip(BRANCH)]).toEqual(["blocked", null, 1, theirs]);
      expect(await stage.requests()).toEqual([]);
    });
  });

  it("keeps two agents in one repository apart", async () => {
    const { stage, cycle } = await aStage();
    const other = "ffffffff-6e6c-4c8a-9b0a-0123456789ab";
    await cycle({ a: "1" });

    const theirs = await cycle({ a: "1" }, { runtimeID: other });
    const ours = await cycle({ a: "1" });

    expect([theirs.result, ours.result, ours.commit]).toEqual(["proposed", "proposed", null]);
    expect(theirs.pullRequest?.number).not.toBe(ours.pullRequest?.number);
    expect((await stage.requests()).map(({ state }) => state)).toEqual(["open", "open"]);
  });

  if (!mayLabel)
    it("tells in a note that it may not set labels", async () => {
      const { cycle, last } = await aStage();

      const { result, notes } = await cycle({ a: "1" }, { settings: { labels: ["compass"] } });

      expect([result, notes, (await last())?.labels]).toEqual([
        "proposed",
        [expect.stringContaining("pullRequest.labels is not done")],
        [],
      ]);
    });

  if (mayLabel)
    it("sets labels", async () => {
      const { cycle, last } = await aStage();

      const { notes } = await cycle({ a: "1" }, { settings: { labels: ["compass", "please review"] } });

      expect(notes).toEqual([]);
      expect([...((await last())?.labels ?? [])].sort()).toEqual(["compass", "please review"]);
    });
}
