/** Who is published, who waits, and what goes: decided on names and owners, over the tree as it will be. Pure. */

import {
  applicationOf,
  type Base,
  type Folder,
  type InventoryFile,
  type Ownership,
  overForeign,
} from "../base/index.js";
import type { SetAside } from "../model/index.js";
import type { SealedApplication, SealedFile } from "../seal/index.js";
import type { Decision, DueUnit, Hold } from "./decision.js";
import { waitingOnes } from "./waiting.js";

export interface SettleOptions {
  readonly base: Base;
  readonly owned: Ownership;
  readonly folders: ReadonlyMap<string, Folder>;
  readonly decision: Decision;
  readonly applications: readonly SealedApplication[];
  readonly setAside: readonly SetAside[];
  readonly mode: "sync" | "upsert-only";
}

export interface Settlement {
  readonly published: readonly SealedApplication[];
  /** Committed rows that are neither deleted nor left behind. */
  readonly staying: readonly InventoryFile[];
  /** Folders that go, sorted by name. */
  readonly due: readonly DueUnit[];
  readonly held: readonly Hold[];
  readonly setAside: readonly SetAside[];
}

/** Nothing that must stay is overwritten, nothing goes before its time, and no object stands in two folders. */
export function settle(options: SettleOptions): Settlement {
  const { owned, folders, decision, mode } = options;
  const { free, setAside } = withoutForeign(options);
  const wanted = new Map(free.map((each) => [each.application.name, each]));
  const keptIDs = new Set([...setAside.map(({ id }) => id), ...decision.frozen, ...decision.keeping]);
  const dueFolders = decision.due.filter(({ secret }) => secret === null);
  const mayBeLeft = new Set([
    ...dueFolders.map(({ name }) => name),
    ...decision.held.filter(({ reason }) => reason === "UpsertOnly").map(({ name }) => name),
  ]);
  // Credentials that are held stay where they are, and so does the Application that refers to them: a new name waits.
  const bound = decision.held.filter(
    ({ name, id, secret }) => secret !== null && wanted.get(name)?.application.id !== id,
  );
  const readyWithout = (waiting: ReadonlySet<string>) => {
    const all = waitingOnes({ wanted, folders, kept: keptIDs, mayBeLeft, already: waiting });
    return free.filter(({ application }) => !all.has(application.id));
  };
  // Who waits keeps the folder of its old name, and so does who is set aside.
  const dueWithout = (published: ReadonlySet<SealedApplication>) => {
    const waiting = new Set(free.filter((each) => !published.has(each)).map(({ application }) => application.id));
    return dueFolders.filter(({ id }) => !waiting.has(id) && !keptIDs.has(id));
  };
  // What a published Application leaves behind goes with the same commit, but for the Secrets that have to stay.
  const isTidy = mode === "sync" && owned.trusted;
  const stayingWith = (published: ReadonlySet<SealedApplication>) => {
    const gone = new Set(dueWithout(published).map(({ name }) => name));
    const names = new Map([...published].map(({ application }) => [application.name, application.id]));
    return [...folders].flatMap(([name, { rows }]) => {
      if (gone.has(name)) return [];
      const id = names.get(name);
      if (id === undefined) return rows;
      return rows.flatMap((row): InventoryFile[] => {
        if (decision.stayingSecrets.has(row.path) && (row.id ?? id) === id) return [row];
        // Left behind but not to be deleted: nobody's, so that no later cycle takes it for a part of the Application.
        return isTidy ? [] : [{ ...row, id: null }];
      });
    });
  };
  const published = withoutClashes(readyWithout, stayingWith, new Set(bound.map(({ id }) => id)));
  const due = dueWithout(published);
  const waiting = [
    ...free.filter((each) => !published.has(each)).map(({ application }) => application),
    ...dueFolders.filter((each) => !due.includes(each)),
  ].map(({ name, id }): Hold => ({ name, id, secret: null, reason: "Renamed", until: null }));
  return {
    published: [...published],
    staying: stayingWith(published),
    due: [...due].sort(byName),
    held: [...decision.held, ...waiting].sort(byName),
    setAside,
  };
}

/** Those whose files would overwrite somebody else's are set aside with the others. */
function withoutForeign({ base, owned, applications, setAside }: SettleOptions) {
  const ours = new Set(owned.files.map(({ path }) => path));
  const isBlocked = overForeign(base, ours);
  const isForeign = ({ row: { path } }: SealedFile) => isBlocked(path);
  const [free, foreign] = [false, true].map((wanted) =>
    applications.filter(({ files }) => files.some(isForeign) === wanted),
  );
  return { free: free ?? [], setAside: [...setAside, ...(foreign ?? []).map(foreignFile)].sort(byName) };
}

const foreignFile = ({ application: { name, id } }: SealedApplication): SetAside => ({
  name,
  id,
  reason: "ForeignFile",
  message: `something that this agent did not write stands in the place of a file or folder of applications/${name} in git.path; move it away`,
});

/**
 * Those whose Secrets do not stand under the same name in a folder that stays, since one object twice would stop every
 * consumer: the names of Secrets are cut, so an old name's and a new one's can be equal. Who waits keeps its own folder,
 * and whoever wants that name waits, too, so it is asked again until nothing changes. Those of `already` wait anyway.
 */
function withoutClashes(
  readyWithout: (waiting: ReadonlySet<string>) => readonly SealedApplication[],
  staying: (published: ReadonlySet<SealedApplication>) => readonly InventoryFile[],
  already: ReadonlySet<string>,
): ReadonlySet<SealedApplication> {
  const waiting = new Set(already);
  for (;;) {
    const published = new Set(readyWithout(waiting));
    const taken = Map.groupBy(staying(published), ({ path }) => objectOf(path));
    const clashing = [...published].filter(({ application: { name, secrets } }) => {
      // By the names that hold a bundle's id: what else a template gives may stand in a namespace of its own.
      const others = secrets.flatMap((secret) => taken.get(`secrets/${secret.name}.yaml`) ?? []);
      return others.some(({ path }) => applicationOf(path) !== name);
    });
    if (clashing.length === 0) return published;
    for (const { application } of clashing) waiting.add(application.id);
  }
}

/** A path within its Application's folder: kind and name. */
const objectOf = (path: string) => path.replace(/^applications\/[^/]+\//, "");

const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
