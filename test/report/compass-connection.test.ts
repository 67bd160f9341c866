import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { FailureCode, Stage } from "../../src/common/failure.js";
import { type ConnectionReport, nextConnection, readSwitches, withoutRefresh } from "../../src/report/index.js";

const now = new Date("2026-12-01T08:00:00.987Z");
const NOW = "2026-12-01T08:00:00Z";

/** As the Go agent left it on a real cluster. */
const left = JSON.parse(
  readFileSync(join(import.meta.dirname, "..", "cluster", "go-agent", "compassconnection.json"), "utf8"),
) as { spec: Record<string, unknown>; status: Record<string, Record<string, unknown>> };

const connection: NonNullable<ConnectionReport["connection"]> = {
  connectorURL: "https://connector.example.com/connector/graphql",
  secureConnectorURL: "https://127.0.0.1:28602/connector/graphql",
  directorURL: "https://127.0.0.1:28602/director/graphql",
  clientID: "client",
  subject: null,
  establishedAt: "2026-11-22T09:57:24.000Z",
  renewedAt: null,
};
const certificate = { notBefore: new Date("2026-11-22T09:57:24Z"), notAfter: new Date("2027-02-20T09:57:24Z") };

const aReport = (changes: Partial<ConnectionReport> = {}): ConnectionReport => ({
  work: "cycle",
  failure: null,
  applications: { total: 21, setAside: [] },
  isSuspended: false,
  certificate,
  connection,
  isResyncAsked: false,
  now,
  ...changes,
});

const failed = (stage: Stage, code: FailureCode) => ({ failure: { stage, code, message: "why" } });
const unpaired = { certificate: null, connection: null };
const setAside = [{ name: "mp-hr", id: "1", reason: "DuplicateName", message: "m" }] as const;

interface Written {
  readonly spec: Record<string, unknown>;
  readonly status: {
    readonly connectionState: string;
    readonly connectionStatus: Record<string, unknown>;
    readonly synchronizationStatus?: Record<string, unknown>;
  };
}

const next = (found: Parameters<typeof nextConnection>[0], changes: Partial<ConnectionReport> = {}) =>
  JSON.parse(JSON.stringify(nextConnection(found, aReport(changes)))) as Written;

