/** When a committed Application that Director no longer lists may go. Pure: gather, evaluate; the caller acts. */

import type { Missing } from "../state/index.js";

/** Why files stay that Director gives no reason for any more. Documented in docs/reference/reasons.md. */
export type HoldReason =
  | "UpsertOnly"
  | "EmptyAnswer"
  | "InventoryRebuilt"
  | "MissingTooBriefly"
  | "OverLimit"
  | "CredentialsVanished"
  | "Renamed";

/** How often and how long something must be missing before it may go. */
export interface Patience {
  /** Complete fetches in which it must be missing. */
  readonly observations: number;
  /** Milliseconds that these are spread over, at least. */
  readonly over: number;
}

export interface DeletionRules extends Patience {
  readonly mode: "sync" | "upsert-only";
  /** For credentials of an Application that is still there. */
  readonly credentials: Patience;
  /** Share of the committed Applications that may go in one cycle; one may always. */
  readonly limit: number;
}

/** A name in Git that its owner does not have any more. */
export interface Candidate {
  readonly name: string;
  readonly id: string;
}

export interface DeletionInput {
  readonly candidates: readonly Candidate[];
  /** Names in Git, the candidates among them. */
  readonly committed: number;
  /** Applications that Director lists. */
  readonly listed: number;
  /** False: the inventory had to be rebuilt. */
  readonly trusted: boolean;
  readonly rules: DeletionRules;
  readonly missing: Readonly<Record<string, Missing>>;
  readonly now: Date;
}

export interface Hold extends Candidate {
  readonly reason: HoldReason;
  /** When it is due at the earliest, if that only takes time. */
  readonly until: Date | null;
}

export interface DeletionDecision {
  readonly due: readonly Candidate[];
  readonly held: readonly Hold[];
  /** What is to be remembered for the next cycle; who was seen again is not in it. */
  readonly missing: Readonly<Record<string, Missing>>;
}

/** Shares that are no whole milliseconds may add up to this much less, in milliseconds. */
const ROUNDING = 1e-3;

/** A rule gives the reason to hold every deletion of this cycle; null when it has nothing against them. */
type Rule = (input: DeletionInput) => HoldReason | null;

/** In this order: the first reason stands. While one does, no observation is counted. */
const rules: readonly Rule[] = [
  ({ rules }) => (rules.mode === "upsert-only" ? "UpsertOnly" : null),
  // Legal, and what a formation unassigned by mistake looks like (contract 2.5). It never passes by time.
  ({ listed }) => (listed === 0 ? "EmptyAnswer" : null),
  ({ trusted }) => (trusted ? null : "InventoryRebuilt"),
];

/** Decides for each candidate. When those that are due exceed the limit, all of them are held. */
export function decideDeletions(input: DeletionInput): DeletionDecision {
  const { candidates, committed, rules: settings, now } = input;
  const against = rules.map((rule) => rule(input)).find((reason) => reason !== null);
  if (against !== undefined) {
    const held = candidates.map((each): Hold => ({ ...each, reason: against, until: null }));
    return { due: [], held, missing: stillMissing(input) };
  }
  const missing: Record<string, Missing> = {};
  const due: Candidate[] = [];
  const held: Hold[] = [];
  for (const candidate of candidates) {
    const seen = observe(input.missing[keyOf(candidate)], settings, now);
    missing[keyOf(candidate)] = seen;
    const until = dueAt(seen, settings, now);
    if (until === null) due.push(candidate);
    else held.push({ ...candidate, reason: "MissingTooBriefly", until });
  }
  if (due.length <= Math.max(1, Math.floor(settings.limit * committed))) return { due, held, missing };
  const over = due.map((each): Hold => ({ ...each, reason: "OverLimit", until: null }));
  return { due: [], held: [...held, ...over], missing };
}

export interface CredentialsInput extends Pick<DeletionInput, "rules" | "missing" | "trusted" | "now"> {
  /** Applications that are listed, but without credentials that Git holds for them. */
  readonly vanished: readonly Candidate[];
}

/**
 * Holds those whose credentials vanished too briefly, with all that Git has of them: Director silently gives none to who
 * lacks a scope, and for a moment while they are being replaced (contract 2.1, 7.1 D8). Without them the APIs would be
 * called unauthenticated.
 */
export function decideCredentials({ vanished, rules, missing: before, trusted, now }: CredentialsInput) {
  const missing: Record<string, Missing> = {};
  const held = vanished.flatMap((candidate): Hold[] => {
    const key = `${keyOf(candidate)} credentials`;
    const seen = trusted ? observe(before[key], rules.credentials, now) : before[key];
    if (seen !== undefined) missing[key] = seen;
    const until = seen === undefined ? now : dueAt(seen, rules.credentials, now);
    return trusted && until === null ? [] : [{ ...candidate, reason: "CredentialsVanished", until }];
  });
  return { held, missing };
}

/** Nothing is counted, but who was seen again is forgotten all the same. */
function stillMissing({ candidates, missing }: DeletionInput): Record<string, Missing> {
  const keys = new Set(candidates.map(keyOf));
  return Object.fromEntries(Object.entries(missing).filter(([key]) => keys.has(key)));
}

/** A long silence between two observations counts no more than its share, and a clock set back counts nothing. */
function observe(before: Missing | undefined, { observations, over }: Patience, now: Date): Missing {
  if (before === undefined) return { observations: 1, waited: 0, lastSeenMissing: now.toISOString() };
  const elapsed = Math.max(0, now.getTime() - Date.parse(before.lastSeenMissing));
  const share = observations > 1 ? over / (observations - 1) : over;
  return {
    observations: before.observations + 1,
    waited: before.waited + Math.min(elapsed, share),
    lastSeenMissing: now.toISOString(),
  };
}

/** Null when it is due; else when it is at the earliest. */
function dueAt({ observations, waited }: Missing, patience: Patience, now: Date): Date | null {
  if (observations >= patience.observations && waited >= patience.over - ROUNDING) return null;
  return new Date(now.getTime() + Math.max(0, patience.over - waited));
}

const keyOf = ({ id, name }: Candidate) => `${id}/${name}`;
