/** SIGTERM while the API server takes connections and never answers: the promise of 20 seconds, kept by the real process. */

import type { ChildProcess } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { formatDocument } from "../../src/adapters/yaml/index.js";
import { type FakeAPIServer, startFakeAPIServer } from "../fakes/api-server.js";
import { aWorld, type World } from "./world.js";

const SECRETS = "/api/v1/namespaces/kyma-system/secrets";

const CONFIGURATION = `${SECRETS}/runtime-agent-configuration`;

const encoded = (values: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString("base64")]));

/** All that it keeps and is configured by is there. */
async function anAPIServer(sandbox: World["sandbox"]): Promise<FakeAPIServer> {
  const api = await startFakeAPIServer();
  onTestFinished(() => api.close());
  const filled = encoded({
    RUNTIME_ID: sandbox.runtimeID,
    TENANT: sandbox.tenant,
    CONNECTOR_URL: sandbox.connectorURL,
    TOKEN: sandbox.token,
  });
  for (const [name, data] of [
    ["cluster-client-certificates", {}],
    ["runtime-agent-state", {}],
    ["runtime-agent-configuration", filled],
  ] as const) {
    api.objects.set(`${SECRETS}/${name}`, { metadata: { name, namespace: "kyma-system", resourceVersion: "0" }, data });
  }
  return api;
}

interface Seen {
  readonly method: string;
  readonly path: string;
  /** What the command told so far. */
  readonly told: string;
  /** Reads of the runtime's Secret by it, with this one. */
  readonly reads: number;
}

type HangsAt = (request: Seen) => boolean;

const SETTINGS = {
  state: { kubernetes: { namespace: "kyma-system" } },
  server: { health: 0, metrics: 0, page: null },
  gitops: { observe: false },
};

/** Starts the agent, waits until the server hangs at such a request, and tells how long it took to end after SIGTERM. */
async function stopped(command: readonly string[], hangsAt: HangsAt, { isPaired = false, isReferred = false } = {}) {
  const first = await aWorld({ settings: SETTINGS });
  const api = await anAPIServer(first.sandbox);
  const env = { KUBECONFIG: await api.kubeconfig() };
  if (isReferred) {
    const { compass, runtime: _, ...document } = parse(await readFile(first.config, "utf8"));
    const runtime = { configuration: { secret: "kyma-system/runtime-agent-configuration" } };
    await writeFile(first.config, formatDocument({ ...document, runtime, compass: { ca: compass.ca } }));
  }
  const pairing = ["pair", "--token-file", "-"];
  if (isPaired) expect((await first.run(pairing, { env, input: first.sandbox.token })).code).toBe(0);
  let child: ChildProcess | undefined;
  let isHanging = false;
  let told = "";
  let reads = 0;
  api.fault = ({ method, path }) => {
    if (path === CONFIGURATION) reads += 1;
    isHanging ||= hangsAt({ method, path, told, reads });
    return isHanging ? "hang" : null;
  };
  const ended = first.run([...command, "--log-format", "json"], {
    env,
    onChild: (started) => {
      child = started;
      started.stderr?.on("data", (chunk: Buffer) => {
        told += chunk.toString();
      });
    },
  });
  for (let tries = 0; !isHanging && tries < 600; tries++) await delay(100);
  const from = Date.now();
  child?.kill("SIGTERM");
  const { code } = await ended;
  return { isHanging, code, seconds: (Date.now() - from) / 1000 };
}

describe("an agent that is stopped while the API server hangs", () => {
  it.each([
    ["run", "before a cycle could begin", ({ path }) => path.includes("/deployments/")],
    [
      "run",
      "where the memory is kept and the connection told",
      ({ method, path }) =>
        (method === "PUT" && path.includes("compassconnections")) ||
        (path.includes("runtime-agent-state") && method === "PUT"),
    ],
    ["sync", "while it takes the Lease", ({ path }) => path.includes("/leases/")],
  ] satisfies [string, string, HangsAt][])("%s ends within 20 seconds: %s", async (command, _, hangsAt) => {
    const { isHanging, code, seconds } = await stopped([command], hangsAt);

    expect([isHanging, code]).toEqual([true, 143]);
    expect(seconds).toBeLessThan(20);
  });

  it.each([
    ["run", "while the Secret of its configuration is read", ({ reads }) => reads === 2],
    ["run", "while the token is looked at in its rest", ({ path, told }) => ended(told) && path === CONFIGURATION],
    ["run", "while the identity's moment is read", ({ path, told }) => ended(told) && path.includes("agent-state")],
    ["sync", "while the Secret of its configuration is read", ({ reads }) => reads === 2],
    ["sync", "while its token is read", ({ reads }) => reads === 3],
  ] satisfies [string, string, HangsAt][])("%s ends within 20 seconds: %s", async (command, _, hangsAt) => {
    const { isHanging, code, seconds } = await stopped([command], hangsAt, { isReferred: true });

    expect([isHanging, code]).toEqual([true, 143]);
    expect(seconds).toBeLessThan(20);
  });

  it.each([
    ["renew", "while it takes the Lease", ({ path }) => path.includes("/leases/")],
    ["renew", "while what it got is kept", ({ method, path }) => method === "PUT" && path.includes("agent-state")],
    [
      "reconnect --yes",
      "while what it got is kept",
      ({ method, path }) => method === "PUT" && path.includes("agent-state"),
    ],
    ["revoke --yes", "while it is told", ({ path }) => path.includes("compassconnections")],
    ["status", "while it reads the state", ({ path }) => path.includes("agent-state")],
  ] satisfies [string, string, HangsAt][])("%s ends within 20 seconds: %s", async (command, _, hangsAt) => {
    const { isHanging, code, seconds } = await stopped(command.split(" "), hangsAt, { isPaired: true });

    expect([isHanging, code]).toEqual([true, 143]);
    expect(seconds).toBeLessThan(20);
  });
});

const ended = (told: string) => told.includes("cycle ended");
