/** The CompassConnection and its Events on a real API server, by the agent as users run it. */

import { X509Certificate } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, inject, it } from "vitest";
import { freshToken } from "../e2e/world.js";
import { dataOf } from "../state/secrets-behaviour.js";
import { aRuntime, type Runtime } from "./a-runtime.js";
import { asAccount, enough, enoughForCommands, prepare } from "./account.js";
import { call } from "./api-server.js";
import { leaveBehind, seconds } from "./go-agent/leave-behind.js";

const server = inject("cluster");

const APPROVE = "runtime-agent.kyma-project.io/approve";
const SUSPEND = "runtime-agent.kyma-project.io/suspend";

async function certificateOf(runtime: Runtime): Promise<X509Certificate> {
  return new X509Certificate((await runtime.certificate())?.crt ?? "");
}

const reasonsOf = async (runtime: Runtime) => (await runtime.events()).map(({ type, reason }) => `${type} ${reason}`);

describe("a runtime that is paired anew", () => {
  it("has a CompassConnection that says Connected, then Synchronized, with every field", async () => {
    const runtime = await aRuntime(server);

    const { code, stderr } = await runtime.pair();
    const connected = await runtime.connection();
    await runtime.sync();
    const synchronized = await runtime.connection();

    expect([code, stderr.includes("warn")]).toEqual([0, false]);
    const certificate = await certificateOf(runtime);
    const moment = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const established = connected?.status.connectionStatus.established;
    expect(connected).toMatchObject({
      spec: {
        managementInfo: {
          connectorUrl: runtime.world.sandbox.secureConnectorURL,
          directorUrl: runtime.world.sandbox.directorURL,
        },
      },
      status: {
        connectionState: "Connected",
        connectionStatus: {
          established: moment,
          renewed: null,
          lastSync: moment,
          lastSuccess: moment,
          certificateStatus: {
            acquired: established,
            notBefore: seconds(certificate.validFromDate),
            notAfter: seconds(certificate.validToDate),
          },
        },
      },
    });
    expect(connected?.status).not.toHaveProperty("synchronizationStatus");
    expect(synchronized?.status).toMatchObject({
      connectionState: "Synchronized",
      connectionStatus: { established },
      synchronizationStatus: {
        lastAttempt: moment,
        lastSuccessfulFetch: moment,
      },
    });
    // Nobody here applies what was committed.
    expect(synchronized?.status.synchronizationStatus).not.toHaveProperty("lastSuccessfulApplication");
    expect(await reasonsOf(runtime)).toEqual(["Normal Paired"]);
  });

  it("says why not, when the token is refused, and is Connected with a better one", async () => {
    const runtime = await aRuntime(server);

    const { code } = await runtime.run(["pair", "--token-file", "-"], { input: "spent-token-of-64-characters-or-so" });
    const failed = await runtime.connection();
    const reasons = await reasonsOf(runtime);
    await runtime.pair();
    const connected = await runtime.connection();

    expect(code).toBe(3);
    expect(failed?.status).toMatchObject({
      connectionState: "ConnectionFailed",
      connectionStatus: { error: expect.stringMatching(/^TokenRejected: /), established: null },
    });
    expect(JSON.stringify(failed)).not.toContain("spent-token");
    expect(reasons).toEqual(["Warning PairingFailed"]);
    expect(connected?.status.connectionState).toBe("Connected");
    expect(connected?.status.connectionStatus).not.toHaveProperty("error");
  });
});

/** The paths of all values, however deep. */
function pathsOf(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null) return [path];
  return Object.entries(value).flatMap(([key, each]) => pathsOf(each, `${path}/${key}`));
}

