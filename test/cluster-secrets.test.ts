import { describe, expect, it, onTestFinished } from "vitest";
import { type ClusterSecretsOptions, openClusterSecrets } from "../src/cluster-secrets.js";
import { Secret } from "../src/common/secret.js";
import { loadConfig } from "../src/config/index.js";
import type { OwnedManifest } from "../src/plan/index.js";
import { anApplicationNamed, aSnapshot, noMemory, RUNTIME, uuid } from "./builders.js";
import { aClock } from "./common/clock.js";
import { failureOf } from "./common/failure-of.js";
import { type APIRequest, type Fault, startFakeAPIServer } from "./fakes/api-server.js";
import { aPlan } from "./report/an-outcome.js";

const SECRETS = "/api/v1/namespaces/kyma-system/secrets";
const LABEL = "runtime-agent.kyma-project.io/runtime";
const SOPS = {
  RUNTIME_AGENT_SECRETS_MODE: "sops",
  RUNTIME_AGENT_SECRETS_SOPS_AGE: "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
};
const snapshot = aSnapshot([anApplicationNamed("mp-shop", 1)]);
const base64 = (text: string) => Buffer.from(text).toString("base64");

const manifest = (password = "password of mp-shop"): OwnedManifest => ({
  namespace: "kyma-system",
  name: "s",
  owner: { id: uuid(1), name: "mp-shop" },
  object: { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "kyma-system", labels: { a: "b" } } },
  data: new Map([["password", Secret.of(base64(password))]]),
});
const applying = (...apply: OwnedManifest[]) => aPlan({ cluster: { apply, remove: [], release: [] } });
const removing = (...names: string[]) => {
  const remove = names.map((name) => ({ namespace: "kyma-system", name }));
  return aPlan({ cluster: { apply: [], remove, release: [] } });
};

/** Of one that is called shared, somebody else has a key of their own and one that the agent has as well. */
function writersOf(name: string) {
  const writes = (manager: string, ...keys: string[]) => ({
    manager,
    fieldsV1: { "f:data": Object.fromEntries(keys.map((key) => [`f:${key}`, {}])) },
  });
  const mine = writes("runtime-agent", "password", "both");
  return name === "shared"
    ? [mine, writes("compass-runtime-agent", "user", "own"), writes("theirs", "own", "both")]
    : [mine, writes("restorer", "both")];
}

/** An API server with these Secrets of the agent, where nothing else is amiss. */
async function aCluster(
  marked: readonly string[] = [],
  fault: (request: APIRequest) => Fault | null = () => null,
  changes: Partial<ClusterSecretsOptions> = {},
) {
  const api = await startFakeAPIServer();
  onTestFinished(() => api.close());
  const items = marked.map((name) => ({
    metadata: { name, namespace: "kyma-system", uid: `uid of ${name}`, managedFields: writersOf(name) },
  }));
  api.fault = (request) =>
    fault(request) ?? {
      answer:
        request.method === "GET" ? { metadata: {}, items } : { ...JSON.parse(request.body), metadata: { name: "s" } },
    };
  const { config } = await loadConfig({ env: { RUNTIME_AGENT_SECRETS_MODE: "cluster" }, cwd: "/", options: {} });
  const env = { KUBECONFIG: await api.kubeconfig() };
  const { signal } = new AbortController();
  const state = { memory: async () => noMemory, saveMemory: async () => undefined };
  const secrets = openClusterSecrets({ config, runtimeID: RUNTIME, env, clock: aClock(), signal, state, ...changes });
  const asked = (method: string) => api.requests.filter((request) => request.method === method);
  return { secrets, asked };
}

const noRight = (verb: string): Fault => ({
  status: 403,
  message: `secrets "s" is forbidden: User "u" cannot ${verb}`,
});

