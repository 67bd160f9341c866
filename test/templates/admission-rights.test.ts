import { readFileSync } from "node:fs";
import { join } from "node:path";
import { App, Chart } from "cdk8s";
import { describe, expect, it } from "vitest";
import { formatYaml } from "../../src/adapters/yaml/index.js";
import { admissionRights } from "../../templates/admission-rights.js";

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly { readonly verbs: readonly string[] }[];
  readonly [field: string]: unknown;
}

function charted(namespace = "kyma-system", applicationsNamespace = "kyma-system"): Manifest[] {
  const chart = new Chart(new App(), "rights");
  admissionRights(chart, { namespace, applicationsNamespace });
  return chart.toJson() as Manifest[];
}

describe("the rights for admission", () => {
  it("are those of the file that is shipped", () => {
    const shipped = readFileSync(join(import.meta.dirname, "..", "..", "deploy", "admission.yaml"), "utf8");

    expect(shipped.split("---\n").slice(1)).toEqual(charted().map(formatYaml));
  });

  it("reach the credential Secrets of one namespace, and never come without the policy and its binding", () => {
    const made = charted("agents", "apps");

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
});
