/** Checks a range of commits without asking anybody: what the agent's own commits may do, and what nobody may. */

import type { Change, History, HistoryCommit } from "../adapters/git/index.js";
import { applicationOf, applicationPath, INVENTORY_PATH, isInLayout, ownDigest } from "../base/index.js";
import { Failure } from "../common/failure.js";
import { sha256 } from "../common/sha256.js";
import { type Agent, authorOf, claims, digestsOf } from "./agents.js";
import type { Fault, Finding } from "./finding.js";
import { foreignFileFault } from "./foreign-file.js";
import { checkMerge } from "./merge.js";
import { ownFileFault } from "./own-file.js";
import {
  below,
  COMMON,
  foreignPlaceFault,
  fromRoot,
  isNear,
  oddity,
  ownPlaceFault,
  placed,
  rootFault,
} from "./places.js";
import type { FileRules } from "./rules.js";
import { checkTree, type TreeRules } from "./tree-faults.js";

export interface VerifyOptions extends FileRules, TreeRules, Agent {
  readonly history: History;
  /** Commits that `head` has and `base` has not are checked. */
  readonly base: string;
  readonly head: string;
  /** `git.path`, "" for the root. */
  readonly path: string;
  /**
   * How signatures are judged; null where they are not looked at. Where it is known who may sign (`names`), so is
   * everybody who claims the agent's address.
   */
  readonly signatures: {
    readonly names: boolean;
    readonly isGood: (commit: HistoryCommit) => Promise<boolean>;
  } | null;
}

export interface VerifiedRange {
  readonly base: string;
  readonly head: string;
  /** Whether `head` is built on `base`; else commits that `head` never had are not among those checked. */
  readonly isOnBase: boolean;
  readonly commits: { readonly total: number; readonly agent: number; readonly otherAgents: number };
  readonly findings: readonly Finding[];
}

/** Throws a Failure when the range cannot be read; what is wrong in it is in the result. */
export async function verifyRange(options: VerifyOptions): Promise<VerifiedRange> {
  const { history, path: root } = options;
  const [base, head] = [await history.resolve(options.base), await history.resolve(options.head)];
  const commits = await history.range(base, head);
  const common = await history.mergeBases(base, head);
  if (common.length === 0) throw nothingCommon();
  const digests = new Map<string, string>();
  const findings: Finding[] = [];
  const count = { agent: 0, otherAgents: 0 };
  for (const commit of commits) {
    const author = authorOf(commit, options);
    if (author === "agent") count.agent += 1;
    if (author === "other-agent") count.otherAgents += 1;
    const faults = await check(commit, author, options, digests);
    findings.push(...faults.map((each) => ({ commit: commit.id, ...each, path: placed(root, each.path) })));
  }
  return { base, head, isOnBase: common.includes(base), commits: { total: commits.length, ...count }, findings };
}

const nothingCommon = () =>
  new Failure("--base and --head have no commit in common", {
    code: "BaseUnusable",
    stage: "base",
    hint: "Name a commit of the branch's own history as --base, such as the tip of the branch that is merged into.",
  });

/** Of one kind in one commit; more are of the same sort. */
const TOLD = 20;

async function check(
  commit: HistoryCommit,
  author: ReturnType<typeof authorOf>,
  options: VerifyOptions,
  digests: Map<string, string>,
): Promise<Fault[]> {
  const { history, path: root } = options;
  const changes = await history.changes(commit);
  const within = changes.flatMap((change) => {
    const path = below(root, change.path);
    return path === null ? [] : [{ ...change, path }];
  });
  const above = changes.flatMap((change) => rootFault(root, change) ?? []);
  // Another agent's commit is its own business, as long as it stays away from ours.
  const intrudes = author === "other-agent" && commit.parents.length <= 1 && within.length + above.length > 0;
  const own = author === "agent" || intrudes;
  const merged = commit.parents.length > 1 ? await checkMerge(commit, { history, path: root, everywhere: own }) : null;
  const faults: Fault[] = [...(merged?.faults ?? []), ...above];
  if (intrudes) faults.push(intrusion());
  // What a merge brings in from its other side was checked where it was made.
  const isWriting = own && merged === null;
  if (isWriting) {
    const outside = author === "agent" ? changes.filter(({ path }) => below(root, path) === null) : [];
    faults.push(...outside.slice(0, TOLD).map(outsideFault), ...within.flatMap((each) => ownPlaceFault(each) ?? []));
  } else faults.push(...within.flatMap((each) => foreignPlaceFault(root, each) ?? []));
  faults.push(...(await signatureFaults(commit, author === "agent", options)));
  faults.push(...(await fileFaults(within, isWriting, options)));
  const common = within.some(({ path }) => COMMON.has(path));
  const isWhole = merged === null ? own || common : merged.needsAgreement;
  if (isWhole) faults.push(...(await agreementFaults(commit, isWriting, within, options, digests)));
  return faults;
}

