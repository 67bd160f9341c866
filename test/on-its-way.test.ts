/** What is on its way and has its certificate is worth more than a token that nobody has taken yet. */

import { describe, expect, it } from "vitest";
import type { Config } from "../src/config/index.js";
import { examine } from "../src/doctor.js";
import { pairIdentity, reconnectIdentity, revokeIdentity } from "../src/identity.js";
import { failureOf } from "./common/failure-of.js";
import { asked, freshToken } from "./connect/setup.js";
import { aMovedClock, aRuntime } from "./runtime.js";
import { aSandbox, requests, setFaults } from "./sandbox/compass-client.js";

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
