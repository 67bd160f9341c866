/** A real kube-apiserver with its etcd in a temporary folder, and what tests ask of it (scripts/get-cluster.sh gets both). */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { formatYaml, parseYaml } from "../../src/adapters/yaml/index.js";

/** Where a server is reached: plain values, so that tests in other processes can be given it. */
export interface Access {
  readonly server: string;
  /** PEM, for who connects. */
  readonly ca: string;
  /** Of a user who may do everything. */
  readonly adminToken: string;
  readonly folder: string;
}

export interface RunningServer extends Access {
  stop(): Promise<void>;
}

/** Where scripts/get-cluster.sh finds or puts kube-apiserver, kubectl and etcd. */
export function binaries(): string {
  const { KUBEBUILDER_ASSETS, RUNTIME_AGENT_TOOLS, XDG_CACHE_HOME } = process.env;
  const isComplete = (folder: string) =>
    ["kube-apiserver", "kubectl", "etcd"].every((name) => existsSync(join(folder, name)));
  if (KUBEBUILDER_ASSETS && isComplete(KUBEBUILDER_ASSETS)) return KUBEBUILDER_ASSETS;
  const tools = RUNTIME_AGENT_TOOLS || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "runtime-agent-tools");
  if (!isComplete(tools))
    throw new Error(`no kube-apiserver, kubectl and etcd in ${tools}: run scripts/get-cluster.sh`);
  return tools;
}

/** Beside them, where scripts/get-gitops.sh puts what it gets: the kustomize-controller and definitions of objects. */
export function toolOf(name: string): string {
  const { RUNTIME_AGENT_TOOLS, XDG_CACHE_HOME } = process.env;
  const tools = RUNTIME_AGENT_TOOLS || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "runtime-agent-tools");
  const path = join(tools, name);
  if (!existsSync(path)) throw new Error(`no ${path}: run scripts/get-gitops.sh`);
  return path;
}

/** Makes the kinds of objects that published definitions of these names define, and waits until they are served. */
export async function define(access: Access, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const file = toolOf(join("definitions", `${name}.yaml`));
    // The largest would not fit into the annotation that a plain apply keeps.
    await kubectl(access, "apply", "--server-side", "--force-conflicts", "-f", file);
    const [, definition = ""] = /^ {2}name: (\S+)$/m.exec(await readFile(file, "utf8")) ?? [];
    await untilEstablished(access, definition);
  }
}

