import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { otherTenant, type Sandbox } from "../../src/sandbox/index.js";
import { aBundle, anApplication, aSnapshot, id, write } from "./a-snapshot.js";
import {
  aDirectory,
  applicationsQuery,
  aSandbox,
  ask,
  CONFIGURATION,
  call,
  configure,
  type Identity,
  pair,
  renew,
} from "./compass-client.js";

async function paired(applications: readonly object[]): Promise<{ sandbox: Sandbox; identity: Identity }> {
  const snapshot = write(join(aDirectory(), "given.json"), aSnapshot(applications));
  const sandbox = await aSandbox({ snapshot });
  return { sandbox, identity: await pair(sandbox) };
}

const cursor = (offset: number) => Buffer.from(`DpKtJ4j9jDq${offset}`).toString("base64");
const numbered = (count: number) => Array.from({ length: count }, (_, index) => anApplication(index));
const ids = (page: { data: { id: string }[] }) => page.data.map((item) => item.id);
const PAGE = "data { id name } pageInfo { startCursor endCursor hasNextPage } totalCount";

const code = (error: number, name: string) => ({ error: name, error_code: error });
const ERROR_ID = /^Internal Server Error \[errorID=[0-9a-f-]{36}(, reason: .*)?\]$/;

describe("applicationsForRuntime of the sandbox", () => {
  it("cuts pages of two hundred and says how to go on", async () => {
    const { sandbox, identity } = await paired(numbered(201));

    const first = await ask(sandbox, identity, applicationsQuery(sandbox, PAGE));
    const next = first.data.applicationsForRuntime.pageInfo.endCursor;
    const second = await ask(sandbox, identity, applicationsQuery(sandbox, PAGE, `after: "${next}"`));

    const [one, two] = [first.data.applicationsForRuntime, second.data.applicationsForRuntime];
    expect([...ids(one), ...ids(two)]).toEqual(numbered(201).map((application) => application.id));
    expect(one.pageInfo).toEqual({ startCursor: "", endCursor: "RHBLdEo0ajlqRHEyMDA=", hasNextPage: true });
    expect(two.pageInfo).toEqual({ startCursor: next, endCursor: "", hasNextPage: false });
    expect([one.totalCount, two.totalCount]).toEqual([201, 201]);
  });

  it("says that the last page is the last when it is full", async () => {
    const { sandbox, identity } = await paired(numbered(4));

    const { data } = await ask(sandbox, identity, applicationsQuery(sandbox, PAGE, `first: 2, after: "${cursor(2)}"`));

    expect(data.applicationsForRuntime.pageInfo).toEqual({ startCursor: cursor(2), endCursor: "", hasNextPage: false });
  });

  it.each([
    ["nothing", 'after: ""', 0],
    ["null", "after: null", 0],
    ["a bare number in base64", `after: "${Buffer.from("3").toString("base64")}"`, 3],
    ["an offset past the end", `after: "${cursor(9)}"`, 5],
  ])("takes %s as a cursor", async (_, page, offset) => {
    const { sandbox, identity } = await paired(numbered(5));

    const { data } = await ask(sandbox, identity, applicationsQuery(sandbox, PAGE, page));

    expect(ids(data.applicationsForRuntime)).toEqual(
      numbered(5)
        .slice(offset)
        .map((application) => application.id),
    );
  });

  it("has no upper limit for its page", async () => {
    const { sandbox, identity } = await paired(numbered(300));

    const { data } = await ask(sandbox, identity, applicationsQuery(sandbox, PAGE, "first: 100000"));

    expect(data.applicationsForRuntime.data).toHaveLength(300);
  });

  it.each([
    ["first: 0", "Invalid data [reason=page size cannot be smaller than 1]", code(22, "InvalidData")],
    ["first: -1", "Invalid data [reason=page size cannot be smaller than 1]", code(22, "InvalidData")],
    ["first: null", "Invalid data [reason=missing required parameter 'first']", code(22, "InvalidData")],
    [`after: "${cursor(-5)}"`, "Invalid data [reason=cursor is not correct]", code(22, "InvalidData")],
    ['after: "%%%"', expect.stringMatching(/cursor is not correct/), code(10, "InternalError")],
    ['after: "bm9wZQ=="', expect.stringMatching(/cursor is not correct/), code(10, "InternalError")],
  ])("refuses %s", async (page, message, extensions) => {
    const { sandbox, identity } = await paired(numbered(2));

    const reply = await ask(sandbox, identity, applicationsQuery(sandbox, PAGE, page));

    expect([reply.status, reply.data]).toEqual([200, null]);
    expect(reply.errors).toEqual([{ message, path: ["applicationsForRuntime"], extensions }]);
  });

  it("serves a snapshot's lists in the order in which they stand there, names unchanged", async () => {
    const odd = { ...anApplication(7), name: "SAP Commerce" };
    const { sandbox, identity } = await paired([odd, anApplication(3)]);

    const { data } = await ask(sandbox, identity, applicationsQuery(sandbox, PAGE));

    expect(data.applicationsForRuntime.data).toEqual([
      { id: id(7), name: "SAP Commerce" },
      { id: id(3), name: "mp-3" },
    ]);
  });

  it("does not know another runtime, and refuses what is no id", async () => {
    const { sandbox, identity } = await paired([]);
    const query = (runtimeID: string) => `{ applicationsForRuntime(runtimeID: "${runtimeID}") { totalCount } }`;

    const [unknown, malformed] = [await ask(sandbox, identity, query(id(9))), await ask(sandbox, identity, query("x"))];

    expect(unknown.errors).toEqual([
      {
        message: "Invalid data [reason=runtime does not exist]",
        path: ["applicationsForRuntime"],
        extensions: code(22, "InvalidData"),
      },
    ]);
    expect(malformed.errors).toEqual([
      {
        message: expect.stringMatching(ERROR_ID),
        path: ["applicationsForRuntime"],
        extensions: code(10, "InternalError"),
      },
    ]);
  });
});

