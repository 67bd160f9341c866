/** The landscape that the Go agent made, on a real API server: compared, adopted by what is committed, and given back. */

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeEach, describe, expect, inject, it } from "vitest";
import { aWorld } from "../e2e/world.js";
import { aRuntime } from "./a-runtime.js";
import { asAccount, enoughForCommands, prepare } from "./account.js";
import { call, create, kubectl, writeKubeconfig } from "./api-server.js";
import {
  AGENT,
  APPLICATIONS,
  applicationsOf,
  clearLandscape,
  GOLDEN,
  makeLandscape,
  recorded,
  SECRETS,
  secretsOf,
  uidsOf,
} from "./go-agent/landscape.js";

const server = inject("cluster");
async function aMovingWorld() {
  const settings = { secrets: { mode: "plain", acknowledgePlain: true } };
  const world = await aWorld({ snapshot: join(GOLDEN, "snapshot.json"), settings });
  const env = { KUBECONFIG: await writeKubeconfig(server), TMPDIR: world.folder };
  const plan = async (...args: string[]) => {
    const { code, stdout, stderr } = await world.run(
      ["plan", "--base", "cluster", "--snapshot", join(GOLDEN, "snapshot.json"), ...args],
      { env },
    );
    if (code !== 0 && code !== 2) throw new Error(`plan ended with ${code}: ${stderr}`);
    return { code, stdout };
  };
  const compare = async () => {
    const { code, stdout } = await plan("--detailed-exit-code", "-o", "json");
    return { code, plan: JSON.parse(stdout) as Plan, stdout };
  };
  return { world, env, plan, compare };
}

interface Plan {
  readonly kind: string;
  readonly objects: readonly {
    readonly kind: string;
    readonly name: string;
    readonly change: string;
    readonly differences: readonly {
      readonly path: string;
      readonly documented: boolean;
      readonly reason: string | null;
      readonly before: unknown;
      readonly after: unknown;
    }[];
  }[];
}

const undocumented = ({ objects }: Plan) =>
  objects.flatMap(({ kind, name, change, differences }) =>
    differences.filter(({ documented }) => !documented).map(({ path }) => `${change} ${kind} ${name} ${path}`),
  );

/** As Flux and Argo CD apply it: what is committed, built by kustomize, by force. */
async function applyCommitted(repository: string, folder: string): Promise<void> {
  const checkout = join(folder, `checkout-${Math.random().toString(36).slice(2)}`);
  await promisify(execFile)("git", ["clone", "--quiet", repository, checkout]);
  const path = join(checkout, "clusters/test");
  await kubectl(
    server,
    "apply",
    "--server-side",
    "--force-conflicts",
    "--field-manager=kustomize-controller",
    "-k",
    path,
  );
}

beforeEach(() => clearLandscape(server));

