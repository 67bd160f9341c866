/** `install` on the real API server: what it writes is taken as it stands, and an agent that is installed so works. */

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from "vitest";
import { formatDocument } from "../../src/adapters/yaml/index.js";
import { aFolder, agent, aWorld, freshToken, GIT_PATH, type KubernetesObject, type World } from "../e2e/world.js";
import { usual } from "../install/an-installation.js";
import { aRuntime } from "./a-runtime.js";
import {
  type Access,
  binaries,
  call,
  createNamespace,
  kubectl,
  requestsOf,
  startAPIServer,
  tokenOf,
  writeKubeconfig,
} from "./api-server.js";
import { leaveBehind } from "./go-agent/leave-behind.js";

const shared = inject("cluster");
const root = join(import.meta.dirname, "..", "..");

/** The manifests that the command writes for a configuration, in a file of their own. */
async function installed(args: readonly string[], text: string | null): Promise<string> {
  const folder = await aFolder();
  if (text !== null) await writeFile(join(folder, "agent.yaml"), text);
  const { code, stdout, stderr } = await agent(["install", ...args], { cwd: folder });
  if (code !== 0) throw new Error(stderr);
  const file = join(folder, "installation.yaml");
  await writeFile(file, stdout);
  return file;
}

const dryRun = ["--dry-run=server", "--validate=strict", "--warnings-as-errors"];

const definitions = [
  "gitrepositories.source.toolkit.fluxcd.io",
  "kustomizations.kustomize.toolkit.fluxcd.io",
  "applications.argoproj.io",
  "appprojects.argoproj.io",
];

describe("every installation", () => {
  beforeAll(async () => {
    const folder = join(root, "test", "install", "crds");
    for (const name of await readdir(folder)) await kubectl(shared, "apply", "-f", join(folder, name));
    for (const name of definitions) await kubectl(shared, "wait", "--for=condition=Established", `crd/${name}`);
    for (const name of ["flux-system", "argocd"]) await createNamespace(shared, name);
    // What the strictest of clusters ask of a pod; a warning is an error here.
    await kubectl(
      shared,
      "label",
      "--overwrite",
      "namespace",
      "kyma-system",
      "pod-security.kubernetes.io/warn=restricted",
    );
  });

  // Other tests of the tier are of a cluster without them.
  afterAll(async () => {
    await kubectl(shared, "delete", "crd", ...definitions);
  });

  const plain = usual({ secrets: "{mode: plain, acknowledgePlain: true}" });
  const sealed = usual({ secrets: "{mode: sealed-secrets, sealedSecrets: {certificate: {file: sealing.pem}}}" });

  it.each([
    ["a CronJob with Flux", ["--as", "cronjob", "--gitops", "flux"], usual()],
    ["a Deployment with Flux", ["--as", "deployment", "--gitops", "flux"], usual()],
    ["Sealed Secrets with Flux", ["--as", "deployment", "--gitops", "flux"], sealed],
    ["a Deployment with Argo CD", ["--as", "deployment", "--gitops", "argocd"], plain],
    ["a CronJob in the place of the Go agent", ["--as", "cronjob", "--take-over"], usual()],
    ["one without a configuration", ["--as", "cronjob"], null],
  ])("is taken by a server-side dry run without a warning: %s", async (_, args, text) => {
    const applied = await kubectl(shared, "apply", "-f", await installed(args, text), ...dryRun);

    expect(applied.match(/\(server dry run\)$/gm)?.length).toBeGreaterThan(14);
  });

  it("from the kustomize base that is shipped is taken, too", async () => {
    const applied = await kubectl(shared, "apply", "-k", join(root, "deploy"), ...dryRun);

    expect(applied).toContain("cronjob.batch/runtime-agent created (server dry run)");
  });

  it("would be refused for a field that is not known, and warned of for a pod that may do more", async () => {
    const text = await readFile(await installed(["--as", "deployment"], null), "utf8");
    const folder = await aFolder();
    const [unknown, loose] = [join(folder, "unknown.yaml"), join(folder, "loose.yaml")];
    await writeFile(unknown, text.replace("replicas: 1", "replica: 1"));
    await writeFile(loose, text.replace("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"));

    await expect(kubectl(shared, "apply", "-f", unknown, ...dryRun)).rejects.toThrow("unknown field");
    await expect(kubectl(shared, "apply", "-f", loose, ...dryRun)).rejects.toThrow("warning");
  });
});

