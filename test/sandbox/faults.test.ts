import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Fault, Sandbox } from "../../src/sandbox/index.js";
import { anApplication, aSnapshot, id, write } from "./a-snapshot.js";
import {
  aDirectory,
  anAgent,
  applicationsQuery,
  aSandbox,
  ask,
  configure,
  control,
  decode,
  type Identity,
  pair,
  type Reply,
  requests,
  setFaults,
  sign,
  subjectIn,
  tokenIn,
} from "./compass-client.js";
import { attributesOf, base64, requestPEM, rsaKey } from "./signing-request.js";

const PAGE = "data { id bundles { data { id } } } pageInfo { endCursor hasNextPage } totalCount";

async function paired(
  count = 5,
): Promise<{ sandbox: Sandbox; identity: Identity; fetch: (page?: string) => Promise<Reply> }> {
  const applications = Array.from({ length: count }, (_, index) => anApplication(index + 1, { bundles: 1 }));
  const snapshot = write(join(aDirectory(), "given.json"), aSnapshot(applications));
  const sandbox = await aSandbox({ snapshot });
  const identity = await pair(sandbox);
  return { sandbox, identity, fetch: (page = "") => ask(sandbox, identity, applicationsQuery(sandbox, PAGE, page)) };
}

const numbers = (reply: Reply) =>
  reply.data.applicationsForRuntime.data.map((one: { id: string }) => Number(one.id.slice(-3)));

describe("a fault that begins later", () => {
  it("lets so many pass that it would strike, and then strikes as often as it is to", async () => {
    const { sandbox, fetch } = await paired();
    await setFaults(sandbox, { name: "http-500", match: "applicationsForRuntime", after: 2, times: 1 });

    const statuses = [await fetch(), await fetch(), await fetch(), await fetch()].map(({ status }) => status);

    expect(statuses).toEqual([200, 200, 500, 200]);
  });
});

