import { X509Certificate } from "node:crypto";
import { readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Sandbox, startSandbox } from "../../src/sandbox/index.js";
import { anApplication, aSnapshot, write } from "./a-snapshot.js";
import {
  aDirectory,
  applicationsQuery,
  aSandbox,
  ask,
  configure,
  control,
  type Identity,
  pair,
  requests,
} from "./compass-client.js";

const names = async (sandbox: Sandbox, identity: Identity): Promise<string[]> => {
  const { data } = await ask(sandbox, identity, applicationsQuery(sandbox, "data { name }"));
  return data.applicationsForRuntime.data.map(({ name }: { name: string }) => name);
};

describe("a sandbox", () => {
  it("goes on in the same directory: certificates, tokens, tenant, clock and landscape", async () => {
    const directory = aDirectory();
    const first = await aSandbox({ directory });
    const identity = await pair(first);
    const { token } = (await control(first, "/token", {})).body;
    await control(first, "/clock", { offset: "PT30M" });
    const before = await names(first, identity);
    await first.close();

    const second = await aSandbox({ directory, applications: 9, seed: 7 });

    expect(await names(second, identity)).toEqual(before);
    expect([second.tenant, second.runtimeID]).toEqual([first.tenant, first.runtimeID]);
    expect((await configure(second, token)).status).toBe(200);
    expect((await configure(second, first.token)).status).toBe(400);
    await control(second, "/clock", { offset: "P91D" });
    await expect(names(second, identity)).rejects.toThrow("fetch failed");
  });

  it("remembers what it has revoked", async () => {
    const directory = aDirectory();
    const first = await aSandbox({ directory });
    const identity = await pair(first);
    await control(first, "/revoke", {});
    await first.close();

    const second = await aSandbox({ directory });
    const reply = await ask(second, identity, applicationsQuery(second, "totalCount"));

    expect(reply.errors[0]?.extensions?.error_code).toBe(23);
  });

  it("keeps everything for its owner alone, and no token in clear", async () => {
    const sandbox = await aSandbox({ directory: aDirectory() });

    const modes = ["ca.pem", "ca-key.pem", "registry.json", "snapshot.json"].map(
      (file) => statSync(join(sandbox.directory, file)).mode & 0o777,
    );

    expect(modes).toEqual([0o600, 0o600, 0o600, 0o600]);
    expect(statSync(sandbox.directory).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(sandbox.directory, "registry.json"), "utf8")).not.toContain(sandbox.token);
  });

  it("names its own files", async () => {
    const sandbox = await aSandbox();

    expect(sandbox.ca).toBe(join(sandbox.directory, "ca.pem"));
    expect(sandbox.snapshotFile).toBe(join(sandbox.directory, "snapshot.json"));
    expect(new X509Certificate(readFileSync(sandbox.ca)).ca).toBe(true);
  });

  it("takes three ports in a row when one is given", async () => {
    const probe = createServer().listen(0, "127.0.0.1");
    const { port } = await new Promise<AddressInfo>((resolve) =>
      probe.on("listening", () => resolve(probe.address() as AddressInfo)),
    );
    await new Promise((resolve) => probe.close(resolve));

    const sandbox = await aSandbox({ port });

    expect([sandbox.connectorURL, sandbox.secureConnectorURL, sandbox.directorURL, sandbox.control]).toEqual([
      `https://127.0.0.1:${port}/connector/graphql`,
      `https://127.0.0.1:${port + 1}/connector/graphql`,
      `https://127.0.0.1:${port + 1}/director/graphql`,
      `http://127.0.0.1:${port + 2}`,
    ]);
  });

  it("says so when a port is taken", async () => {
    const { control: url } = await aSandbox();

    const second = startSandbox({ directory: aDirectory(), port: Number(new URL(url).port) });

    await expect(second).rejects.toMatchObject({ name: "Failure", code: "ConfigurationInvalid" });
  });

  it("does not serve Director where no certificate is asked for", async () => {
    const sandbox = await aSandbox();

    const reply = await ask(
      { ...sandbox, directorURL: sandbox.connectorURL.replace("connector/", "director/") },
      { certificate: "", key: "" },
      "{ __typename }",
    );

    expect(reply.status).toBe(404);
  });
});

