/** What a sync commits, and when it does not. */

import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { commitAs, git } from "../fakes/git-server.js";
import { aWorld, freshToken, GIT_PATH, type Landscape, parseObject } from "./world.js";

const quick = { deletion: { mode: "sync", observations: 1, over: "0s" } };

/** `count` definitions or bundles made from the first of a list, each with an id of its own. */
function repeat<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

const uuid = (group: number, index: number) =>
  `00000000-0000-4000-${(0x8000 + group).toString(16)}-${index.toString(16).padStart(12, "0")}`;

describe("sync", () => {
  it("commits once, and ten more times says that there is nothing to commit", async () => {
    const world = await aWorld();
    await world.pair();

    const first = await world.run(["sync", "-o", "json"]);
    const more = [];
    for (let time = 0; time < 10; time++) more.push(await world.run(["sync"]));

    expect(JSON.parse(first.stdout)).toMatchObject({ result: "published", failure: null });
    for (const { code, stdout } of more) {
      expect(code).toBe(0);
      expect(stdout).toContain("Nothing to commit");
    }
    expect(await world.commits()).toBe(1);
  });

  it("changes one manifest, the revision and the inventory when one description changes, and nothing else", async () => {
    const world = await aWorld();
    await world.pair();
    await world.run(["sync"]);
    await world.edit(({ applications: [first] }) => {
      if (first !== undefined) first.description = "A new description";
    });

    const { stdout } = await world.run(["sync", "-o", "json"]);

    const { updated } = JSON.parse(stdout).applications;
    expect(updated).toHaveLength(1);
    expect(await world.commits()).toBe(2);
    expect(await world.touched()).toEqual([
      ".runtime-agent/inventory.json",
      `applications/${updated[0]}/application.yaml`,
      "revision.yaml",
    ]);
  });

  it("seals one Secret anew when its password changes, and touches no other file but revision and inventory", async () => {
    const world = await aWorld();
    await world.pair();
    await world.run(["sync"]);
    await world.edit(({ applications }) => {
      const auths = applications.flatMap(({ bundles }) => bundles ?? []).map((bundle) => bundle.defaultInstanceAuth);
      const basic = auths.find((auth) => JSON.stringify(auth)?.includes('"password"')) as {
        credential: { password: string };
      };
      basic.credential.password = "another-password-0123456789";
    });

    await world.run(["sync"]);

    const touched = await world.touched();
    expect(touched).toHaveLength(3);
    expect(touched[1]).toMatch(/^applications\/[^/]+\/secrets\/.*\.yaml$/);
  });

  it.each([201, 1000])("publishes %i Applications in one commit, over several pages of everything", async (count) => {
    const world = await aWorld({ sandbox: { applications: count } });
    await world.pair();
    await world.edit(({ applications: [first] }) => {
      const [bundle] = first?.bundles ?? [];
      if (first === undefined || bundle === undefined) return;
      first.bundles = repeat(205, (index) => ({
        ...bundle,
        id: uuid(1, index),
        name: `Bundle ${index}`,
        apiDefinitions:
          index > 0
            ? []
            : repeat(203, (api) => ({ id: uuid(2, api), name: `API ${api}`, targetURL: "https://a.example.com" })),
        eventDefinitions: index > 0 ? [] : repeat(202, (event) => ({ id: uuid(3, event), name: `Event ${event}` })),
      }));
    });

    const { code, stdout } = await world.run(["sync", "-o", "json"]);

    const files = await world.files();
    const manifests = [...files].filter(([path]) => path.endsWith("/application.yaml")).map(([, text]) => text);
    const services = manifests
      .filter((text) => text.includes(uuid(1, 0)))
      .flatMap((text) => (parseObject(text).spec as { services: { entries: unknown[] }[] }).services);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).applications.created).toHaveLength(count);
    expect(manifests).toHaveLength(count);
    expect(services).toHaveLength(205);
    expect(services[0]?.entries).toHaveLength(203 + 202);
    expect(await world.commits()).toBe(1);
  });

  it.each([
    ["by default at once", {}, "MissingTooBriefly"],
    ["ever in upsert-only mode", { deletion: { mode: "upsert-only" } }, "UpsertOnly"],
  ])("deletes nothing %s, and says what it holds", async (_, settings, reason) => {
    const world = await aWorld({ settings });
    await world.pair();
    await world.run(["sync"]);
    const before = await world.files();
    await world.edit(({ applications }) => void applications.pop());

    const { stdout } = await world.run(["sync", "-o", "json"]);

    expect(JSON.parse(stdout).applications.held).toMatchObject([{ reason }]);
    expect([...(await world.files()).keys()]).toEqual([...before.keys()]);
    expect((await world.run(["sync", "--detailed-exit-code"])).code).toBe(2);
  });

  it("deletes what is gone when told to, its Secrets with it", async () => {
    const world = await aWorld({ settings: quick });
    await world.pair();
    await world.run(["sync"]);
    let gone = "";
    await world.edit(({ applications }) => {
      gone = applications.splice(1, 1)[0]?.id ?? "";
    });

    const { stdout } = await world.run(["sync", "-o", "json"]);

    const [name] = JSON.parse(stdout).applications.deleted;
    const files = await world.files();
    expect([...files.keys()].filter((path) => path.startsWith(`applications/${name}/`))).toEqual([]);
    expect([...files.values()].join("\n")).not.toContain(gone);
  });

  it("never deletes on an empty answer", async () => {
    const world = await aWorld({ settings: quick });
    await world.pair();
    await world.run(["sync"]);
    const before = await world.files();
    await world.edit((landscape: Landscape) => {
      landscape.applications = [];
    });

    for (let time = 0; time < 3; time++) {
      const { code, stdout } = await world.run(["sync", "-o", "json"]);
      expect(code).toBe(0);
      expect(JSON.parse(stdout).applications.held[0]).toMatchObject({ reason: "EmptyAnswer" });
    }

    expect(await world.files()).toEqual(before);
    expect(await world.commits()).toBe(1);
  });

  it("waits for the observations that the configuration asks for", async () => {
    const world = await aWorld({ settings: { deletion: { mode: "sync", observations: 3, over: "0s" } } });
    await world.pair();
    await world.run(["sync"]);
    await world.edit(({ applications }) => void applications.pop());

    const held = [await world.run(["sync", "-o", "json"]), await world.run(["sync", "-o", "json"])];
    const third = await world.run(["sync", "-o", "json"]);

    for (const { stdout } of held) {
      expect(JSON.parse(stdout).applications.held).toMatchObject([{ reason: "MissingTooBriefly" }]);
    }
    expect(JSON.parse(third.stdout).applications.deleted).toHaveLength(1);
  });

  it.each([
    ["http-500", 75, "ServerError"],
    ["http-503", 75, "DirectorTimedOut"],
    ["rate-limited", 75, "RateLimited"],
    ["cut-body", 75, "AnswerCut"],
    ["not-json", 75, "AnswerMalformed"],
    ["reset", 75, "NetworkUnreachable"],
    ["partial-error", null, null],
    ["insufficient-scopes", 3, "CredentialsRejected"],
    ["no-runtime", 1, "RuntimeUnknown"],
    ["redirect", 1, "Redirected"],
  ])("leaves the tree as it is while Director answers with %s", async (name, code, failure) => {
    const world = await aWorld();
    await world.pair();
    await world.run(["sync"]);
    const before = await world.files();
    await world.edit(({ applications }) => void applications.pop());
    await world.fault({ name, match: "applicationsForRuntime" }, { name, match: "runtime" });

    const run = await world.run(["sync", "-o", "json"]);

    const outcome = JSON.parse(run.stdout);
    expect(outcome.result).toBe("failed");
    expect(run.code).not.toBe(0);
    if (code !== null) expect(run.code).toBe(code);
    if (failure !== null) expect(outcome.failure.code).toBe(failure);
    expect(await world.files()).toEqual(before);

    await world.fault();
    expect((await world.run(["sync"])).code).toBe(0);
  });

  it("goes back to the base when somebody pushed meanwhile, and keeps their commit", async () => {
    const world = await aWorld();
    await world.pair();
    await commitAs(world.repository, { files: { "README.md": "ours to keep\n" } });
    // The first push finds a branch that moved after the agent read it.
    const hook = join(world.repository, "hooks", "pre-receive");
    const moved = join(world.folder, "moved");
    const other = await git(world.repository, "commit-tree", "-p", "main", "-m", "Meanwhile", "main^{tree}");
    await writeFile(
      hook,
      `#!/bin/sh\n[ -e ${moved} ] && exit 0\ntouch ${moved}\nunset GIT_QUARANTINE_PATH\ngit update-ref refs/heads/main ${other}\n`,
      { mode: 0o755 },
    );

    const { code, stdout } = await world.run(["sync", "-o", "json"]);

    expect(code).toBe(0);
    expect(JSON.parse(stdout).result).toBe("published");
    expect(await git(world.repository, "rev-parse", "main~1")).toBe(other);
    expect(await git(world.repository, "show", "main:README.md")).toBe("ours to keep");
    expect(await readFile(moved, "utf8")).toBe("");
  });

  it("sets a foreign file's Application aside and leaves the file as it is", async () => {
    const world = await aWorld();
    await world.pair();
    const { stdout } = await world.run(["plan", "-o", "json"]);
    const [name] = JSON.parse(stdout).applications.created;
    const path = `${GIT_PATH}/applications/${name}/application.yaml`;
    await commitAs(world.repository, { files: { [path]: "mine: true\n" } });

    const sync = await world.run(["sync", "-o", "json"]);

    expect(JSON.parse(sync.stdout).applications.setAside).toMatchObject([{ name, reason: "ForeignFile" }]);
    expect(await git(world.repository, "show", `main:${path}`)).toBe("mine: true");
    expect([...(await world.files()).keys()].filter((file) => file.endsWith("application.yaml"))).toHaveLength(5);
  });

  it("pairs first when a token is configured and there is no identity", async () => {
    const world = await aWorld();
    const token = join(world.folder, "token");
    await writeFile(token, world.sandbox.token);

    const { code } = await world.run(["sync"], { env: { RUNTIME_AGENT_COMPASS_TOKEN_FILE: token } });

    expect(code).toBe(0);
    expect(await world.commits()).toBe(1);
  });

  it("finishes a pairing that was cut short, which status names, without a token", async () => {
    const world = await aWorld({ asProcess: true });
    await world.fault({ name: "slow", delay: 20_000, match: "signCertificateSigningRequest" });
    const pairing = world.run(["pair", "--token-file", "-"], { input: world.sandbox.token });
    const pending = join(world.folder, "state", "identity", "pending", "pairing.json");
    while (!existsSync(pending)) await setTimeout(20);
    world.kill();
    await pairing;
    await world.fault();

    const status = await world.run(["status"]);
    // Its lock is that of a process that is gone.
    const sync = await world.run(["sync"]);

    expect(status.code).toBe(3);
    expect(status.stdout).toContain("the next sync finishes it, or `runtime-agent pair` now");
    expect(sync.code).toBe(0);
    expect(await world.commits()).toBe(1);
  });

  it("tells a pairing that failed as its outcome", async () => {
    const world = await aWorld();
    const token = join(world.folder, "token");
    await writeFile(token, `${"W".repeat(86)}==`);

    const run = await world.run(["sync", "-o", "json"], { env: { RUNTIME_AGENT_COMPASS_TOKEN_FILE: token } });

    expect(run.code).toBe(3);
    expect(JSON.parse(run.stdout)).toMatchObject({
      kind: "SyncOutcome",
      result: "failed",
      failure: { code: "TokenRejected" },
    });
  });

  it("says how wrong the clock is, and that a token is needed when Compass rejects the certificate", async () => {
    const world = await aWorld();
    await world.pair();
    const control = (path: string, body: object) =>
      fetch(`${world.sandbox.control}${path}`, { method: "POST", body: JSON.stringify(body) });
    await control("/clock", { offset: "PT40S" });
    const skewed = await world.run(["sync", "-o", "json"]);
    await control("/faults", [{ name: "insufficient-scopes" }]);
    const failed = await world.run(["sync"]);
    await control("/faults", []);
    await control("/clock", { offset: "PT2S" });
    const right = await world.run(["sync", "-o", "json"]);
    await control("/revoke", {});

    const rejected = await world.run(["sync", "-o", "json"]);

    expect(JSON.parse(skewed.stdout).notes.join()).toMatch(/the clock of this machine is (39|4\d) s behind Compass's/);
    expect([failed.code, failed.stderr]).toEqual([
      3,
      expect.stringMatching(/Note: the clock of this machine is (39|4\d) s behind Compass's: check it\n(.|\n)*Error/),
    ]);
    expect(JSON.parse(right.stdout).notes.join()).not.toContain("clock");
    expect([rejected.code, JSON.parse(rejected.stdout).failure.code]).toEqual([3, "CredentialsRejected"]);
    const status = await world.run(["status"]);
    expect(status.code).toBe(3);
    expect(status.stdout).toMatch(/Compass does not accept the certificate since .*, 1 times/);
    expect(status.stdout).toMatch(/mend +nothing while Compass has an outage; else `runtime-agent reconnect/);
    const token = join(world.folder, "new-token");
    await writeFile(token, await freshToken(world.sandbox));
    const again = await world.run(["sync", "-o", "json"], { env: { RUNTIME_AGENT_COMPASS_TOKEN_FILE: token } });
    expect([again.code, JSON.parse(again.stdout).result]).toEqual([0, "unchanged"]);
    expect((await world.run(["status"])).code).toBe(0);
  });

  it("says so in a renewal by hand, too", async () => {
    const world = await aWorld();
    await world.pair();
    await fetch(`${world.sandbox.control}/clock`, { method: "POST", body: JSON.stringify({ offset: "PT40S" }) });

    const { code, stderr } = await world.run(["renew"]);

    expect([code, stderr]).toEqual([0, expect.stringContaining("s behind Compass's: check it")]);
  });

  it("warns in every output where Compass is not verified, and refuses what would turn all checks off", async () => {
    const world = await aWorld({ settings: { compass: undefined } });
    const env = { RUNTIME_AGENT_COMPASS_CONNECTOR_URL: world.sandbox.connectorURL };
    const insecure = { ...env, RUNTIME_AGENT_COMPASS_INSECURE_SKIP_VERIFY: "true" };
    const input = await freshToken(world.sandbox);

    const runs = [
      await world.run(["pair", "--token-file", "-"], { env: insecure, input }),
      await world.run(["sync", "--quiet"], { env: insecure }),
      await world.run(["status"], { env: insecure }),
      await world.run(["renew"], { env: insecure }),
      await world.run(["doctor"], { env: insecure }),
    ];
    const json = await world.run(["status", "-o", "json"], { env: insecure });
    const verified = await world.run(["sync", "-o", "json"], { env });
    const off = await world.run(["status"], { env: { ...insecure, NODE_TLS_REJECT_UNAUTHORIZED: "0" } });

    for (const { code, stdout } of runs) {
      expect([code, stdout.match(/Warning: compass\.insecureSkipVerify is on/g)?.length]).toEqual([0, 1]);
    }
    expect(JSON.parse(json.stdout).warnings).toHaveLength(1);
    expect(JSON.parse(verified.stdout).failure.code).toBe("TlsUntrusted");
    expect("warnings" in JSON.parse(verified.stdout)).toBe(false);
    expect(off.code).toBe(78);
    expect(off.stderr).toContain("NODE_TLS_REJECT_UNAUTHORIZED=0");
  });

  it("does not let a lost seal key cost more than one request for all files, and seals them anew", async () => {
    const world = await aWorld({ sandbox: { applications: 40 } });
    await world.pair();
    await world.run(["sync"]);
    await rm(join(world.folder, "state", "seal.key"));

    const { stdout } = await world.run(["sync", "-o", "json"]);

    const outcome = JSON.parse(stdout);
    expect(outcome.result).toBe("published");
    expect(outcome.notes.join()).toContain("rebuilt");
    expect(outcome.applications.deleted).toEqual([]);
    expect(outcome.requests.git).toBeLessThanOrEqual(7);
    expect(JSON.parse((await world.run(["sync", "-o", "json"])).stdout).result).toBe("unchanged");
  });
});