/** The command of a step that people are told to run; null for one without. */
const commandOf = (step: string) => /: (kubectl .*)$/.exec(step)?.[1] ?? null;

/** Runs what people are told to run, as they would: in a shell, with their own access. */
async function inShell(server: Access, command: string, cwd: string): Promise<void> {
  const env = { PATH: `${binaries()}:${process.env.PATH}`, KUBECONFIG: await writeKubeconfig(server), HOME: cwd };
  await promisify(execFile)("bash", ["-eo", "pipefail", "-c", command], { env, cwd });
}

/** An agent as the pod would run it: by the ConfigMap and the Secrets in the cluster, with the account's own token. */
async function aPod(server: Access, world: World) {
  const folder = join(world.folder, "pod");
  const mounted = join(folder, "credentials");
  await mkdir(mounted, { recursive: true });
  const get = async (kind: string, name: string) =>
    JSON.parse(await kubectl(server, "-n", "kyma-system", "get", kind, name, "-o", "json")) as KubernetesObject;
  const { data = {} } = await get("configmap", "runtime-agent");
  const config = join(folder, "agent.yaml");
  await writeFile(config, (data["agent.yaml"] ?? "").replaceAll("/run/secrets/runtime-agent", mounted));
  for (const [key, value] of Object.entries((await get("secret", "runtime-agent-credentials")).data ?? {})) {
    await writeFile(join(mounted, key), Buffer.from(value, "base64"));
  }
  const tokenFile = join(folder, "account-token");
  await writeFile(tokenFile, await tokenOf(server, "kyma-system", "runtime-agent"));
  const env = {
    KUBECONFIG: await writeKubeconfig(server, { tokenFile }),
    RUNTIME_AGENT_CONFIG: config,
    TMPDIR: folder,
  };
  // biome-ignore lint/suspicious/noExplicitAny: a CronJob
  const { spec } = (await get("cronjob", "runtime-agent")) as any;
  const { args } = spec.jobTemplate.spec.template.spec.containers[0] as { args: string[] };
  return { run: (more: readonly string[] = []) => agent([...args, ...more], { env, cwd: folder }) };
}

/** What the configuration says of Compass, with a token of its own, and of Git. */
async function documentOf({ folder, sandbox, repository }: World) {
  const token = join(folder, "token");
  await writeFile(token, await freshToken(sandbox), { mode: 0o600 });
  const { connectorURL, ca, runtimeID, tenant } = sandbox;
  return {
    version: 1,
    runtime: { id: runtimeID, tenant },
    compass: { connectorURL, token: { file: token }, ca: { file: ca } },
    git: { url: repository, path: GIT_PATH },
  };
}

