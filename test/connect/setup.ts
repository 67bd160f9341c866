/** What the tests of pairing share: a state, clients that may be cut, a Compass, authorities and certificates. */

import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createHTTPClient, type HTTPClient, type HTTPClientOptions } from "../../src/adapters/http/index.js";
import { type Authority, createSigningRequest, readSigningRequest } from "../../src/adapters/x509/index.js";
import type { Clock } from "../../src/common/clock.js";
import { Failure } from "../../src/common/failure.js";
import { Secret } from "../../src/common/secret.js";
import { type PairOptions, pair } from "../../src/connect/index.js";
import type { LogEntry, Sandbox } from "../../src/sandbox/index.js";
import { openFileState, type State } from "../../src/state/index.js";
import { control, requests } from "../sandbox/compass-client.js";

export function aState(): { readonly state: State; readonly directory: string } {
  const directory = mkdtempSync(join(tmpdir(), "connect-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return { state: openFileState(directory), directory };
}

/** The system's time, moved. */
export const aClockAt = (offset = 0): Clock => ({
  now: () => new Date(Date.now() + offset),
  sleep: async () => undefined,
});

export const transport = (sandbox: Sandbox): Omit<HTTPClientOptions, "stage" | "peer" | "identity"> => ({
  ca: readFileSync(sandbox.ca, "utf8"),
  timeout: 20_000,
  maxBytes: 1_000_000,
  signal: new AbortController().signal,
});

export function aClient(sandbox: Sandbox, options: Partial<HTTPClientOptions> = {}): HTTPClient {
  const client = createHTTPClient({ ...transport(sandbox), stage: "connect", peer: "the Connector", ...options });
  onTestFinished(() => client.close());
  return client;
}

/** Pairs with the sandbox; what it told and asked is kept. */
export function pairing(sandbox: Sandbox, state: State, options: Partial<PairOptions> = {}) {
  const hosts: string[] = [];
  const run = () =>
    pair({
      state,
      client: aClient(sandbox),
      token: Secret.of(sandbox.token),
      connectorURL: sandbox.connectorURL,
      hosts: [],
      keySize: 2048,
      clock: aClockAt(),
      prove: async () => undefined,
      former: null,
      onHost: (host) => hosts.push(host),
      ...options,
    });
  return { run, hosts };
}

export const freshToken = async (sandbox: Sandbox): Promise<Secret> =>
  Secret.of((await control(sandbox, "/token", {})).body.token);

/** Operations of the token Connector that reached the sandbox, with their status. */
export async function asked(sandbox: Sandbox): Promise<string[]> {
  const entries: readonly LogEntry[] = await requests(sandbox);
  return entries
    .filter(({ endpoint }) => endpoint === "connector")
    .map(({ operation, status }) => `${operation} ${status}`);
}

/** What an outage of the agent is to its own code: nothing goes on from here. */
export const outage = () => new Failure("an outage", { code: "Aborted", stage: "connect", hint: "None." });

const subjectOf = (commonName: string) => ({
  commonName,
  country: "DE",
  organization: "Org",
  organizationalUnit: "OrgUnit",
  locality: "locality",
  province: "province",
});

export interface IssueOptions {
  readonly commonName?: string;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly key?: KeyObject;
}

export const aKey = () => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
export const keyText = (key: KeyObject) => Secret.of(key.export({ type: "pkcs1", format: "pem" }).toString());

const DAY = 24 * 3600 * 1000;

/** A client certificate by that authority, PEM. */
export function issue(authority: Authority, now: Date, options: IssueOptions = {}): string {
  const { commonName = "client-1", key = aKey() } = options;
  const { notBefore = now, notAfter = new Date(now.getTime() + 90 * DAY) } = options;
  const pem = createSigningRequest(subjectOf(commonName), key).replaceAll(/-----[^-]+-----|\n/g, "");
  const { subjectDER } = readSigningRequest(Buffer.from(pem, "base64"));
  return authority.issueClient({ subjectDER, publicKey: createPublicKey(key), notBefore, notAfter, serial: 2 });
}
