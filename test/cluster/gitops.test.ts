/** Flux, Argo CD and Sealed Secrets by their published definitions on a real API server, with statuses as they were recorded. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { type Cluster, openCluster } from "../../src/adapters/kubernetes/index.js";
import { failureOf } from "../common/failure-of.js";
import { parseObject } from "../e2e/world.js";
import { aRuntime } from "./a-runtime.js";
import { call, create, createNamespace, define, kubectl, requestsOf, tokenOf, writeKubeconfig } from "./api-server.js";

const server = inject("cluster");
const DEPLOY = join(import.meta.dirname, "..", "..", "deploy");
const place = { namespace: "gitops-test", name: "runtime-agent" };
const STATUS = "application/merge-patch+json";
const at = "2026-11-22T10:00:00Z";

const KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1";
const SOURCES = "/apis/source.toolkit.fluxcd.io/v1";
const ARGO = "/apis/argoproj.io/v1alpha1";
const SEALED = "/apis/bitnami.com/v1alpha1";

let cluster: Cluster;

beforeAll(async () => {
  await define(server, "kustomizations", "gitrepositories", "argocd-applications", "sealedsecrets");
  for (const name of [place.namespace, "flux-system", "argocd"]) await createNamespace(server, name);
  cluster = openCluster({ env: { KUBECONFIG: await writeKubeconfig(server) }, stage: "report" });
}, 120_000);

const body = (apiVersion: string, kind: string, name: string, rest: object) => ({
  apiVersion,
  kind,
  metadata: { name },
  ...rest,
});

async function putFlux(namespace: string, kustomization: object, repository: object | null, spec: object = {}) {
  const [own, source] = [
    `${KUSTOMIZATIONS}/namespaces/${namespace}/kustomizations`,
    `${SOURCES}/namespaces/${namespace}/gitrepositories`,
  ];
  await call(server, "DELETE", `${own}/runtime-agent`);
  await call(server, "DELETE", `${source}/runtime-agent`);
  const reference = { sourceRef: { kind: "GitRepository", name: "runtime-agent" } };
  const wanted = { interval: "10m", prune: true, ...reference, ...spec };
  await create(server, own, body("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "runtime-agent", { spec: wanted }));
  const written = await call(server, "PATCH", `${own}/runtime-agent/status`, {
    body: { status: kustomization },
    type: STATUS,
  });
  expect(written.status).toBe(200);
  if (repository === null) return;
  const git = { interval: "10m", url: "https://git.example.com/clusters.git" };
  await create(server, source, body("source.toolkit.fluxcd.io/v1", "GitRepository", "runtime-agent", { spec: git }));
  const there = await call(server, "PATCH", `${source}/runtime-agent/status`, {
    body: { status: repository },
    type: STATUS,
  });
  expect(there.status).toBe(200);
}

async function putArgo(namespace: string, status: object) {
  const path = `${ARGO}/namespaces/${namespace}/applications`;
  await call(server, "DELETE", `${path}/runtime-agent`);
  const source = { repoURL: "https://git.example.com/clusters.git", path: "clusters/test" };
  const spec = { project: "default", destination: { name: "in-cluster" }, source };
  await create(server, path, body("argoproj.io/v1alpha1", "Application", "runtime-agent", { spec, status }));
}

const ready = (status: string, reason: string, message: string, observedGeneration = 1) => ({
  observedGeneration,
  conditions: [{ type: "Ready", status, reason, message, lastTransitionTime: at }],
});

const APPLIED = "Applied revision: main@sha1:3a7bd3e2360a3d29eea436fcfb7e44c735d117c4";
const STORED = "stored artifact for revision 'main@sha1:3a7bd3e2360a3d29eea436fcfb7e44c735d117c4'";
const INVALID =
  'Application/mp-a dry-run failed (Invalid): Application.applicationconnector.kyma-project.io "mp-a" is invalid: spec.services[0].entries[0].type: Unsupported value';
const AUTH = "failed to checkout and determine revision: unable to clone: authentication required";

describe("Flux", () => {
  const well = { isReady: true, reason: "ReconciliationSucceeded", message: APPLIED };

  it.each([
    [
      "has applied all of it",
      ready("True", well.reason, APPLIED),
      ready("True", "Succeeded", STORED),
      [well, { isReady: true }],
    ],
    [
      "is refused an object",
      ready("False", "ReconciliationFailed", INVALID),
      ready("True", "Succeeded", STORED),
      [{ isReady: false, reason: "ReconciliationFailed", message: INVALID }, { isReady: true }],
    ],
    [
      "cannot read the repository",
      ready("True", well.reason, APPLIED),
      ready("False", "GitOperationFailed", AUTH),
      [well, { kind: "GitRepository", isReady: false, reason: "GitOperationFailed", message: AUTH }],
    ],
    [
      "is at it",
      ready("Unknown", "Progressing", "Reconciliation in progress"),
      null,
      [{ isReady: null, reason: "Progressing", message: "Reconciliation in progress" }],
    ],
    [
      "has not looked at what it is told by now",
      ready("True", well.reason, APPLIED, 0),
      null,
      [{ isReady: null, reason: "", message: "" }],
    ],
    ["has said nothing yet", {}, null, [{ kind: "Kustomization", isReady: null, reason: "", message: "" }]],
  ])("is understood when it %s", async (_, kustomization, repository, expected) => {
    await putFlux(place.namespace, kustomization, repository);

    expect(await cluster.gitops.flux(place)).toMatchObject(expected);
    expect(await cluster.gitops.flux(place)).toHaveLength(expected.length);
  });

  it("is understood when somebody suspended it", async () => {
    await putFlux(place.namespace, ready("True", well.reason, APPLIED), null, { suspend: true });

    expect(await cluster.gitops.flux(place)).toMatchObject([{ isReady: false, reason: "Suspended" }]);
  });

  it("is asked to look, beside the annotations that are there", async () => {
    await putFlux(place.namespace, {}, {});
    const path = `${SOURCES}/namespaces/${place.namespace}/gitrepositories/runtime-agent`;
    await call(server, "PATCH", path, { body: { metadata: { annotations: { mine: "x" } } }, type: STATUS });

    await cluster.gitops.refresh("flux", place, { at: new Date(at), isNew: true });

    const { body: repository } = await call(server, "GET", path);
    expect(repository.metadata.annotations).toEqual({
      mine: "x",
      "reconcile.fluxcd.io/requestedAt": "2026-11-22T10:00:00.000Z",
    });
  });

  it("that is not there says nothing, and cannot be asked", async () => {
    const nowhere = { ...place, name: "nowhere" };

    expect(await cluster.gitops.flux(nowhere)).toEqual([]);
    expect((await failureOf(cluster.gitops.refresh("flux", nowhere, { at: new Date(at), isNew: true }))).code).toBe(
      "ClusterRefused",
    );
  });
});

const synced = { sync: { status: "Synced", revision: "3a7bd3e" }, health: { status: "Healthy" } };
const operation = (phase: string, message: string) => ({
  operationState: { operation: { sync: {} }, phase, message, startedAt: at },
});

describe("Argo CD", () => {
  it.each([
    ["has applied all of it", synced, { isReady: true, reason: "Synced", message: "" }],
    [
      "cannot make the manifests",
      {
        sync: { status: "Unknown" },
        health: { status: "Healthy" },
        conditions: [
          {
            type: "ComparisonError",
            message: "Failed to load target state: failed to generate manifest: authentication required",
            lastTransitionTime: at,
          },
        ],
      },
      {
        isReady: false,
        reason: "ComparisonError",
        message: "Failed to load target state: failed to generate manifest: authentication required",
      },
    ],
    [
      "was refused an object",
      {
        ...synced,
        sync: { status: "OutOfSync" },
        ...operation("Failed", "one or more objects failed to apply, reason: admission webhook denied the request"),
      },
      {
        isReady: false,
        reason: "Failed",
        message: "one or more objects failed to apply, reason: admission webhook denied the request",
      },
    ],
    ["is at it", { ...synced, ...operation("Running", "waiting") }, { isReady: null, reason: "Running" }],
    ["does not sync by itself", { ...synced, sync: { status: "OutOfSync" } }, { isReady: false, reason: "OutOfSync" }],
    [
      "sees a sealed Secret that is not opened",
      { ...synced, health: { status: "Degraded", message: "no key could decrypt secret" } },
      { isReady: false, reason: "Degraded", message: "no key could decrypt secret" },
    ],
    [
      "only warns",
      { ...synced, conditions: [{ type: "OrphanedResourceWarning", message: "m", lastTransitionTime: at }] },
      { isReady: true, reason: "Synced" },
    ],
    ["has said nothing yet", {}, { isReady: null, reason: "", message: "" }],
  ])("is understood when it %s", async (_, status, expected) => {
    await putArgo(place.namespace, status);

    expect(await cluster.gitops.argocd(place)).toMatchObject([{ kind: "Argo CD Application", ...place, ...expected }]);
  });

  it("is asked to refresh; one that is not there cannot be", async () => {
    await putArgo(place.namespace, synced);

    await cluster.gitops.refresh("argocd", place, { at: new Date(at), isNew: true });

    const { body: application } = await call(
      server,
      "GET",
      `${ARGO}/namespaces/${place.namespace}/applications/runtime-agent`,
    );
    expect(application.metadata.annotations).toEqual({ "argocd.argoproj.io/refresh": "normal" });
    const nowhere = { ...place, name: "nowhere" };
    expect(await cluster.gitops.argocd(nowhere)).toEqual([]);
    expect((await failureOf(cluster.gitops.refresh("argocd", nowhere, { at: new Date(at), isNew: true }))).code).toBe(
      "ClusterRefused",
    );
  });
});

describe("Sealed Secrets", () => {
  it("are told apart by what their controller says of the version that stands there", async () => {
    const path = `${SEALED}/namespaces/${place.namespace}/sealedsecrets`;
    const put = async (name: string, status: object | null) => {
      const spec = { encryptedData: { password: "AgBy" }, template: { metadata: { name } } };
      await create(server, path, body("bitnami.com/v1alpha1", "SealedSecret", name, { spec }));
      if (status === null) return;
      const given = { body: { status }, type: STATUS };
      expect((await call(server, "PATCH", `${path}/${name}/status`, given)).status).toBe(200);
    };
    const synced = (status: string, observedGeneration: number, message?: string) => ({
      observedGeneration,
      conditions: [{ type: "Synced", status, lastTransitionTime: at, lastUpdateTime: at, ...(message && { message }) }],
    });
    await put("open", synced("True", 1));
    await put("stuck", synced("False", 1, "no key could decrypt secret (password)"));
    await put("changed", synced("True", 0));
    await put("fresh", null);

    expect(Object.fromEntries((await cluster.applied.sealedSecrets(place.namespace)) ?? [])).toEqual({
      open: { isUnsealed: true, message: "" },
      stuck: { isUnsealed: false, message: "no key could decrypt secret (password)" },
      changed: { isUnsealed: null, message: "" },
      fresh: { isUnsealed: null, message: "" },
    });
  });
});

describe("Applications", () => {
  it("are listed by their annotations, whatever else they hold", async () => {
    const path = "/apis/applicationconnector.kyma-project.io/v1alpha1/applications";
    await call(server, "DELETE", path);
    const metadata = { name: "mp-listed", annotations: { "runtime-agent.kyma-project.io/digest": "sha256:a" } };
    const spec = { description: "d", services: [] };
    await create(server, path, {
      apiVersion: "applicationconnector.kyma-project.io/v1alpha1",
      kind: "Application",
      metadata,
      spec,
    });

    expect(Object.fromEntries((await cluster.applied.applications()) ?? [])).toEqual({
      "mp-listed": metadata.annotations,
    });
    await call(server, "DELETE", `${path}/mp-listed`);
  });
});

describe("the rights for one setting", () => {
  const USER = "system:serviceaccount:kyma-system:runtime-agent";

  /** Of one file: what a Role of a namespace names. */
  async function rightsOf(word: string) {
    const documents = (await readFile(join(DEPLOY, `rbac-${word}.yaml`), "utf8"))
      .split("---\n")
      .slice(1)
      .map(parseObject);
    const role = documents.find(({ kind }) => kind === "Role") as unknown as {
      metadata: { namespace: string };
      rules: { resources: string[]; resourceNames?: string[]; verbs: string[] }[];
    };
    return role.rules.flatMap(({ resources, resourceNames = [null], verbs }) =>
      verbs.flatMap((verb) =>
        resources.flatMap((resource) =>
          resourceNames.map((name) => ({ verb, resource, name, namespace: role.metadata.namespace })),
        ),
      ),
    );
  }

  /** An agent under the shipped rights, without what an earlier test left. */
  async function anAccount(settings: Readonly<Record<string, unknown>> = {}) {
    await kubectl(server, "delete", "--ignore-not-found", "-f", join(DEPLOY, "rbac.yaml"));
    await kubectl(server, "apply", "-f", join(DEPLOY, "rbac.yaml"));
    const runtime = await aRuntime(server, { namespaces: ["kyma-system", "istio-system"], settings });
    const tokenFile = join(server.folder, "token-gitops");
    await writeFile(tokenFile, await tokenOf(server, "kyma-system", "runtime-agent"));
    const env = { KUBECONFIG: await writeKubeconfig(server, { tokenFile }) };
    expect((await runtime.pair()).code).toBe(0);
    return { runtime, env };
  }

  it("are what an agent with that setting needs, and no more", async () => {
    const { runtime, env } = await anAccount({ applications: { canary: true } });
    for (const word of ["flux", "argocd", "canary", "sealed-secrets"]) {
      await kubectl(server, "apply", "-f", join(DEPLOY, `rbac-${word}.yaml`));
    }
    await putFlux("flux-system", ready("False", "ReconciliationFailed", INVALID), ready("True", "Succeeded", STORED));
    await putArgo("argocd", { ...synced, sync: { status: "OutOfSync" } });
    const before = (await requestsOf(server, USER)).length;
    const sync = async (kind: string) => {
      const { code, stdout, stderr } = await runtime.run(["sync", "-o", "json"], {
        env: { ...env, RUNTIME_AGENT_GITOPS_KIND: kind },
      });
      expect(code === 0 ? 0 : stderr).toBe(0);
      return JSON.parse(stdout);
    };

    const first = await sync("flux");
    const flux = await sync("flux");
    await runtime.world.edit(({ applications }) => applications.splice(0, 1));
    await runtime.world.edit(({ applications: [one] }) => {
      if (one !== undefined) one.description = "changed";
    });
    await sync("argocd");
    const argocd = await sync("argocd");
    const asAgent = openCluster({ env, stage: "report" });
    await asAgent.applied.sealedSecrets("kyma-system");

    expect([first.notes, flux.notes]).toEqual([[], []]);
    expect(flux.applied).toMatchObject({ current: false, canary: "absent", controller: { message: INVALID } });
    expect(flux.applied.missing).toHaveLength(4);
    expect(argocd.applied.controller).toMatchObject({ kind: "Argo CD Application", reason: "OutOfSync" });
    const requests = (await requestsOf(server, USER)).slice(before);
    expect(requests.filter(({ code }) => code === 403)).toEqual([]);
    const rights = (await Promise.all(["flux", "argocd", "canary", "sealed-secrets"].map(rightsOf))).flat();
    const unused = rights.filter(
      (right) =>
        !requests.some(
          (request) =>
            request.verb === right.verb &&
            request.resource === right.resource &&
            request.namespace === right.namespace &&
            (right.name === null || request.name === right.name),
        ),
    );
    expect(unused).toEqual([]);
  }, 120_000);

  it("that are missing make a note and no failure", async () => {
    await putFlux("flux-system", ready("False", "ReconciliationFailed", INVALID), ready("True", "Succeeded", STORED));
    await kubectl(server, "delete", "--ignore-not-found", "-f", join(DEPLOY, "rbac-flux.yaml"));
    const { runtime, env: access } = await anAccount();
    const env = { ...access, RUNTIME_AGENT_GITOPS_KIND: "flux" };

    const { code, stdout } = await runtime.run(["sync", "-o", "json"], { env });

    expect(code).toBe(0);
    const { notes, applied } = JSON.parse(stdout);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain("Flux was not asked to look at Git now");
    expect(applied.current).toBe(false);
  }, 60_000);
});
