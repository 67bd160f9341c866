import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { type ClusterFailure, type ClusterOptions, openCluster } from "../../../src/adapters/kubernetes/index.js";
import { Secret } from "../../../src/common/secret.js";
import { aClock } from "../../common/clock.js";
import { failureOf, told } from "../../common/failure-of.js";
import { type Fault, startFakeAPIServer } from "../../fakes/api-server.js";
import { anAuthority, startTLSServer } from "../../fakes/tls-server.js";

const place = { namespace: "kyma-system", name: "s" };
const PATH = "/api/v1/namespaces/kyma-system/secrets/s";
const base64 = (text: string) => Buffer.from(text).toString("base64");
const data = (values: Record<string, string>) =>
  new Map(Object.entries(values).map(([key, value]) => [key, Secret.of(base64(value))]));

async function aServer() {
  const api = await startFakeAPIServer();
  onTestFinished(() => api.close());
  const metadata = { name: "s", namespace: "kyma-system", resourceVersion: "old", labels: { owner: "somebody" } };
  api.objects.set(PATH, { kind: "Secret", metadata, type: "Opaque", data: { a: base64("one") } });
  const open = async (options: Partial<ClusterOptions> = {}, user?: Record<string, string>) => {
    const env = { KUBECONFIG: await api.kubeconfig(user) };
    return openCluster({ env, stage: "connect", clock: aClock(), random: () => 0, timeout: 30_000, ...options });
  };
  /** The next requests meet these, one each; null: nothing befalls it. */
  const befall = (...faults: (Fault | null)[]) => {
    api.fault = () => faults.shift() ?? null;
  };
  return { api, open, befall };
}

const clusterFailureOf = async (work: Promise<unknown>) => (await failureOf(work)) as ClusterFailure;

describe("a Secret", () => {
  it("is written by the resourceVersion that was read, with everything that is not ours as it was", async () => {
    const { api, open } = await aServer();
    const { secrets } = await open();
    const read = await secrets.get(place);
    if (read === null) throw new Error("it is there");

    const written = await secrets.write({ ...read, data: data({ a: "two", b: "zwei ü" }) });

    expect(api.objects.get(PATH)).toMatchObject({
      metadata: { labels: { owner: "somebody" } },
      type: "Opaque",
      data: { a: base64("two"), b: base64("zwei ü") },
    });
    expect(written.resourceVersion).not.toBe(read.resourceVersion);
    expect(api.requests.map(({ method }) => method)).toEqual(["GET", "PUT"]);
  });

  it("is null when there is none, and is made when it has no resourceVersion", async () => {
    const { api, open } = await aServer();
    api.objects.clear();
    const { secrets } = await open();

    const before = await secrets.get(place);
    await secrets.write({ ...place, resourceVersion: null, frame: {}, data: data({ a: "one" }) });

    expect(before).toBeNull();
    expect(api.objects.get(PATH)).toMatchObject({ metadata: { name: "s" }, data: { a: base64("one") } });
  });

  it.each([
    ["changed", 1],
    ["removed", 0],
    ["made", null],
  ] as const)("that another has %s meanwhile is a conflict, and is left as it is", async (what, left) => {
    const { api, open } = await aServer();
    const { secrets } = await open();
    const read = await secrets.get(place);
    if (read === null) throw new Error("it is there");
    if (left === 1) await (await open()).secrets.write({ ...read, data: data({ theirs: "x" }) });
    if (left === 0) api.objects.clear();
    const before = api.objects.get(PATH);

    const failure = await clusterFailureOf(
      secrets.write({ ...read, resourceVersion: what === "made" ? null : read.resourceVersion, data: data({}) }),
    );

    expect(failure).toMatchObject({ code: "ClusterConflict", retryable: true, stage: "connect" });
    expect(api.objects.get(PATH)).toBe(before);
  });
});

