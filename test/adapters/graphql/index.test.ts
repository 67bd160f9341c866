import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { callGraphQL } from "../../../src/adapters/graphql/index.js";
import { failureOf } from "../../common/failure-of.js";
import { aClient, aServer } from "../http/setup.js";

const JSON_TYPE = { "content-type": "application/json" };

/** A server that answers this, and the call that gets it. */
async function calling(status: number, headers: Record<string, string>, body: string) {
  const server = await aServer((response) => response.writeHead(status, headers).end(body));
  const { fetch } = await aClient();
  const document = "query Things($first: Int!) { things(first: $first) { id } }";
  const call = () =>
    callGraphQL({ url: server.url("/graphql"), fetch, document, variables: { first: 7 }, headers: { Tenant: "t1" } });
  return { server, call };
}

describe("a call", () => {
  it("sends document, variables, operation name and headers as one JSON object", async () => {
    const { server, call } = await calling(200, JSON_TYPE, '{"data":{}}');

    await call();

    const [request] = server.requests;
    expect(request).toMatchObject({ method: "POST", url: "/graphql", headers: { tenant: "t1" } });
    expect(request?.headers["content-type"]).toMatch(/^application\/json/);
    expect(JSON.parse(request?.body ?? "")).toEqual({
      query: "query Things($first: Int!) { things(first: $first) { id } }",
      operationName: "Things",
      variables: { first: 7 },
    });
  });
});

const error = (message: string, code?: number) => ({
  message,
  ...(code === undefined ? {} : { extensions: { error: "Name", error_code: code } }),
});

