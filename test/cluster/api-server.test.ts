import { describe, expect, inject, it } from "vitest";
import { call, createAccount, kubectl, requestsOf, tokenOf } from "./api-server.js";

const server = inject("cluster");
const secrets = "/api/v1/namespaces/kyma-system/secrets";

describe("the API server of these tests", () => {
  it("lets an account do what its Role allows, and nothing else, and writes down what it asked", async () => {
    const rules = [{ apiGroups: [""], resources: ["secrets"], resourceNames: ["mine"], verbs: ["get"] }];
    const rights = [{ namespace: "kyma-system", rules }];
    await createAccount(server, { namespace: "kyma-system", name: "reader", rights });
    await call(server, "POST", secrets, { body: { metadata: { name: "mine" } } });
    const token = await tokenOf(server, "kyma-system", "reader");

    const own = await call(server, "GET", `${secrets}/mine`, { token });
    const other = await call(server, "GET", `${secrets}/other`, { token });

    expect([own.status, other.status]).toEqual([200, 403]);
    expect(await requestsOf(server, "system:serviceaccount:kyma-system:reader")).toEqual([
      { verb: "get", resource: "secrets", namespace: "kyma-system", name: "mine", code: 200 },
      { verb: "get", resource: "secrets", namespace: "kyma-system", name: "other", code: 403 },
    ]);
  });

  it("knows the CompassConnection, and is reached by kubectl", async () => {
    const crd = await kubectl(server, "get", "crd", "compassconnections.compass.kyma-project.io", "-o", "json");

    expect(JSON.parse(crd)).toMatchObject({ spec: { scope: "Cluster" } });
  });
});
