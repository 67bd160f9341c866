/** What vanished from Compass and when it may go: Applications and Secrets. Pure: gather, evaluate; the caller acts. */

import { type Folder, isSecretPath, type Ownership } from "../base/index.js";
import { type ApplicationModel, type Estate, isVanished } from "../model/index.js";
import type { DeletionRecord, Missing } from "../state/index.js";
import type { Hold, HoldReason } from "./decision.js";
import { dueAt, observe, type Patience } from "./observation.js";

export interface DeletionRules extends Patience {
  readonly mode: "sync" | "upsert-only";
  /** For credentials of an Application that is still there. */
  readonly credentials: Patience;
  /** Share of what was committed that may go in one cycle and in one day; one may always. */
  readonly limit: number;
}

/** What would go: a folder whose owner has that name no more, or a Secret that its Application has no more. */
export interface Unit {
  readonly name: string;
  /** Of the owner; "" when it is not known. */
  readonly id: string;
  /** Path of the Secret; null for the whole folder. */
  readonly secret: string | null;
}

export interface DeletionInput {
  readonly owned: Pick<Ownership, "trusted" | "deletions">;
  /** The agent's own deletions that it remembers, whatever Git says. */
  readonly remembered: readonly DeletionRecord[];
  readonly folders: ReadonlyMap<string, Folder>;
  readonly estate: Estate;
  readonly rules: DeletionRules;
  readonly missing: Readonly<Record<string, Missing>>;
  /** True for what cannot go in this cycle, though it may: it counts for no limit. @default nothing */
  readonly cannotGo?: (unit: Unit) => boolean;
  readonly now: Date;
}

export interface DeletionDecision {
  readonly due: readonly Unit[];
  readonly held: readonly Hold[];
  /** What is to be remembered for the next cycle; who was seen again is not in it. */
  readonly missing: Readonly<Record<string, Missing>>;
}

/** A rule gives the reason to hold every deletion of this cycle; null when it has nothing against them. */
type Rule = (input: DeletionInput) => HoldReason | null;

/** In this order: the first reason stands. While one does, no observation is counted. */
const rules: readonly Rule[] = [
  ({ rules }) => (rules.mode === "upsert-only" ? "UpsertOnly" : null),
  // Before what can be approved: no approval is for files that may be anybody's.
  ({ owned }) => (owned.trusted ? null : "InventoryRebuilt"),
  // Legal, and what a formation unassigned by mistake looks like (contract 2.5). It never passes by time.
  ({ estate }) => (listsNothing(estate) ? "EmptyAnswer" : null),
];

/** True for an answer without any Application, those set aside included. */
export const listsNothing = ({ applications, setAside }: Estate): boolean =>
  applications.length + setAside.length === 0;

/** Decides for each unit. When those that are due exceed the limit, all of them are held. */
export function decideDeletions(units: readonly Unit[], input: DeletionInput): DeletionDecision {
  const against = rules.map((rule) => rule(input)).find((reason) => reason !== null);
  const keys = new Set(units.map((unit) => keyOf(unit, input.estate)));
  if (against !== undefined) {
    const held = units.map((unit): Hold => ({ ...unit, reason: against, until: null }));
    // Nothing is counted, but who was seen again is forgotten all the same.
    return {
      due: [],
      held,
      missing: Object.fromEntries(Object.entries(input.missing).filter(([key]) => keys.has(key))),
    };
  }
  const missing: Record<string, Missing> = {};
  const due: Unit[] = [];
  const held: Hold[] = [];
  for (const unit of units) {
    const patience = unit.secret === null ? input.rules : input.rules.credentials;
    // Nobody can tell whether its owner is listed, set aside or renamed: that is for a person.
    if (unit.id === "") {
      held.push({ ...unit, reason: "UnknownOwner", until: null });
      continue;
    }
    const key = keyOf(unit, input.estate);
    const seen = observe(input.missing[key], patience, input.now);
    missing[key] = seen;
    const until = dueAt(seen, patience, input.now);
    if (until === null) due.push(unit);
    else held.push({ ...unit, reason: unit.secret === null ? "MissingTooBriefly" : "CredentialsVanished", until });
  }
  const { cannotGo = () => false } = input;
  const going = due.filter((unit) => !cannotGo(unit));
  if (!isOverLimit(going, input)) return { due, held, missing };
  return { due: due.filter(cannotGo), held: [...held, ...going.map(overLimit)], missing };
}

