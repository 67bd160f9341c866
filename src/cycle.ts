/** One reconciliation: the stages as a short list, and what happens between them. */

import { randomBytes, randomUUID } from "node:crypto";
import type { Repository } from "./adapters/git/index.js";
import { createTokenKeeper, type TokenKeeper } from "./adapters/github-app/index.js";
import { type Admit, openAdmission } from "./admission.js";
import { type Watched, watchApplied } from "./applied-report.js";
import {
  type Base,
  bundlesOf,
  findDrift,
  folderBase,
  foldersOf,
  openBase,
  ownedFiles,
  readInstructions,
  readStaying,
} from "./base/index.js";
import { type Asked, cycleWork, NOTHING_ASKED, openClusterReport } from "./cluster-report.js";
import { applyClusterSecrets } from "./cluster-secrets.js";
import type { Clock } from "./common/clock.js";
import { asFailure, Failure, type FailureCode, type Stage } from "./common/failure.js";
import type { Logger } from "./common/logger.js";
import { retry } from "./common/retry.js";
import { createStopwatch, type Stopwatch } from "./common/stopwatch.js";
import { type Config, configurationNotes, requireBuilt } from "./config/index.js";
import { anotherFailure, inspectIdentity, openSession, type Session } from "./connect/index.js";
import {
  type Asking,
  createDirector,
  fetchSnapshot,
  type RuntimeLabel,
  type Snapshot,
  setRuntimeLabel,
} from "./fetch/index.js";
import { publishesByRequest, requireHost } from "./git-host.js";
import { type Maintenance, maintainIdentity } from "./maintain.js";
import { buildEstate, collisionsWith } from "./model/index.js";
import {
  decide,
  deletedBefore,
  learn,
  makePlan,
  memoryFor,
  type Plan,
  plannedDigest,
  publishedBefore,
  suspendedNames,
  suspensionOf,
} from "./plan/index.js";
import { planFiles } from "./plan-files.js";
import { openProposing, type Proposing } from "./proposing.js";
import { type ProposedPublication, publishCommit } from "./publish/index.js";
import { loadRenderer, type Renderer, renderEstate } from "./render/index.js";
import {
  type Applied,
  appliedOf,
  appliedTarget,
  buildOutcome,
  commitMessage,
  decideLabels,
  type FileChange,
  type KeptCounter,
  notAppliedText,
  type ObservedCycle,
  type Outcome,
  planNotes,
  requestWords,
  wrongClock,
} from "./report/index.js";
import { type ToldLabels, tellLabels } from "./runtime-labels.js";
import { createFingerprinter, createSealer, identityOf, sealCanary, sealEstate } from "./seal/index.js";
import { openSealing, type Sealing } from "./sealing.js";
import {
  type CycleSettings,
  compassTransport,
  cycleSettings,
  type Environment,
  openState,
  settingMissing,
  targetDigest,
  targetRepository,
} from "./setup.js";
import type { AppliedMemory, Memory, State } from "./state/index.js";

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
  /** Told before a token is spent: the host it goes to. @default nobody */
  readonly onHost?: (host: string) => void;
  /** Keeps a GitHub App's tokens from cycle to cycle. @default each cycle asks for its own */
  readonly tokens?: TokenKeeper;
  /** Look at the cluster until what is committed is applied, for so many milliseconds. @default one look */
  readonly wait?: number;
  /** Runtime id of the agent whose `git.path` is taken over. @default no path of another agent is touched */
  readonly takeOver?: string;
  /** Counts the cycle on from what was kept, for the next one. @default what is kept stays */
  readonly count?: (kept: readonly KeptCounter[], ended: ObservedCycle) => Promise<readonly KeptCounter[]>;
}

export interface CycleResult {
  readonly outcome: Outcome;
  /** Each file with its old and new text, secrets unmasked where they are readable: only for `diffFiles`. */
  readonly changes: readonly FileChange[];
  /** Why the cluster could not be asked what was applied; null when it was, or nobody wanted that. */
  readonly unwatched: Failure | null;
  /** What the outcome does not tell. */
  readonly facts: Omit<ObservedCycle, "outcome" | "finishedAt">;
}

