import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Secret } from "../../src/common/secret.js";
import { loadConfig } from "../../src/config/index.js";
import { type PairingOptions, pairRuntime } from "../../src/pairing.js";
import type { Sandbox } from "../../src/sandbox/index.js";
import { openFileState } from "../../src/state/index.js";
import { failureOf } from "../common/failure-of.js";
import { aSandbox, control, setFaults } from "../sandbox/compass-client.js";
import { aClockAt, aState, asked, freshToken } from "./setup.js";

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
  const pairIt = (options: Partial<PairingOptions> = {}) =>
    pairRuntime({
      config,
      env: {},
      clock: aClockAt(),
      signal: new AbortController().signal,
      token: Secret.of(sandbox.token),
      onHost: () => undefined,
      ...options,
    });
  const folder = join(directory, "state");
  return { pairIt, folder, state: openFileState(folder) };
}

describe("pairing by the configuration", () => {
  it("stores the identity in the state's directory and lets the lock go", async () => {
    const sandbox = await aSandbox();
    const { pairIt, folder, state } = await runtime(sandbox);

    await pairIt();

    expect((await state.connection())?.directorURL).toBe(sandbox.directorURL);
    expect(existsSync(join(folder, "lock"))).toBe(false);
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
    writeFileSync(join(folder, "identity", "current", "certificate.pem"), "junk");

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

  it("waits for another agent on the same state, and does not use the token", async () => {
    const sandbox = await aSandbox();
    const { pairIt, folder } = await runtime(sandbox);
    mkdirSync(folder);
    writeFileSync(join(folder, "lock"), `${process.ppid}\n`);

    const failure = await failureOf(pairIt());

    expect(failure).toMatchObject({ code: "StateLocked", retryable: true });
    expect(await asked(sandbox)).toEqual([]);
  });

  it("lets the lock go when it fails", async () => {
    const sandbox = await aSandbox();
    const { pairIt, folder } = await runtime(sandbox);

    const failure = await failureOf(pairIt({ token: null }));

    expect(failure.code).toBe("TokenNeeded");
    expect([existsSync(folder), existsSync(join(folder, "lock"))]).toEqual([true, false]);
  });
});