describe("a Lease", () => {
  it("is read as it was written, to the millisecond, and with six digits for the API", async () => {
    const { api, open } = await aServer();
    const { leases } = await open();
    const now = new Date("2026-03-01T12:00:00.123Z");
    const lease = { holder: "me", duration: 30, acquiredAt: now, renewedAt: now, transitions: 2 };

    await leases.write({ ...place, resourceVersion: null, frame: {}, ...lease });
    const read = await leases.get(place);
    if (read === null) throw new Error("it is there");
    const released = await leases.write({ ...read, holder: null });

    expect(read).toMatchObject(lease);
    expect(released).toMatchObject({ ...lease, holder: null });
    expect(api.objects.get("/apis/coordination.k8s.io/v1/namespaces/kyma-system/leases/s")).toMatchObject({
      spec: { leaseDurationSeconds: 30, leaseTransitions: 2, renewTime: "2026-03-01T12:00:00.123000Z" },
    });
  });
});

describe("a CompassConnection", () => {
  it("is given as it stands, null when there is none", async () => {
    const { api, open } = await aServer();
    const cluster = await open();

    const before = await cluster.compassConnection("compass-connection");
    const object = { metadata: { name: "compass-connection", resourceVersion: "1" }, spec: { managementInfo: {} } };
    api.objects.set("/apis/compass.kyma-project.io/v1alpha1/compassconnections/compass-connection", object);

    expect(before).toBeNull();
    expect(await cluster.compassConnection("compass-connection")).toEqual(object);
  });
});

const CONNECTION = "/apis/compass.kyma-project.io/v1alpha1/compassconnections/c";
const connection = { namespace: "", name: "c" };

describe("a CompassConnection that is written", () => {
  it("is made with the name alone, since it is in no namespace, and then replaced with all that is not ours", async () => {
    const { api, open } = await aServer();
    const { compassConnections } = await open();
    const content = { uid: null, annotations: {}, spec: { managementInfo: {} }, status: undefined };

    const made = await compassConnections.write({ ...connection, resourceVersion: null, frame: {}, ...content });
    const first = api.objects.get(CONNECTION);
    api.objects.set(CONNECTION, {
      ...made.frame,
      ...first,
      more: 1,
      metadata: { ...first?.metadata, name: "c", labels: { a: "b" } },
    });
    const read = await compassConnections.get(connection);
    if (read === null) throw new Error("it is there");
    await compassConnections.write({ ...read, status: { connectionState: "Connected" } });

    const KIND = { apiVersion: "compass.kyma-project.io/v1alpha1", kind: "CompassConnection" };
    expect(first).toEqual({ ...KIND, metadata: { name: "c", resourceVersion: "1" }, spec: { managementInfo: {} } });
    expect(api.objects.get(CONNECTION)).toEqual({
      ...KIND,
      more: 1,
      metadata: { name: "c", resourceVersion: "2", labels: { a: "b" } },
      spec: { managementInfo: {} },
      status: { connectionState: "Connected" },
    });
  });

  it("loses the annotations that are taken away, and keeps the others", async () => {
    const { api, open } = await aServer();
    const { compassConnections } = await open();
    const metadata = { name: "c", uid: "u", resourceVersion: "1", annotations: { one: "1", other: "2" } };
    api.objects.set(CONNECTION, { metadata, spec: {} });
    const annotationsNow = () => api.objects.get(CONNECTION)?.metadata.annotations;

    const read = await compassConnections.get(connection);
    if (read === null) throw new Error("it is there");
    const written = await compassConnections.write({ ...read, annotations: { other: "2" } });
    const one = annotationsNow();
    await compassConnections.write({ ...written, annotations: {} });

    expect(read).toMatchObject({ uid: "u", annotations: { one: "1", other: "2" } });
    expect([one, annotationsNow()]).toEqual([{ other: "2" }, undefined]);
  });

  it("is no conflict when only the answer was lost, and one by its own name otherwise", async () => {
    const { api, open, befall } = await aServer();
    const { compassConnections } = await open();
    api.objects.set(CONNECTION, { metadata: { name: "c", resourceVersion: "1" }, spec: { a: 1, b: 2 } });
    const read = await compassConnections.get(connection);
    if (read === null) throw new Error("it is there");
    befall("lose-answer");

    await compassConnections.write({ ...read, spec: { b: 3, a: 1, left: undefined } });
    const failure = await clusterFailureOf(compassConnections.write({ ...read, spec: {} }));

    expect(failure).toMatchObject({ code: "ClusterConflict" });
    expect(failure.message).toContain("update CompassConnection c:");
  });
});

