/** What a plan has to say beside its lists, one sentence each. */

import { forTerminal } from "../common/quote.js";
import type { Snapshot } from "../fetch/index.js";
import type { Plan } from "../plan/index.js";
import { REENCRYPTION_WORDS, reencryptionWords } from "./own-words.js";
import { named } from "./terminal.js";

export interface NotesInput {
  readonly snapshot: Snapshot;
  /** Hashes that a file in Git gives. */
  readonly approvals: readonly string[];
  /** The hash that the annotation gives. @default there is none */
  readonly annotated?: string | null;
  /** Names of Applications, by command or by a file in Git. */
  readonly suspended: readonly string[];
}

/** Paths and names that a sentence has. */
const NAMED = 5;

export function planNotes(plan: Plan, { snapshot, approvals, annotated = null, suspended }: NotesInput): string[] {
  const { overwritten, hold, usedApproval, held } = plan;
  const known = new Set(held.map(({ name }) => name));
  const notes: string[] = [];
  if (overwritten.length > 0) {
    notes.push(`somebody changed what the agent writes over: ${named(overwritten, NAMED, 200)}`);
  }
  notes.push(...reencryptionNotes(plan));
  if (snapshot.applications.length + snapshot.unreadable.length === 0) {
    const { scenarios } = snapshot.runtime.labels;
    const isAssigned = Array.isArray(scenarios) && scenarios.length > 0;
    notes.push(
      isAssigned
        ? "EmptyAnswer: Compass lists no Applications, though the runtime is in a formation; look there for what is assigned to it"
        : "NoFormation: Compass lists no Applications, since the runtime is in no formation; assign it to one in Compass",
    );
  }
  const hash = hold?.hash ?? usedApproval;
  const nobody = suspended.filter((name) => !known.has(name));
  if (nobody.length > 0) {
    const names = nobody
      .slice(0, NAMED)
      .map((name) => forTerminal(name, 63))
      .join(", ");
    notes.push(`suspended by name, but neither in Compass nor in Git: ${names}`);
  }
  const given = [
    [".runtime-agent/approve", approvals.find((each) => each !== hash)],
    ["the annotation runtime-agent.kyma-project.io/approve", annotated === hash ? null : annotated],
  ] as const;
  for (const [by, stale] of given) {
    if (stale == null) continue;
    const named = `${by} names ${forTerminal(stale, 64)}`;
    notes.push(hash === null ? `${named}, but nothing is held` : `${named}, but what is held is ${hash}`);
  }
  return notes;
}

function reencryptionNotes({ reencryption }: Plan): string[] {
  if (reencryption === null) return [];
  const { done, waiting, unable, how } = reencryption;
  const under = done.length + waiting.length;
  const progress = reencryptionWords(REENCRYPTION_WORDS[how ?? "Configured"], done.length, waiting.length);
  const [unknown, edited] = [undefined, true].map((wanted) =>
    unable.filter((each) => each.edited === wanted).map(({ name, secret }) => `${name}/${secret}`),
  ) as [string[], string[]];
  return [
    ...(under > 0 ? [progress] : []),
    ...(unknown.length > 0
      ? [
          `NotReencrypted: ${unknown.length} Secrets are not known to be sealed for the recipients configured, and their values are not known, so former recipients may still open them, or everybody where they were written as mode plain writes them: ${named(unknown, NAMED, 200)}`,
        ]
      : []),
    ...(edited.length > 0
      ? [
          `NotReencrypted: ${edited.length} Secrets stand as somebody changed them, so the agent cannot tell whom they are sealed for, and former recipients may still open them: ${named(edited, NAMED, 200)}`,
        ]
      : []),
  ];
}

/** From here on a clock that is wrong is told, in milliseconds. */
const TOLERATED_SKEW = 5_000;

/** `39 s behind`, by how far Compass's clock is ahead of ours, in milliseconds; null when that is little or not known. */
export function wrongClock(skew: number | null): string | null {
  if (skew === null || Math.abs(skew) <= TOLERATED_SKEW) return null;
  return `${Math.round(Math.abs(skew) / 1000)} s ${skew > 0 ? "behind" : "ahead of"}`;
}
