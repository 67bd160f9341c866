/** One remote repository through a bare, shallow, blobless one of our own, which lives until `close()`. */

import { createHash, randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join as joinPath } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { Failure, type Stage } from "../../common/failure.js";
import { parseAddress } from "./address.js";
import { requireFitting, writeCredentials } from "./credential-files.js";
import { basicCredentials, type GitAuth, gitEnvironment, REMOTE } from "./environment.js";
import { type Circumstances, gitFailure, inSettings, type PushedBranch, type RemoteSettings } from "./errors.js";
import { blobStreams, commitStream, finish } from "./fast-import.js";
import { makeFolder, type TemporaryFolder } from "./folder.js";
import { giveKept, type Kept, takeKept } from "./kept.js";
import { parseBatch, parseMissing, parseRemote, parseTree } from "./parse.js";
import { isTreePath, join } from "./paths.js";
import { createRunner, type RunOptions, type RunResult } from "./run.js";
import { withSignature } from "./signed-commit.js";

/** How a server is reached. */
export interface RemoteOptions {
  /** Folder, `file://`, `http(s)://` without user info, `ssh://` or `user@host:path`. */
  readonly url: string;
  readonly auth: GitAuth;
  /** Path of a PEM file. @default the system's authorities */
  readonly ca?: string;
  /** Address of an HTTP proxy. @default none: the environment is not asked */
  readonly proxy?: string | null;
  /** Hosts that are reached without the proxy. */
  readonly noProxy?: readonly string[];
  /** The settings that name it, for messages. @default git.url and git.auth */
  readonly settings?: RemoteSettings;
  /** The name in `git.branch`: a push to another one is to the agent's own. @default all but with `settings` are to it */
  readonly target?: string;
}

export interface RepositoryOptions extends RemoteOptions {
  /** Gives the armored signature over a commit. @default commits are not signed */
  readonly sign?: ((payload: Buffer) => Promise<string>) | null;
  /** An existing folder, in which a temporary one is made. */
  readonly directory: string;
  /**
   * Name, in `directory`, under which a repository is kept for the next one that is opened with it: a tip that has not moved
   * is not fetched again. @default nothing is kept
   */
  readonly kept?: string | null;
  /** Milliseconds per remote call. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

export interface TreeEntry {
  /** As Git writes it: `100644`, `100755`, `120000` (symlink), `160000` (submodule), `040000`. */
  readonly mode: string;
  readonly type: "blob" | "tree" | "commit";
  readonly id: string;
}

export interface RemoteState {
  readonly objectFormat: "sha1" | "sha256";
  /** Branch → commit id. Empty for a repository without a commit. */
  readonly tips: ReadonlyMap<string, string>;
  /** The branch that HEAD names; null when the server does not say. */
  readonly head: string | null;
}

export interface CommitOptions {
  /** Null makes a root commit. */
  readonly parent: string | null;
  readonly branch: string;
  readonly author: { readonly name: string; readonly email: string };
  readonly date: Date;
  readonly message: string;
  /** Prefix of the paths below; "" is the root of the tree. */
  readonly root: string;
  readonly writes: ReadonlyMap<string, Buffer>;
  readonly deletes: readonly string[];
}

export interface PushOptions {
  readonly branch: string;
  readonly commit: string;
  /** The tip that must still be there; null: the branch must not exist. */
  readonly expected: string | null;
}