/** Attempts to commit onto a branch that others move, each from a fresh base. */
const PUBLISH_ATTEMPTS = 10;

/** Attempts at a Git host that does not answer: the next cycle comes soon, and each may take its whole deadline. */
const HOST_ATTEMPTS = 3;

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
  let asked = NOTHING_ASKED;
  const cluster = openClusterReport(options);
  try {
    requireBuilt(config);
    requireHost(config);
    state = openState(config, options.env);
    if (!planOnly) {
      await cluster?.refuseBesideGoAgent();
      stop = await state.lock();
    }
    asked = (await cluster?.asked()) ?? NOTHING_ASKED;
    // Over a recording nothing is asked of Compass: neither would a renewal be.
    if (!planOnly && options.snapshot === undefined) {
      const takeRenewalRequest = cluster?.takeRefresh;
      const requested = takeRenewalRequest === undefined ? {} : { takeRenewalRequest };
      const maintaining = { ...options, ...requested, state, mayPairAnew: asked.isDeleted };
      maintained = await watch.time("connect", () => maintainIdentity(maintaining));
      used.connector = maintained.requests;
      lasting.push(...maintained.notes);
      notes.push(...maintained.notes);
    }
    reached = await reconcile({ ...options, state, watch, used, notes, lasting, asked });
    labels = await reached.tellLabels();
    notes.push(...labels.notes);
    failure = labels.failure;
  } catch (thrown) {
    failure = options.signal.aborted ? stopped(options.signal, watch.stage) : asFailure(thrown, watch.stage);
    log.debug("cycle failed", { stage: failure.stage, code: failure.code, cause: failure.cause });
  }
  const { session } = used;
  const wrong = wrongClock(session?.client.clockSkew ?? maintained?.clockSkew ?? null);
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
    });
  // Killed while it waits, the agent knows what it published.
  const ended = outcomeWith(UNWATCHED);
  const keeping = { state, reached, session, clock, log, labels: labels?.set ?? {} };
  if (options.wait !== undefined && reached !== null && state !== null && stop !== null)
    await remember({ ...keeping, state, outcome: ended });
  const watched = await watchTarget(options, reached, ended);
  const outcome = outcomeWith(watched);
  const facts = {
    cycle: requestID,
    // What a session was opened with need not be read again.
    notAfter: session?.certificate.notAfter ?? (state === null ? null : await notAfterOf(state)),
    renewal: renewalOf(maintained),
    clockSkew: session?.client.clockSkew ?? maintained?.clockSkew ?? null,
    pushRetries: used.pushRetries,
    director: used.director,
  };
  if (state !== null && stop !== null) {
    const count = async (kept: readonly KeptCounter[]) =>
      given.count?.(kept, { ...facts, outcome, finishedAt: clock.now() }) ?? kept;
    await remember({ ...keeping, state, outcome, count });
  }
  if (state !== null && !planOnly && !isUntold(outcome.failure?.code)) {
    const usedApproval = reached === null || reached.isSuspended ? null : reached.plan.usedApproval;
    await cluster?.tell(cycleWork({ state, asked, outcome, maintained, usedApproval }));
  }
  await used.session?.client.close();
  await used.sealing?.close();
  await stop?.();
  return { outcome, changes: reached?.changes ?? [], unwatched: watched.failure, facts };
}

const UNWATCHED: Watched = { applied: null, failure: null, notes: [] };

