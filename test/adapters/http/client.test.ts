import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createAuthority } from "../../../src/adapters/x509/index.js";
import { failureOf, told } from "../../common/failure-of.js";
import { anAuthority } from "../../fakes/tls-server.js";
import { aClient, aDeadPort, anIdentity, aServer } from "./setup.js";

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("an answer", () => {
  it("comes with status, headers and the whole body, whatever the status", async () => {
    const server = await aServer((response) => response.writeHead(503, { "x-a": "1" }).end("Grüße"));
    const client = await aClient();

    const answer = await client.fetch(server.url());

    expect([answer.ok, answer.status, answer.headers.get("x-a"), await answer.text()]).toEqual([
      false,
      503,
      "1",
      "Grüße",
    ]);
  });

  it("is asked for with the method, headers and body given", async () => {
    const server = await aServer();
    const client = await aClient();

    await client.fetch(server.url("/plain"));
    await client.fetch(server.url("/graphql?x=1"), { method: "POST", headers: { Tenant: "t" }, body: "{}" });

    expect(server.requests).toMatchObject([
      { method: "GET", url: "/plain", body: "" },
      { method: "POST", url: "/graphql?x=1", headers: { tenant: "t" }, body: "{}", client: null },
    ]);
  });

  it.each([
    ["ahead", 90_000, 90_000],
    ["behind", -90_000, -89_000],
    ["no other than ours", 0, 0],
    ["a part of a second behind, which a Date cannot tell", -800, 0],
  ])("tells a clock that is %s", async (_, offset, skew) => {
    const now = new Date("2026-03-01T12:00:00.000Z");
    const date = new Date(now.getTime() + offset).toUTCString();
    const server = await aServer((response) => response.writeHead(200, { date }).end("{}"));
    const client = await aClient({ now: () => now });

    const before = client.clockSkew;
    await client.fetch(server.url());

    expect([before, client.clockSkew]).toEqual([null, skew]);
  });

  it("does not take a slow answer for a wrong clock", async () => {
    const asked = Date.parse("2026-03-01T12:00:00.000Z");
    const date = new Date(asked + 30_000).toUTCString();
    const server = await aServer((response) => response.writeHead(200, { date }).end("{}"));
    const times = [asked, asked + 60_000];
    const client = await aClient({ now: () => new Date(times.shift() ?? asked) });

    await client.fetch(server.url());

    expect(client.clockSkew).toBe(0);
  });

  it("may be empty", async () => {
    const server = await aServer((response) => response.writeHead(400).end());
    const client = await aClient();

    const answer = await client.fetch(server.url());

    expect([answer.status, await answer.text()]).toEqual([400, ""]);
  });

  it("keeps characters that are split between two pieces", async () => {
    const bytes = Buffer.from("a€b");
    const server = await aServer((response) => {
      response.write(bytes.subarray(0, 2), () => setImmediate(() => response.end(bytes.subarray(2))));
    });
    const client = await aClient();

    const answer = await client.fetch(server.url());

    expect(await answer.text()).toBe("a€b");
  });

  it("is counted, also when there was none", async () => {
    const server = await aServer();
    const client = await aClient();
    await client.fetch(server.url());

    await failureOf(client.fetch(`https://localhost:${await aDeadPort()}/`));

    expect(client.requests).toBe(2);
  });
});