describe("Secrets that are brought to the cluster", () => {
  it("carry the runtime and their Application, and are applied once in a cycle unless they change", async () => {
    const { secrets, asked } = await aCluster();

    await secrets.bring(applying(manifest()), snapshot, []);
    await secrets.bring(applying(manifest()), snapshot, []);
    const once = asked("PATCH").length;
    await secrets.bring(applying(manifest("another")), snapshot, []);

    expect([once, asked("PATCH").length]).toEqual([1, 2]);
    const [first] = asked("PATCH");
    expect(first).toMatchObject({
      path: `${SECRETS}/s?fieldManager=runtime-agent&force=true`,
      contentType: "application/apply-patch+yaml",
    });
    expect(JSON.parse(first?.body ?? "")).toMatchObject({
      metadata: {
        labels: { a: "b", [LABEL]: RUNTIME },
        annotations: { "runtime-agent.kyma-project.io/application": uuid(1) },
      },
      data: { password: base64("password of mp-shop") },
    });
  });

  it("lose the keys that they do not have, by name, and of no later Secret of the name", async () => {
    const data = { password: base64("of mp-shop"), clientSecret: base64("of a former kind") };
    const answer = { metadata: { name: "s", uid: "u" }, data };
    const { secrets, asked } = await aCluster([], ({ method }) => (method === "PATCH" ? { answer } : null));

    await secrets.bring(applying(manifest()), snapshot, []);

    const [, removal, ...more] = asked("PATCH");
    expect(more).toEqual([]);
    expect(removal?.contentType).toBe("application/merge-patch+json");
    expect(JSON.parse(removal?.body ?? "")).toEqual({ metadata: { uid: "u" }, data: { clientSecret: null } });
  });

  it("lose what their former writers left there, and no key that somebody else looks after", async () => {
    const writers = [
      "compass-runtime-agent",
      "controller",
      "kustomize-controller",
      "kubectl-edit",
      "another",
      "runtime-agent",
    ];
    const managedFields = writers.map((manager) => ({ manager, fieldsV1: { "f:data": { [`f:of-${manager}`]: {} } } }));
    const keys = [...writers.map((manager) => `of-${manager}`), "of-nobody"];
    const shared = { manager: "their-operator", fieldsV1: { "f:data": { "f:of-kubectl-edit": {} } } };
    const data = Object.fromEntries([...keys, "password"].map((key) => [key, "eA=="]));
    const answer = { metadata: { name: "s", uid: "u", managedFields: [...managedFields, shared] }, data };
    const { secrets, asked } = await aCluster([], ({ method }) => (method === "PATCH" ? { answer } : null));

    await secrets.bring(applying(manifest()), snapshot, []);

    const [, removal] = asked("PATCH");
    const staying = ["of-another", "of-kubectl-edit"];
    expect(Object.keys(JSON.parse(removal?.body ?? "").data)).toEqual(keys.filter((key) => !staying.includes(key)));
  });

  it.each([
    ["flux", "kustomize-controller"],
    ["argocd", "argocd-controller"],
  ])("belong to the tool that applies Git once they are there (%s)", async (kind, heir) => {
    const env = { ...SOPS, RUNTIME_AGENT_GITOPS_KIND: kind };
    const { config } = await loadConfig({ env, cwd: "/", options: {} });
    const mine = { manager: "runtime-agent", operation: "Apply", apiVersion: "v1", fieldsV1: { "f:type": {} } };
    const metadata = { name: "s", uid: "u", resourceVersion: "1", managedFields: [mine] };
    const { secrets, asked } = await aCluster([], () => ({ answer: { metadata } }), { config });
    const release = [{ namespace: "kyma-system", name: "s" }];

    await secrets.bring(aPlan({ cluster: { apply: [], remove: [], release } }), snapshot, []);

    const [, given] = asked("PATCH").map(({ body }) => JSON.parse(body).metadata.managedFields);
    expect(given).toEqual([{ ...mine, manager: heir }]);
  });

  it("belong to Flux when they come back to Git, to the state that was seen, and again where somebody wrote", async () => {
    const mine = {
      manager: "runtime-agent",
      operation: "Apply",
      apiVersion: "v1",
      fieldsType: "FieldsV1",
      fieldsV1: {},
    };
    let version = 0;
    const { secrets, asked } = await aCluster([], ({ body }) => {
      const isSecondLook = JSON.parse(body).metadata.resourceVersion === "1";
      if (isSecondLook) return { status: 409, message: "the object has been modified" };
      if (body.includes("annotations")) version++;
      const metadata = { name: "s", uid: "u", resourceVersion: `${version}`, managedFields: [mine] };
      return { answer: { metadata } };
    });
    const release = [{ namespace: "kyma-system", name: "s" }];

    await secrets.bring(aPlan({ cluster: { apply: [], remove: [], release } }), snapshot, []);

    const bodies = asked("PATCH").map(({ body }) => JSON.parse(body).metadata);
    expect(bodies.map(({ resourceVersion = null }) => resourceVersion)).toEqual([null, "1", null, "2"]);
    expect(bodies.at(-1)).toEqual({
      uid: "u",
      resourceVersion: "2",
      managedFields: [{ ...mine, manager: "kustomize-controller" }],
    });
  });

  it.each(["password of mp-shop", base64("password of mp-shop")])(
    "set their Application aside where they are refused, in words without a secret value (%s)",
    async (value) => {
      const message = `no: ${value}`;
      const { secrets } = await aCluster([], () => ({ status: 403, message }));

      expect(await secrets.bring(applying(manifest()), snapshot, [])).toMatchObject({
        refused: [
          {
            name: "mp-shop",
            id: uuid(1),
            reason: "RefusedByAdmission",
            message: "the API server refuses Secret s: its words hold a secret value, and are left out",
          },
        ],
      });
    },
  );

  it("fail the cycle where a right is missing, which tells nothing of them", async () => {
    const { secrets } = await aCluster([], () => noRight("patch"));

    const release = aPlan({ cluster: { apply: [], remove: [], release: [{ namespace: "kyma-system", name: "s" }] } });
    for (const plan of [applying(manifest()), release])
      expect(await failureOf(secrets.bring(plan, snapshot, []))).toMatchObject({
        code: "ClusterForbidden",
        stage: "publish",
        hint: "Apply deploy/rbac-cluster-secrets.yaml, and keep it until no Secret waits to be sealed for another mode.",
      });
  });
});

