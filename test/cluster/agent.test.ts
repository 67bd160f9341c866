/** The agent as users run it, with its state in Secrets of a real cluster, under rights for exactly its objects. */

import { X509Certificate } from "node:crypto";
import { describe, expect, inject, it } from "vitest";
import { aWorld } from "../e2e/world.js";
import { dataOf } from "../state/secrets-behaviour.js";
import { aPlace, settingsOf } from "./a-place.js";
import { asAccount, enoughForCommands, prepare } from "./account.js";
import { requestsOf } from "./api-server.js";

const server = inject("cluster");

async function aClusterWorld() {
  const made = await aPlace(server);
  await prepare(server, made);
  const { rights, clusterRules } = enoughForCommands(made);
  const { place, user } = await asAccount(server, made, rights, clusterRules);
  const { env } = place.options;
  const world = await aWorld({
    sandbox: { applications: 3 },
    settings: {
      ...settingsOf(place),
    },
  });
  // Its cache goes with the world.
  const variables = { ...(env as Record<string, string>), TMPDIR: world.folder };
  const run = (...args: string[]) => world.run(args, { env: variables });
  const pair = async () => {
    const answer = await fetch(`${world.sandbox.control}/token`, { method: "POST" });
    const { token } = (await answer.json()) as { token: string };
    return world.run(["pair", "--token-file", "-"], { env: variables, input: token });
  };
  return { made, place, user, world, run, pair };
}

describe("the agent with its state in Secrets", () => {
  it("pairs, publishes, finds nothing to do the next time, and says who it is", async () => {
    const { made, user, world, run, pair } = await aClusterWorld();

    const paired = await pair();
    const first = await run("sync", "-o", "json");
    const second = await run("sync", "-o", "json");
    const status = await run("status", "-o", "json");

    expect([paired, first, second, status].map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual([0, 0, 0, 0]);
    expect(JSON.parse(first.stdout)).toMatchObject({ result: "published" });
    expect(JSON.parse(second.stdout)).toMatchObject({ result: "unchanged" });
    expect((await world.files()).size).toBeGreaterThan(3);
    const { crt = "", key, crtChain } = (await dataOf(made, made.options.certificate)) ?? {};
    expect(key).toMatch(/^-----BEGIN RSA PRIVATE KEY-----/);
    expect(crtChain?.startsWith(crt.trim())).toBe(true);
    const { cacert = "" } = (await dataOf(made, made.options.authority)) ?? {};
    expect(new X509Certificate(crt).verify(new X509Certificate(cacert).publicKey)).toBe(true);
    expect((await requestsOf(server, user)).filter(({ code }) => code === 403)).toEqual([]);
  });

  it("goes on without pairing where the Go agent paired before", async () => {
    const { made, world, run, pair } = await aClusterWorld();
    await pair();
    // What the Go agent would have left: the two Secrets and its resource, and nothing of ours.
    const own = { namespace: made.options.namespace, name: "runtime-agent-state" };
    const kept = await made.cluster.secrets.get(own);
    if (kept !== null) await made.cluster.secrets.write({ ...kept, data: new Map() });
    const { secureConnectorURL, directorURL } = world.sandbox;
    await made.setCompassConnection({
      apiVersion: "compass.kyma-project.io/v1alpha1",
      kind: "CompassConnection",
      metadata: { name: "compass-connection" },
      spec: { managementInfo: { connectorUrl: secureConnectorURL, directorUrl: directorURL } },
    });
    const before = await dataOf(made, made.options.certificate);

    const synced = await run("sync", "-o", "json");

    expect(synced.code === 0 ? 0 : synced.stderr).toBe(0);
    expect(JSON.parse(synced.stdout)).toMatchObject({ result: "published" });
    expect(await dataOf(made, made.options.certificate)).toEqual(before);
  });

  it("is kept out while another holds the Lease, and says so", async () => {
    const { made, run } = await aClusterWorld();
    const place = { namespace: made.options.namespace, name: "runtime-agent" };
    const lease = await made.cluster.leases.get(place);
    if (lease === null) throw new Error("it is prepared");
    await made.cluster.leases.write({ ...lease, holder: "another", duration: 30, renewedAt: new Date() });

    const { code, stderr } = await run("sync");

    expect(code).toBe(75);
    expect(stderr).toContain("[StateLocked]");
    expect(stderr).toContain("another");
  });
});
