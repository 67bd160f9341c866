/** What Prometheus sees of the cycles of one process: the names are of docs/reference/metrics.md, and fixed. */

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Asking } from "../fetch/index.js";
import { addCounters, countersOf, type KeptCounter } from "./kept-counters.js";
import { appliedOf, type Outcome } from "./outcome.js";

/** A cycle as it ended, with what the outcome does not tell. */
export interface ObservedCycle {
  /** Its id in the log, and Compass's `x-request-id`. */
  readonly cycle: string;
  readonly outcome: Outcome;
  readonly finishedAt: Date;
  /** Of the certificate in use; null when there is none. */
  readonly notAfter: Date | null;
  /** What became of the certificate in this cycle; null when nothing did. */
  readonly renewal: "succeeded" | "failed" | null;
  /** How far Compass's clock is ahead of ours, in milliseconds; null when it did not tell. */
  readonly clockSkew: number | null;
  /** Times that the push had to begin anew. */
  readonly pushRetries: number;
  /** What Director was asked, each request. */
  readonly director: readonly Asking[];
  /** It had the lock of the state; false while another agent works, and where nobody could tell. */
  readonly isLeader: boolean;
}

export interface Metrics {
  /** Adds what was counted before. */
  restore(counters: readonly KeptCounter[]): void;
  /** What is counted by now. */
  counters(): Promise<readonly KeptCounter[]>;
  observe(cycle: ObservedCycle): void;
  /** In the text format of Prometheus. */
  collect(): Promise<{ readonly type: string; readonly text: string }>;
}

const PREFIX = "runtime_agent_";

/** Seconds: from a cycle that finds nothing new to one that writes ten thousand Applications. */
const BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

const seconds = (date: Date) => date.getTime() / 1000;

/** Starts at zero; `withProcess` adds Node's own. */
export function createMetrics(version: string, { withProcess = true } = {}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  if (withProcess) collectDefaultMetrics({ register: registry });
  const gauge = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge({ name: `${PREFIX}${name}`, help, labelNames, registers });
  const counter = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter({ name: `${PREFIX}${name}`, help, labelNames, registers });
  const histogram = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Histogram({ name: `${PREFIX}${name}`, help, labelNames, buckets: BUCKETS, registers });

  const cycles = counter("cycles_total", "Cycles by what came of them.", ["result"]);
  const cycleDuration = histogram("cycle_duration_seconds", "How long a cycle took.");
  const stageDuration = histogram("stage_duration_seconds", "How long a stage of a cycle took.", ["stage"]);
  const complete = gauge("last_complete_cycle_timestamp_seconds", "When a cycle last came to its end; 0 before.");
  const applications = gauge("applications", "Applications by what the last complete cycle made of them.", ["state"]);
  const changes = counter("changes_total", "Applications created, updated and deleted in Git.", ["kind"]);
  const heldOldest = gauge("held_oldest_timestamp_seconds", "Since when something is held; 0 for nothing.");
  const notAfter = gauge("certificate_not_after_timestamp_seconds", "When the client certificate ends; 0 without one.");
  const renewals = counter("certificate_renewals_total", "Certificates that were to replace the one in use.", [
    "result",
  ]);
  const skew = gauge("clock_skew_seconds", "How far Compass's clock is ahead of this machine's.");
  const requests = counter("director_requests_total", "Requests to Director by what came of them.", [
    "operation",
    "code",
  ]);
  const requestDuration = histogram("director_request_duration_seconds", "How long Director took to answer.", [
    "operation",
  ]);
  const pushes = counter("git_pushes_total", "Commits by what came of their push.", ["result"]);
  const retries = counter("git_push_retries_total", "Pushes that began anew, since the branch had moved.");
  const opened = gauge("pull_request_opened_timestamp_seconds", "Since when the pull request is open; 0 for none.");
  const unapplied = gauge(
    "unapplied_since_timestamp_seconds",
    "Since when what is on the branch is not applied; 0: it is; none before the cluster was asked.",
  );
  const suspended = gauge("suspended", "1 while a person wants nothing to be written.");
  const leader = gauge("leader", "1 for the agent that had the lock in its last cycle; 0 while another one works.");
  gauge("build_info", "The version of the agent.", ["version"]).labels(version).set(1);

  // There from the first scrape on, so that the first failure shows as a rise.
  for (const result of ["published", "proposed", "blocked", "unchanged", "planned", "failed"])
    cycles.inc({ result }, 0);
  for (const kind of ["created", "updated", "deleted"]) changes.inc({ kind }, 0);
  for (const result of ["succeeded", "failed"]) {
    renewals.inc({ result }, 0);
    pushes.inc({ result }, 0);
  }
  for (const each of [complete, heldOldest, notAfter, skew, opened, suspended, leader]) each.set(0);
  // Nobody has asked the cluster yet: 0 would say that all is applied.
  unapplied.remove();

  return {
    restore: (counters) => addCounters(registry, counters),
    counters: () => countersOf(registry, PREFIX),
    observe: ({ outcome, finishedAt, notAfter: until, renewal, clockSkew, pushRetries, director, isLeader }) => {
      const { result, failure, applications: all, durationSeconds } = outcome;
      cycles.inc({ result });
      leader.set(isLeader ? 1 : 0);
      for (const [stage, took] of Object.entries(durationSeconds)) {
        if (stage === "total") cycleDuration.observe(took);
        else stageDuration.observe({ stage }, took);
      }
      notAfter.set(until === null ? 0 : seconds(until));
      if (renewal !== null) renewals.inc({ result: renewal });
      if (clockSkew !== null) skew.set(clockSkew / 1000);
      retries.inc(pushRetries);
      for (const { operation, code, milliseconds } of director) {
        requests.inc({ operation, code });
        requestDuration.observe({ operation }, milliseconds / 1000);
      }
      if (result === "published" || (result === "proposed" && outcome.commit !== null))
        pushes.inc({ result: "succeeded" });
      if (failure?.stage === "publish") pushes.inc({ result: "failed" });
      // What is known of the Applications stays as the last complete cycle knew it.
      if (result === "failed") return;
      complete.set(seconds(finishedAt));
      const [held, setAside] = [all.held.filter(({ secret }) => secret === null), all.setAside];
      const degraded = new Set(all.degraded.map(({ id }) => id)).size;
      const isOnTarget = result === "published" || result === "unchanged";
      // What is only proposed or planned leaves Git as it was.
      const written = isOnTarget ? all.created.length : all.deleted.length;
      applications.set({ state: "published" }, all.unchanged + all.updated.length + written);
      applications.set({ state: "held" }, held.length);
      applications.set({ state: "set_aside" }, setAside.length);
      applications.set({ state: "degraded" }, degraded);
      const isWritten = result === "published";
      changes.inc({ kind: "created" }, isWritten ? all.created.length : 0);
      changes.inc({ kind: "updated" }, isWritten ? all.updated.length : 0);
      changes.inc({ kind: "deleted" }, isWritten ? all.deleted.length : 0);
      heldOldest.set(outcome.approval === null ? 0 : seconds(new Date(outcome.approval.heldSince)));
      const applied = appliedOf(outcome);
      // What the cluster did not say stays as it was known.
      if (applied !== null) unapplied.set(applied.since === null ? 0 : seconds(new Date(applied.since)));
      suspended.set(outcome.suspended ? 1 : 0);
      const { pullRequest } = outcome;
      opened.set(pullRequest?.state === "open" ? seconds(new Date(pullRequest.openedAt)) : 0);
    },
    collect: async () => ({ type: registry.contentType, text: await registry.metrics() }),
  };
}