describe("an agent that is installed on an empty API server", () => {
  it("writes Applications to Git with the rights, the account and the Secrets that the installation made", async () => {
    const server = await startAPIServer({ isEmpty: true });
    onTestFinished(() => server.stop());
    const world = await aWorld({ sandbox: { applications: 4 } });
    const document = {
      ...(await documentOf(world)),
      secrets: { mode: "sops", sops: { age: ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"] } },
      certificate: { keySize: 2048 },
    };
    const manifests = await installed(["--as", "cronjob"], formatDocument(document));

    await kubectl(server, "apply", "-f", manifests);
    const answer = await agent(["install", "--as", "cronjob", "-o", "json"], { cwd: dirname(manifests) });
    const { next } = JSON.parse(answer.stdout) as { next: string[] };
    const commands = next
      .flatMap((step) => commandOf(step) ?? [])
      .filter((command) => command.includes("create secret"));
    for (const command of commands) await inShell(server, command, world.folder);
    // Once more, as anybody may at any time: what was filled stays.
    await kubectl(server, "apply", "-f", manifests);
    const pod = await aPod(server, world);
    const first = await pod.run(["-o", "json"]);
    const second = await pod.run(["-o", "json"]);

    expect(commands).toHaveLength(2);
    expect([first.code, first.stderr.match(/"level":"(warn|error)".*/g)]).toEqual([0, null]);
    expect([JSON.parse(first.stdout).result, JSON.parse(second.stdout).result]).toEqual(["published", "unchanged"]);
    const names = [...(await world.files()).keys()].filter((path) => path.endsWith("/application.yaml"));
    expect(names).toHaveLength(4);
    const state = ["get", "compassconnection", "compass-connection", "-o", "jsonpath={.status.connectionState}"];
    expect(await kubectl(server, ...state)).toBe("Synchronized");
    const requests = await requestsOf(server, "system:serviceaccount:kyma-system:runtime-agent");
    expect(requests.length).toBeGreaterThan(10);
    expect(requests.filter(({ code }) => code === 403)).toEqual([]);
  }, 180_000);
});

describe("an agent that is installed with namespaces of its own", () => {
  it("sees what is applied where Applications have their Secrets, with the rights that were made", async () => {
    const [namespace, apps] = ["agents", "apps"];
    const world = await aWorld({ sandbox: { applications: 2 } });
    const document = {
      ...(await documentOf(world)),
      secrets: { mode: "plain", acknowledgePlain: true },
      applications: { namespace: apps },
      // As install sets it for an agent of that namespace.
      certificate: { keySize: 2048, secret: `${namespace}/cluster-client-certificates` },
      state: { kubernetes: { namespace } },
    };
    const server = await startAPIServer({ isEmpty: true });
    onTestFinished(() => server.stop());
    const manifests = await installed([], formatDocument(document));
    await kubectl(server, "apply", "-f", manifests);
    const folder = dirname(manifests);
    const tokenFile = join(folder, "account-token");
    await writeFile(tokenFile, await tokenOf(server, namespace, "runtime-agent"));
    const env = { KUBECONFIG: await writeKubeconfig(server, { tokenFile }), TMPDIR: folder };
    const sync = (...args: string[]) => agent(["sync", "-o", "json", ...args], { env, cwd: folder });

    const first = await sync();
    const committed = join(folder, "committed");
    for (const [path, text] of await world.files()) {
      await mkdir(dirname(join(committed, path)), { recursive: true });
      await writeFile(join(committed, path), text);
    }
    await kubectl(server, "apply", "-k", committed);
    const second = await sync("--wait", "--wait-timeout", "10s");

    expect([first.code, second.code]).toEqual([0, 0]);
    expect(JSON.parse(second.stdout).applied).toMatchObject({ current: true, missing: [] });
    const requests = await requestsOf(server, `system:serviceaccount:${namespace}:runtime-agent`);
    expect(requests.filter(({ code }) => code === 403)).toEqual([]);
  }, 180_000);
});

describe("applications.admission: dry-run with secrets.mode: cluster", () => {
  it("lets the account store credential Secrets, and only try Applications", async () => {
    const server = await startAPIServer({ isEmpty: true });
    onTestFinished(() => server.stop());
    const settings = { secrets: "{mode: cluster}", applications: "{admission: dry-run}" };
    await kubectl(server, "apply", "-f", await installed([], usual(settings)));
    const token = await tokenOf(server, "kyma-system", "runtime-agent");
    const applications = "/apis/applicationconnector.kyma-project.io/v1alpha1/applications";
    const apiVersion = "applicationconnector.kyma-project.io/v1alpha1";
    const body = { apiVersion, kind: "Application", metadata: { name: "mp-tried" }, spec: { services: [] } };
    const asAgent = (path: string, given: object) => call(server, "POST", path, { body: given, token });
    // A policy is at work a moment after it is stored.
    for (let waited = 0; (await asAgent(applications, body)).status < 300; waited++) {
      await call(server, "DELETE", `${applications}/mp-tried`);
      if (waited === 300) throw new Error("the policy was not at work within 30 s");
      await delay(100);
    }

    const tried = await asAgent(`${applications}?dryRun=All`, body);
    const stored = await asAgent(applications, body);
    const secret = await asAgent("/api/v1/namespaces/kyma-system/secrets", { metadata: { name: "mp-tried" } });

    expect([tried.status, stored.status, secret.status]).toEqual([201, 403, 201]);
    expect(stored.body.message).toContain("the Runtime Agent only tries");
  }, 120_000);
});

describe("an agent that takes the Go agent's place", () => {
  it("goes on with its certificate after the steps that install tells, in their order", async () => {
    // One of its own: what its account asks for would count as needed in the tests of the rights.
    const server = await startAPIServer();
    onTestFinished(() => server.stop());
    const runtime = await aRuntime(server, { isBySecret: true, namespaces: ["kyma-system", "istio-system"] });
    const { world } = runtime;
    await leaveBehind(runtime);
    const goAgent = join(world.folder, "go-agent.yaml");
    await writeFile(goAgent, formatDocument(goAgentDeployment));
    await kubectl(server, "apply", "-f", goAgent);
    const before = await runtime.certificate();
    const { stdout } = await runtime.run(["install", "--take-over", "-o", "json"]);
    const { manifests, next } = JSON.parse(stdout) as { manifests: object[]; next: string[] };
    const file = join(world.folder, "installation.yaml");
    await writeFile(file, manifests.map((manifest) => `---\n${formatDocument(manifest)}`).join(""));

    await kubectl(server, "apply", "-f", file);
    const commands = next.flatMap((step) => commandOf(step) ?? []);
    const [fill = "", wait = "", remove = "", scale = "", clean = ""] = commands;
    await inShell(server, fill, world.folder);
    const pod = await aPod(server, world);
    const beside = await pod.run(["-o", "json"]);
    for (const command of [wait, remove, scale]) await inShell(server, command, world.folder);
    const alone = await pod.run(["-o", "json"]);
    await inShell(server, clean, world.folder);

    expect([wait, remove, scale, clean].map((command) => command.split(" ")[3])).toEqual([
      "wait",
      "delete",
      "scale",
      "delete",
    ]);
    expect(JSON.parse(beside.stdout).failure.code).toBe("GoAgentRunning");
    expect(JSON.parse(alone.stdout).result).toBe("published");
    expect(await runtime.certificate()).toEqual(before);
    expect((await runtime.connection())?.status.connectionState).toBe("Synchronized");
    expect(manifests.filter((each) => (each as KubernetesObject).kind === "CustomResourceDefinition")).toEqual([]);
  }, 180_000);
});

const goAgentDeployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "compass-runtime-agent", namespace: "kyma-system" },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: "compass-runtime-agent" } },
    template: {
      metadata: { labels: { app: "compass-runtime-agent" } },
      spec: { containers: [{ name: "compass-runtime-agent", image: "registry.example.com/compass-runtime-agent:1" }] },
    },
  },
};