describe("the state of the CompassConnection", () => {
  it.each<[string, Partial<ConnectionReport>, string, "connectionStatus" | "synchronizationStatus" | null]>([
    ["a cycle that is done", {}, "Synchronized", null],
    ["a cycle that writes nothing, since a person wants that", { isSuspended: true }, "Synchronized", null],
    [
      "a cycle that sets something aside",
      { applications: { total: 21, setAside } },
      "ResourceApplicationFailed",
      "synchronizationStatus",
    ],
    ["a fetch that fails", failed("fetch", "FetchIncomplete"), "SynchronizationFailed", "synchronizationStatus"],
    [
      "credentials that Director does not take",
      failed("fetch", "CredentialsRejected"),
      "SynchronizationFailed",
      "synchronizationStatus",
    ],
    [
      "a configuration without a runtime",
      failed("config", "ConfigurationInvalid"),
      "SynchronizationFailed",
      "synchronizationStatus",
    ],
    [
      "a Git host that is away",
      failed("base", "NetworkUnreachable"),
      "ResourceApplicationFailed",
      "synchronizationStatus",
    ],
    [
      "a template that is broken",
      failed("render", "TemplateBroken"),
      "ResourceApplicationFailed",
      "synchronizationStatus",
    ],
    [
      "a recipient that cannot be used",
      failed("seal", "SealingImpossible"),
      "ResourceApplicationFailed",
      "synchronizationStatus",
    ],
    ["drift that is to fail", failed("plan", "Drifted"), "ResourceApplicationFailed", "synchronizationStatus"],
    [
      "a push that is refused",
      failed("publish", "RepositoryRefused"),
      "ResourceApplicationFailed",
      "synchronizationStatus",
    ],
    [
      "a configuration without a runtime, where the certificate is gone",
      { ...failed("config", "ConfigurationInvalid"), ...unpaired },
      "ConnectionMaintenanceFailed",
      "connectionStatus",
    ],
    [
      "a Connector that is away",
      failed("connect", "NetworkUnreachable"),
      "ConnectionMaintenanceFailed",
      "connectionStatus",
    ],
    [
      "a certificate that has expired",
      { ...failed("connect", "TokenNeeded"), certificate: { ...certificate, notAfter: now } },
      "ConnectionMaintenanceFailed",
      "connectionStatus",
    ],
    [
      "a certificate that is gone",
      { ...failed("connect", "TokenNeeded"), ...unpaired },
      "ConnectionMaintenanceFailed",
      "connectionStatus",
    ],
    [
      "a token that is refused after the certificate was lost",
      { ...failed("connect", "TokenRejected"), ...unpaired },
      "ConnectionFailed",
      "connectionStatus",
    ],
    ["pairing by command", { work: "pairing" }, "Connected", null],
    ["renewal by command", { work: "renewal" }, "Synchronized", null],
    ["revocation by command", { work: "revocation", ...unpaired }, "ConnectionMaintenanceFailed", "connectionStatus"],
    [
      "a renewal by command with a certificate that has expired",
      { work: "renewal", ...failed("connect", "TokenNeeded"), certificate: { ...certificate, notAfter: now } },
      "ConnectionMaintenanceFailed",
      "connectionStatus",
    ],
    ["a renewal by command that fails", { work: "renewal", ...failed("connect", "TimedOut") }, "Synchronized", null],
    [
      "a renewal by command without a certificate",
      { work: "renewal", ...failed("connect", "TokenNeeded"), ...unpaired },
      "ConnectionMaintenanceFailed",
      "connectionStatus",
    ],
  ])("after %s, of a runtime that is paired", (_what, changes, state, withError) => {
    const { status } = next(left, changes);

    expect(status.connectionState).toBe(state);
    const errors = (["connectionStatus", "synchronizationStatus"] as const).filter(
      (part) => "error" in (status[part] ?? {}),
    );
    expect(errors).toEqual(withError === null ? [] : [withError]);
  });

  it.each<[string, Partial<ConnectionReport>, string]>([
    [
      "a pairing that fails",
      { work: "pairing", ...failed("connect", "TokenRejected"), ...unpaired },
      "ConnectionFailed",
    ],
    ["a cycle without a token", { ...failed("connect", "TokenNeeded"), ...unpaired }, "ConnectionFailed"],
    ["a cycle whose pairing fails", { ...failed("connect", "ServerError"), ...unpaired }, "ConnectionFailed"],
    ["a cycle without a configuration", { ...failed("config", "SecretUnreadable"), ...unpaired }, "ConnectionFailed"],
    ["a pairing", { work: "pairing" }, "Connected"],
    ["a renewal", { work: "renewal" }, "Connected"],
    ["a first cycle", {}, "Synchronized"],
  ])("after %s, where there is none yet", (_what, changes, state) => {
    expect(next(null, changes).status.connectionState).toBe(state);
  });

  it("goes back to Connected with a renewal by command, where the connection had failed", () => {
    const broken = next(left, failed("connect", "ServerError"));

    const { status } = next(broken, { work: "renewal" });

    expect(status.connectionState).toBe("Connected");
    expect(status.connectionStatus).not.toHaveProperty("error");
  });

  it.each([
    [true, false],
    [false, true],
  ])("has an error of the connection after a cycle that ends by the configuration: proven %s, %s", (isProven, has) => {
    const broken = next(left, failed("connect", "ServerError"));

    const { status } = next(broken, { ...failed("config", "ConfigurationInvalid"), isProven });

    expect(status.connectionState).toBe("SynchronizationFailed");
    expect("error" in status.connectionStatus).toBe(has);
  });

  it("keeps why the connection is down while the configuration lets no cycle begin", () => {
    const down = next(left, { work: "revocation", ...unpaired });

    const { status } = next(down, { ...failed("config", "ConfigurationInvalid"), ...unpaired });

    expect(status).toMatchObject({
      connectionState: "ConnectionMaintenanceFailed",
      connectionStatus: { error: "TokenNeeded: the certificate was revoked by command" },
      synchronizationStatus: { error: "ConfigurationInvalid: why" },
    });
  });

  it("keeps its errors after a command that could not do its work", () => {
    const broken = next(left, failed("fetch", "ServerError"));

    const { status } = next(broken, { work: "pairing", ...failed("connect", "TokenRejected") });

    expect(status).toMatchObject({
      connectionState: "SynchronizationFailed",
      synchronizationStatus: { error: "ServerError: why" },
    });
  });
});

