/** What is on its way and has its certificate is worth more than a token that nobody has taken yet. */

import { describe, expect, it } from "vitest";
import type { Config } from "../src/config/index.js";
import { examine } from "../src/doctor.js";
import { pairIdentity } from "../src/pair-identity.js";
import { reconnectIdentity } from "../src/reconnect-identity.js";
import { revokeIdentity } from "../src/revoke-identity.js";
import { failureOf } from "./common/failure-of.js";
import { asked, freshToken } from "./connect/setup.js";
import { aMovedClock, aRuntime } from "./runtime.js";
import { aSandbox, control, requests, setFaults } from "./sandbox/compass-client.js";

const DAY = 24 * 60 * 60_000;
const onHost = () => undefined;

async function aPair() {
  const clock = aMovedClock();
  const sandbox = await aSandbox({ clock });
  return { clock, sandbox, ...(await aRuntime(sandbox, clock)) };
}

/** A pairing with its certificate, whose proof met an outage; and another token is configured. */
async function aCutPairing() {
  const runtime = await aPair();
  await setFaults(runtime.sandbox, { name: "http-503", match: "runtime" });
  await failureOf(runtime.pair());
  await setFaults(runtime.sandbox);
  runtime.giveToken((await freshToken(runtime.sandbox)).reveal());
  return runtime;
}

/** A renewal with its certificate, whose proof met an outage until the old one ended; and a fresh token is configured. */
async function anUnprovenRenewal() {
  const runtime = await aPair();
  await runtime.pair();
  runtime.clock.move(85 * DAY);
  await setFaults(runtime.sandbox, { name: "http-503", match: "runtime" });
  await runtime.maintain();
  await setFaults(runtime.sandbox);
  runtime.clock.move(10 * DAY);
  runtime.giveToken((await freshToken(runtime.sandbox)).reveal());
  return runtime;
}

const configured = (runtime: Awaited<ReturnType<typeof aPair>>) => ({ ...runtime.options, onHost });

/** Token calls since the look before. */
async function tokenCalls(runtime: Awaited<ReturnType<typeof aPair>>, before: number) {
  const all = await asked(runtime.sandbox);
  return all.slice(before).filter((operation) => /configuration|signCertificate|sign/i.test(operation));
}

describe.each([
  ["a cut pairing", aCutPairing],
  ["a renewal without proof", anUnprovenRenewal],
])("%s with its certificate", (_, begin) => {
  it("is finished by reconnect, and the configured token is not spent", async () => {
    const runtime = await begin();
    const before = (await asked(runtime.sandbox)).length;

    const paired = await reconnectIdentity({ ...configured(runtime), token: null });

    expect(paired.resumed).toBe(true);
    expect(await tokenCalls(runtime, before)).toEqual([]);
    expect(await runtime.state.pending()).toBeNull();
  });

  it.each(["http-503", "bad-request-empty"] as const)(
    "is not given up in an outage (%s), nor is the token",
    async (name) => {
      const runtime = await begin();
      const before = (await asked(runtime.sandbox)).length;
      await setFaults(runtime.sandbox, { name, match: "runtime" });

      const failure = await failureOf(runtime.maintain());
      const left = await runtime.state.pending();
      await setFaults(runtime.sandbox);
      const after = await runtime.maintain();

      expect(failure.code).toBe(name === "http-503" ? "ServerError" : "CredentialsRejected");
      expect(left?.issued).not.toBeNull();
      expect(after.done).not.toBeNull();
      expect(await tokenCalls(runtime, before)).toEqual([]);
    },
  );

  it("gives way to the token when Compass goes on to refuse it", async () => {
    const runtime = await begin();
    // As a revoked one is refused: the new one is not.
    await setFaults(runtime.sandbox, { name: "bad-request-empty", match: "runtime", times: 9 });

    const refused = [await failureOf(runtime.maintain()), await failureOf(runtime.maintain())];
    const { done } = await runtime.maintain();

    expect(refused.map(({ code }) => code)).toEqual(["CredentialsRejected", "CredentialsRejected"]);
    expect(done).toBe("pairing");
  });
});

