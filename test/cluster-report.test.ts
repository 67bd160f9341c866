/** What the agent reads and tells in a cluster, on a fake API server that fails as it is told. */

import { describe, expect, it, onTestFinished } from "vitest";
import { type ClusterReport, NOTHING_ASKED, openClusterReport, reported, type Work } from "../src/cluster-report.js";
import { Failure } from "../src/common/failure.js";
import { type Logger, silentLogger } from "../src/common/logger.js";
import { type Config, loadConfig } from "../src/config/index.js";
import { anEvent } from "../src/report/events.js";
import type { State } from "../src/state/index.js";
import { takeOverConfiguration } from "../src/take-over.js";
import { aClock } from "./common/clock.js";
import { failureOf } from "./common/failure-of.js";
import { type Fault, startFakeAPIServer } from "./fakes/api-server.js";
import { connectionOf, identityOf } from "./state/examples.js";

const CONNECTION = "/apis/compass.kyma-project.io/v1alpha1/compassconnections/compass-connection";
const DEPLOYMENT = "/apis/apps/v1/namespaces/kyma-system/deployments/compass-runtime-agent";
const SECRETS = "/api/v1/namespaces/kyma-system/secrets";
const APPROVE = "runtime-agent.kyma-project.io/approve";
const SUSPEND = "runtime-agent.kyma-project.io/suspend";

async function aCluster(configuration?: string) {
  const api = await startFakeAPIServer();
  onTestFinished(() => api.close());
  const warnings: string[] = [];
  const log: Logger = { ...silentLogger, warn: (message, fields) => warnings.push(`${message}: ${fields?.code}`) };
  const settings = { RUNTIME_AGENT_STATE_KUBERNETES_NAMESPACE: "kyma-system" };
  const named = configuration === undefined ? {} : { RUNTIME_AGENT_RUNTIME_CONFIGURATION_SECRET: configuration };
  const { config } = await loadConfig({ env: { ...settings, ...named }, cwd: "/nowhere" });
  const env = { KUBECONFIG: await api.kubeconfig() };
  const options = { config, env, clock: aClock(), log, signal: new AbortController().signal };
  const report = openClusterReport(options) as ClusterReport;
  const put = (object: object, metadata: object = {}) =>
    api.objects.set(CONNECTION, {
      ...object,
      metadata: { name: "compass-connection", uid: "u", resourceVersion: "0", ...metadata },
    });
  const connection = () => api.objects.get(CONNECTION) as Record<string, Record<string, unknown>> | undefined;
  const events = () =>
    [...api.objects].flatMap(([path, { reason }]) => (path.includes("/events/") ? [String(reason)] : []));
  const befall = (...faults: (Fault | null)[]) => {
    api.fault = () => faults.shift() ?? null;
  };
  return { api, options, report, warnings, put, connection, events, befall, env };
}

const paired: Pick<State, "identity" | "connection"> = {
  identity: async () => null,
  connection: async () => connectionOf("one"),
};

const aWork = (changes: Partial<Work> = {}): Work => ({
  work: "cycle",
  failure: null,
  applications: { total: 1, setAside: [] },
  isSuspended: false,
  state: paired as State,
  asked: NOTHING_ASKED,
  usedApproval: null,
  events: () => [anEvent("Normal", "Paired", "m")],
  ...changes,
});

