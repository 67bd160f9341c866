/** Who is published, who waits, and what goes: decided on names and owners, over the tree as it will be. Pure. */

import type { Base, InventoryFile, Ownership } from "../base/index.js";
import type { SetAside } from "../model/index.js";
import type { SealedApplication, SealedFile } from "../seal/index.js";
import type { Missing } from "../state/index.js";
import { type Candidate, type DeletionRules, decideCredentials, decideDeletions, type Hold } from "./deletion.js";

export interface SettleOptions {
  readonly base: Base;
  readonly owned: Ownership;
  /** Number of Applications that Director lists. */
  readonly listed: number;
  readonly applications: readonly SealedApplication[];
  readonly setAside: readonly SetAside[];
  readonly rules: DeletionRules;
  readonly missing: Readonly<Record<string, Missing>>;
  readonly now: Date;
}

export interface Settlement {
  /** Rows of Applications in Git, by name. */
  readonly committed: ReadonlyMap<string, readonly InventoryFile[]>;
  readonly published: readonly SealedApplication[];
  /** Committed rows that are neither deleted nor left behind. */
  readonly staying: readonly InventoryFile[];
  /** Names that go, sorted. */
  readonly due: readonly string[];
  readonly held: readonly Hold[];
  readonly setAside: readonly SetAside[];
  readonly missing: Readonly<Record<string, Missing>>;
}

/** Nothing that must stay is overwritten, nothing goes before its time, and no object stands in two folders. */
export function settle(options: SettleOptions): Settlement {
  const { base, owned, rules } = options;
  // What somebody removed from Git is ours no more: a kustomization that named it could not be built.
  const committed = byName(owned.files.filter(({ path }) => base.listing.has(path)));
  const { free: clear, setAside } = withoutForeign(options);
  const credentials = decideCredentials({
    ...options,
    trusted: owned.trusted,
    vanished: withoutCredentials(clear, committed),
  });
  const heldBack = new Set(credentials.held.map(({ id }) => id));
  const free = clear.filter(({ application }) => !heldBack.has(application.id));

  const wanted = new Map(free.map((each) => [each.application.name, each]));
  const keptIDs = new Set([...setAside.map(({ id }) => id), ...heldBack]);
  const owners = new Map([...committed].map(([name, rows]) => [name, rows.find(({ id }) => id !== null)?.id ?? ""]));
  const behind = waitingBehind(wanted, owners, keptIDs);
  // A committed name whose owner has it no more, and that nobody else has now.
  const candidates = [...owners].flatMap(([name, id]): Candidate[] =>
    wanted.has(name) || keptIDs.has(id) || behind.has(id) ? [] : [{ name, id }],
  );
  const { trusted } = owned;
  const { listed, missing, now } = options;
  const decision = decideDeletions({ candidates, committed: committed.size, listed, trusted, rules, missing, now });

  // A rename is a deletion of the old name: until that passes, the new one waits. Where nothing is ever deleted it does not.
  const heldIDs = new Set(rules.mode === "sync" ? decision.held.map(({ id }) => id) : []);
  const ready = free.filter(
    ({ application: { name, id } }) => !behind.has(id) && (committed.has(name) || !heldIDs.has(id)),
  );
  // Who waits keeps the folder of its old name.
  const dueWithout = (published: ReadonlySet<SealedApplication>) => {
    const waiting = new Set(free.filter((each) => !published.has(each)).map(({ application }) => application.id));
    return decision.due.filter(({ id }) => !waiting.has(id));
  };
  // What a published Application leaves behind (a Secret that it has no more) goes with the same commit.
  const tidy = rules.mode === "sync" && trusted;
  const stayingWith = (published: ReadonlySet<SealedApplication>) => {
    const gone = new Set(dueWithout(published).map(({ name }) => name));
    if (tidy) for (const { application } of published) gone.add(application.name);
    return [...committed].flatMap(([name, files]) => (gone.has(name) ? [] : files));
  };
  const published = withoutClashes(ready, stayingWith);
  const due = dueWithout(published);
  const waiting = [
    ...free.filter((each) => !published.has(each)).map(({ application }) => application),
    ...decision.due.filter((each) => !due.includes(each)),
  ].map(({ name, id }): Hold => ({ name, id, reason: "Renamed", until: null }));
  return {
    committed,
    published: [...published],
    staying: stayingWith(published),
    due: due.map(({ name }) => name).sort(),
    held: [...decision.held, ...credentials.held, ...waiting].sort(byNameOrder),
    setAside,
    missing: { ...decision.missing, ...credentials.missing },
  };
}

