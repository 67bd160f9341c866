/** The whole way with Flux's real kustomize-controller: pushed, asked for, decrypted, applied, and told to be so. */

import { readFile, writeFile } from "node:fs/promises";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { describe, expect, inject, it, onTestFinished } from "vitest";
import { formatDocument } from "../../src/adapters/yaml/index.js";
import { GIT_PATH, parseObject } from "../e2e/world.js";
import { aRuntime } from "./a-runtime.js";
import { call, kubectl } from "./api-server.js";
import { startFlux } from "./flux.js";

const server = inject("cluster");

const APPLICATIONS = "/apis/applicationconnector.kyma-project.io/v1alpha1/applications";
const POLICIES = "/apis/admissionregistration.k8s.io/v1";

/** An agent that knows its Flux, with its state in the cluster. Applications of an earlier test are gone. */
async function aFluxRuntime() {
  const ageKey = await generateX25519Identity();
  await call(server, "DELETE", APPLICATIONS);
  const word = Math.random().toString(36).slice(2, 8);
  const namespaces = [`kyma-${word}`, `istio-${word}`] as const;
  const flux = `flux-${word}`;
  const runtime = await aRuntime(server, {
    namespaces,
    settings: {
      secrets: { mode: "sops", sops: { age: [await identityToRecipient(ageKey)] } },
      applications: { namespace: namespaces[0], canary: true },
      gitops: { kind: "flux", namespace: flux },
    },
  });
  await runtime.pair();
  const { ready } = await startFlux(server, {
    namespace: flux,
    repository: runtime.world.repository,
    path: GIT_PATH,
    ageKey,
  });
  const sync = async (...args: string[]) => {
    const { code, stdout, stderr } = await runtime.run(["sync", "-o", "json", ...args]);
    return { code, outcome: JSON.parse(stdout), stderr };
  };
  const names = async () => {
    const { body } = await call(server, "GET", APPLICATIONS);
    return body.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name).sort();
  };
  return { runtime, flux, ready, sync, names, namespace: namespaces[0] };
}

/** Refuses Applications for which the expression is false, as a policy of the platform team does. */
async function aPolicy(expression: string, message: string) {
  const metadata = { name: "no-such-application" };
  const resource = {
    apiGroups: ["applicationconnector.kyma-project.io"],
    apiVersions: ["*"],
    resources: ["applications"],
  };
  const rule = { ...resource, operations: ["CREATE", "UPDATE"] };
  const policy = {
    metadata,
    spec: { matchConstraints: { resourceRules: [rule] }, validations: [{ expression, message }] },
  };
  const binding = { metadata, spec: { policyName: metadata.name, validationActions: ["Deny"] } };
  const remove = async () => {
    await call(server, "DELETE", `${POLICIES}/validatingadmissionpolicybindings/${metadata.name}`);
    await call(server, "DELETE", `${POLICIES}/validatingadmissionpolicies/${metadata.name}`);
  };
  onTestFinished(remove);
  await call(server, "POST", `${POLICIES}/validatingadmissionpolicies`, { body: policy });
  await call(server, "POST", `${POLICIES}/validatingadmissionpolicybindings`, { body: binding });
  return remove;
}

