/** Every bad thing that Compass can answer, at each step of the identity's life: what is said of it, and what is left. */

import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { failedEvent, type ReportedOptions } from "../src/cluster-report.js";
import { asFailure, type Failure, type FailureCode } from "../src/common/failure.js";
import { inspectIdentity } from "../src/connect/index.js";
import { pairIdentity } from "../src/pair-identity.js";
import { reconnectIdentity } from "../src/reconnect-identity.js";
import { renewIdentity } from "../src/renew-identity.js";
import { describeFailure, exitCodeOfFailure, nextConnection } from "../src/report/index.js";
import { revokeIdentity } from "../src/revoke-identity.js";
import type { FaultName, Sandbox } from "../src/sandbox/index.js";
import type { State } from "../src/state/index.js";
import { freshToken } from "./connect/setup.js";
import { aMovedClock, aRuntime } from "./runtime.js";
import { aSandbox, setFaults } from "./sandbox/compass-client.js";

type Step =
  | "pair configuration"
  | "pair signCertificateSigningRequest"
  | "pair __typename"
  | "pair runtime"
  | "renew configuration"
  | "renew signCertificateSigningRequest"
  | "renew __typename"
  | "renew runtime"
  | "revoke revokeCertificate"
  | "reconnect requestOneTimeTokenForRuntime"
  | "reconnect configuration"
  | "reconnect signCertificateSigningRequest"
  | "reconnect __typename"
  | "reconnect runtime";

/** Of a pairing or renewal that is on its way: nothing, its key without a certificate, or all of it. */
type Left = "nothing" | "begun" | "issued";

type Row = readonly [fault: FaultName, code: FailureCode, exit: number, left: Left];

/** By the Connector's or Director's operation, whatever led to the pairing. */
const PAIRING = {
  configuration: [
    ["slow", "TimedOut", 75, "nothing"],
    ["unprocessable", "ConnectorRejected", 1, "nothing"],
    ["http-500", "ServerError", 75, "nothing"],
    ["http-503", "ServerError", 75, "nothing"],
    ["http-401", "TokenRejected", 3, "nothing"],
    ["http-403", "TokenRejected", 3, "nothing"],
    ["rate-limited", "RateLimited", 75, "nothing"],
    ["cut-body", "AnswerCut", 75, "nothing"],
    ["truncated-json", "AnswerMalformed", 1, "nothing"],
    ["not-json", "AnswerMalformed", 1, "nothing"],
    ["graphql-error", "ConnectorRejected", 1, "nothing"],
    ["partial-error", "ConnectorRejected", 1, "nothing"],
    ["bad-request-empty", "TokenRejected", 3, "nothing"],
    ["reset", "NetworkUnreachable", 75, "nothing"],
    ["redirect", "Redirected", 1, "nothing"],
    ["token-spent", "TokenRejected", 3, "nothing"],
    ["tls-untrusted", "TlsUntrusted", 1, "nothing"],
  ],
  signCertificateSigningRequest: [
    ["slow", "TimedOut", 75, "begun"],
    ["unprocessable", "ConnectorRejected", 1, "nothing"],
    ["tls-untrusted", "TlsUntrusted", 1, "begun"],
    ["http-500", "ServerError", 75, "begun"],
    ["http-503", "ServerError", 75, "begun"],
    ["http-401", "TokenRejected", 3, "begun"],
    ["rate-limited", "RateLimited", 75, "begun"],
    ["cut-body", "AnswerCut", 75, "begun"],
    ["not-json", "AnswerMalformed", 1, "begun"],
    // The Connector itself has answered: the second token is spent.
    ["graphql-error", "ConnectorRejected", 1, "nothing"],
    ["partial-error", "ConnectorRejected", 1, "nothing"],
    ["bad-request-empty", "TokenRejected", 3, "begun"],
    ["reset", "NetworkUnreachable", 75, "begun"],
    ["redirect", "Redirected", 1, "begun"],
    ["token-spent", "TokenRejected", 3, "begun"],
    ["sign-fails-after-token", "ServerError", 75, "begun"],
    ["wrong-certificate", "CertificateUnusable", 1, "nothing"],
    ["future-certificate", "CertificateUnusable", 75, "issued"],
    ["http-403", "TokenRejected", 3, "begun"],
    ["truncated-json", "AnswerMalformed", 1, "begun"],
  ],
  __typename: [
    ["slow", "TimedOut", 75, "issued"],
    ["http-500", "ServerError", 75, "issued"],
    ["http-401", "CredentialsRejected", 3, "issued"],
    ["rate-limited", "RateLimited", 75, "issued"],
    ["cut-body", "AnswerCut", 75, "issued"],
    ["not-json", "AnswerMalformed", 75, "issued"],
    ["unprocessable", "ConnectorRejected", 1, "issued"],
    ["bad-request-empty", "CredentialsRejected", 3, "issued"],
    ["reset", "NetworkUnreachable", 75, "issued"],
    ["redirect", "Redirected", 1, "issued"],
    ["tls-untrusted", "TlsUntrusted", 1, "issued"],
    ["http-503", "ServerError", 75, "issued"],
    ["http-403", "CredentialsRejected", 3, "issued"],
    ["truncated-json", "AnswerMalformed", 75, "issued"],
  ],
  runtime: [
    ["slow", "TimedOut", 75, "issued"],
    ["http-503", "ServerError", 75, "issued"],
    ["http-403", "CredentialsRejected", 3, "issued"],
    ["rate-limited", "RateLimited", 75, "issued"],
    ["cut-body", "AnswerCut", 75, "issued"],
    ["truncated-json", "AnswerMalformed", 75, "issued"],
    ["not-json", "AnswerMalformed", 75, "issued"],
    ["graphql-error", "DirectorRefused", 75, "issued"],
    ["partial-error", "DirectorRefused", 75, "issued"],
    ["unprocessable", "DirectorRefused", 75, "issued"],
    ["no-runtime", "RuntimeUnknown", 1, "issued"],
    ["insufficient-scopes", "CredentialsRejected", 3, "issued"],
    ["bad-request-empty", "CredentialsRejected", 3, "issued"],
    ["reset", "NetworkUnreachable", 75, "issued"],
    ["redirect", "Redirected", 1, "issued"],
    ["tls-untrusted", "TlsUntrusted", 1, "issued"],
    ["http-500", "ServerError", 75, "issued"],
    ["http-401", "CredentialsRejected", 3, "issued"],
  ],
} as const satisfies Readonly<Record<string, readonly Row[]>>;

