import { createHash, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Secret } from "../../src/common/secret.js";
import { openSession, type PairOptions, readCertificate } from "../../src/connect/index.js";
import type { Fault, Sandbox } from "../../src/sandbox/index.js";
import type { State } from "../../src/state/index.js";
import { failureOf, told } from "../common/failure-of.js";
import { anAuthority, startTLSServer } from "../fakes/tls-server.js";
import { aSandbox, control, requests, setFaults } from "../sandbox/compass-client.js";
import { aClient, aClockAt, aState, asked, freshToken, outage, pairing, transport } from "./setup.js";

const FIRST = "configuration 200";
const SECOND = "signCertificateSigningRequest 200";
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const digestOf = (token: string) => createHash("sha256").update(token).digest("hex");

/** Asks Director with the identity in use; gives the HTTP status. */
async function askDirector(sandbox: Sandbox, state: State): Promise<string> {
  const session = await openSession({ state, transport: transport(sandbox), hosts: [], clock: aClockAt() });
  try {
    const query = `query { runtime(id: "${sandbox.runtimeID}") { id } }`;
    const headers = { "content-type": "application/json" };
    const init = { method: "POST", headers, body: JSON.stringify({ query }) };
    return await (await session.client.fetch(session.connection.directorURL, init)).text();
  } finally {
    await session.client.close();
  }
}

/** The state of a process that dies at one of its writes: before it, or right after it. */
function dying(state: State, at: Partial<Record<"savePending" | "saveMemory" | "promote", "before" | "after">>): State {
  const mortal = { ...state };
  const wrap = <A extends unknown[]>(name: keyof typeof at, write: (...given: A) => Promise<void>) => {
    return async (...given: A) => {
      if (at[name] === "after") await write(...given);
      if (at[name] !== undefined) throw outage();
      await write(...given);
    };
  };
  mortal.savePending = wrap("savePending", state.savePending);
  mortal.saveMemory = wrap("saveMemory", state.saveMemory);
  mortal.promote = wrap("promote", state.promote);
  return mortal;
}

describe("pairing", () => {
  it("makes exactly two calls with a token, and Director takes the identity", async () => {
    const sandbox = await aSandbox();
    const { state } = aState();

    const paired = await pairing(sandbox, state).run();

    expect(await asked(sandbox)).toEqual([FIRST, SECOND]);
    expect(await askDirector(sandbox, state)).toBe(`{"data":{"runtime":{"id":"${sandbox.runtimeID}"}}}`);
    expect(paired).toMatchObject({ host: new URL(sandbox.connectorURL).host, resumed: false });
    expect(paired.notAfter.getTime()).toBeGreaterThan(Date.now() + 89 * DAY);
  });

  it("keeps the addresses and the client's id, and nothing pending", async () => {
    const sandbox = await aSandbox();
    const { state } = aState();

    const { commonName } = await pairing(sandbox, state).run();

    const { connectorURL, secureConnectorURL, directorURL } = sandbox;
    expect(await state.connection()).toEqual({
      connectorURL,
      secureConnectorURL,
      directorURL,
      clientID: commonName,
      subject: `O=Org,OU=OrgUnit,L=locality,ST=province,C=DE,CN=${commonName}`,
      establishedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      renewedAt: null,
    });
    expect(await state.pending()).toBeNull();
    expect((await state.memory()).spentTokens).toEqual([digestOf(sandbox.token)]);
  });

  it("makes a key of the size that is asked for", async () => {
    const sandbox = await aSandbox();
    const { state } = aState();

    await pairing(sandbox, state, { keySize: 3072 }).run();

    const key = (await state.identity())?.key.reveal() ?? "";
    expect(key).toMatch(/^-----BEGIN RSA PRIVATE KEY-----/);
    const certificate = createPublicKey((await state.identity())?.certificate ?? "");
    expect(certificate.asymmetricKeyDetails?.modulusLength).toBe(3072);
  });

  it("spends no token before it has its key, so that nothing slow comes between the answer and the disk", async () => {
    const sandbox = await aSandbox();
    const { state } = aState();

    await expect(pairing(sandbox, state, { keySize: 1 }).run()).rejects.toThrow();

    expect(await asked(sandbox)).toEqual([]);
  });

  it("names the host before it sends the token", async () => {
    const sandbox = await aSandbox();
    const { state } = aState();
    const named: string[] = [];
    const onHost = (host: string) => {
      named.push(host);
      throw outage();
    };

    await failureOf(pairing(sandbox, state, { onHost }).run());

    expect(named).toEqual([new URL(sandbox.connectorURL).host]);
    expect(await requests(sandbox)).toEqual([]);
  });

  it.each([
    ["alone", null],
    ["with the same address configured", "configured"],
  ])("takes a token as rawEncoded, which names the Connector: %s", async (_, configured) => {
    const sandbox = await aSandbox();
    const { state } = aState();
    const { token, connectorURL } = sandbox;
    const rawEncoded = Buffer.from(JSON.stringify({ token, connectorURL })).toString("base64");

    await pairing(sandbox, state, {
      token: Secret.of(rawEncoded),
      connectorURL: configured === null ? null : connectorURL,
    }).run();

    expect(await asked(sandbox)).toEqual([FIRST, SECOND]);
    expect((await state.memory()).spentTokens).toEqual([digestOf(token)]);
  });

  it("goes by a clock that is four minutes behind that of Compass", async () => {
    const sandbox = await aSandbox();
    await control(sandbox, "/clock", { offset: "PT4M" });

    const paired = await pairing(sandbox, aState().state).run();

    expect(paired.notBefore.getTime()).toBeGreaterThan(Date.now() + 3 * MINUTE);
  });
});