describe("nested lists of the sandbox", () => {
  it("show two hundred and complete through application(id) without doubles", async () => {
    const { sandbox, identity } = await paired([
      {
        ...anApplication(1),
        bundles: Array.from({ length: 250 }, (_, index) =>
          aBundle(index, { apis: index === 0 ? 230 : 0, events: index === 0 ? 210 : 0 }),
        ),
      },
    ]);
    const one = "data { id } totalCount pageInfo { endCursor hasNextPage }";
    const definitions = `apiDefinitions { ${one} } eventDefinitions { ${one} }`;

    const top = await ask(
      sandbox,
      identity,
      applicationsQuery(sandbox, `data { bundles { ${one.replace("id", `id ${definitions}`)} } }`),
    );
    const { bundles } = top.data.applicationsForRuntime.data[0];
    const [{ apiDefinitions: apis, eventDefinitions: events }] = bundles.data;
    const rest = async (selection: string) =>
      (await ask(sandbox, identity, `{ application(id: "${id(1)}") { ${selection} } }`)).data.application;
    const more = await rest(`bundles(after: "${bundles.pageInfo.endCursor}") { ${one} }`);
    const moreApis = await rest(
      `bundle(id: "${id(0)}") { apiDefinitions(after: "${apis.pageInfo.endCursor}") { ${one} } }`,
    );
    const moreEvents = await rest(
      `bundle(id: "${id(0)}") { eventDefinitions(after: "${events.pageInfo.endCursor}") { ${one} } }`,
    );

    const distinct = (...pages: { data: { id: string }[] }[]) => new Set(pages.flatMap(ids)).size;
    expect(
      [bundles, apis, events].map((list) => [list.data.length, list.totalCount, list.pageInfo.hasNextPage]),
    ).toEqual([
      [200, 250, true],
      [200, 230, true],
      [200, 210, true],
    ]);
    expect(distinct(bundles, more.bundles)).toBe(250);
    expect(distinct(apis, moreApis.bundle.apiDefinitions)).toBe(230);
    expect(distinct(events, moreEvents.bundle.eventDefinitions)).toBe(210);
  });

  it.each([0, 201, -1])("of size %i give one error per parent and null", async (first) => {
    const { sandbox, identity } = await paired([anApplication(1), anApplication(2)]);

    const reply = await ask(
      sandbox,
      identity,
      applicationsQuery(sandbox, `data { id bundles(first: ${first}) { totalCount } }`),
    );

    expect(reply.status).toBe(200);
    expect(reply.data.applicationsForRuntime.data).toEqual([
      { id: id(1), bundles: null },
      { id: id(2), bundles: null },
    ]);
    expect(reply.errors).toEqual(
      [0, 1].map((index) => ({
        message: "Invalid data [reason=page size must be between 1 and 200]",
        path: ["applicationsForRuntime", "data", index, "bundles"],
        extensions: code(22, "InvalidData"),
      })),
    );
  });

  it("all go by the cursor of the first in their request", async () => {
    const { sandbox, identity } = await paired([anApplication(1, { bundles: 4 }), anApplication(2, { bundles: 4 })]);
    const bundles = (after: string) => `bundles(first: 2, after: "${after}") { data { id } }`;

    const { data } = await ask(
      sandbox,
      identity,
      `{ a: application(id: "${id(1)}") { ${bundles("")} } b: application(id: "${id(2)}") { ${bundles(cursor(2))} } }`,
    );
    const alone = await ask(sandbox, identity, `{ application(id: "${id(2)}") { ${bundles(cursor(2))} } }`);

    expect([ids(data.a.bundles), ids(data.b.bundles)]).toEqual([
      [id(0), id(1)],
      [id(0), id(1)],
    ]);
    expect(ids(alone.data.application.bundles)).toEqual([id(2), id(3)]);
  });

  it("may be null", async () => {
    const { sandbox, identity } = await paired([{ ...anApplication(1), bundles: null, auths: null }]);

    const { data, errors } = await ask(
      sandbox,
      identity,
      applicationsQuery(sandbox, "data { auths { id } bundles { totalCount } }"),
    );

    expect(errors).toEqual([]);
    expect(data.applicationsForRuntime.data).toEqual([{ auths: null, bundles: null }]);
  });
});