describe("a runtime that the Go agent paired", () => {
  it("goes on without pairing: same key, same certificate, every field, its configuration copied", async () => {
    const runtime = await aRuntime(server, { isBySecret: true });
    const left = await leaveBehind(runtime);
    const before = await runtime.certificate();

    const { code, stdout, stderr } = await runtime.run(["sync", "-o", "json"]);

    expect(code === 0 ? 0 : stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ result: "published", runtime: runtime.world.sandbox.runtimeID });
    expect(stderr).toContain(`delete ${runtime.namespace}/compass-agent-configuration`);
    expect(before?.key).toMatch(/^-----BEGIN RSA PRIVATE KEY-----/);
    expect(await runtime.certificate()).toEqual(before);
    expect(await runtime.connectorRequests()).toEqual([]);
    const after = await runtime.connection();
    expect(pathsOf(left).filter((path) => !pathsOf(after).includes(path))).toEqual([]);
    const { established, certificateStatus } = left.status.connectionStatus;
    expect(after).toMatchObject({
      spec: left.spec,
      status: {
        connectionState: "Synchronized",
        connectionStatus: { established, renewed: null, certificateStatus },
      },
    });
    const secretNamed = (name: string) => dataOf(runtime.place, { namespace: runtime.namespace, name });
    expect(await secretNamed("runtime-agent-configuration")).toEqual(await secretNamed("compass-agent-configuration"));
    expect(await reasonsOf(runtime)).toEqual([]);
  });

  it("goes on by the copy when the old Secret is deleted, as the note says", async () => {
    const runtime = await aRuntime(server, { isBySecret: true });
    await leaveBehind(runtime);
    await runtime.sync();
    const { status } = await call(
      server,
      "DELETE",
      `/api/v1/namespaces/${runtime.namespace}/secrets/compass-agent-configuration`,
    );

    const { code, stderr } = await runtime.run(["sync"]);

    expect([status, code]).toEqual([200, 0]);
    expect(stderr).not.toContain("compass-agent-configuration");
  });

  it("is told what is missing by `status` and `doctor` while nobody has filled its configuration", async () => {
    const runtime = await aRuntime(server, { isBySecret: true });

    const [status, doctor] = [await runtime.run(["status"]), await runtime.run(["doctor", "-o", "json"])];

    expect([status.code, doctor.code]).toEqual([3, 1]);
    expect(status.stdout).toMatch(/wrong .*runtime-agent-configuration.*\n *mend /);
    const [first] = JSON.parse(doctor.stdout).checks;
    expect(first).toMatchObject({ check: "configuration", verdict: "failed" });
    expect(first.message).toContain("runtime-agent-configuration");
  });

  it("is left alone while the Go agent runs, and is told so", async () => {
    const runtime = await aRuntime(server, { isBySecret: true });
    await leaveBehind(runtime);
    await runGoAgent(runtime, 1);
    const [connection, certificate] = [await runtime.connection(), await runtime.certificate()];

    const refused = [
      await runtime.run(["sync", "-o", "json"]),
      await runtime.run(["renew"]),
      await runtime.run(["reconnect", "--yes"]),
      await runtime.run(["pair", "--force"]),
    ];
    const [afterwards, events] = [await runtime.connection(), await runtime.events()];
    await runGoAgent(runtime, 0);
    const { result } = await runtime.sync();

    expect(refused.map(({ code }) => code)).toEqual([1, 1, 1, 1]);
    for (const { stderr } of refused) {
      expect(stderr).toContain("[GoAgentRunning]");
      expect(stderr).toContain(`delete the Secret ${runtime.namespace}/compass-agent-configuration`.replace("d", "D"));
    }
    expect(JSON.parse(refused[0]?.stdout ?? "")).toMatchObject({
      failure: { code: "GoAgentRunning", retryable: false },
    });
    expect(afterwards).toEqual(connection);
    expect(await runtime.certificate()).toEqual(certificate);
    expect(events).toMatchObject([{ type: "Warning", reason: "GoAgentRunning", count: 4 }]);
    expect(await runtime.world.commits()).toBe(1);
    expect(result).toBe("published");
  });
});

async function runGoAgent({ namespace }: Runtime, replicas: number): Promise<void> {
  const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
  const name = "compass-runtime-agent";
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: [{ name, image: "none" }] } };
  await call(server, "DELETE", `${deployments}/${name}`);
  const spec = { replicas, selector: { matchLabels: labels }, template };
  const { status } = await call(server, "POST", deployments, { body: { metadata: { name }, spec } });
  if (status !== 201) throw new Error(`POST ${deployments}: HTTP ${status}`);
}

async function aPairedRuntime(settings: Readonly<Record<string, unknown>> = {}): Promise<Runtime> {
  const runtime = await aRuntime(server, { settings });
  const { code, stderr } = await runtime.pair();
  if (code !== 0) throw new Error(stderr);
  await runtime.connectorRequests();
  return runtime;
}

