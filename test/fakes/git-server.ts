/** A real Git server on loopback: node:http in front of git's own CGI program, with the repositories in one folder. */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** Git as nobody: neither the user's configuration nor the system's. */
export const gitEnvironment: NodeJS.ProcessEnv = {
  PATH: process.env.PATH,
  HOME: "/nonexistent",
  LC_ALL: "C.UTF-8",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
  GIT_AUTHOR_NAME: "A Person",
  GIT_AUTHOR_EMAIL: "person@example.com",
  GIT_COMMITTER_NAME: "A Person",
  GIT_COMMITTER_EMAIL: "person@example.com",
};

/** Runs git in a repository and gives its output as bytes. */
export async function gitBytes(repository: string, ...commands: string[]): Promise<Buffer> {
  const { stdout } = await execute("git", commands, {
    cwd: repository,
    env: gitEnvironment,
    encoding: "buffer",
    maxBuffer: 256 * 1024 * 1024,
  });
  return stdout;
}

/** Runs git in a repository and gives its output as text, without the line feed at the end. */
export async function git(repository: string, ...commands: string[]): Promise<string> {
  return (await gitBytes(repository, ...commands)).toString("utf8").trimEnd();
}

export interface BareRepositoryOptions {
  /** @default "sha1" */
  readonly objectFormat?: "sha1" | "sha256";
  /** @default "main" */
  readonly branch?: string;
  /** Whether clones may leave out blobs. @default true */
  readonly filter?: boolean;
}

/** Makes an empty bare repository; gives its path. */
export async function createBareRepository(
  directory: string,
  name: string,
  { objectFormat = "sha1", branch = "main", filter = true }: BareRepositoryOptions = {},
): Promise<string> {
  const path = join(directory, name);
  await mkdir(path, { recursive: true });
  await git(path, "init", "--quiet", "--bare", `--object-format=${objectFormat}`, `--initial-branch=${branch}`, ".");
  await git(path, "config", "http.receivepack", "true");
  await git(path, "config", "uploadpack.allowFilter", String(filter));
  await git(path, "config", "uploadpack.allowAnySHA1InWant", "true");
  return path;
}

export interface Seed {
  /** @default "main" */
  readonly branch?: string;
  /** @default "A person's commit" */
  readonly message?: string;
  /** Path → content; null removes. */
  readonly files?: Readonly<Record<string, string | Buffer | null>>;
  /** Path → where the link leads. */
  readonly links?: Readonly<Record<string, string>>;
  /** Path → commit of the submodule. */
  readonly submodules?: Readonly<Record<string, string>>;
  /** Paths stand as git's quoted form has them, in which `\\351` is a byte. @default false */
  readonly rawPaths?: boolean;
}

/** Commits to a bare repository as a person would, on top of the branch; gives the commit id. */
export async function commitAs(repository: string, seed: Seed): Promise<string> {
  const {
    branch = "main",
    message = "A person's commit",
    files = {},
    links = {},
    submodules = {},
    rawPaths = false,
  } = seed;
  const quoted = (path: string) => (rawPaths ? `"${path}"` : JSON.stringify(path));
  const parent = await git(repository, "rev-parse", "--verify", "--quiet", `refs/heads/${branch}`).catch(() => null);
  const lines: Buffer[] = [];
  const line = (text: string) => lines.push(Buffer.from(`${text}\n`));
  const data = (bytes: Buffer) => lines.push(Buffer.from(`data ${bytes.length}\n`), bytes, Buffer.from("\n"));
  line(`commit refs/heads/${branch}`);
  line("committer A Person <person@example.com> 1700000000 +0000");
  data(Buffer.from(message));
  if (parent !== null) line(`from ${parent}`);
  for (const [path, content] of Object.entries(files)) {
    if (content === null) {
      line(`D ${quoted(path)}`);
      continue;
    }
    line(`M 100644 inline ${quoted(path)}`);
    data(Buffer.from(content));
  }
  for (const [path, target] of Object.entries(links)) {
    line(`M 120000 inline ${quoted(path)}`);
    data(Buffer.from(target));
  }
  for (const [path, commit] of Object.entries(submodules)) line(`M 160000 ${commit} ${quoted(path)}`);
  line("done");
  const child = spawn("git", ["fast-import", "--quiet", "--done"], { cwd: repository, env: gitEnvironment });
  child.stdin.end(Buffer.concat(lines));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`git fast-import ended with ${code}`);
  return git(repository, "rev-parse", `refs/heads/${branch}`);
}

export interface GitRequest {
  readonly method: string;
  readonly path: string;
  readonly authorized: boolean;
}

