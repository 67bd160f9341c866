import { createPrivateKey } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createSigningRequest, readSigningRequest, restoreAuthority } from "../src/adapters/x509/index.js";
import { Failure } from "../src/common/failure.js";
import { Secret } from "../src/common/secret.js";
import { openSession } from "../src/connect/index.js";
import { pairIdentity } from "../src/pair-identity.js";
import { movedConnector, reconnectIdentity } from "../src/reconnect-identity.js";
import { renewIdentity } from "../src/renew-identity.js";
import { revokeIdentity } from "../src/revoke-identity.js";
import type { FaultName, Sandbox } from "../src/sandbox/index.js";
import { compassTransport } from "../src/setup.js";
import type { Identity, State } from "../src/state/index.js";
import { failureOf } from "./common/failure-of.js";
import { freshToken } from "./connect/setup.js";
import { aMovedClock, aRuntime } from "./runtime.js";
import { aSandbox, control, requests, setFaults } from "./sandbox/compass-client.js";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** A paired runtime and its sandbox, on one clock. */
async function paired() {
  const clock = aMovedClock();
  const sandbox = await aSandbox({ clock });
  const runtime = await aRuntime(sandbox, clock);
  await runtime.pair();
  return { clock, sandbox, ...runtime };
}

async function unpaired() {
  const clock = aMovedClock();
  const sandbox = await aSandbox({ clock });
  return { clock, sandbox, ...(await aRuntime(sandbox, clock)) };
}

/** A paired runtime of which the renewal has its certificate, and lacks its proof alone. */
async function renewedWithoutProof() {
  const runtime = await paired();
  const { clock, sandbox, state, maintain } = runtime;
  clock.move(61 * DAY);
  await setFaults(sandbox, { name: "http-503", match: "runtime" });
  await maintain();
  await setFaults(sandbox);
  const cut = await state.pending();
  if (cut === null) throw new Error("nothing is on its way");
  return { ...runtime, cut };
}

/** Work that fails since Compass is down at this operation. */
async function inOutage(sandbox: Sandbox, match: string, work: () => Promise<unknown>): Promise<void> {
  await setFaults(sandbox, { name: "http-503", match });
  await failureOf(work());
  await setFaults(sandbox);
}

/** Where nobody listens. */
const NOBODY = "https://127.0.0.1:9/director/graphql";

/** Compass named another address than Director has now, and three cycles of the last day did not reach it. */
async function loseDirector(state: State, now: Date, connectorURL?: string): Promise<void> {
  const [identity, connection, memory] = [await state.identity(), await state.connection(), await state.memory()];
  if (identity === null || connection === null) throw new Error("not paired");
  await state.promote(identity, {
    ...connection,
    directorURL: NOBODY,
    connectorURL: connectorURL ?? connection.connectorURL,
  });
  const since = new Date(now.getTime() - 25 * 60 * MINUTE).toISOString();
  const unreached = { since, last: now.toISOString(), times: 3, failure: "NetworkUnreachable" };
  await state.saveMemory({ ...memory, certificate: { ...memory.certificate, unreached } });
}

/** A certificate for the identity's key by the sandbox's authority, made out to another organizational unit. */
function issuedBy(sandbox: Sandbox, { key }: Identity, commonName: string, organizationalUnit: string, now: Date) {
  const [certificate, authorityKey] = ["ca.pem", "ca-key.pem"].map((name) =>
    readFileSync(join(sandbox.directory, name), "utf8"),
  );
  if (certificate === undefined || authorityKey === undefined) throw new Error("no authority");
  const rest = { country: "DE", organization: "Org", locality: "locality", province: "province" };
  const privateKey = createPrivateKey(key.reveal());
  const request = createSigningRequest({ commonName, organizationalUnit, ...rest }, privateKey);
  const der = Buffer.from(request.replace(/-----[^-]+-----/g, ""), "base64");
  const issued = restoreAuthority({ certificate, key: authorityKey }).issueClient({
    ...readSigningRequest(der),
    notBefore: now,
    notAfter: new Date(now.getTime() + 90 * DAY),
    serial: 2,
  });
  return { certificate: issued, chain: issued + certificate };
}

const certificateOf = async (state: State) => (await state.identity())?.certificate ?? "";

/** The Connector's operations over mTLS, with their status. */
async function asked(sandbox: Sandbox): Promise<string[]> {
  const entries = await requests(sandbox);
  return entries
    .filter(({ endpoint, operation }) => endpoint === "secure-connector" && operation !== "__typename")
    .map(({ operation, status }) => `${operation} ${status}`);
}