const outsideFault = ({ path }: Change): Fault => ({
  path: fromRoot(path),
  code: "OutsidePath",
  message: "is outside of git.path, where the agent writes nothing",
});

const intrusion = (): Fault => ({
  path: null,
  code: "ForeignAgent",
  message: "is of another runtime's agent, which has nothing to write under git.path",
});

async function fileFaults(within: readonly Change[], own: boolean, options: VerifyOptions): Promise<Fault[]> {
  const files = within.flatMap(({ path, entry }) =>
    entry !== null && (oddity(entry) === null || oddity(entry) === "executable") ? [{ path, id: entry.id }] : [],
  );
  const contents = await options.history.readAll(files.map(({ id }) => id));
  return files.flatMap(({ path, id }) => {
    const bytes = contents.get(id) ?? Buffer.alloc(0);
    // Held against each other: a Secret within is no inventory.
    if (path === INVENTORY_PATH) return [];
    const isFixed = options.fixed.has(path);
    const isOwn = own && (isFixed || (isInLayout(path) && !COMMON.has(path)));
    const fault = isOwn
      ? ownFileFault(path, bytes, options)
      : foreignFileFault(path, bytes, options, isNear(options.path, path));
    return fault === null ? [] : [fault];
  });
}

async function signatureFaults(
  commit: HistoryCommit,
  isAgents: boolean,
  { signatures, email }: VerifyOptions,
): Promise<Fault[]> {
  if (signatures === null) return [];
  // A trailer is written by whoever likes to: it takes nobody out.
  if (!isAgents && !(signatures.names && claims(commit, email))) return [];
  if (commit.signature === null) {
    return [{ path: null, code: "SignatureMissing", message: "is not signed, though it says to be the agent's" }];
  }
  if (await signatures.isGood(commit)) return [];
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
  const listing = new Map(entries.flatMap(([path, entry]) => (oddity(entry) === null ? [[path, entry.id]] : [])));
  const fresh = [...listing].filter(([path, id]) => isInLayout(path) && !digests.has(id)).map(([, id]) => id);
  for (const [id, bytes] of await history.readAll(fresh)) digests.set(id, sha256(bytes));
  const read = [...COMMON].flatMap((path) => {
    const id = listing.get(path);
    return id === undefined ? [] : [[path, id] as const];
  });
  const contents = await history.readAll(read.map(([, id]) => id));
  const common = new Map(read.map(([path, id]) => [path, contents.get(id) ?? Buffer.alloc(0)]));
  const changed = own ? new Set(within.map(({ path }) => path)) : null;
  const applications = new Map(
    [...(changed ?? [])].flatMap((path) => {
      const id = listing.get(path);
      return path === applicationPath(applicationOf(path) ?? "") && id !== undefined ? [[path, id] as const] : [];
    }),
  );
  const manifests = await history.readAll([...applications.values()]);
  const carried = new Map(
    [...applications].map(([path, id]) => [path, ownDigest(manifests.get(id) ?? Buffer.alloc(0))] as const),
  );
  const { faults, digest } = checkTree({ listing, changed, sha256: digests, carried, common }, options);
  const named = digestsOf(commit);
  // Several: a host made one commit of many, and one of them was the last.
  const lies = own && digest !== null && named.length > 0 && !named.includes(digest);
  return lies
    ? [...faults, { path: null, code: "DigestDisagrees", message: "names another digest than that of its files" }]
    : [...faults];
}