const TABLE: Readonly<Record<Step, readonly Row[]>> = {
  "pair configuration": PAIRING.configuration,
  "pair signCertificateSigningRequest": PAIRING.signCertificateSigningRequest,
  "pair __typename": PAIRING.__typename,
  "pair runtime": PAIRING.runtime,
  "renew configuration": [
    ["slow", "TimedOut", 75, "nothing"],
    ["unprocessable", "ConnectorRejected", 1, "nothing"],
    ["http-503", "ServerError", 75, "nothing"],
    ["http-401", "CredentialsRejected", 3, "nothing"],
    ["rate-limited", "RateLimited", 75, "nothing"],
    ["cut-body", "AnswerCut", 75, "nothing"],
    ["not-json", "AnswerMalformed", 75, "nothing"],
    ["graphql-error", "ConnectorRejected", 1, "nothing"],
    ["partial-error", "ConnectorRejected", 1, "nothing"],
    ["bad-request-empty", "CredentialsRejected", 3, "nothing"],
    ["reset", "NetworkUnreachable", 75, "nothing"],
    ["redirect", "Redirected", 1, "nothing"],
    ["tls-untrusted", "TlsUntrusted", 1, "nothing"],
    ["http-500", "ServerError", 75, "nothing"],
    ["http-403", "CredentialsRejected", 3, "nothing"],
    ["truncated-json", "AnswerMalformed", 75, "nothing"],
  ],
  "renew signCertificateSigningRequest": [
    ["slow", "TimedOut", 75, "begun"],
    ["unprocessable", "ConnectorRejected", 1, "nothing"],
    ["redirect", "Redirected", 1, "begun"],
    ["tls-untrusted", "TlsUntrusted", 1, "begun"],
    ["http-503", "ServerError", 75, "begun"],
    ["http-403", "CredentialsRejected", 3, "begun"],
    ["rate-limited", "RateLimited", 75, "begun"],
    ["cut-body", "AnswerCut", 75, "begun"],
    ["truncated-json", "AnswerMalformed", 75, "begun"],
    ["graphql-error", "ConnectorRejected", 1, "nothing"],
    ["bad-request-empty", "CredentialsRejected", 3, "begun"],
    ["reset", "NetworkUnreachable", 75, "begun"],
    ["sign-fails-after-token", "ServerError", 75, "begun"],
    ["wrong-certificate", "CertificateUnusable", 1, "nothing"],
    ["future-certificate", "CertificateUnusable", 75, "issued"],
    ["http-500", "ServerError", 75, "begun"],
    ["http-401", "CredentialsRejected", 3, "begun"],
    ["not-json", "AnswerMalformed", 75, "begun"],
    ["partial-error", "ConnectorRejected", 1, "nothing"],
  ],
  "renew __typename": [
    ["slow", "TimedOut", 75, "issued"],
    ["unprocessable", "ConnectorRejected", 1, "issued"],
    ["redirect", "Redirected", 1, "issued"],
    ["tls-untrusted", "TlsUntrusted", 1, "issued"],
    ["http-503", "ServerError", 75, "issued"],
    ["http-403", "CredentialsRejected", 3, "issued"],
    ["rate-limited", "RateLimited", 75, "issued"],
    ["cut-body", "AnswerCut", 75, "issued"],
    ["not-json", "AnswerMalformed", 75, "issued"],
    ["bad-request-empty", "CredentialsRejected", 3, "issued"],
    ["reset", "NetworkUnreachable", 75, "issued"],
    ["http-500", "ServerError", 75, "issued"],
    ["http-401", "CredentialsRejected", 3, "issued"],
    ["truncated-json", "AnswerMalformed", 75, "issued"],
  ],
  "renew runtime": [
    ["slow", "TimedOut", 75, "issued"],
    ["unprocessable", "DirectorRefused", 75, "issued"],
    ["no-runtime", "RuntimeUnknown", 1, "issued"],
    ["tls-untrusted", "TlsUntrusted", 1, "issued"],
    ["http-500", "ServerError", 75, "issued"],
    ["http-401", "CredentialsRejected", 3, "issued"],
    ["rate-limited", "RateLimited", 75, "issued"],
    ["truncated-json", "AnswerMalformed", 75, "issued"],
    ["not-json", "AnswerMalformed", 75, "issued"],
    ["graphql-error", "DirectorRefused", 75, "issued"],
    ["partial-error", "DirectorRefused", 75, "issued"],
    ["bad-request-empty", "CredentialsRejected", 3, "issued"],
    ["insufficient-scopes", "CredentialsRejected", 3, "issued"],
    ["redirect", "Redirected", 1, "issued"],
    ["http-503", "ServerError", 75, "issued"],
    ["http-403", "CredentialsRejected", 3, "issued"],
    ["cut-body", "AnswerCut", 75, "issued"],
    ["reset", "NetworkUnreachable", 75, "issued"],
  ],
  "revoke revokeCertificate": [
    ["slow", "RevocationUnconfirmed", 75, "nothing"],
    ["unprocessable", "RevocationUnconfirmed", 1, "nothing"],
    ["http-500", "RevocationUnconfirmed", 75, "nothing"],
    ["http-401", "RevocationUnconfirmed", 1, "nothing"],
    ["rate-limited", "RevocationUnconfirmed", 75, "nothing"],
    ["cut-body", "RevocationUnconfirmed", 75, "nothing"],
    ["truncated-json", "RevocationUnconfirmed", 75, "nothing"],
    ["graphql-error", "RevocationUnconfirmed", 1, "nothing"],
    ["partial-error", "RevocationUnconfirmed", 1, "nothing"],
    ["bad-request-empty", "RevocationUnconfirmed", 1, "nothing"],
    ["redirect", "RevocationUnconfirmed", 1, "nothing"],
    ["tls-untrusted", "RevocationUnconfirmed", 1, "nothing"],
    ["http-503", "RevocationUnconfirmed", 75, "nothing"],
    ["http-403", "RevocationUnconfirmed", 1, "nothing"],
    ["not-json", "RevocationUnconfirmed", 75, "nothing"],
    ["reset", "RevocationUnconfirmed", 75, "nothing"],
  ],
  "reconnect requestOneTimeTokenForRuntime": [
    ["slow", "TimedOut", 75, "nothing"],
    ["unprocessable", "DirectorRefused", 75, "nothing"],
    ["redirect", "Redirected", 1, "nothing"],
    ["tls-untrusted", "TlsUntrusted", 1, "nothing"],
    ["http-503", "ServerError", 75, "nothing"],
    ["http-403", "CredentialsRejected", 3, "nothing"],
    ["rate-limited", "RateLimited", 75, "nothing"],
    ["cut-body", "AnswerCut", 75, "nothing"],
    ["not-json", "AnswerMalformed", 75, "nothing"],
    ["graphql-error", "DirectorRefused", 75, "nothing"],
    ["insufficient-scopes", "CredentialsRejected", 3, "nothing"],
    ["bad-request-empty", "CredentialsRejected", 3, "nothing"],
    ["reset", "NetworkUnreachable", 75, "nothing"],
    ["http-500", "ServerError", 75, "nothing"],
    ["http-401", "CredentialsRejected", 3, "nothing"],
    ["truncated-json", "AnswerMalformed", 75, "nothing"],
    ["partial-error", "DirectorRefused", 75, "nothing"],
  ],
  // From here on it is a pairing beside the identity in use.
  "reconnect configuration": PAIRING.configuration,
  // One connection serves this step and the one before: it is struck there.
  "reconnect signCertificateSigningRequest": PAIRING.signCertificateSigningRequest.map(
    (row): Row => (row[0] === "tls-untrusted" ? ["tls-untrusted", "TlsUntrusted", 1, "nothing"] : row),
  ),
  "reconnect __typename": PAIRING.__typename,
  "reconnect runtime": PAIRING.runtime,
};

