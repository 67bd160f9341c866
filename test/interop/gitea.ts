/** A real Gitea of this run: SQLite in a folder of its own, on loopback, with one agent and one person. */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { homedir, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { gitEnvironment } from "../fakes/git-server.js";
import { gitSettings, type HostStage, type StagedRequest } from "../hosts/scenarios.js";

const execute = promisify(execFile);

export interface Gitea {
  readonly url: string;
  readonly folder: string;
  /** A new repository with `main` and a README, to which the agent may write; with a fork of its own it may only read. Protected: the agent's branches by the rule of the tutorial. */
  stage(options?: { readonly isFork?: boolean; readonly isProtected?: boolean }): Promise<GiteaStage>;
  close(): Promise<void>;
}

export interface GiteaStage extends HostStage {
  readonly repository: string;
  readonly url: string;
  readonly token: string;
  /** The person's approval of a request; gives the number of those that count. */
  approve(number: number): Promise<void>;
  approvals(number: number): Promise<number>;
  addLabel(name: string): Promise<void>;
  labelsNamed(name: string): Promise<number>;
}

const tools =
  process.env.RUNTIME_AGENT_TOOLS ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "runtime-agent-tools");

/** What docs/tutorials/gitea.md asks for, and nothing else. */
const SCOPES = "write:repository,write:issue";

export async function startGitea(): Promise<Gitea> {
  const program = join(tools, "gitea");
  await access(program).catch(() => {
    throw new Error(`${program} is missing: run scripts/get-tools.sh first`);
  });
  const folder = await mkdtemp(join(tmpdir(), "gitea-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const config = join(folder, "app.ini");
  await writeFile(config, settings(folder, port));
  const environment = { PATH: process.env.PATH, HOME: folder, USER: userInfo().username, GITEA_WORK_DIR: folder };
  const run = async (...args: string[]) => {
    const { stdout } = await execute(program, ["--config", config, ...args], { env: environment, cwd: folder });
    // Before its answer it may log that it runs as root.
    return stdout.trim().split("\n").at(-1) ?? "";
  };
  await run("migrate");
  const password = randomBytes(12).toString("hex");
  const addUser = (name: string) =>
    run(
      ...["admin", "user", "create", "--username", name, "--password", password],
      `--email=${name}@example.com`,
      "--must-change-password=false",
    );
  await addUser("ada");
  await addUser("runtime-agent");
  const tokenOf = (name: string, scopes: string, ...more: string[]) =>
    run("admin", "user", "generate-access-token", "--username", name, "--scopes", scopes, "--raw", ...more);
  const person = await tokenOf("ada", "all");
  const agent = await tokenOf("runtime-agent", SCOPES);
  // With which a person makes the fork, once: not the agent's.
  const forking = await tokenOf("runtime-agent", "all", "--token-name", "forking");
  const server: ChildProcess = spawn(program, ["--config", config, "web"], {
    env: environment,
    cwd: folder,
    stdio: "pipe",
  });
  const ended = once(server, "exit");
  let said = "";
  for (const stream of [server.stdout, server.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      said = `${said}${chunk}`.slice(-2_000);
    });
  }
  const close = async () => {
    server.kill();
    await ended;
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await untilReady(url, server);
  } catch (thrown) {
    await close();
    throw new Error(`Gitea does not run: ${said}`, { cause: thrown });
  }
  const api = async (method: string, path: string, body?: unknown, token = person): Promise<unknown> => {
    const answer = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok)
      throw Object.assign(new Error(`${method} ${path}: ${answer.status} ${text}`), { status: answer.status });
    return text === "" ? null : JSON.parse(text);
  };
  let stages = 0;
  return {
    url,
    folder,
    close,
    stage: async ({ isFork = false, isProtected = false } = {}) => {
      const name = `clusters-${++stages}`;
      await api("POST", "/user/repos", { name, auto_init: true, default_branch: "main", readme: "Default" });
      await api("PUT", `/repos/ada/${name}/collaborators/runtime-agent`, { permission: isFork ? "read" : "write" });
      if (isProtected) await api("POST", `/repos/ada/${name}/branch_protections`, await ruleOfTutorial());
      if (isFork) await api("POST", `/repos/ada/${name}/forks`, {}, forking);
      return aStage({ url, folder: join(folder, `stage-${stages}`), name, agent, password, api, isFork });
    },
  };
}