describe("a CompassConnection that was deleted", () => {
  it("is made again from the state, without pairing", async () => {
    const runtime = await aPairedRuntime();
    await runtime.sync();
    const before = await runtime.connection();
    await runtime.removeConnection();

    await runtime.sync();

    const after = await runtime.connection();
    expect(after?.spec).toEqual(before?.spec);
    expect(after?.status.connectionStatus).toMatchObject({
      established: before?.status.connectionStatus.established,
      certificateStatus: before?.status.connectionStatus.certificateStatus,
    });
    expect(await runtime.connectorRequests()).toEqual([]);
    expect(await reasonsOf(runtime)).toEqual(["Normal ConnectionMadeAgain"]);
  });

  it("has the runtime paired anew, beside the identity that works, by a token that was not used yet", async () => {
    const runtime = await aPairedRuntime();
    await runtime.sync();
    const before = await runtime.certificate();
    const file = join(runtime.world.folder, "token");
    await writeFile(file, await freshToken(runtime.world.sandbox));
    const env = { RUNTIME_AGENT_COMPASS_TOKEN_FILE: file };
    await runtime.run(["sync"], { env });
    const untouched = await runtime.certificate();
    await runtime.removeConnection();

    await runtime.run(["sync"], { env });

    const after = await runtime.certificate();
    expect(untouched).toEqual(before);
    expect(after?.crt).not.toBe(before?.crt);
    expect(await runtime.connectorRequests()).toEqual(["configuration", "signCertificateSigningRequest", "__typename"]);
    expect((await runtime.connection())?.status.connectionState).toBe("Synchronized");
    expect(await reasonsOf(runtime)).toEqual(["Normal Paired"]);
  });
});

describe("a cycle that cannot have its state", () => {
  it("says so where people look", async () => {
    const runtime = await aPairedRuntime();
    await runtime.sync();
    const before = await runtime.connection();
    const { rights, clusterRules } = enoughForCommands(runtime.place);
    const without = rights.map(({ namespace, rules }) => ({
      namespace,
      rules: rules.filter((rule) => !JSON.stringify(rule).includes("runtime-agent-state")),
    }));
    const { place } = await asAccount(server, runtime.place, without, clusterRules);

    const { code } = await runtime.run(["sync"], { env: place.options.env as Record<string, string> });

    const after = await runtime.connection();
    const { managementInfo } = before?.spec ?? {};
    expect(code).toBe(1);
    expect(after?.spec).toMatchObject({ managementInfo });
    expect(after?.status).toMatchObject({
      connectionStatus: {
        certificateStatus: before?.status.connectionStatus.certificateStatus,
        error: expect.stringContaining("runtime-agent-state"),
      },
    });
    expect(await reasonsOf(runtime)).toContain("Warning ClusterForbidden");
  });
});

describe("the doctor and the status in a cluster", () => {
  it("read the Go agent's configuration before it is taken over, and change nothing", async () => {
    const runtime = await aRuntime(server, { isBySecret: true });
    await leaveBehind(runtime);

    const status = await runtime.run(["status", "-o", "json"]);
    const { stdout } = await runtime.run(["doctor", "-o", "json"]);

    expect(status.code === 0 ? 0 : status.stderr).toBe(0);
    expect(verdictsOf(stdout)).toMatchObject({ configuration: "ok", state: "ok", "go-agent": "ok", compass: "ok" });
    const copied = { namespace: runtime.namespace, name: "runtime-agent-configuration" };
    expect(await dataOf(runtime.place, copied)).toBeNull();
  });

  it("find the Go agent beside this one, and a right that is missing", async () => {
    const runtime = await aPairedRuntime();
    await runGoAgent(runtime, 1);
    await prepare(server, runtime.place);
    const { rights, clusterRules } = enoughForCommands(runtime.place);
    const readOnly = rights.map(({ namespace, rules }) => ({
      namespace,
      rules: (rules as { resources: string[]; verbs: string[] }[]).map((rule) =>
        rule.resources.includes("leases") ? { ...rule, verbs: ["get"] } : rule,
      ),
    }));
    const { place } = await asAccount(server, runtime.place, readOnly, clusterRules);

    const { code, stdout } = await runtime.run(["doctor", "-o", "json"], {
      env: place.options.env as Record<string, string>,
    });
    await runGoAgent(runtime, 0);

    expect(code).toBe(1);
    expect(verdictsOf(stdout)).toMatchObject({ "go-agent": "failed", state: "failed", certificate: "ok" });
    expect(stdout).toContain("may not update Lease");
  });
});