describe("a cycle's care for the certificate", () => {
  it("does nothing, and asks nobody, before it is due", async () => {
    const { clock, sandbox, state, maintain } = await paired();
    const before = await certificateOf(state);
    clock.move(50 * DAY);

    const { renewed, notes, requests: count } = await maintain();

    expect({ renewed, notes, count }).toEqual({ renewed: false, notes: [], count: 0 });
    expect(await certificateOf(state)).toBe(before);
    expect(await asked(sandbox)).toEqual([]);
  });

  it("renews what is due: another key, the same client, proven before it is used", async () => {
    const { clock, sandbox, state, maintain } = await paired();
    const [before, connection] = [await state.identity(), await state.connection()];
    clock.move(61 * DAY);

    const { renewed, notes, requests: count } = await maintain();

    const after = await state.identity();
    expect({ renewed, notes, count }).toEqual({
      renewed: true,
      notes: [expect.stringMatching(/^the certificate was renewed \(RenewalDue\): it is valid until 2/)],
      count: 4,
    });
    expect(after?.certificate).not.toBe(before?.certificate);
    expect(after?.key.reveal()).not.toBe(before?.key.reveal());
    expect(await state.connection()).toEqual({ ...connection, renewedAt: clock.now().toISOString() });
    expect(await state.pending()).toBeNull();
    const entries = await requests(sandbox);
    expect(entries.slice(-4).map(({ endpoint, operation }) => `${endpoint} ${operation}`)).toEqual([
      "secure-connector configuration",
      "secure-connector signCertificateSigningRequest",
      "secure-connector __typename",
      "director runtime",
    ]);
    expect(entries.at(-1)?.requestID).toMatch(new RegExp(`^${sandbox.runtimeID}_[0-9a-f-]{36}$`));
  });

  it.each<[string, object]>([
    ["the Connector is down", { name: "http-503", match: "configuration" }],
    ["the Connector refuses", { name: "graphql-error", match: "signCertificateSigningRequest" }],
    ["the certificate is of another key", { name: "wrong-certificate" }],
    ["the certificate begins in an hour", { name: "future-certificate" }],
    ["Director does not take it", { name: "insufficient-scopes", match: "runtime" }],
    ["Director is down", { name: "http-503", match: "runtime" }],
    ["the Connector does not take it", { name: "bad-request-empty", match: "__typename" }],
  ])("keeps the one in use while %s, says so, and waits longer each time", async (_, fault) => {
    const { clock, sandbox, state, maintain } = await paired();
    const before = await certificateOf(state);
    clock.move(61 * DAY);
    await setFaults(sandbox, fault as { name: FaultName });

    const first = await maintain();
    const atOnce = await maintain();
    const { renewal } = (await state.memory()).certificate;
    clock.move(11 * MINUTE);
    const again = await maintain();

    expect([first.renewed, atOnce.renewed, again.renewed]).toEqual([false, false, false]);
    expect(first.notes.join()).toMatch(/^renewing the certificate failed: ./);
    // With one that works nobody has to be told to begin anew.
    expect(first.failed.map(({ failure }) => failure.hint)).toEqual([expect.not.stringMatching(/^Pair again/)]);
    expect(atOnce.notes.join()).toMatch(
      /^(?:renewing the certificate failed \(\w+\); tried again at 2|the new certificate is valid only from 2)/,
    );
    expect(atOnce.requests).toBe(0);
    expect(renewal?.times).toBe(1);
    expect((await state.memory()).certificate.renewal?.times).toBe(2);
    expect(await certificateOf(state)).toBe(before);
  });

  it.each<[string, object]>([
    ["the answer to the signing request was lost", { name: "reset", match: "signCertificateSigningRequest" }],
    ["its proof met an outage", { name: "http-503", match: "__typename" }],
    ["the certificate begins in an hour", { name: "future-certificate", times: 1 }],
  ])("goes on with the same key when %s", async (_, fault) => {
    const { clock, sandbox, state, maintain } = await paired();
    clock.move(61 * DAY);
    await setFaults(sandbox, fault as { name: FaultName });
    await maintain();
    const key = (await state.pending())?.key.reveal();
    await setFaults(sandbox);
    clock.move(61 * MINUTE);

    const { renewed } = await maintain();

    expect(renewed).toBe(true);
    expect(key).toBeDefined();
    expect((await state.identity())?.key.reveal()).toBe(key);
    expect((await asked(sandbox)).filter((operation) => operation === "configuration 200")).toHaveLength(1);
  });

  it("drops a new certificate at once that Compass refuses while it takes the one in use", async () => {
    const { clock, sandbox, state, maintain } = await paired();
    clock.move(61 * DAY);
    // Three attempts of the proof are refused, the control with the former one is not.
    await setFaults(sandbox, { name: "insufficient-scopes", match: "runtime", times: 3 });

    const { notes } = await maintain();

    expect(notes.join()).toContain("takes the certificate in use, but not the new one");
    expect(await state.pending()).toBeNull();
    expect(await certificateOf(state)).toContain("BEGIN");
  });

  it("keeps a new certificate that an outage refuses like the one in use", async () => {
    const { clock, sandbox, state, maintain } = await paired();
    clock.move(61 * DAY);
    await setFaults(sandbox, { name: "insufficient-scopes", match: "runtime" });

    await maintain();

    expect((await state.pending())?.issued?.certificate).toContain("BEGIN CERTIFICATE");
  });

  it("uses the renewed certificate, once it can be proven, though the former one has expired meanwhile", async () => {
    const { clock, sandbox, state, maintain } = await paired();
    clock.move(89.9 * DAY);
    await setFaults(sandbox, { name: "http-503", match: "__typename" });
    await maintain();
    await setFaults(sandbox);
    clock.move(DAY);

    const { renewed } = await maintain();

    expect(renewed).toBe(true);
    expect(await state.pending()).toBeNull();
  });

  it("does so by hand, too", async () => {
    const { clock, sandbox, state, maintain, options } = await paired();
    clock.move(89.9 * DAY);
    await setFaults(sandbox, { name: "http-503", match: "__typename" });
    await maintain();
    await setFaults(sandbox);
    clock.move(DAY);

    const { notAfter } = await renewIdentity(options);

    expect(notAfter > clock.now()).toBe(true);
    expect(await state.pending()).toBeNull();
  });

  it("is not kept from it by a failure under a clock that was ahead", async () => {
    const { clock, sandbox, maintain } = await paired();
    clock.move(89.9 * DAY);
    await setFaults(sandbox, { name: "http-503", match: "signCertificateSigningRequest" });
    const ahead = await maintain();
    await setFaults(sandbox);
    clock.move(-25 * DAY);

    const { renewed } = await maintain();

    expect([ahead.renewed, renewed]).toEqual([false, true]);
  });

  it("sends no second signing request within ten minutes, by its own decision", async () => {
    const { clock, sandbox, state, maintain, options } = await paired();
    clock.move(89.995 * DAY);
    await setFaults(sandbox, { name: "reset", match: "signCertificateSigningRequest" });
    const signs = async () => (await asked(sandbox)).filter((operation) => operation.startsWith("sign")).length;
    await maintain();
    clock.move(6 * MINUTE);
    await maintain();
    const early = await signs();
    const byHand = await failureOf(renewIdentity(options));

    expect(early).toBe(1);
    expect(byHand.code).toBe("NetworkUnreachable");
    expect(await signs()).toBe(2);
    expect((await state.memory()).certificate.lastIssuance).not.toBeNull();
  });

  it("renews when a person asks for it, once, and without waiting for anything", async () => {
    const { state, maintain } = await paired();
    const before = await certificateOf(state);
    let wishes = 1;

    const first = await maintain({ takeRenewalRequest: async () => wishes-- > 0 });
    const second = await maintain({ takeRenewalRequest: async () => wishes-- > 0 });

    expect([first.renewed, second.renewed]).toEqual([true, false]);
    expect(await certificateOf(state)).not.toBe(before);
  });

  it.each(["certificate", "chain"])("renews when the stored %s is damaged, with what is left", async (part) => {
    const { state, folder, maintain } = await paired();
    writeFileSync(join(folder, "identity", "current", `${part}.pem`), "junk");

    const { renewed } = await maintain();

    const identity = await state.identity();
    expect(renewed).toBe(true);
    expect([identity?.certificate.slice(0, 27), identity?.chain.slice(0, 27)]).toEqual(
      Array.from({ length: 2 }, () => "-----BEGIN CERTIFICATE-----"),
    );
  });

  it("renews when Compass wants another subject", async () => {
    const { state, maintain } = await paired();
    const [identity, connection] = [await state.identity(), await state.connection()];
    if (identity === null || connection === null) throw new Error("not paired");
    await state.promote(identity, {
      ...connection,
      subject: connection.subject?.replace("OU=OrgUnit", "OU=Old") ?? "",
    });

    const { renewed } = await maintain();

    expect(renewed).toBe(true);
    expect((await state.connection())?.subject).toBe(connection.subject);
  });
});

