import { mkdir, mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createAuthority } from "../../../src/adapters/x509/index.js";
import { commitAs, createBareRepository, git, startGitServer } from "../../fakes/git-server.js";
import { agent, basic, failureOf, noon, useWorkshop } from "./setup.js";

const workshop = useWorkshop();
afterEach(() => {
  vi.unstubAllEnvs();
});

const anEdit = {
  branch: "main",
  author: agent,
  date: noon,
  message: "An edit",
  root: "",
  writes: new Map([["a", Buffer.from("edited")]]),
  deletes: [],
};

async function aServer(options: Partial<Parameters<typeof startGitServer>[0]> = {}) {
  const path = await createBareRepository(workshop.directory, "fleet.git");
  const tip = await commitAs(path, { files: { a: "1" } });
  const server = await startGitServer({ directory: workshop.directory, ...options });
  workshop.later(() => server.close());
  return { path, tip, server, url: server.url("fleet.git") };
}

/** Reads and tries to push an edit; gives the failure. */
async function failureOfPush(url: string) {
  const repository = await workshop.open(url);
  await repository.remote();
  const tip = await repository.fetch("main");
  const commit = await repository.commit({ ...anEdit, parent: tip });
  return failureOf(repository.push({ branch: "main", commit, expected: tip }));
}

const aHook = (...lines: string[]) => `#!/bin/sh\n${lines.join("\n")}\n`;

