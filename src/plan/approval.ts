/** What a person approves: exactly one held set, once. Pure. */

import { sha256 } from "../common/sha256.js";
import type { Approval, HeldSet, HeldUnit } from "../state/index.js";

export interface ApprovalInput {
  readonly runtimeID: string;
  readonly units: readonly ApprovableUnit[];
  readonly memory: {
    readonly hold: HeldSet | null;
    readonly approvals: readonly Approval[];
    readonly proposedApproval?: string | null;
  };
  /** Hashes given by a file in Git. */
  readonly given: readonly string[];
  /** Random; used when the set is a new one. */
  readonly nonce: string;
  readonly now: Date;
}

export interface ApprovableUnit extends HeldUnit {
  /** What else the approval is bound to, such as new destinations. */
  readonly detail: string;
}

export interface ApprovalState {
  readonly hold: HeldSet;
  readonly isApproved: boolean;
  /** When an approval that was given ends; null for none, and for one without an end. */
  readonly expires: string | null;
}

/**
 * Gives the hash over runtime, set and nonce, and whether it is approved; null when nothing is held. The nonce is that of
 * this hold: another set, or the same set held again later, needs another approval.
 */
export function approvalOf({ runtimeID, units, memory, given, nonce, now }: ApprovalInput): ApprovalState | null {
  if (units.length === 0) return null;
  const lines = units.map(({ id, name, secret, detail }) => JSON.stringify([id, name, secret, detail])).sort();
  const set = digest([runtimeID, ...lines]);
  const known = memory.hold?.set === set ? memory.hold : null;
  const used = known?.nonce ?? nonce;
  const hold: HeldSet = {
    set,
    nonce: used,
    hash: digest([set, used]),
    since: known?.since ?? now.toISOString(),
    units: units.map(({ name, id, secret }) => ({ name, id, secret })),
  };
  const approval = memory.approvals.find(({ hash, expires }) => hash === hold.hash && new Date(expires) > now);
  // What a person let into a request is not taken out of it while it is being reviewed.
  const isProposed = memory.proposedApproval === hold.hash;
  const isApproved = approval !== undefined || isProposed || given.includes(hold.hash);
  return { hold, isApproved, expires: isProposed ? null : (approval?.expires ?? null) };
}

const digest = (parts: readonly string[]) => sha256(JSON.stringify(parts)).slice(0, 32);
