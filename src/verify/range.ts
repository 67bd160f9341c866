/** Checks a range of commits without asking anybody: what the agent's own commits may do, and what nobody may. */

import type { Change, History, HistoryCommit } from "../adapters/git/index.js";
import { APPROVE_PATH, INVENTORY_PATH, isInLayout } from "../base/index.js";
import { forTerminal } from "../common/quote.js";
import { sha256 } from "../common/sha256.js";
import { ATTRIBUTES_PATH, KUSTOMIZATION_PATH, REVISION_PATH } from "../render/index.js";
import { type FileRules, fileFault, foreignFileFault } from "./file-fault.js";
import type { Fault, Finding } from "./finding.js";
import { checkTree, type TreeRules } from "./tree-faults.js";

export interface VerifyOptions extends FileRules, TreeRules {
  readonly history: History;
  /** Commits that `head` has and `base` has not are checked. */
  readonly base: string;
  readonly head: string;
  /** `git.path`, "" for the root. */
  readonly path: string;
  /** The address of `git.author`: whose commits are the agent's beside those that say so. */
  readonly email: string;
  /** Tells whether a commit is signed by somebody known; null where signatures are not looked at. */
  readonly isSigned: ((commit: HistoryCommit) => Promise<boolean>) | null;
}

export interface VerifiedRange {
  readonly base: string;
  readonly head: string;
  readonly commits: { readonly total: number; readonly agent: number };
  readonly findings: readonly Finding[];
}

/** Throws a Failure when the range cannot be read; what is wrong in it is in the result. */
export async function verifyRange(options: VerifyOptions): Promise<VerifiedRange> {
  const { history } = options;
  const [base, head] = [await history.resolve(options.base), await history.resolve(options.head)];
  const commits = await history.range(base, head);
  const digests = new Map<string, string>();
  const findings: Finding[] = [];
  let agent = 0;
  for (const commit of commits) {
    const own = isAgents(commit, options);
    if (own) agent += 1;
    const faults = await check(commit, own, options, digests);
    const { path: root } = options;
    findings.push(...faults.map((each) => ({ commit: commit.id, ...each, path: placed(root, each.path) })));
  }
  return { base, head, commits: { total: commits.length, agent }, findings };
}

const placed = (root: string, path: string | null) =>
  path === null ? null : path.startsWith("/") ? path.slice(1) : root === "" ? path : `${root}/${path}`;

/** Marks a path from the root of the repository, where the others are below `git.path`. */
const fromRoot = (path: string) => `/${path}`;

const TRAILERS = [/^Runtime: (.+)$/m, /^Digest: (sha256:[0-9a-f]{64})$/m, /^Agent-Version: .+$/m] as const;

/**
 * By its trailers, or by its author. One whose trailers name another runtime belongs to that runtime's agent, which may
 * have the same name.
 */
function isAgents({ message, author }: HistoryCommit, { runtimeID, email }: VerifyOptions): boolean {
  const signs = TRAILERS.every((trailer) => trailer.test(message));
  const named = TRAILERS[0].exec(message)?.[1]?.trim();
  if (signs && runtimeID !== null && named !== runtimeID) return false;
  return signs || author.email.toLowerCase() === email.toLowerCase();
}

async function check(
  commit: HistoryCommit,
  own: boolean,
  options: VerifyOptions,
  digests: Map<string, string>,
): Promise<Fault[]> {
  const { history, path: root } = options;
  const merged = commit.parents.length > 1 ? await checkMerge(commit, own, options) : null;
  const changes = await history.changes(commit);
  const within = changes.flatMap((change) => {
    const path = below(root, change.path);
    return path === null ? [] : [{ ...change, path }];
  });
  const faults: Fault[] = [...(merged?.faults ?? [])];
  // What a merge brings in from its other side was checked where it was made.
  if (own && merged === null) {
    const outside = changes.filter(({ path }) => below(root, path) === null);
    faults.push(
      ...outside.slice(0, 20).map(({ path }) => ({
        path: fromRoot(path),
        code: "OutsidePath" as const,
        message: "is outside of git.path, where the agent writes nothing",
      })),
      ...within.flatMap(placeFault),
    );
  }
  if (own) faults.push(...(await signatureFaults(commit, options)));
  faults.push(...(await fileFaults(within, own && merged === null, options)));
  const common = within.some(({ path }) => COMMON.has(path));
  const isWhole = merged === null ? within.length > 0 && (own || common) : merged.needsAgreement;
  if (isWhole) faults.push(...(await agreementFaults(commit, own, within, options, digests)));
  return faults;
}

/** Files that are the agent's alone: whoever changes one has to leave all in agreement, as a revert does. */
const COMMON = new Set([INVENTORY_PATH, KUSTOMIZATION_PATH, REVISION_PATH, ATTRIBUTES_PATH]);

