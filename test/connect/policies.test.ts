import { beforeAll, describe, expect, it } from "vitest";
import { type Authority, createAuthority } from "../../src/adapters/x509/index.js";
import { Secret } from "../../src/common/secret.js";
import {
  goesOn,
  inspectIdentity,
  nextAttempt,
  type RenewalReason,
  renewalReason,
  renewalTime,
} from "../../src/connect/index.js";
import type { FailedAttempts, Identity, PendingIdentity } from "../../src/state/index.js";
import { aKey, issue, keyText } from "./setup.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const at = (text: string) => new Date(`2026-03-01T${text}Z`);
const failed = (times: number, last: Date): FailedAttempts => ({
  since: at("00:00:00").toISOString(),
  last: last.toISOString(),
  times,
  failure: "ServerError",
});

describe("the moment of a renewal", () => {
  it.each([
    ["90 days", 90 * DAY],
    ["24 hours", 24 * HOUR],
    ["an hour", HOUR],
  ])("is two thirds of a life of %s, or a little before, and leaves a third", (_, life) => {
    const notBefore = at("12:00:00");
    const dates = { commonName: "c", notBefore, notAfter: new Date(notBefore.getTime() + life) };

    const shares = Array.from({ length: 500 }, (_unused, index) => {
      const due = renewalTime(dates, { renewAt: 0.67, every: 3 * MINUTE }, `runtime ${index}`);
      return (due.getTime() - notBefore.getTime()) / life;
    });

    expect(Math.max(...shares)).toBeLessThanOrEqual(2 / 3);
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(0.62);
    expect(Math.max(...shares) - Math.min(...shares)).toBeGreaterThan(0.035);
  });

  it("is the same for one runtime always", () => {
    const dates = { commonName: "c", notBefore: at("12:00:00"), notAfter: at("13:00:00") };

    expect(renewalTime(dates, { renewAt: 0.67, every: 3 * MINUTE }, "one")).toEqual(
      renewalTime(dates, { renewAt: 0.67, every: 3 * MINUTE }, "one"),
    );
    expect(renewalTime(dates, { renewAt: 0.67, every: 3 * MINUTE }, "one")).not.toEqual(
      renewalTime(dates, { renewAt: 0.67, every: 3 * MINUTE }, "two"),
    );
  });

  it.each<[string, number, number, number]>([
    ["early enough for two more cycles", 24 * HOUR, 9 * HOUR, 6 / 24],
    ["never before a third of the life", 24 * HOUR, 12 * HOUR, 0],
  ])("comes, where cycles are rare, %s", (_, life, every, share) => {
    const notBefore = at("12:00:00");
    const dates = { commonName: "c", notBefore, notAfter: new Date(notBefore.getTime() + life) };

    const due = renewalTime(dates, { renewAt: 0.67, every }, "one");

    expect((due.getTime() - notBefore.getTime()) / life).toBeCloseTo(Math.max(share, 1 / 3), 9);
  });

  it("leaves two intervals", () => {
    const notBefore = at("12:00:00");
    const dates = { commonName: "c", notBefore, notAfter: new Date(notBefore.getTime() + 24 * HOUR) };

    const due = renewalTime(dates, { renewAt: 0.67, every: 5 * HOUR }, "one");

    expect(dates.notAfter.getTime() - due.getTime()).toBe(10 * HOUR);
  });

  it("stays within the life however small the share is", () => {
    const dates = { commonName: "c", notBefore: at("12:00:00"), notAfter: at("13:00:00") };

    expect(renewalTime(dates, { renewAt: 0.01, every: 3 * MINUTE }, "one") > dates.notBefore).toBe(true);
  });
});

