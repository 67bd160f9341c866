/** The real Sealed Secrets controller against the real API server, and its Service, which leads to it. */

import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { tools } from "../interop/tools.js";
import { type Access, call, create, createNamespace } from "./api-server.js";

export interface Controller {
  /** As `certificate.controller` names it. */
  readonly service: string;
  readonly namespace: string;
  /** Has it make a new key, as it does by itself every 30 days. */
  renew(): Promise<void>;
  stop(): Promise<void>;
}

const SCHEMA = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
const DEFINITION = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "sealedsecrets.bitnami.com" },
  spec: {
    group: "bitnami.com",
    scope: "Namespaced",
    names: { kind: "SealedSecret", listKind: "SealedSecretList", plural: "sealedsecrets", singular: "sealedsecret" },
    versions: [
      {
        name: "v1alpha1",
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: "object", properties: { spec: SCHEMA, status: SCHEMA } } },
      },
    ],
  },
};

/** It knows in-cluster configuration only: it gets the files at the usual place, in a mount namespace of its own. */
const IN_NAMESPACE = `set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/secrets/kubernetes.io /var/run/secrets/kubernetes.io/serviceaccount
mount --bind "$1" /var/run/secrets/kubernetes.io/serviceaccount
shift
exec "$@"`;

/** An address of this machine that the API server may lead to, which loopback is not; null where there is none. */
export const ownAddress = (): string | null =>
  Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? null;

/** Needs the right to make a mount namespace. */
export async function startController(server: Access, address: string): Promise<Controller> {
  const namespace = "sealing";
  await create(server, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", DEFINITION);
  await createNamespace(server, namespace);
  const account = join(server.folder, "controller-account");
  await mkdir(account, { recursive: true });
  await writeFile(join(account, "token"), server.adminToken);
  await writeFile(join(account, "ca.crt"), server.ca);
  await writeFile(join(account, "namespace"), namespace);
  const { hostname, port } = new URL(server.server);
  const [own, metrics] = [await freePort(), await freePort()];
  const args = [`--listen-addr=:${own}`, `--listen-metrics-addr=:${metrics}`, "--key-size=2048"];
  const command = [join(tools, "sealed-secrets-controller"), ...args];
  const child = spawn("unshare", ["-m", "sh", "-c", IN_NAMESPACE, "sh", account, ...command], {
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      PATH: process.env.PATH,
      KUBERNETES_SERVICE_HOST: hostname,
      KUBERNETES_SERVICE_PORT: port,
      POD_NAMESPACE: namespace,
    },
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4_000);
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  const metadata = { name: "sealed-secrets-controller" };
  await create(server, `/api/v1/namespaces/${namespace}/services`, {
    metadata,
    spec: { ports: [{ name: "http", port: 8080, targetPort: own }] },
  });
  // The API server leads to nothing but what a Pod says is its address.
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  await create(server, pods, { metadata, spec: { containers: [{ name: "controller", image: "controller" }] } });
  const type = "application/merge-patch+json";
  const status = { phase: "Running", podIP: address, podIPs: [{ ip: address }] };
  await call(server, "PATCH", `${pods}/${metadata.name}/status`, { body: { status }, type });
  const targetRef = { kind: "Pod", namespace, name: metadata.name };
  await create(server, `/api/v1/namespaces/${namespace}/endpoints`, {
    metadata,
    subsets: [{ addresses: [{ ip: address, targetRef }], ports: [{ name: "http", port: own }] }],
  });
  const certificate = `/api/v1/namespaces/${namespace}/services/http:${metadata.name}:http/proxy/v1/cert.pem`;
  const newest = async () =>
    /-----BEGIN CERTIFICATE-----[^-]+/.exec(String((await call(server, "GET", certificate)).body))?.[0];
  const renew = async () => {
    const before = await newest();
    child.kill("SIGUSR1");
    for (let waited = 0; waited < 300; waited++) {
      if ((await newest()) !== before) return;
      await delay(100);
    }
    throw new Error(`the controller made no new key within 30 s: ${said}`);
  };
  let last = "";
  for (let waited = 0; waited < 300; waited++) {
    if (child.exitCode !== null) throw new Error(`the controller ended with ${child.exitCode}: ${said}`);
    const { status, body } = await call(server, "GET", certificate);
    if (status === 200 && String(body).includes("BEGIN CERTIFICATE"))
      return { service: `${namespace}/${metadata.name}`, namespace, renew, stop };
    last = `HTTP ${status} ${JSON.stringify(body)}`;
    await delay(100);
  }
  await stop();
  throw new Error(`the controller did not answer within 30 s (${last}): ${said}`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
