/** What the tests of the HTTP client share: servers, proxies and clients that are closed after the test. */

import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { ServerResponse } from "node:http";
import { onTestFinished } from "vitest";
import { createHTTPClient, type HTTPClient, type HTTPClientOptions } from "../../../src/adapters/http/index.js";
import { createSigningRequest, readSigningRequest } from "../../../src/adapters/x509/index.js";
import { type ConnectProxyOptions, startProxy } from "../../fakes/proxy.js";
import { anAuthority, type Received, startTLSServer, type TLSServerOptions } from "../../fakes/tls-server.js";

export async function aServer(
  answer: (response: ServerResponse, request: Received) => void = (response) => response.end("hello"),
  options: Partial<TLSServerOptions> = {},
) {
  const server = await startTLSServer({ authority: await anAuthority(), answer, ...options });
  onTestFinished(() => server.close());
  return server;
}

export async function aProxy(options: ConnectProxyOptions = {}) {
  const proxy = await startProxy(options);
  onTestFinished(() => proxy.close());
  return proxy;
}

/** A client that trusts the authority of the tests. */
export async function aClient(options: Partial<HTTPClientOptions> = {}): Promise<HTTPClient> {
  const client = createHTTPClient({
    stage: "fetch",
    peer: "Director",
    ca: (await anAuthority()).certificate,
    timeout: 20_000,
    maxBytes: 1_000_000,
    signal: new AbortController().signal,
    ...options,
  });
  onTestFinished(() => client.close());
  return client;
}

/** A port of loopback on which nobody listens. */
export async function aDeadPort(): Promise<number> {
  const server = await startTLSServer({ authority: await anAuthority(), answer: () => undefined });
  await server.close();
  return server.port;
}

const pem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }).toString();

/** A client certificate of the authority of the tests. */
export async function anIdentity(commonName: string): Promise<{ readonly certificate: string; readonly key: string }> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const subject = {
    commonName,
    country: "DE",
    organization: "Org",
    organizationalUnit: "U",
    locality: "L",
    province: "P",
  };
  const request = createSigningRequest(subject, privateKey).replace(/-----[^-]+-----/g, "");
  const { subjectDER } = readSigningRequest(Buffer.from(request, "base64"));
  const certificate = (await anAuthority()).issueClient({
    subjectDER,
    publicKey: createPublicKey(privateKey),
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    serial: 2,
  });
  return { certificate, key: pem(privateKey) };
}