/** What the CompassConnection says then, which was Synchronized where there was an identity, and the Event beside it. */
const TOLD: Readonly<Record<string, { readonly work: Work; readonly state: string; readonly event: string }>> = {
  pair: { work: "pairing", state: "ConnectionFailed", event: "PairingFailed" },
  renew: { work: "renewal", state: "Synchronized", event: "RenewalFailed" },
  revoke: { work: "revocation", state: "Synchronized", event: "RevocationUnconfirmed" },
  reconnect: { work: "pairing", state: "Synchronized", event: "PairingFailed" },
};

type Work = ReportedOptions["work"];

/** State and error of the CompassConnection, and the Event, after work that failed. */
async function tellingOf(work: Work, thrown: Failure, state: State, now: Date) {
  const failure = describeFailure(thrown, "connect");
  const [identity, connection] = [await state.identity(), await state.connection()];
  const certificate = identity === null ? null : (inspectIdentity(identity).usable?.dates ?? null);
  const found = connection === null ? null : { spec: {}, status: { connectionState: "Synchronized" } };
  const { status } = nextConnection(found, {
    work,
    failure,
    applications: { total: 0, setAside: [] },
    isSuspended: false,
    certificate,
    connection,
    isResyncAsked: false,
    now,
  });
  const { connectionState, connectionStatus } = status as {
    connectionState: string;
    connectionStatus: { error?: string };
  };
  const { reason, message } = failedEvent(work, failure);
  return { state: connectionState, event: reason, error: connectionStatus.error, message };
}