describe("the next attempt", () => {
  /** Of a renewal that has no certificate yet. */
  const attempt = (memory: Parameters<typeof nextAttempt>[0], notAfter: Date, now: Date, isIssued = false) =>
    nextAttempt(memory, { notAfter, isIssued }, now);
  const evening = at("18:00:00");
  const far = new Date(at("12:00:00").getTime() + 30 * DAY);

  it.each<[number, number]>([
    [1, 30_000],
    [2, 60_000],
    [3, 2 * MINUTE],
    [6, 15 * MINUTE],
    [60, 15 * MINUTE],
  ])("comes, after %i failures, %i ms later", (times, wait) => {
    const next = attempt({ renewal: failed(times, at("12:00:00")), lastIssuance: null }, far, evening);

    expect(next?.getTime()).toBe(at("12:00:00").getTime() + wait);
  });

  it("never waits beyond a quarter of what is left", () => {
    const next = attempt({ renewal: failed(20, at("12:00:00")), lastIssuance: null }, at("12:08:00"), evening);

    expect(next).toEqual(at("12:02:00"));
  });

  it("comes no sooner than ten minutes after a signing request, whatever is left", () => {
    const lastIssuance = at("12:00:00").toISOString();

    expect(attempt({ renewal: null, lastIssuance }, at("12:08:00"), evening)).toEqual(at("12:10:00"));
    expect(attempt({ renewal: failed(1, at("12:00:05")), lastIssuance }, far, evening)).toEqual(at("12:10:00"));
  });

  it("waits for no signing request where the certificate is there and only its proof is missing", () => {
    const memory = { renewal: failed(1, at("12:00:05")), lastIssuance: at("12:00:00").toISOString() };

    expect(attempt(memory, far, evening, true)).toEqual(at("12:00:35"));
  });

  it("is kept waiting by no moment that is still to come: a clock was wrong then", () => {
    const tomorrow = new Date(evening.getTime() + DAY);
    const wrong = { renewal: failed(3, tomorrow), lastIssuance: tomorrow.toISOString() };

    expect(attempt(wrong, far, evening)).toBeNull();
  });

  it("is at once when nothing failed and nothing was asked for", () => {
    expect(attempt({ renewal: null, lastIssuance: null }, far, evening)).toBeNull();
  });
});

describe("the reason of a renewal", () => {
  let ISSUED: Identity;
  let OTHER: Identity;
  const SUBJECT = "O=Org,OU=OrgUnit,L=locality,ST=province,C=DE,CN=client";

  beforeAll(async () => {
    const now = new Date(Date.now() - 10 * DAY);
    const authority = await createAuthority({ commonName: "Compass CA", now });
    const [one, other] = [aKey(), aKey()].map((key): Identity => {
      const certificate = issue(authority, now, { key, commonName: "client" });
      return {
        key: keyText(key),
        certificate,
        chain: certificate + authority.certificate,
        ca: authority.certificate,
      };
    });
    if (one === undefined || other === undefined) throw new Error("not issued");
    [ISSUED, OTHER] = [one, other];
  });

  const reasonFor = (change: Partial<Identity>, more: Partial<Parameters<typeof renewalReason>[0]> = {}) => {
    const identity = { ...ISSUED, ...change };
    return renewalReason({
      identity,
      inspected: inspectIdentity(identity),
      subject: SUBJECT,
      memory: { unreached: null, renewal: null },
      requested: false,
      timing: { renewAt: 0.67, every: 3 * MINUTE },
      runtimeID: "runtime",
      now: new Date(),
      ...more,
    });
  };

  const ago = (hours: number) => new Date(Date.now() - hours * 60 * 60_000).toISOString();
  const failed = { since: ago(25), last: ago(0), times: 3, failure: "NetworkUnreachable" };
  const lost = (more: Partial<typeof failed>, tried?: string) => ({
    unreached: { ...failed, ...more },
    renewal: tried === undefined ? null : { ...failed, last: tried },
  });

  it.each<[string, RenewalReason | null, () => RenewalReason | null]>([
    ["nothing", null, () => reasonFor({})],
    ["a person", "RenewalRequested", () => reasonFor({}, { requested: true })],
    ["a certificate that is no PEM", "CertificateUnreadable", () => reasonFor({ certificate: "junk" })],
    ["a chain that is no PEM", "CertificateUnreadable", () => reasonFor({ chain: "" })],
    ["a certificate of another key", "KeyMismatch", () => reasonFor({ certificate: OTHER.certificate })],
    ["an authority that is not there", "AuthorityMissing", () => reasonFor({ ca: "" })],
    ["another subject", "SubjectChanged", () => reasonFor({}, { subject: SUBJECT.replace("OU=OrgUnit", "OU=New") })],
    ["another client", "SubjectChanged", () => reasonFor({}, { subject: SUBJECT.replace("CN=client", "CN=other") })],
    ["a subject that is not known", null, () => reasonFor({}, { subject: null })],
    ["a Director that is lost", "DirectorUnreachable", () => reasonFor({}, { memory: lost({}) })],
    ["one that is lost for less than a day", null, () => reasonFor({}, { memory: lost({ since: ago(23) }) })],
    ["one that was not met twice", null, () => reasonFor({}, { memory: lost({ times: 2 }) })],
    ["one that was asked about today", null, () => reasonFor({}, { memory: lost({}, ago(23)) })],
    ["one that was asked about yesterday", "DirectorUnreachable", () => reasonFor({}, { memory: lost({}, ago(25)) })],
    ["time", "RenewalDue", () => reasonFor({}, { now: new Date(Date.now() + 51 * DAY) })],
    ["too little time", null, () => reasonFor({}, { now: new Date(Date.now() + 45 * DAY) })],
  ])("is, by %s, %s", (_, expected, reason) => {
    expect(reason()).toBe(expected);
  });

  it("is none that could not be acted upon: with another key nothing is usable", () => {
    const { usable, flaw } = inspectIdentity({ ...ISSUED, key: OTHER.key });
    const damaged = inspectIdentity({ ...ISSUED, key: Secret.of("junk") });

    expect([usable, flaw]).toEqual([null, "KeyMismatch"]);
    expect([damaged.usable, damaged.flaw]).toEqual([null, "KeyMismatch"]);
  });
});

