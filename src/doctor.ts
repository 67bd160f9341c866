/** Every precondition with a verdict and the mend. Changes nothing: no token is spent, nothing is written but what is temporary. */

import { createHTTPClient } from "./adapters/http/index.js";
import { certificateRemarks, type Remark } from "./certificate-remarks.js";
import { openClusterReport } from "./cluster-report.js";
import type { Clock } from "./common/clock.js";
import { asFailure, type Failure } from "./common/failure.js";
import { silentLogger } from "./common/logger.js";
import { type Config, configurationNotes } from "./config/index.js";
import {
  canFinish,
  findIdentity,
  inspectIdentity,
  isAllowed,
  isPastTokenLife,
  readToken,
  unprovenRenewal,
  validFrom,
} from "./connect/index.js";
import { examineAdmission, examineApplied, examineApplier, examineGitOps } from "./doctor-cluster.js";
import { examineProposals, examineRepository } from "./doctor-git.js";
import { requireHost } from "./git-host.js";
import { goAgentObjects } from "./go-agent-objects.js";
import { proofOf } from "./identity-client.js";
import { movedConnector } from "./reconnect-identity.js";
import { renewalDue } from "./renew-identity.js";
import { wrongClock } from "./report/index.js";
import { trySealing } from "./sealing-check.js";
import { compassTransport, configuredToken, type Environment, openState } from "./setup.js";
import type { State } from "./state/index.js";
import { rehearseTakeOver } from "./take-over.js";
import { type Finding, failed, ok, skipped, warning } from "./verdict.js";

export interface Check extends Finding {
  /** What was looked at: a documented word. */
  readonly check:
    | "configuration"
    | "state"
    | "go-agent"
    | "compass-connection"
    | "connector"
    | "certificate"
    | "token"
    | "compass"
    | "clock"
    | "repository"
    | "proposals"
    | "sealing"
    | "gitops"
    | "applier"
    | "applied"
    | "admission";
}