describe("another subject that Compass names in a renewal that fails", () => {
  it("is kept, and has the certificate renewed with the next cycle that may", async () => {
    const { clock, sandbox, state, options, maintain } = await paired();
    const [identity, connection] = [await state.identity(), await state.connection()];
    if (identity === null || connection === null) throw new Error("not paired");
    // As if it was paired when Compass wanted that one.
    const old = issuedBy(sandbox, identity, connection.clientID, "Old", clock.now());
    await state.promote({ ...identity, ...old }, { ...connection, subject: null });
    await setFaults(sandbox, { name: "graphql-error", match: "signCertificateSigningRequest" });
    await failureOf(renewIdentity(options));
    await setFaults(sandbox);
    clock.move(MINUTE);

    const { renewed, notes } = await maintain();

    expect(renewed).toBe(true);
    expect(notes.join()).toContain("SubjectChanged");
    expect((await state.memory()).certificate.subject).toBeNull();
    expect((await state.connection())?.subject).toBe(connection.subject);
  });
});

it("another subject that Compass named for an identity that was replaced since has nothing renewed", async () => {
  const { clock, sandbox, state, maintain } = await paired();
  const [identity, connection, memory] = [await state.identity(), await state.connection(), await state.memory()];
  if (identity === null || connection === null) throw new Error("not paired");
  const subject = connection.subject?.replace("OU=OrgUnit", "OU=New") ?? "";
  await state.saveMemory({ ...memory, certificate: { ...memory.certificate, subject } });
  const other = issuedBy(sandbox, identity, "another-client", "OrgUnit", clock.now());
  await state.promote({ ...identity, ...other }, { ...connection, clientID: "another-client", subject: null });

  const { renewed, notes } = await maintain();

  expect([renewed, notes]).toEqual([false, []]);
});