describe("the server's certificate", () => {
  it("is not trusted when no known authority signed it", async () => {
    const server = await aServer();
    const client = await aClient({ ca: undefined });

    const failure = await failureOf(client.fetch(server.url()));

    expect(failure).toMatchObject({ code: "TlsUntrusted", stage: "fetch", retryable: false });
    expect(failure.message).toContain(`localhost:${server.port}`);
    expect(failure.hint).toContain("compass.ca");
    expect(server.requests).toEqual([]);
  });

  it.each(["Test CA", "Another CA"])(
    "is not trusted when another authority signed it, named %s",
    async (commonName) => {
      const stranger = await createAuthority({ commonName, now: new Date() });
      const server = await aServer(undefined, { authority: stranger });
      const client = await aClient();

      const failure = await failureOf(client.fetch(server.url()));

      expect(failure).toMatchObject({ code: "TlsUntrusted", retryable: false });
      expect(server.requests).toEqual([]);
    },
  );

  it("is not trusted when it is an authority's own", async () => {
    const stranger = await createAuthority({ commonName: "localhost", now: new Date() });
    const issueServer = async () => ({ certificate: stranger.certificate, key: stranger.key });
    const server = await aServer(undefined, { authority: { ...stranger, issueServer } });
    const client = await aClient();

    expect(await failureOf(client.fetch(server.url()))).toMatchObject({ code: "TlsUntrusted", retryable: false });
  });

  it("is trusted when the authority is given", async () => {
    const server = await aServer();
    const client = await aClient({ ca: (await anAuthority()).certificate });

    const answer = await client.fetch(server.url());

    expect(answer.status).toBe(200);
  });

  it("is not looked at when the user says so", async () => {
    const server = await aServer(undefined, { hosts: ["another.example.com"] });
    const client = await aClient({ ca: undefined, insecureSkipVerify: true });

    const answer = await client.fetch(`https://localhost:${server.port}/`);

    expect(answer.status).toBe(200);
  });

  it("must be made out to the host that was asked", async () => {
    const server = await aServer(undefined, { hosts: ["another.example.com"] });
    const client = await aClient();

    const failure = await failureOf(client.fetch(`https://localhost:${server.port}/`));

    expect(failure).toMatchObject({ code: "TlsUntrusted", retryable: false });
    expect(failure.message).toContain(`not made out to localhost:${server.port}`);
    expect(told(failure)).not.toContain("another.example.com");
    expect(server.requests).toEqual([]);
  });
});

it("shows the client certificate", async () => {
  const server = await aServer();
  const client = await aClient({ identity: await anIdentity("the-agent") });

  await client.fetch(server.url());

  expect(server.requests[0]?.client).toContain("CN=the-agent");
});

describe("without an answer the failure", () => {
  it("names a connection that was refused", async () => {
    const port = await aDeadPort();
    const client = await aClient();

    const failure = await failureOf(client.fetch(`https://localhost:${port}/`));

    expect(failure).toMatchObject({ code: "NetworkUnreachable", stage: "fetch", retryable: true });
    expect(failure.message).toBe(`no connection to Director at localhost:${port} (ECONNREFUSED)`);
  });

  it("names a host that cannot be resolved", async () => {
    const client = await aClient();

    const failure = await failureOf(client.fetch("https://nowhere.invalid/"));

    expect(failure).toMatchObject({ code: "NetworkUnreachable", retryable: true });
    expect(failure.message).toContain("nowhere.invalid, cannot be resolved");
    expect(failure.hint).toContain("DNS");
  });

  it("names a connection that was reset", async () => {
    const server = await aServer((response) => response.socket?.destroy());
    const client = await aClient();

    const failure = await failureOf(client.fetch(server.url()));

    expect(failure).toMatchObject({ code: "NetworkUnreachable", retryable: true });
    expect(failure.message).toContain(`no connection to Director at localhost:${server.port}`);
  });

  it("says so when the body ends too early", async () => {
    const server = await aServer((response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("half of it", () => response.socket?.destroy());
    });
    const client = await aClient();

    const failure = await failureOf(client.fetch(server.url()));

    expect(failure).toMatchObject({ code: "AnswerCut", retryable: true });
    expect(told(failure)).not.toContain("half of it");
  });

  it("says so when compressed bytes are none", async () => {
    const server = await aServer((response) => response.writeHead(200, { "content-encoding": "gzip" }).end("no gzip"));
    const client = await aClient();

    const failure = await failureOf(client.fetch(server.url()));

    expect(failure).toMatchObject({ code: "AnswerCut", retryable: true });
  });

  it.each([
    ["before the first header", false],
    ["in the middle of the body", true],
  ])("names the deadline when the server stops %s", async (_, head) => {
    const server = await aServer((response) => {
      if (head) response.writeHead(200).write("the beginning");
    });
    const client = await aClient({ timeout: 100 });

    const failure = await failureOf(client.fetch(server.url()));

    expect(failure).toMatchObject({ code: "TimedOut", retryable: true });
    expect(failure.message).toBe(`Director at localhost:${server.port} did not answer within 0.1 s`);
    expect(failure.hint).toContain("compass.timeout");
  });

  it("names a stop, before a call and during it", async () => {
    const stop = new AbortController();
    const server = await aServer(() => stop.abort(new Error("SIGTERM")));
    const client = await aClient({ signal: stop.signal });

    const during = await failureOf(client.fetch(server.url()));
    const before = await failureOf(client.fetch(server.url()));

    for (const failure of [during, before]) expect(failure).toMatchObject({ code: "Aborted", retryable: false });
    expect(server.requests).toHaveLength(1);
  });
});