const verdictsOf = (stdout: string) =>
  Object.fromEntries(
    (JSON.parse(stdout) as { checks: { check: string; verdict: string }[] }).checks.map((each) => [
      each.check,
      each.verdict,
    ]),
  );

describe("the switches of the CompassConnection", () => {
  it("resyncNow is taken back by a sync that is done, and not by one that fails", async () => {
    const runtime = await aPairedRuntime();
    await runtime.patch({ spec: { resyncNow: true } });
    await runtime.world.fault({ name: "bad-request-empty", match: "runtime" });
    const { code } = await runtime.run(["sync"]);
    const failed = await runtime.connection();
    await runtime.world.fault();

    await runtime.sync();

    const done = await runtime.connection();
    expect(code).not.toBe(0);
    expect(failed).toMatchObject({ spec: { resyncNow: true }, status: { connectionState: "SynchronizationFailed" } });
    expect(failed?.status.synchronizationStatus?.error).toMatch(/^CredentialsRejected: /);
    expect(done).toMatchObject({ spec: { resyncNow: false }, status: { connectionState: "Synchronized" } });
    expect(done?.status.synchronizationStatus).not.toHaveProperty("error");
  });

  it("that a person sets while a cycle runs are kept for the next, and so is what else he writes", async () => {
    const runtime = await aPairedRuntime();
    await runtime.world.fault({ name: "slow", delay: "PT5S", match: "applicationsForRuntime", times: 1 });
    const running = runtime.sync();
    await untilFetching(runtime);

    await runtime.patch({ metadata: { labels: { mine: "yes" } }, spec: { resyncNow: true } });
    await running;

    const during = await runtime.connection();
    await runtime.sync();
    expect(during).toMatchObject({
      metadata: { labels: { mine: "yes" } },
      spec: { resyncNow: true },
      status: { connectionState: "Synchronized" },
    });
    expect(await runtime.connection()).toMatchObject({
      metadata: { labels: { mine: "yes" } },
      spec: { resyncNow: false },
    });
  });

  it("refreshCredentialsNow renews the certificate once", async () => {
    const runtime = await aPairedRuntime();
    const before = await certificateOf(runtime);
    await runtime.patch({ spec: { refreshCredentialsNow: true } });

    await runtime.sync();
    const renewed = await certificateOf(runtime);
    await runtime.sync();

    expect(renewed.fingerprint256).not.toBe(before.fingerprint256);
    expect((await certificateOf(runtime)).fingerprint256).toBe(renewed.fingerprint256);
    expect(await runtime.connection()).toMatchObject({
      spec: { refreshCredentialsNow: false },
      status: {
        connectionState: "Synchronized",
        connectionStatus: {
          renewed: expect.any(String),
          certificateStatus: { notAfter: seconds(renewed.validToDate) },
        },
      },
    });
    expect(await reasonsOf(runtime)).toEqual(["Normal Paired", "Normal CertificateRenewed"]);
  });

  it("refreshCredentialsNow is taken back before the attempt, so that one that fails is not repeated for it", async () => {
    const runtime = await aPairedRuntime();
    const before = await certificateOf(runtime);
    await runtime.patch({ spec: { refreshCredentialsNow: true } });
    await runtime.world.fault({ name: "http-500", match: "configuration" });

    const { result, notes } = await runtime.sync();

    expect(result).toBe("published");
    expect(notes.join()).toContain("renewing the certificate failed");
    expect(await runtime.connection()).toMatchObject({
      spec: { refreshCredentialsNow: false },
      status: { connectionState: "Synchronized" },
    });
    expect((await certificateOf(runtime)).fingerprint256).toBe(before.fingerprint256);
    expect(await reasonsOf(runtime)).toEqual(["Normal Paired", "Warning RenewalFailed"]);
  });
});

/** It has read the CompassConnection, and waits for Director. */
async function untilFetching({ place, namespace }: Runtime): Promise<void> {
  const holder = async () => (await place.cluster.leases.get({ namespace, name: "runtime-agent" }))?.holder ?? null;
  await expect.poll(holder, { timeout: 20_000 }).not.toBeNull();
  await delay(1_000);
}

