import { inspect } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { openCluster } from "../../../src/adapters/kubernetes/index.js";
import { aClock } from "../../common/clock.js";
import { failureOf } from "../../common/failure-of.js";
import { type Fault, startFakeAPIServer } from "../../fakes/api-server.js";

const PATH = "/apis/applicationconnector.kyma-project.io/v1alpha1/applications";

const anItem = (name: string) => ({ metadata: { name, uid: `uid of ${name}` }, spec: { services: [] } });
const aPage = (next: string, ...items: object[]) => ({ answer: { metadata: { continue: next }, items } });

async function aServer(...faults: Fault[]) {
  const api = await startFakeAPIServer();
  onTestFinished(() => api.close());
  api.fault = () => faults.shift() ?? 500;
  const env = { KUBECONFIG: await api.kubeconfig() };
  return { api, cluster: openCluster({ env, stage: "report", clock: aClock(), random: () => 0 }) };
}

describe("the Applications of a cluster", () => {
  it("are listed page by page to the end", async () => {
    const { api, cluster } = await aServer(aPage("n e/xt", anItem("a"), anItem("b")), aPage("", anItem("c")));

    const found = await cluster.applications();

    expect(found.map(({ name, uid }) => `${name} ${uid}`)).toEqual(["a uid of a", "b uid of b", "c uid of c"]);
    expect(api.requests.map(({ path }) => path)).toEqual([`${PATH}?limit=500`, `${PATH}?continue=n+e%2Fxt&limit=500`]);
  });

  it("are listed anew when the list took too long, with nothing of the first attempt", async () => {
    const { cluster } = await aServer(aPage("next", anItem("a")), 410, aPage("", anItem("b")));

    expect((await cluster.applications()).map(({ name }) => name)).toEqual(["b"]);
  });

  it("are none where the cluster does not know the kind", async () => {
    const { cluster } = await aServer(404);

    expect(await cluster.applications()).toEqual([]);
  });

  it.each([["login-page" as const], [{ answer: { metadata: {}, items: [{ metadata: { name: "a" } }] } }]])(
    "are not taken from what is no API server: %j",
    async (fault) => {
      const { cluster } = await aServer(fault);

      expect(await failureOf(cluster.applications())).toMatchObject({ code: "AnswerMalformed" });
    },
  );

  it("are not listed by an account that may not", async () => {
    const { cluster } = await aServer(403);

    const failure = await failureOf(cluster.applications());

    expect(failure).toMatchObject({ code: "ClusterForbidden", message: "the agent may not list Applications" });
  });
});

describe("the marked Secrets of a cluster", () => {
  it("come without their values, which are not asked for", async () => {
    const metadata = { name: "s", namespace: "kyma-system", uid: "u", annotations: { a: "b" } };
    const { api, cluster } = await aServer(aPage("", { metadata }));

    const found = await cluster.markedSecrets("kyma-system", "mine", "yes");

    expect(found).toEqual([{ name: "s", namespace: "kyma-system", uid: "u", annotations: { a: "b" }, keys: null }]);
    expect(api.requests.map(({ path, accept }) => `${path} ${accept}`)).toEqual([
      "/api/v1/namespaces/kyma-system/secrets?labelSelector=mine%3Dyes&limit=500 " +
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
    ]);
  });
});

describe("an empty list", () => {
  // As the API server answers for metadata alone.
  it.each([null, []])("is none, written as %j", async (items) => {
    const { cluster } = await aServer(...Array.from({ length: 3 }, () => ({ answer: { metadata: {}, items } })));

    expect(await cluster.markedSecrets("kyma-system", "mine", "yes")).toEqual([]);
    expect(await cluster.labelledSecrets("kyma-system", ["mine"])).toEqual([]);
    expect(await cluster.applications()).toEqual([]);
  });
});

describe("the labelled Secrets of a cluster", () => {
  it("come with their owners and values, which cannot be printed", async () => {
    const metadata = {
      name: "s",
      namespace: "kyma-system",
      uid: "u",
      labels: { app: "a", bundleId: "b" },
      ownerReferences: [{ apiVersion: "v1", kind: "Application", name: "a", uid: "1" }],
    };
    const { api, cluster } = await aServer(aPage("", { metadata, type: "Opaque", data: { password: "cGFzcw==" } }));

    const [secret] = await cluster.labelledSecrets("kyma-system", ["app", "bundleId"]);

    expect(secret).toMatchObject({ name: "s", type: "Opaque", owners: [{ kind: "Application", name: "a" }] });
    expect(secret?.data.get("password")?.reveal()).toBe("cGFzcw==");
    expect(inspect(secret, { depth: 9 })).not.toContain("cGFzcw");
    expect(api.requests[0]?.path).toBe("/api/v1/namespaces/kyma-system/secrets?labelSelector=app%2CbundleId&limit=500");
  });
});