describe("with Flux", () => {
  it("what is committed is applied and opened at once, and told so by sync --wait, status and the CompassConnection", async () => {
    const { runtime, sync, names, namespace } = await aFluxRuntime();

    // Flux looks by itself only every ten minutes: what is applied sooner was asked for.
    const { code, outcome, stderr } = await sync("--wait", "--wait-timeout", "30s");

    expect(code === 0 ? 0 : stderr).toBe(0);
    expect(outcome).toMatchObject({
      result: "published",
      applied: { current: true, missing: [], canary: "equal", since: null, controller: null },
      notes: [],
      failure: null,
    });
    expect(outcome.digest.applied).toBe(outcome.digest.target);
    expect(await names()).toEqual(outcome.applications.created);
    const secrets = await kubectl(server, "get", "secrets", "-n", namespace, "-o", "name");
    expect(secrets).toContain("secret/runtime-agent-canary");
    const { synchronizationStatus } = (await runtime.connection())?.status ?? {};
    expect(synchronizationStatus?.lastSuccessfulApplication).toBe(synchronizationStatus?.lastAttempt);
    const status = JSON.parse((await runtime.run(["status", "-o", "json"])).stdout);
    expect(status.applied).toMatchObject({ current: true, revision: outcome.digest.target, missing: [] });

    const again = await sync();
    expect(again.outcome).toMatchObject({ result: "unchanged", applied: { current: true } });
  }, 120_000);

  it("prunes no Secret as they leave Git for mode cluster, nor later, though it prunes what it applied", async () => {
    const { runtime, sync, namespace } = await aFluxRuntime();
    const { config } = runtime.world;
    await sync("--wait");
    const list = async () => {
      const { body } = await call(server, "GET", `/api/v1/namespaces/${namespace}/secrets`);
      const all = body.items as { metadata: { name: string; uid: string }; data: Record<string, string> }[];
      return all.map(({ metadata: { name, uid }, data }) => ({ name, uid, data }));
    };
    const before = await list();
    const given = parseObject(await readFile(config, "utf8"));
    await writeFile(config, formatDocument({ ...given, secrets: { mode: "cluster" } }));

    const moved = await sync("--wait");
    const idle = await sync("--wait");
    const after = await list();
    await runtime.world.edit(({ applications: [first] }) => {
      if (first !== undefined) first.description = "another commit, which Flux applies";
    });
    const later = await sync("--wait");

    // That it is gone shows that Flux prunes here.
    const canary = "runtime-agent-canary";
    const credentials = before.filter(({ name }) => /-[0-9a-f]{8}-/.test(name));
    expect([moved, idle, later].map(({ code, outcome }) => [code, outcome.result])).toEqual([
      [0, "published"],
      [0, "unchanged"],
      [0, "published"],
    ]);
    expect(credentials.length).toBeGreaterThan(2);
    expect(before.map(({ name }) => name)).toContain(canary);
    for (const secrets of [after, await list()]) {
      expect(secrets.map(({ name }) => name)).not.toContain(canary);
      expect(secrets.filter(({ name }) => /-[0-9a-f]{8}-/.test(name))).toEqual(credentials);
    }
    expect([...(await runtime.world.files()).keys()].filter((path) => path.includes("/secrets/"))).toEqual([]);
  }, 180_000);

  it("what the API server refuses is told in Flux's words, is not applied, and is so once it is mended", async () => {
    const { runtime, ready, sync, names } = await aFluxRuntime();
    await sync("--wait");
    const before = await names();
    const applied = (await runtime.connection())?.status.synchronizationStatus?.lastSuccessfulApplication;
    const mend = await aPolicy("!object.spec.description.contains('forbidden')", "the word is forbidden here");
    await runtime.world.edit(({ applications: [first] }) => {
      if (first !== undefined) first.description = "a forbidden word";
    });

    // A policy comes into force some time after it is made.
    const { code, outcome, stderr } = await sync("--wait", "--wait-timeout", "10s");

    expect(stderr).toContain("[NotApplied]");
    expect(code).toBe(75);
    expect(outcome).toMatchObject({ result: "published", failure: { code: "NotApplied", retryable: true } });
    expect(outcome.applied).toMatchObject({
      current: false,
      missing: outcome.applications.updated,
      canary: "different",
      controller: { kind: "Kustomization", name: "runtime-agent", reason: "ReconciliationFailed" },
    });
    expect(outcome.applied.controller.message).toContain("the word is forbidden here");
    expect(outcome.failure.message).toContain("the word is forbidden here");
    expect((await ready())?.status).toBe("False");
    const status = JSON.parse((await runtime.run(["status", "-o", "json"])).stdout);
    expect(status.applied).toMatchObject({ current: false, missing: outcome.applications.updated });
    expect(status.applied.obstacle).toContain("the word is forbidden here");

    // The next cycle tells it, too, and moves no success.
    const unchanged = await sync();
    expect(unchanged).toMatchObject({ code: 0, outcome: { result: "unchanged", applied: { current: false } } });
    expect(unchanged.outcome.applied.since).toBe(outcome.applied.since);
    const told = await runtime.connection();
    expect(told?.status.synchronizationStatus?.lastSuccessfulApplication).toBe(applied);
    const events = (await runtime.events()).filter(({ reason }) => reason === "NotApplied");
    expect(events.map(({ message }) => message).join()).toContain("the word is forbidden here");

    await mend();
    const mended = await sync("--wait", "--wait-timeout", "60s");
    expect(mended).toMatchObject({
      code: 0,
      outcome: { result: "unchanged", applied: { current: true, since: null } },
    });
    expect(await names()).toEqual(before);
  }, 180_000);
});