describe("without a request is refused", () => {
  const address = (connectorURL: string) =>
    Secret.of(Buffer.from(JSON.stringify({ token: "the-token", connectorURL })).toString("base64"));

  it.each<[string, Partial<PairOptions>, string]>([
    ["a start without a token", { token: null }, "TokenNeeded"],
    ["a token that is none", { token: Secret.of("no token at all") }, "TokenMalformed"],
    [
      "a token for another Connector",
      { token: address("https://other.example.com/connector/graphql") },
      "TokenMalformed",
    ],
    ["a token when nobody names a Connector", { connectorURL: null }, "ConfigurationInvalid"],
    ["a Connector without TLS", { connectorURL: "http://127.0.0.1/connector/graphql" }, "ConfigurationInvalid"],
    ["a Connector that is no URL", { connectorURL: "compass" }, "ConfigurationInvalid"],
    [
      "a Connector without TLS, named by the token",
      { connectorURL: null, token: address("http://evil/") },
      "ConfigurationInvalid",
    ],
  ])("%s", async (_, options, code) => {
    const sandbox = await aSandbox();
    const { state } = aState();
    const { run, hosts } = pairing(sandbox, state, options);

    const failure = await failureOf(run());

    expect(failure).toMatchObject({ code, stage: "connect", retryable: false });
    expect(told(failure)).not.toContain("the-token");
    expect([await requests(sandbox), hosts]).toEqual([[], []]);
    expect((await state.memory()).spentTokens).toEqual([]);
  });

  it("a token that was used before", async () => {
    const sandbox = await aSandbox();
    const { state } = aState();
    await pairing(sandbox, state).run();

    const failure = await failureOf(pairing(sandbox, state).run());

    expect(failure).toMatchObject({ code: "TokenRejected", retryable: false });
    expect(failure.message).toContain("not sent again");
    expect(await asked(sandbox)).toEqual([FIRST, SECOND]);
  });
});

