import { readFileSync } from "node:fs";
import { join } from "node:path";
import { App, Chart } from "cdk8s";
import { describe, expect, it } from "vitest";
import { formatYaml } from "../../src/adapters/yaml/index.js";
import { type AdmissionRightsSettings, admissionRights } from "../../templates/admission-rights.js";

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly { readonly verbs: readonly string[] }[];
  readonly [field: string]: unknown;
}

const SHIPPED: AdmissionRightsSettings = {
  namespace: "kyma-system",
  applicationsNamespace: "kyma-system",
  ownSecrets: ["cluster-client-certificates", "runtime-agent-state", "runtime-agent-configuration"],
  admissionAs: null,
  storesSecrets: false,
};

function charted(changes: Partial<AdmissionRightsSettings> = {}): Manifest[] {
  const chart = new Chart(new App(), "rights");
  admissionRights(chart, { ...SHIPPED, ...changes });
  return chart.toJson() as Manifest[];
}

describe("the rights for admission", () => {
  it("are those of the file that is shipped", () => {
    const shipped = readFileSync(join(import.meta.dirname, "..", "..", "deploy", "admission.yaml"), "utf8");

    expect(shipped.split("---\n").slice(1)).toEqual(charted().map(formatYaml));
  });

  it("reach the credential Secrets of one namespace, and never come without the policy and its binding", () => {
    const made = charted({ namespace: "agents", applicationsNamespace: "apps" });

    expect(made.filter(({ kind }) => kind === "Role").map(({ metadata }) => metadata.namespace)).toEqual(["apps"]);
    expect(made.flatMap(({ rules = [] }) => rules.flatMap(({ verbs }) => verbs))).toEqual([
      "create",
      "patch",
      "create",
      "patch",
    ]);
    const [policy, binding] = ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"].map((wanted) =>
      made.find(({ kind }) => kind === wanted),
    );
    expect(JSON.stringify(policy)).toContain("system:serviceaccount:agents:runtime-agent");
    expect(binding).toMatchObject({ spec: { policyName: policy?.metadata.name, validationActions: ["Deny"] } });
  });

  it("come with a policy of Applications alone where the agent stores credential Secrets itself, which it would refuse", () => {
    const policyOf = (storesSecrets: boolean) =>
      JSON.stringify(charted({ storesSecrets }).find(({ kind }) => kind === "ValidatingAdmissionPolicy"));

    expect(charted({ storesSecrets: true }).map(({ kind }) => kind)).toEqual(charted().map(({ kind }) => kind));
    expect(policyOf(true)).toContain('"resources":["applications"]');
    expect([policyOf(true), policyOf(false)].map((policy) => policy.includes('"resources":["secrets"]'))).toEqual([
      false,
      true,
    ]);
  });

  it("are to act as one service account alone where another one tries", () => {
    const made = charted({ admissionAs: { namespace: "flux-system", name: "runtime-agent-applier" } });

    expect(made.map(({ kind, metadata, rules }) => [kind, metadata.namespace, rules])).toEqual([
      [
        "Role",
        "flux-system",
        [
          {
            apiGroups: [""],
            resources: ["serviceaccounts"],
            resourceNames: ["runtime-agent-applier"],
            verbs: ["impersonate"],
          },
        ],
      ],
      ["RoleBinding", "flux-system", undefined],
    ]);
    expect(made[1]).toMatchObject({ subjects: [{ name: "runtime-agent", namespace: "kyma-system" }] });
  });
});