describe("what people ask for", () => {
  it("is nothing where the state is in a folder, or there is no CompassConnection", async () => {
    const { report, options } = await aCluster();
    const inFolder = { ...options.config, state: { directory: "/nowhere" } } as Config;

    expect(openClusterReport({ ...options, config: inFolder })).toBeNull();
    expect(await report.asked()).toEqual({ ...NOTHING_ASKED, isDeleted: true });
    expect(await report.takeRefresh()).toBe(false);
  });

  it("is not to pair anew where the CompassConnection cannot be made, as in a cluster that does not know the kind", async () => {
    const { report, befall } = await aCluster();
    befall(404, 404);

    expect(await report.asked()).toEqual(NOTHING_ASKED);
  });

  it.each([
    [{}, {}, { approval: null, isSuspended: false, isResyncAsked: false, isDeleted: false }],
    [
      { [APPROVE]: " abc\n", [SUSPEND]: "true" },
      {},
      { approval: "abc", isSuspended: true, isResyncAsked: false, isDeleted: false },
    ],
    [
      { [APPROVE]: "", [SUSPEND]: "false" },
      {},
      { approval: null, isSuspended: false, isResyncAsked: false, isDeleted: false },
    ],
    [
      { [SUSPEND]: "" },
      { resyncNow: true },
      { approval: null, isSuspended: false, isResyncAsked: true, isDeleted: false },
    ],
    [{ [SUSPEND]: "yes" }, null, { approval: null, isSuspended: true, isResyncAsked: false, isDeleted: false }],
  ])("is read from annotations %j and spec %j", async (annotations, spec, asked) => {
    const { report, put } = await aCluster();
    put({ spec }, { annotations });

    expect(await report.asked()).toEqual(asked);
  });

  it("fails when it cannot be read, since somebody may have asked that nothing is written", async () => {
    const { report, befall } = await aCluster();
    befall(403);

    expect(await failureOf(report.asked())).toMatchObject({ code: "ClusterForbidden" });
  });

  it("of a renewal is taken once, over a conflict, and with everything else as it is", async () => {
    const { report, put, connection, befall } = await aCluster();
    put({
      spec: { managementInfo: { connectorUrl: "c", directorUrl: "d" }, refreshCredentialsNow: true },
      status: { a: 1 },
    });
    befall(null, 409);

    const taken = [await report.takeRefresh(), await report.takeRefresh()];

    expect(taken).toEqual([true, false]);
    expect(connection()).toMatchObject({
      spec: { managementInfo: { connectorUrl: "c", directorUrl: "d" }, refreshCredentialsNow: false },
      status: { a: 1 },
    });
  });

  it("of a renewal is not served when it cannot be taken back, so that it is not served again and again", async () => {
    const { report, put, befall, warnings } = await aCluster();
    put({ spec: { refreshCredentialsNow: true } });
    befall(null, 403);

    expect(await report.takeRefresh()).toBe(false);
    expect(warnings).toEqual(["refreshCredentialsNow cannot be taken back, so it is not served: ClusterForbidden"]);
  });
});

describe("the CompassConnection", () => {
  it("is written again over what somebody changed meanwhile, whose switch and annotation stay", async () => {
    const { api, report, put, connection } = await aCluster();
    put({ spec: {} }, { annotations: { [APPROVE]: "used" } });
    let writes = 0;
    api.fault = ({ method }) => {
      if (method !== "PUT" || ++writes > 1) return null;
      // Between the read and the write of the agent.
      put({ spec: { resyncNow: true } }, { annotations: { [APPROVE]: "used", mine: "x" }, resourceVersion: "theirs" });
      return null;
    };

    await report.tell(aWork({ usedApproval: "used", asked: { ...NOTHING_ASKED, approval: "used" } }));

    expect(writes).toBe(2);
    expect(connection()).toMatchObject({
      metadata: { annotations: { mine: "x" } },
      spec: { resyncNow: true },
      status: { connectionState: "Synchronized" },
    });
    expect(connection()?.metadata?.annotations).not.toHaveProperty(APPROVE);
  });

  it("keeps an approval that a person gave since, for what is held next", async () => {
    const { report, put, connection } = await aCluster();
    put({ spec: {} }, { annotations: { [APPROVE]: "newer" } });

    await report.tell(aWork({ usedApproval: "used" }));

    expect(connection()?.metadata?.annotations).toEqual({ [APPROVE]: "newer" });
  });

  it("and Events are told apart: what cannot be written is logged, and nothing is thrown", async () => {
    const { api, report, warnings, events } = await aCluster();
    api.fault = ({ path }) => (path.includes("compassconnections") ? 403 : null);

    await report.tell(aWork());
    api.fault = ({ path }) => (path.includes("events") ? 403 : null);
    await report.tell(aWork());

    expect(warnings).toEqual([
      "the CompassConnection cannot be written: ClusterForbidden",
      "an Event cannot be written: ClusterForbidden",
    ]);
    expect(events()).toEqual(["Paired"]);
  });

  it("is told to be made again only for a runtime that was paired before", async () => {
    const { api, report, events } = await aCluster();
    const withIdentity = { ...paired, identity: async () => identityOf("one") } as State;

    await report.tell(aWork({ state: withIdentity }));
    const first = events();
    api.objects.delete(CONNECTION);
    await report.tell(aWork({ state: withIdentity, events: () => [] }));
    const second = events();
    api.objects.clear();
    await report.tell(aWork({ events: () => [] }));

    expect([first, second, events()]).toEqual([["Paired"], ["Paired", "ConnectionMadeAgain"], []]);
  });
});

