/** The agent in the cluster: what people ask of it by the CompassConnection, what it tells there, and who else is there. */

import {
  type Cluster,
  type ClusterCompassConnection,
  COMPASS_CONNECTION,
  isConflict,
  openCluster,
} from "./adapters/kubernetes/index.js";
import type { Clock } from "./common/clock.js";
import { asFailure, Failure } from "./common/failure.js";
import type { Logger } from "./common/logger.js";
import type { Config } from "./config/index.js";
import { inspectIdentity } from "./connect/index.js";
import type { Maintenance } from "./maintain.js";
import {
  APPROVE_ANNOTATION,
  appliedOf,
  type ConnectionReport,
  certificateEvents,
  describeFailure,
  failureEvent,
  isWaitingForPeople,
  madeAgain,
  nextConnection,
  type Outcome,
  type OutcomeFailure,
  outcomeEvents,
  type ReportedEvent,
  readAnnotations,
  readSwitches,
  withoutRefresh,
} from "./report/index.js";
import { type Environment, GO_AGENT_CONFIGURATION } from "./setup.js";
import type { State } from "./state/index.js";

/** What people ask for by the CompassConnection. */
export interface Asked {
  /** Hash of a held set that may pass. */
  readonly approval: string | null;
  /** Nothing is to be written. */
  readonly isSuspended: boolean;
  readonly isResyncAsked: boolean;
  /** Somebody deleted the CompassConnection, as one does to be paired anew. */
  readonly isDeleted: boolean;
}

export const NOTHING_ASKED: Asked = { approval: null, isSuspended: false, isResyncAsked: false, isDeleted: false };

/** A piece of work that ended, as it is told. */
export interface Work
  extends Pick<ConnectionReport, "work" | "failure" | "applications" | "isSuspended" | "isApplied" | "isProven"> {
  readonly state: State;
  readonly asked: Asked;
  /** The approval by annotation that let something pass: it is taken away. */
  readonly usedApproval: string | null;
  /** What is to be told, once the identity is known. */
  readonly events: (identity: IdentityInUse) => readonly ReportedEvent[];
}

type IdentityInUse = Pick<ConnectionReport, "certificate" | "connection">;

export interface ClusterReport {
  /** `GoAgentRunning` while the Go agent has pods, since two agents would take the certificate from each other; else null. */
  goAgent(): Promise<Failure | null>;
  /** Throws that, and tells it as an Event. */
  refuseBesideGoAgent(): Promise<void>;
  /** Rejects as `asked` would; gives why `tell` could not write, or null. Stores nothing. */
  rehearse(): Promise<Failure | null>;
  /** Throws a `ClusterFailure` when it cannot be read: somebody may have asked that nothing is written. */
  asked(): Promise<Asked>;
  /** True when a person asked for a renewal; the wish is taken back before that. */
  takeRefresh(): Promise<boolean>;
  /** Writes the CompassConnection and tells Events. What fails is logged: the work is done whether it can be told or not. */
  tell(work: Work): Promise<void>;
}

export interface ClusterReportOptions {
  readonly config: Config;
  readonly env: Environment;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Ends what is told, too. @default each call has its own deadline */
  readonly end?: AbortSignal;
}

const CONNECTION = { namespace: "", name: "compass-connection" };
const GO_AGENT = "compass-runtime-agent";

/** Of writes that met somebody else's. */
const ATTEMPTS = 8;

/** For one call that tells something, with all its attempts: nobody waits long for it. */
const TELLING = 9_000;

