/** `applications.admission: dry-run` against the admission and the rights of a real API server. */

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, inject, it, onTestFinished } from "vitest";
import { aWorld, type Landscape } from "../e2e/world.js";
import { anAuthority, startTLSServer } from "../fakes/tls-server.js";
import { aRuntime, type Runtime } from "./a-runtime.js";
import { asAccount, enoughForCommands, prepare } from "./account.js";
import { call, create, createAccount, kubectl, requestsOf, tokenOf, writeKubeconfig } from "./api-server.js";

const server = inject("cluster");
const POLICIES = "/apis/admissionregistration.k8s.io/v1";
const APPLICATIONS = "/apis/applicationconnector.kyma-project.io/v1alpha1/applications";
const MANIFESTS = join(import.meta.dirname, "..", "..", "deploy");

interface Policy {
  readonly resources: readonly string[];
  readonly apiGroup: string;
  /** True for what is allowed. */
  readonly expression: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
  /** Refused once the policy is at work. */
  readonly probe: { readonly path: string; readonly body: object };
}

/** Puts a ValidatingAdmissionPolicy to work until the test ends. */
async function refuse({ resources, apiGroup, probe, ...validation }: Policy): Promise<void> {
  const name = `test-${randomBytes(4).toString("hex")}`;
  const rule = { apiGroups: [apiGroup], apiVersions: ["*"], resources, operations: ["CREATE", "UPDATE"] };
  const paths = ["validatingadmissionpolicies", "validatingadmissionpolicybindings"].map(
    (kind) => `${POLICIES}/${kind}`,
  );
  const [policies = "", bindings = ""] = paths;
  await create(server, policies, {
    metadata: { name },
    spec: { matchConstraints: { resourceRules: [rule] }, validations: [validation] },
  });
  await create(server, bindings, { metadata: { name }, spec: { policyName: name, validationActions: ["Deny"] } });
  onTestFinished(async () => {
    for (const path of paths) await call(server, "DELETE", `${path}/${name}`);
  });
  await untilRefused(probe);
}

/** Puts a real webhook to work until the test ends: it refuses every Application with these words. */
async function refuseByWebhook(words: string): Promise<{ stop(): Promise<void> }> {
  const authority = await anAuthority();
  const webhook = await startTLSServer({
    authority,
    answer: (response, { body }) => {
      const { uid } = JSON.parse(body).request;
      const status = { message: words };
      const review = {
        apiVersion: "admission.k8s.io/v1",
        kind: "AdmissionReview",
        response: { uid, allowed: false, status },
      };
      response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(review));
    },
  });
  const name = `test-${randomBytes(4).toString("hex")}.example.com`;
  const path = `${POLICIES}/validatingwebhookconfigurations`;
  const rule = {
    apiGroups: ["applicationconnector.kyma-project.io"],
    apiVersions: ["*"],
    resources: ["applications"],
    operations: ["CREATE", "UPDATE"],
  };
  const configuration = {
    name,
    rules: [rule],
    clientConfig: { url: webhook.url("/"), caBundle: Buffer.from(authority.certificate).toString("base64") },
    admissionReviewVersions: ["v1"],
    sideEffects: "None",
    failurePolicy: "Fail",
  };
  await create(server, path, { metadata: { name }, webhooks: [configuration] });
  let isStopped = false;
  const stop = async () => {
    if (!isStopped) await webhook.close();
    isStopped = true;
  };
  onTestFinished(async () => {
    await call(server, "DELETE", `${path}/${name}`);
    await stop();
  });
  await untilRefused({ path: APPLICATIONS, body: anApplicationObject("probe") });
  return { stop };
}

const anApplicationObject = (description: string) => ({
  apiVersion: "applicationconnector.kyma-project.io/v1alpha1",
  kind: "Application",
  metadata: { name: "probe" },
  spec: { description, services: [] },
});

/** What is put to work is at work a moment later. */
async function untilRefused({ path, body }: Policy["probe"]): Promise<void> {
  for (let waited = 0; waited < 300; waited++) {
    const { status } = await call(server, "POST", `${path}?dryRun=All`, { body });
    if (status >= 400) return;
    await delay(100);
  }
  throw new Error("it was not at work within 30 s");
}

const refuseDescriptions = () =>
  refuse({
    apiGroup: "applicationconnector.kyma-project.io",
    resources: ["applications"],
    expression: "!object.spec.description.contains('unwanted')",
    message: "descriptions are to be polite",
    probe: { path: APPLICATIONS, body: anApplicationObject("unwanted") },
  });

