import { readFileSync } from "node:fs";
import { join } from "node:path";
import { App, Chart } from "cdk8s";
import { describe, expect, it } from "vitest";
import { formatYaml } from "../../src/adapters/yaml/index.js";
import { optionalRights } from "../../templates/optional-rights.js";
import { clusterSecretsRights, rights } from "../../templates/rights.js";

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly {
    readonly resources: readonly string[];
    readonly resourceNames?: readonly string[];
    readonly verbs: readonly string[];
  }[];
  readonly subjects?: readonly object[];
  readonly data?: unknown;
}

function charted(
  namespace = "kyma-system",
  istioNamespace = "istio-system",
  applicationsNamespace = "kyma-system",
): Manifest[] {
  const chart = new Chart(new App(), "rights");
  rights(chart, { namespace, applicationsNamespace, istioNamespace });
  return chart.toJson() as Manifest[];
}

const rules = charted().flatMap((manifest) => manifest.rules ?? []);

const settings = {
  namespace: "kyma-system",
  applicationsNamespace: "kyma-system",
  flux: { namespace: "flux-system", kustomization: "runtime-agent", repository: "runtime-agent" },
  argocd: { namespace: "argocd", application: "runtime-agent" },
};

describe("the rights for one setting", () => {
  it.each(Object.entries(optionalRights))("of %s are those of the file that is shipped", (word, add) => {
    const chart = new Chart(new App(), "rights");
    add(chart, settings);
    const shipped = readFileSync(join(import.meta.dirname, "..", "..", "deploy", `rbac-${word}.yaml`), "utf8");

    expect(shipped.split("---\n").slice(1)).toEqual(chart.toJson().map(formatYaml));
  });

  it.each(Object.entries(optionalRights))(
    "of %s are bound to the agent's account, and reach one namespace",
    (_, add) => {
      const chart = new Chart(new App(), "rights");
      add(chart, { ...settings, namespace: "agents" });
      const [role, binding] = chart.toJson() as Manifest[];

      expect([role?.kind, binding?.kind]).toEqual(["Role", "RoleBinding"]);
      expect(binding?.subjects).toEqual([{ kind: "ServiceAccount", name: "runtime-agent", namespace: "agents" }]);
      expect(
        role?.rules?.flatMap(({ verbs }) => verbs).filter((verb) => !["get", "list", "patch"].includes(verb)),
      ).toEqual([]);
    },
  );
});

describe("the rights", () => {
  it("are those of the file that is shipped", () => {
    const shipped = readFileSync(join(import.meta.dirname, "..", "..", "deploy", "rbac.yaml"), "utf8");

    expect(shipped.split("---\n").slice(1)).toEqual(charted().map(formatYaml));
  });

  it("let nothing be listed but Applications, and nothing be watched or deleted", () => {
    const verbs = new Set(rules.flatMap((rule) => rule.verbs));
    const listed = rules.filter((rule) => rule.verbs.includes("list"));

    expect([...verbs].sort()).toEqual(["create", "get", "list", "patch", "update"]);
    expect(listed.flatMap(({ resources }) => resources)).toEqual(["applications"]);
  });

  it("name each object, but for what has no name yet", () => {
    const unnamed = rules.filter(({ resourceNames }) => resourceNames === undefined);

    expect(unnamed.map(({ resources, verbs }) => [...resources, ...verbs])).toEqual([
      ["events", "create", "patch"],
      ["compassconnections", "create"],
      ["applications", "list"],
    ]);
  });

  it("come with empty Secrets and the Lease for all that may only be updated", () => {
    const updated = charted().flatMap(({ metadata: { namespace }, rules: own = [] }) =>
      own
        .filter(({ verbs, resources }) => verbs.includes("update") && !resources.includes("compassconnections"))
        .flatMap(({ resourceNames = [] }) => resourceNames.map((name) => `${namespace}/${name}`)),
    );

    const made = charted().filter(({ kind }) => kind === "Secret" || kind === "Lease");

    expect(made.map(({ metadata: { namespace, name } }) => `${namespace}/${name}`).sort()).toEqual(updated.sort());
    expect(made.filter((manifest) => "data" in manifest || "stringData" in manifest || "spec" in manifest)).toEqual([]);
  });

  it("are bound to the agent's account in its namespace, also those in others", () => {
    const bindings = charted("agents", "mesh", "apps").filter(({ kind }) => kind.endsWith("Binding"));

    expect(bindings.map(({ metadata }) => metadata.namespace)).toEqual([
      "agents",
      "apps",
      "mesh",
      "default",
      undefined,
    ]);
    expect(new Set(bindings.map(({ subjects }) => JSON.stringify(subjects))).size).toBe(1);
    expect(bindings[0]?.subjects).toEqual([{ kind: "ServiceAccount", name: "runtime-agent", namespace: "agents" }]);
  });
});

describe("the rights of mode cluster", () => {
  const chart = new Chart(new App(), "rights");
  clusterSecretsRights(chart, { namespace: "kyma-system", secretsNamespace: "kyma-system" });
  const manifests = chart.toJson() as Manifest[];

  it("are those of the file that is shipped", () => {
    const file = join(import.meta.dirname, "..", "..", "deploy", "rbac-cluster-secrets.yaml");

    expect(readFileSync(file, "utf8").split("---\n").slice(1)).toEqual(manifests.map(formatYaml));
  });

  it("let the Secrets of one namespace be written, listed and deleted, and have a name of their own", () => {
    expect(manifests.map(({ kind, metadata: { name, namespace } }) => [kind, name, namespace])).toEqual([
      ["Role", "runtime-agent-secrets", "kyma-system"],
      ["RoleBinding", "runtime-agent-secrets", "kyma-system"],
    ]);
    expect(manifests[0]?.rules).toEqual([
      { apiGroups: [""], resources: ["secrets"], verbs: ["create", "patch", "delete", "list"] },
    ]);
  });
});
