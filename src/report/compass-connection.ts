/** The CompassConnection's fields after a piece of work (contract 6.2, docs/reference/compass-connection.md). Pure. */

import { z } from "zod";
import { type ConnectionReport, judge, type Verdict } from "./connection-state.js";

/** Spec and status, as they stand and as they are to be written. */
export interface ConnectionContent {
  readonly spec: unknown;
  readonly status: unknown;
}

// It is anybody's to write: what cannot be read counts as not there, and what is not known is kept.
const moment = z.string().nullish().catch(undefined);
const error = z.string().optional().catch(undefined);
const url = z.string().catch("");
const managementSchema = z.looseObject({ connectorUrl: url, directorUrl: url });
const flag = z.boolean().optional().catch(undefined);
const specSchema = z.looseObject({
  managementInfo: managementSchema.catch(managementSchema.parse({})),
  resyncNow: flag,
  refreshCredentialsNow: flag,
});
const certificateSchema = z.looseObject({ acquired: moment, notBefore: moment, notAfter: moment });
const connectionSchema = z.looseObject({
  established: moment,
  renewed: moment,
  lastSync: moment,
  lastSuccess: moment,
  error,
  certificateStatus: certificateSchema.catch({}),
});
const synchronizationSchema = z.looseObject({
  lastAttempt: moment,
  lastSuccessfulFetch: moment,
  lastSuccessfulApplication: moment,
  error,
});
const statusSchema = z.looseObject({
  connectionState: z.string().catch(""),
  connectionStatus: connectionSchema.catch({ certificateStatus: {} }),
  synchronizationStatus: synchronizationSchema.nullish().catch(undefined),
});

const readSpec = (spec: unknown) => specSchema.catch(specSchema.parse({})).parse(spec);
const readStatus = (status: unknown) => statusSchema.catch(statusSchema.parse({})).parse(status);

type ConnectionStatus = z.infer<typeof connectionSchema>;
type SynchronizationStatus = z.infer<typeof synchronizationSchema>;

/** What a person asks for by the switches. Of a spec that cannot be read: nothing. */
export function readSwitches(spec: unknown): { readonly resync: boolean; readonly refresh: boolean } {
  const { resyncNow, refreshCredentialsNow } = readSpec(spec);
  return { resync: resyncNow === true, refresh: refreshCredentialsNow === true };
}

/** On the CompassConnection: the hash of a held set that may pass, once. */
export const APPROVE_ANNOTATION = "runtime-agent.kyma-project.io/approve";

/** On the CompassConnection: nothing is written while it is "true". */
export const SUSPEND_ANNOTATION = "runtime-agent.kyma-project.io/suspend";

/** Whoever puts the second one there wants the agent to stop, also where he wrote "yes". */
export function readAnnotations(annotations: Readonly<Record<string, string>>) {
  const suspend = annotations[SUSPEND_ANNOTATION]?.trim().toLowerCase() ?? "";
  return {
    approval: annotations[APPROVE_ANNOTATION]?.trim() || null,
    isSuspended: suspend !== "" && suspend !== "false",
  };
}

/** The spec with `refreshCredentialsNow` taken back, and all else as it was. */
export const withoutRefresh = (spec: unknown): unknown => ({ ...readSpec(spec), refreshCredentialsNow: false });

/**
 * What is to be written after a piece of work, over what stands there; null where there is no such object. What the work
 * says nothing about stays as it is, also what is not known here.
 */
export function nextConnection(found: ConnectionContent | null, report: ConnectionReport): ConnectionContent {
  const spec = readSpec(found?.spec);
  const status = readStatus(found?.status);
  const { connection, isResyncAsked, work } = report;
  const verdict = judge({
    report,
    before: status.connectionState,
    wasPaired: connection !== null || Boolean(status.connectionStatus.established),
  });
  const isResynced = isResyncAsked && work === "cycle" && verdict.state === "Synchronized" && !report.isSuspended;
  const urls =
    connection === null ? {} : { connectorUrl: connection.secureConnectorURL, directorUrl: connection.directorURL };
  return {
    spec: {
      ...spec,
      managementInfo: { ...spec.managementInfo, ...urls },
      ...(isResynced ? { resyncNow: false } : {}),
    },
    status: {
      ...status,
      connectionState: verdict.state ?? status.connectionState,
      connectionStatus: connectionStatus(status.connectionStatus, verdict, report),
      ...synchronizationStatus(status.synchronizationStatus ?? {}, verdict, report),
    },
  };
}

function connectionStatus(former: ConnectionStatus, { connectionError }: Verdict, report: ConnectionReport) {
  const { connection, now } = report;
  const { error: formerError, ...before } = former;
  const told = connectionError === undefined ? formerError : connectionError;
  return {
    ...before,
    established: connection === null ? (before.established ?? null) : timestamp(connection.establishedAt),
    renewed: connection?.renewedAt ? timestamp(connection.renewedAt) : formerRenewal(before, connection),
    lastSync: timestamp(now),
    lastSuccess: isAnswered(report) ? timestamp(now) : (before.lastSuccess ?? null),
    ...(told == null ? {} : { error: told }),
    certificateStatus: certificateStatus(before.certificateStatus, report),
  };
}

/** A renewal is of the pairing that it came after: another pairing begins without one. */
function formerRenewal({ established, renewed }: ConnectionStatus, connection: ConnectionReport["connection"]) {
  const isSame =
    connection === null || !established || Date.parse(established) >= Date.parse(timestamp(connection.establishedAt));
  return isSame ? (renewed ?? null) : null;
}

/** Compass answered our certificate: Director with all of a fetch, or both in the proof of a new one. */
const isAnswered = ({ work, failure, isProven = false }: ConnectionReport) =>
  isProven || failure === null ? work !== "revocation" : work === "cycle" && !BEFORE_FETCHED.has(failure.stage);

const BEFORE_FETCHED: ReadonlySet<string> = new Set(["config", "connect", "fetch"]);

function certificateStatus(
  before: z.infer<typeof certificateSchema>,
  { certificate, connection }: ConnectionReport,
): object {
  if (certificate === null || connection === null) {
    return { acquired: null, notBefore: null, notAfter: null, ...before };
  }
  const dates = { notBefore: timestamp(certificate.notBefore), notAfter: timestamp(certificate.notAfter) };
  const isSame = before.notBefore === dates.notBefore && before.notAfter === dates.notAfter;
  const acquired = timestamp(connection.renewedAt ?? connection.establishedAt);
  return { ...before, ...dates, acquired: (isSame ? before.acquired : null) ?? acquired };
}

/** Nothing when the work came not as far. */
function synchronizationStatus(
  { error: _former, ...before }: SynchronizationStatus,
  { synchronizationError, state }: Verdict,
  { failure, isSuspended, isApplied: isInCluster = null, now }: ConnectionReport,
): object {
  if (synchronizationError === undefined) return {};
  const isFetched = failure === null || !BEFORE_FETCHED.has(failure.stage);
  // Where nobody can tell, what is in Git counts as applied.
  const isApplied = state === "Synchronized" && !isSuspended && isInCluster !== false;
  return {
    synchronizationStatus: {
      ...before,
      lastAttempt: timestamp(now),
      ...(isFetched ? { lastSuccessfulFetch: timestamp(now) } : {}),
      ...(isApplied ? { lastSuccessfulApplication: timestamp(now) } : {}),
      ...(synchronizationError === null ? {} : { error: synchronizationError }),
    },
  };
}

/** RFC 3339 in UTC without fractions, as the Go agent writes it. */
const timestamp = (time: Date | string) => new Date(time).toISOString().replace(/\.\d{3}Z$/, "Z");
