import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Secret } from "../src/common/secret.js";
import { loadConfig } from "../src/config/index.js";
import { type PairingOptions, pairIdentity, reconnectIdentity } from "../src/identity.js";
import type { Sandbox } from "../src/sandbox/index.js";
import { openFileState } from "../src/state/index.js";
import { failureOf } from "./common/failure-of.js";
import { aClockAt, aState, asked, freshToken } from "./connect/setup.js";
import { aSandbox, control, setFaults } from "./sandbox/compass-client.js";

const DAY = 24 * 3600 * 1000;

/** Pairs by a configuration, as the command does. */
async function runtime(sandbox: Sandbox) {
  const { directory } = aState();
  const file = join(directory, "agent.yaml");
  const text = [
    "version: 1",
    `runtime: {id: ${sandbox.runtimeID}}`,
    `compass: {connectorURL: "${sandbox.connectorURL}", ca: {file: ${sandbox.ca}}}`,
    "state: {directory: state}",
    "git: {url: /nowhere, path: agent}",
    "secrets: {mode: plain, acknowledgePlain: true}",
    "certificate: {keySize: 2048}",
  ];
  writeFileSync(file, text.join("\n"));
  const { config } = await loadConfig({ file, env: {}, cwd: directory });
  const folder = join(directory, "state");
  const state = openFileState(folder);
  const pairIt = (options: Partial<PairingOptions> = {}) =>
    pairIdentity({
      config,
      env: {},
      clock: aClockAt(),
      signal: new AbortController().signal,
      state,
      token: Secret.of(sandbox.token),
      onHost: () => undefined,
      ...options,
    });
  const reconnectIt = (connectorURL: string) =>
    reconnectIdentity({
      config: { ...config, compass: { ...config.compass, connectorURL } },
      env: {},
      clock: aClockAt(),
      signal: new AbortController().signal,
      state,
      token: null,
      onHost: () => undefined,
    });
  return { pairIt, reconnectIt, folder, state };
}

describe("pairing by the configuration", () => {
  it("stores the identity in the state's directory", async () => {
    const sandbox = await aSandbox();
    const { pairIt, state } = await runtime(sandbox);

    await pairIt();

    expect((await state.connection())?.directorURL).toBe(sandbox.directorURL);
  });

  it("is not done again while the certificate is valid, and the token is not used", async () => {
    const sandbox = await aSandbox();
    const { pairIt } = await runtime(sandbox);
    await pairIt();

    const failure = await failureOf(pairIt({ token: await freshToken(sandbox) }));

    expect(failure).toMatchObject({ code: "Usage", stage: "connect", retryable: false });
    expect(failure.hint).toContain("--force");
    expect(await asked(sandbox)).toHaveLength(2);
  });

  it("is done again when Compass was seen to reject the certificate", async () => {
    const sandbox = await aSandbox();
    const { pairIt, state } = await runtime(sandbox);
    await pairIt();
    const memory = await state.memory();
    const rejected = { since: "2026-11-22T10:00:00Z", last: "2026-11-22T10:00:00Z", times: 1, failure: "x" };
    await state.saveMemory({ ...memory, certificate: { ...memory.certificate, rejected } });

    await pairIt({ token: await freshToken(sandbox) });

    expect((await state.memory()).certificate.rejected).toBeNull();
    expect(await asked(sandbox)).toHaveLength(4);
  });

  it("takes, to reconnect, the Connector that Compass itself names with its token", async () => {
    const sandbox = await aSandbox();
    const { pairIt, reconnectIt, state } = await runtime(sandbox);
    await pairIt();

    await reconnectIt(`https://localhost:${new URL(sandbox.connectorURL).port}/connector/graphql`);

    // It went there, and what is configured stays what is known: nothing has moved.
    expect(await asked(sandbox)).toHaveLength(4);
    expect((await state.connection())?.connectorURL).toBe(sandbox.connectorURL.replace("127.0.0.1", "localhost"));
  });

  it("is done again when it is forced", async () => {
    const sandbox = await aSandbox();
    const { pairIt, state } = await runtime(sandbox);
    await pairIt();
    const before = await state.identity();

    await pairIt({ token: await freshToken(sandbox), force: true });

    expect((await state.identity())?.certificate).not.toBe(before?.certificate);
  });

  it("is done again when the certificate has expired", async () => {
    const sandbox = await aSandbox();
    const { pairIt, state } = await runtime(sandbox);
    await pairIt();
    const before = await state.identity();
    await control(sandbox, "/clock", { offset: "P91D" });

    await pairIt({ token: await freshToken(sandbox), clock: aClockAt(91 * DAY) });

    expect(await asked(sandbox)).toHaveLength(4);
    expect((await state.identity())?.certificate).not.toBe(before?.certificate);
  });

  it("is done again when the identity is damaged", async () => {
    const sandbox = await aSandbox();
    const { pairIt, folder, state } = await runtime(sandbox);
    await pairIt();
    writeFileSync(join(folder, "identity", "current", "key.pem"), "junk");

    await pairIt({ token: await freshToken(sandbox) });

    expect((await state.identity())?.certificate).toContain("BEGIN CERTIFICATE");
  });

  it("keeps the identity in use when it is forced and fails", async () => {
    const sandbox = await aSandbox();
    const { pairIt, state } = await runtime(sandbox);
    await pairIt();
    const before = [(await state.identity())?.certificate, await state.connection()];
    await setFaults(sandbox, { name: "graphql-error", match: "signCertificateSigningRequest", times: 1 });

    const failure = await failureOf(pairIt({ token: await freshToken(sandbox), force: true }));

    expect(failure.code).toBe("ConnectorRejected");
    expect([(await state.identity())?.certificate, await state.connection()]).toEqual(before);
  });
});