describe("a failure names what to mend", () => {
  it("when the token is wrong or missing", async () => {
    const { url } = await aServer({ token: "right" });

    const wrong = await failureOf((await workshop.open(url, { auth: basic("wr0ng") })).remote());
    const missing = await failureOf((await workshop.open(url)).remote());

    for (const failure of [wrong, missing]) {
      expect(failure).toMatchObject({ code: "RepositoryAuthentication", stage: "base", retryable: false });
      expect(failure.message).toContain(url);
      expect(failure.hint).toContain("git.auth");
      expect(failure.message + failure.hint).not.toContain("wr0ng");
    }
  });

  it("when there is no repository", async () => {
    const { server } = await aServer();
    await mkdir(join(workshop.directory, "folder"));

    const failures = await Promise.all(
      [server.url("none.git"), join(workshop.directory, "none"), join(workshop.directory, "folder")].map(async (url) =>
        failureOf((await workshop.open(url)).remote()),
      ),
    );

    for (const failure of failures) {
      expect(failure).toMatchObject({ code: "RepositoryNotFound", retryable: false });
      expect(failure.hint).toContain("git.url");
    }
  });

  it("when the branch is gone at the moment of fetching", async () => {
    const { url, path } = await aServer();
    const repository = await workshop.open(url);
    await repository.remote();
    await git(path, "update-ref", "-d", "refs/heads/main");

    expect(await failureOf(repository.fetch("main"))).toMatchObject({ code: "BranchNotFound", stage: "base" });
  });

  it("when a hook declines, with the hook's words, shortened and harmless", async () => {
    const { url, path, tip } = await aServer({
      hook: aHook(
        "printf 'Ask the \\033[31mplatform\\033[0m team first.\\n' >&2",
        `echo ${"x".repeat(400)} >&2`,
        "exit 1",
      ),
    });

    const failure = await failureOfPush(url);

    expect(failure).toMatchObject({ code: "RepositoryRefused", stage: "publish", retryable: false });
    expect(failure.message).toContain('refused the push: "Ask the \\u001b[31mplatform\\u001b[0m team first. xxx');
    expect(failure.message.length).toBeLessThan(300);
    expect(failure.hint).toContain("git.branch");
    expect(await git(path, "rev-parse", "main")).toBe(tip);
  });

  it.each(["http", "file"])("when a branch stands in the way of the name of another one, over %s", async (protocol) => {
    const { url: overHTTP, path } = await aServer();
    await git(path, "branch", "agent", "main");
    await git(path, "branch", "below/it/all", "main");
    const repository = await workshop.open(protocol === "http" ? overHTTP : path, { target: "main" });
    const { tips } = await repository.remote();
    const tip = await repository.fetch("main");
    const commit = await repository.commit({ ...anEdit, parent: tip });
    // Made after the look at the branches: then the server's words alone tell.
    await git(path, "branch", "late", "main");
    const refused = (branch: string) => failureOf(repository.push({ branch, commit, expected: null }));

    const failures = [await refused("agent/one"), await refused("below/it"), await refused("late/one")];
    await git(path, "branch", "raced", "main");
    const raced = await refused("raced");

    expect(tips.has("late")).toBe(false);
    for (const [index, other] of ["agent", "below/it/all", "late"].entries()) {
      expect(failures[index]).toMatchObject({ code: "RepositoryRefused", stage: "publish", retryable: false });
      expect(failures[index]?.message).toContain(`the branch ${other} stands in the way of its name`);
      expect(failures[index]?.hint).toContain("pullRequest.branch");
    }
    expect(raced).toMatchObject({ code: "PushRejected", retryable: true });
  });

  it("when a hook declines the agent's own branch, which is not git.branch", async () => {
    const { url } = await aServer({ hook: aHook("echo 'You may not force push.' >&2", "exit 1") });
    const repository = await workshop.open(url, { target: "main" });
    await repository.remote();
    const tip = await repository.fetch("main");
    const commit = await repository.commit({ ...anEdit, parent: tip });

    const own = await failureOf(repository.push({ branch: "agent/one", commit, expected: null }));
    const target = await failureOf(repository.push({ branch: "main", commit, expected: tip }));

    expect(own).toMatchObject({
      code: "RepositoryRefused",
      message: expect.stringContaining("You may not force push."),
    });
    expect(own.hint).toContain("pullRequest.branch");
    expect(own.hint).not.toContain("git.branch");
    expect(target.hint).toContain("git.branch");
  });

  it("when a hook declines without a word", async () => {
    const { url } = await aServer({ hook: aHook("exit 1") });

    const failure = await failureOfPush(url);

    expect(failure).toMatchObject({ code: "RepositoryRefused" });
    expect(failure.message).toContain("pre-receive hook declined");
  });

  it("when a hook's words sound like another trouble", async () => {
    const { url } = await aServer({
      hook: aHook("echo 'fatal: Could not resolve host: early EOF (stale info)' >&2", "exit 1"),
    });

    expect(await failureOfPush(url)).toMatchObject({ code: "RepositoryRefused", retryable: false });
  });

  it("when the server may be read but not written", async () => {
    const { url, path } = await aServer();
    await git(path, "config", "http.receivepack", "false");

    const failure = await failureOfPush(url);

    expect(["RepositoryAuthentication", "RepositoryRefused"]).toContain(failure.code);
    expect(failure.retryable).toBe(false);
  });

  it("when the folder has the branch checked out", async () => {
    const path = await createBareRepository(workshop.directory, "fleet.git");
    await commitAs(path, { files: { a: "1" } });
    await git(workshop.directory, "clone", "--quiet", path, "checkout");

    const failure = await failureOfPush(join(workshop.directory, "checkout"));

    expect(failure).toMatchObject({ code: "RepositoryRefused" });
    expect(failure.hint).toContain("bare repository");
  });

  it("when the server redirects, and follows nobody", async () => {
    const { server } = await aServer();
    const redirecting = createServer((request, response) => {
      response.writeHead(301, { Location: `${server.url("fleet.git")}${request.url?.replace("/old.git", "")}` }).end();
    });
    await new Promise<void>((ready) => redirecting.listen(0, "127.0.0.1", ready));
    workshop.later(async () => redirecting.close());
    const { port } = redirecting.address() as AddressInfo;

    const failure = await failureOf((await workshop.open(`http://127.0.0.1:${port}/old.git`)).remote());

    expect(failure).toMatchObject({ code: "Redirected", retryable: false });
    expect(server.requests).toEqual([]);
  });

  it("when the server has trouble of its own, or cuts the connection, to try again", async () => {
    const trouble = await aServer({ intercept: (_request, response) => Boolean(response.writeHead(503).end("busy")) });
    const cut = await startGitServer({
      directory: workshop.directory,
      intercept: (request) => Boolean(request.socket.destroy()),
    });
    workshop.later(() => cut.close());
    const halfway = await startGitServer({
      directory: workshop.directory,
      intercept: (request, response) => {
        if (request.method === "GET") return false;
        response.writeHead(200, { "Content-Type": "application/x-git-upload-pack-result", "Content-Length": "1000" });
        response.write("0008", () => request.socket.destroy());
        return true;
      },
    });
    workshop.later(() => halfway.close());

    const codes = await Promise.all(
      [trouble.url, cut.url("fleet.git"), halfway.url("fleet.git")].map(async (url) => {
        const { code, retryable } = await failureOf((await workshop.open(url)).remote());
        return [code, retryable];
      }),
    );

    expect(codes).toEqual([
      ["ServerError", true],
      ["NetworkUnreachable", true],
      ["ServerError", true],
    ]);
  });

  it("when nobody listens, and when the name is unknown", async () => {
    const server = await startGitServer({ directory: workshop.directory });
    await server.close();

    const refused = await failureOf((await workshop.open(server.url("fleet.git"))).remote());
    const unknown = await failureOf((await workshop.open("https://git.invalid/fleet.git")).remote());

    expect(refused).toMatchObject({ code: "NetworkUnreachable", retryable: true });
    expect(unknown).toMatchObject({ code: "NetworkUnreachable", retryable: true });
  });

  it("when the proxy cannot be reached, is unknown, or says no", async () => {
    const proxy = createServer().on("connect", (_request, socket) => {
      socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    });
    await new Promise<void>((ready) => proxy.listen(0, "127.0.0.1", ready));
    workshop.later(async () => proxy.close());
    const { port } = proxy.address() as AddressInfo;
    const url = "https://git.example.com/fleet.git";

    for (const [address, retryable] of [
      [`http://agent:pr0xy@127.0.0.1:${port}`, false],
      ["http://agent:pr0xy@127.0.0.1:1", true],
      ["http://agent:pr0xy@proxy.invalid:3128", false],
    ] as const) {
      const failure = await failureOf((await workshop.open(url, { proxy: address })).remote());
      expect(failure, address).toMatchObject({ code: "ProxyFailed", retryable });
      expect(failure.message + failure.hint).not.toContain("pr0xy");
    }
  });

  it("when the proxy is not asked for a host that is reached without it", async () => {
    const { url } = await aServer();
    const repository = await workshop.open(url, { proxy: "http://127.0.0.1:1", noProxy: ["127.0.0.1"] });

    const { tips } = await repository.remote();

    expect([...tips.keys()]).toEqual(["main"]);
  });

  it("when the certificate is of an unknown authority, until git.ca names it", async () => {
    const tls = await aCertificate();
    const { url } = await aServer({ tls });

    const failure = await failureOf((await workshop.open(url)).remote());
    const missing = await failureOf((await workshop.open(url, { ca: "/nonexistent.pem" })).remote());
    const trusted = await (await workshop.open(url, { ca: tls.file })).remote();

    expect(failure).toMatchObject({ code: "TlsUntrusted", retryable: false });
    expect(failure.hint).toContain("git.ca");
    expect(missing).toMatchObject({ code: "TlsUntrusted" });
    expect([...trusted.tips.keys()]).toEqual(["main"]);
  });

  it("when the server is silent beyond the deadline", async () => {
    const { url } = await aServer({ intercept: () => true });
    const repository = await workshop.open(url, { timeout: 300 });
    const started = Date.now();

    const failure = await failureOf(repository.remote());

    expect(failure).toMatchObject({ code: "TimedOut", retryable: true });
    expect(Date.now() - started).toBeLessThan(2_000);
    await vi.waitFor(async () => expect(await left()).toEqual([]));
  });

  it("when it is stopped, during a call and before one", async () => {
    const controller = new AbortController();
    const { url, server } = await aServer({ intercept: () => true });
    const repository = await workshop.open(url, { signal: controller.signal });
    const started = Date.now();
    setTimeout(() => controller.abort(), 200);

    const during = await failureOf(repository.remote());
    const asked = server.requests.length;
    const before = await failureOf(repository.remote());

    expect(during).toMatchObject({ code: "Aborted", retryable: false });
    expect(before).toMatchObject({ code: "Aborted" });
    expect(server.requests).toHaveLength(asked);
    expect(Date.now() - started).toBeLessThan(2_000);
  });

  it("when git is not there", async () => {
    const { path } = await aServer();
    vi.stubEnv("PATH", await mkdtemp(join(workshop.directory, "bin-")));

    const failure = await failureOf((await workshop.open(path)).remote());

    expect(failure).toMatchObject({ code: "GitFailed" });
    expect(failure.hint).toContain("Install git");
  });

  it("when git fails without a word", async () => {
    const { path } = await aServer();
    const bin = await mkdtemp(join(workshop.directory, "bin-"));
    await writeFile(join(bin, "git"), "#!/bin/sh\nexit 3\n", { mode: 0o755 });
    vi.stubEnv("PATH", `${bin}:${process.env.PATH}`);

    expect(await failureOf((await workshop.open(path)).remote())).toMatchObject({ code: "GitFailed" });
  });

  it("when the folder for temporary files is missing", async () => {
    const { path } = await aServer();

    const failure = await failureOf(workshop.open(path, { directory: join(workshop.directory, "none") }));

    expect(failure).toMatchObject({ code: "GitFailed", stage: "base" });
  });
});

/** Processes that still work for a repository of this test. */
async function left(): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const environments = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/environ`, "utf8").catch(() => "")));
  return pids.filter((_, index) => environments[index]?.includes(`HOME=${workshop.cache}`));
}

/** A server's certificate for 127.0.0.1, and the file of the authority that signed it. */
async function aCertificate(): Promise<{ key: string; cert: string; file: string }> {
  const now = new Date();
  const authority = await createAuthority({ commonName: "Test authority", now });
  const { certificate, key } = await authority.issueServer({ hosts: ["127.0.0.1"], now });
  const file = join(workshop.directory, "authority.pem");
  await writeFile(file, authority.certificate);
  return { key, cert: certificate, file };
}
