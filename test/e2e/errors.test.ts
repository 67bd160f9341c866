/** Bad input: the documented exit code, one clear message with the mend, no stack trace, no secret. */

import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createBareRepository, startGitServer } from "../fakes/git-server.js";
import { agent, aWorld, freshToken, type Run } from "./world.js";

const WRONG_TOKEN = `${"W".repeat(86)}==`;

/** What every refusal has in common. */
function expectClear({ stderr, stdout }: Run, code: string, ...secrets: string[]): void {
  expect(stderr).toContain(`Error [${code}]`);
  expect(stderr).toContain("Mend: ");
  expect(stderr.match(/Error \[/g)).toHaveLength(1);
  expect(stderr).not.toMatch(/\n\s+at |node:internal|\.js:\d+/);
  for (const secret of secrets) expect(stderr + stdout).not.toContain(secret);
}

describe("bad input", () => {
  it("refuses a wrong token with exit code 3", async () => {
    const world = await aWorld({ asProcess: true });

    const run = await world.run(["pair", "--token-file", "-"], { input: WRONG_TOKEN });

    expect(run.code).toBe(3);
    expectClear(run, "TokenRejected", WRONG_TOKEN);
    expect(run.stderr).toContain(`Pairing with ${new URL(world.sandbox.connectorURL).host}`);
  });

  it("refuses a used token with exit code 3, and does not even send it again", async () => {
    const world = await aWorld({ asProcess: true });
    const token = await freshToken(world.sandbox);
    await world.run(["pair", "--token-file", "-"], { input: token });
    const requests = async () =>
      ((await (await fetch(`${world.sandbox.control}/requests`)).json()) as unknown[]).length;
    const before = await requests();

    const run = await world.run(["pair", "--force", "--token-file", "-"], { input: token });

    expect(run.code).toBe(3);
    expectClear(run, "TokenRejected", token);
    expect(await requests()).toBe(before);
    expect((await world.run(["status"])).code).toBe(0);
  });

  it("refuses a token used elsewhere with exit code 3", async () => {
    const [world, other] = [await aWorld({ asProcess: true }), await aWorld({ asProcess: true })];
    const token = await freshToken(world.sandbox);
    await world.run(["pair", "--token-file", "-"], { input: token });

    const run = await other.run(["pair", "--token-file", "-", "--connector-url", world.sandbox.connectorURL], {
      input: token,
      env: { RUNTIME_AGENT_COMPASS_CA_FILE: world.sandbox.ca },
    });

    expect(run.code).toBe(3);
    expectClear(run, "TokenRejected", token);
  });

  it("says that the Connector cannot be reached with exit code 75, and the token is still good", async () => {
    const world = await aWorld({ asProcess: true });
    const token = await freshToken(world.sandbox);
    const closed = await closedPort();

    const run = await world.run(
      ["pair", "--token-file", "-", "--connector-url", `https://127.0.0.1:${closed}/connector/graphql`],
      { input: token },
    );

    expect(run.code).toBe(75);
    expectClear(run, "NetworkUnreachable", token);
    expect((await world.run(["pair", "--token-file", "-"], { input: token })).code).toBe(0);
  });

  it("refuses an untrusted server certificate with exit code 1, before the token is sent", async () => {
    const world = await aWorld({ asProcess: true });
    const token = await freshToken(world.sandbox);
    const other = await aWorld({ asProcess: true });

    const run = await world.run(["pair", "--token-file", "-"], {
      input: token,
      env: { RUNTIME_AGENT_COMPASS_CA_FILE: other.sandbox.ca },
    });

    expect(run.code).toBe(1);
    expectClear(run, "TlsUntrusted", token);
    expect((await world.run(["pair", "--token-file", "-"], { input: token })).code).toBe(0);
  });

  it("names every unknown key of a configuration at once, with the nearest known one and exit code 78", async () => {
    const world = await aWorld({ asProcess: true });
    const text = await readFile(world.config, "utf8");
    await writeFile(world.config, `${text.replace("compass:", "compas:")}\ndeletions: {mode: sync}\n`);

    const run = await world.run(["sync"]);

    expect(run.code).toBe(78);
    expect(run.stderr).toContain("did you mean compass?");
    expect(run.stderr).toContain("did you mean deletion?");
    expectClear(run, "ConfigurationInvalid");
  });

  it("says that the repository does not exist with exit code 1", async () => {
    const world = await aWorld({ asProcess: true });
    await world.pair();
    const missing = join(world.folder, "nowhere.git");

    const run = await world.run(["sync"], { env: { RUNTIME_AGENT_GIT_URL: missing } });

    expect(run.code).toBe(1);
    expectClear(run, "RepositoryNotFound");
    expect(run.stderr).toContain("git.url");
  });

  it("says that the Git token is wrong with exit code 1, and does not show it", async () => {
    const world = await aWorld({ asProcess: true });
    await world.pair();
    await createBareRepository(world.folder, "remote.git");
    const server = await startGitServer({ directory: world.folder, token: "right-git-token-123" });
    const file = join(world.folder, "git-token");
    await writeFile(file, "wrong-git-token-456\n");

    const run = await world.run(["sync"], {
      env: { RUNTIME_AGENT_GIT_URL: server.url("remote.git"), RUNTIME_AGENT_GIT_AUTH_TOKEN_FILE: file },
    });
    await server.close();

    expect(run.code).toBe(1);
    expectClear(
      run,
      "RepositoryAuthentication",
      "wrong-git-token-456",
      Buffer.from("x-access-token:wrong-git-token-456").toString("base64"),
    );
    expect(run.stderr).toContain("git.auth");
  });

  it("says that the state directory may not be written with exit code 1, and the token is still good", async () => {
    const world = await aWorld({ asProcess: true });
    const token = await freshToken(world.sandbox);
    const state = join(world.folder, "state");
    // Root may write anywhere, so the directory is one that cannot be one.
    if (process.getuid?.() === 0) await writeFile(state, "");
    else {
      await mkdir(state);
      await chmod(state, 0o500);
    }

    const run = await world.run(["pair", "--token-file", "-"], { input: token });

    expect(run.code).toBe(1);
    expectClear(run, "StateUnwritable", token);
    expect(run.stderr).toContain("state.directory");
    const elsewhere = { env: { RUNTIME_AGENT_STATE_DIRECTORY: join(world.folder, "state2") }, input: token };
    expect((await world.run(["pair", "--token-file", "-"], elsewhere)).code).toBe(0);
  });

  it("says that the state directory cannot be made where the file system refuses it, and comes to an end", async () => {
    const world = await aWorld({ asProcess: true });

    const run = await world.run(["pair", "--token-file", "-"], {
      input: world.sandbox.token,
      env: { RUNTIME_AGENT_STATE_DIRECTORY: "/proc/no/state" },
    });

    expect(run.code).toBe(1);
    expectClear(run, "StateUnwritable", world.sandbox.token);
  });

  it("says that the token file cannot be used with exit code 64", async () => {
    const world = await aWorld({ asProcess: true });
    const empty = join(world.folder, "empty");
    await writeFile(empty, "\n");

    const runs = [
      await world.run(["pair", "--token-file", join(world.folder, "none")]),
      await world.run(["pair", "--token-file", empty]),
    ];

    for (const run of runs) {
      expect(run.code).toBe(64);
      expectClear(run, "Usage");
      expect(run.stderr).toContain("--token-file");
    }
  });

  it("asks for a token with exit code 3 when there is no certificate", async () => {
    const world = await aWorld({ asProcess: true });

    const run = await world.run(["sync"]);

    expect(run.code).toBe(3);
    expectClear(run, "TokenNeeded");
    expect((await world.run(["status"])).code).toBe(3);
  });

  it("stops at --timeout with exit code 75, and by a signal with that signal's code, both with the tree unchanged", async () => {
    const world = await aWorld({ asProcess: true });
    await world.pair();
    await world.fault({ name: "slow", delay: 20_000, match: "applicationsForRuntime" });

    const late = await world.run(["sync", "--timeout", "1s"]);
    const stopped = await world.run(["sync", "--log-level", "debug"], {
      signalAfter: { text: "connected", signal: "SIGINT" },
    });

    expect(late.code).toBe(75);
    expectClear(late, "TimedOut");
    expect(stopped.code).toBe(130);
    expectClear(stopped, "Aborted");
    expect(await world.commits()).toBe(0);
  });

  it("answers wrong usage with exit code 64", async () => {
    const runs = [
      await agent(["synk"]),
      await agent(["sync", "--nonsense"]),
      await agent(["demo", "--applications", "x"]),
    ];

    for (const { code, stderr } of runs) {
      expect(code).toBe(64);
      expect(stderr).toContain("--help");
    }
  });

  it("stops on a second repository for proposals where nothing is proposed, instead of ignoring it", async () => {
    const world = await aWorld({ asProcess: true });

    const run = await world.run(["sync"], { env: { RUNTIME_AGENT_GIT_PUSH_URL: "https://git.example.com/fork.git" } });

    expect(run.code).toBe(78);
    expectClear(run, "ConfigurationInvalid");
    expect(run.stderr).toContain("git.push");
  });
});

/** A port on which nothing listens. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
