/** Every credential, token and private key of a whole run, searched for wherever the agent leaves a trace. */

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createBareRepository, startGitServer } from "../fakes/git-server.js";
import { copyAgent } from "./agent-copy.js";
import { credentials, filesBelow, leaks, objects, output, recordingGit, SHORTEST, type Traces } from "./traces.js";
import { agent, aWorld, freshToken, type World } from "./world.js";

/** The private keys and the seal key in the state, line by line: a dump of a key has its lines, if not its form. */
async function keys(world: World): Promise<string[]> {
  const state = join(world.folder, "state");
  const key = await readFile(join(state, "identity", "current", "key.pem"), "utf8");
  const seal = (await readFile(join(state, "seal.key"), "utf8")).trim();
  return [...key.split("\n").filter((line) => line.length > 30), seal];
}

describe("the canary", () => {
  it("finds no secret of a whole run, successes and failures, in output, Git, arguments or temporary files", async () => {
    const world = await aWorld({ asProcess: true, sandbox: { applications: 12 } });
    await createBareRepository(world.folder, "remote.git");
    const gitToken = "canary-git-token-0123456789";
    const server = await startGitServer({ directory: world.folder, token: gitToken });
    const tokenFile = join(world.folder, "git-token");
    await writeFile(tokenFile, gitToken);
    const temporary = join(world.folder, "tmp");
    await mkdir(temporary);
    const cache = join(world.folder, "state", "cache");
    const recording = await recordingGit(world.folder, [temporary, cache]);
    const env = {
      PATH: recording.path,
      TMPDIR: temporary,
      RUNTIME_AGENT_GIT_URL: server.url("remote.git"),
      RUNTIME_AGENT_GIT_AUTH_TOKEN_FILE: tokenFile,
    };
    const [first, second] = [await freshToken(world.sandbox), await freshToken(world.sandbox)];
    const traces: Traces = new Map();
    const run = async (args: string[], input?: string) => {
      const done = await world.run(["--log-level", "debug", ...args], {
        env,
        ...(input === undefined ? {} : { input }),
      });
      for (const [place, bytes] of output(args.join(" "), done)) traces.set(place, bytes);
      return done;
    };

    const codes = [
      (await run(["pair", "--token-file", "-"], first)).code,
      (await run(["sync"])).code,
      (await run(["sync", "-o", "json"])).code,
      (await run(["plan", "--diff"])).code,
      (await run(["plan", "--diff", "--base", temporary, "-o", "json"])).code,
      (await run(["snapshot"])).code,
      (await run(["status", "-o", "yaml"])).code,
      (await run(["config", "view"])).code,
    ];
    await run(["pair", "--token-file", "-"], first);
    await world.fault({ name: "sign-fails-after-token" });
    await run(["pair", "--force", "--token-file", "-"], second);
    // Of the pairing that was cut short: its key, and the token that the Connector answered.
    const pending = [...(await filesBelow(join(world.folder, "state", "identity", "pending"))).values()].map(String);
    for (const name of ["http-500", "not-json", "cut-body", "graphql-error", "partial-error", "unprocessable"]) {
      await world.fault({ name });
      await run(["sync", "--timeout", "20s"]);
    }
    await server.close();
    await world.fault();
    await run(["sync", "--timeout", "5s"]);
    const before = await keys(world);
    const life = [
      (await run(["renew"])).code,
      (await run(["doctor", "-o", "json"])).code,
      (await run(["reconnect", "--yes"])).code,
    ];
    const between = await keys(world);
    for (const name of ["graphql-error", "partial-error", "wrong-certificate", "cut-body"]) {
      await world.fault({ name });
      for (const command of [["renew"], ["reconnect", "--yes"], ["revoke", "--yes"], ["doctor"]]) await run(command);
    }
    const after = await keys(world);
    await world.fault();
    life.push((await run(["revoke", "--yes"])).code, (await run(["status"])).code);

    const begun = pending
      .flatMap((text) => text.split("\n"))
      .filter((line) => !line.includes("-----") && line.length > 60);
    const known = [...before, ...between, ...after];
    const secrets = [...(await credentials(world)), ...known, ...begun, first, second, gitToken];
    for (const [place, bytes] of await objects(join(world.folder, "remote.git"))) traces.set(place, bytes);
    for (const [place, bytes] of await filesBelow(temporary)) traces.set(place, bytes);
    for (const [place, bytes] of await filesBelow(recording.copies)) traces.set(place, bytes);
    traces.set("arguments of git", await recording.arguments());
    expect(codes).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    // The Git host is closed, so the doctor finds something. The answer to a revocation was lost, so it is revoked.
    expect(life).toEqual([0, 1, 0, 1, 3]);
    expect(secrets.filter(({ length }) => length >= SHORTEST).length).toBeGreaterThan(20);
    expect(begun.length).toBeGreaterThan(10);
    expect([...traces.keys()].filter((place) => place.startsWith(recording.copies)).length).toBeGreaterThan(10);
    expect(traces.get("arguments of git")?.toString()).toContain("push");
    expect(leaks(traces, secrets)).toEqual([]);
  });

  it.each([
    ["log line", "log.info('planted ' + SECRET);"],
    ["temporary file that is removed again", "writeFileSync(process.env.TMPDIR + '/planted', SECRET); later = true;"],
  ])("sees a secret that somebody plants in the compiled agent: a %s", async (_, planted) => {
    const world = await aWorld({ asProcess: true });
    await world.pair();
    const temporary = join(world.folder, "tmp");
    await mkdir(temporary);
    const recording = await recordingGit(world.folder, [temporary]);
    const main = await plantedAgent(world.folder, planted);

    const run = await agent(["--config", world.config, "sync"], {
      main,
      env: { PATH: recording.path, TMPDIR: temporary },
    });

    const traces = new Map([...output("sync", run), ...(await filesBelow(recording.copies))]);
    expect(run.code).toBe(0);
    expect(await readdir(temporary)).toEqual([]);
    expect(leaks(traces, await credentials(world))).not.toEqual([]);
  });
});

/** A copy of the compiled agent in which something is done with a password right after the fetch. */
async function plantedAgent(folder: string, planted: string): Promise<string> {
  const copy = await copyAgent(folder);
  const file = join(copy, "dist", "src", "reconcile.js");
  const source = await readFile(file, "utf8");
  const at = 'log.info("fetched"';
  const secret =
    "const SECRET = first.applications.flatMap(({ bundles }) => bundles)" +
    ".map(({ defaultInstanceAuth }) => defaultInstanceAuth?.credential?.clientSecret).find(Boolean).reveal();";
  const cleanup = "let later = false; setTimeout(() => later && rmSync(process.env.TMPDIR + '/planted'), 700);";
  expect(source).toContain(at);
  const imports = 'import { rmSync, writeFileSync } from "node:fs";\n';
  await writeFile(file, imports + source.replace(at, `${secret} ${cleanup} ${planted} ${at}`));
  return join(copy, "dist", "src", "main.js");
}
