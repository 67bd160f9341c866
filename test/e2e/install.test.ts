/** `install` and `uninstall` as users run them. */

import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { commitAs } from "../fakes/git-server.js";
import { usual } from "../install/an-installation.js";
import { aFolder, agent, aWorld, GIT_PATH, parseObject } from "./world.js";

const RESULT = [
  "configuration.yaml",
  "crds.yaml",
  "kustomization.yaml",
  "namespaces.yaml",
  "network.yaml",
  "rbac.yaml",
  "secrets.yaml",
];

async function aPlace(text: string | null = usual()) {
  const cwd = await aFolder();
  if (text !== null) await writeFile(join(cwd, "agent.yaml"), text);
  return { cwd, run: (...args: string[]) => agent(args, { cwd }) };
}

describe("install", () => {
  it("writes one stream of documents to stdout, and what to do next to stderr", async () => {
    const { run } = await aPlace();

    const { code, stdout, stderr } = await run("install", "--as", "deployment", "--gitops", "flux");

    const documents = stdout
      .split(/^---\n/m)
      .slice(1)
      .map(parseObject);
    expect(code).toBe(0);
    expect(documents.length).toBeGreaterThan(20);
    expect(documents.filter(({ metadata }) => metadata?.name === undefined)).toEqual([]);
    expect(stderr).toMatch(/^Next:\n1\. apply: runtime-agent install … \| kubectl apply -f -$/m);
  });

  it("gives one document with -o json, which says the same", async () => {
    const { run } = await aPlace();

    const [json, text] = [await run("install", "-o", "json"), await run("install")];

    const given = JSON.parse(json.stdout);
    expect([given.kind, given.version]).toEqual(["InstallManifests", 1]);
    expect(given.manifests).toEqual(
      text.stdout
        .split(/^---\n/m)
        .slice(1)
        .map(parseObject),
    );
    expect(text.stderr).toContain(given.next.at(-1));
  });

  it("writes files with a kustomization, and takes away those of the way it is run no more", async () => {
    const { cwd, run } = await aPlace();

    const first = await run("install", "--as", "cronjob", "--gitops", "flux", "--out", "made");
    const before = await readdir(join(cwd, "made"));
    await run("install", "--as", "deployment", "--out", "made");
    const after = await readdir(join(cwd, "made"));

    expect([first.code, first.stdout]).toEqual([0, ""]);
    expect(first.stderr).toContain("kubectl apply -k made");
    expect(before.sort()).toEqual([...RESULT, "cronjob.yaml", "flux.yaml", "rbac-flux.yaml"].sort());
    expect(after.sort()).toEqual([...RESULT, "deployment.yaml"].sort());
    const { resources } = parseObject(await readFile(join(cwd, "made", "kustomization.yaml"), "utf8"));
    expect([...(resources as string[])].sort()).toEqual(after.filter((name) => name !== "kustomization.yaml"));
  });

  it("leaves a file alone that it did not write", async () => {
    const { cwd, run } = await aPlace();
    await mkdir(join(cwd, "mine"));
    await writeFile(join(cwd, "mine", "kustomization.yaml"), "resources: []\n");

    const { code, stderr } = await run("install", "--out", "mine");

    expect([code, await readdir(join(cwd, "mine"))]).toEqual([64, ["kustomization.yaml"]]);
    expect(stderr).toContain("was not written by install");
  });

  it("says that a folder cannot be written where nobody can make one", async () => {
    const { run } = await aPlace();

    const { code, stderr } = await run("install", "--out", "/proc/made");

    expect([code, stderr]).toEqual([64, expect.stringContaining("the folder /proc/made cannot be written")]);
  }, 20_000);

  it.each([
    [["--as", "pod"], 64, "Allowed choices are cronjob, deployment"],
    [["--image", "no image"], 64, "--image is not the name of an image"],
    [["--namespace", "No_Namespace"], 78, "is not a namespace"],
    [["--gitops", "argocd"], 78, "Argo CD does not decrypt SOPS"],
  ])("refuses %j with %i", async (args, code, message) => {
    const { run } = await aPlace();

    const ended = await run("install", ...args);

    expect([ended.code, ended.stdout]).toEqual([code, ""]);
    expect(ended.stderr).toContain(message);
  });

  it("puts no secret that it could read anywhere", async () => {
    const { cwd, run } = await aPlace();
    for (const name of ["token", "ca.pem"]) await writeFile(join(cwd, name), `S3CRET-${name}`);

    const { stdout, stderr } = await agent(["install", "--gitops", "flux"], { cwd, env: { GIT_TOKEN: "S3CRET-git" } });

    expect(stdout + stderr + (await run("install", "-o", "json")).stdout).not.toContain("S3CRET");
  });
});