describe("a runtime without a usable certificate", () => {
  it("says what keeps the configuration from being read: there may be a token in it", async () => {
    const { clock, options, maintain } = await paired();
    const hint = "Put the runtime's UUID into RUNTIME_ID.";
    const unresolved = new Failure("it has no usable RUNTIME_ID", {
      code: "ConfigurationInvalid",
      stage: "config",
      hint,
    });
    const config = { ...options.config, compass: { ...options.config.compass, token: null } };
    clock.move(91 * DAY);

    const failure = await failureOf(maintain({ config, unresolved }));

    expect([failure.code, failure.stage, failure.hint]).toEqual(["TokenNeeded", "connect", hint]);
    expect(failure.message).toMatch(/^the client certificate expired on .*; it has no usable RUNTIME_ID$/);
  });

  it("pairs with the configured token, and never with one that is spent", async () => {
    const { clock, sandbox, state, maintain, giveToken } = await paired();
    clock.move(91 * DAY);

    const spent = await failureOf(maintain());
    giveToken((await freshToken(sandbox)).reveal());
    const { renewed } = await maintain();

    expect(spent).toMatchObject({ code: "TokenNeeded", stage: "connect" });
    expect(spent.message).toMatch(/expired on 2.*, and the configured token is spent or too old$/);
    expect(renewed).toBe(true);
    expect((await state.connection())?.renewedAt).toBeNull();
  });

  it.each<FaultName>(["bad-request-empty", "http-503", "http-500"])(
    "sends a token again that was answered with %s, for an hour and at least six times",
    async (name) => {
      const { clock, sandbox, maintain, giveToken } = await paired();
      clock.move(91 * DAY);
      giveToken((await freshToken(sandbox)).reveal());
      await setFaults(sandbox, { name, match: "configuration" });
      const codes = [(await failureOf(maintain())).code];
      // A clock that is put right makes the first try look old.
      clock.move(3 * 60 * MINUTE);
      for (let tries = 2; tries <= 6; tries++) codes.push((await failureOf(maintain())).code);
      const tries = async () => (await requests(sandbox)).filter(({ endpoint }) => endpoint === "connector").length;
      const before = await tries();

      const tooOld = await failureOf(maintain());

      expect(new Set(codes).size).toBe(1);
      expect(tooOld.message).toContain("spent or too old");
      expect(await tries()).toBe(before);
    },
  );

  it("does not count the hour of a token that never left", async () => {
    const { clock, sandbox, state, maintain, giveToken } = await paired();
    clock.move(91 * DAY);
    giveToken((await freshToken(sandbox)).reveal());
    await setFaults(sandbox, { name: "tls-untrusted" });

    const unsent = await failureOf(maintain());

    expect(unsent.code).toBe("TlsUntrusted");
    expect((await state.memory()).certificate.triedTokens).toEqual({});
  });

  it("goes on with a pairing that was cut though the token is gone", async () => {
    const clock = aMovedClock();
    const sandbox = await aSandbox({ clock });
    const { state, folder, maintain } = await aRuntime(sandbox, clock);
    await setFaults(sandbox, { name: "http-503", match: "__typename" });
    await failureOf(maintain());
    await setFaults(sandbox);
    rmSync(join(folder, "..", "token"));

    const { renewed } = await maintain();

    expect(renewed).toBe(true);
    expect(await state.pending()).toBeNull();
  });

  it("asks Compass where Director is when that is not reached for a day, and goes on there", async () => {
    const { clock, sandbox, state, maintain } = await paired();
    await loseDirector(state, clock.now());
    const { directorURL } = sandbox;

    const { notes, renewed } = await maintain();

    expect([renewed, notes]).toEqual([true, [expect.stringContaining("(DirectorUnreachable)")]]);
    expect((await state.connection())?.directorURL).toBe(directorURL);
    expect((await state.memory()).certificate.unreached).toBeNull();
  });

  it("tries that once a day, and asks no host that is not allowed", async () => {
    const { clock, sandbox, state, maintain } = await paired();
    // Of the host that it was paired with, what the sandbox answers is a foreign one.
    await loseDirector(state, clock.now(), "https://compass.example.com/connector/graphql");
    const [before, connection] = [await certificateOf(state), await state.connection()];
    const again: unknown[] = [];

    for (let hours = 0; hours < 48; hours += 1) {
      const { failed } = await maintain();
      if (failed.length > 0) again.push([hours, failed[0]?.failure.code]);
      clock.move(60 * MINUTE);
    }

    expect(again).toEqual([
      [0, "UrlNotAllowed"],
      [24, "UrlNotAllowed"],
    ]);
    expect(await asked(sandbox)).toEqual([]);
    expect([await certificateOf(state), await state.connection()]).toEqual([before, connection]);
  });

  it("is content with the subject that Compass issues, though it asked for another", async () => {
    const { clock, state, maintain, cut } = await renewedWithoutProof();
    await state.savePending({ ...cut, subject: cut.subject.replace(/OU=[^,]*/, "OU=Elsewhere") });

    clock.move(60 * MINUTE);
    const first = await maintain();
    clock.move(60 * MINUTE);
    const second = await maintain();

    expect([first.renewed, second.renewed, second.notes]).toEqual([true, false, []]);
  });

  it("begins a renewal anew that could not be proven for a day: Compass may have moved meanwhile", async () => {
    const { clock, sandbox, state, maintain, cut } = await renewedWithoutProof();
    await state.savePending({ ...cut, urls: { ...cut.urls, directorURL: NOBODY } });

    clock.move(23 * 60 * MINUTE);
    const early = await maintain();
    clock.move(61 * MINUTE);
    const late = await maintain();

    expect([early.renewed, late.renewed]).toEqual([false, true]);
    expect((await state.connection())?.directorURL).toBe(sandbox.directorURL);
    expect(await state.pending()).toBeNull();
  });

  it("pairs anew beside a certificate that Compass rejects, as soon as there is a new token", async () => {
    const { sandbox, state, maintain, giveToken } = await paired();
    const before = await certificateOf(state);
    await control(sandbox, "/revoke", {});
    const rejected = { since: "2026-11-22T10:00:00Z", last: "2026-11-22T10:00:00Z", times: 1, failure: "x" };
    const memory = await state.memory();
    await state.saveMemory({ ...memory, certificate: { ...memory.certificate, rejected } });

    const without = await maintain();
    giveToken((await freshToken(sandbox)).reveal());
    const { renewed } = await maintain();

    expect([without.renewed, renewed]).toEqual([false, true]);
    expect(await certificateOf(state)).not.toBe(before);
    expect((await state.memory()).certificate.rejected).toBeNull();
  });

  it("goes on with its certificate after an outage though the token's file is gone", async () => {
    const { state, folder, maintain } = await paired();
    rmSync(join(folder, "..", "token"));
    const memory = await state.memory();
    const rejected = { since: "2026-11-22T10:00:00Z", last: "2026-11-22T10:00:00Z", times: 1, failure: "x" };
    await state.saveMemory({ ...memory, certificate: { ...memory.certificate, rejected } });

    const { notes, failed } = await maintain();

    expect([notes, failed]).toEqual([[], []]);
  });

  it("asks for a token when it has expired and the token's file is gone, and names the file", async () => {
    const { clock, sandbox, folder, maintain } = await paired();
    clock.move(91 * DAY);
    rmSync(join(folder, "..", "token"));
    const expired = await failureOf(maintain());
    const fresh = await aRuntime(sandbox, clock);
    rmSync(join(fresh.folder, "..", "token"));

    const never = await failureOf(fresh.maintain());

    writeFileSync(join(fresh.folder, "..", "token"), "\n");
    const empty = await failureOf(fresh.maintain());

    expect([expired, never, empty].map(({ code }) => code)).toEqual(Array(3).fill("TokenNeeded"));
    expect(expired.message).toMatch(/expired.*token does not exist$/);
    expect(never.message).toMatch(/not paired.*token does not exist$/);
    expect(empty.message).toMatch(/not paired.*token is empty$/);
  });

  it("pairs with the Connector that the configuration names now, with a new token for it", async () => {
    const { sandbox, state, maintain, giveToken, options } = await paired();
    const [identity, connection] = [await state.identity(), await state.connection()];
    if (identity === null || connection === null) throw new Error("not paired");
    await state.promote(identity, { ...connection, connectorURL: "https://old.example.com/connector/graphql" });
    const spent = await maintain();

    giveToken((await freshToken(sandbox)).reveal());
    const { renewed } = await maintain();

    expect([spent.renewed, renewed]).toEqual([false, true]);
    expect((await state.connection())?.connectorURL).toBe(options.config.compass.connectorURL);
  });

  it("does not touch a new token while the certificate works", async () => {
    const { sandbox, maintain, giveToken } = await paired();
    giveToken((await freshToken(sandbox)).reveal());

    await maintain();

    expect((await requests(sandbox)).filter(({ endpoint }) => endpoint === "connector")).toHaveLength(2);
  });

  it("pairs anew beside it by a new token, and only by that, when a person wants that", async () => {
    const { sandbox, state, maintain, giveToken } = await paired();
    const before = await certificateOf(state);
    const spent = await maintain({ mayPairAnew: true });
    giveToken((await freshToken(sandbox)).reveal());

    const { done } = await maintain({ mayPairAnew: true });
    const again = await maintain({ mayPairAnew: true });

    expect([spent.done, done, again.done]).toEqual([null, "pairing", null]);
    expect(await certificateOf(state)).not.toBe(before);
  });

  it("tries a token again whose answer left open whether it was taken, though nobody asks any more", async () => {
    const { sandbox, state, maintain, giveToken } = await paired();
    const before = await certificateOf(state);
    giveToken((await freshToken(sandbox)).reveal());
    await setFaults(sandbox, { name: "bad-request-empty", match: "configuration" });
    const failing = await maintain({ mayPairAnew: true });
    await setFaults(sandbox);

    const { done } = await maintain();
    const again = await maintain();

    expect([failing.done, done, again.done]).toEqual([null, "pairing", null]);
    expect(await certificateOf(state)).not.toBe(before);
    expect((await state.memory()).certificate.isPairingWanted).toBe(false);
  });

  it("goes on with the certificate when that pairing fails", async () => {
    const { state, maintain, giveToken } = await paired();
    const before = await certificateOf(state);
    giveToken("unknown-to-Compass");

    const { done, failed } = await maintain({ mayPairAnew: true });

    expect(done).toBeNull();
    expect(failed).toMatchObject([{ work: "pairing" }]);
    expect(await certificateOf(state)).toBe(before);
  });
});

