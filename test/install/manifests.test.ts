/** The manifests of an installation: against the published definitions, and for what a pod may do. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { parseYaml } from "../../src/adapters/yaml/index.js";
import type { InstallOptions } from "../../src/install/index.js";
import { find, manifestsOf, type Read, usual } from "./an-installation.js";

const PLAIN = usual({ secrets: "{mode: plain, acknowledgePlain: true}" });
const SEALED = usual({ secrets: "{mode: sealed-secrets, sealedSecrets: {certificate: {file: sealing.pem}}}" });

type Schema = { [key: string]: unknown; properties?: Record<string, Schema>; items?: Schema };

/** A field that the schema does not name is pruned, or refused: neither is meant. */
function closed(schema: Schema, isRoot = true): Schema {
  const { properties, items } = schema;
  if (items !== undefined) return { ...schema, items: closed(items, false) };
  if (properties === undefined) return schema;
  const inner = Object.entries(properties).map(([name, each]) => [
    name,
    isRoot && name === "metadata" ? each : closed(each, false),
  ]);
  return { ...schema, properties: Object.fromEntries(inner), additionalProperties: false };
}

const folder = join(import.meta.dirname, "crds");
const schemas = new Map<string, (manifest: Read) => unknown>(
  readdirSync(folder).map((name) => {
    const text = readFileSync(join(folder, name), "utf8");
    const { spec } = parseYaml(text, { file: name, stage: "render", code: "Internal" }) as {
      spec: {
        group: string;
        names: { kind: string };
        versions: [{ name: string; schema: { openAPIV3Schema: Schema } }];
      };
    };
    const [{ name: version, schema }] = spec.versions;
    const validate = new Ajv({ strict: false, formats: { int64: true } }).compile(closed(schema.openAPIV3Schema));
    return [
      `${spec.group}/${version} ${spec.names.kind}`,
      (manifest) => (validate(manifest) ? null : validate.errors),
    ] as const;
  }),
);

/** What does not fit its definition; objects of the API server's own kinds are tried there. */
const misfits = (manifests: readonly Read[]) =>
  manifests.flatMap((manifest) => {
    const errors = schemas.get(`${manifest.apiVersion} ${manifest.kind}`)?.(manifest) ?? null;
    return errors === null ? [] : [manifest.kind, errors];
  });

describe("the wiring", () => {
  it.each([
    ["Flux with SOPS", usual(), { gitops: "flux" }, ["GitRepository", "Kustomization"]],
    ["Flux with Sealed Secrets", SEALED, { gitops: "flux" }, ["GitRepository", "Kustomization"]],
    ["Argo CD with Sealed Secrets", SEALED, { gitops: "argocd" }, ["AppProject", "Application"]],
    ["Argo CD with readable Secrets", PLAIN, { gitops: "argocd" }, ["AppProject", "Application"]],
  ] as const)("of %s fits the published definitions", async (_, text, options, kinds) => {
    const manifests = await manifestsOf(text, options);

    expect(misfits(manifests)).toEqual([]);
    expect(manifests.flatMap(({ apiVersion, kind }) => (schemas.has(`${apiVersion} ${kind}`) ? [kind] : []))).toEqual(
      kinds,
    );
  });

  it("would be seen not to fit", async () => {
    const manifests = await manifestsOf(usual(), { gitops: "flux" });
    const { spec } = find(manifests, "Kustomization");

    expect(misfits([{ ...find(manifests, "Kustomization"), spec: { ...spec, pruned: true } } as Read])).not.toEqual([]);
    expect(misfits([{ ...find(manifests, "Kustomization"), spec: { ...spec, interval: 10 } } as Read])).not.toEqual([]);
  });

  it("of Flux prunes, waits, decrypts, applies as an account of its own, and leaves everything when it goes", async () => {
    const { spec } = find(await manifestsOf(usual(), { gitops: "flux" }), "Kustomization");

    expect(spec).toMatchObject({
      prune: true,
      wait: true,
      path: "./clusters/prod/runtime-agent",
      deletionPolicy: "Orphan",
      serviceAccountName: "runtime-agent-applier",
      decryption: { provider: "sops", secretRef: { name: "runtime-agent-sops" } },
    });
    expect(spec.healthCheckExprs).toBeUndefined();
  });

  it("of Flux asks a SealedSecret whether it was unsealed, and decrypts nothing", async () => {
    const manifests = await manifestsOf(SEALED, { gitops: "flux" });
    const { spec } = find(manifests, "Kustomization");

    expect(spec.healthCheckExprs).toMatchObject([{ kind: "SealedSecret" }]);
    expect(spec.decryption).toBeUndefined();
    expect(manifests.some(({ metadata }) => metadata.name === "runtime-agent-sops")).toBe(false);
    expect(JSON.stringify(find(manifests, "Role", "runtime-agent-applier"))).toContain("sealedsecrets");
  });

  it("of Flux may apply Applications, which are cluster-scoped, by a ClusterRole, and Secrets in one namespace", async () => {
    const text = usual({ applications: "{namespace: apps}" });
    const manifests = await manifestsOf(text, { gitops: "flux" });

    const { rules } = find(manifests, "ClusterRole", "runtime-agent-applier");
    expect(rules.map(({ resources }: { resources: string[] }) => resources)).toEqual([["applications"]]);
    expect(find(manifests, "Role", "runtime-agent-applier").metadata.namespace).toBe("apps");
  });

  it("of Argo CD allows the cluster-scoped kind and applies on the server, without a finalizer that deletes it all", async () => {
    const manifests = await manifestsOf(PLAIN, { gitops: "argocd" });
    const application = find(manifests, "Application");

    expect(find(manifests, "AppProject").spec.clusterResourceWhitelist).toEqual([
      { group: "applicationconnector.kyma-project.io", kind: "Application" },
    ]);
    expect(application.spec.syncPolicy).toMatchObject({
      automated: { prune: true, selfHeal: true },
      syncOptions: ["ServerSideApply=true"],
    });
    expect(application.metadata).not.toHaveProperty("finalizers");
  });

  it("takes an address that only git knows as a URL", async () => {
    const text = usual({ git: `{url: "git@git.example.com:platform/clusters.git", path: agent}` });

    const { spec } = find(await manifestsOf(text, { gitops: "flux" }), "GitRepository");

    expect(spec.url).toBe("ssh://git@git.example.com/platform/clusters.git");
  });
});