/** Every method throws a Failure. `remote()` comes first: it learns how the repository hashes. */
export interface Repository {
  /** Remote calls made so far, those of `elsewhere` included, for the report. */
  readonly requests: number;
  /** Asks for branches and HEAD. */
  remote(): Promise<RemoteState>;
  /** Fetches the tip alone, without blobs where the server can leave them out; gives its commit id. */
  fetch(branch: string): Promise<string>;
  /** Everything below `path` ("" is the root) but trees, by path relative to it. Empty when there is none. */
  list(commit: string, path: string): Promise<Map<string, TreeEntry>>;
  /** What lies on the way to `path`, from the root on, itself included; ends where something is missing. */
  ancestors(commit: string, path: string): Promise<readonly { path: string; entry: TreeEntry }[]>;
  /** One blob, fetched when it is not here. */
  read(id: string): Promise<Buffer>;
  /** Many blobs by their ids: all that are missing come by one request. */
  readAll(ids: readonly string[]): Promise<ReadonlyMap<string, Buffer>>;
  /** Makes a commit in the temporary repository; gives its id. Nothing is sent. */
  commit(options: CommitOptions): Promise<string>;
  /** Moves the branch from `expected` to `commit`, or throws a Failure `PushRejected`. */
  push(options: PushOptions): Promise<void>;
  /** Removes the branch if its tip is still `expected`, or throws a Failure `PushRejected`. */
  remove(branch: { readonly branch: string; readonly expected: string }): Promise<void>;
  /** Fetches one commit by its id, as `fetch` does a tip. Throws where the server does not give it. */
  fetchCommit(id: string): Promise<void>;
  /** Whether one of these commits is in the history of a branch; of that the commits alone come, and are not kept. */
  hasInHistory(branch: string, commits: readonly string[]): Promise<boolean>;
  /** Paths in which the trees of two fetched commits differ. */
  differing(one: string, other: string): Promise<ReadonlySet<string>>;
  /** The id that Git gives these bytes. */
  blobID(bytes: Uint8Array): string;
  /**
   * A fork or another repository, for what is built on this one and pushed there: with a way in of its own, over the same
   * objects. It ends with this one.
   */
  elsewhere(remote: RemoteOptions): Promise<Repository>;
  /** Removes the temporary repository, or keeps it for the next one: only after work that went well. @default removes it */
  close(keep?: boolean): Promise<void>;
}

/** What all remotes of one temporary repository share. */
interface Store {
  readonly folder: TemporaryFolder;
  readonly timeout: number;
  readonly signal: AbortSignal;
  readonly sign: RepositoryOptions["sign"];
  readonly place: string | null;
  readonly found: Kept | null;
  requests: number;
  /** References to be removed before the repository is kept. */
  readonly made: string[];
  objectFormat: RemoteState["objectFormat"] | null;
  readonly present: Set<string>;
}

interface CallOptions extends RunOptions {
  readonly pushed?: PushedBranch;
}

/** A remote whose objects another one builds on. */
interface Source {
  /** Fetches what a push of `commit` to a server with these tips needs beyond a commit's parent and its trees. */
  complete(commit: string, tips: ReadonlySet<string>): Promise<void>;
}

/** Opens without asking the server anything. Throws for an address that cannot be used. */
export async function openRepository(options: RepositoryOptions): Promise<Repository> {
  const { auth, directory, timeout, signal, sign = null } = options;
  requireFitting(parseAddress(options.url), auth);
  const folder = await makeFolder(directory).catch((cause: unknown) => {
    throw new Failure("the folder for temporary repositories cannot be written", {
      code: "GitFailed",
      stage: "base",
      hint: "Give the user that runs the agent a folder with room and the right to write there.",
      cause,
    });
  });
  await writeCredentials(folder.home, auth).catch(async (thrown: unknown) => {
    await folder.remove();
    throw thrown;
  });
  const place = options.kept == null ? null : joinPath(directory, options.kept);
  const found = place === null ? null : await takeKept(place, folder.repository);
  const objectFormat = found?.objectFormat ?? null;
  const present = new Set(found?.present);
  const store: Store = { folder, timeout, signal, sign, place, found, requests: 0, made: [], objectFormat, present };
  return overRemote(store, options, { home: folder.home, source: null });
}