describe("a command's work on the identity", () => {
  it.each([
    ["pairing", "PairingFailed"],
    ["renewal", "RenewalFailed"],
    ["revocation", "RevocationUnconfirmed"],
  ] as const)("that fails is told, and fails: %s", async (work, reason) => {
    const { options, events, connection } = await aCluster();
    const failure = new Failure("m", { code: "RevocationUnconfirmed", stage: "connect", hint: "h" });

    const thrown = await failureOf(
      reported({ ...options, state: paired as State, work }, () => Promise.reject(failure)),
    );

    expect(thrown).toBe(failure);
    expect(events()).toEqual([reason]);
    expect(connection()?.status).toMatchObject({ connectionState: "ConnectionFailed" });
  });

  it.each(["Usage", "Aborted", "ConfigurationInvalid"] as const)(
    "that says nothing of it is not told: %s",
    async (code) => {
      const { api, options } = await aCluster();
      const failure = new Failure("m", { code, stage: "connect", hint: "h" });

      await failureOf(reported({ ...options, state: paired as State, work: "pairing" }, () => Promise.reject(failure)));

      expect(api.requests).toEqual([]);
    },
  );

  it("gives what the work gives where the state is in a folder", async () => {
    const { api, options } = await aCluster();
    const config = { ...options.config, state: { directory: "/nowhere" } } as Config;

    const given = await reported({ ...options, config, state: paired as State, work: "renewal" }, async () => 7);

    expect([given, api.requests]).toEqual([7, []]);
  });
});