describe("a pairing that was cut", () => {
  it.each([
    ["with the token given again", "again"],
    ["without a token", "none"],
  ])("between the calls goes on with the second %s", async (_, given) => {
    const sandbox = await aSandbox();
    const { state } = aState();
    const cut = dying(state, { savePending: "after", saveMemory: "before" });
    await failureOf(pairing(sandbox, cut).run());

    const paired = await pairing(sandbox, state, given === "none" ? { token: null } : {}).run();

    expect(paired.resumed).toBe(true);
    expect(await asked(sandbox)).toEqual([FIRST, SECOND]);
    expect(await askDirector(sandbox, state)).toContain(sandbox.runtimeID);
    expect(await state.pending()).toBeNull();
  });

  it("after the second call is finished without another", async () => {
    const sandbox = await aSandbox();
    const { state } = aState();
    await failureOf(pairing(sandbox, dying(state, { promote: "before" })).run());
    expect([await state.identity(), (await state.pending())?.nextToken]).toEqual([null, null]);

    const paired = await pairing(sandbox, state, { token: null }).run();

    expect(paired.resumed).toBe(true);
    expect(await asked(sandbox)).toEqual([FIRST, SECOND]);
    expect(await askDirector(sandbox, state)).toContain(sandbox.runtimeID);
  });

  it("between the first call and the storing of its answer needs a new token, and keeps the identity", async () => {
    const sandbox = await aSandbox();
    const { state } = aState();
    await pairing(sandbox, state).run();
    const before = await state.identity();
    const token = await freshToken(sandbox);
    const cut = dying(state, { savePending: "before", saveMemory: "before" });
    await failureOf(pairing(sandbox, cut, { token }).run());

    const failure = await failureOf(pairing(sandbox, state, { token }).run());

    expect(failure).toMatchObject({ code: "TokenRejected", retryable: false });
    expect((await state.identity())?.certificate).toBe(before?.certificate);
  });

  it("is given up for a new token, which starts over", async () => {
    const sandbox = await aSandbox();
    const { state } = aState();
    await failureOf(pairing(sandbox, dying(state, { promote: "before" })).run());
    const former = await state.pending();

    const paired = await pairing(sandbox, state, { token: await freshToken(sandbox) }).run();

    expect(paired.resumed).toBe(false);
    expect(await asked(sandbox)).toEqual([FIRST, SECOND, FIRST, SECOND]);
    expect((await state.identity())?.certificate).not.toBe(former?.issued?.certificate);
    expect(await state.pending()).toBeNull();
  });

  it("again, by the new token between its calls, goes on with the new one alone", async () => {
    const sandbox = await aSandbox();
    const { state } = aState();
    await failureOf(pairing(sandbox, dying(state, { promote: "before" })).run());
    const token = await freshToken(sandbox);
    const cut = dying(state, { savePending: "after", saveMemory: "before" });
    await failureOf(pairing(sandbox, cut, { token }).run());

    const paired = await pairing(sandbox, state, { token }).run();

    expect(paired.resumed).toBe(true);
    expect(await asked(sandbox)).toEqual([FIRST, SECOND, FIRST, SECOND]);
    expect(await askDirector(sandbox, state)).toContain(sandbox.runtimeID);
  });

  it("for longer than its token lives says that a new one is needed, and a new one helps", async () => {
    const sandbox = await aSandbox();
    const { state } = aState();
    await failureOf(pairing(sandbox, dying(state, { savePending: "after" })).run());
    await control(sandbox, "/clock", { offset: "PT61M" });

    const failure = await failureOf(pairing(sandbox, state, { clock: aClockAt(61 * MINUTE) }).run());
    const token = await freshToken(sandbox);
    const paired = await pairing(sandbox, state, { token, clock: aClockAt(61 * MINUTE) }).run();

    expect(failure.code).toBe("TokenRejected");
    expect(paired.resumed).toBe(false);
  });
});

