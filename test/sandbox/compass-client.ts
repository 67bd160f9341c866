/** What the tests of the sandbox share: a plain HTTPS client, pairing by hand, a directory that is removed. */

import { type KeyObject, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, fetch } from "undici";
import { onTestFinished } from "vitest";
import { type Fault, type LogEntry, type Sandbox, type SandboxOptions, startSandbox } from "../../src/sandbox/index.js";
import { attributesOf, base64, requestPEM, rsaKey } from "./signing-request.js";

export function aDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "sandbox-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** The authority of the first sandbox serves them all: making one takes most of the time of a start. */
let authority: { readonly certificate: Buffer; readonly key: Buffer } | undefined;

function aDirectoryWithAuthority(): string {
  const directory = aDirectory();
  if (authority !== undefined) {
    writeFileSync(join(directory, "ca.pem"), authority.certificate, { mode: 0o600 });
    writeFileSync(join(directory, "ca-key.pem"), authority.key, { mode: 0o600 });
  }
  return directory;
}

/** A running sandbox that is closed after the test. */
export async function aSandbox(options: Partial<SandboxOptions> = {}): Promise<Sandbox> {
  const sandbox = await startSandbox({ directory: options.directory ?? aDirectoryWithAuthority(), ...options });
  onTestFinished(() => sandbox.close());
  authority ??= {
    certificate: readFileSync(sandbox.ca),
    key: readFileSync(join(sandbox.directory, "ca-key.pem")),
  };
  return sandbox;
}

export interface GraphQLError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions?: { readonly error: string; readonly error_code: number };
}

// biome-ignore lint/suspicious/noExplicitAny: tests reach into answers of any shape
type Data = any;

export interface Reply {
  readonly status: number;
  readonly headers: Awaited<ReturnType<typeof fetch>>["headers"];
  readonly text: string;
  readonly data: Data;
  readonly errors: readonly GraphQLError[];
}

export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

export interface Call {
  readonly url: string;
  readonly query?: string;
  readonly variables?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly identity?: Identity | undefined;
  /** Sent instead of a GraphQL body. */
  readonly body?: string;
  /** @default a connection of its own */
  readonly agent?: Agent;
}

function parsed(text: string): { data?: Data; errors?: GraphQLError[] } {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** Connections that the CA of the sandbox has to vouch for; they are kept open between requests. */
export function anAgent(sandbox: Sandbox, identity?: Identity): Agent {
  const client = identity ? { cert: identity.certificate, key: identity.key } : {};
  return new Agent({ connect: { ca: readFileSync(sandbox.ca), ...client } });
}

/** One request. */
export async function call(sandbox: Sandbox, request: Call): Promise<Reply> {
  const { url, query, variables, headers, identity, body, agent } = request;
  const dispatcher = agent ?? anAgent(sandbox, identity);
  try {
    const response = await fetch(url, {
      dispatcher,
      method: "POST",
      redirect: "manual",
      headers: { "content-type": "application/json; charset=utf-8", ...headers },
      body: body ?? JSON.stringify({ query, variables }),
    });
    const text = await response.text();
    const { data, errors = [] } = parsed(text);
    return { status: response.status, headers: response.headers, text, data, errors };
  } finally {
    if (agent === undefined) await dispatcher.destroy();
  }
}

export const CONFIGURATION = `query { configuration {
  token { token }
  certificateSigningRequestInfo { subject keyAlgorithm }
  managementPlaneInfo { directorURL certificateSecuredConnectorURL }
} }`;

export const SIGN = `mutation ($csr: String!) { signCertificateSigningRequest(csr: $csr) {
  certificateChain caCertificate clientCertificate
} }`;

/** `configuration` with a one-time token. */
export const configure = (sandbox: Sandbox, token: string) =>
  call(sandbox, { url: sandbox.connectorURL, query: CONFIGURATION, headers: { "Connector-Token": token } });

export const sign = (sandbox: Sandbox, token: string, csr: string) =>
  call(sandbox, { url: sandbox.connectorURL, query: SIGN, variables: { csr }, headers: { "Connector-Token": token } });

const keys = rsaKey();

export const subjectIn = (reply: Reply): string => reply.data.configuration.certificateSigningRequestInfo.subject;
export const tokenIn = (reply: Reply): string => reply.data.configuration.token.token;
export const decode = (text: string) => Buffer.from(text, "base64").toString();

export const keyPEM = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }).toString();

/** Pairs by hand: two calls, one certificate. */
export async function pair(sandbox: Sandbox, token = sandbox.token): Promise<Identity> {
  const configuration = await configure(sandbox, token);
  const csr = base64(requestPEM({ subject: attributesOf(subjectIn(configuration)), keys }));
  const signed = await sign(sandbox, tokenIn(configuration), csr);
  return {
    certificate: decode(signed.data.signCertificateSigningRequest.clientCertificate),
    key: keyPEM(keys.privateKey),
  };
}

export const subjectOf = (identity: Identity) => new X509Certificate(identity.certificate).subject;

/** A request to Director with a certificate. */
export const ask = (
  sandbox: Sandbox,
  identity: Identity,
  query: string,
  more: Pick<Call, "variables" | "headers" | "agent"> = {},
) => call(sandbox, { url: sandbox.directorURL, query, identity, ...more });

/** A request to the mTLS Connector. */
export const renew = (
  sandbox: Sandbox,
  identity: Identity,
  query: string,
  more: Pick<Call, "variables" | "headers" | "agent"> = {},
) => call(sandbox, { url: sandbox.secureConnectorURL, query, identity, ...more });

/** `applicationsForRuntime` with this selection. */
export const applicationsQuery = (sandbox: Sandbox, selection: string, page = "") =>
  `query { applicationsForRuntime(runtimeID: "${sandbox.runtimeID}" ${page}) { ${selection} } }`;

export async function control(sandbox: Sandbox, path: string, body?: unknown): Promise<{ status: number; body: Data }> {
  const response = await fetch(sandbox.control + path, {
    method: body === undefined ? "GET" : "POST",
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

export const setFaults = (sandbox: Sandbox, ...faults: Fault[]) => control(sandbox, "/faults", faults);

export async function requests(sandbox: Sandbox): Promise<readonly LogEntry[]> {
  return (await control(sandbox, "/requests")).body;
}
