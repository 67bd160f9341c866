import { describe, expect, it } from "vitest";
import { z } from "zod";
import { createDirector } from "../../src/fetch/index.js";
import { aClient, aServer } from "../adapters/http/setup.js";
import { aClock } from "../common/clock.js";
import { failureOf, told } from "../common/failure-of.js";

const JSON_TYPE = { "content-type": "application/json" };

/** Director as this server plays it, asked for one thing; null is no answer at all. */
async function asking(status: number, body: string | (() => string | null), operation = "Applications") {
  const server = await aServer((response) => {
    const text = typeof body === "string" ? body : body();
    if (text === null) response.socket?.destroy();
    else response.writeHead(status, JSON_TYPE).end(text);
  });
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
  return { server, director, ask: () => director.ask(operation, "query { thing { id } }", {}, schema) };
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
      "DirectorUnprocessable",
      false,
    ],
    ["HTTP 422 without words", 422, "", "Applications", "DirectorUnprocessable", false],
    ["an operation that took too long", 200, errors("hidden", 28), "Bundles", "DirectorTimedOut", true],
    ["the same from the gateway", 503, '{"Message":"operation has timed out"}', "Bundles", "DirectorTimedOut", true],
    [
      "a page size that is too small",
      200,
      errors("Invalid data [reason=page size cannot be smaller than 1]", 22),
      "Applications",
      "PageSizeRefused",
      false,
    ],
    [
      "a page size that is too large for a list within",
      200,
      errors("Invalid data [reason=page size must be between 1 and 200]", 22),
      "Bundles",
      "PageSizeRefused",
      false,
    ],
    ["a runtime without a name", 200, errors("hidden", 22), "ApplicationNames", "RuntimeUnknown", false],
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
    ["the beginning of an answer", 200, '{"data":{"hidden', "Applications", "AnswerCut", true],
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

  it.each([
    ["no identity", 200, errors("insufficient scopes provided [actual=; required=application:read]", 23)],
    ["an empty refusal", 400, ""],
  ])("is asked for three times when it may be an outage: %s", async (_, status, body) => {
    const { ask, server } = await asking(status, body);

    const failure = await failureOf(ask());

    expect(failure).toMatchObject({ code: "CredentialsRejected", stage: "fetch", retryable: false });
    expect(server.requests).toHaveLength(3);
  });

  it("is taken when the outage that looked like a refusal is over", async () => {
    const sound = '{"data":{"thing":{"id":"1","secret":"s"}}}';
    const refused = errors("insufficient scopes provided [actual=; required=application:read]", 23);
    const bodies = [refused, refused, sound];
    const { ask } = await asking(200, () => bodies.shift() ?? "");

    expect(await ask()).toEqual({ thing: { id: "1", secret: "s" } });
  });

  it("is asked for as often as any after a refusal that may be an outage became another fault", async () => {
    const refused = errors("insufficient scopes provided [actual=; required=application:read]", 23);
    const bodies = [refused, refused];
    const { ask, server } = await asking(200, () => bodies.shift() ?? null);

    expect(await failureOf(ask())).toMatchObject({ code: "NetworkUnreachable" });
    expect(server.requests).toHaveLength(4);
  });

  it("is not asked for again beyond the deadline", async () => {
    const { director, server } = await asking(502, "");
    const past = new Date("2026-03-01T11:59:59Z");

    await failureOf(director.until(past).ask("Applications", "query { thing { id } }", {}, z.unknown()));

    expect(server.requests).toHaveLength(1);
  });
});