describe("plan --base cluster", () => {
  it("shows no difference but the documented ones for a landscape that the Go agent made", async () => {
    await makeLandscape(server);
    const { compare, plan } = await aMovingWorld();

    const { code, plan: found } = await compare();

    expect(undocumented(found)).toEqual([]);
    expect(code).toBe(0);
    expect(found.kind).toBe("PlanAgainstCluster");
    const reasons = Map.groupBy(
      found.objects.flatMap(({ kind, name, differences }) =>
        differences.map(({ reason }) => ({ reason: reason ?? "", object: `${kind} ${name}` })),
      ),
      ({ reason }) => reason,
    );
    const numbers = [...reasons].map(([reason, list]) => [reason, new Set(list.map(({ object }) => object)).size]);
    expect(Object.fromEntries(numbers)).toEqual({
      EmptyParameters: 1,
      InvalidName: 1,
      MissingSecret: 1,
      OwnAnnotation: 32,
      OwnerReference: 13,
      SortedClientIDs: 1,
      UnusedSecret: 2,
    });
    const { stdout } = await plan();
    expect(stdout).toContain("Compared 20 Applications and 15 Secrets");
  });

  it("tells each other difference by its field, and of a Secret the key alone", async () => {
    await makeLandscape(server);
    const change = (path: string, body: object) =>
      call(server, "PATCH", path, { body, type: "application/merge-patch+json" });
    await change(`${APPLICATIONS}/mp-basic-params`, {
      spec: { description: "by hand", skipVerify: true, tags: ["x"] },
    });
    const secret = "mp-sap-commerce-2d716890-f47c-46b7-aee0-4a7900e6d75d";
    const other = Buffer.from("another password").toString("base64");
    await change(`${SECRETS}/${secret}`, { data: { password: other } });
    await call(server, "DELETE", `${APPLICATIONS}/mp-already-normal`);
    await create(server, APPLICATIONS, {
      apiVersion: "applicationconnector.kyma-project.io/v1alpha1",
      kind: "Application",
      metadata: { name: "mp-unknown" },
      spec: { services: [], compassMetadata: { authentication: { clientIds: [] } } },
    });
    const { compare, plan } = await aMovingWorld();

    const { code, plan: found, stdout } = await compare();
    const { stdout: text } = await plan();

    expect(code).toBe(2);
    expect(undocumented(found).sort()).toEqual([
      "create Application mp-already-normal ",
      "only-in-cluster Application mp-unknown ",
      "update Application mp-basic-params spec.description",
      "update Application mp-basic-params spec.skipVerify",
      `update Secret ${secret} data.password`,
    ]);
    const basic = found.objects.find(({ name }) => name === "mp-basic-params")?.differences ?? [];
    expect(basic).toContainEqual(
      expect.objectContaining({ path: "spec.tags", documented: true, reason: "NotOurs", before: ["x"], after: null }),
    );
    expect(basic).toContainEqual(expect.objectContaining({ path: "spec.skipVerify", before: true, after: false }));
    for (const said of [stdout, text]) {
      for (const value of ["another password", other, "d29uZGVyLWxhbmQtMQ==", "wonder-land-1"]) {
        expect(said).not.toContain(value);
      }
    }
    expect(text).toContain('spec.description: "by hand" → ');
    expect(text).toContain("+ Application mp-already-normal is not there");
  });
});

describe("plan --base cluster by an account that may not list Secrets", () => {
  it("says which right is missing, and who should run it", async () => {
    const runtime = await aRuntime(server, { snapshot: join(GOLDEN, "snapshot.json") });
    await prepare(server, runtime.place);
    const { rights, clusterRules } = enoughForCommands(runtime.place);
    const { place } = await asAccount(server, runtime.place, rights, clusterRules);

    const { code, stdout } = await runtime.run(
      ["plan", "--base", "cluster", "--snapshot", join(GOLDEN, "snapshot.json"), "-o", "json"],
      { env: place.options.env as Record<string, string> },
    );

    expect(code).toBe(1);
    expect(JSON.parse(stdout).failure).toMatchObject({
      code: "ClusterForbidden",
      message: "the agent may not list Secrets of kyma-system",
      hint: expect.stringContaining("as somebody who may list"),
    });
  });
});