function overRemote(
  store: Store,
  options: RemoteOptions,
  { home, source }: { readonly home: string; readonly source: Source | null },
): Repository {
  const { folder, timeout, signal, sign, place, made, present } = store;
  const { auth, proxy = null } = options;
  const gitDirectory = folder.repository;
  const address = parseAddress(options.url);
  const environment = gitEnvironment({ ...options, address, home, repository: gitDirectory });
  const run = createRunner({ directory: home, environment, signal });
  const forbidden =
    auth.kind === "basic" ? [auth.password.reveal(), basicCredentials(auth).slice("Basic ".length)] : [];
  const proxyHost =
    proxy === null ? null : (URL.parse(proxy.includes("://") ? proxy : `http://${proxy}`)?.hostname ?? null);

  // What was kept is of the repository that is read.
  const found = source === null ? store.found : null;
  /** False once a server sent all blobs, because it knows no filter. */
  let blobless = found?.blobless ?? true;
  const fetched = new Map<string, string>(found?.tips);
  /** As the server last told. */
  let told: ReadonlyMap<string, string> = new Map();
  let tipsThere: ReadonlySet<string> = new Set();
  let branches: readonly string[] = [];

  const local = (
    stage: Stage,
    commands: readonly string[],
    { pushed, ...runOptions }: CallOptions = {},
    runner = run,
  ): Promise<RunResult> => {
    const circumstances: Circumstances = { stage, repository: address.shown, proxyHost, forbidden, push: pushed };
    return runner(commands, runOptions).catch((thrown: unknown) => {
      const failure = inSettings(gitFailure(thrown, circumstances), options.settings);
      // What was kept may have been damaged since. It is not kept again, so that the next attempt begins without.
      throw found !== null && failure.code === "GitFailed" ? mayBeDamaged(failure) : failure;
    });
  };
  const remotely = async (
    stage: Stage,
    commands: readonly string[],
    runOptions?: CallOptions,
    runner = run,
  ): Promise<RunResult> => {
    store.requests++;
    await folder.touch().catch(() => {});
    return local(stage, commands, { ...runOptions, timeout }, runner);
  };

  const pushedTo = (branch: string): PushedBranch => {
    const { settings, target = branch } = options;
    return { branch, isOwn: settings !== undefined || branch !== target, branches };
  };

  /**
   * An empty repository has no object id to tell by how it hashes. The server says it in its greeting, which git 2.39 shows
   * in a packet trace alone (its `clone` of such a repository assumes SHA-1).
   */
  const formatOfEmpty = async (): Promise<RemoteState["objectFormat"]> => {
    const { stderr } = await remotely("base", ["ls-remote", address.url, "HEAD"], { trace: true });
    return /packet:[^\n]*\bobject-format=sha256\b/.test(stderr) ? "sha256" : "sha1";
  };

  const prepare = async (format: RemoteState["objectFormat"]): Promise<void> => {
    if (store.objectFormat === format) return;
    if (store.objectFormat !== null && source !== null) {
      throw new Failure(`${address.shown} hashes otherwise than the repository it is to be proposed to`, {
        code: "BaseUnusable",
        stage: "base",
        hint: "Give git.push.url a fork of git.url.",
      });
    }
    if (store.objectFormat !== null) {
      // Retryable: what was kept is of the former repository, and the next attempt begins without.
      throw new Failure(`${address.shown} was replaced by a repository that hashes otherwise`, {
        code: "BaseUnusable",
        stage: "base",
        hint: "Run again.",
        retryable: true,
      });
    }
    await local("base", ["init", "--bare", `--object-format=${format}`, "--template=", "--initial-branch=main"]);
    store.objectFormat = format;
  };

  const prepared = (): RemoteState["objectFormat"] => {
    if (store.objectFormat !== null) return store.objectFormat;
    throw new Failure("the repository was used before it was asked for its branches", {
      code: "Internal",
      stage: "base",
      hint: "This is a defect of the agent: report it.",
    });
  };

  const blobID = (bytes: Uint8Array): string =>
    createHash(prepared()).update(`blob ${bytes.byteLength}\0`).update(bytes).digest("hex");

  /** All of these in one request, as git itself asks for one that is missing. */
  const fetchBlobs = async (ids: readonly string[]): Promise<void> => {
    const commands = [
      ...["-c", "fetch.negotiationAlgorithm=noop", "fetch", REMOTE, "--no-tags", "--no-write-fetch-head"],
      ...["--recurse-submodules=no", "--filter=blob:none", "--stdin"],
    ];
    await remotely("base", commands, { input: idLines(ids) });
  };

  const complete: Source["complete"] = async (commit, tips) => {
    const { stdout: line } = await local("publish", ["rev-list", "--parents", "--max-count=1", commit]);
    const [, parent] = line.toString().trim().split(" ");
    // The ordinary case: then a server needs no more of the past than it has.
    if (parent === undefined || tips.has(parent)) return;
    // A server takes no commit whose past it lacks and we do not have: all of it, without the files.
    const whole = ["fetch", `--depth=${WHOLE}`, "--no-tags", "--no-write-fetch-head", REMOTE, parent];
    await remotely("publish", whole);
    const { stdout: past } = await local("publish", ["rev-list", parent]);
    const shared = past
      .toString()
      .split("\n")
      .filter((id) => tips.has(id));
    const without = shared.map((id) => `^${id}`);
    const listing = ["rev-list", "--objects", "--missing=print", "--stdin"];
    const { stdout: listed } = await local("publish", listing, { input: idLines([parent, ...without]) });
    const missing = parseMissing(listed);
    if (missing.length > 0) await fetchBlobs(missing);
  };

  return {
    get requests() {
      return store.requests;
    },

    async remote() {
      const { stdout } = await remotely("base", ["ls-remote", "--symref", address.url, "HEAD", "refs/heads/*"]);
      const { tips, head } = parseRemote(stdout);
      const some = tips.values().next().value;
      const format =
        some === undefined ? (store.objectFormat ?? (await formatOfEmpty())) : some.length === 64 ? "sha256" : "sha1";
      await prepare(format);
      told = tips;
      tipsThere = new Set(tips.values());
      branches = [...tips.keys()];
      return { objectFormat: format, tips, head };
    },

    async fetch(branch) {
      prepared();
      const source = `refs/heads/${branch}`;
      const tip = told.get(branch);
      // Once: who asks again without a look at the branches wants to see what moved meanwhile.
      told = new Map();
      if (tip !== undefined && fetched.get(branch) === tip) return tip;
      const { stderr } = await remotely("base", [
        "fetch",
        // The filter is in the remote's configuration.
        "--depth=1",
        "--no-tags",
        "--no-write-fetch-head",
        REMOTE,
        // A reference of our own repository, replaced whatever it was.
        `+${source}:refs/runtime-agent/base`,
      ]);
      if (/filtering not recognized/.test(stderr)) blobless = false;
      const { stdout } = await local("base", ["rev-parse", "--verify", "refs/runtime-agent/base^{commit}"]);
      const id = stdout.toString().trim();
      fetched.set(branch, id);
      return id;
    },

    async list(commit, path) {
      prepared();
      const within = path === "" ? [] : ["--", `${path}/`];
      const { stdout } = await local("base", ["ls-tree", "-r", "-z", "--full-tree", commit, ...within]);
      const entries = new Map<string, TreeEntry>();
      const prefix = path === "" ? 0 : path.length + 1;
      for (const { path: full, entry } of parseTree(stdout)) {
        entries.set(full.slice(prefix), entry);
        if (entries.size % 10_000 === 0) await turn();
      }
      return entries;
    },

    async ancestors(commit, path) {
      prepared();
      if (path === "") return [];
      const parts = path.split("/");
      const ways = parts.map((_, index) => parts.slice(0, index + 1).join("/"));
      // `-t` shows a folder although a path below it is asked for as well.
      const { stdout } = await local("base", ["ls-tree", "-t", "-z", "--full-tree", commit, "--", ...ways]);
      const found = new Map([...parseTree(stdout)].map(({ path: way, entry }) => [way, entry]));
      return ways.flatMap((way) => {
        const entry = found.get(way);
        return entry === undefined ? [] : [{ path: way, entry }];
      });
    },

    async read(id) {
      prepared();
      const commands = ["cat-file", "blob", id];
      // Git fetches a missing blob inside this very call, so that it has a deadline like any remote one.
      const here = !blobless || present.has(id);
      const { stdout } = await (here ? local("base", commands) : remotely("base", commands));
      present.add(id);
      return stdout;
    },

    async readAll(ids) {
      prepared();
      const wanted = [...new Set(ids)];
      const missing = blobless ? wanted.filter((id) => !present.has(id)) : [];
      if (missing.length > 0) await fetchBlobs(missing);
      if (wanted.length === 0) return new Map();
      const { stdout } = await local("base", ["cat-file", "--batch"], { input: idLines(wanted) });
      for (const id of wanted) present.add(id);
      return parseBatch(stdout);
    },

    async commit({ parent, author, date, message, root, writes, deletes }) {
      prepared();
      const files: { path: string; blob: string }[] = [];
      let hashed = 0;
      for (const [path, content] of writes) {
        const blob = blobID(content);
        files.push({ path: join(root, path), blob });
        present.add(blob);
        hashed += content.length;
        if (hashed > 8_000_000 || files.length % 1_000 === 0) {
          hashed = 0;
          await turn();
        }
      }
      const gone = deletes.map((path) => join(root, path));
      for (const path of [...gone, ...files.map((file) => file.path)]) {
        if (!isTreePath(path)) {
          throw new Failure("a path of the commit leads out of the repository or into .git", {
            code: "Internal",
            stage: "publish",
            hint: "This is a defect of the agent: report it.",
          });
        }
      }
      const importing = (parts: readonly Buffer[]) =>
        local("publish", ["fast-import", "--done", "--quiet", "--date-format=raw"], { input: finish(parts) });
      let last: Buffer[] = [];
      for await (const parts of blobStreams(writes.values())) {
        if (last.length > 0) await importing(last);
        last = parts;
      }
      // A name of its own: fast-import would refuse to move one to a commit that is no descendant.
      const ref = `refs/runtime-agent/${randomUUID()}`;
      made.push(ref);
      const commit = commitStream({ ref, parent, author, date, message, deletes: gone, writes: files });
      const { stdout } = await importing([...last, ...commit]);
      const id = stdout.toString().trim();
      if (sign == null) return id;
      // fast-import cannot sign; what it made stays behind in the temporary repository.
      const unsigned = (await local("publish", ["cat-file", "commit", id])).stdout;
      const signed = withSignature(unsigned, await sign(unsigned), prepared());
      const { stdout: answer } = await local("publish", ["hash-object", "-t", "commit", "-w", "--stdin"], {
        input: signed,
      });
      return answer.toString().trim();
    },

    async push({ branch, commit, expected }) {
      prepared();
      await source?.complete(commit, tipsThere);
      const target = `refs/heads/${branch}`;
      const lease = `--force-with-lease=${target}:${expected ?? ""}`;
      const commands = ["push", "--porcelain", lease, REMOTE, `${commit}:${target}`];
      await remotely("publish", commands, { pushed: pushedTo(branch) });
      fetched.set(branch, commit);
    },

    async remove({ branch, expected }) {
      prepared();
      const target = `refs/heads/${branch}`;
      const lease = `--force-with-lease=${target}:${expected}`;
      await remotely("publish", ["push", "--porcelain", lease, REMOTE, `:${target}`], { pushed: pushedTo(branch) });
    },

    async fetchCommit(id) {
      prepared();
      await remotely("base", ["fetch", "--depth=1", "--no-tags", "--no-write-fetch-head", REMOTE, id]);
    },

    async hasInHistory(branch, commits) {
      // In a place of its own: a later fetch would take commits without their trees for whole ones.
      const place = joinPath(folder.path, `history-${randomUUID()}`);
      const there = createRunner({ directory: home, environment: { ...environment, GIT_DIR: place }, signal });
      const format = prepared();
      const init = ["init", "--bare", `--object-format=${format}`, "--template=", "--initial-branch=main"];
      await local("base", init, {}, there);
      for (const depth of DEPTHS) {
        const fetching = ["fetch", `--depth=${depth}`, "--filter=tree:0", "--no-tags", "--no-write-fetch-head", REMOTE];
        await remotely("base", [...fetching, `+refs/heads/${branch}:refs/runtime-agent/base`], {}, there);
        const { stdout: listed } = await local("base", ["rev-list", "refs/runtime-agent/base"], {}, there);
        const ids = new Set(listed.toString("latin1").split("\n"));
        if (commits.some((id) => ids.has(id))) return true;
        const { stdout: isShallow } = await local("base", ["rev-parse", "--is-shallow-repository"], {}, there);
        if (isShallow.toString().trim() === "false") break;
      }
      return false;
    },

    async differing(one, other) {
      prepared();
      const { stdout } = await local("base", ["diff-tree", "-r", "-z", "--name-only", "--no-renames", one, other]);
      return new Set(
        stdout
          .toString("latin1")
          .split("\0")
          .filter((path) => path !== ""),
      );
    },

    blobID,

    async elsewhere(remote) {
      const ownHome = joinPath(folder.path, `home-${randomUUID()}`);
      try {
        requireFitting(parseAddress(remote.url), remote.auth);
        await mkdir(ownHome);
        await writeCredentials(ownHome, remote.auth);
        return overRemote(store, remote, { home: ownHome, source: { complete } });
      } catch (thrown) {
        throw thrown instanceof Failure ? inSettings(thrown, remote.settings) : thrown;
      }
    },

    close: async (keep = false) => {
      if (source !== null) return;
      const { objectFormat } = store;
      if (keep && place !== null && objectFormat !== null && !signal.aborted) {
        // Else the next commit would have to descend from these.
        const gone = Buffer.from(made.map((ref) => `delete ${ref}\n`).join(""));
        const tidied =
          made.length === 0 ? true : await run(["update-ref", "--stdin"], { input: gone }).then(Boolean, () => false);
        if (tidied) await giveKept(gitDirectory, place, { objectFormat, blobless, tips: fetched, present });
      }
      await folder.remove();
    },
  };
}

/** What git takes for a depth without end; its own `--unshallow` refuses where nothing is missing. */
const WHOLE = 2_147_483_647;

/** How far back a history is looked through: the near past is the ordinary case. */
const DEPTHS = [64, 2_048, WHOLE];

const mayBeDamaged = ({ message, stage, cause }: Failure) =>
  new Failure(message, {
    code: "GitFailed",
    stage,
    hint: "Run again: the cached repository may have been damaged, and is not used again.",
    retryable: true,
    cause,
  });

/** One id a line, for stdin. */
const idLines = (ids: readonly string[]) => Buffer.from(ids.map((id) => `${id}\n`).join(""));
