/** Reads the commits of a repository on this machine, for `verify`: nothing is fetched, nothing written, nothing run. */

import { Failure } from "../../common/failure.js";
import { forTerminal } from "../../common/quote.js";
import { gitFailure } from "./errors.js";
import { parseBatch, parseTree } from "./parse.js";
import { decodePath } from "./paths.js";
import type { TreeEntry } from "./repository.js";
import { createRunner } from "./run.js";

export interface HistoryCommit {
  readonly id: string;
  readonly parents: readonly string[];
  readonly author: { readonly name: string; readonly email: string };
  /** The date is what the commit says; an unreadable one is the beginning of time. */
  readonly committer: { readonly email: string; readonly date: Date };
  readonly message: string;
  /** As it stands in the commit, armored; null without one. */
  readonly signature: string | null;
  /** What was signed: the commit without its signature. */
  readonly payload: Buffer;
}

/** A place that differs from the first parent; `entry` is null where it is gone. */
export interface Change {
  readonly path: string;
  readonly entry: TreeEntry | null;
}

export interface History {
  /** The commit that a name stands for. Throws `BaseUnusable` when there is none. */
  resolve(name: string): Promise<string>;
  /** Commits that `head` has and `base` has not, parents first. Throws when a shallow clone lacks parents of them. */
  range(base: string, head: string): Promise<readonly HistoryCommit[]>;
  /** What a commit changes against its first parent, or against nothing. */
  changes(commit: HistoryCommit): Promise<readonly Change[]>;
  /** Of a merge: places that are as in none of its parents. */
  ownChanges(merge: HistoryCommit): Promise<readonly string[]>;
  /** Id of what stands at a path, "" being the root; null for nothing. */
  entryID(commit: string, path: string): Promise<string | null>;
  /** Everything below `path` but trees, by path relative to it. */
  list(commit: string, path: string): Promise<ReadonlyMap<string, TreeEntry>>;
  readAll(ids: readonly string[]): Promise<ReadonlyMap<string, Buffer>>;
  /** The best common ancestors; several where branches were merged crosswise, none where nothing is common. */
  mergeBases(a: string, b: string): Promise<readonly string[]>;
}

/** `directory` is a bare repository or lies in a checkout. Throws a Failure when it is no repository. */
export async function openHistory(directory: string, signal: AbortSignal): Promise<History> {
  const settings = [
    // The checkout of a build server belongs to anybody. Only plumbing runs here, and it starts no program.
    ["safe.directory", "*"],
    ["core.hooksPath", "/dev/null"],
    ["core.fsmonitor", "false"],
    ["protocol.allow", "never"],
    // What another process wrote beside the objects is not the history.
    ["core.commitGraph", "false"],
  ];
  const environment: Record<string, string> = {
    PATH: process.env.PATH ?? "/usr/local/bin:/usr/bin:/bin",
    HOME: "/nonexistent",
    LC_ALL: "C.UTF-8",
    GIT_TERMINAL_PROMPT: "0",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_LITERAL_PATHSPECS: "1",
    // A replaced object would show what is not in the history.
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_GRAFT_FILE: "/dev/null",
    GIT_NO_LAZY_FETCH: "1",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_CONFIG_COUNT: String(settings.length),
  };
  settings.forEach(([key = "", value = ""], index) => {
    environment[`GIT_CONFIG_KEY_${index}`] = key;
    environment[`GIT_CONFIG_VALUE_${index}`] = value;
  });
  const run = createRunner({ directory, environment, signal });
  const shown = forTerminal(directory, 200);
  const git = async (commands: readonly string[], input?: string): Promise<Buffer> => {
    const options = input === undefined ? {} : { input: Buffer.from(input) };
    try {
      return (await run(commands, options)).stdout;
    } catch (thrown) {
      throw gitFailure(thrown, { stage: "base", repository: shown, proxyHost: null, forbidden: [] });
    }
  };
  const text = async (commands: readonly string[]) => (await git(commands)).toString("utf8").trim();
  const quietly = async (commands: readonly string[]) => {
    try {
      return (await run(commands)).stdout.toString("utf8").trim();
    } catch {
      return null;
    }
  };
  await text(["rev-parse", "--git-dir"]);

  return {
    async resolve(name) {
      const id = await quietly(["rev-parse", "--verify", "--quiet", "--end-of-options", `${name}^{commit}`]);
      if (id !== null && /^[0-9a-f]{40,64}$/.test(id)) return id;
      throw unknownCommit(name);
    },

    async range(base, head) {
      const ids = (await text(["rev-list", "--topo-order", "--reverse", head, `^${base}`]))
        .split("\n")
        .filter((id) => id !== "");
      if (ids.length === 0) return [];
      const commits = parseCommits(await git(["cat-file", "--batch"], `${ids.join("\n")}\n`));
      const boundary = await quietly(["rev-parse", "--is-shallow-repository"]);
      if (boundary === "true") {
        // rev-list takes the last commits of a shallow clone for roots; the commits themselves name their parents.
        const parents = [...new Set(commits.flatMap((commit) => commit.parents))];
        const answers = (await git(["cat-file", "--batch-check"], `${parents.join("\n")}\n`)).toString("utf8");
        if (/ missing$/m.test(answers)) throw shallow();
      }
      return commits;
    },

    async changes({ id, parents }) {
      const [parent] = parents;
      const between = parent === undefined ? ["--root", id] : [parent, id];
      return [...parseChanges(await git(["diff-tree", "-r", "-z", "--no-renames", "--no-commit-id", ...between]))];
    },

    async ownChanges({ id }) {
      const names = await git(["diff-tree", "-c", "-r", "-z", "--no-renames", "--no-commit-id", "--name-only", id]);
      return decodePath(names)
        .split("\0")
        .filter((path) => path !== "");
    },

    async entryID(commit, path) {
      return quietly(["rev-parse", "--verify", "--quiet", "--end-of-options", `${commit}:${path}`]);
    },

    async list(commit, path) {
      const within = path === "" ? [] : ["--", `${path}/`];
      const entries = new Map<string, TreeEntry>();
      const prefix = path === "" ? 0 : path.length + 1;
      for (const { path: full, entry } of parseTree(
        await git(["ls-tree", "-r", "-z", "--full-tree", commit, ...within]),
      )) {
        entries.set(full.slice(prefix), entry);
      }
      return entries;
    },

    async readAll(ids) {
      const wanted = [...new Set(ids)];
      return wanted.length === 0 ? new Map() : parseBatch(await git(["cat-file", "--batch"], `${wanted.join("\n")}\n`));
    },

    async mergeBases(a, b) {
      return ((await quietly(["merge-base", "--all", a, b])) ?? "").split("\n").filter((id) => id !== "");
    },
  };
}