export const overLimit = ({ name, id, secret }: Unit): Hold => ({ name, id, secret, reason: "OverLimit", until: null });

/**
 * Folders whose owner has another name now or is not listed, unless somebody else has the name; and Secrets that a listed
 * Application has no more, also where it is about to leave them behind under its old name, or was registered anew without
 * them. Those set aside count as they were.
 */
export function gatherUnits(
  { folders, estate, mode }: Pick<DeletionInput, "folders" | "estate"> & Pick<DeletionRules, "mode">,
  isLeftAlone: (name: string) => boolean,
): Unit[] {
  const wanted = new Map(estate.applications.map((application) => [application.name, application]));
  const owners = new Map(estate.applications.map((application) => [application.id, application]));
  // By name, too: who was registered anew and cannot be published is still what the files are of.
  const kept = new Set(estate.setAside.flatMap(({ id, name }) => [id, name]));
  // Of unknown owner is what an inventory that was rebuilt could not tell: the folder decides. Where nothing is ever
  // deleted, it is what a former owner left behind, and nobody's.
  const unknown = ({ id }: ApplicationModel) => (mode === "sync" ? id : null);
  return [...folders].flatMap(([name, { id, rows }]): Unit[] => {
    const owner = owners.get(id);
    if (isLeftAlone(name) || isLeftAlone(owner?.name ?? "") || kept.has(id)) return [];
    // Whose owner is listed goes with its new name, whoever else wants the old one.
    if (kept.has(name) && !wanted.has(name) && owner === undefined) return [];
    const application = wanted.get(name);
    const secretsOf = (model: ApplicationModel, own: Folder["rows"]) =>
      own
        .filter((row) => (row.id ?? unknown(model)) === model.id && isSecretPath(row.path) && isVanished(row, model))
        .map(({ path }): Unit => ({ name, id: model.id, secret: path }));
    // What it has under its new name already is its own there; what lies here then goes with the folder.
    const isMoving = owner !== undefined && owner.name !== name && folders.get(owner.name)?.id !== id;
    const moving = isMoving
      ? secretsOf(
          owner,
          rows.filter((row) => row.id === id),
        )
      : [];
    if (application === undefined) return [{ name, id, secret: null }, ...moving];
    if (id === "" || application.id === id) return secretsOf(application, rows);
    // Where nothing is ever deleted, what the former owner left behind stays anyway.
    if (owner !== undefined || mode === "upsert-only") return moving;
    return lostAnew(rows, id, application).map(({ path }) => ({ name, id, secret: path }));
  });
}

/**
 * The Secrets of an owner that is gone, when the Application that has its name now has fewer. The ids of its bundles are
 * new, too: nobody can tell which of them it lacks.
 */
function lostAnew(rows: Folder["rows"], former: string, { secrets }: ApplicationModel): Folder["rows"] {
  const own = rows.filter((row) => row.id === former && isSecretPath(row.path));
  return secrets.length < own.length ? own : [];
}