const onHost = () => undefined;

/** Where each step begins a connection of its own when the work goes on from there; others begin with one. */
const RESUMED = ["signCertificateSigningRequest", "__typename", "runtime"];

/** Connections that a reconnection opens before the one of this step, when it goes on from there. */
const BEFORE_IN_RECONNECT: Readonly<Record<string, number>> = {
  requestOneTimeTokenForRuntime: 0,
  configuration: 1,
  signCertificateSigningRequest: 1,
  __typename: 2,
  runtime: 3,
};

/** `tls-untrusted` strikes connections, whatever is asked on them: the work is brought to the step that opens this one. */
async function strikeConnection(
  sandbox: Sandbox,
  [command, operation]: readonly [string, string],
  work: () => Promise<unknown>,
): Promise<void> {
  const isReconnect = command === "reconnect";
  if (RESUMED.includes(operation) && !isReconnect) {
    await setFaults(sandbox, { name: "http-503", match: operation });
    await work().catch(() => undefined);
  }
  // Director is asked on the second connection of a proof, after the Connector.
  const after = isReconnect ? BEFORE_IN_RECONNECT[operation] : operation === "runtime" ? 1 : 0;
  await setFaults(sandbox, { name: "tls-untrusted", ...(after ? { after } : {}) });
}

/** What can happen to any answer, whoever gives it. */
const TO_ANY_ANSWER: readonly FaultName[] = [
  "slow",
  "unprocessable",
  "http-500",
  "http-503",
  "http-401",
  "http-403",
  "rate-limited",
  "cut-body",
  "truncated-json",
  "not-json",
  "graphql-error",
  "partial-error",
  "bad-request-empty",
  "reset",
  "redirect",
  "tls-untrusted",
];

