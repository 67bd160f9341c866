import { isDeepStrictEqual } from "node:util";
import type { Clock } from "./common/clock.js";
import { asFailure, type FailureCode } from "./common/failure.js";
import type { Logger } from "./common/logger.js";
import { anotherFailure, type Session } from "./connect/index.js";
import type { Reached } from "./cycle-options.js";
import { learn } from "./plan/index.js";
import { type Applied, appliedOf, type KeptCounter, notAppliedText, type Outcome } from "./report/index.js";
import type { ToldLabels } from "./runtime-labels.js";
import type { AppliedMemory, Memory, State } from "./state/index.js";

/** Keeps what must be known before a commit goes out. A failure here is logged: without it the next cycle tells less from Git. */
export async function rememberBefore(
  { state, log }: { readonly state: State; readonly log: Logger },
  change: (memory: Memory) => Memory,
): Promise<void> {
  try {
    const memory = await state.memory();
    const next = change(memory);
    if (!isDeepStrictEqual(memory, next)) await state.saveMemory(next);
  } catch (thrown) {
    log.warn("what is under way could not be kept", { code: asFailure(thrown, "publish").code });
  }
}

/** Keeps what the next cycle and `status` need. A failure here is logged: what was published is published. */
export async function remember({
  state,
  outcome,
  reached,
  session,
  clockSkew,
  clock,
  log,
  labels,
  count,
}: {
  readonly state: State;
  readonly outcome: Outcome;
  readonly reached: Reached | null;
  readonly session: Session | null;
  /** As the cycle saw it; null when it did not. */
  readonly clockSkew: number | null;
  readonly clock: Clock;
  readonly log: Logger;
  readonly labels: ToldLabels["set"];
  readonly count?: (kept: readonly KeptCounter[]) => Promise<readonly KeptCounter[]>;
}): Promise<void> {
  const { applications, commit, digest, failure, result } = outcome;
  const applied = appliedOf(outcome);
  const now = clock.now();
  try {
    // Read again: a person may have approved something meanwhile.
    const memory = await state.memory();
    await state.saveMemory({
      ...memory,
      ...(reached === null ? {} : learn(memory, reached.plan, { ...reached, isPublished: reached.isOnTarget, now })),
      ...(reached === null ? {} : { seen: reached.seen }),
      certificate: { ...memory.certificate, ...contactOf(memory, outcome, { session, clockSkew, now }) },
      labels: { ...memory.labels, ...labels },
      counters: (await count?.(memory.counters)) ?? memory.counters,
      ...(applied === null ? {} : { applied: rememberedOf(applied) }),
      lastCycle: {
        finishedAt: now.toISOString(),
        result,
        commit: commit?.id ?? null,
        digest: digest.target,
        failure: failure?.code ?? null,
        applications: {
          total: applications.total,
          held: applications.held.length,
          setAside: applications.setAside.length,
          degraded: applications.degraded.length,
        },
      },
    });
  } catch (thrown) {
    log.warn("the memory of this cycle could not be kept", { code: asFailure(thrown, "report").code });
  }
}

/** Names of Applications that the memory holds. */
const REMEMBERED_NAMES = 100;

function rememberedOf(applied: Applied): AppliedMemory {
  const { at, since, revision, missing } = applied;
  const obstacle = notAppliedText(applied) || null;
  return { at, since, revision, missing: missing.slice(0, REMEMBERED_NAMES), obstacle };
}

/** No Director answered at its address: an outage, or it is elsewhere by now. */
const UNREACHED: ReadonlySet<string> = new Set<FailureCode>([
  "NetworkUnreachable",
  "TlsUntrusted",
  "TimedOut",
  "ServerError",
  "Redirected",
  "AnswerMalformed",
]);

/** What the cycle showed of the certificate: taken by Director, or refused, which may be a passing fault (contract 12.2). */
function contactOf(
  { certificate }: Memory,
  { failure }: Outcome,
  { session, clockSkew: seen, now }: { session: Session | null; clockSkew: number | null; now: Date },
) {
  const clockSkew = seen ?? certificate.clockSkew;
  if (failure?.code === "CredentialsRejected" && failure.stage === "fetch") {
    return { clockSkew, rejected: anotherFailure(certificate.rejected, failure.code, now) };
  }
  if (failure?.stage === "fetch" && UNREACHED.has(failure.code)) {
    return { clockSkew, unreached: anotherFailure(certificate.unreached, failure.code, now) };
  }
  const isTaken = session !== null && session.client.requests > 0 && failure?.stage !== "fetch";
  return isTaken ? { clockSkew, rejected: null, unreached: null, lastContact: now.toISOString() } : { clockSkew };
}