/** True when a second look at Compass shows what the first one lacked. */
export function isSeen(
  unit: Unit,
  { folders, estate }: Pick<DeletionInput, "folders" | "estate">,
  second: Estate,
): boolean {
  const { name, id, secret } = unit;
  const application = second.applications.find((each) => each.id === id);
  if (secret === null) {
    const listed = (one: Estate) => [...one.applications, ...one.setAside].find((each) => each.id === id);
    if (id === "") return [...second.applications, ...second.setAside].some((each) => each.name === name);
    const now = listed(second);
    return now !== undefined && (now.name === name || listed(estate) === undefined);
  }
  // Of one that is set aside nothing is known: that is no proof.
  if (second.setAside.some((each) => each.id === id)) return true;
  const rows = folders.get(name)?.rows ?? [];
  if (application === undefined) {
    const heir = second.applications.find((each) => each.name === name && each.id !== id);
    // Nor is it one that several claim to be.
    if (heir === undefined) return second.setAside.some((each) => each.name === name);
    return lostAnew(rows, id, heir).length === 0;
  }
  const row = rows.find(({ path }) => path === secret);
  return row !== undefined && !isVanished(row, application);
}

const DAY = 24 * 60 * 60 * 1000;

/** Of a deletion, when it counts as of: no later than now. Else one that a clock was wrong for would count for years. */
const untilNow = (record: DeletionRecord, now: Date): DeletionRecord =>
  new Date(record.at) > now ? { ...record, at: now.toISOString() } : record;

/**
 * Those of the day that ends now, the oldest first: what Git tells and what is remembered, each once. What Git dates in the
 * future, since the clock was set back, counts from when it was first met, which the memory knows.
 */
export function ofTheDay(
  inGit: readonly DeletionRecord[],
  remembered: readonly DeletionRecord[],
  now: Date,
): readonly DeletionRecord[] {
  const earliestFirst = [...inGit, ...remembered]
    .map((record) => untilNow(record, now))
    .sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  const told = new Set<string>();
  return earliestFirst.filter((record) => {
    const { serial, at } = record;
    // Without a serial nothing tells two of them apart but what they say.
    const known = serial === 0 ? JSON.stringify(Object.entries(record).sort()) : String(serial);
    const isAgain = told.has(known);
    told.add(known);
    return !isAgain && now.getTime() - Date.parse(at) < DAY;
  });
}

/** Applications and Secrets that Git holds, for the limits. */
export function committedCounts(folders: ReadonlyMap<string, Folder>): { applications: number; secrets: number } {
  const secrets = [...folders.values()].flatMap(({ rows }) => rows.filter(({ path }) => isSecretPath(path)));
  return { applications: folders.size, secrets: secrets.length };
}

/** How many of so many may go; one may always. */
export const largestDeletion = (limit: number, whole: number): number => Math.max(1, Math.floor(limit * whole));

/** By kind: of what was committed when the day began, at most the limit may go in the day; one may always. */
export function isOverLimit(
  due: readonly Unit[],
  { owned, remembered, folders, rules, now }: Pick<DeletionInput, "owned" | "remembered" | "folders" | "rules" | "now">,
): boolean {
  const records = ofTheDay(owned.deletions, remembered, now);
  const committed = committedCounts(folders);
  const exceeds = (wanted: number, spent: number, whole: number) =>
    wanted > 0 && spent + wanted > largestDeletion(rules.limit, whole);
  const sum = (pick: (record: (typeof records)[number]) => number) =>
    records.reduce((all, each) => all + pick(each), 0);
  const folderUnits = due.filter(({ secret }) => secret === null).length;
  const [first] = records;
  return (
    exceeds(
      folderUnits,
      sum((each) => each.applications),
      first?.ofApplications ?? committed.applications,
    ) ||
    exceeds(
      due.length - folderUnits,
      sum((each) => each.secrets),
      first?.ofSecrets ?? committed.secrets,
    )
  );
}

/** How the memory calls a unit. */
export const keyOf = (unit: Unit, estate: Pick<Estate, "applications">) =>
  `${unit.id}/${unit.secret ?? unit.name}${isRenamed(unit, estate) ? " renamed" : ""}`;

/**
 * True for a folder whose owner is listed under another name. Who is listed is not missing: how long an old name has
 * waited says nothing about its owner, and who lets a rename pass has not let its owner go.
 */
export const isRenamed = ({ id, secret }: Unit, { applications }: Pick<Estate, "applications">): boolean =>
  secret === null && applications.some((application) => application.id === id);
