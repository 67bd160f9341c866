import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { readClusterSecret } from "../../../src/adapters/kubernetes/index.js";
import { Failure } from "../../../src/common/failure.js";
import { SecretMissing } from "../../../src/common/secret-missing.js";
import { loadConfig, readSecret, resolveConfiguration } from "../../../src/config/index.js";

const ID = "0f2c1b1e-6a55-4f37-9d0c-1f5d8a0f7c11";

/** An API server that answers one Secret, or a status; gives a KUBECONFIG that leads to it. */
async function anAPIServer(answer: { status: number; data?: Record<string, string> }) {
  const requests: { path: string; authorization: string }[] = [];
  const server = createServer((request, response) => {
    requests.push({ path: request.url ?? "", authorization: request.headers.authorization ?? "" });
    const data = Object.entries(answer.data ?? {}).map(([key, value]) => [key, Buffer.from(value).toString("base64")]);
    response.writeHead(answer.status, { "Content-Type": "application/json" });
    response.end(
      answer.status === 200
        ? JSON.stringify({ apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, data: Object.fromEntries(data) })
        : JSON.stringify({ kind: "Status", message: "words of the server", code: answer.status }),
    );
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  const folder = await mkdtemp(join(tmpdir(), "kubeconfig-"));
  const kubeconfig = join(folder, "config");
  const cluster = { name: "c", cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } };
  const user = { name: "u", user: { token: "the-token-of-the-account" } };
  const context = { name: "x", context: { cluster: "c", user: "u" } };
  const config = { apiVersion: "v1", kind: "Config", clusters: [cluster], users: [user], contexts: [context] };
  await writeFile(kubeconfig, JSON.stringify({ ...config, "current-context": "x" }));
  onTestFinished(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });
  return { env: { KUBECONFIG: kubeconfig }, requests };
}

const failureOf = async (work: Promise<unknown>): Promise<Failure> => {
  const thrown: unknown = await work.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(thrown instanceof Failure)) throw new Error("expected a Failure");
  return thrown;
};

describe("a Secret of the cluster", () => {
  it("is read with the account's token, decoded by key", async () => {
    const { env, requests } = await anAPIServer({ status: 200, data: { a: "one", b: "zwei ü" } });

    const data = await readClusterSecret({ namespace: "kyma-system", name: "s", env, stage: "config" });

    expect([...data].map(([key, value]) => [key, value.reveal()])).toEqual([
      ["a", "one"],
      ["b", "zwei ü"],
    ]);
    expect(requests).toEqual([
      { path: "/api/v1/namespaces/kyma-system/secrets/s", authorization: "Bearer the-token-of-the-account" },
    ]);
  });

  it.each([
    [404, "does not exist", false],
    [403, "may not be read", false],
    [401, "may not be read", false],
    [429, "HTTP 429", true],
    [500, "HTTP 500", true],
  ])("that is answered with HTTP %i is a failure that says %s", async (status, words, retryable) => {
    const { env } = await anAPIServer({ status });

    const failure = await failureOf(readClusterSecret({ namespace: "n", name: "s", env, stage: "connect" }));

    expect(failure).toMatchObject({ code: "SecretUnreadable", stage: "connect", retryable });
    expect(failure.message).toContain(words);
    expect(`${failure.message} ${failure.hint}`).not.toContain("words of the server");
  });

  it("cannot be read without access to a cluster, which is said", async () => {
    const env = { KUBECONFIG: join(tmpdir(), "no-such-kubeconfig") };

    const failure = await failureOf(readClusterSecret({ namespace: "n", name: "s", env, stage: "config" }));

    expect(failure.hint).toContain("KUBECONFIG");
  });

  it("is where a reference of the configuration leads", async () => {
    const { env } = await anAPIServer({ status: 200, data: { password: "the value\n" } });
    const reference = { kind: "kubernetes", namespace: "n", name: "s", key: "password" } as const;
    const options = { env, stage: "base", purpose: "Git password" } as const;

    const value = await readSecret(reference, options);
    const missing = await failureOf(readSecret({ ...reference, key: "other" }, options));

    expect(value.reveal()).toBe("the value");
    expect(missing.message).toContain("Secret n/s, key other does not exist");
  });
});

describe("runtime.configuration", () => {
  const variables = { RUNTIME_AGENT_RUNTIME_CONFIGURATION_SECRET: "kyma-system/runtime-agent-configuration" };
  const keys = { RUNTIME_ID: ID, TENANT: "t-1", CONNECTOR_URL: "https://c.example.com/connector/graphql", TOKEN: "x" };

  it("gives id, tenant, Connector and token", async () => {
    const { env } = await anAPIServer({ status: 200, data: keys });
    const { config } = await loadConfig({ env: variables, cwd: tmpdir() });

    const resolved = await resolveConfiguration(config, env, new AbortController().signal);

    expect(resolved.runtime).toMatchObject({ id: ID, tenant: "t-1" });
    expect(resolved.compass).toMatchObject({
      connectorURL: keys.CONNECTOR_URL,
      token: { kind: "kubernetes", namespace: "kyma-system", name: "runtime-agent-configuration", key: "TOKEN" },
    });
  });

  it.each<Record<string, string>[]>([[{}], [{ RUNTIME_ID: "", TOKEN: "\n" }]])(
    "that is empty, as it is made before somebody fills it, counts as none: %j",
    async (data) => {
      const { env } = await anAPIServer({ status: 200, data });
      const { config } = await loadConfig({ env: variables, cwd: tmpdir() });

      const failure = await failureOf(resolveConfiguration(config, env, new AbortController().signal));

      expect(failure).toBeInstanceOf(SecretMissing);
      expect([failure.code, failure.message]).toEqual([
        "SecretUnreadable",
        "the Secret kyma-system/runtime-agent-configuration is empty",
      ]);
    },
  );

  it.each([
    ["RUNTIME_ID", "not-a-uuid"],
    ["CONNECTOR_URL", "http://c.example.com"],
  ])("with an unusable %s is refused by that name, without its value", async (key, value) => {
    const { env } = await anAPIServer({ status: 200, data: { ...keys, [key]: value } });
    const { config } = await loadConfig({ env: variables, cwd: tmpdir() });

    const failure = await failureOf(resolveConfiguration(config, env, new AbortController().signal));

    expect(failure.code).toBe("ConfigurationInvalid");
    expect(failure.message).toContain(key);
    expect(failure.message).not.toContain(value);
  });
});
