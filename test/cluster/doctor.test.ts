/** `doctor` on a real API server, where an installation for Flux stands and where parts of it are taken away. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, inject, it, onTestFinished } from "vitest";
import { formatDocument } from "../../src/adapters/yaml/index.js";
import { aFolder, agent, RECIPIENT } from "../e2e/world.js";
import { createNamespace, define, kubectl, tokenOf, writeKubeconfig } from "./api-server.js";

const server = inject("cluster");

interface Check {
  readonly check: string;
  readonly verdict: string;
  readonly message: string;
  readonly mend: string | null;
}

/** As the ServiceAccount that `install --gitops flux` makes; only the checks of what applies. */
async function anInstallation() {
  const folder = await aFolder();
  const settings = {
    version: 1,
    runtime: { id: "0e4d1f5c-0000-4000-8000-000000000001" },
    compass: { connectorURL: "https://compass.example.com/connector/graphql", token: { file: "/run/token" } },
    state: { kubernetes: { namespace: "kyma-system" } },
    git: {
      url: "https://git.example.com/platform/clusters.git",
      path: "clusters/test",
      auth: { token: { file: "/t" } },
    },
    secrets: { mode: "sops", sops: { age: [RECIPIENT] } },
    gitops: { kind: "flux" },
    applications: { admission: "dry-run", admissionAs: "flux-system/runtime-agent-applier" },
  };
  const config = join(folder, "agent.yaml");
  await writeFile(config, formatDocument(settings));
  await define(server, "kustomizations", "gitrepositories");
  for (const name of ["kyma-system", "istio-system", "flux-system"]) await createNamespace(server, name);
  const args = ["install", "--as", "deployment", "--gitops", "flux"];
  const { code, stdout, stderr } = await agent([...args, "--config", config], { cwd: folder });
  if (code !== 0) throw new Error(stderr);
  const manifests = join(folder, "installation.yaml");
  await writeFile(manifests, stdout);
  onTestFinished(async () => {
    const within = [
      "role/runtime-agent-admission",
      "rolebinding/runtime-agent-admission",
      "kustomization/runtime-agent",
      "gitrepository/runtime-agent",
    ];
    await kubectl(server, "-n", "flux-system", "delete", "--ignore-not-found", ...within);
    await kubectl(server, "-n", "kyma-system", "delete", "--ignore-not-found", "deployment/runtime-agent");
  });
  await kubectl(server, "apply", "-f", manifests);
  const tokenFile = join(folder, "token");
  await writeFile(tokenFile, await tokenOf(server, "kyma-system", "runtime-agent"));
  const env = { KUBECONFIG: await writeKubeconfig(server, { tokenFile }), RUNTIME_AGENT_COMPASS_TIMEOUT: "1s" };
  const doctor = async () => {
    const run = await agent(["doctor", "-o", "json", "--config", config], { env, cwd: folder });
    const { checks } = JSON.parse(run.stdout) as { checks: Check[] };
    const verdicts = Object.fromEntries(checks.map(({ check, verdict }) => [check, verdict]));
    const words = Object.fromEntries(checks.map(({ check, message, mend }) => [check, `${message} / ${mend}`]));
    return { verdicts, words };
  };
  return { doctor, apply: () => kubectl(server, "apply", "-f", manifests) };
}

describe("doctor", () => {
  it("finds the wiring that install makes, and names each part of it that is taken away", async () => {
    const { doctor, apply } = await anInstallation();

    const installed = await doctor();
    expect(installed.words.applier).toBe(
      "system:serviceaccount:flux-system:runtime-agent-applier may apply what is committed / null",
    );
    expect(installed.verdicts).toMatchObject({ gitops: "ok", applier: "ok", applied: "ok", admission: "ok" });

    await kubectl(server, "-n", "flux-system", "delete", "rolebinding", "runtime-agent-admission");
    const alone = await doctor();
    expect(alone.verdicts).toMatchObject({ gitops: "ok", applier: "skipped", applied: "ok", admission: "failed" });
    expect(alone.words.applier).toContain("kubectl auth can-i patch");
    expect(alone.words.admission).toContain("the verb impersonate");

    await apply();
    await kubectl(server, "delete", "clusterrolebinding", "runtime-agent-applier");
    await kubectl(server, "-n", "flux-system", "delete", "rolebinding", "runtime-agent-flux");
    const unbound = await doctor();
    expect(unbound.verdicts).toMatchObject({ gitops: "warning", applier: "skipped", admission: "failed" });
    expect(unbound.words.gitops).toMatch(/may not get Kustomization flux-system\/runtime-agent.*rbac-flux\.yaml/);
    expect(unbound.words.admission).toMatch(/applier may not create applications, patch applications/);
  }, 180_000);
});
