/** One reconciliation: the stages as a short list, and what happens between them. */

import { randomBytes } from "node:crypto";
import type { Repository } from "./adapters/git/index.js";
import { type Base, folderBase, openBase, ownedFiles } from "./base/index.js";
import type { Clock } from "./common/clock.js";
import { asFailure, Failure, type Stage } from "./common/failure.js";
import type { Logger } from "./common/logger.js";
import { retry } from "./common/retry.js";
import { createStopwatch, type Stopwatch } from "./common/stopwatch.js";
import { type Config, configurationNotes, requireBuilt } from "./config/index.js";
import { openSession, type Session } from "./connect/index.js";
import { createDirector, fetchSnapshot, type Snapshot } from "./fetch/index.js";
import { buildEstate } from "./model/index.js";
import { makePlan, type Plan } from "./plan/index.js";
import { publishCommit } from "./publish/index.js";
import { loadRenderer, type Renderer, renderEstate } from "./render/index.js";
import { buildOutcome, commitMessage, type FileChange, type Outcome } from "./report/index.js";
import { createFingerprinter, createSealer, sealEstate } from "./seal/index.js";
import {
  type CycleSettings,
  compassTransport,
  cycleSettings,
  type Environment,
  openState,
  settingMissing,
  targetRepository,
} from "./setup.js";
import type { State } from "./state/index.js";

export interface CycleOptions {
  readonly config: Config;
  readonly env: Environment;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly version: string;
  /** Stop before publishing; nothing is written anywhere. @default false */
  readonly planOnly?: boolean;
  /** Give the changes of what was published, too. @default only of what was planned */
  readonly withChanges?: boolean;
  /** Plan over this instead of asking Director. @default asks Director */
  readonly snapshot?: Snapshot;
  /** Plan against this folder instead of the repository. @default the repository */
  readonly baseFolder?: string;
}

export interface CycleResult {
  readonly outcome: Outcome;
  /** Each file with its old and new text, secrets unmasked where they are readable: only for `diffFiles`. */
  readonly changes: readonly FileChange[];
}

/** Attempts to commit onto a branch that others move, each from a fresh base. */
const PUBLISH_ATTEMPTS = 10;

/** Attempts at a Git host that does not answer: the next cycle comes soon, and each may take its whole deadline. */
const HOST_ATTEMPTS = 3;

