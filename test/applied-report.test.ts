/** The cluster, asked what was applied, on a fake API server that answers and fails as it is told. */

import { describe, expect, it, onTestFinished } from "vitest";
import { appliedBy, isObserved, type WatchOptions, watchApplied } from "../src/applied-report.js";
import type { Clock } from "../src/common/clock.js";
import { silentLogger } from "../src/common/logger.js";
import { loadConfig } from "../src/config/index.js";
import type { AppliedTarget } from "../src/report/index.js";
import { aClock } from "./common/clock.js";
import { APPLICATIONS, ARGO, KUSTOMIZATION, REPOSITORY, REVISION, SEALED } from "./fakes/api-paths.js";
import { startFakeAPIServer } from "./fakes/api-server.js";

const DIGEST = `sha256:${"1".repeat(64)}`;
const CANARY = "/api/v1/namespaces/kyma-system/secrets/runtime-agent-canary";
const ANNOTATION = "runtime-agent.kyma-project.io/digest";

const TARGET: AppliedTarget = {
  digest: DIGEST,
  applications: new Map([["mp-a", "sha256:a"]]),
  secrets: new Set(["s-1"]),
  deleted: new Set(["mp-a"]),
  hasCanary: false,
};

const ready = (status: string, reason = "Reason", message = "their words") => ({
  conditions: [{ type: "Ready", status, reason, message }],
});

async function aWatch(settings: Readonly<Record<string, string>> = { GITOPS_OBSERVE: "true" }) {
  const api = await startFakeAPIServer();
  onTestFinished(() => api.close());
  const variables = Object.entries(settings).map(([name, value]) => [`RUNTIME_AGENT_${name}`, value]);
  const { config } = await loadConfig({ env: Object.fromEntries(variables), cwd: "/nowhere" });
  const clock = aClock();
  const stop = new AbortController();
  const env = { KUBECONFIG: await api.kubeconfig() };
  const log = silentLogger;
  const given = { config, env, clock, log, signal: stop.signal, target: TARGET, isFresh: false, since: null };
  const watch = (changes: Partial<WatchOptions> = {}) => watchApplied({ ...given, ...changes });
  const put = (path: string, object: object = {}) =>
    api.objects.set(path, { ...object, metadata: { name: path.split("/").at(-1) ?? "", resourceVersion: "0" } });
  const apply = (digest = DIGEST) => {
    put(REVISION, { data: { digest } });
    put(APPLICATIONS, { items: [{ metadata: { name: "mp-a", annotations: { [ANNOTATION]: "sha256:a" } } }] });
  };
  const asked = () => api.requests.map(({ method, path }) => `${method} ${path.split("?")[0]}`);
  return { api, clock, stop, watch, put, apply, asked };
}

const FLUX = { GITOPS_KIND: "flux" };

function putFlux(put: (path: string, object: object) => unknown, kustomization: object, repository: object) {
  put(KUSTOMIZATION, { spec: { sourceRef: { kind: "GitRepository", name: "clusters" } }, status: kustomization });
  put(REPOSITORY, { status: repository });
}