describe("a renewal that was cut", () => {
  it("begins anew after the Connector itself refused its request: Compass wants another subject by now", async () => {
    const { sandbox, state, options } = await paired();
    await inOutage(sandbox, "signCertificateSigningRequest", () => renewIdentity(options));
    const cut = await state.pending();
    if (cut === null) throw new Error("nothing is stored");
    await state.savePending({ ...cut, subject: cut.subject.replace(/O=[^,]*/, "O=Former") });
    const before = await certificateOf(state);

    const refused = await failureOf(renewIdentity(options));
    await renewIdentity(options);

    expect(refused).toMatchObject({ code: "ConnectorRejected" });
    expect(await certificateOf(state)).not.toBe(before);
  });

  it("begins anew where its key cannot be read", async () => {
    const { sandbox, state, options, folder } = await paired();
    await inOutage(sandbox, "signCertificateSigningRequest", () => renewIdentity(options));
    writeFileSync(join(folder, "identity", "pending", "key.pem"), "junk");
    const before = await certificateOf(state);

    await renewIdentity(options);

    expect(await certificateOf(state)).not.toBe(before);
  });

  it("is forgotten by the next cycle where it left nothing and nothing is due", async () => {
    const { sandbox, state, options, maintain } = await paired();
    await inOutage(sandbox, "configuration", () => renewIdentity(options));
    expect((await state.memory()).certificate.renewal).toMatchObject({ times: 1 });

    const { notes } = await maintain();

    expect((await state.memory()).certificate.renewal).toBeNull();
    expect(notes).toEqual([]);
  });

  it("waits for a pairing that is on its way, until half of its own time is over", async () => {
    const { clock, sandbox, state, options, maintain } = await paired();
    clock.move(61 * DAY);
    await setFaults(sandbox, { name: "http-503", match: "runtime" });
    await failureOf(reconnectIdentity({ ...options, token: await freshToken(sandbox), onHost: () => undefined }));
    const pending = await state.pending();

    const waiting = await maintain();
    const kept = await state.pending();
    clock.move(20 * DAY);
    const urgent = await maintain();

    expect(waiting.notes).toContain("renewing the certificate waits for the pairing that is on its way");
    expect([pending?.tokenDigest, kept?.tokenDigest]).toEqual([expect.any(String), pending?.tokenDigest]);
    expect(urgent.failed).toContainEqual(expect.objectContaining({ work: "renewal" }));
  });

  it("says from when on a certificate of the future is valid, and uses it then", async () => {
    const { clock, sandbox, state, maintain } = await paired();
    clock.move(61 * DAY);
    await setFaults(sandbox, { name: "future-certificate" });
    await maintain();
    await setFaults(sandbox);

    const { notes } = await maintain();

    expect(notes).toEqual([expect.stringMatching(/^the new certificate is valid only from 20\S+Z: it is used then$/)]);
    expect((await state.pending())?.issued).not.toBeNull();
  });
});