/** Those of which Git holds a Secret that they do not have any more. */
function withoutCredentials(
  applications: readonly SealedApplication[],
  committed: ReadonlyMap<string, readonly InventoryFile[]>,
): Candidate[] {
  return applications.flatMap(({ application: { name, id }, files }) => {
    const paths = new Set(files.map(({ row }) => row.path));
    const lost = committed
      .get(name)
      ?.some((row) => row.id === id && row.path.includes("/secrets/") && !paths.has(row.path));
    return lost ? [{ name, id }] : [];
  });
}

/** Those whose files would overwrite somebody else's are set aside with the others. */
function withoutForeign({ base, owned, applications, setAside }: SettleOptions) {
  const ours = new Set(owned.files.map(({ path }) => path));
  const isForeign = ({ row: { path } }: SealedFile) => base.listing.has(path) && !ours.has(path);
  const [free, foreign] = [false, true].map((wanted) =>
    applications.filter(({ files }) => files.some(isForeign) === wanted),
  );
  return { free: free ?? [], setAside: [...setAside, ...(foreign ?? []).map(foreignFile)].sort(byNameOrder) };
}

const foreignFile = ({ application: { name, id } }: SealedApplication): SetAside => ({
  name,
  id,
  reason: "ForeignFile",
  message: `applications/${name} in git.path holds a file that this agent did not write; move it away`,
});

/** Rows of Applications by their folder's name. */
function byName(files: readonly InventoryFile[]): Map<string, InventoryFile[]> {
  const groups = new Map<string, InventoryFile[]>();
  for (const file of files) {
    const name = applicationOf(file.path);
    if (name === null) continue;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [file]);
    else group.push(file);
  }
  return groups;
}

/**
 * Ids of those whose name is that of a folder which has to stay: of an Application set aside, or of one that waits
 * itself. Adds up until nothing changes, since who waits keeps its own folder.
 */
function waitingBehind(
  wanted: ReadonlyMap<string, SealedApplication>,
  owners: ReadonlyMap<string, string>,
  kept: ReadonlySet<string>,
): Set<string> {
  const waiting = new Set<string>();
  for (let before = -1; before !== waiting.size; ) {
    before = waiting.size;
    for (const [name, { application }] of wanted) {
      const owner = owners.get(name);
      if (owner === undefined || owner === application.id) continue;
      if (kept.has(owner) || waiting.has(owner)) waiting.add(application.id);
    }
  }
  return waiting;
}

/**
 * Those whose Secrets do not stand under the same name in a folder that stays, since one object twice would stop every
 * consumer: the names of Secrets are cut, so an old name's and a new one's can be equal. Who waits keeps its own folder,
 * so it is asked again until nothing changes.
 */
function withoutClashes(
  ready: readonly SealedApplication[],
  staying: (published: ReadonlySet<SealedApplication>) => readonly InventoryFile[],
): ReadonlySet<SealedApplication> {
  for (let published = new Set(ready); ; ) {
    const taken = Map.groupBy(staying(published), ({ path }) => objectOf(path));
    const clear = [...published].filter(({ application: { name, secrets } }) => {
      // By the names that hold a bundle's id: what else a template gives may stand in a namespace of its own.
      const others = secrets.flatMap((secret) => taken.get(`secrets/${secret.name}.yaml`) ?? []);
      return others.every(({ path }) => applicationOf(path) === name);
    });
    if (clear.length === published.size) return published;
    published = new Set(clear);
  }
}

/** A path within its Application's folder: kind and name. */
const objectOf = (path: string) => path.replace(/^applications\/[^/]+\//, "");

/** The name of the Application whose folder a path is in; null for the files over all of them. */
export const applicationOf = (path: string) => /^applications\/([^/]+)\//.exec(path)?.[1] ?? null;

const byNameOrder = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