describe("the snapshot that is served", () => {
  async function serving(content: unknown) {
    const file = write(join(aDirectory(), "given.json"), content);
    const sandbox = await aSandbox({ snapshot: file });
    return { file, sandbox, identity: await pair(sandbox) };
  }

  it("is read again when it has changed", async () => {
    const { file, sandbox, identity } = await serving(aSnapshot([anApplication(1)]));
    const before = await names(sandbox, identity);

    write(file, aSnapshot([anApplication(2), anApplication(3)]));
    const after = await names(sandbox, identity);

    expect([before, after]).toEqual([["mp-1"], ["mp-2", "mp-3"]]);
  });

  it("is read again even when size and time are the same", async () => {
    const { file, sandbox, identity } = await serving(aSnapshot([anApplication(1)]));
    const { atime, mtime } = statSync(file);

    write(file, aSnapshot([anApplication(2)]));
    utimesSync(file, atime, mtime);

    expect(await names(sandbox, identity)).toEqual(["mp-2"]);
  });

  it.each([
    ["is not JSON", "{", "the snapshot is not JSON"],
    ["is no snapshot", { kind: "Other" }, "the snapshot is not valid at kind"],
    [
      "has an unknown credential",
      aSnapshot([
        { ...anApplication(1), bundles: [{ id: "x", name: "y", defaultInstanceAuth: { credential: { a: "1" } } }] },
      ]),
      "the snapshot is not valid at applications.0.bundles.0.defaultInstanceAuth.credential",
    ],
  ])("stays as it was while the file %s, which the log tells once", async (_, content, note) => {
    const { file, sandbox, identity } = await serving(aSnapshot([anApplication(1)]));

    write(file, content);
    const kept = [await names(sandbox, identity), await names(sandbox, identity)];
    const complaints = (await requests(sandbox)).filter(({ operation }) => operation === "(snapshot)");
    write(file, aSnapshot([anApplication(2)]));
    const mended = await names(sandbox, identity);

    expect(kept).toEqual([["mp-1"], ["mp-1"]]);
    expect(complaints.map((entry) => entry.note)).toEqual([note]);
    expect(mended).toEqual(["mp-2"]);
  });

  it("has somebody told once when an edit cannot be read", async () => {
    const complaints: string[] = [];
    const file = write(join(aDirectory(), "given.json"), aSnapshot([anApplication(1)]));
    const sandbox = await aSandbox({ snapshot: file, onComplaint: (complaint) => complaints.push(complaint) });
    const identity = await pair(sandbox);

    write(file, "{");
    await names(sandbox, identity);
    await names(sandbox, identity);

    expect(complaints).toEqual(["the snapshot is not JSON"]);
  });

  it("stays as it was while the file is gone", async () => {
    const { file, sandbox, identity } = await serving(aSnapshot([anApplication(1)]));

    rmSync(file);

    expect(await names(sandbox, identity)).toEqual(["mp-1"]);
  });

  it("may be the generated one: an edit is rewritten and sorted as Director does", async () => {
    const sandbox = await aSandbox({ applications: 1 });
    const identity = await pair(sandbox);
    const document = JSON.parse(readFileSync(sandbox.snapshotFile, "utf8"));
    document.applications.push({ ...anApplication(0), name: "Zoll & Fracht" });

    write(sandbox.snapshotFile, document);

    expect(await names(sandbox, identity)).toEqual(["mp-zoll-fracht", "mp-sap-commerce-cloud"]);
  });

  it("is refused at the start when its secrets were left out, for there is nothing to serve", async () => {
    const auth = { credential: { username: { redacted: true }, password: { redacted: true } } };
    const application = { ...anApplication(1), bundles: [{ id: "x", name: "y", defaultInstanceAuth: auth }] };
    const snapshot = write(join(aDirectory(), "given.json"), aSnapshot([application]));

    const started = startSandbox({ directory: aDirectory(), snapshot });

    await expect(started).rejects.toMatchObject({ hint: expect.stringContaining("--with-secrets") });
  });

  it.each(["{", JSON.stringify({ kind: "Other" })])("is refused at the start when it is none: %s", async (content) => {
    const snapshot = write(join(aDirectory(), "given.json"), content);

    const started = startSandbox({ directory: aDirectory(), snapshot });

    await expect(started).rejects.toMatchObject({ name: "Failure", code: "ConfigurationUnreadable" });
  });
});

describe("the control of the sandbox", () => {
  it("says that it is there, and what there is", async () => {
    const sandbox = await aSandbox();

    const [health, unknown] = [await control(sandbox, "/healthz"), await control(sandbox, "/nothing")];

    expect(health).toEqual({ status: 200, body: { status: "ok" } });
    expect([unknown.status, unknown.body.error]).toEqual([404, expect.stringContaining("POST /token")]);
  });

  it.each(["80 days", "P", "PT", "P1Y", "", "P1DT"])("refuses %j as an offset of the clock", async (offset) => {
    const sandbox = await aSandbox();

    const { status, body } = await control(sandbox, "/clock", { offset });

    expect([status, body.error]).toEqual([400, expect.stringContaining("ISO 8601")]);
  });

  it.each([
    ["P80D", 80 * 86400],
    ["-PT1H", -3600],
    ["P1DT2H3M4S", 86400 + 2 * 3600 + 3 * 60 + 4],
    ["PT0S", 0],
  ])("moves the clock by %s", async (offset, seconds) => {
    const now = new Date("2026-05-01T12:00:00Z");
    const sandbox = await aSandbox({ clock: { now: () => now, sleep: async () => undefined } });

    const { body } = await control(sandbox, "/clock", { offset });

    expect(new Date(body.now).getTime() - now.getTime()).toBe(seconds * 1000);
  });

  it("goes by the clock that it is given", async () => {
    let now = new Date("2030-01-01T00:00:00Z");
    const sandbox = await aSandbox({ clock: { now: () => now, sleep: async () => undefined } });
    const identity = await pair(sandbox);
    const inTime = await names(sandbox, identity);

    now = new Date("2030-04-02T00:00:00Z");

    expect(new X509Certificate(identity.certificate).validFromDate).toEqual(new Date("2030-01-01T00:00:00Z"));
    expect(inTime).toHaveLength(5);
    await expect(names(sandbox, identity)).rejects.toThrow("fetch failed");
  });
});