describe("a new certificate that becomes valid only after the one in use has ended", () => {
  it("is asked for anew, so that there is always one", async () => {
    const clock = aMovedClock();
    const sandbox = await aSandbox({ clock, certificateLife: 60 * MINUTE });
    const { pair, maintain } = await aRuntime(sandbox, clock);
    await pair();
    clock.move(42 * MINUTE);
    await setFaults(sandbox, { name: "future-certificate", times: 1 });

    const ahead = await maintain();
    clock.move(5 * MINUTE);
    const tooSoon = await maintain();
    clock.move(6 * MINUTE);
    const next = await maintain();

    expect([ahead, tooSoon, next].map(({ renewed }) => renewed)).toEqual([false, false, true]);
  });
});

describe("an identity that cannot see the runtime", () => {
  it("does not replace one that can", async () => {
    const { sandbox, state, options } = await paired();
    const before = await certificateOf(state);
    await setFaults(sandbox, { name: "no-runtime", match: "runtime", times: 1 });
    const token = await freshToken(sandbox);

    const failure = await failureOf(reconnectIdentity({ ...options, token, onHost: () => undefined }));

    expect(failure).toMatchObject({ code: "CertificateUnusable" });
    expect(await certificateOf(state)).toBe(before);
    expect(await state.pending()).toBeNull();
  });

  it("is kept for later where there is no other, and said to be unknown", async () => {
    const { sandbox, state, options, pair } = await unpaired();
    await setFaults(sandbox, { name: "no-runtime", match: "runtime" });
    const failure = await failureOf(pair());
    await setFaults(sandbox);

    await pairIdentity({ ...options, token: null, onHost: () => undefined });

    expect(failure).toMatchObject({ code: "RuntimeUnknown", hint: expect.stringContaining("runtime.id") });
    expect(await state.identity()).not.toBeNull();
  });
});

describe("a state that cannot be written", () => {
  it("costs no token", async () => {
    const { sandbox, state, options } = await unpaired();
    const full = new Failure("no room", { code: "StateUnwritable", stage: "connect", hint: "Make room." });
    const stuck = { ...state, checkWritable: () => Promise.reject(full) };
    const given = { token: Secret.of(sandbox.token), onHost: () => undefined };

    expect((await failureOf(pairIdentity({ ...options, ...given, state: stuck }))).message).toBe("no room");
    expect(await requests(sandbox)).toEqual([]);
    expect((await pairIdentity({ ...options, ...given })).resumed).toBe(false);
  });

  it("says so where it did", async () => {
    const { sandbox, state, options } = await unpaired();
    const full = new Failure("no room", { code: "StateUnwritable", stage: "connect", hint: "Make room." });
    const stuck = { ...state, savePending: () => Promise.reject(full), saveMemory: () => Promise.reject(full) };
    const given = { token: Secret.of(sandbox.token), onHost: () => undefined };

    const failure = await failureOf(pairIdentity({ ...options, ...given, state: stuck }));

    expect(failure.message).toBe("no room; the one-time token is used up");
    expect(failure.hint).toBe("Make room. Then pair with a new one-time token.");
  });
});

describe("a pairing that was cut", () => {
  it("is finished though the token that is configured was used before", async () => {
    const { sandbox, state, options, pair } = await unpaired();
    await pair();
    await state.forgetIdentity();
    await setFaults(sandbox, { name: "http-503", match: "runtime" });
    const token = await freshToken(sandbox);
    await failureOf(pairIdentity({ ...options, token, onHost: () => undefined }));
    await setFaults(sandbox);

    const { resumed } = await pairIdentity({ ...options, token: Secret.of(sandbox.token), onHost: () => undefined });

    expect(resumed).toBe(true);
  });

  it("leaves its token known to be spent, whatever was not stored of it", async () => {
    const { clock, sandbox, state, options, pair } = await unpaired();
    await inOutage(sandbox, "signCertificateSigningRequest", () => pair());
    // As if the disk had been full for this one file.
    await state.saveMemory({ ...(await state.memory()), spentTokens: [] });
    clock.move(25 * 60 * MINUTE);

    await failureOf(pairIdentity({ ...options, token: null, onHost: () => undefined }));

    expect((await state.memory()).spentTokens).toHaveLength(1);
    expect(await state.pending()).toBeNull();
  });
});

