/** What may go, what has to stay and what is left alone: decided before anything is rendered, since it shows in that. Pure. */

import {
  applicationOf,
  type Base,
  type Drift,
  type Folder,
  type Instructions,
  type InventoryFile,
  type Ownership,
} from "../base/index.js";
import { type ApplicationModel, type Estate, withReferences } from "../model/index.js";
import type { Memory, Missing, Reverted } from "../state/index.js";
import { type ApprovalState, approvalOf } from "./approval.js";
import {
  type DeletionDecision,
  type DeletionRules,
  decideDeletions,
  gatherUnits,
  isOverLimit,
  isRenamed,
  isSeen,
  keyOf,
  listsNothing,
  overLimit,
  type Unit,
} from "./deletion.js";
import { type DestinationChange, destinationChanges } from "./destination.js";
import { findStanding } from "./standing.js";
import { waitingOnes } from "./waiting.js";

/** Why files stay that Compass gives no reason for any more, or are not written. Documented in docs/reference/reasons.md. */
export type HoldReason =
  | "UpsertOnly"
  | "EmptyAnswer"
  | "InventoryRebuilt"
  | "UnknownOwner"
  | "MissingTooBriefly"
  | "OverLimit"
  | "CredentialsVanished"
  | "SeenAgain"
  | "Renamed"
  | "Suspended"
  | "ReconcileDisabled"
  | "Drifted"
  | "Reverted"
  | "DestinationChanged";

export interface Hold extends Unit {
  readonly reason: HoldReason;
  /** When it is due at the earliest, if that only takes time. */
  readonly until: Date | null;
}

export interface DueUnit extends Unit {
  /** An approval lets it pass: it counts for no limit. */
  readonly isApproved: boolean;
}

export interface DecisionInput {
  readonly base: Pick<Base, "listing" | "obstacles" | "tip">;
  readonly owned: Ownership;
  readonly folders: ReadonlyMap<string, Folder>;
  readonly drift: Drift;
  readonly instructions: Instructions;
  readonly estate: Estate;
  /** What a second, complete look at Compass showed; null before it. */
  readonly second: Estate | null;
  readonly runtimeID: string;
  readonly settings: {
    readonly deletion: DeletionRules;
    readonly drift: "overwrite" | "preserve" | "fail";
    readonly reverted: "hold" | "overwrite";
    readonly destinationChange: "report" | "hold";
  };
  readonly memory: Pick<
    Memory,
    "missing" | "hold" | "approvals" | "proposedApproval" | "suspended" | "published" | "reverted"
  >;
  /** Random; of a set that is held for the first time. */
  readonly nonce: string;
  readonly now: Date;
}

export interface Decision {
  /** What is to be rendered: what is not left alone, with the references to Secrets that stay. */
  readonly estate: Estate;
  /** May go, if nothing of this cycle needs it. */
  readonly due: readonly DueUnit[];
  readonly held: readonly Hold[];
  /** Names that are neither written nor deleted. */
  readonly leftAlone: ReadonlySet<string>;
  /** Ids of all that Compass lists. */
  readonly listed: ReadonlySet<string>;
  /** Listed Applications that are not rendered: their ids. */
  readonly frozen: ReadonlySet<string>;
  /** Ids of owners that keep their folder though somebody else has the name. */
  readonly keeping: ReadonlySet<string>;
  /** Paths of Secrets that stay although their Application has them no more. */
  readonly stayingSecrets: ReadonlySet<string>;
  readonly destinationChanges: readonly DestinationChange[];
  /** True when something would be deleted or taken over that one look at Compass lacked: a second one must lack it, too. */
  readonly needsSecondLook: boolean;
  /** Of what is held and may be approved; null when there is nothing. */
  readonly approval: ApprovalState | null;
  /** What an approval lets pass; whether it does, the plan knows. */
  readonly passing: readonly Hold[];
  /** A second look contradicts the approval that was given. */
  readonly isRefuted: boolean;
  /** For the memory. */
  readonly missing: Readonly<Record<string, Missing>>;
  readonly reverted: Readonly<Record<string, Reverted>>;
}

/** Holds that a person can let pass at once. */
const APPROVABLE: ReadonlySet<HoldReason> = new Set([
  "EmptyAnswer",
  "UnknownOwner",
  "MissingTooBriefly",
  "OverLimit",
  "CredentialsVanished",
  "DestinationChanged",
]);