/** Null where the agent does not keep its state in a cluster. Opens nothing yet. */
export function openClusterReport(options: ClusterReportOptions): ClusterReport | null {
  const { config, env, clock, log, signal, end } = options;
  if ("directory" in config.state) return null;
  const { namespace } = config.state.kubernetes;
  const reading = openCluster({ env, stage: "connect", clock, signal });
  // Without the signal: what was done before it came is told, for as long as there is time.
  const telling = openCluster({ env, stage: "report", clock, timeout: TELLING, ...(end && { signal: end }) });

  const tellAll = async (events: readonly ReportedEvent[], uid: string | null) => {
    const about = { ...COMPASS_CONNECTION, name: CONNECTION.name, uid };
    for (const event of events) await telling.tell({ ...event, at: clock.now(), about });
  };
  const logged = async <T>(what: string, work: () => Promise<T>): Promise<T | null> => {
    try {
      return await work();
    } catch (thrown) {
      const { code, message } = asFailure(thrown, "report");
      log.warn(what, { code, reason: message });
      return null;
    }
  };

  const rehearseConnection = (found: ClusterCompassConnection | null) =>
    reading.compassConnections.rehearse(found ?? { ...NEW_CONNECTION, ...WITHOUT_ADDRESSES });
  // Where it cannot be made, as in a cluster that does not know the kind, nobody has deleted one; nor is one made again.
  const canBeMade = () =>
    rehearseConnection(null).then(
      () => true,
      () => false,
    );

  const goAgent = async () => {
    // Where the state is, and where the certificate is that the two would take from each other.
    for (const place of new Set([namespace, config.certificate.secret.namespace])) {
      const found = await reading.deployment({ namespace: place, name: GO_AGENT });
      const pods = found === null ? 0 : Math.max(found.wanted, found.running);
      if (pods > 0) return goAgentRunning(place, pods, config);
    }
    return null;
  };

  return {
    goAgent,
    refuseBesideGoAgent: async () => {
      const failure = await goAgent();
      if (failure === null) return;
      await logged("the Go agent could not be told of as an Event", async () => {
        const connection = await telling.compassConnections.get(CONNECTION);
        await tellAll([failureEvent(failure)], connection?.uid ?? null);
      });
      throw failure;
    },

    rehearse: async () => {
      const found = await reading.compassConnections.get(CONNECTION);
      const about = { ...COMPASS_CONNECTION, name: CONNECTION.name, uid: found?.uid ?? null };
      try {
        await rehearseConnection(found);
        await reading.rehearseTelling(about);
      } catch (thrown) {
        // Another has just written it.
        return isConflict(thrown) ? null : asFailure(thrown, "report");
      }
      return null;
    },

    asked: async () => {
      const found = await reading.compassConnections.get(CONNECTION);
      if (found === null) return { ...NOTHING_ASKED, isDeleted: await canBeMade() };
      return {
        ...readAnnotations(found.annotations),
        isResyncAsked: readSwitches(found.spec).resync,
        isDeleted: false,
      };
    },

    takeRefresh: async () => {
      const taken = await logged("refreshCredentialsNow cannot be taken back, so it is not served", () =>
        change(reading, (found) =>
          found === null || !readSwitches(found.spec).refresh ? null : { ...found, spec: withoutRefresh(found.spec) },
        ),
      );
      return taken?.isWritten === true;
    },

    tell: async ({ state, asked, usedApproval, events, ...work }) => {
      const what = "the CompassConnection cannot be written";
      // What cannot be read stays as it is told already.
      const identity = (await logged(what, () => identityInUse(state))) ?? { connection: null, certificate: null };
      const report = { ...work, ...identity, isResyncAsked: asked.isResyncAsked, now: clock.now() };
      const told = await logged(what, () =>
        change(telling, (found) => ({
          ...(found ?? NEW_CONNECTION),
          ...nextConnection(found, report),
          annotations: withoutApproval(found?.annotations ?? {}, usedApproval),
        })),
      );
      const all = [...events(identity)];
      const isFirst = all.some(({ reason }) => reason === "Paired");
      if (told?.isNew && identity.connection !== null && !isFirst) all.push(madeAgain());
      await logged("an Event cannot be written", () => tellAll(all, told?.object?.uid ?? null));
    },
  };
}

const NEW_CONNECTION = { ...CONNECTION, resourceVersion: null, frame: {}, uid: null, annotations: {} };

/** What the CompassConnection must have at least (contract 6.2). */
const WITHOUT_ADDRESSES = { spec: { managementInfo: { connectorUrl: "", directorUrl: "" } }, status: undefined };

interface Changed {
  readonly object: ClusterCompassConnection | null;
  readonly isWritten: boolean;
  /** It was not there. */
  readonly isNew: boolean;
}

/** Read, changed and written by its version; after a conflict all of it again, so that nobody's change is lost. */
async function change(
  cluster: Cluster,
  by: (found: ClusterCompassConnection | null) => ClusterCompassConnection | null,
): Promise<Changed> {
  for (let attempt = 1; ; attempt++) {
    const found = await cluster.compassConnections.get(CONNECTION);
    const wanted = by(found);
    if (wanted === null) return { object: found, isWritten: false, isNew: false };
    try {
      const object = await cluster.compassConnections.write(wanted);
      return { object, isWritten: true, isNew: found === null };
    } catch (thrown) {
      if (!isConflict(thrown) || attempt >= ATTEMPTS) throw thrown;
    }
  }
}