/** The row of the agent's branches in docs/tutorials/hosts/gitea.md, as the API has it. */
async function ruleOfTutorial(): Promise<object> {
  const file = join(import.meta.dirname, "..", "..", "docs", "tutorials", "hosts", "gitea.md");
  const row = /^\| `(runtime-agent\/[^`]*)` \| ([^|]*) \| ([^|]*) \|/m.exec(await readFile(file, "utf8"));
  const [, name, push = "", force = ""] = row ?? [];
  const isAgent = (cell: string) => cell.trim() === "whitelist: the agent's account";
  return {
    rule_name: name,
    enable_push: true,
    enable_push_whitelist: isAgent(push),
    push_whitelist_usernames: ["runtime-agent"],
    enable_force_push: true,
    enable_force_push_allowlist: isAgent(force),
    force_push_allowlist_usernames: ["runtime-agent"],
  };
}

interface StageOptions {
  readonly url: string;
  readonly folder: string;
  readonly name: string;
  readonly agent: string;
  readonly password: string;
  readonly api: (method: string, path: string, body?: unknown) => Promise<unknown>;
  readonly isFork: boolean;
}

async function aStage({ url, folder, name, agent, password, api, isFork }: StageOptions): Promise<GiteaStage> {
  await mkdir(folder);
  const token = join(folder, "token");
  await writeFile(token, `${agent}\n`);
  const repo = `/repos/ada/${name}`;
  const clone = join(folder, "clone");
  const address = `${url.replace("://", `://ada:${password}@`)}/ada/${name}.git`;
  const git = async (...args: string[]) => {
    const { stdout } = await execute("git", ["-C", clone, ...args], { env: gitEnvironment });
    return stdout.trim();
  };
  await execute("git", ["clone", "--quiet", address, clone], { env: gitEnvironment });
  // Whoever has the account of the fork works on the agent's branch there.
  const forked = `${url.replace("://", `://runtime-agent:${password}@`)}/runtime-agent/${name}.git`;
  await git("remote", "add", "fork", isFork ? forked : address);
  const placeOf = (branch: string) => (isFork && !["main", "prod"].includes(branch) ? "fork" : "origin");
  const tip: HostStage["tip"] = async (branch) => {
    const listed = await git("ls-remote", placeOf(branch), `refs/heads/${branch}`);
    return listed === "" ? null : (listed.split("\t")[0] ?? null);
  };
  const requests = async (): Promise<StagedRequest[]> => {
    const found = (await api("GET", `${repo}/pulls?state=all&sort=oldest`)) as {
      number: number;
      title: string;
      body: string;
      state: "open" | "closed";
      merged: boolean;
      base: { ref: string };
      labels: { name: string }[] | null;
    }[];
    return Promise.all(
      found.map(async ({ number, title, body, state, merged, base, labels }) => {
        const comments = (await api("GET", `${repo}/issues/${number}/comments`)) as { body: string }[];
        return {
          number,
          title,
          body,
          state: merged ? ("merged" as const) : state,
          base: base.ref,
          labels: (labels ?? []).map((label) => label.name),
          comments: comments.map((comment) => comment.body),
        };
      }),
    );
  };
  return {
    folder,
    repository: `ada/${name}`,
    url: `${url}/ada/${name}.git`,
    token,
    clock: {
      now: () => new Date(),
      sleep: async (milliseconds, signal) => delay(milliseconds, undefined, signal ? { signal } : {}),
    },
    settings: gitSettings(
      `${url}/ada/${name}.git`,
      token,
      { host: "gitea", api: `${url}/api/v1` },
      isFork ? { url: `${url}/runtime-agent/${name}.git` } : undefined,
    ),
    tip,
    commit: async (branch, files, amend = false) => {
      await git("fetch", "--quiet", "--prune", "--multiple", "origin", "fork");
      const there = await tip(branch);
      const from = there === null ? "origin/main" : `${placeOf(branch)}/${branch}`;
      await git("checkout", "--quiet", "--detach", from);
      for (const [path, text] of Object.entries(files)) {
        if (text === null) await git("rm", "--quiet", path);
        else {
          await mkdir(join(clone, path, ".."), { recursive: true });
          await writeFile(join(clone, path), text);
          await git("add", path);
        }
      }
      await git(
        "commit",
        "--quiet",
        "--allow-empty",
        ...(amend ? ["--amend", "--no-edit"] : ["-m", "A person's commit"]),
      );
      await git("push", "--quiet", "--force", placeOf(branch), `HEAD:refs/heads/${branch}`);
      return git("rev-parse", "HEAD");
    },
    deleteBranch: async (branch) => {
      await git("push", "--quiet", placeOf(branch), `:refs/heads/${branch}`);
      // Gitea closes the request of a deleted branch a moment later; what is opened before that, it would close, too.
      for (let attempt = 1; attempt <= 40; attempt++) {
        if ((await requests()).every(({ state }) => state !== "open")) return;
        await delay(250);
      }
    },
    reset: async (branch, commit) => {
      await git("push", "--quiet", "--force", placeOf(branch), `${commit}:refs/heads/${branch}`);
    },
    holds: async (branch, commit) => {
      await git("fetch", "--quiet", "--prune", "--multiple", "origin", "fork");
      return git("merge-base", "--is-ancestor", commit, `${placeOf(branch)}/${branch}`).then(
        () => true,
        () => false,
      );
    },
    requests,
    merge: async (number) => {
      // Right after a push Gitea answers 405 until it knows that the request can be merged.
      for (let attempt = 1; ; attempt++) {
        try {
          await api("POST", `${repo}/pulls/${number}/merge`, { Do: "merge" });
          return;
        } catch (thrown) {
          if ((thrown as { status?: number }).status !== 405 || attempt >= 30) throw thrown;
          await delay(500);
        }
      }
    },
    untilConflict: async (number) => {
      for (let look = 1; look <= 60; look++) {
        const { mergeable } = (await api("GET", `${repo}/pulls/${number}`)) as { mergeable: boolean };
        if (!mergeable) return;
        await delay(500);
      }
      throw new Error("Gitea finds no conflict");
    },
    close: async (number) => {
      await api("PATCH", `${repo}/pulls/${number}`, { state: "closed" });
    },
    unlabel: async (number, label) => {
      const all = (await api("GET", `${repo}/labels`)) as { id: number; name: string }[];
      await api("DELETE", `${repo}/issues/${number}/labels/${all.find((each) => each.name === label)?.id}`);
    },
    approve: async (number) => {
      await api("POST", `${repo}/pulls/${number}/reviews`, { event: "APPROVED", body: "Fine." });
    },
    addLabel: async (name) => {
      await api("POST", `${repo}/labels`, { name, color: "#00ff00" });
    },
    labelsNamed: async (name) => {
      const pages = [1, 2, 3].map((page) => api("GET", `${repo}/labels?limit=50&page=${page}`));
      const found = (await Promise.all(pages)).flat() as { name: string }[];
      return found.filter((each) => each.name === name).length;
    },
    approvals: async (number) => {
      const reviews = (await api("GET", `${repo}/pulls/${number}/reviews`)) as Record<string, unknown>[];
      return reviews.filter(
        ({ state, stale, dismissed }) => state === "APPROVED" && stale !== true && dismissed !== true,
      ).length;
    },
  };
}

const settings = (folder: string, port: number) => `APP_NAME = Gitea
RUN_USER = ${userInfo().username}
RUN_MODE = prod
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
[server]
PROTOCOL = http
HTTP_ADDR = 127.0.0.1
HTTP_PORT = ${port}
ROOT_URL = http://127.0.0.1:${port}/
DISABLE_SSH = true
OFFLINE_MODE = true
STATIC_ROOT_PATH = ${join(tools, "gitea-files")}
[database]
DB_TYPE = sqlite3
PATH = ${join(folder, "gitea.db")}
[repository]
ROOT = ${join(folder, "repositories")}
DEFAULT_BRANCH = main
[security]
INSTALL_LOCK = true
SECRET_KEY = ${randomBytes(16).toString("hex")}
[service]
DISABLE_REGISTRATION = true
[log]
LEVEL = Error
[session]
PROVIDER = memory
[indexer]
ISSUE_INDEXER_TYPE = db
[other]
SHOW_FOOTER_VERSION = false
`;

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function untilReady(url: string, server: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (server.exitCode !== null) throw new Error(`Gitea ended with ${server.exitCode}`);
    const answer = await fetch(`${url}/api/v1/version`).catch(() => null);
    if (answer?.ok === true) return;
    await delay(200);
  }
  throw new Error("Gitea did not get ready");
}
