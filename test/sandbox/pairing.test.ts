import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  aDirectory,
  anAgent,
  applicationsQuery,
  aSandbox,
  ask,
  CONFIGURATION,
  call,
  configure,
  control,
  decode,
  pair,
  renew,
  requests,
  SIGN,
  sign,
  subjectIn,
  subjectOf,
  tokenIn,
} from "./compass-client.js";
import { attributesOf, base64, requestPEM, rsaKey } from "./signing-request.js";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** What a token gets that is no good (contract 12.1, O1). */
const refusal = (reply: { status: number; text: string; headers: { get(name: string): string | null } }) => [
  reply.status,
  reply.text,
  reply.headers.get("content-type"),
];
const REFUSED = [400, "", "application/json;charset=UTF-8"];

describe("pairing with the sandbox", () => {
  it("leads from a one-time token to Applications", async () => {
    const sandbox = await aSandbox();

    const identity = await pair(sandbox);
    const reply = await ask(sandbox, identity, applicationsQuery(sandbox, "data { id } totalCount"));

    expect(reply.errors).toEqual([]);
    expect(reply.data.applicationsForRuntime.totalCount).toBe(5);
  });

  it("gives configuration with a subject for a new client and the URLs to go on with", async () => {
    const sandbox = await aSandbox();

    const { data } = await configure(sandbox, sandbox.token);

    const { certificateSigningRequestInfo: info, managementPlaneInfo, token } = data.configuration;
    expect(info.subject).toMatch(/^O=Org,OU=OrgUnit,L=locality,ST=province,C=DE,CN=[0-9a-f-]{36}$/);
    expect(info.subject.split("CN=")[1]).toMatch(UUID);
    expect(info.keyAlgorithm).toBe("rsa2048");
    expect(managementPlaneInfo).toEqual({
      directorURL: sandbox.directorURL,
      certificateSecuredConnectorURL: sandbox.secureConnectorURL,
    });
    expect(token.token).toMatch(/^[\w-]{86}==$/);
    expect(sandbox.token).toMatch(/^[\w-]{86}==$/);
  });

  it("takes a token once", async () => {
    const sandbox = await aSandbox();
    await configure(sandbox, sandbox.token);

    const second = await configure(sandbox, sandbox.token);

    expect(refusal(second)).toEqual(REFUSED);
  });

  it("lets one of twenty through that use a token at the same time", async () => {
    const sandbox = await aSandbox();

    const replies = await Promise.all(Array.from({ length: 20 }, () => configure(sandbox, sandbox.token)));

    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  it.each([
    ["no token", {}],
    ["an unknown token", { "Connector-Token": "wrong" }],
    ["an empty token", { "Connector-Token": "" }],
  ])("answers %s with 400 and no body", async (_, headers) => {
    const sandbox = await aSandbox();

    const reply = await call(sandbox, { url: sandbox.connectorURL, query: CONFIGURATION, headers });

    expect(refusal(reply)).toEqual(REFUSED);
  });

  it("does not take a token from the URL", async () => {
    const sandbox = await aSandbox();

    const reply = await call(sandbox, { url: `${sandbox.connectorURL}?token=${sandbox.token}`, query: CONFIGURATION });

    expect(refusal(reply)).toEqual(REFUSED);
  });

  it("spends the token before it looks at the query", async () => {
    const sandbox = await aSandbox();
    const headers = { "Connector-Token": sandbox.token };
    const invalid = await call(sandbox, { url: sandbox.connectorURL, query: "query { nothing }", headers });

    const reply = await configure(sandbox, sandbox.token);

    expect(invalid.status).toBe(422);
    expect(refusal(reply)).toEqual(REFUSED);
  });

  it("lets a token go after sixty minutes", async () => {
    const sandbox = await aSandbox();
    const [first, second] = [sandbox.token, (await control(sandbox, "/token", {})).body.token];

    await control(sandbox, "/clock", { offset: "PT59M" });
    const within = await configure(sandbox, first);
    await control(sandbox, "/clock", { offset: "PT1H1M" });
    const after = await configure(sandbox, second);

    expect(within.status).toBe(200);
    expect(refusal(after)).toEqual(REFUSED);
  });

  it("replaces the former token of the same client", async () => {
    const sandbox = await aSandbox();
    const identity = await pair(sandbox);
    const former = tokenIn(await renew(sandbox, identity, CONFIGURATION));
    const latter = tokenIn(await renew(sandbox, identity, CONFIGURATION));

    const replies = [await configure(sandbox, former), await configure(sandbox, latter)];

    expect(replies.map(({ status }) => status)).toEqual([400, 200]);
  });

  it("signs for the client behind the token: client certificate first, then the CA", async () => {
    const sandbox = await aSandbox();
    const configuration = await configure(sandbox, sandbox.token);
    const subject = attributesOf(subjectIn(configuration));
    const csr = base64(requestPEM({ subject: [...subject, ["OU", "another"]], keys: rsaKey() }));

    const { data } = await sign(sandbox, tokenIn(configuration), csr);

    const answer = data.signCertificateSigningRequest;
    const ca = readFileSync(sandbox.ca, "utf8");
    const client = new X509Certificate(decode(answer.clientCertificate));
    expect(decode(answer.caCertificate)).toBe(ca);
    expect(decode(answer.certificateChain)).toBe(decode(answer.clientCertificate) + ca);
    expect(decode(answer.certificateChain).endsWith("\n")).toBe(true);
    expect(client.verify(new X509Certificate(ca).publicKey)).toBe(true);
    expect(client.serialNumber).toBe("02");
    expect(client.subject).toContain("OU=OrgUnit");
    expect(client.subject).toContain("OU=another");
    expect(client.subjectAltName).toBeUndefined();
    expect(client.ca).toBe(false);
    expect(client.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
    expect(client.validToDate.getTime() - client.validFromDate.getTime()).toBe(2160 * 3600 * 1000);
  });

  it("gives every system auth a client of its own", async () => {
    const sandbox = await aSandbox();
    const { token } = (await control(sandbox, "/token", {})).body;

    const subjects = [subjectIn(await configure(sandbox, sandbox.token)), subjectIn(await configure(sandbox, token))];

    expect(new Set(subjects).size).toBe(2);
  });

  it("does not revoke for somebody who shows a token", async () => {
    const sandbox = await aSandbox();

    const reply = await call(sandbox, {
      url: sandbox.connectorURL,
      query: "mutation { revokeCertificate }",
      headers: { "Connector-Token": sandbox.token },
    });

    expect(JSON.parse(reply.text)).toEqual({
      errors: [
        {
          message: "Failed to authenticate with certificate: Failed to authenticate with Certificate. Invalid subject.",
          path: ["revokeCertificate"],
        },
      ],
      data: null,
    });
  });

  it("writes no secret into its log", async () => {
    const sandbox = await aSandbox();
    const identity = await pair(sandbox);
    await renew(sandbox, identity, CONFIGURATION, { headers: { "x-request-id": "rid" } });

    const log = await requests(sandbox);

    expect(log.map(({ operation, endpoint, status }) => [operation, endpoint, status])).toEqual([
      ["configuration", "connector", 200],
      ["signCertificateSigningRequest", "connector", 200],
      ["configuration", "secure-connector", 200],
    ]);
    expect(log[1]?.arguments).toEqual({ signCertificateSigningRequest: { csr: "[hidden]" } });
    expect(log[2]?.requestID).toBe("rid");
    expect(JSON.stringify(log)).not.toContain(sandbox.token);
  });
});

describe("a certificate of the sandbox", () => {
  it("keeps its CN when it is renewed, and the old one goes on working", async () => {
    const sandbox = await aSandbox();
    const old = await pair(sandbox);
    const configuration = await renew(sandbox, old, CONFIGURATION);
    const csr = base64(requestPEM({ subject: attributesOf(subjectIn(configuration)), keys: rsaKey() }));

    const renewed = await renew(sandbox, old, SIGN, { variables: { csr } });

    const certificate = decode(renewed.data.signCertificateSigningRequest.clientCertificate);
    expect(new X509Certificate(certificate).subject).toBe(subjectOf(old));
    expect(certificate).not.toBe(old.certificate);
    expect((await renew(sandbox, old, CONFIGURATION)).status).toBe(200);
  });

  it("is refused from the next request on once it is revoked, and its sibling is not", async () => {
    const sandbox = await aSandbox();
    const [identity, sibling] = [
      await pair(sandbox),
      await pair(sandbox, (await control(sandbox, "/token", {})).body.token),
    ];

    const revoked = await renew(sandbox, identity, "mutation { revokeCertificate }");
    const again = await renew(sandbox, identity, "mutation { revokeCertificate }");
    const query = applicationsQuery(sandbox, "totalCount");
    const [atDirector, bySibling] = [await ask(sandbox, identity, query), await ask(sandbox, sibling, query)];

    expect(JSON.parse(revoked.text)).toEqual({ data: { revokeCertificate: true } });
    expect(refusal(again)).toEqual(REFUSED);
    expect(atDirector.status).toBe(200);
    expect(JSON.parse(atDirector.text)).toEqual({
      errors: [
        {
          message: "insufficient scopes provided [actual=; required=application:read]",
          path: ["applicationsForRuntime"],
          extensions: { error: "InsufficientScopes", error_code: 23 },
        },
      ],
      data: null,
    });
    expect(bySibling.data.applicationsForRuntime.totalCount).toBe(5);
  });

  it("leaves nullable fields null once it is revoked", async () => {
    const sandbox = await aSandbox();
    const identity = await pair(sandbox);
    expect((await control(sandbox, "/revoke", {})).body).toEqual({ revoked: 1 });

    const reply = await ask(sandbox, identity, `{ runtime(id: "${sandbox.runtimeID}") { id } }`);

    expect(reply.data).toEqual({ runtime: null });
    expect(reply.errors.map(({ extensions }) => extensions?.error_code)).toEqual([23]);
  });

  it("gets no further than the handshake when it has expired", async () => {
    const sandbox = await aSandbox();
    const identity = await pair(sandbox);

    await control(sandbox, "/clock", { offset: "P89D" });
    const before = await ask(sandbox, identity, applicationsQuery(sandbox, "totalCount"));
    await control(sandbox, "/clock", { offset: "P91D" });
    const after = ask(sandbox, identity, applicationsQuery(sandbox, "totalCount"));

    expect(before.status).toBe(200);
    await expect(after).rejects.toThrow("fetch failed");
  });

  it("is refused when it expires while the connection is kept open", async () => {
    const sandbox = await aSandbox();
    const identity = await pair(sandbox);
    const agent = anAgent(sandbox, identity);
    const query = applicationsQuery(sandbox, "totalCount");
    const before = await ask(sandbox, identity, query, { agent });

    await control(sandbox, "/clock", { offset: "P91D" });
    const after = ask(sandbox, identity, query, { agent });

    expect(before.status).toBe(200);
    await expect(after).rejects.toThrow("fetch failed");
    expect((await requests(sandbox)).map(({ note }) => note)).toContain("client certificate no longer admitted");
    await agent.destroy();
  });

  it("gets no further than the handshake when another CA has signed it", async () => {
    const [sandbox, other] = [await aSandbox(), await aSandbox({ directory: aDirectory() })];
    const identity = await pair(other);

    const reply = ask(sandbox, identity, applicationsQuery(sandbox, "totalCount"));

    await expect(reply).rejects.toThrow("fetch failed");
  });

  it("is demanded: without one there is no answer", async () => {
    const sandbox = await aSandbox();

    const reply = call(sandbox, { url: sandbox.secureConnectorURL, query: CONFIGURATION });

    await expect(reply).rejects.toThrow("fetch failed");
  });
});