describe("a pairing that was cut, by a clock that was put right since", () => {
  it("is finished though it looks hours old", async () => {
    const { clock, sandbox, state, maintain } = await unpaired();
    await inOutage(sandbox, "signCertificateSigningRequest", () => maintain());
    const cut = await state.pending();
    if (cut === null) throw new Error("nothing is on its way");
    const since = new Date(clock.now().getTime() - 3 * 60 * MINUTE).toISOString();
    await state.savePending({ ...cut, since });

    expect((await maintain()).done).toBe("pairing");
  });

  it("keeps the certificate that looks expired", async () => {
    const { sandbox, state, options, maintain } = await unpaired();
    await setFaults(sandbox, { name: "http-503", match: "runtime" });
    await failureOf(maintain());
    await setFaults(sandbox);
    const ahead = aMovedClock(Date.now() + 100 * DAY);

    const failure = await failureOf(maintain({ ...options, clock: ahead }));

    expect(failure.code).toBe("TokenNeeded");
    expect(failure.message).toMatch(/it ended on .* by the clock of this machine: check that first/);
    expect((await state.pending())?.issued).not.toBeNull();
    expect((await maintain()).done).toBe("pairing");
  });
});

describe("addresses that are not allowed", () => {
  it.each(["http://127.0.0.1:9/connector", "https://moved.invalid/connector", "moved"])(
    "are not asked, whoever wrote them: %s",
    async (secureConnectorURL) => {
      const { sandbox, state, options } = await paired();
      const [identity, connection] = [await state.identity(), await state.connection()];
      if (identity === null || connection === null) throw new Error("not paired");
      await state.promote(identity, { ...connection, secureConnectorURL });

      const failures = [await failureOf(renewIdentity(options)), await failureOf(revokeIdentity(options))];

      expect(failures.map(({ code }) => code)).toEqual(["UrlNotAllowed", "UrlNotAllowed"]);
      expect(await asked(sandbox)).toEqual([]);
      expect(await state.identity()).toEqual(identity);
    },
  );

  it("are not asked for a token either, where Director has one", async () => {
    const { sandbox, state, options } = await paired();
    const [identity, connection] = [await state.identity(), await state.connection()];
    if (identity === null || connection === null) throw new Error("not paired");
    const before = (await requests(sandbox)).length;
    await state.promote(identity, {
      ...connection,
      directorURL: connection.directorURL.replace("127.0.0.1", "localhost"),
    });

    const failure = await failureOf(reconnectIdentity({ ...options, token: null, onHost: () => undefined }));

    expect(failure.code).toBe("UrlNotAllowed");
    expect((await requests(sandbox)).length).toBe(before);
  });
});

describe("reconnecting", () => {
  it("asks Director for a token where the one that is configured is none", async () => {
    const { state, options, giveToken } = await paired();
    const before = await certificateOf(state);
    giveToken("<put the token here>");

    await reconnectIdentity({ ...options, token: null, onHost: () => undefined });

    expect(await certificateOf(state)).not.toBe(before);
  });
});

describe("a Connector that moved", () => {
  it("is not one that is spelled otherwise", async () => {
    const { options, state } = await paired();
    const connection = await state.connection();
    if (connection === null) throw new Error("not paired");
    const { config } = options;
    const moved = (connectorURL: string) =>
      movedConnector({ ...config, compass: { ...config.compass, connectorURL } }, connection);

    expect(moved(`${connection.connectorURL}/`)).toBeNull();
    expect(moved(connection.connectorURL.replace("https", "HTTPS"))).toBeNull();
    expect(moved("https://elsewhere.example.com/connector/graphql")).toContain("elsewhere.example.com");
  });

  it("is given the configured token by hand, too, since the old Director is asked in vain", async () => {
    const { sandbox, state, options, giveToken } = await paired();
    const [identity, connection] = [await state.identity(), await state.connection()];
    if (identity === null || connection === null) throw new Error("not paired");
    await state.promote(identity, { ...connection, connectorURL: NOBODY, directorURL: NOBODY });
    giveToken((await freshToken(sandbox)).reveal());

    await reconnectIdentity({ ...options, token: null, onHost: () => undefined });

    expect((await state.connection())?.directorURL).toBe(sandbox.directorURL);
  });
});