describe("a refusal", () => {
  it("of a wrong token is told, and the token not taken for spent", async () => {
    const sandbox = await aSandbox();
    const { state } = aState();
    const token = Secret.of("d3Jvbmc=");

    const failure = await failureOf(pairing(sandbox, state, { token }).run());

    expect(failure).toMatchObject({ code: "TokenRejected", stage: "connect", retryable: false });
    expect(told(failure)).not.toContain("d3Jvbmc=");
    expect(await asked(sandbox)).toEqual(["configuration 400"]);
    expect([(await state.memory()).spentTokens, await state.pending(), await state.identity()]).toEqual([
      [],
      null,
      null,
    ]);
  });

  it("of the signing request drops the pairing, and the token is never sent again", async () => {
    const sandbox = await aSandbox();
    const { state } = aState();
    await setFaults(sandbox, { name: "graphql-error", match: "signCertificateSigningRequest", times: 1 });

    const failure = await failureOf(pairing(sandbox, state).run());
    const again = await failureOf(pairing(sandbox, state).run());

    expect([failure.code, again.code]).toEqual(["ConnectorRejected", "TokenRejected"]);
    expect(await state.pending()).toBeNull();
    expect(await asked(sandbox)).toEqual([FIRST, SECOND]);
  });

  it("of an address that is not allowed marks the token as spent, and asks for no certificate", async () => {
    const sandbox = await aSandbox();
    const { state } = aState();

    const failure = await failureOf(pairing(sandbox, state, { hosts: ["compass.example.com"] }).run());
    const again = await failureOf(pairing(sandbox, state).run());

    expect(failure).toMatchObject({ code: "UrlNotAllowed", retryable: false });
    expect(again.code).toBe("TokenRejected");
    expect(await state.pending()).toBeNull();
    expect(await asked(sandbox)).toEqual([FIRST]);
  });
});

