import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Secret } from "../src/common/secret.js";
import { loadConfig } from "../src/config/index.js";
import { type PairingOptions, pairIdentity } from "../src/pair-identity.js";
import { reconnectIdentity } from "../src/reconnect-identity.js";
import type { Sandbox } from "../src/sandbox/index.js";
import { openFileState } from "../src/state/index.js";
import { failureOf } from "./common/failure-of.js";
import { aClockAt, aState, asked, freshToken } from "./connect/setup.js";
import { aMovedClock, aRuntime } from "./runtime.js";
import { aSandbox, control, requests, setFaults } from "./sandbox/compass-client.js";

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
  const reconnectIt = (connectorURL: string, given = config) =>
    reconnectIdentity({
      config: { ...given, compass: { ...given.compass, connectorURL } },
      env: {},
      clock: aClockAt(),
      signal: new AbortController().signal,
      state,
      token: null,
      onHost: () => undefined,
    });
  /** Named in the configuration in place of the first. The tests' sandboxes share an authority. */
  const to = ({ connectorURL, runtimeID }: Sandbox) => ({
    ...config,
    runtime: { ...config.runtime, id: runtimeID },
    compass: { ...config.compass, connectorURL },
  });
  return { pairIt, reconnectIt, to, folder, state };
}

/** What is stored of the identity, and what Compass was asked. */
const all = async (sandbox: Sandbox, state: Awaited<ReturnType<typeof runtime>>["state"]) => [
  (await state.identity())?.certificate,
  await state.connection(),
  await state.pending(),
  (await requests(sandbox)).length,
];

async function aRuntimeOfASandbox() {
  const clock = aMovedClock();
  const sandbox = await aSandbox({ clock });
  return { sandbox, ...(await aRuntime(sandbox, clock)) };
}

describe("the hosts that are allowed", () => {
  it("are no reason against the Connector that is configured", async () => {
    const { sandbox, state, options } = await aRuntimeOfASandbox();
    const named = sandbox.connectorURL.replace("127.0.0.1", "localhost");
    const compass = { ...options.config.compass, connectorURL: named, hosts: ["127.0.0.1"] };

    await pairIdentity({
      ...options,
      config: { ...options.config, compass },
      token: await freshToken(sandbox),
      onHost: () => undefined,
    });

    expect((await state.connection())?.connectorURL).toBe(named);
  });

  it("cost no token where only the token names a Connector elsewhere", async () => {
    const { sandbox, options } = await aRuntimeOfASandbox();
    const token = (await freshToken(sandbox)).reveal();
    const connectorURL = sandbox.connectorURL.replace("127.0.0.1", "localhost");
    const encoded = Secret.of(Buffer.from(JSON.stringify({ token, connectorURL })).toString("base64"));
    const compass = { ...options.config.compass, connectorURL: null, hosts: ["127.0.0.1"] };
    const before = (await requests(sandbox)).length;

    const failure = await failureOf(
      pairIdentity({ ...options, config: { ...options.config, compass }, token: encoded, onHost: () => undefined }),
    );

    expect(failure.code).toBe("UrlNotAllowed");
    expect((await requests(sandbox)).length).toBe(before);
  });
});