describe("the Go agent beside this one", () => {
  it.each([
    [{ spec: { replicas: 1 } }, "a pod"],
    [{ spec: { replicas: 0 }, status: { replicas: 2 } }, "2 pods"],
    [{ spec: {} }, "a pod"],
  ])("is refused, and told: %j", async (deployment, pods) => {
    const { api, report, events } = await aCluster();
    api.objects.set(DEPLOYMENT, { metadata: { name: "compass-runtime-agent" }, ...deployment });

    const failure = await failureOf(report.refuseBesideGoAgent());

    expect(failure).toMatchObject({ code: "GoAgentRunning", retryable: false });
    expect(failure.message).toBe(
      `the Go agent runs beside this one: the Deployment kyma-system/compass-runtime-agent has ${pods}`,
    );
    expect(failure.hint).toMatch(
      /^Delete the Secret kyma-system\/compass-agent-configuration, .* scale the Deployment to 0/,
    );
    expect(events()).toEqual(["GoAgentRunning"]);
  });

  it("is refused as well where it runs beside the certificate, in another namespace than the state", async () => {
    const { api, options } = await aCluster();
    const secret = { namespace: "compass", name: "cluster-client-certificates" };
    const config = { ...options.config, certificate: { ...options.config.certificate, secret } };
    const report = openClusterReport({ ...options, config }) as ClusterReport;
    const place = DEPLOYMENT.replace("kyma-system", "compass");
    api.objects.set(place, { metadata: { name: "compass-runtime-agent" }, spec: { replicas: 1 } });

    const failure = await failureOf(report.refuseBesideGoAgent());

    expect(failure.message).toContain("the Deployment compass/compass-runtime-agent has a pod");
  });

  it("is found without telling anybody, for a look that changes nothing", async () => {
    const { api, report, events } = await aCluster();
    expect(await report.goAgent()).toBeNull();
    api.objects.set(DEPLOYMENT, { metadata: { name: "compass-runtime-agent" }, spec: { replicas: 1 } });

    expect(await report.goAgent()).toMatchObject({ code: "GoAgentRunning" });
    expect(events()).toEqual([]);
  });

  it("is refused also when that cannot be told", async () => {
    const { api, report, warnings } = await aCluster();
    api.objects.set(DEPLOYMENT, { metadata: { name: "compass-runtime-agent" }, spec: { replicas: 1 } });
    api.fault = ({ path }) => (path === DEPLOYMENT ? null : 403);

    expect(await failureOf(report.refuseBesideGoAgent())).toMatchObject({ code: "GoAgentRunning" });
    expect(warnings).toEqual(["the Go agent could not be told of as an Event: ClusterForbidden"]);
  });

  it("that is not there, or scaled to 0, is no reason", async () => {
    const { api, report } = await aCluster();

    await report.refuseBesideGoAgent();
    api.objects.set(DEPLOYMENT, { metadata: { name: "compass-runtime-agent" }, spec: { replicas: 0 } });
    await report.refuseBesideGoAgent();

    expect(api.requests).toHaveLength(2);
  });

  it("may be there or not, when that may not be looked at: that is a failure", async () => {
    const { report, befall } = await aCluster();
    befall(403);

    expect(await failureOf(report.refuseBesideGoAgent())).toMatchObject({ code: "ClusterForbidden" });
  });

  it("is not deprived of its configuration before there is another", async () => {
    const { api, report } = await aCluster("kyma-system/compass-agent-configuration");
    api.objects.set(DEPLOYMENT, { metadata: { name: "compass-runtime-agent" }, spec: { replicas: 1 } });

    const { hint } = await failureOf(report.refuseBesideGoAgent());

    expect(hint).toMatch(/^Let runtime.configuration name kyma-system\/runtime-agent-configuration, .* Then delete/);
  });
});

describe("the Go agent's configuration", () => {
  const data = (values: Record<string, string>) =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString("base64")]));
  const metadata = (name: string) => ({ name, namespace: "kyma-system", resourceVersion: "0" });
  const theirs = { metadata: metadata("compass-agent-configuration"), data: data({ RUNTIME_ID: "r", TOKEN: "t" }) };

  async function aConfiguration(own: object | null, { name = "runtime-agent-configuration", old = true } = {}) {
    const cluster = await aCluster(`kyma-system/${name}`);
    if (own !== null) cluster.api.objects.set(`${SECRETS}/${name}`, { metadata: metadata(name), ...own });
    if (old) cluster.api.objects.set(`${SECRETS}/compass-agent-configuration`, theirs);
    const { config, signal } = cluster.options;
    const note = await takeOverConfiguration(config, cluster.env, signal);
    return { ...cluster, note, stands: cluster.api.objects.get(`${SECRETS}/${name}`)?.data };
  }

  it.each([
    ["missing", null],
    ["without data", {}],
    ["full of nothing", { data: data({ RUNTIME_ID: "", TOKEN: "" }) }],
  ])("is copied when ours is %s, with a note that says what to delete", async (_what, own) => {
    const { note, stands } = await aConfiguration(own);

    expect(stands).toEqual(theirs.data);
    expect(note).toContain("delete kyma-system/compass-agent-configuration");
  });

  it.each<[string, object | null, { name?: string; old?: boolean }]>([
    ["there is something in ours", { data: data({ RUNTIME_ID: "mine" }) }, {}],
    ["there is none of theirs", {}, { old: false }],
    ["the setting names theirs", theirs, { name: "compass-agent-configuration" }],
  ])("is left alone when %s", async (_what, own, options) => {
    const { note, api } = await aConfiguration(own, options);

    expect(note).toBeNull();
    expect(api.requests.map(({ method }) => method)).not.toContain("PUT");
    if (options.name !== undefined) expect(api.requests).toEqual([]);
  });
});
