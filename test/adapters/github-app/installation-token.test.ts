import { generateKeyPairSync, verify } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { apiOf, createTokenKeeper, repositoryOf } from "../../../src/adapters/github-app/index.js";
import { createHTTPClient } from "../../../src/adapters/http/index.js";
import type { Failure } from "../../../src/common/failure.js";
import { Secret } from "../../../src/common/secret.js";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
const noon = new Date("2026-11-22T12:00:00Z");

interface Asked {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

type Answer = { readonly status: number; readonly body: string; readonly headers?: Record<string, string> };

/** GitHub on loopback: gives tokens that end in an hour, unless it is told to answer otherwise. */
async function aGitHub(answer?: () => Answer) {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    asked.push({ path: request.url ?? "", headers: request.headers, body: await text(request) });
    const usual = { token: `ghs_token${asked.length}`, expires_at: "2026-11-22T13:00:00Z", permissions: {} };
    const { status, body, headers } = answer?.() ?? { status: 201, body: JSON.stringify(usual) };
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const signal = new AbortController().signal;
  const client = createHTTPClient({ stage: "base", peer: "GitHub", timeout: 5_000, maxBytes: 10_000, signal });
  onTestFinished(async () => {
    await client.close();
    server.closeAllConnections();
    server.close();
  });
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v3`;
  const options = {
    fetch: client.fetch,
    api,
    appID: "12345",
    installationID: "678",
    key: Secret.of(key),
    repository: "clusters",
    permissions: { contents: "write" as const },
    now: () => noon,
  };
  return { asked, options };
}

describe("a token of an installation", () => {
  it("is asked for one repository, with no more rights than are needed, by the app's signed word", async () => {
    const { asked, options } = await aGitHub();

    const token = await createTokenKeeper().token(options);
    await createTokenKeeper().token({ ...options, permissions: { contents: "write", pull_requests: "write" } });

    const [first, second] = asked;
    expect(token.reveal()).toBe("ghs_token1");
    expect(first?.path).toBe("/api/v3/app/installations/678/access_tokens");
    expect(JSON.parse(first?.body ?? "")).toEqual({ repositories: ["clusters"], permissions: { contents: "write" } });
    expect(JSON.parse(second?.body ?? "").permissions).toEqual({ contents: "write", pull_requests: "write" });
    const [head = "", claim = "", signature = ""] = (first?.headers.authorization ?? "")
      .replace("Bearer ", "")
      .split(".");
    const decode = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString());
    const seconds = noon.getTime() / 1_000;
    expect(decode(head)).toEqual({ alg: "RS256", typ: "JWT" });
    expect(decode(claim)).toEqual({ iat: seconds - 60, exp: seconds + 480, iss: "12345" });
    const signed = Buffer.from(`${head}.${claim}`);
    expect(verify("sha256", signed, publicKey, Buffer.from(signature, "base64url"))).toBe(true);
  });

  it("is kept until five minutes before its end, for the same rights and key alone", async () => {
    const { asked, options } = await aGitHub();
    const keeper = createTokenKeeper();
    const at = (minutes: number) => ({ ...options, now: () => new Date(noon.getTime() + minutes * 60_000) });

    const tokens = [
      await keeper.token(at(0)),
      await keeper.token(at(54)),
      await keeper.token(at(55)),
      await keeper.token({ ...at(0), repository: "other" }),
    ].map((token) => token.reveal());

    expect(tokens).toEqual(["ghs_token1", "ghs_token1", "ghs_token2", "ghs_token3"]);
    expect(asked).toHaveLength(3);
  });

  it.each([
    [401, {}, "{}", "RepositoryAuthentication", false],
    [404, {}, "{}", "RepositoryAuthentication", false],
    [422, {}, "{}", "RepositoryRefused", false],
    [403, { "x-ratelimit-remaining": "0" }, "{}", "RateLimited", true],
    [403, {}, "{}", "RepositoryAuthentication", false],
    [429, {}, "{}", "RateLimited", true],
    [502, {}, "<html>", "ServerError", true],
    [201, {}, '{"token":"ghs_secret"}', "AnswerMalformed", false],
    [201, {}, "ghs_secret", "AnswerMalformed", false],
  ])(
    "is not had with HTTP %s %o, which is told without the answer's words",
    async (status, headers, body, code, retryable) => {
      const { options } = await aGitHub(() => ({ status, headers: headers as Record<string, string>, body }));

      const failure = await createTokenKeeper()
        .token(options)
        .then(
          () => null,
          (thrown: Failure) => thrown,
        );

      expect(failure).toMatchObject({ code, retryable, stage: "base" });
      expect(`${failure?.message} ${failure?.hint}`).not.toMatch(/ghs_|<html>/);
    },
  );

  it("is not asked for with a key that is none, which is not repeated", async () => {
    const { asked, options } = await aGitHub();

    const asking = createTokenKeeper().token({ ...options, key: Secret.of("not a key") });

    await expect(asking).rejects.toMatchObject({ code: "RepositoryAuthentication" });
    await expect(asking).rejects.not.toThrow(/not a key/);
    expect(asked).toEqual([]);
  });

  it("is asked for where the repository's host has its API", () => {
    expect(apiOf("https://github.com/platform/clusters.git")).toBe("https://api.github.com");
    expect(apiOf("https://git.example.com:8443/platform/clusters")).toBe("https://git.example.com:8443/api/v3");
    expect(repositoryOf("https://github.com/platform/clusters.git")).toBe("clusters");
    expect(repositoryOf("https://github.com/platform/clusters/")).toBe("clusters");
  });
});