/** Reads `diff-tree -r -z`: `:<mode> <mode> <id> <id> <status>\0<path>\0`. */
function* parseChanges(output: Buffer): Generator<Change> {
  const fields = decodePath(output).split("\0");
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [, mode = "", , id = "", status] = (fields[at] ?? "").split(" ");
    const type = mode === "160000" ? "commit" : "blob";
    yield { path: fields[at + 1] ?? "", entry: status === "D" ? null : { mode, type, id } };
  }
}

/** Reads `cat-file --batch` of commits. */
function parseCommits(output: Buffer): HistoryCommit[] {
  const commits: HistoryCommit[] = [];
  for (let at = 0; at < output.length; ) {
    const end = output.indexOf(10, at);
    const [id = "", type, size] = output.toString("latin1", at, end).split(" ");
    if (type !== "commit") throw shallow();
    commits.push(parseCommit(id, output.subarray(end + 1, end + 1 + Number(size))));
    at = end + 1 + Number(size) + 1;
  }
  return commits;
}

const PERSON = /^(.*?) ?<([^>]*)>(?: (\d{1,12})\b)?/s;

const SIGNATURE = /^gpgsig(?:-sha256)? /;

/** Reads a commit object. */
export function parseCommit(id: string, bytes: Buffer): HistoryCommit {
  // latin1 keeps every byte in its place; the texts are decoded one by one.
  const whole = bytes.toString("latin1");
  const split = whole.indexOf("\n\n");
  const head = split < 0 ? whole : whole.slice(0, split);
  const lines: string[] = [];
  for (const line of head.split("\n")) {
    if (line.startsWith(" ") && lines.length > 0) lines[lines.length - 1] += `\n${line.slice(1)}`;
    else lines.push(line);
  }
  const header = (name: string) => lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? "";
  const [, name = "", email = ""] = PERSON.exec(decoded(header("author"))) ?? [];
  const [, , by = "", seconds = "0"] = PERSON.exec(decoded(header("committer"))) ?? [];
  const signed = lines.find((line) => SIGNATURE.test(line));
  const unsigned = lines.filter((line) => !SIGNATURE.test(line)).map((line) => line.replaceAll("\n", "\n "));
  return {
    id,
    parents: lines.filter((line) => line.startsWith("parent ")).map((line) => line.slice("parent ".length)),
    author: { name, email },
    committer: { email: by, date: new Date(Number(seconds) * 1_000) },
    message: split < 0 ? "" : decoded(whole.slice(split + 2)),
    signature: signed?.replace(SIGNATURE, "") ?? null,
    payload: Buffer.from(`${unsigned.join("\n")}${split < 0 ? "" : whole.slice(split)}`, "latin1"),
  };
}

const decoded = (latin: string) => Buffer.from(latin, "latin1").toString("utf8");

const unknownCommit = (name: string) =>
  new Failure(`the repository has no commit "${forTerminal(name, 100)}"`, {
    code: "BaseUnusable",
    stage: "base",
    hint: "Name a branch, tag or commit that is here; a build server must fetch the whole history (fetch-depth: 0, GIT_DEPTH: 0).",
  });

const shallow = () =>
  new Failure("the clone is shallow: parents of commits in the range are missing", {
    code: "BaseUnusable",
    stage: "base",
    hint: "Fetch the whole history: fetch-depth: 0 on GitHub, GIT_DEPTH: 0 on GitLab.",
  });