describe("a Deployment", () => {
  const DEPLOYMENT = "/apis/apps/v1/namespaces/kyma-system/deployments/s";

  it.each([
    [{ spec: { replicas: 0 } }, { wanted: 0, running: 0 }],
    [
      { spec: { replicas: 0 }, status: { replicas: 1 } },
      { wanted: 0, running: 1 },
    ],
    [
      { spec: { replicas: 2 }, status: {} },
      { wanted: 2, running: 0 },
    ],
    [{ spec: {} }, { wanted: 1, running: 0 }],
  ])("has the pods that are wanted and those that run: %j", async (object, pods) => {
    const { api, open } = await aServer();
    api.objects.set(DEPLOYMENT, { metadata: { name: "s" }, ...object });

    expect(await (await open()).deployment(place)).toEqual(pods);
  });

  it("is null when there is none, and not when it may not be read", async () => {
    const { open, befall } = await aServer();
    const cluster = await open();

    const none = await cluster.deployment(place);
    befall(403);
    const failure = await clusterFailureOf(cluster.deployment(place));

    expect(none).toBeNull();
    expect(failure.message).toBe("the agent may not get Deployment kyma-system/s");
  });
});

describe("an Event", () => {
  const EVENTS = "/api/v1/namespaces/default/events/";
  const about = { apiVersion: "v1", kind: "K", name: "c", uid: "u" };
  const event = { type: "Warning", reason: "R", message: "m", about, at: new Date("2026-03-01T12:00:00Z") } as const;
  const told = ({ objects }: { objects: ReadonlyMap<string, unknown> }) =>
    [...objects].filter(([path]) => path.startsWith(EVENTS)).map(([, object]) => object);

  it("is made in the namespace of what is in none, and counted when it is told again", async () => {
    const { api, open } = await aServer();
    const { tell } = await open();

    await tell(event);
    await tell({ ...event, at: new Date("2026-03-01T12:05:00Z") });
    await tell({ ...event, at: new Date("2026-03-01T12:10:00Z") });

    expect(told(api)).toEqual([
      expect.objectContaining({
        metadata: { namespace: "default", name: expect.stringMatching(/^c\.[0-9a-f]{16}$/), resourceVersion: "5" },
        involvedObject: about,
        type: "Warning",
        reason: "R",
        message: "m",
        count: 3,
        firstTimestamp: "2026-03-01T12:00:00.000Z",
        lastTimestamp: "2026-03-01T12:10:00.000Z",
        source: { component: "runtime-agent" },
      }),
    ]);
    expect(api.requests.map(({ method }) => method)).not.toContain("GET");
    const patches = api.requests.filter(({ method }) => method === "PATCH");
    expect(new Set(patches.map(({ contentType }) => contentType))).toEqual(new Set(["application/merge-patch+json"]));
  });

  it("is another one for another object, type, reason or message", async () => {
    const { api, open } = await aServer();
    const { tell } = await open();

    await tell(event);
    await tell({ ...event, about: { ...about, uid: null } });
    await tell({ ...event, type: "Normal" });
    await tell({ ...event, reason: "S" });
    await tell({ ...event, message: "n" });

    expect(told(api)).toHaveLength(5);
    expect(JSON.stringify(told(api)[1])).not.toContain("uid");
  });

  it("that another makes or counts at the same time is told", async () => {
    const { api, open, befall } = await aServer();
    const { tell } = await open();
    befall(404, 409);

    await tell(event);
    await tell(event);
    befall(null, 409);
    await tell(event);

    expect(told(api)).toEqual([expect.objectContaining({ count: 1 })]);
  });

  it("that others count meanwhile is never counted back", async () => {
    const { api, open } = await aServer();
    const { tell } = await open();
    await tell(event);
    const [path = ""] = [...api.objects.keys()].filter((each) => each.startsWith(EVENTS));
    let patches = 0;
    api.fault = ({ method }) => {
      const found = api.objects.get(path);
      if (method !== "PATCH" || ++patches !== 2 || found === undefined) return null;
      api.objects.set(path, { ...found, count: 9, metadata: { ...found.metadata, resourceVersion: "theirs" } });
      return null;
    };

    await tell(event);

    expect(told(api)).toEqual([expect.objectContaining({ count: 9 })]);
  });

  it("that may not be made is a failure", async () => {
    const { open, befall } = await aServer();
    befall(null, 403);

    const failure = await clusterFailureOf((await open()).tell(event));

    expect(failure).toMatchObject({ code: "ClusterForbidden" });
    expect(failure.hint).toContain("the verb create on events");
  });
});

