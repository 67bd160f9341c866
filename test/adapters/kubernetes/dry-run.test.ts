import { describe, expect, it, onTestFinished } from "vitest";
import { type ClusterOptions, openCluster, type TriedObject } from "../../../src/adapters/kubernetes/index.js";
import { Secret } from "../../../src/common/secret.js";
import { aClock } from "../../common/clock.js";
import { failureOf, told } from "../../common/failure-of.js";
import { type Fault, startFakeAPIServer } from "../../fakes/api-server.js";

const application: TriedObject = {
  object: {
    apiVersion: "applicationconnector.kyma-project.io/v1alpha1",
    kind: "Application",
    metadata: { name: "mp-shop" },
    spec: { services: [] },
  },
  data: null,
};
const secret: TriedObject = {
  object: { apiVersion: "v1", kind: "Secret", metadata: { name: "mp-shop-1", namespace: "kyma-system" } },
  data: new Map([["password", Secret.of("pässword")]]),
};
const APPLICATION = "/apis/applicationconnector.kyma-project.io/v1alpha1/applications/mp-shop";
const SECRET = "/api/v1/namespaces/kyma-system/secrets/mp-shop-1";
const QUERY = "?dryRun=All&fieldManager=runtime-agent&force=true";

async function aServer(options: Partial<ClusterOptions> = {}) {
  const api = await startFakeAPIServer();
  onTestFinished(() => api.close());
  const env = { KUBECONFIG: await api.kubeconfig() };
  const { tryApply } = openCluster({ env, stage: "plan", clock: aClock(), random: () => 0, ...options });
  /** Each request meets the next of these. */
  const answering = (...faults: Fault[]) => {
    api.fault = ({ body }) => faults.shift() ?? { answer: JSON.parse(body) };
    return tryApply;
  };
  return { api, answering };
}

describe("an object that is tried", () => {
  it("is applied by force as a dry run, a Secret with its values", async () => {
    const { api, answering } = await aServer();
    const tryApply = answering();

    expect([await tryApply(application), await tryApply(secret)]).toEqual([null, null]);

    expect(api.requests.map(({ method, path, contentType }) => `${method} ${path} ${contentType}`)).toEqual([
      `PATCH ${APPLICATION}${QUERY} application/apply-patch+yaml`,
      `PATCH ${SECRET}${QUERY} application/apply-patch+yaml`,
    ]);
    expect(api.requests.map(({ body }) => JSON.parse(body))).toEqual([
      application.object,
      { ...secret.object, data: { password: Buffer.from("pässword").toString("base64") } },
    ]);
    expect(api.requests.map(({ impersonated }) => impersonated)).toEqual(["", ""]);
  });

  it("is tried as another user where that is wanted", async () => {
    const { api, answering } = await aServer({ asUser: "system:serviceaccount:flux-system:applier" });

    await answering()(application);

    expect(api.requests.map(({ impersonated }) => impersonated)).toEqual(["system:serviceaccount:flux-system:applier"]);
  });

  it.each([
    [400, 'admission webhook "w.example.com" denied the request: no'],
    [403, 'admission webhook "w.example.com" denied the request: no'],
    [403, 'applications "mp-shop" is forbidden: exceeded quota: few'],
    [401, `applications "mp-shop" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no`],
    [404, 'namespaces "kyma-system" not found'],
    [409, "it cannot become what it is to be"],
    [413, "Request entity too large"],
    [422, 'Application "mp-shop" is invalid: spec.services: Required value'],
    // What a webhook says is its own, whatever code it chose.
    [500, 'admission webhook "w.example.com" denied the request: no'],
  ])("is refused with %i, and the words are given: %s", async (status, message) => {
    const { api, answering } = await aServer();

    expect(await answering({ status, message })(application)).toBe(message);
    expect(api.requests).toHaveLength(1);
  });

  it.each([
    [
      403,
      'applications "mp-shop" is forbidden: User "u" cannot patch resource "applications"',
      "ClusterForbidden",
      false,
    ],
    [403, 'serviceaccounts "a" is forbidden: User "u" cannot impersonate resource', "ClusterForbidden", false],
    [401, "Unauthorized", "ClusterAuthentication", false],
    [404, "the server could not find the requested resource", "ClusterRefused", false],
    [405, "not allowed", "ClusterRefused", false],
    [429, "too many requests", "RateLimited", true],
    [500, 'Internal error occurred: failed calling webhook "w": no answer', "ServerError", true],
    [503, "words of a proxy", "ServerError", true],
  ])("says nothing of the object with %i: %s", async (status, message, code, retryable) => {
    const { answering } = await aServer();
    const often = Array.from({ length: 5 }, () => ({ status, message }));

    const failure = await failureOf(answering(...often)(secret));

    expect(failure).toMatchObject({ code, retryable, stage: "plan" });
    for (const text of [message, "pässword"]) expect(told(failure)).not.toContain(text);
  });

  it.each(["login-page", "reset"] as const)(
    "says nothing of the object when there is no API server (%s)",
    async (fault) => {
      const { answering } = await aServer();

      await expect(failureOf(answering(...Array.from({ length: 5 }, () => fault))(application))).resolves.toMatchObject(
        {
          stage: "plan",
        },
      );
    },
  );

  it("is tried again when an answer did not come", async () => {
    const { api, answering } = await aServer();

    expect(await answering(503, "reset")(application)).toBeNull();
    expect(api.requests).toHaveLength(3);
  });

  it("of another kind is found by what the API server calls it, which is asked once", async () => {
    const { api, answering } = await aServer();
    const resources = [
      { name: "gates/status", kind: "Gate", namespaced: true },
      { name: "gates", kind: "Gate", namespaced: true },
    ];
    const gate = (name: string) => ({
      object: { apiVersion: "example.com/v1", kind: "Gate", metadata: { name } },
      data: null,
    });
    const tryApply = answering({ answer: { kind: "APIResourceList", resources } });

    expect([await tryApply(gate("a")), await tryApply(gate("b"))]).toEqual([null, null]);

    expect(api.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /apis/example.com/v1",
      `PATCH /apis/example.com/v1/namespaces/default/gates/a${QUERY}`,
      `PATCH /apis/example.com/v1/namespaces/default/gates/b${QUERY}`,
    ]);
  });

  it("of a kind that the cluster does not know is refused", async () => {
    const { answering } = await aServer();
    const gate = { object: { apiVersion: "example.com/v1", kind: "Gate", metadata: { name: "a" } }, data: null };

    expect(await answering(404)(gate)).toBe("the cluster knows no Gate of example.com/v1");
  });
});