describe("credentials of the sandbox", () => {
  const SELECTION = `defaultInstanceAuth { credential { __typename
    ... on BasicCredentialData { username password } ... on OAuthCredentialData { clientId clientSecret url }
    ... on CertificateOAuthCredentialData { certificate } }
    additionalHeaders additionalHeadersSerialized additionalQueryParams requestAuth { csrf { tokenEndpointURL } } }`;
  const withAuth = (defaultInstanceAuth: object | null) => ({ ...aBundle(1), defaultInstanceAuth });

  it.each([
    [
      { username: "u", password: "p" },
      { __typename: "BasicCredentialData", username: "u", password: "p" },
    ],
    [
      { clientId: "c", clientSecret: "s", url: "https://u" },
      { __typename: "OAuthCredentialData", clientId: "c", clientSecret: "s", url: "https://u" },
    ],
    [{}, { __typename: "CertificateOAuthCredentialData", certificate: "sandbox-certificate" }],
    [null, null],
  ])("are told by their fields: %j", async (credential, expected) => {
    const { sandbox, identity } = await paired([{ ...anApplication(1), bundles: [withAuth({ credential })] }]);

    const { data } = await ask(
      sandbox,
      identity,
      applicationsQuery(sandbox, `data { bundles { data { ${SELECTION} } } }`),
    );

    expect(data.applicationsForRuntime.data[0].bundles.data[0].defaultInstanceAuth.credential).toEqual(expected);
  });

  it("carry headers, parameters and CSRF", async () => {
    const auth = {
      additionalHeaders: { "X-A": ["1", "2"] },
      additionalQueryParams: {},
      requestAuth: { csrf: { tokenEndpointURL: "https://csrf" } },
    };
    const { sandbox, identity } = await paired([{ ...anApplication(1), bundles: [withAuth(auth)] }]);

    const { data } = await ask(
      sandbox,
      identity,
      applicationsQuery(sandbox, `data { bundles { data { ${SELECTION} } } }`),
    );

    expect(data.applicationsForRuntime.data[0].bundles.data[0].defaultInstanceAuth).toEqual({
      ...auth,
      credential: null,
      additionalHeadersSerialized: '{"X-A":["1","2"]}',
    });
  });

  it("are others behind bundle(id), which are not made for the runtime", async () => {
    const { sandbox, identity } = await paired([anApplication(1, { bundles: 1 })]);

    const { data } = await ask(
      sandbox,
      identity,
      `{ application(id: "${id(1)}") { bundles { data { ${SELECTION} } } bundle(id: "${id(0)}") { ${SELECTION} } } }`,
    );

    const [own, base] = [data.application.bundles.data[0], data.application.bundle].map(
      ({ defaultInstanceAuth }) => defaultInstanceAuth.credential,
    );
    expect(base.__typename).toBe(own.__typename);
    expect(base.password).not.toBe(own.password);
  });

  it("of the Application itself are hidden", async () => {
    const { sandbox, identity } = await paired([
      { ...anApplication(1), auths: [{ id: id(5), auth: { credential: null } }] },
    ]);

    const { data, errors } = await ask(
      sandbox,
      identity,
      applicationsQuery(sandbox, "data { auths { id auth { accessStrategy } } }"),
    );

    expect(errors).toEqual([]);
    expect(data.applicationsForRuntime.data[0].auths).toEqual([{ id: id(5), auth: null }]);
  });
});