/** Throws `Drifted` where the configuration wants that. */
export function decide(input: DecisionInput): Decision {
  const { estate, folders, second, memory, instructions, settings, runtimeID, nonce, now } = input;
  const { reasons, reverted } = findStanding(input);
  const isLeftAlone = (name: string) => reasons.has(name);

  const units = gatherUnits({ ...input, mode: settings.deletion.mode }, isLeftAlone);
  const rules = { ...input, remembered: memory.published.deletions, rules: settings.deletion, missing: memory.missing };
  const waits = waitsAnyway(input, units, isLeftAlone);
  const whileStaying = (waiting: readonly Unit[]) => {
    const changes = destinationChanges(estate, folders, new Set(waiting.flatMap(({ secret }) => secret ?? [])));
    const isHeld = ({ name }: DestinationChange) => settings.destinationChange === "hold" && !reasons.has(name);
    return { changes, redirected: Map.groupBy(changes.filter(isHeld), ({ name }) => name) };
  };
  const redirectedBy = ({ held, due }: DeletionDecision, others: readonly Unit[] = []) =>
    whileStaying([...held, ...others, ...(isContradictedBy(due) ? due : [])]);
  const shown = (each: readonly Unit[]) => (second === null ? [] : each.filter((unit) => isSeen(unit, input, second)));
  // A look that lists nothing, after one that did not, shows nobody and proves nobody gone: it is an outage, or a slip.
  const isBlank = second !== null && listsNothing(second) && !listsNothing(estate);
  const unproven = (each: readonly Unit[]) => (isBlank ? each : shown(each));
  const isContradictedBy = (due: readonly Unit[]) => unproven([...due, ...takenOver(input, isLeftAlone)]).length > 0;

  // Nothing goes of an Application whose destination is held, so that it takes no room within the limit from others.
  const first = decideDeletions(units, { ...rules, cannotGo: waits });
  const held = new Set([...redirectedBy(first).redirected.values()].flat().map(({ id }) => id));
  const decided = decideDeletions(units, { ...rules, cannotGo: (unit) => waits(unit) || held.has(unit.id) });
  // What it keeps because of the limit goes on being sent: that it counts for none now makes no room for it.
  const { changes, redirected } = redirectedBy(
    decided,
    first.held.filter(({ id }) => held.has(id)),
  );
  const holds = [...decided.held, ...redirections(redirected)];

  const approvable = holds.filter(({ reason }) => APPROVABLE.has(reason));
  const approval = approvalOf({
    runtimeID,
    units: approvable.map((unit) => ({ ...unit, detail: detailOf(unit, redirected, estate) })),
    memory,
    given: instructions.approvals,
    nonce,
    now,
  });
  // An approval is for the whole set: while a blank look keeps what was to go, nothing else of it passes.
  const mayPass = ({ reason }: Hold) => !isBlank || reason !== "DestinationChanged";
  const passing = approval?.isApproved ? approvable.filter(mayPass) : [];
  const stays = holds.filter((hold) => !passing.includes(hold));
  const left = new Map(reasons);
  for (const { name, reason } of stays) if (reason === "DestinationChanged") left.set(name, reason);
  const frozen = new Set(estate.applications.filter(({ name }) => left.has(name)).map(({ id }) => id));

  const approved = passing.filter(({ reason }) => reason !== "DestinationChanged");
  // Nothing goes of an Application that is not written: it waits with what it has.
  const mayGo = [...decided.due.map(dueUnit(false)), ...approved.map(dueUnit(true))].filter(
    ({ id }) => !frozen.has(id),
  );
  // What a destination kept back until it was approved had no part in the limit yet.
  const own = mayGo.filter((unit) => !unit.isApproved && !waits(unit));
  const late = isOverLimit(own, rules) ? own.filter(({ id }) => held.has(id)) : [];
  const due = mayGo.filter((unit) => !late.includes(unit));
  const takeovers = takenOver(input, (name) => left.has(name));
  const seen = unproven([...due, ...takeovers]);
  // A look that shows one of them is no proof for the others either: all of them wait for the next cycle.
  const seenAgain =
    seen.length === 0
      ? []
      : due.map(({ name, id, secret }): Hold => ({ name, id, secret, reason: "SeenAgain", until: null }));
  const keeping = new Set(takeovers.filter((unit) => !input.owned.trusted || seen.includes(unit)).map(({ id }) => id));
  // What was approved and is seen again makes what was due stay as well: only now is it known what goes on being sent.
  const last = seenAgain.length === 0 ? { changes, redirected } : whileStaying([...stays, ...seenAgain]);
  const isAllowed = ({ name, bundle, to }: DestinationChange) =>
    left.has(name) ||
    redirected.get(name)?.some((known) => known.bundle === bundle && to.every((host) => known.to.includes(host))) ===
      true;
  const further = new Map([...last.redirected].filter(([, each]) => !each.every(isAllowed)));
  for (const [name, [change]] of further) {
    left.set(name, "DestinationChanged");
    if (change !== undefined) frozen.add(change.id);
  }
  const staying = [...stays, ...redirections(further), ...late.map(overLimit), ...seenAgain];

  const stayingSecrets = new Set(staying.flatMap(({ secret }) => secret ?? []));
  const rows = [...folders.values()].flatMap((folder) => folder.rows);
  const missing = { ...decided.missing };
  // Who is seen begins anew, also where nothing was due yet.
  for (const unit of shown(units)) delete missing[keyOf(unit, estate)];

  return {
    estate: rendered(
      estate,
      left,
      rows.filter(({ path }) => stayingSecrets.has(path)),
    ),
    due: seen.length === 0 ? due : [],
    held: [...staying, ...standing(reasons, estate, folders), ...oldNames(left, estate, folders)],
    leftAlone: new Set(left.keys()),
    listed: new Set([...estate.applications, ...estate.setAside].map(({ id }) => id)),
    frozen,
    keeping,
    stayingSecrets,
    destinationChanges: last.changes,
    needsSecondLook: second === null && due.length + takeovers.length > 0,
    approval,
    passing,
    // What the second look showed was not what was approved: it needs another approval, if it is held again.
    isRefuted: !isBlank && seen.some((unit) => passing.some(isSameUnit(unit))),
    missing,
    reverted,
  };
}