/** Runs one cycle. Does not throw for what is a failure of the cycle: it is in the outcome. */
export async function runCycle(options: CycleOptions): Promise<CycleResult> {
  const { config, clock, log, planOnly = false } = options;
  const watch = createStopwatch(clock);
  const used: Used = { session: null, git: 0 };
  const notes = configurationNotes(config);
  let stop: (() => Promise<void>) | null = null;
  let state: State | null = null;
  let reached: Reached | null = null;
  let failure: Failure | null = null;
  try {
    requireBuilt(config);
    state = openState(config);
    if (!planOnly) stop = await state.lock();
    reached = await reconcile({ ...options, state, watch, used, notes });
  } catch (thrown) {
    failure = options.signal.aborted ? stopped(options.signal, watch.stage) : asFailure(thrown, watch.stage);
    log.debug("cycle failed", { stage: failure.stage, code: failure.code, cause: failure.cause });
  }
  const result = failure !== null ? "failed" : planOnly ? "planned" : reached?.commit ? "published" : "unchanged";
  const outcome = buildOutcome({
    result,
    runtime: config.runtime.id,
    plan: reached?.plan ?? null,
    commit: reached?.commit ?? null,
    requests: { director: used.session?.client.requests ?? 0, connector: 0, git: used.git },
    durations: watch.durations(),
    notes,
    failure,
  });
  if (state !== null && stop !== null) await remember(state, outcome, reached?.plan ?? null, clock, log);
  await used.session?.client.close();
  await stop?.();
  return { outcome, changes: reached?.changes ?? [] };
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

interface Used {
  session: Session | null;
  git: number;
}

interface Reached {
  readonly plan: Plan;
  readonly commit: { readonly id: string; readonly branch: string } | null;
  readonly changes: readonly FileChange[];
}

interface Running extends CycleOptions {
  readonly state: State;
  readonly watch: Stopwatch;
  readonly used: Used;
  readonly notes: string[];
}

async function reconcile(running: Running): Promise<Reached> {
  const { config, clock, signal, log, state, watch, used, planOnly = false, version } = running;
  const settings = cycleSettings(config, running.snapshot?.runtime.id ?? null);

  const snapshot = running.snapshot ?? (await fetchAll(running));
  log.info("fetched", { applications: snapshot.applications.length });
  // A plan writes nothing, not even a key: without one, everything counts as new.
  const sealKey = (await state.sealKey(!planOnly)) ?? randomBytes(32);

  const { namespace, gatewayURL, skipVerify, templates, allowedKinds } = config.applications;
  const renderer = await watch.time("render", () =>
    loadRenderer({
      templates,
      allowedKinds,
      version,
      settings: { namespace, skipVerify, gatewayURL: gatewayURL.replace(/\/+$/, "") },
    }),
  );

  const onBase = async (base: Base, repository: Repository | null): Promise<Reached> => {
    const plan = await planOn(base, { ...running, snapshot, sealKey, renderer, settings });
    const changes = planOnly || running.withChanges ? await changesOf(plan, base) : [];
    if (planOnly || repository === null || settings.git === null) return { plan, commit: null, changes };
    const message = commitMessage(
      buildOutcome({
        result: "planned",
        runtime: settings.runtimeID,
        plan,
        commit: null,
        requests: { director: 0, connector: 0, git: 0 },
        durations: new Map(),
        notes: [],
        failure: null,
      }),
      { runtime: settings.runtimeID, digest: plan.digest, version },
    );
    const { writes, deletes } = plan;
    const { author } = settings.git;
    const publication = await watch.time("publish", () =>
      publishCommit({ repository, base, writes, deletes, message, author, date: clock.now(), signal }),
    );
    const commit = publication.kind === "commit" ? { id: publication.id, branch: publication.branch } : null;
    log.info(commit === null ? "nothing to commit" : "published", { commit: commit?.id });
    return { plan, commit, changes };
  };

  if (running.baseFolder !== undefined) return onBase(await folderBase(running.baseFolder, sealKey), null);
  const { git } = settings;
  if (git === null) throw settingMissing("git.url", "the repository to write to");
  // After a rejected push back to the base and no further: what Director said still holds.
  return retry(
    async (attempt) => {
      const repository = await targetRepository(config, git, { env: running.env, signal, cache: state.cache });
      try {
        if (attempt > 1) running.notes.splice(0, Infinity, ...configurationNotes(config));
        const base = await watch.time("base", () =>
          openBase({ repository, branch: git.branch, path: git.path, sealKey }),
        );
        return await onBase(base, repository);
      } finally {
        used.git += repository.requests;
        await repository.close();
      }
    },
    {
      clock,
      signal,
      attempts: PUBLISH_ATTEMPTS,
      when: ({ code, retryable }, attempt) => retryable && (code === "PushRejected" || attempt < HOST_ATTEMPTS),
      onRetry: (failure, attempt) => log.warn("back to the base", { code: failure.code, attempt }),
    },
  );
}

/** Stages connect and fetch alone, for `snapshot`. Throws a `Failure`. */
export async function recordSnapshot(options: CycleOptions): Promise<Snapshot> {
  requireBuilt(options.config);
  if (options.config.runtime.id === null) throw settingMissing("runtime.id", "the runtime's id in Compass");
  const used: Used = { session: null, git: 0 };
  const watch = createStopwatch(options.clock);
  try {
    return await fetchAll({ ...options, state: openState(options.config), watch, used, notes: [] });
  } finally {
    await used.session?.client.close();
  }
}

/** Stages connect and fetch. */
async function fetchAll(running: Running): Promise<Snapshot> {
  const { config, clock, signal, log, watch, used, state, env } = running;
  const session = await watch.time("connect", async () =>
    openSession({ state, transport: await compassTransport(config, env, signal), hosts: config.compass.hosts, clock }),
  );
  used.session = session;
  log.debug("connected", { until: session.certificate.notAfter.toISOString() });
  const runtimeID = config.runtime.id ?? "";
  const director = createDirector({
    url: session.connection.directorURL,
    fetch: session.client.fetch,
    runtimeID,
    tenant: config.runtime.tenant,
    clock,
    signal,
    onRetry: (failure, attempt) => log.warn("asking Director again", { code: failure.code, attempt }),
  });
  const { pageSize } = config.compass;
  return watch.time("fetch", () =>
    fetchSnapshot({ director, runtimeID, pageSize, clock, signal, onProgress: progressOf(log)("fetch") }),
  );
}

interface Planning extends Running {
  readonly snapshot: Snapshot;
  readonly sealKey: Buffer;
  readonly renderer: Renderer;
  readonly settings: CycleSettings;
}

/** Stages model, render, seal and plan. Reasons to set an Application aside add up on the way. */
async function planOn(base: Base, planning: Planning): Promise<Plan> {
  const { config, clock, signal, state, watch, notes, snapshot, sealKey, renderer, settings } = planning;
  const progress = progressOf(planning.log);
  const { namespace } = config.applications;
  const owned = await watch.time("base", () => ownedFiles(base, settings.runtimeID, sealKey));
  if (owned.note !== null) notes.push(owned.note);
  const committed = Map.groupBy(
    owned.files.filter(({ id }) => id !== null),
    ({ id }) => id ?? "",
  );

  const sealer = createSealer(settings.sealing);
  const readable = settings.sealing.mode === "plain";
  if (readable) notes.push("secrets.mode is plain: everybody who can read the repository can read the credentials");
  const fingerprints = createFingerprinter({ sealKey, namespace, sealer: sealer.identity });
  const fingerprint = fingerprints.secret;

  const estate = await watch.time("model", async () => buildEstate(snapshot, { fingerprint: fingerprints.value }));
  const rendering = await watch.time("render", () =>
    renderEstate({ renderer, estate, base, committed, fingerprint, signal, onProgress: progress("render") }),
  );
  const sealing = await watch.time("seal", () =>
    sealEstate({
      sealer,
      readable,
      snapshot,
      rendered: rendering.applications,
      base,
      committed,
      fingerprint,
      now: clock.now(),
      constants: renderer.constants,
      signal,
      onProgress: progress("seal"),
    }),
  );
  return watch.time("plan", async () =>
    makePlan({
      base,
      owned,
      runtimeID: settings.runtimeID,
      sealKey,
      listed: snapshot.applications.length,
      applications: sealing.applications,
      setAside: [...estate.setAside, ...rendering.setAside, ...sealing.setAside],
      degraded: estate.degraded,
      rules: config.deletion,
      missing: (await state.memory()).missing,
      namespace,
      now: clock.now(),
    }),
  );
}

const progressOf = (log: Logger) => (stage: Stage) => (done: number, total: number) =>
  log.progress(stage, `${done} of ${total} Applications`);

async function changesOf({ writes, deletes }: Plan, base: Base): Promise<FileChange[]> {
  const before = await base.readAll([...writes.keys(), ...deletes]);
  const text = (bytes: Buffer | undefined) => bytes?.toString("utf8") ?? null;
  return [
    ...[...writes].map(([path, bytes]) => ({ path, before: text(before.get(path)), after: text(bytes) })),
    ...deletes.map((path) => ({ path, before: text(before.get(path)), after: null })),
  ];
}

/** Keeps what the next cycle and `status` need. A failure here is logged: what was published is published. */
async function remember(state: State, outcome: Outcome, plan: Plan | null, clock: Clock, log: Logger): Promise<void> {
  const { applications, commit, digest, failure, result } = outcome;
  try {
    const memory = await state.memory();
    await state.saveMemory({
      ...memory,
      missing: plan?.missing ?? memory.missing,
      lastCycle: {
        finishedAt: clock.now().toISOString(),
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