const podOf = (manifests: readonly Read[], as: InstallOptions["as"]) =>
  as === "cronjob"
    ? find(manifests, "CronJob").spec.jobTemplate.spec.template
    : find(manifests, "Deployment").spec.template;

describe.each(["cronjob", "deployment"] as const)("the pod of a %s", (as) => {
  it("may do as little as can be", async () => {
    const { spec } = podOf(await manifestsOf(usual(), { as }), as);
    const [container] = spec.containers;

    expect(spec.containers).toHaveLength(1);
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
    expect(container.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(spec.volumes.map(({ name }: { name: string }) => name)).toEqual(["configuration", "credentials", "tmp"]);
    expect(spec.volumes[2]).toMatchObject({ emptyDir: {} });
    expect(container.env).toContainEqual({ name: "TMPDIR", value: "/tmp" });
    expect(spec.enableServiceLinks).toBe(false);
  });

  it("has no sidecar, and the label that the module's own NetworkPolicies select", async () => {
    const { metadata } = podOf(await manifestsOf(usual(), { as }), as);

    expect(metadata.labels).toMatchObject({ app: "compass-runtime-agent", "sidecar.istio.io/inject": "false" });
    expect(metadata.annotations).toMatchObject({ "sidecar.istio.io/inject": "false" });
  });
});

describe("the workload", () => {
  it("as a CronJob runs one cycle at a time and repeats none", async () => {
    const { spec } = find(await manifestsOf(usual()), "CronJob");

    expect(spec).toMatchObject({ schedule: "*/3 * * * *", concurrencyPolicy: "Forbid", failedJobsHistoryLimit: 3 });
    // Without it, a controller that was away for a hundred starts begins none any more.
    expect(spec.startingDeadlineSeconds).toBe(300);
    expect(spec.jobTemplate.spec).toMatchObject({ backoffLimit: 0, activeDeadlineSeconds: 900 });
    expect(spec.jobTemplate.spec.template.spec).toMatchObject({ restartPolicy: "Never" });
    expect(spec.jobTemplate.spec.template.spec.containers[0].args[0]).toBe("sync");
  });

  it("as a Deployment is one pod, recreated, with probes and metrics at the ports that are configured", async () => {
    const text = usual({ server: "{health: 8099, metrics: 9099}" });
    const manifests = await manifestsOf(text, { as: "deployment" });
    const { spec } = find(manifests, "Deployment");
    const [container] = spec.template.spec.containers;

    expect(spec).toMatchObject({ replicas: 1, strategy: { type: "Recreate" } });
    expect(container.args[0]).toBe("run");
    expect(container.ports.map(({ containerPort }: { containerPort: number }) => containerPort)).toEqual([8099, 9099]);
    expect(container.livenessProbe.httpGet).toEqual({ path: "/healthz", port: "health" });
    expect(container.readinessProbe.httpGet).toEqual({ path: "/readyz", port: "health" });
    expect(find(manifests, "NetworkPolicy").spec.ingress).toEqual([
      {
        ports: [
          { protocol: "TCP", port: 8099 },
          { protocol: "TCP", port: 9099 },
        ],
      },
    ]);
  });

  it("as a Deployment without ports has neither probes nor a way in", async () => {
    const manifests = await manifestsOf(usual({ server: "{health: null, metrics: null}" }), { as: "deployment" });
    const [container] = find(manifests, "Deployment").spec.template.spec.containers;

    expect([container.ports, container.livenessProbe, container.readinessProbe]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(find(manifests, "NetworkPolicy").spec.ingress).toEqual([]);
  });

  it("as a Deployment changes with its configuration", async () => {
    const template = async (text: string) =>
      find(await manifestsOf(text, { as: "deployment" }), "Deployment").spec.template;

    expect(await template(usual())).toEqual(await template(usual()));
    expect(await template(usual({ drift: "fail" }))).not.toEqual(await template(usual()));
  });

  it("may reach the Git host, Compass, the API server and names, but not the cloud's metadata service", async () => {
    const text = usual({
      git: `{url: "ssh://git@git.example.com:2222/a.git", path: agent}`,
      compass: "{connectorURL: https://compass.example.com:8443/connector/graphql}",
    });
    const [names, others] = find(await manifestsOf(text), "NetworkPolicy").spec.egress;

    expect(others.ports.map(({ port }: { port: number }) => port)).toEqual([443, 2222, 6443, 8443]);
    expect(others.to[0].ipBlock).toEqual({ cidr: "0.0.0.0/0", except: ["169.254.0.0/16"] });
    expect(new Set(names.ports.map(({ port }: { port: number }) => port))).toEqual(new Set([53, 8053]));
  });

  it("may reach all else that is configured: proxy, Pushgateway, the Git host's API, Vault, the sealing certificate", async () => {
    const text = usual({
      proxy: "{https: http://proxy.example.com:3128}",
      metrics: "{push: http://pushgateway.example.com:9091}",
      pullRequest: "{host: gitea, api: https://git.example.com:3000/api/v1}",
      secrets: `{mode: sops, sops: {vault: {address: "https://vault.example.com:8200", keyName: agent, token: {file: t}}},
  sealedSecrets: {certificate: {url: "https://sealed.example.com:8443/v1/cert.pem"}}}`,
    });
    const [, others] = find(await manifestsOf(text), "NetworkPolicy").spec.egress;

    expect(others.ports.map(({ port }: { port: number }) => port)).toEqual([443, 3000, 3128, 6443, 8200, 8443, 9091]);
  });
});

describe("the whole", () => {
  it.each([
    [usual(), { gitops: "flux" }],
    [PLAIN, { gitops: "argocd" }],
    [SEALED, { gitops: "flux", as: "deployment" }],
  ] as const)("holds no value in any Secret", async (text, options) => {
    const secrets = (await manifestsOf(text, options)).filter(({ kind }) => kind === "Secret");

    expect(secrets.length).toBeGreaterThan(4);
    expect(secrets.filter(({ data }) => data !== undefined)).toEqual([]);
    const said = secrets.flatMap(({ stringData = {} }) => Object.keys(stringData));
    expect(said.filter((key) => key !== "url" && key !== "type")).toEqual([]);
  });

  it("begins with what the rest stands in, and leaves that to the Go agent's module where there is one", async () => {
    const kinds = (await manifestsOf(usual())).map(({ kind }) => kind);
    const over = (await manifestsOf(usual(), { takeOver: true })).map(({ kind }) => kind);

    expect(kinds.slice(0, 4)).toEqual([
      "Namespace",
      "Namespace",
      "CustomResourceDefinition",
      "CustomResourceDefinition",
    ]);
    expect(over).toEqual(kinds.slice(4));
  });

  it("begins beside the Go agent with the namespace that it never knew", async () => {
    const manifests = await manifestsOf(usual({ applications: "{namespace: apps}" }), { takeOver: true });

    const names = manifests.filter(({ kind }) => kind === "Namespace").map(({ metadata }) => metadata.name);
    expect(names).toEqual(["apps"]);
  });

  it("has the objects of the tool where gitops says, and lets the agent look at those alone", async () => {
    const text = usual({ gitops: "{kind: flux, namespace: gitops}" });
    const manifests = await manifestsOf(text, { gitops: "flux" });

    const role = find(manifests, "Role", "runtime-agent-flux");
    expect(find(manifests, "Kustomization").metadata.namespace).toBe("gitops");
    expect(find(manifests, "Kustomization").spec.sourceRef.name).toBe("runtime-agent");
    expect(find(manifests, "GitRepository").metadata.namespace).toBe("gitops");
    expect(find(manifests, "ServiceAccount", "runtime-agent-applier").metadata.namespace).toBe("gitops");
    expect(role.metadata.namespace).toBe("gitops");
    expect(role.rules.map(({ resourceNames }: { resourceNames: string[] }) => resourceNames)).toEqual([
      ["runtime-agent"],
      ["runtime-agent"],
    ]);
    expect(manifests.filter(({ metadata }) => metadata.namespace === "flux-system")).toEqual([]);
  });

  it.each([
    ["argocd", "none", "apps"],
    ["argocd", null, "apps"],
    ["flux", null, "flux-system"],
    ["flux", null, "runtime-agent"],
  ] as const)(
    "lets the agent ask a tool that somebody else has wired: %s with --gitops %s and %s",
    async (kind, gitops, name) => {
      const text = usual({
        secrets: "{mode: plain, acknowledgePlain: true}",
        gitops: `{kind: ${kind}, name: ${name}}`,
      });
      const manifests = await manifestsOf(text, { gitops });

      const groups = manifests.map(({ apiVersion }) => apiVersion.split("/")[0]);
      expect(groups.filter((group) => /toolkit|argoproj/.test(group ?? ""))).toEqual([]);
      expect(find(manifests, "Role", `runtime-agent-${kind}`).rules[0].resourceNames).toEqual([name]);
    },
  );

  it("lets the policy over dry runs pass what the agent stores for itself, by the names that are configured", async () => {
    const expressionOf = async (parts: Record<string, string>) => {
      const manifests = await manifestsOf(usual(parts));
      return find(manifests, "ValidatingAdmissionPolicy", "runtime-agent-admission").spec.matchConditions[1].expression;
    };

    const beside = await expressionOf({
      applications: "{admission: dry-run, canary: true}",
      certificate: "{secret: kyma-system/mine, caSecret: kyma-system/authority}",
    });
    const apart = await expressionOf({
      applications: "{admission: dry-run, namespace: apps}",
      certificate: "{secret: apps/mine, caSecret: istio-system/authority}",
    });

    expect(beside).toContain(
      "!(request.name in ['mine', 'authority', 'runtime-agent-state', 'runtime-agent-configuration', 'runtime-agent-canary'])",
    );
    expect(apart).toContain("!(request.name in ['mine'])");
  });

  it.each([
    ["runtime-agent-canary", { applications: "{canary: true}" }, "secrets", ["get"]],
    [
      "runtime-agent-sealed-secrets",
      { secrets: "{mode: sealed-secrets, sealedSecrets: {certificate: {file: sealing.pem}}}" },
      "sealedsecrets",
      ["list"],
    ],
    ["runtime-agent-secrets", { secrets: "{mode: cluster}" }, "secrets", ["create", "patch", "delete", "list"]],
    ["runtime-agent-flux", { gitops: "{kind: flux}" }, "kustomizations", ["get", "patch"]],
    ["runtime-agent-argocd", { gitops: "{kind: argocd}" }, "applications", ["get", "patch"]],
    ["runtime-agent-admission", { applications: "{admission: dry-run}" }, "secrets", ["create", "patch"]],
  ])("gives the right that a setting needs, and gives it to no other: %s", async (name, settings, resource, verbs) => {
    const rolesIn = async (parts: Record<string, string>) =>
      (await manifestsOf(usual(parts))).filter(({ kind, metadata }) => kind === "Role" && metadata.name === name);

    const [role, ...others] = await rolesIn(settings);

    expect([role?.rules[0].resources, role?.rules[0].verbs, others]).toEqual([[resource], verbs, []]);
    expect(await rolesIn({})).toEqual([]);
  });

  it("has a policy over dry runs of Applications alone, where mode cluster stores the Secrets", async () => {
    const resourcesOf = async (secrets: string) => {
      const manifests = await manifestsOf(usual({ secrets, applications: "{admission: dry-run}" }));
      const { spec } = find(manifests, "ValidatingAdmissionPolicy", "runtime-agent-admission");
      return spec.matchConstraints.resourceRules.flatMap(({ resources }: { resources: string[] }) => resources);
    };

    expect(await resourcesOf("{mode: cluster}")).toEqual(["applications"]);
    expect(await resourcesOf("{mode: plain, acknowledgePlain: true}")).toEqual(["applications", "secrets"]);
  });

  it("is the same each time", async () => {
    expect(await manifestsOf(usual(), { gitops: "flux" })).toEqual(await manifestsOf(usual(), { gitops: "flux" }));
  });
});
