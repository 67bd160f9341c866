import { describe, expect, it } from "vitest";
import { z } from "zod";
import { createDirector } from "../../src/fetch/index.js";
import { aClient, aServer } from "../adapters/http/setup.js";
import { aClock } from "../common/clock.js";
import { failureOf, told } from "../common/failure-of.js";

const JSON_TYPE = { "content-type": "application/json" };

/** Director as this server plays it, asked for one thing. */
async function asking(status: number, body: string, operation = "Applications") {
  const server = await aServer((response) => response.writeHead(status, JSON_TYPE).end(body));
  const { fetch } = await aClient();
  const { signal } = new AbortController();
  const director = createDirector({
    url: server.url(),
    fetch,
    runtimeID: "r-1",
    tenant: null,
    clock: aClock(),
    signal,
  });
  const schema = z.object({ thing: z.object({ id: z.string(), secret: z.string() }) });
  return { server, ask: () => director.ask(operation, "query { thing { id } }", {}, schema) };
}

const errors = (message: string, code?: number) =>
  JSON.stringify({
    errors: [{ message, ...(code === undefined ? {} : { extensions: { error_code: code } }) }],
    data: null,
  });

describe("Director's answer", () => {
  it("is given when it has the agreed shape", async () => {
    const { ask } = await asking(200, '{"data":{"thing":{"id":"1","secret":"s","more":1}}}');

    expect(await ask()).toEqual({ thing: { id: "1", secret: "s" } });
  });

  it.each([
    ['{"data":{"thing":{"id":"1","secret":5}}}', "thing.secret"],
    ['{"data":{"thing":null}}', "thing"],
    ['{"data":{"hidden-name":"hidden"}}', "thing"],
  ])("is refused by its place when it has another: %s", async (body, place) => {
    const { ask, server } = await asking(200, body);

    const failure = await failureOf(ask());

    expect(failure).toMatchObject({ code: "AnswerMalformed", stage: "fetch", retryable: false });
    expect(failure.message).toBe(`Director's answer to Applications has not the agreed shape, at ${place}`);
    expect(told(failure)).not.toContain("hidden");
    expect(server.requests).toHaveLength(1);
  });

  it.each<[string, number, string, string, string, boolean]>([
    [
      "no identity",
      200,
      errors("insufficient scopes provided [actual=; required=application:read]", 23),
      "Applications",
      "CredentialsRejected",
      false,
    ],
    [
      "an identity without the right",
      200,
      errors("insufficient scopes provided [actual=runtime:read; required=application:read]", 23),
      "Applications",
      "DirectorRefused",
      false,
    ],
    [
      "a runtime that is not there",
      200,
      errors("Invalid data [reason=hidden]", 22),
      "Applications",
      "RuntimeUnknown",
      false,
    ],
    [
      "data that is not valid, of something within",
      200,
      errors("Invalid data [reason=hidden]", 22),
      "Bundles",
      "DirectorRefused",
      false,
    ],
    [
      "something that is gone",
      200,
      errors("The operation is not allowed [reason=hidden]", 27),
      "Bundles",
      "FetchIncomplete",
      true,
    ],
    [
      "an operation that is not allowed",
      200,
      errors("The operation is not allowed [reason=hidden]", 27),
      "Applications",
      "DirectorRefused",
      false,
    ],
    [
      "another tenant",
      400,
      errors("Tenant not found [externalTenant=hidden]", 25),
      "Applications",
      "CredentialsRejected",
      false,
    ],
    ["no tenant", 200, errors("Tenant is required", 24), "Applications", "CredentialsRejected", false],
    [
      "an inner error",
      200,
      errors("Internal Server Error [errorID=hidden]", 10),
      "Applications",
      "DirectorRefused",
      true,
    ],
    [
      "a value that cannot be written",
      422,
      errors("Internal Server Error [errorID=hidden]", 10),
      "Applications",
      "DirectorRefused",
      false,
    ],
    [
      "an inner error as an outage",
      500,
      errors("Internal Server Error [errorID=hidden]", 10),
      "Applications",
      "ServerError",
      true,
    ],
    ["an error of the gateway", 502, errors("hidden"), "Applications", "ServerError", true],
    ["too many requests, as GraphQL", 429, errors("hidden"), "Applications", "RateLimited", true],
    ["an error without code", 200, errors("hidden"), "Applications", "DirectorRefused", false],
    ["no access", 401, "", "Applications", "CredentialsRejected", false],
    ["no way in", 403, "hidden", "Applications", "CredentialsRejected", false],
    ["no such page", 404, "hidden", "Applications", "DirectorRefused", false],
    ["a request that is too large", 413, "Payload Too Large", "Applications", "DirectorRefused", false],
    ["a page", 200, "<html>hidden</html>", "Applications", "AnswerMalformed", true],
    ["nothing", 200, "", "Applications", "AnswerMalformed", true],
    ["data without anything", 200, '{"data":null}', "Applications", "AnswerMalformed", true],
    ["an outage", 502, "", "Applications", "ServerError", true],
    ["an outage with words", 504, "hidden", "Applications", "ServerError", true],
  ])("is told by its kind, without its words: %s", async (_, status, body, operation, code, retryable) => {
    const { ask, server } = await asking(status, body, operation);

    const failure = await failureOf(ask());

    expect(failure).toMatchObject({ name: "Failure", code, stage: "fetch", retryable });
    expect(failure.hint).not.toBe("");
    expect(told(failure)).not.toMatch(/hidden|errorID/);
    // Who asked for a list begins anew by itself when it is not complete.
    expect(server.requests).toHaveLength(retryable && code !== "FetchIncomplete" ? 4 : 1);
  });
});