describe("an answer is told as", () => {
  it("data, when there are no errors", async () => {
    const { call } = await calling(200, JSON_TYPE, '{"data":{"things":[{"id":"1"}]}}');

    expect(await call()).toEqual({ kind: "data", data: { things: [{ id: "1" }] } });
  });

  it.each([
    ["alone", { data: null }, false],
    ["with data beside it", { data: { things: [{ id: "1" }] } }, true],
    ["with half of the data beside it", { data: { things: null, others: [] } }, true],
    ["with data that holds nothing", { data: { things: null } }, false],
    ["without data", {}, false],
  ])("errors, when there is one: %s", async (_, rest, partial) => {
    const body = JSON.stringify({ errors: [error("insufficient scopes", 23), error("more")], ...rest });
    const { call } = await calling(200, JSON_TYPE, body);

    expect(await call()).toEqual({
      kind: "errors",
      status: 200,
      partial,
      errors: [
        { message: "insufficient scopes", code: 23 },
        { message: "more", code: null },
      ],
    });
  });

  it.each([400, 401, 422, 500])("errors with its status, also with HTTP %s", async (status) => {
    const body = JSON.stringify({ errors: [error("Tenant not found", 25)], data: null });
    const { call } = await calling(status, JSON_TYPE, body);

    expect(await call()).toMatchObject({ kind: "errors", status, errors: [{ code: 25 }] });
  });

  it.each([
    ["a text", "text/plain; charset=utf-8"],
    ["nothing", ""],
  ])("what the body says, when its type is %s", async (_, type) => {
    const headers: Record<string, string> = type === "" ? {} : { "content-type": type };
    const refused = await calling(
      400,
      headers,
      JSON.stringify({ errors: [error("Tenant not found", 25)], data: null }),
    );
    const answered = await calling(200, headers, '{"data":{"things":[]}}');

    expect(await refused.call()).toMatchObject({ kind: "errors", status: 400, errors: [{ code: 25 }] });
    expect(await answered.call()).toEqual({ kind: "data", data: { things: [] } });
  });

  it.each([
    ["of strange form", '{"errors":["text",null,{"message":5,"extensions":null}],"data":null}'],
    ["whose code is no number", '{"errors":[{"message":"","extensions":{"error_code":"23"}}],"data":null}'],
  ])("errors without code, when they are %s", async (_, body) => {
    const { call } = await calling(200, JSON_TYPE, body);

    const answer = await call();

    expect(answer).toMatchObject({ kind: "errors", status: 200 });
    expect(
      answer.kind === "errors" && answer.errors.every(({ message, code }) => message === "" && code === null),
    ).toBe(true);
  });

  it.each([
    ["an empty 400", 400, { "content-type": "application/json;charset=UTF-8" }, "", { empty: true }],
    ["an empty 502", 502, {}, "", { empty: true }],
    ["an operation that timed out", 503, JSON_TYPE, '{"Message":"operation has timed out"}', { timedOut: true }],
    ["JSON without data and errors", 503, JSON_TYPE, '{"Message":"maintenance"}', {}],
    ["text of the rate limit", 429, { "content-type": "text/plain" }, "local_rate_limited", {}],
    ["a page", 404, { "content-type": "text/html" }, "<html>", {}],
    ["data in spite of its status", 500, JSON_TYPE, '{"data":{"things":[]}}', {}],
    ["null", 500, JSON_TYPE, "null", {}],
  ] as const)("a status, for %s", async (_, status, headers, body, said) => {
    const { call } = await calling(status, headers, body);

    expect(await call()).toEqual({ kind: "status", status, empty: false, timedOut: false, ...said });
  });

  it.each([
    ["a page", { "content-type": "text/html" }, "<html><body>Sign in</body></html>"],
    ["a page that says it is JSON", JSON_TYPE, "<html>"],
    ["nothing", JSON_TYPE, ""],
    ["data: null", JSON_TYPE, '{"data":null}'],
    ["data that is a text", JSON_TYPE, '{"data":"things"}'],
    ["neither data nor errors", JSON_TYPE, '{"Message":"operation has timed out"}'],
    ["an empty object", JSON_TYPE, "{}"],
    ["null", JSON_TYPE, "null"],
    ["a text", JSON_TYPE, '"text"'],
    ["a number", JSON_TYPE, "1"],
    ["a list", JSON_TYPE, '[{"data":{"things":[]}}]'],
    ["an empty list", JSON_TYPE, "[]"],
    ["errors that are no list, with data", JSON_TYPE, '{"errors":{"message":"x"},"data":{"things":[]}}'],
    ["errors that are a text, with data", JSON_TYPE, '{"errors":"x","data":{"things":[]}}'],
  ] as const)("malformed, for %s", async (_, headers, body) => {
    const { call } = await calling(200, headers, body);

    expect(await call()).toEqual({ kind: "malformed", status: 200, cut: false });
  });

  it.each(['{"data":{"things":[{"id":', '{"data":{"things":[{"id":"1"}', ' {"data":{"things":[]}', "{"])(
    "cut, for a body that begins as an answer and ends too early: %s",
    async (body) => {
      const { call } = await calling(200, JSON_TYPE, body);

      expect(await call()).toEqual({ kind: "malformed", status: 200, cut: true });
    },
  );
});

describe("a call without an answer", () => {
  it("rejects with the transport's own failure", async () => {
    const { call } = await calling(302, { location: "/" }, "");

    expect(await failureOf(call())).toMatchObject({ name: "Failure", code: "Redirected" });
  });

  it("holds neither variables nor body nor headers, however deep one looks", async () => {
    const { fetch } = await aClient({ maxBytes: 10 });
    const server = await aServer((response) => response.writeHead(200, JSON_TYPE).end('{"data":"hidden-answer"}'));
    const variables = { csr: "hidden-variable" };
    const headers = { "Connector-Token": "hidden-token" };
    const document = "mutation ($csr: String!) { sign(csr: $csr) }";

    const failure = await failureOf(callGraphQL({ url: server.url(), fetch, document, variables, headers }));

    expect(failure.code).toBe("AnswerTooLarge");
    expect(inspect(failure, { depth: 20, showHidden: true })).not.toContain("hidden");
  });
});
