/** The state of the CompassConnection after a piece of work (contract 3.2, docs/reference/compass-connection.md). Pure. */

import type { Connection } from "../state/index.js";
import type { Outcome, OutcomeFailure } from "./outcome.js";
import { named } from "./terminal.js";

/** As the Go agent calls them. */
export type ConnectionState =
  | "Connected"
  | "ConnectionFailed"
  | "ConnectionMaintenanceFailed"
  | "SynchronizationFailed"
  | "ResourceApplicationFailed"
  | "MetadataUpdateFailed"
  | "Synchronized";

/** A piece of work, as it ended. */
export interface ConnectionReport {
  readonly work: "cycle" | "pairing" | "renewal" | "revocation";
  readonly failure: Pick<OutcomeFailure, "stage" | "code" | "message"> | null;
  /** Of a cycle; of one that failed they are empty. */
  readonly applications: Pick<Outcome["applications"], "total" | "setAside">;
  /** True: a person wants nothing to be written, so nothing was. */
  readonly isSuspended: boolean;
  /** What is committed is applied in the cluster; null when it was not asked. @default null */
  readonly isApplied?: boolean | null;
  /** A new certificate was proven, however the work ended. @default false */
  readonly isProven?: boolean;
  /** Of the identity in use; null when there is none, or none that can be read. */
  readonly certificate: { readonly notBefore: Date; readonly notAfter: Date } | null;
  readonly connection: Connection | null;
  /** `spec.resyncNow` was set when the work began: one that is set later asks for the next. */
  readonly isResyncAsked: boolean;
  readonly now: Date;
}

export interface StateInput {
  readonly report: ConnectionReport;
  /** The state so far; "" for none. */
  readonly before: string;
  readonly wasPaired: boolean;
}

/** An error that is null: that part went well. One that is not there: nothing is said of that part. */
export interface Verdict {
  /** Null: as before. */
  readonly state: ConnectionState | null;
  readonly connectionError?: string | null;
  readonly synchronizationError?: string | null;
}

/** Null when the rule has nothing to say. */
type Rule = (input: StateInput) => Verdict | null;

/** What only a pairing can be refused with. */
const OF_PAIRING: ReadonlySet<string> = new Set(["TokenRejected", "TokenMalformed"]);

/** States in which nothing is known of a sync, or nothing good of the connection. */
const BEFORE_SYNC: ReadonlySet<string> = new Set(["", "ConnectionFailed", "ConnectionMaintenanceFailed"]);

const told = ({ code, message }: { readonly code: string; readonly message: string }) => `${code}: ${message}`;

const revoked: Rule = ({ report: { work, failure } }) =>
  work === "revocation" && failure === null
    ? { state: "ConnectionMaintenanceFailed", connectionError: "TokenNeeded: the certificate was revoked by command" }
    : null;

const paired: Rule = ({ report: { work, failure } }) =>
  work === "pairing" && failure === null ? { state: "Connected", connectionError: null } : null;

const renewed: Rule = ({ report: { work, failure }, before }) =>
  work === "renewal" && failure === null
    ? { state: BEFORE_SYNC.has(before) ? "Connected" : null, connectionError: null }
    : null;

const isConnected = ({ connection, certificate, now }: ConnectionReport): boolean =>
  connection !== null && certificate !== null && certificate.notAfter > now;

// What a command could not do changes nothing while the identity in use serves.
const inVain: Rule = ({ report, before }) =>
  report.work !== "cycle" && isConnected(report) ? { state: before === "" ? "Connected" : null } : null;

const disconnected: Rule = ({ report: { work, failure }, wasPaired }) => {
  if (failure === null || (work === "cycle" && failure.stage !== "connect")) return null;
  const isLost = wasPaired && !OF_PAIRING.has(failure.code);
  return { state: isLost ? "ConnectionMaintenanceFailed" : "ConnectionFailed", connectionError: told(failure) };
};

// Of a cycle that came not as far as Director: what was said of the connection holds, unless a new certificate was proven.
const unconfigured: Rule = ({ report, before, wasPaired }) => {
  const { failure, isProven = false } = report;
  if (failure?.stage !== "config") return null;
  if (isConnected(report)) {
    const proven = isProven ? { connectionError: null } : {};
    return { state: "SynchronizationFailed", ...proven, synchronizationError: told(failure) };
  }
  if (wasPaired && before !== "" && BEFORE_SYNC.has(before))
    return { state: null, synchronizationError: told(failure) };
  return { state: wasPaired ? "ConnectionMaintenanceFailed" : "ConnectionFailed", connectionError: told(failure) };
};

const notFetched: Rule = ({ report: { failure } }) =>
  failure?.stage === "fetch"
    ? { state: "SynchronizationFailed", connectionError: null, synchronizationError: told(failure) }
    : null;

// Git is the place that this agent applies resources to.
const notWritten: Rule = ({ report: { failure } }) =>
  failure === null || failure.stage === "report"
    ? null
    : { state: "ResourceApplicationFailed", connectionError: null, synchronizationError: told(failure) };

const inPart: Rule = ({ report: { applications } }) =>
  applications.setAside.length === 0
    ? null
    : {
        state: "ResourceApplicationFailed",
        connectionError: null,
        synchronizationError: setAsideText(applications),
      };

// Of stage report is what comes last: the runtime's labels in Compass.
const notTold: Rule = ({ report: { failure } }) =>
  failure === null
    ? null
    : { state: "MetadataUpdateFailed", connectionError: null, synchronizationError: told(failure) };

/** In this order: the first verdict stands. */
const rules: readonly Rule[] = [
  revoked,
  paired,
  renewed,
  inVain,
  disconnected,
  unconfigured,
  notFetched,
  notWritten,
  inPart,
  notTold,
];

const SYNCHRONIZED: Verdict = { state: "Synchronized", connectionError: null, synchronizationError: null };

/** What the work says of the connection and of the synchronization. */
export function judge(input: StateInput): Verdict {
  for (const rule of rules) {
    const verdict = rule(input);
    if (verdict !== null) return verdict;
  }
  return SYNCHRONIZED;
}

/** `1 of 21 set aside: mp-shop (DuplicateName)` */
export const setAsideText = ({ total, setAside }: Pick<Outcome["applications"], "total" | "setAside">) =>
  `${setAside.length} of ${total} set aside: ${reasonsText(setAside)}`;

/** Some of them, each with its reason. */
export const reasonsText = (applications: readonly { readonly name: string; readonly reason: string }[]) =>
  named([...new Set(applications.map(({ name, reason }) => `${name} (${reason})`))], 5, 100);