it("a certificate on its way is not given up for refusals of the one in use", async () => {
  const runtime = await aPair();
  const { sandbox, state } = runtime;
  await runtime.pair();
  await control(sandbox, "/revoke", {});
  runtime.clock.move(61 * DAY);
  for (let cycles = 0; cycles < 4; cycles++) {
    await runtime.maintain().catch(() => undefined);
    runtime.clock.move(20 * 60_000);
  }
  runtime.giveToken((await freshToken(sandbox)).reveal());
  await setFaults(sandbox, { name: "bad-request-empty", match: "__typename" });
  await runtime.maintain();
  const pending = await state.pending();
  runtime.giveToken((await freshToken(sandbox)).reveal());
  const before = (await asked(sandbox)).length;
  await runtime.maintain();
  await runtime.maintain();
  const kept = await state.pending();
  const calls = (await asked(sandbox)).length - before;
  await runtime.maintain();

  expect((await state.memory()).spentTokens).toHaveLength(3);
  expect([pending?.issued == null, kept?.tokenDigest === pending?.tokenDigest, calls]).toEqual([false, true, 0]);
});

it("a renewal that is proven after its predecessor has ended is a renewal: the runtime was paired when it was", async () => {
  const runtime = await anUnprovenRenewal();
  const before = await runtime.state.connection();

  await runtime.maintain();

  const after = await runtime.state.connection();
  expect(before?.renewedAt).toBeNull();
  expect(after?.establishedAt).toBe(before?.establishedAt);
  expect(after?.renewedAt).toBe(runtime.clock.now().toISOString());
});

it("a reconnect that was cut keeps the configuration's name of the Connector when the next cycle finishes it", async () => {
  const runtime = await aPair();
  await runtime.pair();
  const { options, sandbox, state } = runtime;
  const connectorURL = `${sandbox.connectorURL}?by=another-name`;
  const config = { ...options.config, compass: { ...options.config.compass, connectorURL } };
  const [identity, connection] = [await state.identity(), await state.connection()];
  if (identity === null || connection === null) throw new Error("not paired");
  await state.promote(identity, { ...connection, connectorURL });
  await setFaults(sandbox, { name: "http-503", match: "__typename" });
  await failureOf(reconnectIdentity({ ...options, config, token: null, onHost }));
  await setFaults(sandbox);

  const { done } = await runtime.maintain({ config });

  expect(done).toBe("pairing");
  expect((await state.connection())?.connectorURL).toBe(connectorURL);
});

describe("what is on its way to an address that is not allowed", () => {
  const narrowed = (config: Config): Config => ({
    ...config,
    compass: { ...config.compass, hosts: ["compass.example.com"] },
  });

  it("is not shown there to be revoked", async () => {
    const runtime = await aCutPairing();
    const before = (await requests(runtime.sandbox)).length;

    const failure = await failureOf(revokeIdentity({ ...runtime.options, config: narrowed(runtime.options.config) }));

    expect(failure.code).toBe("UrlNotAllowed");
    expect((await requests(runtime.sandbox)).length).toBe(before);
    expect(await runtime.state.pending()).not.toBeNull();
  });

  it("spends no token of the same Connector", async () => {
    const runtime = await aCutPairing();
    const before = (await requests(runtime.sandbox)).length;
    const token = await freshToken(runtime.sandbox);
    const config = narrowed(runtime.options.config);

    const failure = await failureOf(pairIdentity({ ...configured(runtime), config, token, force: true }));

    expect(failure.code).toBe("UrlNotAllowed");
    expect((await requests(runtime.sandbox)).length).toBe(before);
  });

  it("is told by the doctor", async () => {
    const runtime = await aCutPairing();
    const config = narrowed(runtime.options.config);

    const checks = await examine({ ...runtime.options, config, unresolved: null });

    expect(checks.find(({ check }) => check === "certificate")).toMatchObject({
      verdict: "failed",
      message: "one is on its way, and an address of it is not allowed: nothing is sent there",
    });
  });
});

it("a pairing without its certificate is given up by a revocation, with its key and token", async () => {
  const runtime = await aPair();
  await setFaults(runtime.sandbox, { name: "http-503", match: "signCertificateSigningRequest" });
  await failureOf(runtime.pair());
  await setFaults(runtime.sandbox);

  const failure = await failureOf(revokeIdentity(runtime.options));

  expect(failure).toMatchObject({ code: "TokenNeeded" });
  expect(failure.message).toContain("the pairing that was on its way is given up");
  expect(await runtime.state.pending()).toBeNull();
});