export interface DoctorOptions {
  readonly config: Config;
  /** Why what `runtime.configuration` names is not in `config`; null when it is. */
  readonly unresolved: Failure | null;
  readonly env: Environment;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Runs all checks, each whatever came of the others. */
export async function examine(options: DoctorOptions): Promise<Check[]> {
  const { config, env, signal } = options;
  let state: State | null = null;
  let skew: number | null = null;
  const checks: readonly (readonly [Check["check"], () => Promise<Finding>])[] = [
    ["configuration", () => configuration(options)],
    [
      "state",
      async () => {
        const opened = openState(config, env, signal);
        await opened.memory();
        await opened.pending();
        state = opened;
        await opened.checkWritable();
        return ok(`readable and writable, ${opened.description}`);
      },
    ],
    ["go-agent", () => goAgent(options)],
    ["compass-connection", () => compassConnection(options)],
    [
      "connector",
      async () => {
        const { finding, clockSkew } = await connector(options);
        skew = clockSkew;
        return finding;
      },
    ],
    ["certificate", () => ifState(state, (readable) => certificate(options, readable))],
    ["token", () => ifState(state, (readable) => token(options, readable))],
    ["compass", () => ifState(state, (readable) => compass(options, readable))],
    ["clock", async () => clockOf(skew)],
    ["repository", () => examineRepository(options)],
    ["proposals", () => examineProposals(options)],
    ["sealing", () => sealing(options)],
    ["gitops", () => examineGitOps(options)],
    ["applier", () => examineApplier(options)],
    ["applied", () => examineApplied(options)],
    ["admission", () => examineAdmission(options)],
  ];
  const found: Check[] = [];
  for (const [check, look] of checks) {
    found.push({ check, ...(await look().catch((thrown: unknown) => broken(thrown))) });
  }
  return found;
}

/** What broke a check is its verdict; only being stopped ends the examination. */
function broken(thrown: unknown): Finding {
  const failure = asFailure(thrown, "connect");
  if (failure.code === "Aborted") throw failure;
  return failed(`${failure.message} (${failure.code})`, failure.hint);
}

const ifState = async (state: State | null, look: (state: State) => Promise<Finding>): Promise<Finding> =>
  state === null ? skipped("the state cannot be read") : look(state);

async function configuration({ config, unresolved, env, signal }: DoctorOptions): Promise<Finding> {
  requireHost(config);
  if (unresolved !== null) throw unresolved;
  await rehearseTakeOver(config, env, signal);
  const missing = [
    ...(config.runtime.id === null ? ["runtime.id"] : []),
    ...(config.git === null ? ["git.url"] : []),
    ...(config.compass.connectorURL === null && config.compass.token === null ? ["compass.connectorURL"] : []),
  ];
  if (missing.length > 0)
    return failed(`not set: ${missing.join(", ")}`, "set them; see docs/reference/configuration.md");
  const notes = [
    ...(config.compass.insecureSkipVerify
      ? ["compass.insecureSkipVerify is on: anybody can stand in for Compass"]
      : []),
    ...configurationNotes(config),
  ];
  return notes.length > 0
    ? warning(notes.join("; "), "change these settings, which docs/reference/configuration.md explains")
    : ok("complete");
}

async function goAgent(options: DoctorOptions): Promise<Finding> {
  const report = openClusterReport({ ...options, log: silentLogger });
  if (report === null) return skipped("the state is not in a cluster");
  const failure = await report.goAgent();
  const { env, clock, signal } = options;
  const objects = await goAgentObjects({ env, clock, signal, stage: "report" });
  if (failure === null) {
    const left = objects === "" ? "" : `; it left ${objects}`;
    return ok(`the Go agent does not run beside this one${left}`);
  }
  const owned = objects === "" ? "" : `; it owns ${objects}`;
  return failed(`${failure.message}${owned}`, failure.hint);
}

async function compassConnection(options: DoctorOptions): Promise<Finding> {
  const report = openClusterReport({ ...options, log: silentLogger });
  if (report === null) return skipped("the state is not in a cluster");
  const failure = await report.rehearse();
  return failure === null
    ? ok("it can be read and written, and Events can be told")
    : warning(`a sync works, but cannot tell what it did: ${failure.message} (${failure.code})`, failure.hint);
}

/** Asks without a token, which spends none: any answer shows that somebody is there. */
async function connector({ config, env, signal, clock }: DoctorOptions) {
  const url = config.compass.connectorURL;
  if (url === null) return { finding: skipped("compass.connectorURL is not set"), clockSkew: null };
  const client = createHTTPClient({
    ...(await compassTransport(config, env, signal, clock)),
    stage: "connect",
    peer: "the Connector",
  });
  try {
    const headers = { "content-type": "application/json" };
    const { status } = await client.fetch(url, { method: "POST", headers, body: '{"query":"query { __typename }"}' });
    const { host } = new URL(url);
    const finding =
      status >= 500 || status === 404
        ? failed(
            `${host} answers, but no Connector (HTTP ${status})`,
            "check compass.connectorURL; else Compass has an outage",
          )
        : ok(
            `${host} answers, and its certificate is ${config.compass.insecureSkipVerify ? "not looked at" : "trusted"}`,
          );
    return { finding, clockSkew: client.clockSkew };
  } finally {
    await client.close();
  }
}

async function certificate(options: DoctorOptions, state: State): Promise<Finding> {
  const { config, clock } = options;
  const [identity, connection] = [await state.identity(), await state.connection()];
  const now = clock.now();
  const pairing = "pair with a new one-time token: `runtime-agent pair --token-file FILE`";
  const pending = await state.pending();
  const isOnItsWay = pending !== null && (canFinish(pending, now) || unprovenRenewal(pending, now) !== null);
  const inspected = identity === null ? null : inspectIdentity(identity);
  const isUsable = (inspected?.usable?.dates.notAfter ?? now) > now;
  if (isOnItsWay && !isUsable && !isAllowed(pending.urls, config.compass.hosts)) {
    return failed(
      "one is on its way, and an address of it is not allowed: nothing is sent there",
      "if it is right, add its host to compass.hosts; else pair with a new one-time token: `runtime-agent pair --token-file FILE`",
    );
  }
  if ((identity === null || connection === null) && pending !== null && canFinish(pending, now)) {
    const from = validFrom(pending, now);
    return warning(
      from === null ? "a pairing was cut short" : `the new certificate is valid only from ${from.toISOString()}`,
      from === null ? "the next sync finishes it" : "the next sync after that uses it",
    );
  }
  if (inspected === null || connection === null) {
    const { verdict } = await token(options, state).catch((thrown: unknown) => broken(thrown));
    return verdict !== "ok"
      ? failed("there is none: this agent is not paired", pairing)
      : warning("there is none yet: the next sync pairs with the configured token", "run `runtime-agent sync`");
  }
  const { usable, flaw } = inspected;
  if (usable === null) return failed(`it cannot be used (${flaw})`, pairing);
  const { notAfter } = usable.dates;
  if (notAfter <= now && unprovenRenewal(pending, now) !== null) {
    return warning(
      `it expired on ${notAfter.toISOString()}; a renewed one is stored, but not proven yet`,
      "the next sync proves and uses it, or `runtime-agent renew` now",
    );
  }
  if (notAfter <= now) return failed(`it expired on ${notAfter.toISOString()}`, pairing);
  if (flaw !== null) return warning(`a part of it is damaged (${flaw})`, "the next sync renews it");
  const moved = movedConnector(config, connection);
  if (moved !== null) {
    return warning(
      moved,
      "if Compass moved, give a new one-time token: `runtime-agent reconnect --token-file FILE`, or where compass.token reads it",
    );
  }
  const { renewal } = (await state.memory()).certificate;
  if (renewal !== null) {
    const since = `renewing fails since ${renewal.since} (${renewal.failure})`;
    return warning(`${since}; valid until ${notAfter.toISOString()}`, "`runtime-agent renew` says what is wrong");
  }
  const remarks = certificateRemarks(config, { dates: usable.dates, connection }, { renewal }, now);
  if (remarks.length > 0) {
    const all = (word: keyof Remark) => remarks.map((remark) => remark[word]).join("; ");
    return warning(all("problem"), all("mend"));
  }
  const due = renewalDue(config, usable.dates, connection.clientID);
  return ok(`valid until ${notAfter.toISOString()}, renewed from ${due.toISOString()} on`);
}

async function token({ config, env, clock, signal }: DoctorOptions, state: State): Promise<Finding> {
  if (config.compass.token === null) return skipped("compass.token is not set");
  const { rejected } = (await state.memory()).certificate;
  // One that Compass does not take needs a token as much as none.
  const isPaired = rejected === null && typeof (await findIdentity(state, clock.now())) !== "string";
  const secret = await configuredToken(config, env, signal).catch((thrown: unknown) => {
    if (!isPaired) throw thrown;
    return null;
  });
  if (isPaired && secret === null) {
    return warning(
      "compass.token cannot be read; while the certificate works, none is needed",
      "leave compass.token out, or put the file back when a new token is needed",
    );
  }
  if (secret === null) return skipped("compass.token is not set");
  let digest: string;
  try {
    ({ digest } = readToken(secret));
  } catch (thrown) {
    if (!isPaired) throw thrown;
    return warning(
      "it is no token; while the certificate works, none is needed",
      "put a new token there when one is needed",
    );
  }
  const { spentTokens, certificate: memory } = await state.memory();
  const tried = memory.triedTokens[digest];
  const isOld = isPastTokenLife(tried, clock.now());
  if (!isPaired && tried !== undefined && isOld) {
    return failed(
      `it was refused since ${tried.since}, longer than a token lives`,
      "ask Compass for a new one-time token",
    );
  }
  if (!spentTokens.includes(digest) && !isOld) return ok("there is one that was not used by this agent");
  return isPaired
    ? ok("it is spent, and none is needed while the certificate works")
    : failed("it was used by this agent before", "ask Compass for a new one-time token");
}

/** Director and the mTLS Connector, as a cycle and a renewal use them. */
async function compass(options: DoctorOptions, state: State): Promise<Finding> {
  const found = await findIdentity(state, options.clock.now());
  if (typeof found === "string") return skipped("there is no certificate to ask with");
  const { identity, connection, shown } = found;
  const prove = await proofOf(options);
  await prove({ key: identity.key, chain: shown }, connection);
  return ok(`Connector and Director at ${new URL(connection.directorURL).host} take the certificate`);
}

function clockOf(skew: number | null): Finding {
  if (skew === null) return skipped("Compass did not tell its time");
  const wrong = wrongClock(skew);
  return wrong === null
    ? ok("as Compass's, within 5 s")
    : warning(`${wrong} Compass`, "set this machine's clock, best by NTP");
}

async function sealing({ config, ...options }: DoctorOptions): Promise<Finding> {
  const { isTried, message, mend } = await trySealing(config, options);
  if (!isTried) return skipped(message);
  return mend === null ? ok(message) : warning(message, mend);
}
