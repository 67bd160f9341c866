/** `verify` as a build server runs it, on what the agent really committed. */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { formatDocument, parseYaml } from "../../src/adapters/yaml/index.js";
import { commitAs, git } from "../fakes/git-server.js";
import { anAuthority, startTLSServer } from "../fakes/tls-server.js";
import { startVault } from "../fakes/vault-server.js";
import { aSealingPair } from "../seal/sealing-pair.js";
import { aFolder, agent, aWorld, GIT_PATH, RECIPIENT } from "./world.js";

/** A world in which the agent committed twice, with its canary. */
async function aCommittedWorld(settings: Readonly<Record<string, unknown>>) {
  const { applications } = settings as { applications?: object };
  const world = await aWorld({
    sandbox: { applications: 4 },
    settings: { ...settings, applications: { canary: true, ...applications } },
  });
  const base = await commitAs(world.repository, { files: { "README.md": "ours\n" } });
  await world.pair();
  const runs = [await world.run(["sync"])];
  await world.edit(({ applications: [first] }) => {
    if (first !== undefined) first.description = "changed";
  });
  runs.push(await world.run(["sync"]));
  expect(runs.map(({ code, stderr }) => [code, code === 0 ? "" : stderr])).toEqual([
    [0, ""],
    [0, ""],
  ]);
  const verify = async (from = base) => {
    const { code, stdout, stderr } = await world.run(["verify", "--base", from, "--head", "main", "-o", "json"]);
    if (stdout === "") throw new Error(stderr);
    return { code, ...JSON.parse(stdout) };
  };
  return { world, base, verify };
}

const PLACE = { file: "agent.yaml", stage: "config", code: "Internal" } as const;

/** Beside a path of the agent's, as a person would write it. */
const CLEAR = "apiVersion: v1\nkind: Secret\nmetadata: {name: y}\nstringData: {password: hunter2hunter2}\n";

async function commitClear({ repository }: { repository: string }): Promise<string> {
  const tip = await git(repository, "rev-parse", "main");
  await commitAs(repository, { files: { [`${GIT_PATH}/mine.yaml`]: CLEAR } });
  return tip;
}

const none = { findings: [], commits: { total: 2, agent: 2, otherAgents: 0 }, code: 0 };
const refused = { code: 1, findings: [{ code: "ClearSecret", path: `${GIT_PATH}/mine.yaml` }] };

describe("verify accepts what the agent committed, and refuses a person's clear Secret beside it", () => {
  it.each([{}, { scope: "namespace-wide", managed: true }])("in mode sealed-secrets: %o", async (more) => {
    const file = join(await aFolder(), "sealing.pem");
    await writeFile(file, (await aSealingPair()).certificate);
    const sealedSecrets = { certificate: { file }, ...more };
    const { world, verify } = await aCommittedWorld({ secrets: { mode: "sealed-secrets", sealedSecrets } });

    const verified = await verify();
    const tip = await commitClear(world);

    expect(verified).toMatchObject({ ...none, checked: { secrets: "checked", recipients: "not checked" } });
    expect(await verify(tip)).toMatchObject(refused);
  });

  it("in mode sops with a transit key and a file for sops, and not what was sealed before for age alone", async () => {
    const vault = await startVault({ token: "the-token", key: "agent" });
    onTestFinished(() => vault.close());
    const authority = await anAuthority();
    const front = await startTLSServer({
      authority,
      answer: async (response, { method, url, headers, body }) => {
        const given = { "x-vault-token": String(headers["x-vault-token"]) };
        const answer = await fetch(`${vault.url}${url}`, { method, headers: given, body });
        response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
      },
    });
    onTestFinished(() => front.close());
    const folder = await aFolder();
    const [ca, token] = [join(folder, "ca.pem"), join(folder, "token")];
    await writeFile(ca, authority.certificate);
    await writeFile(token, "the-token");
    const transit = { address: front.url(), keyName: "agent", token: { file: token }, ca: { file: ca } };
    const sops = { age: [RECIPIENT], configFile: true };
    const { world, base, verify } = await aCommittedWorld({
      secrets: { mode: "sops", sops: { ...sops, vault: transit } },
    });
    const withAgeAlone = join(folder, "age-alone.yaml");
    const document = parseYaml(await readFile(world.config, "utf8"), PLACE) as object;
    await writeFile(withAgeAlone, formatDocument({ ...document, secrets: { mode: "sops", sops } }));

    const verified = await verify();
    const alone = ["--config", withAgeAlone, "verify", "--base", base, "--head", "main", "-o", "json"];
    const foreign = JSON.parse((await agent(alone)).stdout);
    const tip = await commitClear(world);

    expect(verified).toMatchObject(none);
    expect(new Set(foreign.findings.map(({ code }: { code: string }) => code))).toEqual(
      // The file for sops names both keys, too.
      new Set(["ForeignRecipient", "NotAsWritten"]),
    );
    expect(await verify(tip)).toMatchObject(refused);
  });

  it("by templates of one's own, with kinds, labels and annotations of theirs", async () => {
    const templates = await aFolder();
    await writeFile(
      join(templates, "index.js"),
      `import { ApiObject } from "cdk8s";
      import { application, secrets } from "runtime-agent/templates";
      export const template = (chart, input) => {
        for (const secret of secrets(chart, input)) secret.metadata.addAnnotation("team", "integration");
        application(chart, input).metadata.addLabel("team", "integration");
        new ApiObject(chart, "map", { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "more" }, data: { a: "# b: 1e3" } });
      };\n`,
    );
    const { world, verify } = await aCommittedWorld({ applications: { templates } });

    const verified = await verify();
    const tip = await commitClear(world);

    expect(verified).toMatchObject(none);
    expect(await verify(tip)).toMatchObject(refused);
  });

  it("in mode plain, of which it says that nothing is looked at", async () => {
    const { world, verify } = await aCommittedWorld({ secrets: { mode: "plain", acknowledgePlain: true } });

    const verified = await verify();
    const tip = await commitClear(world);

    expect(verified).toMatchObject({ ...none, checked: { secrets: "not checked" } });
    expect(await verify(tip)).toMatchObject({ code: 0 });
  });
});

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
      isOnBase: true,
      commits: { total: 2, agent: 2, otherAgents: 0 },
      findings: [],
      checked: {
        inventoryCode: "not checked",
        signatures: "not configured",
        secrets: "checked",
        recipients: "checked",
      },
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