describe("a fault that passes", () => {
  it.each<Fault>([429, 500, 503, 410, "hang", "reset", "lose-answer"])("is survived by a read: %s", async (fault) => {
    const { open, befall } = await aServer();
    befall(fault, fault);
    const { secrets } = await open(fault === "hang" ? { timeout: 1500 } : {});

    expect((await secrets.get(place))?.data.get("a")?.reveal()).toBe(base64("one"));
  });

  it.each<Fault>([429, 500, 503, "hang", "reset"])("is survived by a write: %s", async (fault) => {
    const { api, open, befall } = await aServer();
    const { secrets } = await open(fault === "hang" ? { timeout: 1500 } : {});
    const read = await secrets.get(place);
    if (read === null) throw new Error("it is there");
    befall(fault, fault);

    await secrets.write({ ...read, data: data({ a: "two" }) });

    expect(api.objects.get(PATH)?.data).toEqual({ a: base64("two") });
  });

  it("is waited for with full jitter, up to half a second, then twice that", async () => {
    const { open, befall } = await aServer();
    befall(500, 500, 429);
    const clock = aClock();
    const { secrets } = await open({ clock, timeout: 30_000, random: () => 0.5 });

    await secrets.get(place);

    expect(clock.waits).toEqual([250, 500, 1000]);
  });

  it("that took the answer of a write is no conflict, since what stands there is what was written", async () => {
    const { api, open, befall } = await aServer();
    const { secrets } = await open();
    const read = await secrets.get(place);
    if (read === null) throw new Error("it is there");
    befall("lose-answer");

    const written = await secrets.write({ ...read, data: data({ a: "two" }) });

    expect(written.resourceVersion).toBe(api.objects.get(PATH)?.metadata.resourceVersion);
    expect(api.requests.map(({ method }) => method)).toEqual(["GET", "PUT", "PUT", "GET"]);
  });

  it("that took the answer of a write is a conflict, when another wrote over it", async () => {
    const { api, open, befall } = await aServer();
    const { secrets } = await open();
    const read = await secrets.get(place);
    if (read === null) throw new Error("it is there");
    befall("reset");
    api.objects.set(PATH, { metadata: { name: "s", resourceVersion: "theirs" }, data: { a: base64("theirs") } });

    const failure = await clusterFailureOf(secrets.write({ ...read, data: data({ a: "two" }) }));

    expect(failure.code).toBe("ClusterConflict");
    expect(api.objects.get(PATH)?.data).toEqual({ a: base64("theirs") });
  });
});

