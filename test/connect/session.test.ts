import { describe, expect, it } from "vitest";
import { Secret } from "../../src/common/secret.js";
import { openSession } from "../../src/connect/index.js";
import type { Identity } from "../../src/state/index.js";
import { failureOf, told } from "../common/failure-of.js";
import { aSandbox, requests } from "../sandbox/compass-client.js";
import { aClockAt, aState, pairing, transport } from "./setup.js";

const DAY = 24 * 3600 * 1000;

async function paired() {
  const sandbox = await aSandbox();
  const { state } = aState();
  await pairing(sandbox, state).run();
  const before = (await requests(sandbox)).length;
  const open = (offset = 0, hosts: readonly string[] = []) =>
    openSession({ state, transport: transport(sandbox), hosts, clock: aClockAt(offset) });
  return { sandbox, state, open, unasked: async () => (await requests(sandbox)).length === before };
}

describe("a session", () => {
  it("shows the certificate to Director, and tells its dates", async () => {
    const { sandbox, open } = await paired();

    const { client, certificate, connection } = await open();
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ query: `query { runtime(id: "${sandbox.runtimeID}") { id } }` });
    const answer = await client.fetch(connection.directorURL, { method: "POST", headers, body });
    await client.close();

    expect(await answer.text()).toContain(sandbox.runtimeID);
    expect(certificate.commonName).toBe(connection.clientID);
    expect(certificate.notAfter.getTime() - certificate.notBefore.getTime()).toBe(90 * DAY);
  });

  it("needs a token when there was no pairing", async () => {
    const sandbox = await aSandbox();
    const { state } = aState();

    const failure = await failureOf(
      openSession({ state, transport: transport(sandbox), hosts: [], clock: aClockAt() }),
    );

    expect(failure).toMatchObject({ code: "TokenNeeded", stage: "connect", retryable: false });
    expect(failure.hint).toContain("pair --token-file");
  });

  it("needs a token when the certificate has expired, and asks nobody before it says so", async () => {
    const { open, unasked } = await paired();

    const failure = await failureOf(open(91 * DAY));
    const { client } = await open(89 * DAY);
    await client.close();

    expect(failure).toMatchObject({ code: "TokenNeeded", retryable: false });
    expect(failure.message).toMatch(/expired on \d{4}-/);
    expect(await unasked()).toBe(true);
  });

  it("goes by the hosts that are allowed now", async () => {
    const { open, unasked } = await paired();

    const failure = await failureOf(open(0, ["compass.example.com"]));

    expect(failure).toMatchObject({ code: "UrlNotAllowed", retryable: false });
    expect(await unasked()).toBe(true);
  });

  const damaged = async (damage: (identity: Identity) => Partial<Identity>) => {
    const { state, open, sandbox } = await paired();
    const identity = await state.identity();
    const connection = await state.connection();
    if (identity === null || connection === null) throw new Error("not paired");
    await state.promote({ ...identity, ...damage(identity) }, connection);
    return { open, sandbox };
  };

  it.each<[string, (identity: Identity) => Partial<Identity>]>([
    ["its key is damaged", () => ({ key: Secret.of("hidden") })],
    ["certificate and chain are damaged", () => ({ certificate: "hidden", chain: "hidden" })],
  ])("needs a token when %s", async (_, damage) => {
    const { open } = await damaged(damage);

    const failure = await failureOf(open());

    expect(failure).toMatchObject({ code: "TokenNeeded", stage: "connect", retryable: false });
    expect(told(failure)).not.toContain("hidden");
  });

  it.each<[string, (identity: Identity) => Partial<Identity>]>([
    ["certificate", () => ({ certificate: "junk" })],
    ["chain", () => ({ chain: "junk" })],
  ])("is opened with what is left when the %s alone is damaged", async (_, damage) => {
    const { open, sandbox } = await damaged(damage);

    const { client, connection } = await open();
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ query: `query { runtime(id: "${sandbox.runtimeID}") { id } }` });
    const answer = await client.fetch(connection.directorURL, { method: "POST", headers, body });
    await client.close();

    expect(await answer.text()).toContain(sandbox.runtimeID);
  });
});
