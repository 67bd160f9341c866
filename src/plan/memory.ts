/** What the next cycle must know of this one. Pure. */

import type { Remembered } from "../base/index.js";
import type { Memory } from "../state/index.js";
import { ofTheDay } from "./deletion.js";
import type { Plan } from "./plan.js";
import { seenOf, withSeenUnderway } from "./unseen.js";

/** Deleted Applications whose return by a `git revert` is told from a new one. */
const REMEMBERED_DELETIONS = 1_000;

/** The memory as it concerns this target: what was published to another one, or held there, does not count. */
export function memoryFor(target: string, memory: Memory): Memory {
  if (memory.published.target === target) return memory;
  const published = { target, serial: 0, deletions: [], applications: {}, others: {} };
  // Before the first one there is nothing that could be of another.
  const isFirst = memory.published.target === "";
  return {
    ...memory,
    published,
    underway: null,
    reverted: {},
    applied: null,
    ...(isFirst ? {} : { missing: {}, hold: null, proposedApproval: null }),
  };
}

/** Ids of Applications that the agent deleted, by the names that they had. */
export function deletedBefore({ published }: Memory): ReadonlyMap<string, string> {
  const deleted = Object.entries(published.applications).filter(([, { tree }]) => tree === "");
  return new Map(deleted.map(([name, { id }]) => [name, id]));
}

/** What is in Git as far as the agent remembers; null where it remembers nothing. */
export function publishedBefore({ published }: Memory): Remembered | null {
  if (published.serial === 0) return null;
  const there = Object.entries(published.applications).filter(([, { tree }]) => tree !== "");
  const ids = there.map(([name, { id }]) => [name, id] as const);
  return {
    serial: published.serial,
    ids: new Map([...Object.entries(published.others), ...ids]),
    trees: new Map(there.map(([name, { tree }]) => [name, tree])),
  };
}

/** The memory of who begins anew on purpose: nothing that stood there before was taken back by anybody. */
export function begunAnew(memory: Memory): Memory {
  const published = { ...memory.published, serial: 0, applications: {}, others: {} };
  return { ...memory, published, underway: null, reverted: {} };
}

/**
 * The approval that is used up: by what was published, or, where that is proposed, once nothing is held any more that the
 * request was to let go.
 */
export function usedApprovalOf(memory: ApprovalMemory, plan: ApprovalPlan, isPublished: boolean): string | null {
  if (plan.usedApproval !== null) return isPublished ? plan.usedApproval : null;
  return plan.hold === null && !isStillHeld(memory, plan) ? memory.proposedApproval : null;
}

type ApprovalMemory = Pick<Memory, "proposedApproval" | "hold">;
type ApprovalPlan = Pick<Plan, "hold" | "usedApproval" | "held" | "isTrusted">;

/** Whether what the request is to let go is held by a cycle in which nobody could approve it, as while the inventory is rebuilt. */
function isStillHeld({ proposedApproval, hold }: ApprovalMemory, { held, isTrusted }: ApprovalPlan): boolean {
  if (proposedApproval === null || hold?.hash !== proposedApproval) return false;
  return !isTrusted || held.some(({ id, name }) => hold.units.some((unit) => unit.id === id && unit.name === name));
}

export interface LearnOptions {
  /** Digest of repository, branch and path. */
  readonly target: string;
  /** False: the plan was made and not carried out, since a person suspended everything. */
  readonly isPublished: boolean;
  /** Whether a request asks for the plan; undefined where that was not to be. @default not */
  readonly proposed?: { readonly result: string } | null;
  readonly now: Date;
}

/**
 * The memory to be kept before a commit goes out: pushed, it may be seen by the next cycle alone, which must know what it was,
 * and what a person had put back by then. `commit` is null while none is made: what is proposed may stand as it is.
 */
export function setOut(
  memory: Memory,
  plan: Plan,
  { target, commit }: { target: string; commit: string | null },
): Memory {
  const before = memoryFor(target, memory);
  const touched = new Set([...plan.created, ...plan.updated, ...plan.deleted]);
  // Where nothing is remembered, the rest of them would stay unknown.
  const isFirst = before.published.serial === 0;
  const entries = Object.entries(plan.published).filter(([name]) => isFirst || touched.has(name));
  return {
    ...before,
    published: isFirst ? before.published : seenOf(before, plan),
    reverted: plan.decision.reverted,
    underway:
      commit === null
        ? before.underway
        : {
            commit,
            serial: plan.inventory.serial,
            deletions: plan.inventory.deletions,
            applications: Object.fromEntries(entries),
            absentAt: null,
          },
  };
}

/** The memory after a cycle that reached its end. Whoever approved something meanwhile is not forgotten. */
export function learn(memory: Memory, plan: Plan, { target, isPublished, proposed = null, now }: LearnOptions): Memory {
  const { hold, usedApproval } = plan;
  const { missing, reverted } = plan.decision;
  const used = usedApprovalOf(memory, plan, isPublished);
  const valid = memory.approvals.filter(({ hash, expires }) => new Date(expires) > now && hash !== used);
  const before = memoryFor(target, memory);
  // A memory that was lost begins with what this cycle publishes, and with what the one before it is seen to have published.
  const isLost = before.published.serial === 0 && isPublished;
  const published = isLost ? withSeenUnderway(before, plan.committedSerial) : seenOf(before, plan);
  // A person who closes the request takes back what it was to let go.
  const isOver = used !== null || (proposed?.result === "unchanged" && usedApproval !== null);
  const kept = isOver ? null : memory.proposedApproval;
  const isHeldYet = isStillHeld(memory, plan);
  const proposedApproval = proposed?.result === "proposed" ? (usedApproval ?? (isHeldYet ? kept : null)) : kept;
  const seen = { ...memory, published, missing, reverted, approvals: valid, proposedApproval };
  // What was approved has not passed yet.
  if (!isPublished) return usedApproval !== null || isHeldYet ? seen : { ...seen, hold };
  const all = Object.entries({ ...published.applications, ...plan.published });
  const deleted = all.filter(([, { tree }]) => tree === "").map(([name]) => name);
  const forgotten = new Set(deleted.slice(0, Math.max(0, deleted.length - REMEMBERED_DELETIONS)));
  const applications = Object.fromEntries(all.filter(([name]) => !forgotten.has(name)));
  return {
    ...seen,
    // What was written again is put back no more.
    reverted: Object.fromEntries(Object.entries(reverted).filter(([name]) => !Object.hasOwn(plan.published, name))),
    hold,
    underway: null,
    // Never lower: what a person took back stays known as such.
    published: {
      target,
      serial: Math.max(published.serial, plan.inventory.serial),
      // As they were counted: a moment later what lies in the future would be another.
      deletions: ofTheDay(plan.inventory.deletions, published.deletions, plan.at),
      applications,
      others: plan.others,
    },
  };
}