describe("a fault that stays", () => {
  it.each<[Fault, string, boolean]>([
    [429, "RateLimited", true],
    [500, "ServerError", true],
    [410, "ClusterConflict", true],
    [401, "ClusterAuthentication", false],
    [403, "ClusterForbidden", false],
    [422, "ClusterRefused", false],
    ["reset", "NetworkUnreachable", true],
    ["hang", "TimedOut", true],
    ["login-page", "AnswerMalformed", false],
  ])("is told, with the object and without the server's words: %s is %s", async (fault, code, retryable) => {
    const { api, open } = await aServer();
    api.fault = () => fault;
    const { secrets } = await open(fault === "hang" ? { timeout: 90 } : {});

    const failure = await clusterFailureOf(secrets.get(place));

    expect(failure).toMatchObject({ code, retryable, stage: "connect" });
    expect(failure.status).toBe(typeof fault === "number" ? fault : null);
    expect(failure.message).toContain("get Secret kyma-system/s");
    expect(told(failure)).not.toContain("words of the server");
    expect(told(failure)).not.toContain("the-token");
  });

  it.each([
    [
      403,
      `secrets "s" is forbidden: ValidatingAdmissionPolicy 'keep-off' with binding 'b' denied request: S3CRET words`,
    ],
    [
      422,
      `Secret "s" is invalid: : ValidatingAdmissionPolicy 'keep-off' with binding 'b' denied request: S3CRET words`,
    ],
    [400, `admission webhook "keep-off" denied the request: S3CRET words`],
  ])("names who of admission refuses, HTTP %i, and nothing else of its words", async (status, message) => {
    const { api, open } = await aServer();
    api.fault = () => ({ status, message });
    const { secrets } = await open();

    const failure = await clusterFailureOf(
      secrets.write({ ...place, resourceVersion: "old", frame: {}, data: data({}) }),
    );

    expect(failure).toMatchObject({ code: "ClusterRefused", retryable: false, status });
    expect(failure.message).toContain("keep-off refuses it");
    expect(failure.hint).toContain("keep-off pass");
    expect(told(failure)).not.toContain("S3CRET");
  });

  it("is told whatever the deadline is, also where it is no multiple of the attempts", async () => {
    const { api, open } = await aServer();
    api.fault = () => "hang";
    const { secrets } = await open({ timeout: 100 });

    expect(await clusterFailureOf(secrets.get(place))).toMatchObject({ code: "TimedOut" });
  });

  it("is told when the API server is away", async () => {
    const { api, open } = await aServer();
    const { secrets } = await open();
    await api.stop();

    const failure = await clusterFailureOf(secrets.get(place));

    expect(failure).toMatchObject({ code: "NetworkUnreachable", retryable: true, status: null });
    expect(failure.message).toContain("ECONNREFUSED");
  });

  it("names the verb and the object that a right is missing for", async () => {
    const { open, befall } = await aServer();
    const { secrets } = await open();
    const read = await secrets.get(place);
    if (read === null) throw new Error("it is there");
    befall(403);

    const failure = await clusterFailureOf(secrets.write({ ...read, data: data({}) }));

    expect(failure.message).toBe("the agent may not update Secret kyma-system/s");
    expect(failure.hint).toContain("the verb update on secrets");
  });

  it("ends a call at its deadline, however many attempts there were", async () => {
    const { api, open } = await aServer();
    api.fault = () => "hang";
    const { secrets } = await open({ timeout: 300 });
    const begun = performance.now();

    await clusterFailureOf(secrets.get(place));

    // Five attempts of a third of the deadline each, since the waits between them take this clock no time.
    expect(performance.now() - begun).toBeLessThan(5000);
  });

  it("ends a call with the signal", async () => {
    const { api, open } = await aServer();
    api.fault = () => "hang";
    const stop = new AbortController();
    const { secrets } = await open({ signal: stop.signal, timeout: 60_000 });
    setTimeout(() => stop.abort(), 100);

    expect(await clusterFailureOf(secrets.get(place))).toMatchObject({ code: "Aborted", retryable: false });
  });
});