describe("the runtime of the sandbox", () => {
  it("is connected by its first request to Director, not by pairing", async () => {
    const { sandbox, identity } = await paired([]);
    const query = `{ runtime(id: "${sandbox.runtimeID}") { name status { condition } labels(key: "isNormalized") } }`;
    await renew(sandbox, identity, CONFIGURATION);
    const before = JSON.parse(readFileSync(join(sandbox.directory, "registry.json"), "utf8")).condition;

    const { data } = await ask(sandbox, identity, query);

    expect(before).toBe("INITIAL");
    expect(data.runtime).toEqual({
      name: "test",
      status: { condition: "CONNECTED" },
      labels: { isNormalized: "true" },
    });
  });

  it("is null when it is unknown", async () => {
    const { sandbox, identity } = await paired([]);

    const reply = await ask(sandbox, identity, `{ runtime(id: "${id(9)}") { id } }`);

    expect(JSON.parse(reply.text)).toEqual({ data: { runtime: null } });
  });

  it("takes labels and keeps them over those of the snapshot", async () => {
    const { sandbox, identity } = await paired([]);
    const set = `mutation ($value: Any!) { setRuntimeLabel(runtimeID: "${sandbox.runtimeID}", key: "runtime_consoleUrl", value: $value) { key value } }`;

    const answer = await ask(sandbox, identity, set, { variables: { value: "https://console" } });
    const { data } = await ask(sandbox, identity, `{ runtime(id: "${sandbox.runtimeID}") { labels } }`);

    expect(answer.data.setRuntimeLabel).toEqual({ key: "runtime_consoleUrl", value: "https://console" });
    expect(data.runtime.labels).toEqual({
      isNormalized: "true",
      scenarios: ["DEFAULT"],
      runtime_consoleUrl: "https://console",
    });
  });

  it.each([
    ["scenarios", ["DEFAULT"], 10],
    ["with-dash", "x", 22],
    ["", "x", 22],
    ["runtimeType", "x", 22],
    ["a_defaultEventing", "x", 22],
    ["empty", "", 22],
    ["zero", 0, 22],
    ["no", false, 22],
    ["list", [], 22],
    ["object", {}, 22],
  ])("refuses the label %j: %j", async (key, value, expected) => {
    const { sandbox, identity } = await paired([]);

    const reply = await ask(
      sandbox,
      identity,
      `mutation ($key: String!, $value: Any!) { setRuntimeLabel(runtimeID: "${sandbox.runtimeID}", key: $key, value: $value) { key } }`,
      { variables: { key, value } },
    );

    expect(reply.data).toBeNull();
    expect(reply.errors.map(({ extensions }) => extensions?.error_code)).toEqual([expected]);
  });

  it("is marked as soon as a request speaks of bundles", async () => {
    const { sandbox, identity } = await paired([]);
    const labels = `{ runtime(id: "${sandbox.runtimeID}") { labels } }`;
    const before = await ask(sandbox, identity, labels);

    await ask(sandbox, identity, applicationsQuery(sandbox, "data { bundles { totalCount } }"));

    expect(before.data.runtime.labels.useBundles).toBeUndefined();
    expect((await ask(sandbox, identity, labels)).data.runtime.labels.useBundles).toBe("true");
  });

  it("mints itself a token in every form, and the plain one pairs", async () => {
    const { sandbox, identity } = await paired([]);

    const { data } = await ask(
      sandbox,
      identity,
      `mutation { requestOneTimeTokenForRuntime(id: "${sandbox.runtimeID}") { token connectorURL used expiresAt raw rawEncoded type } }`,
    );

    const { token, raw, rawEncoded, ...rest } = data.requestOneTimeTokenForRuntime;
    expect(rest).toEqual({
      connectorURL: sandbox.connectorURL,
      used: false,
      expiresAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      type: "Runtime",
    });
    expect(Buffer.from(rawEncoded, "base64").toString()).toBe(raw);
    expect(JSON.parse(raw)).toMatchObject({
      token,
      connectorURL: sandbox.connectorURL,
      type: "Runtime",
      scenario_groups: null,
    });
    expect((await configure(sandbox, rawEncoded)).status).toBe(400);
    expect((await configure(sandbox, token)).status).toBe(200);
  });
});