describe("a fault at the edge", () => {
  it.each([
    ["http-500", 500, "Internal Server Error", {}],
    ["http-401", 401, "Unauthorized", {}],
    ["http-403", 403, "RBAC: access denied", {}],
    ["http-503", 503, '{"Message":"operation has timed out"}', {}],
    ["rate-limited", 429, "local_rate_limited", { "x-local-rate-limit": "gateway", "retry-after": null }],
    ["not-json", 200, expect.stringContaining("<html>"), {}],
    ["redirect", 302, "", { location: "/redirected" }],
    ["bad-request-empty", 400, "", { "content-type": "application/json;charset=UTF-8" }],
  ] as const)("%s answers %i", async (name, status, body, headers) => {
    const { sandbox, fetch } = await paired();
    await setFaults(sandbox, { name, times: 1 });

    const [struck, next] = [await fetch(), await fetch()];

    expect([struck.status, struck.text]).toEqual([status, body]);
    for (const [header, value] of Object.entries(headers)) expect(struck.headers.get(header)).toBe(value);
    expect([next.status, next.errors]).toEqual([200, []]);
  });

  it.each(["http-500", "http-503", "rate-limited", "bad-request-empty"] as const)(
    "%s does not spend a token",
    async (name) => {
      const sandbox = await aSandbox({ faults: [{ name, times: 1 }] });

      const [struck, next] = [await configure(sandbox, sandbox.token), await configure(sandbox, sandbox.token)];

      expect([struck.status >= 400, next.status]).toEqual([true, 200]);
    },
  );

  it("reset cuts the connection without an answer", async () => {
    const { sandbox, fetch } = await paired();
    await setFaults(sandbox, { name: "reset", times: 1 });

    await expect(fetch()).rejects.toThrow("fetch failed");

    expect((await fetch()).status).toBe(200);
    expect((await requests(sandbox)).at(-2)).toMatchObject({ operation: "applicationsForRuntime", status: null });
  });

  it("cut-body ends in the middle of the answer", async () => {
    const { sandbox, fetch } = await paired();
    await setFaults(sandbox, { name: "cut-body", times: 1 });

    await expect(fetch()).rejects.toThrow("terminated");

    expect((await fetch()).status).toBe(200);
    expect((await requests(sandbox)).at(-2)).toMatchObject({ status: 200, note: "cut" });
  });

  it("truncated-json is a whole answer that ends too early", async () => {
    const { sandbox, fetch } = await paired();
    await setFaults(sandbox, { name: "truncated-json", times: 1 });

    const [struck, next] = [await fetch(), await fetch()];

    expect(struck.status).toBe(200);
    expect(next.text.startsWith(struck.text)).toBe(true);
    expect(() => JSON.parse(struck.text)).toThrow("JSON");
    expect(next.errors).toEqual([]);
  });

  it.each([300, "PT0.3S"])("slow waits for its delay: %s", async (delay) => {
    const { sandbox, fetch } = await paired();
    await fetch();
    await setFaults(sandbox, { name: "slow", times: 1, delay });

    const start = performance.now();
    const reply = await fetch();
    const waited = performance.now() - start;

    expect(reply.status).toBe(200);
    expect(waited).toBeGreaterThan(290);
  });

  it("slow does not keep the sandbox from closing", async () => {
    const sandbox = await aSandbox({ faults: [{ name: "slow", delay: "PT1H" }] });
    const reply = configure(sandbox, sandbox.token).catch(() => "cut");
    while ((await control(sandbox, "/healthz")).status !== 200);

    await sandbox.close();

    expect(await reply).toBe("cut");
  });

  it("tls-untrusted shows a certificate that the CA does not vouch for", async () => {
    const { sandbox, fetch } = await paired();
    await setFaults(sandbox, { name: "tls-untrusted", times: 1 });

    const cause = await fetch().catch((thrown: Error) => thrown.cause);

    expect(cause).toMatchObject({ code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
    expect((await fetch()).status).toBe(200);
  });
});

it("tls-untrusted strikes a client that keeps its connection, too", async () => {
  const { sandbox, identity } = await paired();
  const agent = anAgent(sandbox, identity);
  const fetch = () => ask(sandbox, identity, applicationsQuery(sandbox, PAGE), { agent });
  await fetch();

  await setFaults(sandbox, { name: "tls-untrusted" });

  await expect(fetch()).rejects.toThrow("fetch failed");
  await agent.destroy();
});

describe("a fault of Director", () => {
  it.each([
    [{ name: "insufficient-scopes" }, 23, "insufficient scopes provided [actual=; required=application:read]"],
    [{ name: "missing-scope" }, 23, expect.stringMatching(/\[actual=runtime:write; required=application:read\]$/)],
    [{ name: "graphql-error" }, 10, expect.stringMatching(/^Internal Server Error \[errorID=/)],
    [{ name: "graphql-error", code: 28 }, 28, "operation has timed out"],
    [{ name: "graphql-error", code: 25 }, 25, "Tenant not found"],
  ] as [Fault, number, string][])("%j is an error within 200", async (fault, code, message) => {
    const { sandbox, fetch } = await paired();
    await setFaults(sandbox, { ...fault, times: 1 });

    const [struck, next] = [await fetch(), await fetch()];

    expect([struck.status, struck.data]).toEqual([200, null]);
    expect(struck.errors).toMatchObject([
      { message, path: ["applicationsForRuntime"], extensions: { error_code: code } },
    ]);
    expect(next.errors).toEqual([]);
  });

  it("partial-error leaves the rest of the data", async () => {
    const { sandbox, fetch } = await paired(2);
    await setFaults(sandbox, { name: "partial-error", times: 1 });

    const [struck, next] = [await fetch(), await fetch()];

    const [first, second] = struck.data.applicationsForRuntime.data;
    expect(first).toEqual({ id: id(1), bundles: null });
    expect(second.bundles.data).toHaveLength(1);
    expect(struck.errors).toMatchObject([{ path: ["applicationsForRuntime", "data", 0, "bundles"] }]);
    expect(next.errors).toEqual([]);
  });

  it("token-spent is refused for what no token is sent with, and unprocessable strikes the Connector where it names it", async () => {
    const sandbox = await aSandbox();

    const refused = await control(sandbox, "/faults", [{ name: "token-spent", match: "revokeCertificate" }]);
    await setFaults(sandbox, { name: "unprocessable", match: "configuration" });
    const answer = await configure(sandbox, sandbox.token);

    expect(refused.status).toBe(400);
    expect(refused.body.error).toContain("one-time token");
    expect([answer.status, answer.data]).toEqual([422, null]);
  });

  it("unprocessable strikes every answer when it names no Application", async () => {
    const { sandbox, fetch } = await paired();
    await setFaults(sandbox, { name: "unprocessable", times: 1 });

    const [struck, next] = [await fetch(), await fetch()];

    expect([struck.status, struck.data, struck.errors[0]?.extensions?.error_code]).toEqual([422, null, 10]);
    expect(next.status).toBe(200);
  });

  it("unprocessable strikes only the page and the field of the Application that it names", async () => {
    const { sandbox, identity } = await paired(3);
    await setFaults(sandbox, { name: "unprocessable", application: id(2) });
    const fetch = (field: string, page: string) =>
      ask(sandbox, identity, applicationsQuery(sandbox, `data { id bundles { data { ${field} } } }`, page));
    const field = "instanceAuthRequestInputSchema";

    const replies = [await fetch(field, "first: 3"), await fetch(field, "first: 1"), await fetch("name", "first: 3")];

    expect(replies.map(({ status }) => status)).toEqual([422, 200, 200]);
  });

  it.each([id(2), "mp-2"])(
    "unprocessable strikes each question for a schema of that Application: %s",
    async (application) => {
      const { sandbox, identity } = await paired(3);
      await setFaults(sandbox, { name: "unprocessable", application });
      const schema = "instanceAuthRequestInputSchema";
      const fetch = (number: number, selection: string) =>
        ask(sandbox, identity, `{ application(id: "${id(number)}") { ${selection} } }`);

      const replies = [
        await fetch(2, `bundles { data { ${schema} } }`),
        await fetch(2, `bundle(id: "${id(0)}") { ${schema} }`),
        await fetch(2, "name bundles { data { name } }"),
        await fetch(1, `bundles { data { id ${schema} } }`),
        await ask(
          sandbox,
          identity,
          applicationsQuery(sandbox, `data { id bundles { data { id ${schema} } } }`, "first: 1"),
        ),
      ];

      expect(replies.map(({ status }) => status)).toEqual([422, 422, 200, 200, 200]);
    },
  );

  it("page-size refuses pages that are larger than it allows, and no others", async () => {
    const { sandbox, fetch } = await paired();
    await setFaults(sandbox, { name: "page-size", limit: 3 });

    const [large, small] = [await fetch("first: 4"), await fetch("first: 3")];

    expect(large).toMatchObject({ status: 200, data: null });
    expect(large.errors).toMatchObject([
      { message: "Invalid data [reason=page size must be between 1 and 3]", extensions: { error_code: 22 } },
    ]);
    expect(small.errors).toEqual([]);
  });

  it("page-size of a nested list is one error for each parent", async () => {
    const { sandbox, fetch } = await paired(2);
    await setFaults(sandbox, { name: "page-size", match: "bundles" });

    const { status, data, errors } = await fetch();

    expect(status).toBe(200);
    expect(data.applicationsForRuntime.data).toEqual([1, 2].map((number) => ({ id: id(number), bundles: null })));
    expect(errors.map(({ path, extensions }) => [path?.[2], extensions?.error_code])).toEqual([
      [0, 22],
      [1, 22],
    ]);
  });

  it("no-runtime makes the runtime unknown", async () => {
    const { sandbox, identity, fetch } = await paired();
    await setFaults(sandbox, { name: "no-runtime", times: 2 });

    const runtime = await ask(sandbox, identity, `{ runtime(id: "${sandbox.runtimeID}") { id } }`);
    const [list, next] = [await fetch(), await fetch()];

    expect(JSON.parse(runtime.text)).toEqual({ data: { runtime: null } });
    expect(list.errors[0]?.message).toBe("Invalid data [reason=runtime does not exist]");
    expect(next.errors).toEqual([]);
  });

  it("empty-page looks like a runtime without a formation", async () => {
    const { sandbox, fetch } = await paired();
    await setFaults(sandbox, { name: "empty-page", times: 1 });

    const reply = await fetch();

    expect(reply.data.applicationsForRuntime).toEqual({
      data: [],
      pageInfo: { endCursor: "", hasNextPage: false },
      totalCount: 0,
    });
  });

  it.each([
    ["drop-item", [1, 2, 3, 4], 5],
    ["repeat-item", [1, 2, 3, 4, 1], 5],
    ["wrong-total", [1, 2, 3, 4, 5], 6],
  ] as const)("%s spoils the page", async (name, expected, total) => {
    const { sandbox, fetch } = await paired();
    await setFaults(sandbox, { name, times: 1 });

    const [struck, next] = [await fetch(), await fetch()];

    expect([numbers(struck), struck.data.applicationsForRuntime.totalCount]).toEqual([expected, total]);
    expect([numbers(next), next.data.applicationsForRuntime.totalCount]).toEqual([[1, 2, 3, 4, 5], 5]);
  });

  it("cursor-loop leads back to the same page", async () => {
    const { sandbox, fetch } = await paired();
    await setFaults(sandbox, { name: "cursor-loop" });

    const first = await fetch("first: 2");
    const { endCursor, hasNextPage } = first.data.applicationsForRuntime.pageInfo;
    const second = await fetch(`first: 2, after: "${endCursor}"`);

    expect(hasNextPage).toBe(true);
    expect([numbers(first), numbers(second)]).toEqual([
      [1, 2],
      [1, 2],
    ]);
    expect(second.data.applicationsForRuntime.pageInfo.endCursor).toBe(endCursor);
  });

  it.each([
    ["insert-between-pages", [2, 3], 6],
    ["delete-between-pages", [4, 5], 4],
  ] as const)("%s shifts the pages after the first", async (name, expected, total) => {
    const { sandbox, fetch } = await paired();
    await setFaults(sandbox, { name, times: 1 });

    const first = await fetch("first: 2");
    const second = await fetch(`first: 2, after: "${first.data.applicationsForRuntime.pageInfo.endCursor}"`);

    expect([numbers(first), first.data.applicationsForRuntime.totalCount]).toEqual([[1, 2], 5]);
    expect([numbers(second), second.data.applicationsForRuntime.totalCount]).toEqual([expected, total]);
  });

  it("strikes a nested list only when it is named", async () => {
    const { sandbox, fetch } = await paired(1);
    await setFaults(sandbox, { name: "drop-item", match: "bundles", times: 1 });

    const reply = await fetch();

    expect(numbers(reply)).toEqual([1]);
    expect(reply.data.applicationsForRuntime.data[0].bundles.data).toEqual([]);
  });
});

describe("a fault of the Connector", () => {
  async function signing(fault: Fault) {
    const sandbox = await aSandbox({ faults: [{ match: "signCertificateSigningRequest", times: 1, ...fault }] });
    const configuration = await configure(sandbox, sandbox.token);
    const keys = rsaKey();
    const csr = base64(requestPEM({ subject: attributesOf(subjectIn(configuration)), keys }));
    const again = () => sign(sandbox, tokenIn(configuration), csr);
    return { reply: await again(), again, keys };
  }

  const certificateIn = (reply: Reply) =>
    new X509Certificate(decode(reply.data.signCertificateSigningRequest.clientCertificate));

  it("none leaves a certificate that is for the key and valid now", async () => {
    const { reply, keys } = await signing({ name: "wrong-certificate", match: "configuration" });

    const certificate = certificateIn(reply);
    expect(certificate.checkPrivateKey(keys.privateKey)).toBe(true);
    expect(certificate.validFromDate.getTime()).toBeLessThanOrEqual(Date.now());
  });

  it("wrong-certificate signs another key", async () => {
    const { reply, keys } = await signing({ name: "wrong-certificate" });

    expect(certificateIn(reply).publicKey.equals(keys.publicKey)).toBe(false);
  });

  it("future-certificate is not valid yet", async () => {
    const { reply } = await signing({ name: "future-certificate" });

    expect(certificateIn(reply).validFromDate.getTime()).toBeGreaterThan(Date.now() + 59 * 60 * 1000);
  });

  it.each([
    ["token-spent", 400],
    ["sign-fails-after-token", 502],
  ] as const)("%s leaves the token spent", async (name, status) => {
    const { reply, again } = await signing({ name });

    expect([reply.status, reply.text]).toEqual([status, ""]);
    expect((await again()).status).toBe(400);
  });

  it("graphql-error leaves the token spent", async () => {
    const { reply, again } = await signing({ name: "graphql-error" });

    expect(reply.errors).toEqual([{ message: "Internal Server Error", path: ["signCertificateSigningRequest"] }]);
    expect((await again()).status).toBe(400);
  });
});

describe("the list of faults", () => {
  it("is refused at the start when it is none", async () => {
    const started = aSandbox({ faults: [{ name: "http-501" as "http-500" }] });

    await expect(started).rejects.toMatchObject({ code: "Usage", hint: expect.stringContaining("http-503") });
  });

  it("strikes only the operation that a fault matches, and as often as it says", async () => {
    const { sandbox, identity, fetch } = await paired();
    await setFaults(sandbox, { name: "http-500", match: "applicationsForRuntime", times: 2 });
    const runtime = () => ask(sandbox, identity, `{ runtime(id: "${sandbox.runtimeID}") { id } }`);

    const replies = [await runtime(), await fetch(), await runtime(), await fetch(), await fetch()];

    expect(replies.map(({ status }) => status)).toEqual([200, 500, 200, 500, 200]);
  });

  it("strikes for ever without a number, until it is replaced", async () => {
    const { sandbox, fetch } = await paired();
    await setFaults(sandbox, { name: "http-500" });
    const struck = [await fetch(), await fetch(), await fetch()];

    await setFaults(sandbox);

    expect(struck.map(({ status }) => status)).toEqual([500, 500, 500]);
    expect((await fetch()).status).toBe(200);
  });

  it.each([
    [[{ name: "http-501" }], /http-500/],
    [[{ name: "slow", delay: "soon" }], /duration/],
    [[{ name: "slow", time: 1 }], /time/],
    [[{ name: "slow", times: 0 }], /times/],
    [{ name: "slow" }, /array/],
  ])("refuses %j and says why", async (list, message) => {
    const sandbox = await aSandbox();

    const { status, body } = await control(sandbox, "/faults", list);

    expect(status).toBe(400);
    expect(body.error).toMatch(message);
  });
});
