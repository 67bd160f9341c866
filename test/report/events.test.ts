import { describe, expect, it } from "vitest";
import { type Applied, certificateEvents, failureEvent, outcomeEvents } from "../../src/report/index.js";
import { noon } from "../builders.js";
import { aFailure, anApplied, anOutcome, aPlan, type OutcomeOptions } from "./an-outcome.js";

const held = (name: string) => ({ name, id: name, secret: null, reason: "OverLimit", until: null }) as const;

describe("the Events of a cycle", () => {
  it("are none when all went well", () => {
    expect(outcomeEvents(anOutcome(aPlan()))).toEqual([]);
  });

  it("are one for all that is held, set aside, degraded each, and one for a suspension", () => {
    const plan = aPlan({
      created: ["mp-a"],
      held: [held("mp-b"), held("mp-c")],
      setAside: [{ name: "mp-d", id: "d", reason: "DuplicateName", message: "m" }],
      degraded: [{ name: "mp-a", id: "a", reason: "NoTarget", bundle: null, message: "m" }],
    });
    const hold = { set: "s", nonce: "n", hash: "abc", since: "2026-01-01T00:00:00Z", units: [] };
    const approval = {
      hold: { ...hold, units: [{ name: "mp-b", id: "b", secret: null }] },
      isApproved: false,
      expires: null,
    };

    const events = outcomeEvents(anOutcome(plan, { approval, suspended: true }));

    expect(events).toEqual([
      {
        type: "Warning",
        reason: "ApplicationsHeld",
        message: "2 held: mp-b (OverLimit), mp-c (OverLimit); `runtime-agent approve abc` lets 1 of them pass",
      },
      { type: "Warning", reason: "ApplicationsSetAside", message: "1 of 4 set aside: mp-d (DuplicateName)" },
      {
        type: "Warning",
        reason: "ApplicationsDegraded",
        message: "published as far as possible, 1 remark: mp-a (NoTarget)",
      },
      { type: "Warning", reason: "WritingSuspended", message: "nothing is written to Git: a person suspended it" },
    ]);
  });

  it("are one for what is not applied, when it is late and nothing was committed in this cycle", () => {
    const since = new Date(noon.getTime() - 10 * 60_000).toISOString();
    const applied = { ...anApplied, current: false, missing: ["mp-a"], since };
    const told = (changes: Partial<Applied>, commit: OutcomeOptions["commit"] = null) =>
      outcomeEvents(anOutcome(aPlan(), { commit, applied: { ...applied, ...changes } }));

    expect(told({})).toEqual([
      { type: "Warning", reason: "NotApplied", message: "what is committed is not applied: not as in Git: mp-a" },
    ]);
    expect(told({ since: noon.toISOString() })).toEqual([]);
    expect(told({}, { id: "c", branch: "main" })).toEqual([]);
    expect(told({ current: true, since: null })).toEqual([]);
  });

  it("are the failure alone when it failed, by its own code", () => {
    const events = outcomeEvents(anOutcome(null, { result: "failed", failure: aFailure("ServerError") }));

    expect(events).toEqual([{ type: "Warning", reason: "ServerError", message: "Director is not available. Wait." }]);
  });

  it("fit into an Event whatever the names are, and steer no terminal", () => {
    const names = Array.from({ length: 300 }, (_, index) => held(`${"ü\u001b".repeat(60)}${index}`));

    const [event] = outcomeEvents(anOutcome(aPlan({ held: names })));

    expect(event?.message).toMatch(/^300 held: /);
    expect(Buffer.byteLength(event?.message ?? "")).toBeLessThanOrEqual(1_024);
    expect(event?.message).not.toContain("\u001b");
    expect(event?.message).not.toContain("\ufffd");
  });
});

describe("the Events of the certificate", () => {
  it("say what became of it", () => {
    const { paired, renewed, pairingFailed, renewalFailed, revoked } = certificateEvents;

    expect(
      [
        paired("c.example.com"),
        renewed("c.example.com", new Date("2027-01-01T00:00:00Z")),
        pairingFailed(aFailure("TokenRejected")),
        renewalFailed(aFailure("ServerError")),
        revoked(),
        failureEvent(aFailure("ServerError")),
      ].map(({ type, reason }) => `${type} ${reason}`),
    ).toEqual([
      "Normal Paired",
      "Normal CertificateRenewed",
      "Warning PairingFailed",
      "Warning RenewalFailed",
      "Normal CertificateRevoked",
      "Warning ServerError",
    ]);
  });
});
