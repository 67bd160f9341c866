/** Events about the CompassConnection: what its schema has no room for (docs/reference/compass-connection.md). Pure. */

import { forEvent } from "../common/quote.js";
import { isLate, notAppliedText } from "./applied.js";
import { reasonsText, setAsideText } from "./connection-state.js";
import { appliedOf, type Outcome, type OutcomeFailure } from "./outcome.js";
import { requestText } from "./request.js";
import { count } from "./terminal.js";

/** Why there is an Event. A failure has its own code instead. Documented, never renamed. */
export type EventReason =
  | "Paired"
  | "PairingFailed"
  | "CertificateRenewed"
  | "RenewalFailed"
  | "CertificateRevoked"
  | "ConnectionMadeAgain"
  | "ApplicationsHeld"
  | "ApplicationsSetAside"
  | "ApplicationsDegraded"
  | "NotApplied"
  | "WritingSuspended"
  | "ChangesProposed"
  | "ProposalBlocked";

export interface ReportedEvent {
  readonly type: "Normal" | "Warning";
  readonly reason: EventReason | OutcomeFailure["code"];
  /** One printable line, at most 1 KiB. The same circumstances give the same words, so that they are counted. */
  readonly message: string;
}

type Told = Pick<OutcomeFailure, "code" | "message">;

const text = ({ code, message }: Told) => `${code}: ${message}`;

/** An Event with its message made fit for one. */
export const anEvent = (type: ReportedEvent["type"], reason: ReportedEvent["reason"], message: string) => ({
  type,
  reason,
  message: forEvent(message),
});

export const failureEvent = (failure: Pick<OutcomeFailure, "code" | "message" | "hint">): ReportedEvent =>
  anEvent("Warning", failure.code, `${failure.message}. ${failure.hint}`);

/** What became of the certificate. */
export const certificateEvents = {
  paired: (host: string) => anEvent("Normal", "Paired", `paired with ${host}`),
  renewed: (host: string, notAfter: Date | null) =>
    anEvent(
      "Normal",
      "CertificateRenewed",
      `${host} renewed the certificate, which is valid until ${notAfter?.toISOString() ?? "an unknown time"}`,
    ),
  revoked: () =>
    anEvent("Normal", "CertificateRevoked", "the certificate was revoked by command: a new one-time token is needed"),
  pairingFailed: (failure: Told) => anEvent("Warning", "PairingFailed", `pairing failed: ${text(failure)}`),
  renewalFailed: (failure: Told) =>
    anEvent("Warning", "RenewalFailed", `the certificate in use was not renewed: ${text(failure)}`),
};

export const madeAgain = (): ReportedEvent =>
  anEvent("Normal", "ConnectionMadeAgain", "it was missing, and was made again from the agent's state");

/** Of a cycle: at most one of each reason, whatever the number of Applications. */
export function outcomeEvents(outcome: Outcome): ReportedEvent[] {
  const { applications, approval, suspended, failure, commit, result, pullRequest } = outcome;
  if (failure !== null) return [failureEvent(failure)];
  const applied = appliedOf(outcome);
  // What was committed a moment ago has its time.
  const late = applied !== null && commit === null && isLate(applied) ? applied : null;
  const { held, setAside, degraded } = applications;
  const mend = approval === null ? "" : `; \`${approval.command}\` lets ${approval.count} of them pass`;
  const request = pullRequest === null ? "its branch" : pullRequest.url;
  const proposed = pullRequest === null ? "proposed" : requestText(pullRequest, false);
  return [
    ...(result === "proposed"
      ? [anEvent("Normal", "ChangesProposed", `what Compass asks for is ${proposed}: ${request}`)]
      : []),
    ...(result === "blocked"
      ? [anEvent("Warning", "ProposalBlocked", `a commit that is not the agent's keeps it from proposing: ${request}`)]
      : []),
    ...(held.length === 0
      ? []
      : [anEvent("Warning", "ApplicationsHeld", `${held.length} held: ${reasonsText(held)}${mend}`)]),
    ...(setAside.length === 0 ? [] : [anEvent("Warning", "ApplicationsSetAside", setAsideText(applications))]),
    ...(degraded.length === 0
      ? []
      : [
          anEvent(
            "Warning",
            "ApplicationsDegraded",
            `published as far as possible, ${count(degraded.length, "remark")}: ${reasonsText(degraded)}`,
          ),
        ]),
    ...(late === null
      ? []
      : [anEvent("Warning", "NotApplied", `what is committed is not applied: ${notAppliedText(late)}`)]),
    ...(suspended ? [anEvent("Warning", "WritingSuspended", "nothing is written to Git: a person suspended it")] : []),
  ];
}