const settings = { applications: { admission: "dry-run" } };

const refused = ({ applications }: { applications: { setAside: readonly { name: string; reason: string }[] } }) =>
  applications.setAside.map(({ name, reason }) => `${name} ${reason}`);

/** Its first Application has credentials, and this description. */
async function describeFirst({ world }: Runtime, description: string): Promise<void> {
  await world.edit((landscape) => {
    first(landscape).description = description;
  });
}

function first({ applications: [application] }: Landscape): Landscape["applications"][number] {
  if (application === undefined) throw new Error("there is one");
  return application;
}

async function synced({ run }: Pick<Runtime, "run">, env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await run(["sync", "-o", "json"], { env });
  return { code, stderr, outcome: JSON.parse(stdout) };
}

describe("admission by dry run", () => {
  it("sets aside what a policy refuses, with its words, and commits the others", async () => {
    await refuseDescriptions();
    const runtime = await aRuntime(server, { settings });
    await runtime.pair();
    await describeFirst(runtime, "An unwanted description");

    const { code, outcome } = await synced(runtime);

    expect([code, outcome.result, outcome.applications.created.length]).toEqual([0, "published", 3]);
    const [{ name, reason, message }] = outcome.applications.setAside;
    expect(reason).toBe("RefusedByAdmission");
    expect(message).toMatch(new RegExp(`^the API server refuses Application ${name}: .*descriptions are to be polite`));
    expect([...(await runtime.world.files()).keys()].filter((path) => path.includes(`/${name}/`))).toEqual([]);
    const stored = await call(server, "GET", APPLICATIONS);
    expect(stored.body.items).toEqual([]);
  });

  it("leaves the committed files of what is refused later as they are, and writes them when it is taken", async () => {
    const runtime = await aRuntime(server, { settings });
    await runtime.pair();
    await synced(runtime);
    const before = await runtime.world.files();
    await refuseDescriptions();
    await describeFirst(runtime, "An unwanted description");

    const later = await synced(runtime);
    const kept = await runtime.world.files();
    await describeFirst(runtime, "A polite description");
    const mended = await synced(runtime);

    expect(refused(later.outcome)).toHaveLength(1);
    expect([later.outcome.result, kept]).toEqual(["unchanged", before]);
    expect(mended.outcome).toMatchObject({ result: "published", applications: { setAside: [] } });
  });

  it("shows no word of a policy that repeats a secret value", async () => {
    const runtime = await aRuntime(server, { settings });
    await runtime.pair();
    await runtime.world.edit((landscape) => {
      const [bundle] = first(landscape).bundles;
      if (bundle === undefined) throw new Error("it has a bundle");
      bundle.defaultInstanceAuth = {
        id: "0b8f9bd1-0000-4000-8000-000000000001",
        credential: { __typename: "BasicCredentialData", username: "ada", password: "pw5!" },
      };
    });
    const metadata = { name: "probe", labels: { app: "probe", bundleId: "x" } };
    await refuse({
      apiGroup: "",
      resources: ["secrets"],
      expression: "!(has(object.data) && 'password' in object.data)",
      messageExpression: "'no such password: ' + string(object.data['password'])",
      probe: { path: "/api/v1/namespaces/kyma-system/secrets", body: { metadata, data: { password: "cA==" } } },
    });

    const { outcome, stderr } = await synced(runtime);

    const own = outcome.applications.setAside.filter(
      ({ reason }: { reason: string }) => reason === "RefusedByAdmission",
    );
    expect(own.length).toBeGreaterThan(0);
    for (const { message } of own) {
      expect(message).toMatch(/^the API server refuses Secret \S+: its words hold a secret value, and are left out$/);
    }
    const said = `${JSON.stringify(outcome)} ${stderr}`;
    for (const text of ["pw5!", Buffer.from("pw5!").toString("base64")]) expect(said).not.toContain(text);
  });

  it("sets aside what a webhook refuses, with its words, and fails when the webhook itself does not answer", async () => {
    const webhook = await refuseByWebhook("no Applications\u001b[2J today");
    const runtime = await aRuntime(server, { settings });
    await runtime.pair();

    const refusing = await synced(runtime);
    await webhook.stop();
    const away = await synced(runtime);

    expect([refusing.code, refusing.outcome.applications.setAside.length]).toEqual([0, 4]);
    for (const { reason, message } of refusing.outcome.applications.setAside) {
      expect(reason).toBe("RefusedByAdmission");
      expect(message).toMatch(/: admission webhook "test\S+" denied the request: no Applications\\u001b\[2J today$/);
    }
    expect(away.code).toBe(75);
    expect(away.outcome.failure).toMatchObject({ code: "ServerError", stage: "plan", retryable: true });
  });

  it("sets aside an Application whose Secret cannot be changed any more, and shows no value of it", async () => {
    const runtime = await aRuntime(server, { settings });
    await runtime.pair();
    await synced(runtime);
    const [file = ""] = [...(await runtime.world.files()).keys()].filter((path) => path.includes("/secrets/"));
    const [, application, name = ""] = /^applications\/(.*)\/secrets\/(.*)\.yaml$/.exec(file) ?? [];
    const secrets = "/api/v1/namespaces/kyma-system/secrets";
    await create(server, secrets, { metadata: { name }, immutable: true, data: { username: "eA==" } });
    onTestFinished(() => call(server, "DELETE", `${secrets}/${name}`).then(() => undefined));
    // Anew, so that each of them would be written.
    const another = await runtime.run(["sync", "-o", "json"], { env: { RUNTIME_AGENT_GIT_PATH: "clusters/another" } });

    const { applications } = JSON.parse(another.stdout);

    expect(applications.setAside).toMatchObject([{ name: application, reason: "RefusedByAdmission" }]);
    expect(applications.setAside[0].message).toMatch(/is invalid: data: Forbidden: field is immutable/);
  });

  it("asks nothing of what did not change, and asks as the account that applies", async () => {
    const runtime = await aRuntime(server);
    const { namespace, place } = runtime;
    await prepare(server, place);
    const applying = `${namespace}-applier`;
    const trying = (apiGroup: string, resource: string) => ({
      apiGroups: [apiGroup],
      resources: [resource],
      verbs: ["create", "patch"],
    });
    await createAccount(server, {
      namespace,
      name: applying,
      rights: [{ namespace: "kyma-system", rules: [trying("", "secrets")] }],
      clusterRules: [trying("applicationconnector.kyma-project.io", "applications")],
    });
    const { rights, clusterRules } = enoughForCommands(place);
    const [own, ...others] = rights;
    const impersonating = {
      apiGroups: [""],
      resources: ["serviceaccounts"],
      resourceNames: [applying],
      verbs: ["impersonate"],
    };
    const withImpersonation = own === undefined ? [] : [{ ...own, rules: [...own.rules, impersonating] }, ...others];
    const { place: asAgent, user } = await asAccount(server, place, withImpersonation, clusterRules);
    const env = {
      ...(asAgent.options.env as Record<string, string>),
      RUNTIME_AGENT_APPLICATIONS_ADMISSION: "dry-run",
      RUNTIME_AGENT_APPLICATIONS_ADMISSION_AS: `${namespace}/${applying}`,
    };
    await runtime.pair();
    const tried = async () => {
      const requests = (await requestsOf(server, user)).filter(
        ({ verb, resource, name }) => verb === "patch" && resource !== "events" && name !== null,
      );
      expect(requests.filter(({ code }) => code !== 200 && code !== 201)).toEqual([]);
      return requests.length;
    };

    const one = await synced(runtime, env);
    const afterOne = await tried();
    const two = await synced(runtime, env);
    const afterTwo = await tried();
    await describeFirst(runtime, "Another description");
    const three = await synced(runtime, env);
    const afterThree = await tried();

    expect([one, two, three].map(({ code, stderr, outcome }) => (code === 0 ? outcome.result : stderr))).toEqual([
      "published",
      "unchanged",
      "published",
    ]);
    const manifests = [...(await runtime.world.files()).keys()].filter((path) => path.startsWith("applications/"));
    expect([afterOne, afterTwo, afterThree]).toEqual([manifests.length, manifests.length, manifests.length + 1]);
  });

  it("ends a cycle for which the right to ask is missing, says which, and commits nothing", async () => {
    const runtime = await aRuntime(server, { settings });
    await prepare(server, runtime.place);
    const { rights, clusterRules } = enoughForCommands(runtime.place);
    const { place } = await asAccount(server, runtime.place, rights, clusterRules);
    await runtime.pair();

    const { code, outcome } = await synced(runtime, place.options.env as Record<string, string>);

    expect(code).toBe(1);
    expect(outcome.failure).toMatchObject({ code: "ClusterForbidden", stage: "plan", retryable: false });
    expect(outcome.failure.message).toMatch(/^the agent may not patch (?:Application |Secret kyma-system\/)mp-/);
    expect(outcome.failure.hint).toContain("deploy/admission.yaml");
    expect(await runtime.world.commits()).toBe(0);
  });

  it("tries again later when the API server is away, and commits nothing", async () => {
    const world = await aWorld({ sandbox: { applications: 2 }, settings });
    await world.pair();
    const KUBECONFIG = await writeKubeconfig({ ...server, server: "https://127.0.0.1:1" });

    const { code, stdout } = await world.run(["sync", "-o", "json"], { env: { KUBECONFIG } });

    expect(code).toBe(75);
    expect(JSON.parse(stdout).failure).toMatchObject({ code: "NetworkUnreachable", stage: "plan", retryable: true });
    expect(await world.commits()).toBe(0);
  }, 120_000);
});

describe("deploy/admission.yaml", () => {
  it("lets the agent's account try Applications and Secrets, and keeps it from storing any", async () => {
    const files = ["rbac.yaml", "admission.yaml"].flatMap((name) => ["-f", join(MANIFESTS, name)]);
    await kubectl(server, "apply", ...files);
    onTestFinished(async () => {
      await kubectl(server, "delete", "--ignore-not-found", "-f", join(MANIFESTS, "admission.yaml"));
    });
    const token = await tokenOf(server, "kyma-system", "runtime-agent");
    const type = "application/apply-patch+yaml";
    const apply = (path: string, body: object, query: string) =>
      call(server, "PATCH", `${path}?fieldManager=runtime-agent&force=true${query}`, { body, type, token });
    const objects: [string, object][] = [
      [
        `${APPLICATIONS}/mp-tried`,
        {
          apiVersion: "applicationconnector.kyma-project.io/v1alpha1",
          kind: "Application",
          metadata: { name: "mp-tried" },
          spec: { description: "Tried", services: [] },
        },
      ],
      [
        "/api/v1/namespaces/kyma-system/secrets/mp-tried",
        { apiVersion: "v1", kind: "Secret", metadata: { name: "mp-tried", namespace: "kyma-system" } },
      ],
    ];
    const [[path, body] = ["", {}]] = objects;
    // A policy is at work a moment after it is stored.
    for (let waited = 0; (await apply(path, body, "")).status < 300; waited++) {
      await call(server, "DELETE", path);
      if (waited === 300) throw new Error("the policy was not at work within 30 s");
      await delay(100);
    }

    const answers = [];
    for (const [path, body] of objects) {
      for (const query of ["&dryRun=All", ""]) answers.push(await apply(path, body, query));
    }

    expect(answers.map(({ status }) => status)).toEqual([201, 403, 201, 403]);
    expect(answers[3]?.body.message).toContain("the Runtime Agent only tries");
    const own = { apiVersion: "v1", kind: "Secret", metadata: { name: "runtime-agent-state" }, type: "Opaque" };
    const state = "/api/v1/namespaces/kyma-system/secrets/runtime-agent-state";
    const { body: found } = await call(server, "GET", state);
    expect(
      (await call(server, "PUT", state, { body: { ...found, ...own, metadata: found.metadata }, token })).status,
    ).toBe(200);
    for (const [path] of objects) expect((await call(server, "GET", path)).status).toBe(404);
  }, 90_000);

  it("is enough for a sync", async () => {
    const runtime = await aRuntime(server, { settings, namespaces: ["kyma-system", "istio-system"] });
    await kubectl(server, "delete", "--ignore-not-found", "-f", join(MANIFESTS, "rbac.yaml"));
    for (const name of ["rbac.yaml", "admission.yaml"]) await kubectl(server, "apply", "-f", join(MANIFESTS, name));
    onTestFinished(async () => {
      await kubectl(server, "delete", "--ignore-not-found", "-f", join(MANIFESTS, "admission.yaml"));
    });
    const env = {
      KUBECONFIG: await writeKubeconfig(server, { token: await tokenOf(server, "kyma-system", "runtime-agent") }),
    };
    await runtime.pair();

    const { code, stderr, outcome } = await synced(runtime, env);

    expect(code === 0 ? outcome.result : stderr).toBe("published");
    expect(refused(outcome)).toEqual([]);
  });
});