describe("the limit of an answer", () => {
  const body = "0123456789".repeat(1000);

  it.each([
    ["plain", body, {}],
    ["compressed", gzipSync(body), { "content-encoding": "gzip" }],
  ])("counts the bytes of a body as they are read: %s", async (_, bytes, headers) => {
    const server = await aServer((response) => response.writeHead(200, headers).end(bytes));
    const [enough, scant] = [await aClient({ maxBytes: body.length }), await aClient({ maxBytes: body.length - 1 })];

    const answer = await enough.fetch(server.url());
    const failure = await failureOf(scant.fetch(server.url()));

    expect(await answer.text()).toBe(body);
    expect(failure).toMatchObject({ code: "AnswerTooLarge", retryable: false });
    expect(failure.hint).toContain("compass.maxBytes");
    expect(told(failure)).not.toContain("0123456789");
  });

  it("ends the reading of a body that has no end", async () => {
    const server = await aServer((response) => {
      const more = () => {
        if (response.destroyed) return;
        response.write(body, () => setImmediate(more));
      };
      more();
    });
    const client = await aClient({ maxBytes: 100_000 });

    const failure = await failureOf(client.fetch(server.url()));

    expect(failure.code).toBe("AnswerTooLarge");
  });
});

describe("a redirection", () => {
  it.each([301, 302, 303, 307, 308])("with HTTP %s is refused, and its target never called", async (status) => {
    const target = await aServer();
    const server = await aServer((response) =>
      response.writeHead(status, { location: target.url("/?secret-of-the-location") }).end(),
    );
    const client = await aClient();

    const failure = await failureOf(
      client.fetch(server.url(), { method: "POST", headers: { "Connector-Token": "hidden-token" }, body: "{}" }),
    );

    expect(failure).toMatchObject({ code: "Redirected", retryable: false });
    expect(failure.message).toContain(`HTTP ${status}`);
    expect(told(failure)).not.toMatch(/hidden-token|secret-of-the-location/);
    expect([target.requests, await target.connections()]).toEqual([[], 0]);
  });
});

it("tells nothing of what was sent or answered, in no failure", async () => {
  const scripts: Parameters<typeof aServer>[0][] = [
    (response) => response.socket?.destroy(),
    (response) => response.writeHead(302, { location: "https://hidden-answer/" }).end("hidden-answer"),
    (response) => response.end("hidden-answer".repeat(100)),
    (response) => response.writeHead(200, { "content-encoding": "gzip" }).end("hidden-answer"),
    (response) => response.write("hidden-answer"),
  ];
  const servers = await Promise.all(scripts.map((script) => aServer(script)));
  const [patient, hasty] = [await aClient({ maxBytes: 1000 }), await aClient({ timeout: 100 })];
  const init = { method: "POST", headers: { "Connector-Token": "hidden-token" }, body: "hidden-body" };

  const failures = await Promise.all(
    servers.map((server, index) => {
      const client = index === scripts.length - 1 ? hasty : patient;
      return failureOf(client.fetch(server.url("/?hidden-query"), init));
    }),
  );

  expect(failures.map(({ code }) => code)).toEqual([
    "NetworkUnreachable",
    "Redirected",
    "AnswerTooLarge",
    "AnswerCut",
    "TimedOut",
  ]);
  for (const failure of failures) {
    expect(failure.hint).not.toBe("");
    expect(told(failure)).not.toContain("hidden");
  }
});

it("lets a call under way finish when it is closed, then has no connection left", async () => {
  let release = () => undefined as unknown;
  const arrived = Promise.withResolvers<void>();
  const server = await aServer((response) => {
    release = () => response.end("late");
    arrived.resolve();
  });
  const client = await aClient();
  const call = client.fetch(server.url());
  await arrived.promise;

  const closed = client.close();
  release();

  expect(await (await call).text()).toBe("late");
  await closed;
  await vi.waitFor(async () => expect(await server.connections()).toBe(0));
  expect(await failureOf(client.fetch(server.url()))).toMatchObject({ name: "Failure", stage: "fetch" });
});