describe("a fault of Compass", () => {
  /** What is left of the pairing, by what the next attempt with the same token does. */
  type Next = "starts over" | "goes on" | "is refused there" | "is not sent";

  it.each<[Fault, string, boolean, Next]>([
    [{ name: "http-500", match: "configuration" }, "ServerError", true, "starts over"],
    [{ name: "http-503", match: "configuration" }, "ServerError", true, "starts over"],
    [{ name: "rate-limited", match: "configuration" }, "RateLimited", true, "starts over"],
    [{ name: "redirect", match: "configuration" }, "Redirected", false, "starts over"],
    [{ name: "not-json", match: "configuration" }, "AnswerMalformed", false, "starts over"],
    [{ name: "bad-request-empty", match: "configuration" }, "TokenRejected", false, "starts over"],
    [{ name: "reset", match: "configuration" }, "NetworkUnreachable", true, "starts over"],
    [{ name: "tls-untrusted" }, "TlsUntrusted", false, "starts over"],
    [{ name: "cut-body", match: "configuration" }, "AnswerCut", true, "is refused there"],
    [{ name: "token-spent", match: "configuration" }, "TokenRejected", false, "is refused there"],
    [{ name: "graphql-error", match: "configuration" }, "ConnectorRejected", false, "is not sent"],
    [{ name: "partial-error", match: "configuration" }, "ConnectorRejected", false, "is not sent"],
    [{ name: "http-500", match: "signCertificateSigningRequest" }, "ServerError", true, "goes on"],
    [{ name: "rate-limited", match: "signCertificateSigningRequest" }, "RateLimited", true, "goes on"],
    [{ name: "bad-request-empty", match: "signCertificateSigningRequest" }, "TokenRejected", false, "goes on"],
    [{ name: "reset", match: "signCertificateSigningRequest" }, "NetworkUnreachable", true, "goes on"],
    [{ name: "not-json", match: "signCertificateSigningRequest" }, "AnswerMalformed", false, "goes on"],
    [{ name: "cut-body", match: "signCertificateSigningRequest" }, "AnswerCut", true, "is refused there"],
    [{ name: "sign-fails-after-token" }, "ServerError", true, "is refused there"],
    [{ name: "token-spent", match: "signCertificateSigningRequest" }, "TokenRejected", false, "is refused there"],
    [{ name: "partial-error", match: "signCertificateSigningRequest" }, "ConnectorRejected", false, "is not sent"],
    [{ name: "wrong-certificate" }, "CertificateUnusable", false, "is not sent"],
  ])("%j is told as %s (passing: %s), and the same token %s", async (fault, code, retryable, next) => {
    const sandbox = await aSandbox({ faults: [{ ...fault, times: 1 }] });
    const { state } = aState();

    const failure = await failureOf(pairing(sandbox, state).run());
    const sent = (await asked(sandbox)).length;
    const second = await pairing(sandbox, state)
      .run()
      .then(
        ({ resumed }) => (resumed ? "goes on" : "starts over"),
        (refused) => refused.code,
      );

    expect(failure).toMatchObject({ name: "Failure", code, stage: "connect", retryable });
    expect(failure.hint).not.toBe("");
    expect(told(failure)).not.toMatch(new RegExp(`${sandbox.token}|Internal Server Error|PRIVATE KEY|Sign in`));
    if (next === "goes on" || next === "starts over") {
      expect(second).toBe(next);
      expect(await askDirector(sandbox, state)).toContain(sandbox.runtimeID);
    } else {
      expect(second).toBe("TokenRejected");
      expect((await asked(sandbox)).length - sent).toBe(next === "is not sent" ? 0 : 1);
      expect(await state.identity()).toBeNull();
    }
  });

  it("that gives a certificate of the future does not cost it: with a right clock the pairing goes on, without a token", async () => {
    const sandbox = await aSandbox({ faults: [{ name: "future-certificate", times: 1 }] });
    const { state } = aState();

    const failure = await failureOf(pairing(sandbox, state).run());
    const sent = (await asked(sandbox)).length;
    const later = aClockAt(30 * 24 * 3_600_000);
    const paired = await pairing(sandbox, state, { token: null, clock: later }).run();

    expect(failure).toMatchObject({ code: "CertificateUnusable", retryable: true });
    expect(paired.resumed).toBe(true);
    expect((await asked(sandbox)).length).toBe(sent);
  });

  it("that makes it slow ends at the deadline, and the token may be tried again", async () => {
    const sandbox = await aSandbox({ faults: [{ name: "slow", delay: "PT1H", times: 1 }] });
    const { state } = aState();

    const failure = await failureOf(pairing(sandbox, state, { client: aClient(sandbox, { timeout: 3_000 }) }).run());
    const paired = await pairing(sandbox, state).run();

    expect(failure).toMatchObject({ code: "TimedOut", retryable: true });
    expect(paired.resumed).toBe(false);
  });

  it("leaves the identity in use as it is", async () => {
    const sandbox = await aSandbox();
    const { state } = aState();
    await pairing(sandbox, state).run();
    const before = [(await state.identity())?.certificate, await state.connection()];
    const faults: Fault[] = [
      { name: "http-500" },
      { name: "graphql-error", match: "signCertificateSigningRequest" },
      { name: "wrong-certificate" },
      { name: "sign-fails-after-token" },
    ];

    for (const fault of faults) {
      await setFaults(sandbox, { ...fault, times: 1 });
      await failureOf(pairing(sandbox, state, { token: await freshToken(sandbox) }).run());
    }

    expect([(await state.identity())?.certificate, await state.connection()]).toEqual(before);
    expect(await askDirector(sandbox, state)).toContain(sandbox.runtimeID);
  });
});

