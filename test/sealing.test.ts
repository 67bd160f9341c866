import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../src/config/index.js";
import { openSealing } from "../src/sealing.js";
import { aClock } from "./common/clock.js";
import { startFakeAPIServer } from "./fakes/api-server.js";
import { anAuthority, startTLSServer } from "./fakes/tls-server.js";
import { aSealingPair } from "./seal/sealing-pair.js";

const DAY = 24 * 60 * 60 * 1000;
const pair = await aSealingPair();
const RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

async function aFolder() {
  const folder = await mkdtemp(join(tmpdir(), "sealing-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** What comes of these settings of `secrets`. */
async function open(secrets: object, { env = {}, signal = new AbortController().signal } = {}) {
  const file = join(await aFolder(), "agent.yaml");
  await writeFile(file, JSON.stringify({ version: 1, secrets }));
  const { config } = await loadConfig({ env: { RUNTIME_AGENT_CONFIG: file }, cwd: tmpdir() });
  return openSealing(config, { env, clock: aClock(new Date().toISOString()), signal });
}

const from = (certificate: object, options?: Parameters<typeof open>[1]) =>
  open({ mode: "sealed-secrets", sealedSecrets: { certificate } }, options);

async function aFile(text: string) {
  const file = join(await aFolder(), "certificate.pem");
  await writeFile(file, text);
  return { file };
}

/** Over http, which is allowed on this machine. */
async function aServer(status: number, body: string) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(status, { "content-type": "application/x-pem-file" }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/cert.pem` };
}

describe("a way of sealing", () => {
  it("is what the configuration says, and plain is told as what it is", async () => {
    const sops = await open({ mode: "sops", sops: { age: [RECIPIENT] } });
    const plain = await open({ mode: "plain", acknowledgePlain: true });

    expect(sops).toMatchObject({ mode: { mode: "sops", recipients: [RECIPIENT] }, notes: [] });
    expect(sops.files.size).toBe(0);
    expect(plain.mode).toEqual({ mode: "plain" });
    expect(plain.notes).toEqual([expect.stringContaining("everybody who can read the repository")]);
  });
});

describe("the certificate of the controller", () => {
  it("is read from a file", async () => {
    const { mode, notes } = await from(await aFile(pair.certificate));

    expect(mode).toMatchObject({ mode: "sealed-secrets", scope: "strict", managed: false });
    expect(notes).toEqual([]);
  });

  it("is told of when it ends soon", async () => {
    const { certificate } = await aSealingPair({ notAfter: new Date(Date.now() + 29 * DAY) });

    expect((await from(await aFile(certificate))).notes).toEqual([
      expect.stringMatching(/^the sealing certificate expires/),
    ]);
  });

  it("is refused where it has expired", async () => {
    const { certificate } = await aSealingPair({ notAfter: new Date(Date.now() - DAY) });

    await expect(from(await aFile(certificate))).rejects.toMatchObject({
      code: "SealingImpossible",
      message: expect.stringContaining("secrets.sealedSecrets.certificate.file expired on"),
    });
  });

  it("is missed where there is no file, by its place", async () => {
    await expect(from({ file: "/nowhere/certificate.pem" })).rejects.toMatchObject({
      code: "SecretUnreadable",
      message: "the sealing certificate: file /nowhere/certificate.pem does not exist",
    });
  });

  it("is fetched from an address", async () => {
    const { url, asked } = await aServer(200, pair.certificate);

    const { mode } = await from({ url });

    expect(mode).toMatchObject({ certificate: { digest: expect.stringMatching(/^[0-9a-f]{64}$/) } });
    expect(asked).toEqual(["/v1/cert.pem"]);
  });

  it.each([
    [404, "SealingImpossible", false],
    [503, "ServerError", true],
  ])("is told of where an address answers with HTTP %i", async (status, code, retryable) => {
    const { url } = await aServer(status, "canary");

    await expect(from({ url })).rejects.toMatchObject({
      code,
      retryable,
      message: expect.not.stringContaining("canary"),
    });
  });

  it("is not taken from a server that nobody vouches for", async () => {
    const server = await startTLSServer({
      authority: await anAuthority(),
      answer: (response) => response.end(pair.certificate),
    });
    onTestFinished(() => server.close());

    await expect(from({ url: server.url("/v1/cert.pem") })).rejects.toMatchObject({
      code: "TlsUntrusted",
      hint: expect.stringContaining("NODE_EXTRA_CA_CERTS"),
    });
  });

  it("is asked of the controller through the API server", async () => {
    const api = await startFakeAPIServer();
    onTestFinished(() => api.close());
    const path = "/api/v1/namespaces/kube-system/services/http:sealed-secrets-controller:http/proxy/v1/cert.pem";
    api.texts.set(path, pair.certificate);

    const controller = "kube-system/sealed-secrets-controller";
    const { mode } = await from({ controller }, { env: { KUBECONFIG: await api.kubeconfig() } });

    expect(mode).toMatchObject({ mode: "sealed-secrets" });
    expect(api.requests.map(({ method, path: asked }) => [method, decodeURIComponent(asked)])).toEqual([["GET", path]]);
  });

  it.each([
    [403, "ClusterForbidden", "services/proxy"],
    [404, "ClusterRefused", "namespace"],
  ])("is told of where the API server answers with HTTP %i", async (status, code, hint) => {
    const api = await startFakeAPIServer();
    onTestFinished(() => api.close());
    api.fault = () => status;

    await expect(
      from({ controller: "kube-system/other" }, { env: { KUBECONFIG: await api.kubeconfig() } }),
    ).rejects.toMatchObject({ code, hint: expect.stringContaining(hint) });
  });

  it("is nothing that the API server answers in its place", async () => {
    const api = await startFakeAPIServer();
    onTestFinished(() => api.close());
    api.fault = () => "login-page";

    await expect(
      from({ controller: "kube-system/other" }, { env: { KUBECONFIG: await api.kubeconfig() } }),
    ).rejects.toMatchObject({ code: "SealingImpossible", message: expect.stringContaining("no certificate in PEM") });
  });
});