export interface GitServerOptions {
  /** The bare repositories are in it, or come later. */
  readonly directory: string;
  /** Password asked for by Basic authentication. @default none is asked for */
  readonly token?: string;
  /** Serves https. */
  readonly tls?: {
    readonly key: string;
    readonly cert: string;
    /** Of the certificates that clients must show, when `requestCert` is set. */
    readonly ca?: string;
    readonly requestCert?: boolean;
  };
  /** Script of a pre-receive hook, for all repositories. */
  readonly hook?: string;
  /** Milliseconds before every answer. @default 0 */
  readonly delay?: number;
  /** Answers in the CGI program's place when it gives true. */
  readonly intercept?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export interface GitServer {
  /** Address of the repository with this folder name. */
  url(name: string): string;
  readonly requests: GitRequest[];
  close(): Promise<void>;
}

export async function startGitServer(options: GitServerOptions): Promise<GitServer> {
  const { directory, token, tls, hook, intercept, delay = 0 } = options;
  const requests: GitRequest[] = [];
  const children = new Set<ChildProcess>();
  const hooks = await mkdtemp(join(tmpdir(), "git-server-hooks-"));
  if (hook !== undefined) await writeFile(join(hooks, "pre-receive"), hook, { mode: 0o755 });

  const listener: RequestListener = (request, response) => {
    if (delay === 0) serve(request, response);
    else setTimeout(() => serve(request, response), delay);
  };
  const serve: RequestListener = (request, response) => {
    const { pathname, search } = new URL(request.url ?? "/", "http://localhost");
    const authorized = token === undefined || passwordOf(request) === token;
    requests.push({ method: request.method ?? "", path: pathname, authorized });
    if (intercept?.(request, response) === true) return;
    if (!authorized) {
      request.resume();
      response.writeHead(401, { "WWW-Authenticate": 'Basic realm="Git"', "Content-Type": "text/plain" });
      response.end("Unauthorized\n");
      return;
    }
    const child = spawn("git", ["http-backend"], {
      env: {
        ...gitEnvironment,
        GIT_PROJECT_ROOT: directory,
        GIT_HTTP_EXPORT_ALL: "1",
        GIT_PROTOCOL: header(request, "git-protocol"),
        GIT_CONFIG_COUNT: "1",
        GIT_CONFIG_KEY_0: "core.hooksPath",
        GIT_CONFIG_VALUE_0: hooks,
        REQUEST_METHOD: request.method,
        PATH_INFO: decodeURIComponent(pathname),
        QUERY_STRING: search.slice(1),
        CONTENT_TYPE: header(request, "content-type"),
        HTTP_CONTENT_ENCODING: header(request, "content-encoding"),
        // Without one (a chunked request) the program reads to the end.
        ...(request.headers["content-length"] === undefined
          ? {}
          : { CONTENT_LENGTH: header(request, "content-length") }),
        REMOTE_ADDR: "127.0.0.1",
        REMOTE_USER: authorized && token !== undefined ? "agent" : "",
      },
      stdio: ["pipe", "pipe", "ignore"],
    });
    children.add(child);
    child.on("close", () => children.delete(child));
    child.stdin.on("error", () => {});
    request.pipe(child.stdin);
    response.on("close", () => child.kill());
    answer(child, response);
  };

  const server = tls === undefined ? createServer(listener) : createTlsServer({ ...tls }, listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: (name) => `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}/${encodeURIComponent(name)}`,
    requests,
    close: async () => {
      for (const child of children) child.kill();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      await rm(hooks, { recursive: true, force: true });
    },
  };
}

/** Passes a CGI answer on: header lines, an empty line, the body as it comes. */
function answer(child: ChildProcess, response: ServerResponse): void {
  const { stdout } = child;
  if (stdout === null) return;
  let head: Buffer = Buffer.alloc(0);
  const onData = (chunk: Buffer) => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    stdout.off("data", onData);
    let status = 200;
    for (const line of head.toString("latin1", 0, end).split("\r\n")) {
      const [name = "", value = ""] = line.split(/:\s*/, 2);
      if (name.toLowerCase() === "status") status = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.writeHead(status);
    response.write(head.subarray(end + 4));
    stdout.pipe(response);
  };
  stdout.on("data", onData);
  stdout.on("end", () => {
    if (!response.headersSent) response.writeHead(500).end();
  });
}

const header = (request: IncomingMessage, name: string): string => String(request.headers[name] ?? "");

function passwordOf(request: IncomingMessage): string | null {
  const match = /^Basic (.+)$/.exec(header(request, "authorization"));
  if (match?.[1] === undefined) return null;
  const text = Buffer.from(match[1], "base64").toString("utf8");
  return text.slice(text.indexOf(":") + 1);
}