describe("access", () => {
  const aFile = async (content: string) => {
    const folder = await mkdtemp(join(tmpdir(), "token-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, "token"), content);
    return join(folder, "token");
  };

  it("by a token file is by what is in it now: one that has expired is read again", async () => {
    const { api, open } = await aServer();
    const tokenFile = await aFile("expired\n");
    api.fault = ({ authorization }) => {
      if (authorization === "Bearer fresh") return null;
      void writeFile(tokenFile, "fresh\n");
      return 401;
    };
    const { secrets } = await open({}, { tokenFile });

    const found = await secrets.get(place);

    expect(found).not.toBeNull();
    expect(api.requests.map(({ authorization }) => authorization)).toEqual(["Bearer expired", "Bearer fresh"]);
  });

  it("by a token file that stays refused may come back, since others renew it", async () => {
    const { api, open } = await aServer();
    api.fault = () => 401;
    const { secrets } = await open({}, { tokenFile: await aFile("expired") });

    expect(await clusterFailureOf(secrets.get(place))).toMatchObject({
      code: "ClusterAuthentication",
      retryable: true,
    });
  });

  it("in a pod is by its service account, with its authorities, over one connection", async () => {
    const authority = await anAuthority();
    const ports = new Set<unknown>();
    const server = await startTLSServer({
      authority,
      hosts: ["127.0.0.1"],
      answer: (response) => {
        ports.add(response.socket?.remotePort);
        response.setHeader("Content-Type", "application/json").end('{"metadata": {"resourceVersion": "1"}}');
      },
    });
    onTestFinished(() => server.close());
    const folder = join(await aFile("from the account"), "..");
    await writeFile(join(folder, "ca.crt"), authority.certificate);
    const env = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(server.port) };
    const { secrets } = openCluster({ env, stage: "connect", accountFolder: folder });

    await secrets.get(place);
    await writeFile(join(folder, "token"), "renewed");
    await secrets.get(place);

    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer from the account",
      "Bearer renewed",
    ]);
    expect(ports.size).toBe(1);
  });

  it("with authorities that do not know the server is refused", async () => {
    const [authority, other] = [await anAuthority(), await startFakeAPIServer()];
    onTestFinished(() => other.close());
    const server = await startTLSServer({ authority, hosts: ["127.0.0.1"], answer: (response) => response.end("{}") });
    onTestFinished(() => server.close());
    const kubeconfig = await aFile(
      JSON.stringify({
        clusters: [{ name: "c", cluster: { server: `https://127.0.0.1:${server.port}` } }],
        users: [{ name: "u", user: {} }],
        contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
        "current-context": "x",
      }),
    );
    const { secrets } = openCluster({ env: { KUBECONFIG: kubeconfig }, stage: "connect" });

    expect(await clusterFailureOf(secrets.get(place))).toMatchObject({ code: "TlsUntrusted", retryable: false });
    expect(server.requests).toEqual([]);
  });

  it.each([
    ["a file that is not there", { KUBECONFIG: "/nonexistent/config" }],
    ["a home without one", { HOME: "/nonexistent" }],
    ["a pod without a service account", { KUBERNETES_SERVICE_HOST: "10.0.0.1" }],
  ])("is not had from %s, which is said", async (_, env) => {
    const { secrets } = openCluster({ env, stage: "connect", accountFolder: "/nonexistent" });

    const failure = await clusterFailureOf(secrets.get(place));

    expect(failure).toMatchObject({ code: "ClusterAuthentication", retryable: false });
    expect(failure.hint).toContain("KUBECONFIG");
  });

  it("is not had from a file that is no kubeconfig, of which nothing is told", async () => {
    const KUBECONFIG = await aFile("users: [{name: u, user: {token: hidden}\n  current");
    const { secrets } = openCluster({ env: { KUBECONFIG }, stage: "connect" });

    const failure = await clusterFailureOf(secrets.get(place));

    expect(failure.code).toBe("ClusterAuthentication");
    expect(`${told(failure)} ${inspect(failure)}`).not.toContain("hidden");
  });

  it("is looked for again by the next call", async () => {
    const { api, open } = await aServer();
    await open();
    const KUBECONFIG = join(await aFile(""), "..", "config");
    const { secrets } = openCluster({ env: { KUBECONFIG }, stage: "connect" });
    await clusterFailureOf(secrets.get(place));

    await writeFile(KUBECONFIG, await readFile(await api.kubeconfig()));

    expect(await secrets.get(place)).not.toBeNull();
  });

  it("is by the first of several files that selects a context, and all of them know clusters and users", async () => {
    const { api, open } = await aServer();
    await open();
    const context = await aFile(
      JSON.stringify({ contexts: [{ name: "y", context: { cluster: "c", user: "u2" } }], "current-context": "y" }),
    );
    const user = await aFile(JSON.stringify({ users: [{ name: "u2", user: { token: "second" } }] }));
    const KUBECONFIG = [context, "/nonexistent", user, await api.kubeconfig()].join(":");
    const { secrets } = openCluster({ env: { KUBECONFIG }, stage: "connect" });

    await secrets.get(place);

    expect(api.requests[0]?.authorization).toBe("Bearer second");
  });
});