describe("reconnecting where the configuration names another Connector than the identity's", () => {
  const elsewhere = "https://compass-gateway.new.example.com/connector/graphql";

  it("needs a token of the new one: nobody is asked, and nothing is replaced", async () => {
    const sandbox = await aSandbox();
    const { pairIt, reconnectIt, state } = await runtime(sandbox);
    await pairIt();
    const before = await all(sandbox, state);

    const failure = await failureOf(reconnectIt(elsewhere));

    expect([failure.code, failure.message]).toEqual([
      "TokenNeeded",
      `the identity is paired with ${new URL(sandbox.connectorURL).host}, but compass.connectorURL names compass-gateway.new.example.com, and there is no unused one-time token of that one`,
    ]);
    expect(failure.hint).toContain("reconnect --token-file FILE");
    expect(await all(sandbox, state)).toEqual(before);
  });

  it("does not take the token that the identity was paired with for one", async () => {
    const { sandbox, state, options, pair } = await aRuntimeOfASandbox();
    await pair();
    const before = await all(sandbox, state);
    const config = { ...options.config, compass: { ...options.config.compass, connectorURL: elsewhere } };

    const failure = await failureOf(reconnectIdentity({ ...options, config, token: null, onHost: () => undefined }));

    expect(failure.code).toBe("TokenNeeded");
    expect(await all(sandbox, state)).toEqual(before);
  });

  it("finishes a pairing with the new one that was cut", async () => {
    const [old, sandbox] = [await aSandbox(), await aSandbox()];
    const { pairIt, reconnectIt, state, to } = await runtime(old);
    await pairIt();
    await setFaults(sandbox, { name: "http-503", match: "__typename" });
    await failureOf(pairIt({ config: to(sandbox), token: Secret.of(sandbox.token), force: true }));
    await setFaults(sandbox);

    await reconnectIt(sandbox.connectorURL, to(sandbox));

    expect((await state.connection())?.directorURL).toBe(sandbox.directorURL);
  });

  it("asks for nothing that could not be used under the Connector's configured name", async () => {
    const { sandbox, state, options, pair } = await aRuntimeOfASandbox();
    await pair();
    const [identity, connection] = [await state.identity(), await state.connection()];
    if (identity === null || connection === null) throw new Error("not paired");
    // As of a runtime that the Go agent paired, which does not know the address that takes tokens.
    await state.promote(identity, { ...connection, connectorURL: connection.secureConnectorURL });
    const before = await all(sandbox, state);
    const config = { ...options.config, compass: { ...options.config.compass, connectorURL: elsewhere } };

    const failure = await failureOf(reconnectIdentity({ ...options, config, token: null, onHost: () => undefined }));

    expect(failure.code).toBe("UrlNotAllowed");
    expect(await all(sandbox, state)).toEqual(before);
  });

  describe("of a runtime that the Go agent paired, which does not know the address that takes tokens", () => {
    async function adopted() {
      const sandbox = await aSandbox();
      const paired = await runtime(sandbox);
      await paired.pairIt();
      const [identity, connection] = [await paired.state.identity(), await paired.state.connection()];
      if (identity === null || connection === null) throw new Error("not paired");
      const kept = { ...connection, connectorURL: connection.secureConnectorURL };
      await paired.state.promote(identity, kept);
      return { sandbox, certificate: identity.certificate, kept, ...paired };
    }

    it("needs a token of the new one, as soon as the one in use has named itself", async () => {
      const { sandbox, state, reconnectIt, certificate, kept } = await adopted();
      const other = await aSandbox();

      const failure = await failureOf(reconnectIt(other.connectorURL));

      expect([failure.code, failure.message]).toEqual([
        "TokenNeeded",
        `the identity is paired with ${new URL(sandbox.connectorURL).host}, but compass.connectorURL names ${new URL(other.connectorURL).host}, and there is no unused one-time token of that one`,
      ]);
      expect([(await state.identity())?.certificate, await state.connection()]).toEqual([certificate, kept]);
      expect(await asked(sandbox)).toHaveLength(2);
      expect(await requests(other)).toEqual([]);
    });

    it("goes on where that is the one that is configured", async () => {
      const { sandbox, state, reconnectIt, certificate } = await adopted();

      await reconnectIt(sandbox.connectorURL);

      expect((await state.connection())?.connectorURL).toBe(sandbox.connectorURL);
      expect((await state.identity())?.certificate).not.toBe(certificate);
    });
  });
});

it("sends no token that it asked for to a Connector outside the hosts that are allowed", async () => {
  const { sandbox, state, options, pair } = await aRuntimeOfASandbox();
  await pair();
  const [identity, connection] = [await state.identity(), await state.connection()];
  if (identity === null || connection === null) throw new Error("not paired");
  const named = (url: string) => url.replace("127.0.0.1", "localhost");
  const { connectorURL, secureConnectorURL, directorURL } = connection;
  const urls = { secureConnectorURL: named(secureConnectorURL), directorURL: named(directorURL) };
  await state.promote(identity, { ...connection, connectorURL: named(connectorURL), ...urls });
  const compass = { ...options.config.compass, connectorURL: named(connectorURL), hosts: ["localhost"] };

  // Director answers with 127.0.0.1.
  const failure = await failureOf(
    reconnectIdentity({
      ...options,
      config: { ...options.config, compass },
      token: null,
      onHost: () => undefined,
    }),
  );

  expect([failure.code, failure.message]).toEqual(["UrlNotAllowed", expect.stringContaining("127.0.0.1")]);
  expect((await requests(sandbox)).map(({ operation }) => operation)).toContain("requestOneTimeTokenForRuntime");
  expect(await asked(sandbox)).toHaveLength(2);
});

it("puts no identity in use whose addresses would be refused from then on", async () => {
  const { sandbox, state, options, pair, maintain } = await aRuntimeOfASandbox();
  await pair();
  await setFaults(sandbox, { name: "http-503", match: "__typename" });
  await failureOf(pairIdentity({ ...options, token: await freshToken(sandbox), force: true, onHost: () => undefined }));
  await setFaults(sandbox);
  const pending = await state.pending();
  if (pending === null) throw new Error("nothing is on its way");
  await state.savePending({ ...pending, knownAs: "https://compass-gateway.new.example.com/connector/graphql" });
  const before = [(await state.identity())?.certificate, await state.connection()];

  const { failed } = await maintain();

  expect(failed.map(({ failure }) => failure.code)).toEqual(["UrlNotAllowed"]);
  expect([(await state.identity())?.certificate, await state.connection()]).toEqual(before);
});

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
    const configured = `${sandbox.connectorURL}?by=another-name`;
    const [identity, connection] = [await state.identity(), await state.connection()];
    if (identity === null || connection === null) throw new Error("not paired");
    await state.promote(identity, { ...connection, connectorURL: configured });

    await reconnectIt(configured);

    // It went there, and what is configured stays what is known: nothing has moved.
    expect(await asked(sandbox)).toHaveLength(4);
    expect((await state.connection())?.connectorURL).toBe(configured);
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