it.each([["install"], ["uninstall"], ["install", "--quiet"], ["uninstall", "--quiet"]])(
  "%s %s warns of an unverified Compass, beside the documents for kubectl",
  async (...command) => {
    const { cwd } = await aPlace();

    const { stdout, stderr } = await agent(command, {
      cwd,
      env: { RUNTIME_AGENT_COMPASS_INSECURE_SKIP_VERIFY: "true" },
    });

    expect(stderr.match(/^Warning: compass\.insecureSkipVerify is on/gm)).toHaveLength(1);
    expect(stdout).not.toContain("Warning");
  },
);

describe("uninstall", () => {
  it("names the agent and its wiring in order, and nothing that holds something", async () => {
    const { run } = await aPlace();

    const { code, stdout, stderr } = await run("uninstall", "--gitops", "flux");

    const named = stdout
      .split(/^---\n/m)
      .slice(1)
      .map(parseObject);
    const kinds = named.map(({ kind }) => kind);
    expect(code).toBe(0);
    expect(kinds.slice(0, 4)).toEqual(["CronJob", "Deployment", "Kustomization", "GitRepository"]);
    // The canary is the agent's own, made anew off Git.
    const kept = ["Secret", "Namespace", "CustomResourceDefinition", "CompassConnection"];
    expect(named.flatMap(({ kind, metadata }) => (kept.includes(kind) ? [metadata.name] : []))).toEqual([
      "runtime-agent-canary",
    ]);
    expect(stderr).toContain("kubectl delete --ignore-not-found -f -");
  });

  it.each([[[]], [["--gitops", "none"]]])(
    "names no object of Flux that the configuration alone speaks of: %j",
    async (args) => {
      const world = await aWorld({
        sandbox: { applications: 1 },
        settings: { gitops: { kind: "flux", observe: false } },
      });
      await world.pair();

      const { code, stdout, stderr } = await world.run(["uninstall", ...args]);

      expect([code, stdout.includes("kind: CronJob")]).toEqual([0, true]);
      expect(stdout).not.toMatch(/toolkit/);
      expect(stderr).toContain("only with --gitops flux");
    },
  );

  it("refuses to name wiring by a name that install does not write", async () => {
    const { run } = await aPlace(usual({ gitops: "{kind: flux, name: flux-system}" }));

    const { code, stdout, stderr } = await run("uninstall", "--gitops", "flux");

    expect([code, stdout]).toEqual([78, ""]);
    expect(stderr).toContain("the wiring that install writes is named runtime-agent");
  });

  it("names the wiring that was installed before gitops.kind became another", async () => {
    const { run } = await aPlace(usual({ gitops: "{kind: argocd}" }));

    expect((await run("uninstall", "--gitops", "flux")).stdout).toContain("kind: GitRepository");
  });

  it.each([
    ["of this machine", "{url: /srv/repository.git, path: agent}"],
    ["that is not configured", null],
  ])("names the wiring without a word of the repository: one %s", async (_, git) => {
    const { run } = await aPlace(usual({ git }));

    const { code, stdout } = await run("uninstall", "--gitops", "flux");

    expect([code, stdout.includes("kind: GitRepository")]).toEqual([0, true]);
  });

  it("with --purge empties Git by one approved commit, without Compass or a certificate, whatever else is kept, and only then names the rest", async () => {
    const world = await aWorld({
      asProcess: true,
      sandbox: { applications: 3 },
      settings: { deletion: { mode: "upsert-only" } },
    });
    await world.pair();
    await world.run(["sync"]);
    await world.sandbox.close();
    await rm(join(world.folder, "state", "identity"), { recursive: true });
    const before = await world.files();

    const asked = await world.run(["uninstall", "--purge", "-o", "json"]);
    const again = await world.run(["uninstall", "--purge"]);
    const untouched = await world.files();
    const { approval } = JSON.parse(asked.stdout);
    const approved = await world.run(["approve", approval.hash, "--yes"]);
    const done = await world.run(["uninstall", "--purge"]);
    const commits = await world.commits();
    const rest = await world.run(["uninstall", "--purge"]);

    expect([asked.code, again.code, approved.code, done.code, rest.code]).toEqual([0, 0, 0, 0, 0]);
    expect(again.stderr).toContain(`approve ${approval.hash}`);
    expect([approval.count, again.stdout, done.stdout]).toEqual([3, "", ""]);
    expect(untouched).toEqual(before);
    expect([...(await world.files()).keys()].sort()).toEqual([
      ".runtime-agent/.gitattributes",
      ".runtime-agent/inventory.json",
      "kustomization.yaml",
      "revision.yaml",
    ]);
    expect([commits, await world.commits()]).toEqual([2, 2]);
    expect(done.stderr).toMatch(/commit [0-9a-f]{40} on main removes 3 Applications/);
    // Nobody asked Compass.
    expect(done.stderr).not.toContain("NoFormation");
    // What is applied off Git would come back by it.
    const order = [done.stderr, rest.stderr].map((told) => told.indexOf("git rm -r ") < told.indexOf("kubectl delete"));
    expect([order, rest.stderr.includes("git rm -r clusters/test")]).toEqual([[true, true], true]);
    const kinds = rest.stdout
      .split(/^---\n/m)
      .slice(1)
      .map((text) => parseObject(text).kind);
    expect(kinds.slice(-3)).toEqual(["CompassConnection", "CustomResourceDefinition", "CustomResourceDefinition"]);
    expect(kinds).not.toContain("Namespace");
  });

  it("with --purge has nothing to remove from a Git whose folder is gone, and names the rest", async () => {
    const world = await aWorld({ sandbox: { applications: 1 } });
    await world.pair();
    await world.run(["sync"]);
    await commitAs(world.repository, { files: { [GIT_PATH]: null, "README.md": "ours\n" } });
    const before = await world.commits();

    const { code, stdout } = await world.run(["uninstall", "--purge", "-o", "json"]);

    const { removal, failure, manifests, next } = JSON.parse(stdout);
    expect([code, removal, failure, await world.commits()]).toEqual([0, "done", null, before]);
    expect(manifests.at(-1).kind).toBe("CustomResourceDefinition");
    expect(next[0]).toBe(`there is nothing to remove from Git: ${GIT_PATH} holds nothing of the agent's any more`);
    expect(next.join("\n")).not.toContain("git rm");
  });

  it("with --purge names who suspends, and what ends that", async () => {
    const world = await aWorld({ sandbox: { applications: 1 } });
    await world.pair();
    await world.run(["sync"]);
    await commitAs(world.repository, { files: { [`${GIT_PATH}/.runtime-agent/suspend`]: "" } });

    const { stdout } = await world.run(["uninstall", "--purge", "-o", "json"]);

    const { removal, next } = JSON.parse(stdout);
    expect(removal).toBe("suspended");
    expect(next[0]).toContain(`remove the file ${GIT_PATH}/.runtime-agent/suspend from Git`);
    expect(next.join("\n")).not.toContain("runtime-agent resume");
  });

  it("with --purge advises what finds the same configuration", async () => {
    const world = await aWorld({ sandbox: { applications: 1 } });
    await world.pair();
    await world.run(["sync"]);

    const { stdout } = await world.run(["uninstall", "--purge", "-o", "json"]);

    const { approval, next } = JSON.parse(stdout);
    expect(next).toContain(`approve it: runtime-agent --config ${world.config} approve ${approval.hash}`);
  });

  it("with --purge keeps what a person keeps back, and says so", async () => {
    const world = await aWorld({ asProcess: true, sandbox: { applications: 2 } });
    await world.pair();
    await world.run(["sync"]);
    const [name = ""] = [...(await world.files()).keys()].flatMap(
      (path) => /^applications\/([^/]+)\/application/.exec(path)?.[1] ?? [],
    );
    await world.run(["suspend", name]);

    const asked = await world.run(["uninstall", "--purge", "-o", "json"]);
    const { approval } = JSON.parse(asked.stdout);
    await world.run(["approve", approval.hash, "--yes"]);
    await world.run(["uninstall", "--purge"]);
    const rest = await world.run(["uninstall", "--purge"]);

    expect(approval.count).toBe(1);
    expect([...(await world.files()).keys()]).toContain(`applications/${name}/application.yaml`);
    expect([rest.code, rest.stdout]).toEqual([0, ""]);
    expect(rest.stderr).toContain(`Git still holds what a person keeps back; let it go first: ${name} (Suspended)`);
  });
});