describe("the header Tenant", () => {
  const status = async (sandbox: Sandbox, identity: Identity, tenant: string) => {
    const headers = { Tenant: tenant };
    return {
      director: await ask(sandbox, identity, applicationsQuery(sandbox, "totalCount"), { headers }),
      connector: await renew(sandbox, identity, CONFIGURATION, { headers }),
    };
  };

  it.each(["absent", "own"])("may be %s", async (which) => {
    const { sandbox, identity } = await paired([]);

    const { director, connector } = await status(sandbox, identity, which === "own" ? sandbox.tenant : "");

    expect([director.errors, connector.errors]).toEqual([[], []]);
    expect([director.status, connector.status]).toEqual([200, 200]);
  });

  it("of another tenant is not found", async () => {
    const { sandbox, identity } = await paired([]);

    const { director, connector } = await status(sandbox, identity, otherTenant);

    expect(director.status).toBe(400);
    expect(director.text).toBe(
      `{"errors":[{"message":"Tenant not found [externalTenant=${otherTenant}]","extensions":{"error":"TenantNotFound","error_code":25}}],"data":null}`,
    );
    expect(connector.status).toBe(200);
    expect(connector.errors[0]?.message).toMatch(/tenant not found: cannot read TenantKey key from context$/);
  });

  it("of no tenant at all loses the identity", async () => {
    const { sandbox, identity } = await paired([]);

    const { director, connector } = await status(sandbox, identity, "nobody");

    expect([director.status, director.data]).toEqual([200, null]);
    expect(director.errors[0]?.extensions).toEqual(code(23, "InsufficientScopes"));
    expect([connector.status, connector.text]).toEqual([400, ""]);
  });
});