describe("Secrets that are taken from the cluster", () => {
  it("are those with the agent's label, and no later one of the name", async () => {
    const { secrets, asked } = await aCluster(["mine"]);

    const { notes } = await secrets.clear(removing("mine", "named-by-somebody"), { missing: {} });

    expect(asked("DELETE").map(({ path, body }) => [path, JSON.parse(body)])).toEqual([
      [`${SECRETS}/mine`, { preconditions: { uid: "uid of mine" } }],
    ]);
    expect(notes).toEqual([]);
  });

  it("leave the keys of others where they are, and are the agent's no more", async () => {
    const answer = { metadata: { name: "shared", uid: "uid of shared", resourceVersion: "2" } };
    const patched = ({ method }: APIRequest) => (method === "PATCH" ? { answer } : null);
    const { secrets, asked } = await aCluster(["mine", "shared"], patched);

    const { notes } = await secrets.clear(removing("mine", "shared"), { missing: {} });

    expect(asked("DELETE").map(({ path }) => path)).toEqual([`${SECRETS}/mine`]);
    const [{ path, contentType, body } = {}, ...more] = asked("PATCH");
    expect([path, contentType, more]).toEqual([`${SECRETS}/shared`, "application/merge-patch+json", []]);
    expect(JSON.parse(body ?? "")).toEqual({
      metadata: {
        uid: "uid of shared",
        labels: { [LABEL]: null },
        annotations: expect.objectContaining({ "runtime-agent.kyma-project.io/application": null }),
      },
      data: { password: null, both: null, user: null },
    });
    expect(notes).toEqual([]);
  });

  it.each(["GET", "DELETE"])("are named where they cannot be removed, and the commit stands (%s)", async (method) => {
    const verb = method === "GET" ? "list" : "delete";
    const { secrets } = await aCluster(["mine"], (request) => (request.method === method ? noRight(verb) : null));

    const { notes } = await secrets.clear(removing("mine"), { missing: {} });

    expect(notes).toEqual([
      expect.stringMatching(
        new RegExp(
          `^still in the cluster, .*: kyma-system/mine \\(the agent may not ${verb} Secret.*rbac-cluster-secrets.yaml`,
        ),
      ),
    ]);
  });

  it("are looked for in no other mode, unless the plan removes one", async () => {
    const env = { RUNTIME_AGENT_SECRETS_MODE: "plain", RUNTIME_AGENT_SECRETS_ACKNOWLEDGE_PLAIN: "true" };
    const { config } = await loadConfig({ env, cwd: "/", options: {} });
    const { secrets, asked } = await aCluster(["mine"], () => null, { config });

    await secrets.clear(aPlan(), { missing: {} });
    const before = asked("GET").length;
    await secrets.clear(removing("mine"), { missing: {} });

    expect([before, asked("GET").length, asked("DELETE").length]).toEqual([0, 1, 1]);
  });
});
