import { describe, expect, it, onTestFinished } from "vitest";
import { openCluster } from "../../src/adapters/kubernetes/index.js";
import { failureOf } from "../common/failure-of.js";
import { type APIObject, type Fault, startFakeAPIServer } from "../fakes/api-server.js";
import { behavesAsState } from "./behaviour.js";
import { connectionOf, identityOf } from "./examples.js";
import { behavesAsSecrets, type KubernetesPlace, opened } from "./secrets-behaviour.js";

const CONNECTION = "/apis/compass.kyma-project.io/v1alpha1/compassconnections/compass-connection";

async function aPlace() {
  const api = await startFakeAPIServer();
  onTestFinished(() => api.close());
  const env = { KUBECONFIG: await api.kubeconfig() };
  const place: KubernetesPlace = {
    options: {
      env,
      namespace: "kyma-system",
      certificate: { namespace: "kyma-system", name: "cluster-client-certificates" },
      authority: { namespace: "istio-system", name: "kyma-gateway-certs-cacert" },
      connectorURL: null,
    },
    cluster: openCluster({ env, stage: "connect" }),
    setCompassConnection: async (object) => {
      if (object === null) api.objects.delete(CONNECTION);
      else api.objects.set(CONNECTION, object as APIObject);
    },
  };
  return { api, place };
}

describe("a state in Secrets", () => {
  behavesAsState(async () => {
    const { place } = await aPlace();
    return () => opened(place);
  });
  behavesAsSecrets(async () => (await aPlace()).place);
});

describe("whether a state in Secrets can be written", () => {
  it("is tried with room for what is on its way, and with other values in each Secret of a pairing", async () => {
    const { api, place } = await aPlace();
    const state = opened(place);
    await state.promote(identityOf("one"), connectionOf("one"));
    const before = new Map(api.objects);
    const since = api.requests.length;

    await state.checkWritable();

    const tried = api.requests
      .slice(since)
      .filter(({ method, path }) => method === "PUT" && path.includes("/secrets/") && path.includes("dryRun=All"))
      .map(({ body }) => JSON.parse(body) as { metadata: { name: string }; data: Record<string, string> });
    const valuesOf = (name: string) => tried.find(({ metadata }) => metadata.name === name)?.data ?? {};
    const storedOf = (name: string) =>
      [...before.values()].find(({ metadata }) => metadata.name === name)?.data as Record<string, string>;
    expect(Buffer.from(valuesOf("runtime-agent-state").rehearsal ?? "", "base64")).toHaveLength(128 * 1024);
    for (const [name, keys] of [
      ["cluster-client-certificates", ["crt", "key", "crtChain"]],
      ["kyma-gateway-certs-cacert", ["cacert"]],
    ] as const) {
      for (const key of keys) expect(valuesOf(name)[key]).not.toBe(storedOf(name)[key]);
    }
    expect([...api.objects].filter(([path]) => path.includes("/secrets/"))).toEqual(
      [...before].filter(([path]) => path.includes("/secrets/")),
    );
  });
});

describe("a state behind an API server with faults", () => {
  it.each<Fault>([429, 500, "reset", "lose-answer"])(
    "is written all the same when each request meets one: %s",
    async (fault) => {
      const { api, place } = await aPlace();
      const seen = new Set<string>();
      api.fault = ({ method, path }) => {
        const isNew = !seen.has(`${method} ${path}`);
        seen.add(`${method} ${path}`);
        return isNew ? fault : null;
      };
      const state = opened(place);

      await state.promote(identityOf("one"), connectionOf("one"));

      expect((await state.identity())?.certificate).toBe("certificate of one");
      expect(await state.connection()).toEqual(connectionOf("one"));
    },
  );

  it.each([409, 410])(
    "reads again after HTTP %i, and gives up as one that may pass when it never ends",
    async (status) => {
      const { api, place } = await aPlace();
      let conflicts = 3;
      api.fault = ({ method }) => (method === "GET" || conflicts-- <= 0 ? null : status);
      const state = opened(place);

      await state.sealKey(true);
      conflicts = 1000;
      const failure = await failureOf(state.saveMemory(await state.memory()));

      expect(failure).toMatchObject({ code: "StateConflict", retryable: true });
    },
  );

  it("is let go of also when the Lease cannot be given back, which ends by itself", async () => {
    const { api, place } = await aPlace();
    const unlock = await opened(place).lock();
    api.fault = ({ path }) => (path.includes("leases") ? 403 : null);

    await unlock();

    expect(api.requests.at(-1)).toMatchObject({ method: "PUT" });
  });

  it("names the place of its cache for temporary files", async () => {
    const { place } = await aPlace();

    const state = opened(place, { env: { ...place.options.env, TMPDIR: "/var/tmp" } });

    expect(state.cache).toMatch(/^\/var\/tmp\/runtime-agent/);
    expect(state.description).toBe("Kubernetes, namespace kyma-system");
  });
});