/** The path below the root; null when it is not. */
function below(root: string, path: string): string | null {
  if (root === "") return path;
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : null;
}

function placeFault({ path, entry }: Change): Fault[] {
  if (entry !== null && entry.mode !== "100644") {
    const kind = entry.type === "commit" ? "a submodule" : entry.mode === "120000" ? "a symbolic link" : "executable";
    return [{ path, code: "NotARegularFile", message: `is ${kind}, where the agent writes plain files` }];
  }
  const isUsed = entry === null && path === APPROVE_PATH;
  if (isInLayout(path) || path === INVENTORY_PATH || isUsed) return [];
  return [{ path, code: "OutsideLayout", message: "is in no place that the agent writes to" }];
}

async function fileFaults(within: readonly Change[], own: boolean, options: VerifyOptions): Promise<Fault[]> {
  const files = within.flatMap(({ path, entry }) =>
    entry !== null && entry.type === "blob" && entry.mode !== "120000" ? [{ path, id: entry.id }] : [],
  );
  const contents = await options.history.readAll(files.map(({ id }) => id));
  return files.flatMap(({ path, id }) => {
    const bytes = contents.get(id) ?? Buffer.alloc(0);
    // The common files are held against each other, and what has no place was told already.
    const isOwn = own && isInLayout(path) && !COMMON.has(path);
    const found = isOwn ? fileFault(path, bytes, options) : foreignFileFault(path, bytes, options);
    return found === null ? [] : [found];
  });
}

async function signatureFaults(commit: HistoryCommit, { isSigned }: VerifyOptions): Promise<Fault[]> {
  if (isSigned === null) return [];
  if (commit.signature === null) {
    return [{ path: null, code: "SignatureMissing", message: "is not signed, though git.signing is set" }];
  }
  if (await isSigned(commit)) return [];
  return [{ path: null, code: "SignatureUnknown", message: "is not signed by a key of --signers" }];
}

async function agreementFaults(
  commit: HistoryCommit,
  own: boolean,
  within: readonly Change[],
  options: VerifyOptions,
  digests: Map<string, string>,
): Promise<Fault[]> {
  const { history, path: root } = options;
  const entries = [...(await history.list(commit.id, root))];
  const listing = new Map(
    entries.flatMap(([path, { type, mode, id }]) =>
      type === "blob" && mode !== "120000" ? [[path, id] as const] : [],
    ),
  );
  const fresh = [...listing].filter(([path, id]) => isInLayout(path) && !digests.has(id)).map(([, id]) => id);
  for (const [id, bytes] of await history.readAll(fresh)) digests.set(id, sha256(bytes));
  const commons = [...COMMON].flatMap((path) => {
    const id = listing.get(path);
    return id === undefined ? [] : [[path, id] as const];
  });
  const contents = await history.readAll(commons.map(([, id]) => id));
  const common = new Map(commons.map(([path, id]) => [path, contents.get(id) ?? Buffer.alloc(0)]));
  const changed = new Set(own ? within.map(({ path }) => path) : []);
  const { faults, digest } = checkTree({ listing, changed, sha256: digests, common }, options);
  const said = [...commit.message.matchAll(new RegExp(TRAILERS[1], "gm"))].map(([, value]) => value);
  // Several: a host made one commit of many, and the last is as good as any.
  const lies = own && digest !== null && said.length === 1 && said[0] !== digest;
  return lies
    ? [...faults, { path: null, code: "DigestDisagrees", message: "names another digest than that of its files" }]
    : [...faults];
}

/** A merge takes one side or the other; what stands on neither side was never looked at by anybody. */
async function checkMerge(
  commit: HistoryCommit,
  own: boolean,
  { history, path: root }: VerifyOptions,
): Promise<{ readonly faults: Fault[]; readonly needsAgreement: boolean }> {
  const faults = (await history.ownChanges(commit)).flatMap((path): Fault[] => {
    const inside = below(root, path);
    if (inside === null && !own) return [];
    const message = "is as in none of the commits that are merged";
    return [{ path: inside ?? fromRoot(path), code: "MergeChanges", message }];
  });
  const result = await history.entryID(commit.id, root);
  const sides = await Promise.all(commit.parents.map((parent) => history.entryID(parent, root)));
  if (!sides.includes(result)) return { faults, needsAgreement: true };
  const [first = "", second = ""] = commit.parents;
  const ancestor = await history.mergeBase(first, second);
  const before = ancestor === null ? null : await history.entryID(ancestor, root);
  // The side that did nothing must not win over the one that did.
  const dropped = result === before && sides.some((side) => side !== before);
  const message = `drops what one of the merged commits changed under ${forTerminal(root === "" ? "the root" : root, 200)}`;
  return {
    faults: dropped ? [...faults, { path: null, code: "MergeChanges", message }] : faults,
    needsAgreement: false,
  };
}