describe("the account that Flux applies as", () => {
  it("may apply and prune what the agent commits, and nothing else", async () => {
    const applications = `apps-${randomBytes(4).toString("hex")}`;
    await createNamespace(shared, applications);
    const settings = { secrets: { mode: "plain", acknowledgePlain: true }, applications: { namespace: applications } };
    const world = await aWorld({ sandbox: { applications: 4 }, settings });
    await world.pair();
    await world.run(["sync"]);
    const checkout = join(world.folder, "checkout");
    for (const [path, text] of await world.files()) {
      await mkdir(dirname(join(checkout, path)), { recursive: true });
      await writeFile(join(checkout, path), text);
    }
    const text = usual({
      secrets: "{mode: plain, acknowledgePlain: true}",
      applications: `{namespace: ${applications}}`,
    });
    const account = "system:serviceaccount:flux-system:runtime-agent-applier";
    const wiring = (await readFile(await installed(["--gitops", "flux"], text), "utf8"))
      .split(/^---\n/m)
      .filter(
        (document) => document.includes("name: runtime-agent-applier") && !/^kind: Kustomization/m.test(document),
      );
    const file = join(world.folder, "wiring.yaml");
    await writeFile(file, wiring.join("---\n"));
    await createNamespace(shared, "flux-system");
    await kubectl(shared, "apply", "-f", file);

    const applied = await kubectl(shared, "apply", "--server-side", "--as", account, "-k", checkout);
    const can = async (...question: string[]) =>
      (await kubectl(shared, "auth", "can-i", ...question, "--as", account).catch(({ stdout }) => stdout)).trim();
    const pruned = await kubectl(shared, "delete", "--wait=false", "--as", account, "-k", checkout);

    expect(wiring).toHaveLength(5);
    expect(applied.match(/^application\..*serverside-applied$/gm)).toHaveLength(4);
    expect(applied).toMatch(/^secret\/.*serverside-applied$/m);
    expect(pruned.match(/^application\./gm)).toHaveLength(4);
    expect([
      await can("patch", "applications.applicationconnector.kyma-project.io"),
      await can("get", "secrets", "-n", "default"),
      await can("create", "pods", "-n", applications),
      await can("create", "rolebindings", "-n", applications),
    ]).toEqual(["yes", "no", "no", "no"]);
  }, 180_000);
});
