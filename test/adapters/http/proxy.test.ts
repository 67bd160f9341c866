import { afterEach, describe, expect, it, vi } from "vitest";
import { failureOf, told } from "../../common/failure-of.js";
import { aClient, aDeadPort, anIdentity, aProxy, aServer } from "./setup.js";

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("through a proxy", () => {
  it("goes the whole call, with the client certificate inside, and the proxy sees only where to", async () => {
    const server = await aServer(undefined, { hosts: ["director.example.com"] });
    const proxy = await aProxy();
    const client = await aClient({ proxy: { https: proxy.url, no: [] }, identity: await anIdentity("the-agent") });

    // Only the proxy resolves this name.
    const answer = await client.fetch(server.url("/the-path"), {
      method: "POST",
      headers: { "Connector-Token": "the-token" },
      body: "the-body",
    });

    expect([answer.status, await answer.text()]).toEqual([200, "hello"]);
    expect(server.requests).toMatchObject([
      { url: "/the-path", body: "the-body", client: expect.stringContaining("CN=the-agent") },
    ]);
    expect(proxy.tunnels).toEqual([`director.example.com:${server.port}`]);
    expect(proxy.seen()).toContain("director.example.com");
    expect(proxy.headers.join("\n") + proxy.seen()).not.toMatch(/the-token|the-body|the-path|the-agent/);
    expect(proxy.others).toEqual([]);
  });

  it("the server's certificate is checked all the same", async () => {
    const untrusted = await aServer();
    const misnamed = await aServer(undefined, { hosts: ["another.example.com"] });
    const proxy = { https: (await aProxy()).url, no: [] };

    const failures = [
      await failureOf((await aClient({ proxy, ca: undefined })).fetch(untrusted.url())),
      await failureOf((await aClient({ proxy })).fetch(`https://director.example.com:${misnamed.port}/`)),
    ];

    for (const failure of failures) expect(failure).toMatchObject({ code: "TlsUntrusted", retryable: false });
    expect([...untrusted.requests, ...misnamed.requests]).toEqual([]);
  });

  it("a proxy with a password gets it, and no failure tells it", async () => {
    const server = await aServer();
    const proxy = await aProxy();
    const withPassword = (url: string) => url.replace("http://", "http://user:hidden-password@");
    const client = await aClient({ proxy: { https: withPassword(proxy.url), no: [] } });
    const dead = withPassword(`http://127.0.0.1:${await aDeadPort()}`);

    await client.fetch(server.url());
    const failure = await failureOf((await aClient({ proxy: { https: dead, no: [] } })).fetch(server.url()));

    expect(proxy.headers.map((line) => line.toLowerCase())).toContain("proxy-authorization");
    expect(server.requests[0]?.headers["proxy-authorization"]).toBeUndefined();
    expect(told(failure)).not.toContain("hidden-password");
  });

  it.each([
    ["localhost", []],
    ["*", []],
    [".localhost", []],
    ["host.localhost", ["localhost"]],
    ["ocalhost", ["localhost"]],
  ])("a host is called directly when it is excepted: %s", async (no, tunnelled) => {
    const server = await aServer();
    const proxy = await aProxy();
    const client = await aClient({ proxy: { https: proxy.url, no: ["unrelated.example.org", no] } });

    await client.fetch(server.url());

    expect(server.requests).toHaveLength(1);
    expect(proxy.tunnels).toEqual(tunnelled.map((host) => `${host}:${server.port}`));
  });

  it.each([407, 502, 503])("a proxy that answers %s is named as what failed", async (refuse) => {
    const server = await aServer();
    const proxy = await aProxy({ refuse });
    const client = await aClient({ proxy: { https: proxy.url, no: [] } });

    const failure = await failureOf(client.fetch(server.url(), { headers: { "Connector-Token": "the-token" } }));

    expect(failure).toMatchObject({ code: "ProxyFailed", stage: "fetch", retryable: true });
    expect(failure.hint).toContain("proxy.https");
    expect(told(failure)).not.toMatch(/the-token|Words of the proxy/);
    expect(server.requests).toEqual([]);
  });

  it.each([
    ["that is down", async () => `http://127.0.0.1:${await aDeadPort()}`],
    ["whose name cannot be resolved", async () => "http://proxy.invalid:3128"],
  ])("a proxy %s is named as what failed", async (_, url) => {
    const server = await aServer();
    const client = await aClient({ proxy: { https: await url(), no: [] } });

    const failure = await failureOf(client.fetch(server.url()));

    expect(failure).toMatchObject({ code: "ProxyFailed", retryable: true });
    expect(failure.hint).toContain("proxy.https");
    expect(server.requests).toEqual([]);
  });
});

describe("the environment", () => {
  it("does not decide by itself that there is a proxy", async () => {
    const server = await aServer();
    const proxy = await aProxy();
    for (const name of ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"])
      vi.stubEnv(name, proxy.url);
    const clients = [await aClient(), await aClient({ proxy: { https: null, no: [] } })];

    for (const client of clients) await client.fetch(server.url());

    expect([server.requests.length, proxy.tunnels]).toEqual([2, []]);
  });

  it("does not except a host from the proxy that is configured", async () => {
    const server = await aServer();
    const proxy = await aProxy();
    for (const name of ["NO_PROXY", "no_proxy"]) vi.stubEnv(name, "*");
    const client = await aClient({ proxy: { https: proxy.url, no: [] } });

    await client.fetch(server.url());

    expect(proxy.tunnels).toEqual([`localhost:${server.port}`]);
  });
});
