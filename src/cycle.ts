/** One reconciliation, from the first question to what is told of it. */

import { randomUUID } from "node:crypto";
import { type Watched, watchApplied } from "./applied-report.js";
import { cycleWork, NOTHING_ASKED, openClusterReport } from "./cluster-report.js";
import { asFailure, Failure, type Stage } from "./common/failure.js";
import { createStopwatch } from "./common/stopwatch.js";
import { configurationNotes } from "./config/index.js";
import { inspectIdentity } from "./connect/index.js";
import { type CycleOptions, type CycleResult, nothingUsed, type Reached } from "./cycle-options.js";
import type { Snapshot } from "./fetch/index.js";
import { requireHost } from "./git-host.js";
import { noContacts } from "./identity-client.js";
import { type Maintenance, maintainIdentity } from "./maintain.js";
import { openDirector } from "./open-director.js";
import { reconcile } from "./reconcile.js";
import { remember } from "./remember.js";
import {
  appliedTarget,
  buildOutcome,
  isWaitingForPeople,
  type KeptCounter,
  type ObservedCycle,
  type Outcome,
  wrongClock,
} from "./report/index.js";
import type { ToldLabels } from "./runtime-labels.js";
import { openState, settingMissing } from "./setup.js";
import type { State } from "./state/index.js";

/** Runs one cycle. Does not throw for what is a failure of the cycle: it is in the outcome. */
export async function runCycle(given: CycleOptions): Promise<CycleResult> {
  const requestID = given.config.runtime.id === null ? randomUUID() : `${given.config.runtime.id}_${randomUUID()}`;
  // One id for all that a cycle says, here and in Compass's logs.
  const options = { ...given, requestID, log: given.log.with({ cycle: requestID }) };
  const { config, clock, log, planOnly = false } = options;
  const watch = createStopwatch(clock);
  const used = nothingUsed();
  const notes = configurationNotes(config);
  const lasting = [...notes];
  let stop: (() => Promise<void>) | null = null;
  let state: State | null = null;
  let reached: Reached | null = null;
  let failure: Failure | null = null;
  let maintained: Maintenance | null = null;
  let labels: ToldLabels | null = null;
  const contacts = noContacts();
  let asked = NOTHING_ASKED;
  const cluster = openClusterReport(options);
  try {
    state = openState(config, options.env, options.end);
    if (!planOnly) {
      await cluster?.refuseBesideGoAgent();
      stop = await state.lock();
    }
    const wrong = await whatStopsIt(options, async () => {
      asked = (await cluster?.asked()) ?? NOTHING_ASKED;
    });
    // Over a recording nothing is asked of Compass: neither would a renewal be.
    const isMaintained = !planOnly && options.snapshot === undefined;
    // A renewal that is missed cannot be made up for: it does not wait for a setting to be mended. A first token does.
    if (wrong !== null && !(isMaintained && (await hasIdentity(state)))) throw wrong.thrown;
    if (isMaintained) {
      const takeRenewalRequest = cluster?.takeRefresh;
      const requested = takeRenewalRequest === undefined ? {} : { takeRenewalRequest };
      const maintaining = { ...options, ...requested, state, contacts, mayPairAnew: asked.isDeleted };
      maintained = await watch.time("connect", () => maintainIdentity(maintaining));
      lasting.push(...maintained.notes);
      notes.push(...maintained.notes);
    }
    if (wrong !== null) throw wrong.thrown;
    reached = await reconcile({ ...options, state, watch, used, notes, lasting, asked });
    labels = await reached.tellLabels();
    notes.push(...labels.notes);
    failure = labels.failure;
  } catch (thrown) {
    failure = options.signal.aborted ? stopped(options.signal, watch.stage) : asFailure(thrown, watch.stage);
    log.debug("cycle failed", { stage: failure.stage, code: failure.code, cause: failure.cause });
  }
  const { session } = used;
  // Also of a cycle that ended where the identity is looked after: a wrong clock may be why.
  used.connector += contacts.requests;
  const clockSkew = session?.client.clockSkew ?? contacts.clockSkew;
  const wrong = wrongClock(clockSkew);
  if (wrong !== null) notes.push(`the clock of this machine is ${wrong} Compass's: check it`);
  const outcomeWith = (watched: Watched) =>
    buildOutcome({
      result: resultOf(reached, planOnly),
      runtime: config.runtime.id,
      plan: reached?.plan ?? null,
      commit: reached?.commit ?? null,
      pullRequest: reached?.proposed?.pullRequest ?? null,
      ...(reached?.proposed == null ? {} : { isOnTarget: reached.isOnTarget }),
      // A plan keeps nothing: a hash that it makes up could not be approved.
      approval: planOnly && reached?.isNewHold !== false ? null : (reached?.plan.approval ?? null),
      suspended: reached?.isSuspended ?? false,
      labels: labels?.states ?? {},
      requests: { director: used.session?.client.requests ?? 0, connector: used.connector, git: used.git },
      durations: watch.durations(),
      notes: [...notes, ...watched.notes],
      failure,
      applied: watched.applied,
      tell: used.tell,
    });
  // Killed while it waits, the agent knows what it published.
  const ended = outcomeWith(UNWATCHED);
  const keeping = { state, reached, session, clockSkew, clock, log, labels: labels?.set ?? {} };
  if (options.wait !== undefined && reached !== null && state !== null && stop !== null)
    await remember({ ...keeping, state, outcome: ended });
  const watched = await watchTarget(options, reached, ended);
  const outcome = outcomeWith(watched);
  const facts = {
    cycle: requestID,
    // What a session was opened with need not be read again.
    notAfter: session?.certificate.notAfter ?? (state === null ? null : await notAfterOf(state)),
    renewal: renewalOf(maintained),
    clockSkew,
    pushRetries: used.pushRetries,
    director: used.director,
    isLeader: stop !== null,
  };
  // Side by side: an agent that was stopped has little time for both.
  const closing: Promise<void>[] = [];
  if (state !== null && stop !== null) {
    const count = async (kept: readonly KeptCounter[]) =>
      given.count?.(kept, { ...facts, outcome, finishedAt: clock.now() }) ?? kept;
    closing.push(remember({ ...keeping, state, outcome, count }));
  }
  if (state !== null && !planOnly && !isUntold(outcome.failure?.code)) {
    const usedApproval = reached === null || reached.isSuspended ? null : reached.usedApproval;
    const told = cluster?.tell(cycleWork({ state, asked, outcome, maintained, usedApproval }));
    if (told !== undefined) closing.push(told);
  }
  await Promise.all(closing);
  await used.session?.client.close();
  await used.sealing?.close();
  await stop?.();
  return { outcome, changes: reached?.changes ?? [], failure, unwatched: watched.failure, facts };
}