/** What is on the target branch after the cycle, seen in the cluster; a plan and a cycle that failed ask nobody. */
async function watchTarget(
  options: CycleOptions,
  reached: Reached | null,
  { result, digest }: Outcome,
): Promise<Watched> {
  if (reached === null || digest.target === null || options.planOnly === true) return UNWATCHED;
  const { plan, unappliedSince } = reached;
  // What is only planned or proposed is not there to be applied.
  const files = digest.target === plan.digest ? plan.files : plan.committedFiles;
  const target = appliedTarget(digest.target, files);
  return watchApplied({ ...options, target, isFresh: result === "published", since: unappliedSince });
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

interface Used {
  session: Session | null;
  sealing: Sealing | null;
  git: number;
  connector: number;
  /** Pushes that were rejected and begun anew. */
  pushRetries: number;
  readonly director: Asking[];
}

const nothingUsed = (): Used => ({ session: null, sealing: null, git: 0, connector: 0, pushRetries: 0, director: [] });

interface Reached {
  readonly plan: Plan;
  readonly commit: { readonly id: string; readonly branch: string } | null;
  /** Null where nothing is proposed, but committed to the target branch. */
  readonly proposed: ProposedPublication | null;
  /** What was planned stands on the target branch. */
  readonly isOnTarget: boolean;
  readonly changes: readonly FileChange[];
  /** A person wants nothing to be written. */
  readonly isSuspended: boolean;
  /** What is held is not what was held before. */
  readonly isNewHold: boolean;
  /** Digest of repository, branch and path. */
  readonly target: string;
  /** Stage report: Compass is told of the runtime, where anything may be written. Does not throw. */
  readonly tellLabels: () => Promise<ToldLabels>;
  /** Since when what is committed is not applied, as the cycle before knew it. */
  readonly unappliedSince: string | null;
}

interface Running extends CycleOptions {
  /** Header `x-request-id` of what Compass is asked. */
  readonly requestID?: string;
  readonly state: State;
  readonly watch: Stopwatch;
  readonly used: Used;
  readonly notes: string[];
  /** Notes that hold for every attempt of the cycle. */
  readonly lasting: readonly string[];
  readonly asked: Asked;
}

async function reconcile(running: Running): Promise<Reached> {
  const { config, signal, log, clock, state, watch, used, planOnly = false, version } = running;
  const settings = cycleSettings(config, running.snapshot?.runtime.id ?? null);
  const target = targetDigest(config);
  const memory = memoryFor(target, await state.memory());

  const recorded = running.snapshot ?? null;
  const compass = recorded === null ? await openDirector(running) : recordedDirector(recorded);
  const first = await compass.look();
  log.info("fetched", { applications: first.applications.length });
  // A recording cannot be looked at twice.
  const looks: Looks = { first, second: recorded, again: compass.look };
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
  const sealing = await watch.time("seal", () => openSealing(config, { env: running.env, clock, signal }));
  used.sealing = sealing;
  const nonce = randomBytes(16).toString("hex");
  const admit = openAdmission(running);

  const onBase = async (base: Base, repository: Repository | null, proposing: Proposing | null): Promise<Reached> => {
    const planning = { ...running, proposing, base, looks, memory, sealKey, renderer, settings, sealing, nonce, admit };
    const { plan, isSuspended, notes } = await planOn(planning);
    running.notes.splice(0, Infinity, ...running.lasting, ...notes);
    const changes = planOnly || running.withChanges ? await changesOf(plan, base) : [];
    const isNewHold = plan.hold?.set !== memory.hold?.set;
    const labels = decideLabels(config.runtime, first.runtime.labels, memory.labels);
    const setLabel = planOnly || isSuspended ? null : compass.setLabel;
    const reached = {
      plan,
      changes,
      isSuspended,
      isNewHold,
      target,
      proposed: null,
      isOnTarget: !isSuspended,
      unappliedSince: memory.applied?.since ?? null,
      tellLabels: () => tellLabels(labels, setLabel),
    };
    if (planOnly || isSuspended || repository === null || settings.git === null) return { ...reached, commit: null };
    const planned = buildOutcome({
      result: "planned",
      runtime: settings.runtimeID,
      plan,
      commit: null,
      approval: plan.approval,
      suspended: false,
      requests: { director: 0, connector: 0, git: 0 },
      durations: new Map(),
      notes: [],
      failure: null,
    });
    const message = commitMessage(planned, {
      runtime: settings.runtimeID,
      digest: plan.digest,
      version,
      ...settings.git.commit,
    });
    const applied = await watch.time("publish", () =>
      applyClusterSecrets(plan.cluster, { env: running.env, clock, signal }),
    );
    running.notes.push(...applied);
    const { writes, deletes } = plan;
    const { author, path } = settings.git;
    if (proposing !== null) {
      const [subject = ""] = message.split("\n");
      const proposed = await watch.time("publish", () =>
        proposing.publish(plan, message, async (limits) =>
          requestWords({
            outcome: planned,
            subject,
            changes: await changesOf(plan, base),
            rows: plan.rows,
            runtime: settings.runtimeID,
            path,
            title: config.pullRequest.title,
            limits,
          }),
        ),
      );
      running.notes.push(...proposed.notes);
      log.info(proposed.result, { commit: proposed.commit?.id, request: proposed.pullRequest?.number });
      // What only the agent's own bookkeeping lacks is not there either: the memory must not run ahead of Git.
      const isOnTarget = writes.size === 0 && deletes.length === 0;
      return { ...reached, commit: proposed.commit, proposed, isOnTarget };
    }
    const publication = await watch.time("publish", () =>
      publishCommit({ repository, base, writes, deletes, message, author, date: clock.now(), signal }),
    );
    const commit = publication.kind === "commit" ? { id: publication.id, branch: publication.branch } : null;
    log.info(commit === null ? "nothing to commit" : "published", { commit: commit?.id });
    return { ...reached, commit };
  };

  if (running.baseFolder !== undefined) return onBase(await folderBase(running.baseFolder, sealKey), null, null);
  const { git } = settings;
  if (git === null) throw settingMissing("git.url", "the repository to write to");
  const { tokens = createTokenKeeper() } = running;
  // After a rejected push back to the base and no further: what Director said still holds.
  return retry(
    async () => {
      const repository = await targetRepository(config, git, {
        env: running.env,
        signal,
        cache: state.cache,
        tokens,
        keeps: !planOnly,
      });
      let isWell = false;
      let proposing: Proposing | null = null;
      try {
        const base = await watch.time("base", () =>
          openBase({ repository, branch: git.branch, path: git.path, sealKey }),
        );
        if (publishesByRequest(config) && !planOnly) {
          const { runtimeID } = settings;
          const given = { config, git, runtimeID, repository, base, state, sealKey, env: running.env, clock, signal };
          proposing = await watch.time("base", () => openProposing(given));
        }
        const reached = await onBase(base, repository, proposing);
        isWell = true;
        return reached;
      } finally {
        await proposing?.end();
        used.git += repository.requests;
        await repository.close(isWell);
      }
    },
    {
      clock,
      signal,
      attempts: PUBLISH_ATTEMPTS,
      when: ({ code, retryable, stage }, attempt) =>
        retryable &&
        stage !== "fetch" &&
        stage !== "plan" &&
        code !== "RateLimited" &&
        (code === "PushRejected" || attempt < HOST_ATTEMPTS),
      onRetry: (failure, attempt) => {
        if (failure.code === "PushRejected") used.pushRetries += 1;
        log.warn("back to the base", { code: failure.code, attempt });
      },
    },
  );
}

/** Stages connect and fetch alone, for `snapshot`. Throws a `Failure`. */
export async function recordSnapshot(options: CycleOptions): Promise<Snapshot> {
  requireBuilt(options.config);
  if (options.config.runtime.id === null) throw settingMissing("runtime.id", "the runtime's id in Compass");
  const used = nothingUsed();
  const watch = createStopwatch(options.clock);
  try {
    const compass = await openDirector({
      ...options,
      state: openState(options.config, options.env),
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

/** What a cycle asks of Director. */
interface Compass {
  /** Stage fetch, which may be run again. */
  look(): Promise<Snapshot>;
  /** Null where Compass is not to be told anything. */
  readonly setLabel: ((label: RuntimeLabel) => Promise<void>) | null;
}

const recordedDirector = (recorded: Snapshot): Compass => ({ look: async () => recorded, setLabel: null });

/** Stage connect; gives what may be asked then. */
async function openDirector(running: Running): Promise<Compass> {
  const { config, clock, signal, log, watch, used, state, env } = running;
  const session = await watch.time("connect", async () =>
    openSession({
      state,
      transport: await compassTransport(config, env, signal, clock, running.requestID),
      hosts: config.compass.hosts,
      clock,
    }),
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
    onAsked: (asking) => used.director.push(asking),
  });
  const { pageSize } = config.compass;
  return {
    look: () =>
      watch.time("fetch", () =>
        fetchSnapshot({ director, runtimeID, pageSize, clock, signal, onProgress: progressOf(log)("fetch") }),
      ),
    setLabel: (label) => watch.time("report", () => setRuntimeLabel(director, runtimeID, label)),
  };
}

/** What Compass was seen to list. What a second look lacks as well may go; one is enough for a cycle. */
interface Looks {
  readonly first: Snapshot;
  second: Snapshot | null;
  readonly again: () => Promise<Snapshot>;
}

interface Planning extends Running {
  readonly base: Base;
  readonly looks: Looks;
  readonly memory: Memory;
  readonly sealKey: Buffer;
  readonly renderer: Renderer;
  readonly settings: CycleSettings;
  readonly sealing: Sealing;
  readonly nonce: string;
  readonly admit: Admit;
  readonly proposing: Proposing | null;
}

interface Planned {
  readonly plan: Plan;
  readonly isSuspended: boolean;
  readonly notes: readonly string[];
}

/** Stages model, render, seal and plan. Reasons to set an Application aside add up on the way. */
async function planOn(planning: Planning): Promise<Planned> {
  const { config, clock, signal, log, base, memory, watch, looks, sealKey, renderer, settings, nonce, asked, admit } =
    planning;
  const { first } = looks;
  const progress = progressOf(log);
  const { namespace } = config.applications;
  const { runtimeID } = settings;
  const { mode: seal, notes: sealingNotes } = planning.sealing;
  const { tenant } = config.runtime;
  const now = clock.now();
  const [owned, drift, instructions] = await watch.time("base", async () => {
    const { takeOver = null } = planning;
    const owned = await ownedFiles(base, {
      runtimeID,
      tenant,
      sealKey,
      now,
      takeOver,
      deleted: deletedBefore(memory),
      published: publishedBefore(memory),
    });
    return [owned, await findDrift(base, owned.files), await readInstructions(base)] as const;
  });
  const folders = foldersOf(base, owned);
  const owners = new Map([...folders].map(([name, { id }]) => [name, id]));
  const committed = Map.groupBy(
    owned.files.filter(({ id }) => id !== null),
    ({ id }) => id ?? "",
  );

  const sealer = seal.mode === "cluster" ? null : createSealer(seal);
  const readable = seal.mode === "plain";
  const fingerprints = createFingerprinter({ sealKey, namespace, sealer: identityOf(seal) });
  const bundles = bundlesOf(folders);
  const modelOf = (snapshot: Snapshot) => buildEstate(snapshot, { fingerprint: fingerprints.value, owners, bundles });

  const listed = await watch.time("model", async () => modelOf(first));
  const annotated = asked.approval === null ? [] : [asked.approval];
  const given = {
    base,
    owned,
    folders,
    drift,
    instructions: { ...instructions, approvals: [...instructions.approvals, ...annotated] },
    runtimeID,
    settings: config,
    memory,
    nonce,
    now,
  };
  const decideBy = (second: Snapshot | null) =>
    watch.time("plan", async () =>
      decide({ ...given, estate: listed, second: second === null ? null : modelOf(second) }),
    );
  let decision = await decideBy(looks.second);
  if (decision.needsSecondLook) {
    log.info("looking again", { deletions: decision.due.length });
    looks.second = await looks.again();
    decision = await decideBy(looks.second);
  }
  const { estate } = decision;
  const staying = await watch.time("base", () => readStaying(base, folders, estate.applications));
  // What stands in no file is applied each time.
  const everyone = new Set(estate.applications.map(({ id }) => id));
  const { plan } = await planFiles({
    render: (again) =>
      watch.time("render", () =>
        renderEstate({
          renderer,
          estate,
          base,
          committed,
          fingerprint: fingerprints.secret,
          again: seal.mode === "cluster" ? everyone : again,
          signal,
          onProgress: progress("render"),
        }),
      ),
    seal: (rendering, reseal) =>
      watch.time("seal", () =>
        sealEstate({
          sealer,
          namespace,
          readable,
          snapshot: first,
          rendered: rendering.applications,
          base,
          committed,
          fingerprints,
          reseal,
          now,
          constants: renderer.constants,
          before: planning.proposing?.sealed,
          signal,
          onProgress: progress("seal"),
        }),
      ),
    plan: async (rendering, sealing, batch) => {
      const admitted = await watch.time("plan", () =>
        admit({
          snapshot: first,
          base,
          rendered: rendering.applications,
          sealed: sealing.applications,
          onProgress: progress("plan"),
        }),
      );
      const options = {
        base,
        owned,
        folders,
        drift,
        decision,
        runtimeID,
        tenant,
        sealKey,
        applications: admitted.applications,
        setAside: [...estate.setAside, ...rendering.setAside, ...sealing.setAside, ...admitted.setAside],
        degraded: [...estate.degraded, ...collisionsWith(estate.applications, staying)],
        common: planning.sealing.files,
        sealing: fingerprints.sealing,
        waiting: sealing.waiting,
        batch,
        mode: config.deletion.mode,
        remembered: memory.published,
        namespace,
        now,
      };
      // Where Secrets stand in no file, a canary would show nothing of the way to the cluster.
      const canary =
        config.applications.canary && sealer !== null
          ? await watch.time("seal", () =>
              sealCanary({
                digest: plannedDigest({ ...options, canary: "unsealed" }),
                namespace,
                sealer,
                fingerprints,
                base,
                owned: owned.files,
                now,
              }),
            )
          : undefined;
      return watch.time("plan", async () => makePlan(canary === undefined ? options : { ...options, canary }));
    },
  });
  const suspension = suspensionOf(config.suspend, memory, instructions, asked.isSuspended);
  const notes = [
    ...sealingNotes,
    ...(owned.note === null ? [] : [owned.note]),
    ...(suspension === null ? [] : [`suspended by ${suspension}: nothing is written`]),
    ...planNotes(plan, {
      snapshot: first,
      approvals: instructions.approvals,
      annotated: asked.approval,
      suspended: suspendedNames(memory, instructions),
    }),
  ];
  return { plan, isSuspended: suspension !== null, notes };
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
async function remember({
  state,
  outcome,
  reached,
  session,
  clock,
  log,
  labels,
  count,
}: {
  readonly state: State;
  readonly outcome: Outcome;
  readonly reached: Reached | null;
  readonly session: Session | null;
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
      certificate: { ...memory.certificate, ...contactOf(memory, outcome, session, now) },
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
function contactOf({ certificate }: Memory, { failure }: Outcome, session: Session | null, now: Date) {
  const clockSkew = session?.client.clockSkew ?? certificate.clockSkew;
  if (failure?.code === "CredentialsRejected" && failure.stage === "fetch") {
    return { clockSkew, rejected: anotherFailure(certificate.rejected, failure.code, now) };
  }
  if (failure?.stage === "fetch" && UNREACHED.has(failure.code)) {
    return { clockSkew, unreached: anotherFailure(certificate.unreached, failure.code, now) };
  }
  const isTaken = session !== null && session.client.requests > 0 && failure?.stage !== "fetch";
  return isTaken ? { clockSkew, rejected: null, unreached: null, lastContact: now.toISOString() } : { clockSkew };
}
