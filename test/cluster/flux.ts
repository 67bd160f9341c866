/** Flux's real kustomize-controller, and a stand-in for the source-controller that serves a repository as it does. */

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";
import { git } from "../fakes/git-server.js";
import {
  type Access,
  call,
  createNamespace,
  define,
  freePort,
  startAt,
  toolOf,
  writeKubeconfig,
} from "./api-server.js";

export interface FluxOptions {
  /** Of Flux's objects. */
  readonly namespace: string;
  readonly repository: string;
  /** Folder that is applied. */
  readonly path: string;
  /** AGE-SECRET-KEY-1… */
  readonly ageKey: string;
}

export interface Flux {
  /** A condition Ready of the Kustomization. */
  ready(): Promise<{ readonly status: string; readonly reason: string; readonly message: string } | undefined>;
}

const NAME = "runtime-agent";
const SOURCES = "/apis/source.toolkit.fluxcd.io/v1";
const KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1";
const STATUS = "application/merge-patch+json";

/** Both look by themselves only every ten minutes, so that what comes sooner came because somebody asked. */
const INTERVAL = "10m";

/** Starts it for one GitRepository and one Kustomization, both called runtime-agent. */
export async function startFlux(access: Access, options: FluxOptions): Promise<Flux> {
  const { namespace, repository, path, ageKey } = options;
  await define(access, "kustomizations", "gitrepositories", "ocirepositories", "buckets", "externalartifacts");
  await createNamespace(access, namespace);
  const make = async (at: string, body: object) => {
    const { status, body: answer } = await call(access, "POST", at, { body });
    if (status !== 201) throw new Error(`POST ${at}: HTTP ${status} ${JSON.stringify(answer)}`);
  };
  const metadata = { name: NAME, namespace };
  await make(`/api/v1/namespaces/${namespace}/secrets`, {
    metadata: { name: "sops-age" },
    stringData: { "age.agekey": ageKey },
  });
  await make(`${SOURCES}/namespaces/${namespace}/gitrepositories`, {
    apiVersion: "source.toolkit.fluxcd.io/v1",
    kind: "GitRepository",
    metadata,
    spec: { interval: INTERVAL, url: "https://git.example.com/platform/clusters.git", ref: { branch: "main" } },
  });
  await make(`${KUSTOMIZATIONS}/namespaces/${namespace}/kustomizations`, {
    apiVersion: "kustomize.toolkit.fluxcd.io/v1",
    kind: "Kustomization",
    metadata,
    spec: {
      interval: INTERVAL,
      retryInterval: INTERVAL,
      path,
      prune: true,
      sourceRef: { kind: "GitRepository", name: NAME },
      decryption: { provider: "sops", secretRef: { name: "sops-age" } },
    },
  });
  await startSource(access, namespace, repository);
  const controller = await startAt(
    access.folder,
    toolOf("kustomize-controller"),
    [
      `--metrics-addr=127.0.0.1:${await freePort()}`,
      `--health-addr=127.0.0.1:${await freePort()}`,
      // Whatever it has seen keeps its finalizer when it stops, also what other tests make elsewhere on this API server.
      "--watch-all-namespaces=false",
    ],
    { KUBECONFIG: await writeKubeconfig(access), RUNTIME_NAMESPACE: namespace, HOME: access.folder },
  );
  onTestFinished(() => controller.stop());
  return {
    ready: async () => {
      controller.throwIfEnded();
      const { body } = await call(access, "GET", `${KUSTOMIZATIONS}/namespaces/${namespace}/kustomizations/${NAME}`);
      return body.status?.conditions?.find(({ type }: { type: string }) => type === "Ready");
    },
  };
}

/** As the source-controller: at first, and whenever the annotation asks for it, the branch's tip becomes an artifact. */
async function startSource(access: Access, namespace: string, repository: string): Promise<void> {
  const at = `${SOURCES}/namespaces/${namespace}/gitrepositories/${NAME}`;
  const artifacts = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    const bytes = artifacts.get(request.url ?? "");
    if (bytes === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": "application/gzip" }).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const publish = async (requestedAt: string | undefined) => {
    const tip = await git(repository, "rev-parse", "--verify", "--quiet", "main").catch(() => null);
    if (tip === null) return;
    const archive = ["archive", "--format=tar.gz", "main"];
    const options = { cwd: repository, encoding: "buffer", maxBuffer: 64 * 1024 * 1024 } as const;
    const { stdout: bytes } = await promisify(execFile)("git", archive, options);
    const path = `/gitrepository/${namespace}/${NAME}/${tip}.tar.gz`;
    artifacts.set(path, bytes);
    const now = new Date().toISOString();
    const revision = `main@sha1:${tip}`;
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    const ready = { type: "Ready", status: "True", reason: "Succeeded", message: revision, lastTransitionTime: now };
    const status = {
      observedGeneration: 1,
      lastHandledReconcileAt: requestedAt ?? "",
      artifact: { url: `${url}${path}`, path, revision, digest, size: bytes.length, lastUpdateTime: now },
      conditions: [ready],
    };
    await call(access, "PATCH", `${at}/status`, { body: { status }, type: STATUS });
  };

  let isStopped = false;
  const work = (async () => {
    let seen: string | undefined;
    let isFirst = true;
    while (!isStopped) {
      const { body } = await call(access, "GET", at);
      const wish = body.metadata?.annotations?.["reconcile.fluxcd.io/requestedAt"];
      if (isFirst || wish !== seen) await publish(wish);
      isFirst = false;
      seen = wish;
      await delay(100);
    }
  })();
  onTestFinished(async () => {
    isStopped = true;
    await work;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
}