describe("the annotations of the CompassConnection", () => {
  it("approve lets exactly what is held pass, and is taken away", async () => {
    const runtime = await aPairedRuntime();
    await runtime.sync();
    await runtime.world.edit(({ applications }) => applications.splice(0, 1));
    const held = await runtime.sync();
    await runtime.patch({ metadata: { annotations: { [APPROVE]: "0123456789abcdef", other: "stays" } } });
    const wrong = await runtime.sync();
    const kept = await runtime.connection();
    await runtime.patch({ metadata: { annotations: { [APPROVE]: held.approval?.hash } } });

    const done = await runtime.sync();

    expect(held.applications.held).toHaveLength(1);
    expect(wrong.applications).toMatchObject({ deleted: [], held: [expect.anything()] });
    expect(wrong.notes.join()).toContain(`the annotation ${APPROVE} names 0123456789abcdef, but what is held is`);
    expect(kept?.metadata.annotations).toMatchObject({ [APPROVE]: "0123456789abcdef" });
    expect(done.applications.deleted).toHaveLength(1);
    expect((await runtime.connection())?.metadata.annotations).toEqual({ other: "stays" });
    expect((await runtime.connection())?.status.connectionState).toBe("Synchronized");
  });

  it("suspend keeps everything from being written, and says so", async () => {
    const runtime = await aPairedRuntime();
    await runtime.patch({ metadata: { annotations: { [SUSPEND]: "true" } } });

    const suspended = await runtime.sync();
    const [commits, during, events] = [
      await runtime.world.commits(),
      await runtime.connection(),
      await runtime.events(),
    ];
    await runtime.patch({ metadata: { annotations: { [SUSPEND]: null } } });
    const resumed = await runtime.sync();

    expect(suspended).toMatchObject({ result: "planned", suspended: true });
    expect(suspended.notes.join()).toContain(`suspended by the annotation ${SUSPEND}`);
    expect(commits).toBe(0);
    expect(during?.metadata.annotations).toEqual({ [SUSPEND]: "true" });
    expect(during?.status.synchronizationStatus).not.toHaveProperty("lastSuccessfulApplication");
    expect(events).toContainEqual(expect.objectContaining({ reason: "WritingSuspended" }));
    expect(resumed.result).toBe("published");
  });
});

describe("Events", () => {
  it("that say the same again are counted, and something else is another one", async () => {
    const runtime = await aPairedRuntime();
    await runtime.world.edit(({ applications: [first] }) => {
      if (first !== undefined) first.name = "a".repeat(70);
    });

    await runtime.sync();
    await runtime.sync();
    await runtime.sync();

    const events = (await runtime.events()).filter(({ reason }) => reason !== "Paired");
    expect(events).toMatchObject([
      { type: "Warning", reason: "ApplicationsSetAside", count: 3, involvedObject: { kind: "CompassConnection" } },
    ]);
    const [event] = events;
    expect(event?.message).toMatch(/^1 of 4 set aside: .*\(InvalidName\)$/);
    expect(Date.parse(event?.lastTimestamp ?? "")).toBeGreaterThan(Date.parse(event?.firstTimestamp ?? ""));
    expect((await runtime.connection())?.status).toMatchObject({
      connectionState: "ResourceApplicationFailed",
      synchronizationStatus: { error: event?.message, lastSuccessfulFetch: expect.any(String) },
    });
  });

  it("and the CompassConnection may be forbidden: the cycle is done all the same, and the log says what is missing", async () => {
    const runtime = await aPairedRuntime();
    await prepare(server, runtime.place);
    const { namespace } = runtime;
    const deployments = { apiGroups: ["apps"], resources: ["deployments"], verbs: ["get"] };
    const rights = [...enough(runtime.place), { namespace, rules: [] }];
    const [own, ...others] = rights;
    const reading = [
      { namespace, rules: [...(own?.rules ?? []), deployments] },
      ...others.filter(({ rules }) => rules.length > 0),
    ];
    const { place } = await asAccount(server, runtime.place, reading);

    const { code, stderr } = await runtime.run(["sync"], { env: place.options.env as Record<string, string> });

    expect(code === 0 ? 0 : stderr).toBe(0);
    expect(stderr).toContain("the CompassConnection cannot be written");
    expect(stderr).toContain("the agent may not update CompassConnection compass-connection");
    expect(await runtime.world.commits()).toBe(1);
  });
});
