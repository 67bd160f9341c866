/** The agent as users run it, proposing on a host instead of committing to the target branch. */

import { readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { formatDocument, parseYaml } from "../../src/adapters/yaml/index.js";
import { startFakeAPIServer } from "../fakes/api-server.js";
import { commitAs, git, gitBytes } from "../fakes/git-server.js";
import { aHostedWorld, TOKEN } from "./hosted-world.js";
import { aWorld, GIT_PATH } from "./world.js";

describe("git.publish: pull-request", () => {
  it("is the default where the host is known and there is a token; proposes, updates, and ends with the merge", async () => {
    const world = await aHostedWorld("github", { labels: ["compass"], draft: true });
    const main = await git(world.repository, "rev-parse", "main");

    const first = await world.sync();
    const sealed = await world.proposed();
    const again = await world.sync();
    const tip = await git(world.repository, "rev-parse", world.branch);
    await world.edit(({ applications }) => {
      const [application] = applications;
      if (application !== undefined) application.description = "Something else, by now.";
    });
    const updated = await world.sync();
    const resealed = await world.proposed();
    const status = await world.run(["status"]);
    await world.host.merge(1);
    const merged = await world.sync();
    const idle = await world.sync();

    expect(
      [first, again, updated, merged, idle].map(({ code, outcome }) => [code, outcome.result, outcome.failure]),
    ).toEqual([
      [0, "proposed", null],
      [0, "proposed", null],
      [0, "proposed", null],
      [0, "unchanged", null],
      [0, "unchanged", null],
    ]);
    expect(first.outcome.pullRequest).toEqual({
      number: 1,
      url: expect.stringContaining("/pull/1"),
      state: "open",
      openedAt: "2026-03-01T12:00:00Z",
      branch: world.branch,
    });
    expect([first.outcome.commit.branch, again.outcome.commit]).toEqual([world.branch, null]);
    expect(first.outcome.digest.target).not.toBe(first.outcome.digest.planned);
    expect(merged.outcome.digest.target).toBe(merged.outcome.digest.planned);
    expect(tip).toBe(first.outcome.commit.id);
    expect(await git(world.repository, "rev-parse", `${tip}^`)).toBe(main);
    // What is under review is not sealed anew, though something else of the same proposal changed.
    const secrets = [...sealed].filter(([path]) => path.includes("/secrets/"));
    expect(secrets.length).toBeGreaterThan(0);
    expect(secrets.filter(([path, blob]) => resealed.get(path) !== blob)).toEqual([]);
    expect(world.host.requests.map(({ state, labels, draft }) => [state, labels, draft])).toEqual([
      ["merged", ["compass"], true],
    ]);
    expect(status.stdout).toContain("pull request");
    expect(status.stdout).toContain("/pull/1");
    expect(await git(world.repository, "branch", "--list", world.branch)).toBe("");
  });

  it("tells a reviewer what changes by names alone: no value of a secret, no length", async () => {
    const world = await aHostedWorld("gitlab");
    const landscape = JSON.parse(await readFile(world.sandbox.snapshotFile, "utf8"));
    const values = [...JSON.stringify(landscape).matchAll(/"(?:password|clientSecret)":"([^"]+)"/g)].map(
      ([, value]) => value ?? "",
    );

    await world.sync();

    const [request] = world.host.requests;
    const sent = JSON.stringify(world.host.calls.map(({ body, path }) => [path, body]));
    expect(values.length).toBeGreaterThan(0);
    expect(
      values.filter((value) => sent.includes(value) || sent.includes(Buffer.from(value).toString("base64"))),
    ).toEqual([]);
    expect(sent).not.toContain(TOKEN);
    expect(request?.title).toBe(`Add 5 Applications (${GIT_PATH})`);
    expect(request?.body).toMatch(/\| `mp-[^`]+` \| added \| new Secret `[^`]+` \(`[a-zA-Z]+`/);
  });

  it("is waiting for review with its date, not failed: sync --wait does not wait for it, and ends well", async () => {
    const api = await startFakeAPIServer();
    onTestFinished(() => api.close());
    const world = await aHostedWorld("github", {}, { settings: { gitops: { observe: true } } });
    const env = { KUBECONFIG: await api.kubeconfig() };
    const words = "proposed, waiting for review since 2026-03-01T12:00:00Z";

    // It would be five minutes.
    const first = await world.run(["sync", "--wait"], { env });
    const again = await world.run(["sync", "--wait", "-o", "json"], { env });
    const [status, asJSON] = [await world.run(["status"]), await world.run(["status", "-o", "json"])];
    await world.host.merge(1);
    const merged = await world.run(["sync", "--wait", "--wait-timeout", "1s"], { env });

    expect([first.code, first.stdout]).toEqual([0, expect.stringContaining(`Request 1, ${words}: `)]);
    expect(first.stdout + first.stderr).not.toContain("Error");
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({
      result: "proposed",
      pullRequest: { state: "open", openedAt: "2026-03-01T12:00:00Z" },
      failure: null,
    });
    expect([status.code, status.stdout]).toEqual([0, expect.stringContaining(`pull request 1, ${words}: `)]);
    expect(JSON.parse(asJSON.stdout)).toMatchObject({
      pullRequest: { state: "open", openedAt: "2026-03-01T12:00:00Z" },
      blocked: false,
      lastCycle: { result: "proposed", failure: null },
    });
    // Once it is merged there is something to wait for again.
    expect([merged.code, merged.stderr]).toEqual([75, expect.stringContaining("[NotApplied]")]);
  });

  it("stops before anything is written where no host can be told from the address", async () => {
    const world = await aWorld();
    const settings = parseYaml(await readFile(world.config, "utf8"), { file: "", stage: "config", code: "Internal" });
    const { git: given, ...others } = settings as { git: object };
    await writeFile(world.config, formatDocument({ ...others, git: { ...given, publish: "pull-request" } }));

    const { code, stderr } = await world.run(["sync"]);

    expect([code, stderr.includes("pullRequest.host")]).toEqual([78, true]);
    expect(await world.commits()).toBe(0);
  });

  it("respects the revert of what was merged, though another change waited for review all the time", async () => {
    const world = await aHostedWorld(
      "gitea",
      {},
      { settings: { deletion: { mode: "sync", observations: 1, over: "0s", limit: "100%" } } },
    );
    const describe = (index: number, description: string) =>
      world.edit(({ applications }) => void Object.assign(applications[index] ?? {}, { description }));
    await world.sync();
    await world.host.merge(1);
    await describe(1, "The second one.");
    await world.sync();
    await world.host.merge(2);
    await describe(2, "Another one.");
    const busy = await world.sync();

    await world.revertMerge();
    const updated = await world.sync();
    await world.host.merge(3);
    await world.sync();
    await world.edit(({ applications }) => applications.splice(0, 1));
    await world.sync();
    await world.host.merge(4);
    await describe(2, "Yet another one.");
    await world.sync();
    await world.revertMerge();
    const deleted = await world.sync();

    const held = ({ outcome }: Awaited<ReturnType<typeof world.sync>>) =>
      outcome.applications.held.map(({ reason }: { reason: string }) => reason);
    expect([busy, updated, deleted].map(held)).toEqual([[], ["Reverted"], ["Reverted", "Reverted"]]);
    expect(deleted.outcome.applications.deleted).toEqual([]);
  });

  it("is told apart from a person's commit when the agent was killed between its push and its record", async () => {
    const world = await aHostedWorld("gitea");
    await world.sync();
    const file = join(world.folder, "state", "memory.json");
    const memory = JSON.parse(await readFile(file, "utf8"));
    // As it stood before the push was known to be done.
    const { written, ...proposal } = memory.proposal;
    await writeFile(file, JSON.stringify({ ...memory, proposal: { ...proposal, written: null, pending: [written] } }));
    const tip = await gitBytes(world.repository, "rev-parse", world.branch);

    const { outcome } = await world.sync();

    expect([outcome.result, outcome.commit]).toEqual(["proposed", null]);
    expect(await gitBytes(world.repository, "rev-parse", world.branch)).toEqual(tip);
  });

  it("is looked at by the doctor: the host, the repository that is pushed to, and what is wrong with either", async () => {
    const world = await aHostedWorld("gitea");
    const settings = parseYaml(await readFile(world.config, "utf8"), { file: "", stage: "config", code: "Internal" });
    const { git: given, ...others } = settings as { git: { url: string } };
    const doctor = async (changes: { readonly git?: object; readonly pullRequest?: object } = {}) => {
      const { pullRequest } = others as { pullRequest?: object };
      const changed = {
        git: { ...given, ...changes.git },
        pullRequest: { ...pullRequest, ...changes.pullRequest },
      };
      await writeFile(world.config, formatDocument({ ...others, ...changed }));
      const { stdout } = await world.run(["doctor", "-o", "json"]);
      const { checks } = JSON.parse(stdout) as {
        checks: { check: string; verdict: string; message: string; mend: string }[];
      };
      return checks.find(({ check }) => check === "proposals");
    };
    const wrong = join(world.folder, "wrong-token");
    await writeFile(wrong, "of-somebody-else\n");

    await git(world.repository, "branch", "runtime-agent", "main");
    const obstructed = await doctor();
    await git(world.repository, "branch", "-D", "runtime-agent");
    const fresh = await doctor();
    await world.sync();
    const open = await doctor();
    const refused = await doctor({ pullRequest: { token: { file: wrong } } });
    const lost = await doctor({ git: { push: { url: given.url.replace(/repository\.git$/, "fork.git") } } });
    const direct = await doctor({ git: { publish: "direct" } });

    expect([fresh, open, refused, lost, direct].map((found) => found?.verdict)).toEqual([
      "ok",
      "ok",
      "failed",
      "failed",
      "skipped",
    ]);
    expect(obstructed).toMatchObject({
      verdict: "failed",
      message: expect.stringContaining("the branch runtime-agent stands in the way"),
      mend: expect.stringContaining("pullRequest.branch"),
    });
    expect(fresh?.message).toBe(`Gitea answers about requests from ${world.branch}: none yet`);
    expect(open?.message).toContain("number 1 is open");
    expect(refused).toMatchObject({ message: expect.stringContaining("HostAuthentication") });
    expect(lost).toMatchObject({
      message: expect.stringContaining("fork.git"),
      mend: expect.stringContaining("git.push.url"),
    });
  });

  it("shows no credential to another host: config validate, the doctor and a cycle refuse alike, and nobody is asked", async () => {
    const world = await aHostedWorld("github");
    const settings = parseYaml(await readFile(world.config, "utf8"), { file: "", stage: "config", code: "Internal" });
    const { git: given, pullRequest } = settings as { git: { url: string }; pullRequest: object };
    const seen: string[] = [];
    const other = createServer(({ url }, response) => {
      seen.push(url ?? "");
      response.writeHead(500).end();
    });
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const told = async (changes: { readonly git?: object; readonly pullRequest?: object }) => {
      const changed = { git: { ...given, ...changes.git }, pullRequest: { ...pullRequest, ...changes.pullRequest } };
      await writeFile(world.config, formatDocument({ ...(settings as object), ...changed }));
      const validated = await world.run(["config", "validate"]);
      const synced = await world.run(["sync"]);
      const { stdout } = await world.run(["doctor", "-o", "json"]);
      const { checks } = JSON.parse(stdout) as { checks: { check: string; verdict: string; message: string }[] };
      const found = checks.find(({ check }) => check === "configuration");
      return {
        codes: [validated.code, synced.code, found?.verdict],
        words: [validated.stderr, synced.stderr, found?.message],
      };
    };

    const elsewhere = await told({ git: { push: { url: `http://localhost:${port}/agents/repository.git` } } });
    const foreign = await told({ git: { push: { url: "https://git.example.com/agents/repository.git" } } });
    const api = await told({ pullRequest: { api: "https://git.example.com/api/v3" } });

    for (const { codes, words } of [elsewhere, foreign]) {
      expect(codes).toEqual([78, 78, "failed"]);
      for (const each of words) expect(each).toContain("git.push.url is not on the host of git.url");
    }
    expect(api.codes).toEqual([78, 78, "failed"]);
    for (const each of api.words) expect(each).toContain("pullRequest.api is on another host than git.url");
    expect(seen).toEqual([]);
  });

  it("lets uninstall --purge name nothing for deletion before the removal is merged: proposed, closed, blocked", async () => {
    const world = await aHostedWorld("gitea");
    await world.sync();
    await world.host.merge(1);
    await world.sync();
    const purge = async () => {
      const { code, stdout } = await world.run(["uninstall", "--purge", "-o", "json"]);
      return { code, ...JSON.parse(stdout) };
    };

    const asked = await purge();
    await world.run(["approve", asked.approval.hash, "--yes"]);
    const proposed = await purge();
    const again = await purge();
    const request = world.host.requests.find(({ number }) => number === 2);
    if (request === undefined) throw new Error("there is no second request");
    request.state = "closed";
    const closed = await purge();
    const words = await world.run(["uninstall", "--purge"]);
    request.state = "open";
    await commitAs(world.repository, { branch: world.branch, files: { "NOTE.md": "A word of mine\n" } });
    const blocked = await purge();
    await world.host.merge(2);
    const done = await purge();

    const stands = { code: 0, manifests: [], failure: null };
    const of = (state: string) => ({ number: 2, state, branch: world.branch });
    expect(asked).toMatchObject({ ...stands, removal: "approval", pullRequest: null });
    expect(proposed).toMatchObject({ ...stands, removal: "proposed", pullRequest: of("open") });
    expect(again).toMatchObject({ ...stands, removal: "proposed", pullRequest: of("open"), commit: null });
    expect(closed).toMatchObject({ ...stands, removal: "closed", pullRequest: of("closed") });
    expect([words.code, words.stdout]).toEqual([0, ""]);
    expect(words.stderr).toContain(`${closed.pullRequest.url} proposed it, and was closed without merging`);
    expect(blocked).toMatchObject({ ...stands, removal: "blocked", pullRequest: of("open") });
    expect(blocked.next.join(" ")).toContain(blocked.pullRequest.url);
    expect(done).toMatchObject({ code: 0, removal: "done", failure: null });
    expect(done.manifests.at(-1).kind).toBe("CustomResourceDefinition");
  });

  it("leaves the canary under review as it is, and respects who closes the request that has one", async () => {
    const world = await aHostedWorld("gitea", {}, { settings: { applications: { canary: true } } });
    await world.sync();
    const first = await world.proposed();

    const again = await world.sync();
    await world.edit(({ applications }) => {
      const [application] = applications;
      if (application !== undefined) application.description = "Something else, by now.";
    });
    await world.sync();
    const changed = await world.proposed();
    const [request] = world.host.requests;
    if (request !== undefined) request.state = "closed";
    const closed = await world.sync();
    await git(world.repository, "update-ref", "-d", `refs/heads/${world.branch}`);
    const refused = await world.sync();

    expect(first.has("canary.yaml")).toBe(true);
    expect(again.outcome.commit).toBeNull();
    // It tells the digest of what is proposed now.
    expect(changed.get("canary.yaml")).not.toBe(first.get("canary.yaml"));
    expect([closed, refused].map(({ outcome }) => outcome.result)).toEqual(["unchanged", "unchanged"]);
    expect(world.host.requests).toHaveLength(1);
  });

  it("uses an approval up when what it lets go is gone, and not before", async () => {
    const deletion = { observations: 1, over: "0s", limit: "20%", credentials: { observations: 1, over: "0s" } };
    const world = await aHostedWorld("github", {}, { settings: { deletion } });
    await world.sync();
    await world.host.merge(1);
    await world.sync();
    const memory = join(world.folder, "state", "memory.json");
    await world.edit(({ applications }) => {
      applications.splice(0, 3);
    });
    const held = await world.sync();
    const hash = held.outcome.approval?.hash;
    await world.run(["approve", hash, "--yes"]);

    const proposed = await world.sync();
    // The day of the approval is over.
    const kept = JSON.parse(await readFile(memory, "utf8"));
    await writeFile(memory, JSON.stringify({ ...kept, approvals: [] }));
    const later = await world.sync();
    await world.host.merge(2);
    const merged = await world.sync();
    const after = JSON.parse(await readFile(memory, "utf8"));

    expect([held.outcome.applications.deleted, held.outcome.approval?.count]).toEqual([[], 3]);
    expect([proposed, later].map(({ outcome }) => [outcome.result, outcome.applications.deleted.length])).toEqual([
      ["proposed", 3],
      ["proposed", 3],
    ]);
    expect(later.outcome.commit).toBeNull();
    expect([merged.outcome.result, merged.outcome.applications.total]).toEqual(["unchanged", 2]);
    expect([kept.proposedApproval, after.proposedApproval]).toEqual([hash, null]);
    expect(world.host.requests.map(({ state }) => state)).toEqual(["merged", "merged"]);
  });

  it("given up for direct commits names the request that is left open, once", async () => {
    const world = await aHostedWorld("github");
    await world.sync();
    const settings = parseYaml(await readFile(world.config, "utf8"), { file: "", stage: "config", code: "Internal" });
    const { git: given, ...others } = settings as { git: object };
    await writeFile(world.config, formatDocument({ ...others, git: { ...given, publish: "direct" } }));

    const direct = await world.sync();
    const next = await world.sync();

    const noted = ({ outcome }: typeof direct) => outcome.notes.filter((note: string) => note.includes("/pull/1"));
    expect([direct.outcome.result, noted(direct).length, noted(next).length]).toEqual(["published", 1, 0]);
  });

  it("keeps one file of authorities for git, however often it runs", async () => {
    const world = await aHostedWorld("github");
    const settings = parseYaml(await readFile(world.config, "utf8"), { file: "", stage: "config", code: "Internal" });
    const { git: given, ...others } = settings as { git: object };
    await writeFile(world.config, formatDocument({ ...others, git: { ...given, ca: { file: world.sandbox.ca } } }));

    await world.sync();
    await world.sync();

    const files = await readdir(join(world.folder, "state"), { recursive: true });
    expect(files.filter((file) => /authorities/.test(file))).toHaveLength(1);
  });

  it("is not needed to see that the only branch was deleted: nothing is begun anew unless a person says so", async () => {
    const world = await aWorld();
    await commitAs(world.repository, { files: { "README.md": "Hello\n" } });
    await world.pair();
    await world.run(["sync"]);
    await git(world.repository, "update-ref", "-d", "refs/heads/main");

    const lost = await world.run(["sync"]);
    const branches = await git(world.repository, "branch", "--list");
    const anew = await world.run(["sync", "--take-over", world.sandbox.runtimeID]);

    expect([lost.code, branches]).toEqual([1, ""]);
    expect(lost.stderr).toContain("Restore the branch");
    expect([anew.code, anew.stderr]).toEqual([0, expect.anything()]);
    expect(await git(world.repository, "rev-list", "--count", "main")).toBe("1");
  });
});