describe("a renewal on its way", () => {
  const now = new Date("2026-03-01T12:00:00Z");
  const hours = (count: number) => new Date(now.getTime() + count * 60 * 60_000);
  let authority: Authority;
  beforeAll(async () => {
    authority = await createAuthority({ commonName: "Compass CA", now: hours(-100) });
  });
  const SUBJECT = "O=Org,OU=OrgUnit,L=locality,ST=province,C=DE,CN=client";
  const pendingOf = (changes: Partial<PendingIdentity>, from?: Date): PendingIdentity => {
    const key = aKey();
    const certificate = from === undefined ? null : issue(authority, from, { key, commonName: "client" });
    return {
      tokenDigest: null,
      since: hours(-1).toISOString(),
      subject: SUBJECT,
      urls: { connectorURL: "", secureConnectorURL: "", directorURL: "" },
      knownAs: null,
      key: keyText(key),
      nextToken: null,
      issued: certificate === null ? null : { certificate, chain: certificate, ca: authority.certificate },
      ...changes,
    };
  };

  it.each<[string, boolean, () => PendingIdentity, Date]>([
    ["without a certificate yet", true, () => pendingOf({}), hours(24)],
    ["with one that is valid", true, () => pendingOf({}, hours(-1)), hours(24)],
    ["with one that is soon valid", true, () => pendingOf({}, hours(2)), hours(24)],
    ["with one that is valid only after the one in use", false, () => pendingOf({}, hours(30)), hours(24)],
    ["with one that has ended", false, () => pendingOf({}, hours(-100 * 24)), hours(24)],
    ["that is a day old", false, () => pendingOf({ since: hours(-24).toISOString() }, hours(-24)), hours(24)],
    [
      "of which the certificate waited for its time",
      true,
      () => pendingOf({ since: hours(-30).toISOString() }, hours(-1)),
      hours(24),
    ],
    ["of which the key cannot be read", false, () => pendingOf({ key: Secret.of("junk") }), hours(24)],
    ["which is a pairing", false, () => pendingOf({ tokenDigest: "digest" }), hours(24)],
  ])("%s goes on: %s", (_, expected, pending, until) => {
    expect(goesOn(pending(), until, now)).toBe(expected);
  });
});