/** What ends the cycle, whatever Compass says: a setting, or a CompassConnection that cannot be read. */
async function whatStopsIt(
  { config, unresolved = null }: CycleOptions,
  ask: () => Promise<void>,
): Promise<{ readonly thrown: unknown } | null> {
  try {
    requireHost(config);
    await ask();
    return unresolved === null ? null : { thrown: unresolved };
  } catch (thrown) {
    return { thrown };
  }
}

/** One in use, or on its way. */
const hasIdentity = async (state: State): Promise<boolean> =>
  (await state.identity()) !== null || (await state.pending()) !== null;

const UNWATCHED: Watched = { applied: null, failure: null, notes: [] };

/** What is on the target branch after the cycle, seen in the cluster; a plan and a cycle that failed ask nobody. */
async function watchTarget(
  options: CycleOptions,
  reached: Reached | null,
  { result, digest }: Outcome,
): Promise<Watched> {
  if (reached === null || digest.target === null || options.planOnly === true) return UNWATCHED;
  const { plan, deleted, unappliedSince } = reached;
  // What is only planned or proposed is not there to be applied.
  const files = digest.target === plan.digest ? plan.files : plan.committedFiles;
  const target = appliedTarget(digest.target, files, deleted);
  // Nobody can tell how long a review takes: one look, at what was there before.
  const wait = isWaitingForPeople({ result }) ? undefined : options.wait;
  return watchApplied({ ...options, wait, target, isFresh: result === "published", since: unappliedSince });
}

/** Of the certificate in use; null where there is none, or none that can be read. */
async function notAfterOf(state: State): Promise<Date | null> {
  const identity = await state.identity().catch(() => null);
  return identity === null ? null : (inspectIdentity(identity).usable?.dates.notAfter ?? null);
}

function renewalOf(maintained: Maintenance | null): ObservedCycle["renewal"] {
  if (maintained?.done === "renewal") return "succeeded";
  return maintained?.failed.some(({ work }) => work === "renewal") ? "failed" : null;
}

/** Of a cycle that was stopped nothing is known; one that met another agent is that one's to tell. */
const isUntold = (code: string | undefined) =>
  code === "Aborted" || code === "StateLocked" || code === "GoAgentRunning";

function resultOf(reached: Reached | null, planOnly: boolean): Outcome["result"] {
  if (reached === null) return "failed";
  if (planOnly || reached.isSuspended) return "planned";
  if (reached.proposed !== null) return reached.proposed.result;
  return reached.commit === null ? "unchanged" : "published";
}

/** Whatever broke when the cycle was told to stop, this is what the user wants to know. */
function stopped(signal: AbortSignal, stage: Stage): Failure {
  const late = signal.reason instanceof DOMException && signal.reason.name === "TimeoutError";
  return new Failure(late ? "the cycle took longer than --timeout" : "the cycle was stopped by a signal", {
    code: late ? "TimedOut" : "Aborted",
    stage,
    retryable: late,
    hint: "Nothing is half done: the next cycle goes on from what Git holds.",
  });
}

/** Stages connect and fetch alone, for `snapshot`. Throws a `Failure`. */
export async function recordSnapshot(options: CycleOptions): Promise<Snapshot> {
  if (options.config.runtime.id === null) throw settingMissing("runtime.id", "the runtime's id in Compass");
  const used = nothingUsed();
  const watch = createStopwatch(options.clock);
  try {
    const compass = await openDirector({
      ...options,
      state: openState(options.config, options.env, options.end ?? options.signal),
      watch,
      used,
      notes: [],
      lasting: [],
      asked: NOTHING_ASKED,
    });
    return await compass.look();
  } finally {
    await used.session?.client.close();
  }
}

export type { CycleOptions, CycleResult } from "./cycle-options.js";
