/** What Flux says of an object that a webhook refuses with the value in its words, as the agent tells it on a real API server. */

import { randomBytes } from "node:crypto";
import { expect, inject, it } from "vitest";
import { aRuntime } from "./a-runtime.js";
import { call, create, createNamespace, define } from "./api-server.js";

const server = inject("cluster");
const PASSWORD = "hunter2x";

it("a short password in Flux's words is in no view", async () => {
  await define(server, "kustomizations", "gitrepositories");
  const namespace = `flux-${randomBytes(4).toString("hex")}`;
  await createNamespace(server, namespace);
  const runtime = await aRuntime(server, { settings: { gitops: { kind: "flux", namespace } } });
  await runtime.pair();
  await runtime.world.edit(({ applications }) => {
    const credential = { __typename: "BasicCredentialData", username: "u", password: PASSWORD };
    const auth = { credential, additionalHeaders: null, additionalQueryParams: null, requestAuth: null };
    Object.assign(applications[0]?.bundles[0] ?? {}, { defaultInstanceAuth: auth });
  });
  const path = `/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/${namespace}/kustomizations`;
  const sourceRef = { kind: "GitRepository", name: "runtime-agent" };
  await create(server, path, {
    apiVersion: "kustomize.toolkit.fluxcd.io/v1",
    kind: "Kustomization",
    metadata: { name: "runtime-agent" },
    spec: { interval: "10m", prune: true, sourceRef },
  });
  const message = `Secret/kyma-system/mp-x dry-run failed (Forbidden): the password ${PASSWORD} is too weak`;
  const ready = { type: "Ready", status: "False", reason: "ReconciliationFailed", message };
  const conditions = [{ ...ready, lastTransitionTime: "2026-11-22T10:00:00Z" }];
  await call(server, "PATCH", `${path}/runtime-agent/status`, {
    body: { status: { observedGeneration: 1, conditions } },
    type: "application/merge-patch+json",
  });

  await runtime.run(["sync"]);
  const json = await runtime.run(["sync", "-o", "json"]);
  const waited = await runtime.run(["sync", "--wait", "--wait-timeout", "2s"]);
  const status = await runtime.run(["status"]);
  const events = await runtime.events();

  expect(JSON.parse(json.stdout).applied.controller).toMatchObject({
    reason: "ReconciliationFailed",
    message: "(withheld: its words hold a secret value)",
  });
  const views = [json, waited, status].flatMap(({ stdout, stderr }) => [stdout, stderr]);
  expect([...views, JSON.stringify(events)].filter((view) => view.includes(PASSWORD))).toEqual([]);
}, 90_000);