describe("application(id) of the sandbox", () => {
  it("gives the raw name, which applicationsForRuntime rewrites", async () => {
    const sandbox = await aSandbox();
    const identity = await pair(sandbox);
    const list = await ask(sandbox, identity, applicationsQuery(sandbox, "data { id name }"));
    const s4 = list.data.applicationsForRuntime.data.find(({ name }: { name: string }) =>
      name.startsWith("mp-sap-s-4hana"),
    );

    const { data } = await ask(sandbox, identity, `{ application(id: "${s4.id}") { name } }`);

    expect([s4.name, data.application.name]).toEqual(["mp-sap-s-4hana-cloud-0003000001", "SAP S/4HANA Cloud"]);
  });

  it("is not allowed for an unknown id", async () => {
    const { sandbox, identity } = await paired([]);

    const reply = await ask(sandbox, identity, `{ application(id: "${id(5)}") { id } }`);

    expect(reply.data).toEqual({ application: null });
    expect(reply.errors.map(({ extensions }) => extensions)).toEqual([code(27, "InvalidOperation")]);
  });
});

describe("a request that is none", () => {
  const send = async (body: string, headers: Record<string, string> = {}) => {
    const { sandbox, identity } = await paired([]);
    return call(sandbox, { url: sandbox.directorURL, identity, body, headers });
  };

  it.each(["not json", "[]", '[{"query":"{ __typename }"}]', ""])("gets 502 from the gateway: %s", async (body) => {
    const reply = await send(body);

    expect([reply.status, reply.text]).toEqual([502, ""]);
  });

  it("over the gateway's limit is 413", async () => {
    const reply = await send(JSON.stringify({ query: "{ __typename }", padding: "x".repeat(5_097_152) }));

    expect(reply.status).toBe(413);
  });

  it("without a query is 422", async () => {
    const reply = await send("{}");

    expect(reply.status).toBe(422);
    expect(reply.text).toContain("no operation provided");
  });

  it("in plain text is 400", async () => {
    const reply = await send('{"query":"{ __typename }"}', { "content-type": "text/plain" });

    expect([reply.status, reply.text]).toEqual([400, '{"errors":[{"message":"transport not supported"}],"data":null}']);
  });

  it.each(["{ nothing }", "{ runtime(id:", "query ($id: ID!) { runtime(id: $id) { id } }"])(
    "that does not fit the schema is 422: %s",
    async (query) => {
      const reply = await send(JSON.stringify({ query }));

      expect([reply.status, reply.data]).toEqual([422, null]);
      expect(reply.errors).toEqual([
        { message: expect.stringMatching(ERROR_ID), extensions: code(10, "InternalError") },
      ]);
    },
  );

  it("is told by gqlgen's code at the Connector", async () => {
    const { sandbox, identity } = await paired([]);

    const reply = await renew(sandbox, identity, "{ nothing }");

    expect(reply.status).toBe(422);
    expect(reply.errors[0]?.message).toBe('Cannot query field "nothing" on type "Query".');
    expect(reply.errors[0]?.extensions).toEqual({ code: "GRAPHQL_VALIDATION_FAILED" });
  });
});

it("answers 422 to a page with a schema that cannot be written as JSON, and to no other", async () => {
  const bad = { ...aBundle(1), instanceAuthRequestInputSchema: '"\u0007"' };
  const { sandbox, identity } = await paired([
    anApplication(1, { bundles: 1 }),
    { ...anApplication(2), bundles: [bad] },
  ]);
  const query = (page: string, field: string) =>
    applicationsQuery(sandbox, `data { id bundles { data { ${field} } } }`, page);
  const field = "instanceAuthRequestInputSchema";

  const replies = [
    await ask(sandbox, identity, query("", field)),
    await ask(sandbox, identity, query("first: 1", field)),
    await ask(sandbox, identity, query(`first: 1, after: "${cursor(1)}"`, field)),
    await ask(sandbox, identity, query(`first: 1, after: "${cursor(1)}"`, "id")),
  ];

  expect(replies.map(({ status }) => status)).toEqual([422, 200, 422, 200]);
  expect(replies[0]?.data).toBeNull();
  expect(replies[0]?.errors[0]?.extensions).toEqual(code(10, "InternalError"));
});