describe("the cluster", () => {
  it.each([
    [{}, false],
    [{ GITOPS_KIND: "flux" }, true],
    [{ GITOPS_KIND: "argocd", GITOPS_OBSERVE: "false" }, false],
    [{ GITOPS_OBSERVE: "true" }, true],
    [{ STATE_KUBERNETES_NAMESPACE: "kyma-system" }, true],
    [{ STATE_KUBERNETES_NAMESPACE: "kyma-system", GITOPS_OBSERVE: "false" }, false],
  ] as const)("with %j is asked: %s", async (settings, expected) => {
    const { watch, asked, apply } = await aWatch(settings);
    apply();

    const { applied, notes } = await watch();

    expect([applied !== null, asked().length > 0, notes]).toEqual([expected, expected, []]);
  });

  it("is asked for the revision first, and only where that fits for the Applications, by their metadata", async () => {
    const { api, watch, asked, apply, put } = await aWatch();
    put(REVISION, { data: { digest: "sha256:2" } });
    const fresh = await watch({ isFresh: true });
    expect(fresh.applied).toMatchObject({ current: false, missing: [], revision: "sha256:2" });
    expect(asked()).toEqual([`GET ${REVISION}`]);

    apply();
    const fitting = await watch({ isFresh: true });

    expect(fitting.applied).toMatchObject({ current: true, missing: [] });
    expect(asked().slice(1)).toEqual([`GET ${REVISION}`, `GET ${APPLICATIONS}`]);
    expect(api.requests.at(-1)?.accept).toBe("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
  });

  it("is asked for the Applications where nothing was committed, to name what is missing", async () => {
    const { watch, put } = await aWatch();
    put(APPLICATIONS, { items: [] });

    expect((await watch()).applied).toMatchObject({ current: false, missing: ["mp-a"], revision: null });
  });

  it("that knows no Applications is well where none are committed", async () => {
    const { watch, put } = await aWatch();
    put(REVISION, { data: { digest: DIGEST } });

    const { applied } = await watch({ target: { ...TARGET, applications: new Map() } });

    expect(applied?.current).toBe(true);
  });

  it("that refuses to delete the last Application still has it, in the words of who tried", async () => {
    const { watch, put, apply } = await aWatch(FLUX);
    putFlux(put, ready("False", "PruneFailed", "delete of mp-a denied"), ready("True"));
    apply();

    const { applied } = await watch({ target: { ...TARGET, applications: new Map() } });

    const controller = { kind: "Kustomization", reason: "PruneFailed", message: "delete of mp-a denied" };
    expect(applied).toMatchObject({ current: false, revision: DIGEST, remaining: ["mp-a"], controller });
  });

  it("that knows no Applications has none of them", async () => {
    const { watch, put } = await aWatch();
    put(REVISION, { data: { digest: DIGEST } });

    expect((await watch()).applied).toMatchObject({ current: false, missing: ["mp-a"] });
  });

  it.each([
    [REVISION, "may not get ConfigMap kyma-system/runtime-agent-revision"],
    [APPLICATIONS, "may not list the Applications"],
  ])("that refuses %s tells nothing of what is applied, and why is a note", async (path, reason) => {
    const { api, watch, apply } = await aWatch();
    apply();
    api.fault = (request) => (request.path.startsWith(path) ? 403 : null);

    const { applied, failure, notes } = await watch();

    expect(applied).toBeNull();
    expect(failure?.code).toBe("ClusterForbidden");
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain(reason);
  });

  it("whose answer is no list of Applications tells nothing", async () => {
    const { watch, put, apply } = await aWatch();
    apply();
    put(APPLICATIONS, { items: [{ metadata: { name: 7 } }] });

    expect((await watch()).failure?.code).toBe("AnswerMalformed");
  });
});

describe("the canary", () => {
  const target = { ...TARGET, hasCanary: true };
  const secret = (digest: string) => ({ data: { digest: Buffer.from(digest).toString("base64") } });

  it.each([
    ["equal", secret(DIGEST), null, true],
    ["different", secret("sha256:2"), null, false],
    ["different", {}, null, false],
    ["absent", null, null, false],
    ["unreadable", secret(DIGEST), 403, true],
  ] as const)("is %s for %j", async (state, object, fault, current) => {
    const { api, watch, put, apply } = await aWatch();
    apply();
    if (object !== null) put(CANARY, object);
    api.fault = ({ path }) => (path === CANARY ? fault : null);

    const { applied, notes } = await watch({ target });

    expect(applied).toMatchObject({ canary: state, current });
    expect(notes).toHaveLength(fault === null ? 0 : 1);
  });

  it("is not asked for where none is committed", async () => {
    const { watch, apply, asked } = await aWatch();
    apply();
    await watch();

    expect(asked()).not.toContain(`GET ${CANARY}`);
  });
});

describe("Sealed Secrets", () => {
  it("that were not unsealed are told, in that mode alone", async () => {
    const sealed = await aWatch({
      GITOPS_OBSERVE: "true",
      SECRETS_MODE: "sealed-secrets",
      SECRETS_SEALED_SECRETS_CERTIFICATE_URL: "https://c.example.com",
    });
    const synced = { type: "Synced", status: "False", message: "no key could decrypt secret" };
    sealed.apply();
    sealed.put(SEALED, { items: [{ metadata: { name: "s-1" }, status: { conditions: [synced] } }] });

    const { applied } = await sealed.watch();

    expect(applied).toMatchObject({
      current: false,
      unsealed: [{ name: "s-1", message: "no key could decrypt secret" }],
    });
    const others = await aWatch();
    others.apply();
    await others.watch();
    expect(others.asked()).not.toContain(`GET ${SEALED}`);
  });
});

describe("who applies", () => {
  it.each([
    [{ GITOPS_KIND: "none" }, null],
    [{ GITOPS_KIND: "flux" }, { kind: "flux", namespace: "flux-system", name: "runtime-agent" }],
    [
      { GITOPS_KIND: "argocd", GITOPS_NAME: "kyma", GITOPS_NAMESPACE: "gitops" },
      { kind: "argocd", namespace: "gitops", name: "kyma" },
    ],
    [{ GITOPS_KIND: "argocd" }, { kind: "argocd", namespace: "argocd", name: "runtime-agent" }],
  ])("with %j is %j", async (settings, expected) => {
    const variables = Object.entries(settings).map(([name, value]) => [`RUNTIME_AGENT_${name}`, value]);
    const { config } = await loadConfig({ env: Object.fromEntries(variables), cwd: "/nowhere" });

    expect(appliedBy(config)).toEqual(expected);
    expect(isObserved(config)).toBe(expected !== null);
  });

  it.each([
    [ready("False", "BuildFailed"), ready("True"), { kind: "Kustomization", reason: "BuildFailed" }],
    [ready("False", "ArtifactFailed"), ready("False", "AuthFailed"), { kind: "GitRepository", reason: "AuthFailed" }],
    [ready("True"), ready("False", "AuthFailed"), { kind: "GitRepository", name: "clusters", message: "their words" }],
    [ready("Unknown", "Progressing"), ready("True"), { kind: "Kustomization", reason: "Progressing" }],
    [ready("True"), ready("True"), null],
  ])("is told in its own words: %j and %j give %j", async (kustomization, repository, expected) => {
    const { watch, put } = await aWatch(FLUX);
    putFlux(put, kustomization, repository);

    const { applied, notes } = await watch();

    if (expected === null) expect(applied?.controller).toBeNull();
    else expect(applied?.controller).toMatchObject(expected);
    expect(notes).toEqual([]);
  });

  it("is not asked while all is applied", async () => {
    const { watch, put, apply, asked } = await aWatch(FLUX);
    putFlux(put, ready("False"), ready("False"));
    apply();

    expect((await watch()).applied?.controller).toBeNull();
    expect(asked()).toEqual([`GET ${REVISION}`, `GET ${APPLICATIONS}`]);
  });

  it("that is not there, or may not be asked, is a note", async () => {
    const { api, watch, put } = await aWatch(FLUX);
    expect((await watch()).notes).toEqual(["gitops names flux-system/runtime-agent, which is not there"]);

    putFlux(put, ready("False"), ready("True"));
    api.fault = ({ path }) => (path === KUSTOMIZATION ? 403 : null);
    const { applied, notes } = await watch();

    expect(applied).toMatchObject({ current: false, controller: null });
    expect(notes.join()).toContain("may not get Kustomization flux-system/runtime-agent");
  });
});

describe("after a commit", () => {
  const REQUESTED = "reconcile.fluxcd.io/requestedAt";

  it("Flux is asked to look, at the repository and at what is applied", async () => {
    const { api, watch, put, clock } = await aWatch(FLUX);
    putFlux(put, ready("False"), ready("True"));
    const at = clock.now().toISOString();

    const { notes } = await watch({ isFresh: true });

    expect(notes).toEqual([]);
    for (const path of [KUSTOMIZATION, REPOSITORY]) {
      expect(api.objects.get(path)?.metadata.annotations).toEqual({ [REQUESTED]: at });
    }
    expect(
      new Set(api.requests.filter(({ method }) => method === "PATCH").map(({ contentType }) => contentType)),
    ).toEqual(new Set(["application/merge-patch+json"]));
  });

  it("a Kustomization that is well is not asked to apply once more what it has: it follows the repository", async () => {
    const { watch, put, asked } = await aWatch(FLUX);
    putFlux(put, ready("True"), ready("True"));

    await watch({ isFresh: true });

    expect(asked().filter((line) => line.startsWith("PATCH"))).toEqual([`PATCH ${REPOSITORY}`]);
  });

  it("Argo CD is asked to refresh", async () => {
    const { api, watch, put } = await aWatch({ GITOPS_KIND: "argocd" });
    put(ARGO, {});

    await watch({ isFresh: true });

    expect(api.objects.get(ARGO)?.metadata.annotations).toEqual({ "argocd.argoproj.io/refresh": "normal" });
  });

  it("nobody is asked where nothing was committed, or nobody is named", async () => {
    const quiet = await aWatch(FLUX);
    putFlux(quiet.put, ready("True"), ready("True"));
    await quiet.watch();
    const unnamed = await aWatch();
    await unnamed.watch({ isFresh: true });

    expect([...quiet.asked(), ...unnamed.asked()].filter((line) => line.startsWith("PATCH"))).toEqual([]);
  });

  it("one who may not be asked gives one note, and the cluster is looked at all the same", async () => {
    const { api, watch, put, apply } = await aWatch(FLUX);
    putFlux(put, ready("True"), ready("True"));
    apply();
    api.fault = ({ method }) => (method === "PATCH" ? 403 : null);

    const { applied, notes } = await watch({ isFresh: true });

    expect(applied?.current).toBe(true);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain("Flux was not asked to look at Git now");
    expect(notes[0]).toContain("may not patch GitRepository flux-system/clusters");
  });
});

describe("who waits", () => {
  it("looks every second, after 15 s every 5 s, until it is applied", async () => {
    const { api, watch, apply, clock } = await aWatch();
    let looks = 0;
    api.fault = ({ path }) => {
      if (path === REVISION && ++looks === 18) apply();
      return null;
    };

    const { applied } = await watch({ isFresh: true, wait: 300_000 });

    expect(applied?.current).toBe(true);
    expect(clock.waits).toEqual([...new Array(15).fill(1_000), 5_000, 5_000]);
  });

  it("ends at its time with a last look that names what is missing, in the words of who applies it", async () => {
    const { watch, put, clock } = await aWatch(FLUX);
    putFlux(put, ready("False", "BuildFailed"), ready("True"));
    put(APPLICATIONS, { items: [] });

    const { applied } = await watch({ isFresh: true, wait: 5_000 });

    expect(clock.waits).toEqual(new Array(5).fill(1_000));
    expect(applied).toMatchObject({ current: false, missing: ["mp-a"], controller: { reason: "BuildFailed" } });
  });

  it("asks who applies to look again, where nothing was committed", async () => {
    const { watch, put, asked } = await aWatch(FLUX);
    putFlux(put, ready("True"), ready("True"));
    await watch({ wait: 1_000 });

    expect(asked().filter((line) => line.startsWith("PATCH"))).toEqual([
      `PATCH ${REPOSITORY}`,
      `PATCH ${KUSTOMIZATION}`,
    ]);
  });

  it("waits through an outage, and not where it may not ask", async () => {
    const { api, watch, apply, clock } = await aWatch();
    apply();
    let looks = 0;
    api.fault = ({ path }) => (path === REVISION && ++looks <= 6 ? 503 : null);
    expect((await watch({ wait: 60_000 })).applied?.current).toBe(true);

    const before = clock.waits.length;
    api.fault = () => 403;
    const { failure } = await watch({ wait: 60_000 });

    expect(failure?.code).toBe("ClusterForbidden");
    expect(clock.waits.length).toBe(before);
  });

  it.each(["a look", "a pause"])("ends with the signal in %s, with what it saw before", async (when) => {
    const { api, watch, stop, put, clock } = await aWatch();
    put(REVISION, { data: { digest: "sha256:2" } });
    let looks = 0;
    api.fault = ({ path }) => {
      if (path === REVISION && ++looks === 2 && when === "a look") stop.abort();
      return null;
    };
    const sleep: Clock["sleep"] = async (milliseconds, signal) => {
      if (when === "a pause") stop.abort();
      return clock.sleep(milliseconds, signal);
    };

    const { applied, failure, notes } = await watch({ isFresh: true, wait: 300_000, clock: { ...clock, sleep } });

    expect(looks).toBe(when === "a look" ? 2 : 1);
    expect(applied).toMatchObject({ current: false, revision: "sha256:2" });
    expect([failure, notes]).toEqual([null, []]);
  });
});
