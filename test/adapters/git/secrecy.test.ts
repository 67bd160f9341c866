import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, describe, expect, it, vi } from "vitest";
import { commitAs, createBareRepository, startGitServer } from "../../fakes/git-server.js";
import { agent, basic, failureOf, noon, useWorkshop } from "./setup.js";

const workshop = useWorkshop();
afterEach(() => {
  vi.unstubAllEnvs();
});

const token = "canary-t0ken-0123456789";
const encoded = Buffer.from(`x-access-token:${token}`).toString("base64");

function expectClean(text: string) {
  expect(text).not.toContain(token);
  expect(text).not.toContain(encoded);
  expect(text).not.toMatch(/Authorization/i);
}

async function aCycle(options: { hook?: string } = {}) {
  const path = await createBareRepository(workshop.directory, "fleet.git");
  await commitAs(path, { files: { a: "1" } });
  const server = await startGitServer({ directory: workshop.directory, token, ...options });
  workshop.later(() => server.close());
  const repository = await workshop.open(server.url("fleet.git"), { auth: basic(token) });
  await repository.remote();
  const tip = await repository.fetch("main");
  const listed = await repository.list(tip, "");
  await repository.read(listed.get("a")?.id ?? "");
  const writes = new Map([["a", Buffer.from("2")]]);
  const edit = { branch: "main", author: agent, date: noon, message: "An edit", root: "", deletes: [] };
  const commit = await repository.commit({ ...edit, parent: tip, writes });
  return { server, push: () => repository.push({ branch: "main", commit, expected: tip }) };
}

describe("credentials", () => {
  it("are in no argument of git or of the programs that git starts", async () => {
    const bin = await mkdtemp(join(workshop.directory, "bin-"));
    const log = join(bin, "arguments");
    const trace = join(bin, "trace");
    const real = process.env.PATH ?? "";
    const script = `#!/bin/sh\nPATH='${real}'\nprintf '%s\\n' "$*" >> '${log}'\nGIT_TRACE='${trace}' exec git "$@"\n`;
    await writeFile(join(bin, "git"), script, { mode: 0o755 });
    vi.stubEnv("PATH", `${bin}:${real}`);
    const { push } = await aCycle();

    await push();

    const [called, started] = await Promise.all([readFile(log, "utf8"), readFile(trace, "utf8")]);
    expect(called).toMatch(/^ls-remote /m);
    expect(called).toMatch(/^push /m);
    expect(started).toMatch(/git-remote-http|git remote-http/);
    expectClean(called);
    expectClean(started);
  });

  it("are in no file of the temporary repository", async () => {
    const { push } = await aCycle();

    await push();

    const names = await readdir(workshop.cache, { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile());
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) expectClean(await readFile(join(file.parentPath, file.name), "latin1"));
  });

  it("are in no failure, not even when the server repeats them", async () => {
    const hook = `#!/bin/sh\necho 'You sent ${token} and ${encoded}' >&2\nexit 1\n`;
    const { push, server } = await aCycle({ hook });

    const refused = await failureOf(push());
    const elsewhere = await workshop.open(server.url("none.git"), { auth: basic(token) });
    const missing = await failureOf(elsewhere.remote());

    expect(refused.code).toBe("RepositoryRefused");
    for (const failure of [refused, missing]) {
      expectClean(inspect(failure, { depth: 10, showHidden: true }));
      expectClean(`${failure.message} ${failure.hint} ${failure.stack}`);
    }
  });

  it("go to the origin of git.url alone", async () => {
    let seen: string | undefined;
    const other = await startGitServer({
      directory: workshop.directory,
      intercept: (request) => {
        seen = request.headers.authorization;
        return false;
      },
    });
    workshop.later(() => other.close());
    const { gitEnvironment } = await import("../../../src/adapters/git/environment.js");
    const { createRunner } = await import("../../../src/adapters/git/run.js");
    const { parseAddress } = await import("../../../src/adapters/git/address.js");
    await createBareRepository(workshop.directory, "fleet.git");
    const environment = gitEnvironment({
      address: parseAddress("http://127.0.0.1:1/fleet.git"),
      auth: basic(token),
      home: workshop.cache,
      repository: join(workshop.cache, "none"),
    });
    const run = createRunner({ directory: workshop.cache, environment, signal: new AbortController().signal });

    await run(["ls-remote", other.url("fleet.git")]);

    expect(other.requests).toHaveLength(2);
    expect(seen).toBeUndefined();
  });
});