describe("the doctor", () => {
  it("sees a running Go agent and what it owns, and what it left once it is gone and its objects are adopted", async () => {
    await makeLandscape(server);
    const runtime = await aRuntime(server, {
      snapshot: join(GOLDEN, "snapshot.json"),
      settings: { secrets: { mode: "plain", acknowledgePlain: true } },
    });
    await runtime.pair();
    const deployment = `/apis/apps/v1/namespaces/${runtime.namespace}/deployments`;
    const labels = { app: "compass-runtime-agent" };
    const spec = {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "a", image: "none" }] } },
    };
    await create(server, deployment, { metadata: { name: "compass-runtime-agent" }, spec });
    const look = async () => {
      const { stdout } = await runtime.run(["doctor", "-o", "json"]);
      const { checks } = JSON.parse(stdout) as { checks: { check: string; verdict: string; message: string }[] };
      const found = checks.find(({ check }) => check === "go-agent");
      return [found?.verdict, found?.message];
    };

    const beside = await look();
    await call(server, "DELETE", `${deployment}/compass-runtime-agent`);
    const left = await look();
    await runtime.sync();
    await applyCommitted(runtime.world.repository, runtime.world.folder);
    const adopted = await look();

    expect(beside).toEqual([
      "failed",
      `the Go agent runs beside this one: the Deployment ${runtime.namespace}/compass-runtime-agent has a pod; it owns 20 Applications, with references to 16 Secrets`,
    ]);
    expect(left).toEqual([
      "ok",
      "the Go agent does not run beside this one; it left 20 Applications, with references to 16 Secrets",
    ]);
    // One has a name that this agent does not write.
    expect(adopted).toEqual([
      "ok",
      "the Go agent does not run beside this one; it left 1 Application, with references to 2 Secrets",
    ]);
  });
});

describe("moving over", () => {
  it("adopts every object that the Go agent made, deletes none, and leaves nothing to compare", async () => {
    await makeLandscape(server);
    const before = await uidsOf(server);
    const { world, compare } = await aMovingWorld();
    expect(await world.pair()).toMatchObject({ code: 0 });
    expect(await world.run(["sync"])).toMatchObject({ code: 0 });

    await applyCommitted(world.repository, world.folder);

    expect(before.size).toBe(35);
    expect(await uidsOf(server)).toEqual(before);
    const { plan } = await compare();
    expect(undocumented(plan)).toEqual([]);
    const annotated = plan.objects.filter(({ differences }) =>
      differences.some(({ reason }) => reason === "OwnAnnotation" || reason === "SortedClientIDs"),
    );
    expect(annotated).toEqual([]);
  });

  it("can be gone back on: the Go agent finds its objects, and writes them as they were", async () => {
    await makeLandscape(server);
    const before = await uidsOf(server);
    const { world } = await aMovingWorld();
    expect(await world.pair()).toMatchObject({ code: 0 });
    expect(await world.run(["sync"])).toMatchObject({ code: 0 });
    await applyCommitted(world.repository, world.folder);

    // As it updates (contract 4.5): these fields as Compass has them, all others as they stand.
    const wanted = new Map((await recorded("applications.json")).map((each) => [each.metadata.name, each]));
    for (const stored of await applicationsOf(server)) {
      const { metadata, spec } = wanted.get(stored.metadata.name) as unknown as { metadata: object; spec: Spec };
      const { description, labels, services, compassMetadata } = spec;
      const body = {
        ...stored,
        metadata: { ...stored.metadata, labels: (metadata as { labels: object }).labels },
        spec: { ...(stored.spec as object), description, labels, services, compassMetadata },
      };
      const { status } = await call(server, "PUT", `${APPLICATIONS}/${stored.metadata.name}?${AGENT}`, { body });
      expect(status).toBe(200);
    }
    const data = new Map((await recorded("secrets.json")).map((each) => [each.metadata.name, each.data]));
    for (const stored of await secretsOf(server)) {
      const body = { ...stored, data: data.get(stored.metadata.name) };
      expect((await call(server, "PUT", `${SECRETS}/${stored.metadata.name}?${AGENT}`, { body })).status).toBe(200);
    }

    expect(await uidsOf(server)).toEqual(before);
    const specs = new Map((await applicationsOf(server)).map(({ metadata, spec }) => [metadata.name, spec]));
    expect(specs).toEqual(new Map([...wanted].map(([name, { spec }]) => [name, spec])));
    const stored = new Map((await secretsOf(server)).map(({ metadata, data }) => [metadata.name, data]));
    expect(stored).toEqual(data);
  });
});

interface Spec {
  readonly description: string;
  readonly labels: object;
  readonly services: readonly unknown[];
  readonly compassMetadata: object;
}