describe("a fault of Compass", () => {
  it.each(Object.entries(TABLE))("at the step %s can be every one", (step, rows) => {
    // No resolver answers for `__typename`, so that none can fail.
    const wanted = TO_ANY_ANSWER.filter((name) => !(step.endsWith("__typename") && name.endsWith("-error")));

    expect(rows.map(([name]) => name)).toEqual(expect.arrayContaining(wanted));
  });

  it.each(Object.entries(TABLE))(
    "at the step %s has its failure, its exit code, and leaves what can be gone on with",
    async (step, rows) => {
      const [command = "", operation = ""] = step.split(" ");
      const clock = aMovedClock();
      // What is slow takes its time; nobody else waits.
      const sandbox = await aSandbox({
        clock: { ...clock, sleep: (time, signal) => delay(time, undefined, { signal }) },
      });
      let runtime = await aRuntime(sandbox, clock);
      if (command === "renew" || command === "reconnect") await runtime.pair();
      const seen: Row[] = [];
      for (const [name] of rows) {
        // A revocation whose answer is lost is one all the same.
        if (command === "pair" || command === "revoke") runtime = await aRuntime(sandbox, clock);
        const { state } = runtime;
        const patience = name === "slow" ? { timeout: 2_000 } : {};
        const { config } = runtime.options;
        const options = { ...runtime.options, config: { ...config, compass: { ...config.compass, ...patience } } };
        const token = await freshToken(sandbox);
        if (command === "revoke") await pairIdentity({ ...options, token, onHost });
        const before = (await state.identity())?.certificate ?? null;
        const commands: Readonly<Record<string, () => Promise<unknown>>> = {
          pair: () => pairIdentity({ ...options, token, onHost }),
          renew: () => renewIdentity(options),
          revoke: () => revokeIdentity(options),
          reconnect: () => reconnectIdentity({ ...options, token: null, onHost }),
        };
        if (name === "tls-untrusted")
          await strikeConnection(sandbox, [command, operation], async () => commands[command]?.());
        else await setFaults(sandbox, { name, match: operation, ...(name === "slow" ? { delay: "PT60S" } : {}) });

        const failure = asFailure(await commands[command]?.().catch((thrown: unknown) => thrown), "connect");
        await setFaults(sandbox);

        const pending = await state.pending();
        const left = pending === null ? "nothing" : pending.issued === null ? "begun" : "issued";
        seen.push([name, failure.code, exitCodeOfFailure(failure), left]);
        // With one that works nobody has to be told to begin anew.
        if (before !== null && failure.code === "CertificateUnusable") expect(failure.hint).not.toMatch(/^Pair again/);
        expect({ name, stage: failure.stage, hint: failure.hint.length > 20 }).toEqual({
          name,
          stage: "connect",
          hint: true,
        });
        const { work = "pairing", state: connectionState, event } = TOLD[command] ?? {};
        const told = await tellingOf(work, failure, state, clock.now());
        expect({ name, state: told.state, event: told.event }).toEqual({ name, state: connectionState, event });
        expect(`${told.event} ${told.message}`).toContain(failure.code);
        expect(JSON.stringify(told)).not.toContain(token.reveal());
        expect((await state.identity())?.certificate ?? null, `in use after ${name}`).toBe(before);
        await state.discardPending();
      }
      expect(seen).toEqual(rows);
    },
    120_000,
  );
});