describe("the fields of the CompassConnection", () => {
  it("of the Go agent are all there after a cycle, and are brought up to date", () => {
    const written = next(left);

    expect(written).toEqual({
      spec: left.spec,
      status: {
        connectionState: "Synchronized",
        connectionStatus: { ...left.status.connectionStatus, lastSync: NOW, lastSuccess: NOW },
        synchronizationStatus: {
          lastAttempt: NOW,
          lastSuccessfulFetch: NOW,
          lastSuccessfulApplication: NOW,
        },
      },
    });
  });

  it("that this version does not know are kept", () => {
    const found = {
      spec: { ...left.spec, more: 1, managementInfo: { connectorUrl: "", directorUrl: "", more: 2 } },
      status: { ...left.status, more: 3 },
    };

    expect(next(found)).toMatchObject({ spec: { more: 1, managementInfo: { more: 2 } }, status: { more: 3 } });
  });

  it("are made from the state where there is no object, in the form that its schema wants", () => {
    const { spec, status } = next(null, { connection: { ...connection, renewedAt: "2026-11-30T00:00:00.500Z" } });

    expect(spec).toEqual(left.spec);
    expect(status.connectionStatus).toEqual({
      established: "2026-11-22T09:57:24Z",
      renewed: "2026-11-30T00:00:00Z",
      lastSync: NOW,
      lastSuccess: NOW,
      certificateStatus: {
        acquired: "2026-11-30T00:00:00Z",
        notBefore: "2026-11-22T09:57:24Z",
        notAfter: "2027-02-20T09:57:24Z",
      },
    });
  });

  it("have what the schema requires also before there is anything to say", () => {
    const { spec, status } = next(null, { ...failed("connect", "TokenNeeded"), ...unpaired });

    expect(spec.managementInfo).toEqual({ connectorUrl: "", directorUrl: "" });
    expect(status.connectionStatus).toEqual({
      established: null,
      renewed: null,
      lastSync: NOW,
      lastSuccess: null,
      error: "TokenNeeded: why",
      certificateStatus: { acquired: null, notBefore: null, notAfter: null },
    });
  });

  it("tell no renewal of the pairing before, after another one", () => {
    const renewed = next(null, { connection: { ...connection, renewedAt: "2026-11-30T00:00:00.000Z" } });
    const again = { ...connection, establishedAt: "2026-12-01T07:00:00.000Z" };

    const { status } = next(renewed, { work: "pairing", connection: again });

    expect(renewed.status.connectionStatus.renewed).toBe("2026-11-30T00:00:00Z");
    expect(status.connectionStatus).toMatchObject({ established: "2026-12-01T07:00:00Z", renewed: null });
  });

  it("tell when another certificate was acquired, and keep that time while it is in use", () => {
    const renewedAt = "2026-12-01T07:59:59.000Z";
    const newer = { notBefore: new Date("2026-12-01T07:59:00Z"), notAfter: new Date("2027-03-01T07:59:00Z") };
    const renewed = { certificate: newer, connection: { ...connection, renewedAt } };
    const known = { ...(left.status.connectionStatus?.certificateStatus as object), acquired: "2026-11-22T09:58:00Z" };
    const status = { ...left.status, connectionStatus: { ...left.status.connectionStatus, certificateStatus: known } };

    const before = next({ ...left, status });
    const after = next(before, renewed);

    expect(before.status.connectionStatus.certificateStatus).toEqual(known);
    expect(after.status.connectionStatus).toMatchObject({
      renewed: "2026-12-01T07:59:59Z",
      certificateStatus: { acquired: "2026-12-01T07:59:59Z", notAfter: "2027-03-01T07:59:00Z" },
    });
  });

  it("keep the last success of what did not come as far", () => {
    const connect = next(left, failed("connect", "ServerError")).status;
    const fetch = next(left, failed("fetch", "ServerError")).status;
    const publish = next(left, failed("publish", "GitFailed")).status;
    const revoked = next(left, { work: "revocation", ...unpaired }).status;
    const renewed = next(left, { ...failed("fetch", "ServerError"), isProven: true }).status;

    const { lastSuccess } = left.status.connectionStatus ?? {};
    const before = left.status.synchronizationStatus ?? {};
    expect(connect.connectionStatus).toMatchObject({ lastSync: NOW, lastSuccess });
    expect(connect.synchronizationStatus).toEqual(before);
    expect(revoked.connectionStatus).toMatchObject({ lastSync: NOW, lastSuccess });
    expect(fetch.connectionStatus).toMatchObject({ lastSync: NOW, lastSuccess });
    expect(renewed.connectionStatus).toMatchObject({ lastSync: NOW, lastSuccess: NOW });
    expect(fetch.synchronizationStatus).toEqual({ ...before, lastAttempt: NOW, error: "ServerError: why" });
    expect(publish.connectionStatus).toMatchObject({ lastSync: NOW, lastSuccess: NOW });
    expect(publish.synchronizationStatus).toEqual({
      ...before,
      lastAttempt: NOW,
      lastSuccessfulFetch: NOW,
      error: "GitFailed: why",
    });
  });

  it("keep the last application while the cluster shows that it is not applied", () => {
    const { lastSuccessfulApplication } = left.status.synchronizationStatus ?? {};
    const shown = (isApplied: boolean | null) =>
      next(left, { isApplied }).status.synchronizationStatus?.lastSuccessfulApplication;

    expect([shown(true), shown(null), shown(false)]).toEqual([NOW, NOW, lastSuccessfulApplication]);
  });

  it("keep the last application while something is set aside, and while a person wants nothing to be written", () => {
    const { lastSuccessfulApplication } = left.status.synchronizationStatus ?? {};

    const inPart = next(left, { applications: { total: 21, setAside } }).status.synchronizationStatus;
    const suspended = next(left, { isSuspended: true }).status.synchronizationStatus;

    expect(inPart).toEqual({
      lastAttempt: NOW,
      lastSuccessfulFetch: NOW,
      lastSuccessfulApplication,
      error: "1 of 21 set aside: mp-hr (DuplicateName)",
    });
    expect(suspended).toEqual({ lastAttempt: NOW, lastSuccessfulFetch: NOW, lastSuccessfulApplication });
  });

  it.each([
    ["connect", "ServerError"],
    ["fetch", "ServerError"],
  ] as const)("lose their error with the next cycle that is done, after stage %s failed", (stage, code) => {
    const broken = next(left, failed(stage, code));

    const { status } = next(broken);

    expect(JSON.stringify(broken)).toContain("error");
    expect(JSON.stringify(status)).not.toContain("error");
  });

  it.each([
    [undefined, undefined],
    [null, "no status"],
    ["no spec", { connectionStatus: 3, synchronizationStatus: [] }],
    [
      { managementInfo: null, resyncNow: "yes" },
      { connectionState: 1, connectionStatus: { certificateStatus: [] } },
    ],
  ])("are written over what somebody made by hand: %j, %j", (spec, status) => {
    const written = next({ spec, status });

    expect(written.spec).toMatchObject({ managementInfo: left.spec.managementInfo });
    expect(written.status.connectionState).toBe("Synchronized");
    expect(written.status.connectionStatus).toMatchObject({ certificateStatus: { notAfter: "2027-02-20T09:57:24Z" } });
  });

  it("hold no control character of a name", () => {
    const [first] = setAside;

    const { status } = next(left, { applications: { total: 1, setAside: [{ ...first, name: "a\u001b[2Jb" }] } });

    expect(status.synchronizationStatus?.error).toBe("1 of 1 set aside: a\\u001b[2Jb (DuplicateName)");
  });
});

describe("the switches", () => {
  const asked = { ...left, spec: { ...left.spec, resyncNow: true, refreshCredentialsNow: true } };

  it("are read, and a spec that cannot be read asks for nothing", () => {
    expect(readSwitches(asked.spec)).toEqual({ resync: true, refresh: true });
    expect([undefined, "x", { resyncNow: "true" }].map(readSwitches)).toEqual(
      Array(3).fill({ resync: false, refresh: false }),
    );
  });

  it("resyncNow is taken back by a cycle that is done, when it was set before that cycle", () => {
    expect(next(asked, { isResyncAsked: true }).spec).toMatchObject({ resyncNow: false, refreshCredentialsNow: true });
    expect(next(asked, { isResyncAsked: false }).spec).toMatchObject({ resyncNow: true });
    expect(next(asked, { isResyncAsked: true, ...failed("fetch", "ServerError") }).spec).toMatchObject({
      resyncNow: true,
    });
    expect(next(asked, { isResyncAsked: true, work: "renewal" }).spec).toMatchObject({ resyncNow: true });
  });

  it("refreshCredentialsNow is taken back alone", () => {
    expect(withoutRefresh(asked.spec)).toEqual({ ...left.spec, resyncNow: true, refreshCredentialsNow: false });
  });
});