async function untilEstablished(access: Access, definition: string): Promise<void> {
  const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${definition}`;
  for (let waited = 0; waited < 300; waited++) {
    const { body } = await call(access, "GET", path);
    const conditions: { type: string; status: string }[] = body.status?.conditions ?? [];
    if (conditions.some(({ type, status }) => type === "Established" && status === "True")) return;
    await delay(100);
  }
  throw new Error(`${definition} was not established within 30 s`);
}

/** What the real kubectl prints, as the admin. */
export async function kubectl(access: Access, ...args: string[]): Promise<string> {
  const env = { KUBECONFIG: await writeKubeconfig(access), HOME: access.folder };
  const { stdout } = await promisify(execFile)(join(binaries(), "kubectl"), args, { env });
  return stdout;
}

/** Starts both, waits until the API is served, and makes the CRDs and namespaces of a Kyma cluster, unless it is to be empty. */
export async function startAPIServer({ isEmpty = false } = {}): Promise<RunningServer> {
  const folder = await mkdtemp(join(tmpdir(), "api-server-"));
  const started: Program[] = [];
  const stop = async () => {
    for (const program of started.reverse()) await program.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const [etcdPort, port] = [await freePort(), await freePort()];
    const etcd = await startProgram(folder, "etcd", [
      `--data-dir=${join(folder, "etcd")}`,
      "--listen-peer-urls=http://127.0.0.1:0",
      `--listen-client-urls=http://127.0.0.1:${etcdPort}`,
      `--advertise-client-urls=http://127.0.0.1:${etcdPort}`,
      "--unsafe-no-fsync",
      "--log-level=error",
    ]);
    started.push(etcd);
    const adminToken = randomBytes(16).toString("hex");
    const at = await writeServerFiles(folder, adminToken);
    const apiServer = await startProgram(folder, "kube-apiserver", [
      `--etcd-servers=http://127.0.0.1:${etcdPort}`,
      `--secure-port=${port}`,
      "--bind-address=127.0.0.1",
      `--cert-dir=${join(folder, "tls")}`,
      `--token-auth-file=${at.tokens}`,
      "--authorization-mode=RBAC",
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${at.accountKey}`,
      `--service-account-signing-key-file=${at.accountKey}`,
      "--service-cluster-ip-range=10.0.0.0/24",
      // Nobody here makes the default accounts that this plugin waits for.
      "--disable-admission-plugins=ServiceAccount",
      `--audit-policy-file=${at.auditPolicy}`,
      `--audit-log-path=${join(folder, "audit.log")}`,
    ]);
    started.push(apiServer);
    const access = { server: `https://127.0.0.1:${port}`, folder, adminToken };
    const ca = await untilReady(access, started);
    if (!isEmpty) await furnish({ ...access, ca });
    return { ...access, ca, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function writeServerFiles(folder: string, adminToken: string) {
  const [tokens, accountKey, auditPolicy] = ["tokens.csv", "accounts.key", "audit.yaml"].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  await writeFile(tokens, `${adminToken},admin,admin,system:masters\n`, { mode: 0o600 });
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  await writeFile(accountKey, privateKey.export({ type: "pkcs1", format: "pem" }), { mode: 0o600 });
  const policy = {
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    omitStages: ["RequestReceived", "ResponseStarted"],
    rules: [{ level: "None", userGroups: ["system:masters"] }, { level: "Metadata" }],
  };
  await writeFile(auditPolicy, formatYaml(policy));
  return { tokens, accountKey, auditPolicy };
}

/** Gives the authority that the server signed its own certificate with. */
async function untilReady(access: Omit<Access, "ca">, programs: readonly Program[]): Promise<string> {
  for (let waited = 0; waited < 600; waited++) {
    for (const program of programs) program.throwIfEnded();
    const ca = await readFile(join(access.folder, "tls", "apiserver.crt"), "utf8").catch(() => null);
    if (ca !== null) {
      const answer = await call({ ...access, ca }, "GET", "/readyz").catch(() => null);
      if (answer?.status === 200) return ca;
    }
    await delay(100);
  }
  throw new Error(`kube-apiserver was not ready within a minute: ${await programs.at(-1)?.log()}`);
}

async function furnish(access: Access): Promise<void> {
  const crds = join(import.meta.dirname, "..", "..", "crds");
  for (const file of await readdir(crds)) {
    const definition = parseYaml(await readFile(join(crds, file), "utf8"), { code: "Internal", stage: "config", file });
    await create(access, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition);
  }
  for (const name of ["kyma-system", "istio-system"]) await createNamespace(access, name);
  const established = async (path: string) => (await call(access, "GET", path)).status === 200;
  for (let waited = 0; waited < 300; waited++) {
    if (await established("/apis/compass.kyma-project.io/v1alpha1/compassconnections")) return;
    await delay(100);
  }
  throw new Error("the CompassConnection's definition was not served within 30 s");
}

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: objects of the API, read by tests that know their shape
  readonly body: any;
}

/** One request as the admin, or with another token. */
export async function call(
  { server, ca, adminToken }: Omit<Access, "folder">,
  method: string,
  path: string,
  { body, token = adminToken, type = "application/json" }: { body?: unknown; token?: string; type?: string } = {},
): Promise<Answer> {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": type };
  return new Promise((resolve, reject) => {
    const sent = request(`${server}${path}`, { method, ca, headers, timeout: 10_000 }, async (response) => {
      const answered = await text(response).catch(reject);
      const isJSON = response.headers["content-type"]?.includes("json") === true;
      resolve({ status: response.statusCode ?? 0, body: isJSON ? JSON.parse(answered ?? "") : answered });
    });
    sent.once("error", reject).once("timeout", () => sent.destroy(new Error("no answer within 10 s")));
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Makes an object; one that is there is fine. */
export async function create(access: Access, path: string, body: unknown): Promise<void> {
  const { status, body: answered } = await call(access, "POST", path, { body });
  if (status !== 201 && status !== 409) throw new Error(`POST ${path}: HTTP ${status} ${JSON.stringify(answered)}`);
}

export const createNamespace = (access: Access, name: string) =>
  create(access, "/api/v1/namespaces", { metadata: { name } });

/** What a Role of one namespace allows. */
export interface Rights {
  readonly namespace: string;
  readonly rules: readonly unknown[];
}

/** Makes a ServiceAccount and binds it to Roles, and to a ClusterRole. */
export async function createAccount(
  access: Access,
  { namespace, name, rights = [], clusterRules = [] }: AccountOptions,
): Promise<void> {
  await create(access, `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
  const subjects = [{ kind: "ServiceAccount", name, namespace }];
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const role = `${namespace}.${name}`;
  const metadata = { name: role };
  const bound = (kind: string) => ({
    metadata,
    subjects,
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name: role },
  });
  for (const { namespace: where, rules } of rights) {
    await create(access, `${rbac}/namespaces/${where}/roles`, { metadata, rules });
    await create(access, `${rbac}/namespaces/${where}/rolebindings`, bound("Role"));
  }
  if (clusterRules.length > 0) {
    await create(access, `${rbac}/clusterroles`, { metadata, rules: clusterRules });
    await create(access, `${rbac}/clusterrolebindings`, bound("ClusterRole"));
  }
}

interface AccountOptions {
  readonly namespace: string;
  readonly name: string;
  readonly rights?: readonly Rights[];
  readonly clusterRules?: readonly unknown[];
}

/** A token of ten minutes, by the TokenRequest API. */
export async function tokenOf(access: Access, namespace: string, name: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
  const { status, body } = await call(access, "POST", path, { body: { spec: { expirationSeconds: 600 } } });
  if (status !== 201) throw new Error(`POST ${path}: HTTP ${status}`);
  return body.status.token;
}

/** Writes a KUBECONFIG beside the server's files; `user` is what stands below `users[].user`. */
export async function writeKubeconfig(
  { server, ca, folder, adminToken }: Access,
  user: Readonly<Record<string, string>> = { token: adminToken },
): Promise<string> {
  const file = join(folder, `kubeconfig-${randomBytes(4).toString("hex")}`);
  const cluster = { server, "certificate-authority-data": Buffer.from(ca).toString("base64") };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster }],
    users: [{ name: "u", user }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  };
  await writeFile(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}

export interface AuditedRequest {
  readonly verb: string;
  readonly resource: string;
  readonly namespace: string | null;
  readonly name: string | null;
  readonly code: number;
}

/** What a user asked of the server so far, in order, off its audit log; the admin's requests are not in it. */
export async function requestsOf({ folder }: Access, user: string): Promise<AuditedRequest[]> {
  // A request is logged after its answer is sent.
  await delay(300);
  const lines = (await readFile(join(folder, "audit.log"), "utf8").catch(() => "")).split("\n");
  return lines
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
    .filter((event) => event.user.username === user && event.objectRef !== undefined)
    .map(({ verb, objectRef, responseStatus }) => ({
      verb,
      resource: objectRef.resource,
      namespace: objectRef.namespace ?? null,
      name: objectRef.name ?? null,
      code: responseStatus.code,
    }));
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface Program {
  throwIfEnded(): void;
  log(): Promise<string>;
  stop(): Promise<void>;
}

// Ends the program when its own input does: also when whoever started it was killed and could not see to it.
const GUARD = `exec 3<&0; "$@" </dev/null & child=$!; (cat <&3 >/dev/null; kill -9 $child) 2>/dev/null & wait $child`;

const startProgram = (folder: string, name: string, args: readonly string[]) =>
  startAt(folder, join(binaries(), name), args);

/** Starts a program with its output in a file of the folder. */
export async function startAt(
  folder: string,
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Program> {
  const name = basename(program);
  const log = join(folder, `${name}.log`);
  const redirected = `exec >"$0" 2>&1; ${GUARD}`;
  const child: ChildProcess = spawn("sh", ["-c", redirected, log, program, ...args], {
    stdio: ["pipe", "ignore", "ignore"],
    env: { ...process.env, ...env },
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const tail = async () => (await readFile(log, "utf8").catch(() => "")).slice(-2000);
  return {
    throwIfEnded: () => {
      if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}; its log is ${log}`);
    },
    log: tail,
    stop: async () => {
      child.stdin?.end();
      await ended;
    },
  };
}
