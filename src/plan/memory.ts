/** What the next cycle must know of this one. Pure. */

import type { Remembered } from "../base/index.js";
import type { Memory } from "../state/index.js";
import { ofTheDay } from "./deletion.js";
import type { Plan } from "./plan.js";

/** Deleted Applications whose return by a `git revert` is told from a new one. */
const REMEMBERED_DELETIONS = 1_000;

/** The memory as it concerns this target: what was published to another one, or held there, does not count. */
export function memoryFor(target: string, memory: Memory): Memory {
  if (memory.published.target === target) return memory;
  const published = { target, serial: 0, deletions: [], applications: {}, others: {} };
  // Before the first one there is nothing that could be of another.
  const isFirst = memory.published.target === "";
  return { ...memory, published, reverted: {}, applied: null, ...(isFirst ? {} : { missing: {}, hold: null }) };
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

export interface LearnOptions {
  /** Digest of repository, branch and path. */
  readonly target: string;
  /** False: the plan was made and not carried out, since a person suspended everything. */
  readonly isPublished: boolean;
  readonly now: Date;
}

/** The memory after a cycle that reached its end. Whoever approved something meanwhile is not forgotten. */
export function learn(memory: Memory, plan: Plan, { target, isPublished, now }: LearnOptions): Memory {
  const { hold, usedApproval } = plan;
  const { missing, reverted } = plan.decision;
  const valid = memory.approvals.filter(({ expires }) => new Date(expires) > now);
  const { published } = memoryFor(target, memory);
  const seen = { ...memory, published, missing, reverted, approvals: valid };
  // What was approved has not passed yet.
  if (!isPublished) return usedApproval === null ? { ...seen, hold } : seen;
  const all = Object.entries({ ...published.applications, ...plan.published });
  const deleted = all.filter(([, { tree }]) => tree === "").map(([name]) => name);
  const forgotten = new Set(deleted.slice(0, Math.max(0, deleted.length - REMEMBERED_DELETIONS)));
  const applications = Object.fromEntries(all.filter(([name]) => !forgotten.has(name)));
  return {
    ...seen,
    // What was written again is put back no more.
    reverted: Object.fromEntries(Object.entries(reverted).filter(([name]) => !Object.hasOwn(plan.published, name))),
    hold,
    approvals: valid.filter(({ hash }) => hash !== usedApproval),
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