describe("a Connector of another version", () => {
  const configuration = {
    token: { token: "c2Vjb25kLXRva2Vu" },
    certificateSigningRequestInfo: { subject: "O=O,OU=U,L=L,ST=S,C=DE,CN=client", keyAlgorithm: "rsa2048" },
    managementPlaneInfo: {
      directorURL: "https://localhost/director/graphql",
      certificateSecuredConnectorURL: "https://localhost/connector/graphql",
    },
  };
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const signed = { certificateChain: base64("junk"), caCertificate: base64("junk"), clientCertificate: base64("junk") };

  async function pairWith(first: unknown, second: unknown) {
    const sandbox = await aSandbox();
    const server = await startTLSServer({
      authority: await anAuthority(),
      answer: (response, { body }) => {
        const data = body.includes("SignCertificateSigningRequest")
          ? { signCertificateSigningRequest: second }
          : { configuration: first };
        response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ data }));
      },
    });
    const { state } = aState();
    const client = aClient(sandbox, { ca: (await anAuthority()).certificate });
    const connectorURL = server.url("/connector/graphql");
    const failure = await failureOf(
      pairing(sandbox, state, { client, connectorURL, token: Secret.of("Zmlyc3QtdG9rZW4=") }).run(),
    );
    await server.close();
    return { failure, requests: server.requests, state };
  }

  const without = (change: object) => ({ ...configuration, ...change });

  it.each<[string, unknown, string]>([
    ["no second token", without({ token: null }), "AnswerMalformed"],
    ["an empty second token", without({ token: { token: "" } }), "AnswerMalformed"],
    ["no subject", without({ certificateSigningRequestInfo: null }), "AnswerMalformed"],
    ["an empty subject", without({ certificateSigningRequestInfo: { subject: "" } }), "AnswerMalformed"],
    [
      "a subject without a name",
      without({ certificateSigningRequestInfo: { subject: "O=O,OU=U,L=L,ST=S,C=DE" } }),
      "ConnectorRejected",
    ],
    ["no addresses", without({ managementPlaneInfo: null }), "AnswerMalformed"],
    [
      "one address",
      without({ managementPlaneInfo: { ...configuration.managementPlaneInfo, directorURL: null } }),
      "AnswerMalformed",
    ],
    [
      "an address without TLS",
      without({ managementPlaneInfo: { ...configuration.managementPlaneInfo, directorURL: "http://localhost/" } }),
      "UrlNotAllowed",
    ],
    [
      "an address elsewhere",
      without({
        managementPlaneInfo: {
          ...configuration.managementPlaneInfo,
          certificateSecuredConnectorURL: "https://evil.com/",
        },
      }),
      "UrlNotAllowed",
    ],
    ["nothing", null, "AnswerMalformed"],
  ])("is refused when it gives %s, and the token is spent", async (_, first, code) => {
    const { failure, requests: sent, state } = await pairWith(first, signed);

    expect(failure).toMatchObject({ code, stage: "connect", retryable: false });
    expect(told(failure)).not.toMatch(/c2Vjb25k|Zmlyc3/);
    expect(sent).toHaveLength(1);
    expect((await state.memory()).spentTokens).toEqual([digestOf("Zmlyc3QtdG9rZW4=")]);
    expect(await state.pending()).toBeNull();
  });

  it.each<[string, unknown, string]>([
    ["no certificate", { ...signed, clientCertificate: null }, "AnswerMalformed"],
    ["nothing", null, "AnswerMalformed"],
    ["a certificate that is none", signed, "CertificateUnusable"],
  ])("is refused when it signs with %s, and the pairing is dropped", async (_, second, code) => {
    const { failure, requests: sent, state } = await pairWith(configuration, second);

    expect(failure).toMatchObject({ code, stage: "connect", retryable: false });
    expect(sent.map(({ headers }) => headers["connector-token"])).toEqual(["Zmlyc3QtdG9rZW4=", "c2Vjb25kLXRva2Vu"]);
    expect([await state.pending(), await state.identity()]).toEqual([null, null]);
  });
});

it("remembers the newest fifty tokens that are spent", async () => {
  const sandbox = await aSandbox();
  const { state } = aState();
  const old = Array.from({ length: 50 }, (_, index) => `digest ${index}`);
  await state.saveMemory({ ...(await state.memory()), spentTokens: old });

  await pairing(sandbox, state).run();

  expect((await state.memory()).spentTokens).toEqual([...old.slice(1), digestOf(sandbox.token)]);
});

it("keeps the authority that issued the certificate", async () => {
  const sandbox = await aSandbox();
  const { state } = aState();

  await pairing(sandbox, state).run();

  expect((await state.identity())?.ca).toBe(readFileSync(sandbox.ca, "utf8"));
  expect(readCertificate((await state.identity())?.certificate ?? "").commonName).toMatch(/^[0-9a-f-]{36}$/);
});
