/** The commands as they are typed: help, formats, colours, signals, and the demo's story. */

import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { git } from "../fakes/git-server.js";
import { aFolder, agent, aWorld } from "./world.js";

const COMMANDS = [
  "demo",
  "pair",
  "sync",
  "plan",
  "diff",
  "snapshot",
  "status",
  "approve",
  "suspend",
  "resume",
  "renew",
  "revoke",
  "reconnect",
  "doctor",
  "sandbox",
  "config",
];
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape that begins a colour
const COLOR = /\u001b\[/;

describe("every command", () => {
  it.each(COMMANDS)("%s has help with an example", async (command) => {
    const { code, stdout, stderr } = await agent([command, "--help"]);

    expect(code).toBe(0);
    expect(stderr).toBe("");
    expect(stdout).toContain(`Usage: runtime-agent ${command}`);
    expect(stdout).toMatch(/Example:\n\s+runtime-agent /);
  });

  it("is listed by --help, and --version tells the package's", async () => {
    const [help, version] = [await agent(["--help"]), await agent(["--version"])];

    const { version: expected } = JSON.parse(await readFile(join(import.meta.dirname, "../../package.json"), "utf8"));
    for (const command of COMMANDS) expect(help.stdout).toMatch(new RegExp(`  ${command}(?:\\|\\w+)? `));
    expect(version.stdout).toBe(`${expected}\n`);
  });
});

describe("the formats of a result", () => {
  it("are text, one JSON document, or YAML that says the same, with global options before or after the command", async () => {
    const world = await aWorld({ asProcess: true });
    await world.pair();
    await world.run(["sync"]);

    const json = await world.run(["status", "-o", "json"]);
    const yaml = await world.run(["-o", "yaml", "status"]);
    const text = await world.run(["status"]);

    const status = JSON.parse(json.stdout);
    expect(status).toMatchObject({ kind: "Status", version: 1, connection: { state: "Connected" } });
    expect(yaml.stdout).toContain("kind: Status\n");
    expect(yaml.stdout).toContain(status.connection.clientID);
    expect(text.stdout).toContain(`client ID    ${status.connection.clientID}`);
  });

  it("is one JSON document with the failure when a cycle fails", async () => {
    const world = await aWorld({ asProcess: true });

    const sync = await world.run(["sync", "-o", "json"]);
    const snapshot = await world.run(["snapshot", "-o", "json"]);

    expect(JSON.parse(sync.stdout)).toMatchObject({
      kind: "SyncOutcome",
      result: "failed",
      failure: { code: "TokenNeeded" },
    });
    expect(JSON.parse(snapshot.stdout)).toMatchObject({ kind: "Failure", failure: { code: "TokenNeeded" } });
    const wrong = await world.run(["-o", "json", "sync", "--nonsense"]);
    expect(wrong.code).toBe(64);
    expect(JSON.parse(wrong.stdout)).toMatchObject({ kind: "Failure", failure: { code: "Usage" } });
  });

  it("are coloured only where that was asked for", async () => {
    const folder = await aFolder();
    const demo = (name: string, env: Record<string, string>, ...flags: string[]) =>
      agent([...flags, "demo", "--directory", join(folder, name)], { env });

    const runs = await Promise.all([
      demo("plain", {}),
      demo("forced", { FORCE_COLOR: "1" }),
      demo("both", { FORCE_COLOR: "1", NO_COLOR: "1" }),
      demo("flag", { FORCE_COLOR: "1" }, "--no-color"),
    ]);

    expect(runs.map(({ stdout }) => COLOR.test(stdout))).toEqual([false, true, false, false]);
  });
});

describe("demo", () => {
  it("tells its story, leaves one commit per change, and ends with the repository and three things to try", async () => {
    const folder = await aFolder();

    const { code, stdout, stderr } = await agent(["demo", "--directory", join(folder, "demo")]);

    const repository = join(folder, "demo", "repository.git");
    const subjects = (await git(repository, "log", "--format=%s", "main")).split("\n");
    expect(code).toBe(0);
    expect(stderr).toBe("");
    expect(stdout.match(/^\d\. /gm)).toHaveLength(7);
    expect(stdout).toContain("InvalidName");
    expect(stdout).toContain("nothing to commit");
    expect(stdout).toContain(`The repository: ${repository}`);
    expect(subjects).toHaveLength(3);
    expect(subjects[0]).toMatch(/^Delete mp-/);
    expect(subjects[1]).toMatch(/^Update mp-/);
    expect(subjects[2]).toBe("Add 5 Applications");
  });

  it("keeps Compass running on request, so that the agent can be used by hand, and stops cleanly by a signal", async () => {
    const folder = await aFolder();

    const { code, stdout } = await agent(["demo", "--keep-running", "--directory", folder], {
      signalAfter: { text: "Ctrl-C", signal: "SIGTERM" },
    });

    expect(code).toBe(143);
    expect(stdout).toContain("sync --config");
  });

  it("does not play over the remains of an earlier one", async () => {
    const folder = await aFolder();
    await agent(["demo", "--directory", folder]);

    const { code, stderr } = await agent(["demo", "--directory", folder]);

    expect(code).toBe(64);
    expect(stderr).toContain("holds an earlier demo");
  });
});

describe("sandbox", () => {
  it("prints where it is as one JSON document and runs until a signal", async () => {
    const { code, stdout } = await agent(["sandbox", "-o", "json"], {
      signalAfter: { text: '"control"', signal: "SIGINT" },
    });

    expect(code).toBe(130);
    expect(Object.keys(JSON.parse(stdout))).toEqual([
      "connectorURL",
      "secureConnectorURL",
      "directorURL",
      "token",
      "runtimeID",
      "tenant",
      "ca",
      "directory",
      "control",
    ]);
  });
});

describe("snapshot and plan", () => {
  it("record without secrets, in a file of mode 0600, what plan reads offline as unchanged", async () => {
    const world = await aWorld({ asProcess: true });
    await world.pair();
    await world.run(["sync"]);
    const file = join(world.folder, "landscape.json");

    await world.run(["snapshot", "--out", file]);
    await world.sandbox.close();
    const plan = await world.run(["plan", "--snapshot", file, "--detailed-exit-code"]);

    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, "utf8")).toContain('"redacted": true');
    expect(plan.code).toBe(0);
    expect(plan.stdout).toContain("No changes");
  });

  it("show the diff with masked secrets, tell changes by exit code 2, and write nothing", async () => {
    const world = await aWorld({ asProcess: true });
    await world.pair();

    const plan = await world.run(["plan", "--diff", "--detailed-exit-code"]);

    expect(plan.code).toBe(2);
    expect(plan.stdout).toContain("+  clientSecret: ••••••••");
    expect(plan.stdout).not.toContain("ENC[");
    expect(await world.commits()).toBe(0);
    expect(await stat(join(world.folder, "state", "seal.key")).catch(() => null)).toBeNull();
  });

  it("compare with a folder in place of the repository", async () => {
    const world = await aWorld({ asProcess: true });
    await world.pair();
    await world.run(["sync"]);
    await git(world.folder, "clone", "--quiet", world.repository, "checkout");

    const plan = await world.run(["plan", "--base", join(world.folder, "checkout", "clusters", "test")]);

    expect(plan.code).toBe(0);
    expect(plan.stdout).toContain("No changes");
  });

  it("refuse what is no snapshot by its place, never by its value", async () => {
    const world = await aWorld({ asProcess: true });
    const file = join(world.folder, "broken.json");
    await writeFile(
      file,
      JSON.stringify({ kind: "DirectorSnapshot", version: 1, runtime: { id: "secret-id", name: 7 }, applications: [] }),
    );

    const { code, stderr } = await world.run(["plan", "--snapshot", file]);

    expect(code).toBe(1);
    expect(stderr).toContain("runtime.name");
    expect(stderr).not.toContain("secret-id");
  });
});

describe("config", () => {
  it("shows each value with its origin, and no secret", async () => {
    const world = await aWorld({ asProcess: true });
    const token = join(world.folder, "token");
    await writeFile(token, "a-secret-token");

    const env = { RUNTIME_AGENT_COMPASS_TOKEN_FILE: token, RUNTIME_AGENT_GIT_BRANCH: "main" };
    const view = await world.run(["config", "view"], { env });

    expect(view.stdout).toMatch(/^git\.branch\s+main\s+RUNTIME_AGENT_GIT_BRANCH$/m);
    expect(view.stdout).toMatch(/^git\.path\s+clusters\/test\s+.*agent\.yaml:\d+$/m);
    expect(view.stdout).toMatch(/^deletion\.mode\s+sync\s+default$/m);
    expect(view.stdout).not.toContain("a-secret-token");
  });

  it("gives its JSON Schema and validates", async () => {
    const world = await aWorld({ asProcess: true });

    const [schema, valid] = [await world.run(["config", "schema"]), await world.run(["config", "validate"])];

    expect(JSON.parse(schema.stdout)).toMatchObject({ type: "object", additionalProperties: false });
    expect(valid).toMatchObject({ code: 0 });
  });
});