function withoutApproval(annotations: Readonly<Record<string, string>>, used: string | null) {
  if (used === null || readAnnotations(annotations).approval !== used) return annotations;
  const { [APPROVE_ANNOTATION]: _used, ...others } = annotations;
  return others;
}

async function identityInUse(state: State): Promise<IdentityInUse> {
  const [identity, connection] = [await state.identity(), await state.connection()];
  const usable = identity === null ? null : inspectIdentity(identity).usable;
  return { connection: identity === null ? null : connection, certificate: usable?.dates ?? null };
}

function goAgentRunning(namespace: string, pods: number, { runtime }: Config): Failure {
  const isNamed = runtime.configuration?.secret.name === GO_AGENT_CONFIGURATION;
  const first = isNamed
    ? `Let runtime.configuration name ${namespace}/runtime-agent-configuration, to which the next command copies it. Then delete`
    : "Delete";
  return new Failure(
    `the Go agent runs beside this one: the Deployment ${namespace}/${GO_AGENT} has ${pods === 1 ? "a pod" : `${pods} pods`}`,
    {
      code: "GoAgentRunning",
      stage: "connect",
      hint: `${first} the Secret ${namespace}/${GO_AGENT_CONFIGURATION}, since the module operator starts the Go agent whenever it exists, and scale the Deployment to 0.`,
    },
  );
}

export interface CycleWorkOptions extends Pick<Work, "state" | "asked" | "usedApproval"> {
  readonly outcome: Outcome;
  /** Null when it did not come to that, or ended there. */
  readonly maintained: Maintenance | null;
}

/** A cycle, as it is told. */
export const cycleWork = ({ outcome, maintained, ...work }: CycleWorkOptions): Work => ({
  ...work,
  work: "cycle",
  failure: outcome.failure,
  applications: outcome.applications,
  isSuspended: outcome.suspended,
  isProven: maintained?.done != null,
  // What waits for a review is in no cluster, whatever else is.
  isApplied: isWaitingForPeople(outcome) ? false : (appliedOf(outcome)?.current ?? null),
  events: (identity) => [
    ...(maintained?.done == null ? [] : [doneEvent(maintained.done, identity)]),
    ...(maintained?.failed ?? []).map((each) => failedEvent(each.work, each.failure)),
    ...outcomeEvents(outcome),
  ],
});

export interface ReportedOptions extends ClusterReportOptions {
  readonly state: State;
  readonly work: "pairing" | "renewal" | "revocation";
}

/** What says nothing of the connection: a wrong call, or one that was stopped. */
const UNTOLD: ReadonlySet<string> = new Set(["Usage", "Aborted", "ConfigurationInvalid"]);

/** Runs a command's work on the identity, and tells how it ended. */
export async function reported<T>(options: ReportedOptions, run: () => Promise<T>): Promise<T> {
  const { work, state } = options;
  const report = openClusterReport(options);
  const tell = async (thrown: unknown) => {
    const failure = thrown === null ? null : describeFailure(thrown, "connect");
    if (report === null || (failure !== null && UNTOLD.has(failure.code))) return;
    await report.tell({
      work,
      state,
      failure,
      applications: { total: 0, setAside: [] },
      isSuspended: false,
      asked: NOTHING_ASKED,
      usedApproval: null,
      events: (identity) => [failure === null ? doneEvent(work, identity) : failedEvent(work, failure)],
    });
  };
  const result = await run().catch(async (thrown: unknown) => {
    await tell(thrown);
    throw thrown;
  });
  await tell(null);
  return result;
}

const hostOf = (url: string | undefined) => URL.parse(url ?? "")?.host ?? "Compass";

function doneEvent(work: ReportedOptions["work"], { connection, certificate }: IdentityInUse): ReportedEvent {
  if (work === "pairing") return certificateEvents.paired(hostOf(connection?.connectorURL));
  if (work === "revocation") return certificateEvents.revoked();
  return certificateEvents.renewed(hostOf(connection?.secureConnectorURL), certificate?.notAfter ?? null);
}

/** What is told of work on the identity that failed. */
export function failedEvent(
  work: ReportedOptions["work"],
  failure: Pick<OutcomeFailure, "code" | "message" | "hint">,
): ReportedEvent {
  if (work === "pairing") return certificateEvents.pairingFailed(failure);
  return work === "renewal" ? certificateEvents.renewalFailed(failure) : failureEvent(failure);
}