const redirections = (redirected: ReadonlyMap<string, readonly DestinationChange[]>): Hold[] =>
  [...redirected.values()]
    .flatMap(([change]) => change ?? [])
    .map(({ name, id }): Hold => ({ name, id, secret: null, reason: "DestinationChanged", until: null }));

/** True for a unit whose owner waits for a new name that is not free: it stays, whatever the limit. */
function waitsAnyway(
  { estate, folders }: DecisionInput,
  units: readonly Unit[],
  isLeftAlone: (name: string) => boolean,
): (unit: Unit) => boolean {
  const [free, left] = [false, true].map((is) => estate.applications.filter(({ name }) => isLeftAlone(name) === is));
  const wanted = new Map((free ?? []).map((application) => [application.name, { application }]));
  const kept = new Set([...estate.setAside, ...(left ?? [])].map(({ id }) => id));
  const mayBeLeft = new Set(units.filter(({ secret }) => secret === null).map(({ name }) => name));
  const waiting = waitingOnes({ wanted, folders, kept, mayBeLeft, already: new Set() });
  return ({ id }) => waiting.has(id);
}

const isSameUnit = (unit: Unit) => (other: Unit) =>
  unit.id === other.id && unit.name === other.name && unit.secret === other.secret;

/**
 * What else an approval is bound to: of new destinations every host that is new, by the bundle whose credentials go there;
 * of an old name that its owner is listed under another one.
 */
function detailOf(hold: Hold, redirected: ReadonlyMap<string, readonly DestinationChange[]>, estate: Estate): string {
  if (hold.reason !== "DestinationChanged") return isRenamed(hold, estate) ? "renamed" : "";
  return JSON.stringify(redirected.get(hold.name)?.map(({ bundle, to }) => [bundle, to]) ?? []);
}

const dueUnit =
  (isApproved: boolean) =>
  ({ name, id, secret }: Unit): DueUnit => ({ name, id, secret, isApproved });

/** Folders whose owner is not listed, while somebody else has the name: an update, if the owner is really gone. */
function takenOver({ estate, folders }: DecisionInput, isLeftAlone: (name: string) => boolean): Unit[] {
  const listed = new Set([...estate.applications, ...estate.setAside].map(({ id }) => id));
  return estate.applications.flatMap(({ name, id }): Unit[] => {
    const owner = folders.get(name)?.id ?? "";
    // Of unknown owner is what a person left half finished: the name decides.
    if (owner === "" || owner === id || listed.has(owner) || isLeftAlone(name)) return [];
    return [{ name, id: owner, secret: null }];
  });
}

/** Those that a person wants left alone, as far as there is anything to leave alone. */
function standing(
  reasons: ReadonlyMap<string, HoldReason>,
  estate: Estate,
  folders: ReadonlyMap<string, Folder>,
): Hold[] {
  const listed = new Map(estate.applications.map(({ name, id }) => [name, id]));
  return [...reasons].flatMap(([name, reason]): Hold[] => {
    const id = listed.get(name) ?? folders.get(name)?.id;
    return id === undefined ? [] : [{ name, id, secret: null, reason, until: null }];
  });
}

/** Folders whose owner has another name now, which is left alone: it waits, and so does its old name. */
function oldNames(left: ReadonlyMap<string, HoldReason>, estate: Estate, folders: ReadonlyMap<string, Folder>): Hold[] {
  const names = new Map(estate.applications.map(({ id, name }) => [id, name]));
  const wanted = new Set(names.values());
  return [...folders].flatMap(([name, { id }]): Hold[] => {
    const reason = left.get(names.get(id) ?? "");
    if (reason === undefined || names.get(id) === name || left.has(name) || wanted.has(name)) return [];
    return [{ name, id, secret: null, reason, until: null }];
  });
}

function rendered(estate: Estate, left: ReadonlyMap<string, HoldReason>, staying: readonly InventoryFile[]): Estate {
  // Of unknown owner is what an inventory that was rebuilt could not tell: the folder decides, and the bundle.
  const isOf = ({ id, path, reference }: InventoryFile, { id: own, name, services }: ApplicationModel) =>
    id === null ? applicationOf(path) === name && services.some((each) => each.id === reference?.bundle) : id === own;
  const applications = estate.applications
    .filter(({ name }) => !left.has(name))
    .map((model) =>
      withReferences(
        model,
        staying.filter((row) => isOf(row, model)),
      ),
    );
  return { ...estate, applications };
}