describe("revoking", () => {
  it("takes a certificate that was issued and never proven, where there is no other", async () => {
    const { sandbox, state, options, maintain } = await unpaired();
    await setFaults(sandbox, { name: "http-503", match: "__typename" });
    await failureOf(maintain());
    await setFaults(sandbox);

    await revokeIdentity(options);

    expect(await asked(sandbox)).toEqual(["revokeCertificate 200"]);
    expect(await state.pending()).toBeNull();
  });

  it("is not done while the one on its way was not revoked: nobody could do it later", async () => {
    const { sandbox, state, options } = await paired();
    await setFaults(sandbox, { name: "http-503", match: "runtime" });
    await failureOf(renewIdentity(options));
    await setFaults(sandbox, { name: "http-503", match: "revokeCertificate", times: 1 });

    const failure = await failureOf(revokeIdentity(options));
    const kept = [await state.identity(), await state.pending()];
    await revokeIdentity(options);

    expect(failure.code).toBe("RevocationUnconfirmed");
    expect(kept.every((each) => each !== null)).toBe(true);
    expect([await state.identity(), await state.pending()]).toEqual([null, null]);
  });

  it("says that Compass has done it where the state cannot be written", async () => {
    const { options, state } = await paired();
    const full = new Failure("no room", { code: "StateUnwritable", stage: "connect", hint: "Make room." });
    const stuck = { ...state, forgetIdentity: () => Promise.reject(full) };

    const failure = await failureOf(revokeIdentity({ ...options, state: stuck }));

    expect(failure).toMatchObject({
      code: "StateUnwritable",
      hint: expect.stringMatching(/^Make room\. .*new one-time/),
    });
    expect(failure.message).toBe("the certificate is revoked, but stays in the state: no room");
  });

  it("is not done while the one on its way is refused as in an outage; from the third time on that one is dead", async () => {
    const { sandbox, state, options } = await paired();
    await setFaults(sandbox, { name: "http-503", match: "runtime" });
    await failureOf(renewIdentity(options));
    await setFaults(sandbox, { name: "bad-request-empty", match: "revokeCertificate", times: 3 });

    const refused = [await failureOf(revokeIdentity(options)), await failureOf(revokeIdentity(options))];
    const kept = [await state.identity(), await state.pending()];
    await revokeIdentity(options);

    expect(refused.map(({ code }) => code)).toEqual(["RevocationUnconfirmed", "RevocationUnconfirmed"]);
    expect(kept.every((each) => each !== null)).toBe(true);
    expect([await state.identity(), await state.pending()]).toEqual([null, null]);
    expect((await asked(sandbox)).filter((operation) => operation === "revokeCertificate 400")).toHaveLength(3);
    expect((await asked(sandbox)).at(-1)).toBe("revokeCertificate 200");
  });

  it("forgets the identity when the Connector said true", async () => {
    const { state, options } = await paired();

    await revokeIdentity(options);

    expect([await state.identity(), await state.connection(), await state.pending()]).toEqual([null, null, null]);
  });

  it.each<[FaultName, boolean]>([
    ["graphql-error", false],
    ["bad-request-empty", false],
    ["http-503", true],
    ["reset", true],
    ["cut-body", true],
    ["not-json", true],
  ])("keeps it when the answer is %s", async (name, retryable) => {
    const { sandbox, state, options } = await paired();
    const before = await certificateOf(state);
    await setFaults(sandbox, { name, match: "revokeCertificate" });

    const failure: Failure = await failureOf(revokeIdentity(options));

    expect(failure).toMatchObject({ code: "RevocationUnconfirmed", retryable });
    expect(await certificateOf(state)).toBe(before);
  });

  it("revokes a certificate on its way, too", async () => {
    const { clock, sandbox, state, maintain, options } = await paired();
    clock.move(61 * DAY);
    await setFaults(sandbox, { name: "http-503", match: "__typename" });
    await maintain();
    await setFaults(sandbox);
    expect((await state.pending())?.issued).toBeTruthy();

    await revokeIdentity(options);

    expect((await asked(sandbox)).filter((operation) => operation === "revokeCertificate 200")).toHaveLength(2);
  });
});

describe("a renewal while requests are under way", () => {
  it("lets them finish on the old certificate; the next session shows the new one", async () => {
    const { clock, sandbox, state, options } = await paired();
    const open = async () =>
      openSession({
        state,
        transport: await compassTransport(options.config, {}, options.signal, clock),
        hosts: [],
        clock,
      });
    const session = await open();
    const before = await certificateOf(state);
    const post = ({ client }: typeof session, url: string, query: string) =>
      client.fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ query }),
      });
    const ask = (by: typeof session) =>
      post(by, by.connection.directorURL, `query { runtime(id: "${sandbox.runtimeID}") { id } }`);
    await ask(session);
    const underWay = Array.from({ length: 4 }, () => ask(session));

    await renewIdentity(options);
    const answers = await Promise.all(underWay);
    const late = await ask(session);
    const next = await open();
    const fresh = await ask(next);
    // What is revoked is the certificate that is shown.
    await post(session, session.connection.secureConnectorURL, "mutation { revokeCertificate }");
    const [old, own] = [await (await ask(session)).text(), await (await ask(next)).text()];
    await Promise.all([session.client.close(), next.client.close()]);

    expect([...answers, late, fresh].map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
    expect(await certificateOf(state)).not.toBe(before);
    expect([old, own].map((text) => text.includes(sandbox.runtimeID))).toEqual([false, true]);
  });
});

describe("a secret", () => {
  it("is in no failure and no note of the life", async () => {
    const { clock, sandbox, state, maintain, giveToken } = await paired();
    const token = (await freshToken(sandbox)).reveal();
    giveToken(token);
    const key = (await state.identity())?.key ?? Secret.of("none");
    clock.move(61 * DAY);
    await setFaults(sandbox, { name: "graphql-error" });
    const { notes } = await maintain();
    clock.move(40 * DAY);
    const failure = await failureOf(maintain());

    const said = JSON.stringify([notes, failure.message, failure.hint, String(failure.stack)]);

    expect(notes).toHaveLength(1);
    expect(said).not.toContain(token);
    expect(said).not.toContain(key.reveal().slice(40, 80));
  });
});
