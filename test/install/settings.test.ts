import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/index.js";
import { nextSteps } from "../../src/install/index.js";
import { FULL_EXAMPLE } from "../config/example.js";
import { aFolder } from "../e2e/world.js";
import { agentYaml, find, manifestsOf, RECIPIENT, settingsOf, usual } from "./an-installation.js";

describe("the configuration of the pod", () => {
  it("says what the one here says, its secrets from the mounted Secret, runtime and state from the cluster", async () => {
    const manifests = await manifestsOf(usual({ deletion: "{limit: 5%}" }));

    expect(agentYaml(manifests)).toEqual({
      version: 1,
      runtime: { configuration: { secret: "kyma-system/runtime-agent-configuration" } },
      state: { kubernetes: { namespace: "kyma-system" } },
      compass: { ca: { file: "/run/secrets/runtime-agent/compass-ca" } },
      git: {
        url: "https://git.example.com/platform/clusters.git",
        path: "clusters/prod/runtime-agent",
        auth: { token: { file: "/run/secrets/runtime-agent/git-auth-token" } },
      },
      secrets: { mode: "sops", sops: { age: [RECIPIENT] } },
      deletion: { limit: "5%" },
    });
  });

  it("is a valid configuration, whatever was said here", async () => {
    const cwd = await aFolder();
    const manifests = await manifestsOf(FULL_EXAMPLE);
    await writeFile(join(cwd, "agent.yaml"), find(manifests, "ConfigMap").data?.["agent.yaml"] ?? "");

    const { config } = await loadConfig({ env: {}, cwd });

    const { config: original } = await loadConfig({ env: {}, cwd: await folderWith(FULL_EXAMPLE) });
    const { runtime, compass, state, git, secrets, ...rest } = config;
    const { runtime: _r, compass: _c, state: _s, git: gitBefore, secrets: _sec, ...restBefore } = original;
    expect(rest).toEqual({ ...restBefore, applications: rest.applications });
    expect(git?.commit).toEqual(gitBefore?.commit);
    expect([runtime.id, compass.connectorURL, state]).toEqual([
      null,
      null,
      { kubernetes: { namespace: "kyma-system" } },
    ]);
    expect(JSON.stringify([git, compass, secrets]).match(/"path":"\/(?!run\/secrets)/g)).toBeNull();
  });

  it("is an example without a repository here, which the agent refuses until a recipient is named", async () => {
    const cwd = await aFolder();
    const manifests = await manifestsOf(null);
    await writeFile(join(cwd, "agent.yaml"), find(manifests, "ConfigMap").data?.["agent.yaml"] ?? "");

    await expect(loadConfig({ env: {}, cwd })).rejects.toThrow("needs at least one recipient");
    expect((await settingsOf(null)).remarks[0]).toMatch(/^git\.url is not set here/);
  });

  it("keeps the certificate beside an agent of another namespace", async () => {
    const { certificate, state } = agentYaml(await manifestsOf(usual({ state: "{kubernetes: {namespace: agents}}" })));

    expect(certificate).toEqual({ secret: "agents/cluster-client-certificates" });
    expect(state).toEqual({ kubernetes: { namespace: "agents" } });
  });

  async function folderWith(text: string): Promise<string> {
    const cwd = await aFolder();
    await writeFile(join(cwd, "agent.yaml"), text);
    return cwd;
  }
});

describe("an installation that would not work", () => {
  it.each([
    ["SOPS with Argo CD", usual(), { gitops: "argocd" }, "Argo CD does not decrypt SOPS"],
    [
      "a repository of this machine with Flux",
      usual({ git: "{url: /srv/repository.git, path: agent}" }),
      { gitops: "flux" },
      "git.url is a path of this machine: Flux cannot read it",
    ],
    [
      "wiring for another tool than the agent asks",
      usual({ gitops: "{kind: argocd}" }),
      { gitops: "flux" },
      "--gitops flux is given, and gitops.kind is argocd",
    ],
    [
      "wiring by the name of somebody else's",
      usual({ gitops: "{kind: flux, name: flux-system}" }),
      { gitops: "flux" },
      "--gitops flux is given, and gitops.name is flux-system",
    ],
    ["wiring where nobody applies", usual({ gitops: "{kind: none}" }), { gitops: "flux" }, "gitops.kind is none"],
    [
      "a take-over from another namespace",
      usual({ state: "{kubernetes: {namespace: agents}}" }),
      { takeOver: true },
      "--take-over reads the Go agent's Secret in kyma-system, and the agent would be in agents",
    ],
  ] as const)("is refused: %s", async (_, text, options, message) => {
    await expect(settingsOf(text, options)).rejects.toThrow(message);
  });

  it.each([
    ["an odd interval", usual({ schedule: "{every: 7m}" }), {}, "it starts every 6 minutes"],
    [
      "templates of this machine",
      usual({ applications: "{templates: ./charts}" }),
      {},
      "applications.templates is a path",
    ],
    [
      "further kinds with Flux",
      usual({ applications: "{allowedKinds: [Application, Secret, ConfigMap, Service]}" }),
      { gitops: "flux" },
      "further kinds (Service): allow them in the Role runtime-agent-applier",
    ],
    [
      "templates that may write what is not tried",
      usual({ applications: "{templates: ./charts, admission: dry-run}" }),
      {},
      "of other kinds (ConfigMap) is tried by no right",
    ],
    [
      "a certificate in a Secret without a right",
      usual({ certificate: "{secret: kyma-system/mine}" }),
      {},
      "certificate.secret is not kyma-system/cluster-client-certificates",
    ],
    [
      "a tool without wiring",
      usual({ gitops: "{kind: flux}" }),
      { gitops: null },
      "no wiring is written: that is somebody else's, unless --gitops flux asks for it",
    ],
    ["SOPS for an Argo CD that others wire", usual({ gitops: "{kind: argocd}" }), { gitops: null }, "without a plugin"],
    [
      "a certificate beside the Go agent",
      usual({
        state: "{kubernetes: {namespace: agents}}",
        certificate: "{secret: kyma-system/cluster-client-certificates}",
      }),
      {},
      "allow the agent get and update on it, and get on the Deployment compass-runtime-agent in kyma-system, in a Role",
    ],
    [
      "a repository of this machine for proposals",
      usual({ git: "{url: https://git.example.com/a.git, path: agent, push: {url: /srv/fork.git}}" }),
      {},
      "git.push.url is a path of this machine",
    ],
    [
      "ssh without a key with Flux",
      usual({ git: "{url: ssh://git@git.example.com/a.git, path: agent}" }),
      { gitops: "flux" },
      "git.auth names no key: the GitRepository that is written has no secretRef",
    ],
    [
      "short ssh without a key with Argo CD",
      usual({ git: '{url: "git@git.example.com:a.git", path: agent}', secrets: "{mode: cluster}" }),
      { gitops: "argocd" },
      "git.auth names no key",
    ],
    ["a repository of this machine", usual({ git: "{url: /srv/r.git, path: agent}" }), {}, "a pod has no such folder"],
  ] as const)("is remarked on: %s", async (_, text, options, remark) => {
    expect((await settingsOf(text, options)).remarks.join("\n")).toContain(remark);
    const plain = usual({ secrets: "{mode: cluster}" });
    expect((await settingsOf(plain, options)).remarks.join("\n")).not.toContain(remark);
  });
});

describe("what to do next", () => {
  it("names each Secret that is to be filled, and where each value comes from", async () => {
    const steps = nextSteps(await settingsOf(usual(), { gitops: "flux" }), null).join("\n");

    expect(steps).toContain(
      "--from-literal=RUNTIME_ID=0e4d3f5a-8c1b-4f2e-9a57-2b6c1d7e8f90 --from-literal=TENANT=tenant-1",
    );
    expect(steps).toMatch(/--from-file=TOKEN=\S+\/token /);
    expect(steps).toMatch(/runtime-agent-credentials --from-file=compass-ca=\S+\/ca\.pem --from-file=git-auth-token=/);
    expect(steps).toContain("create secret generic runtime-agent-git --from-literal=username=git");
    expect(steps).toContain("create secret generic runtime-agent-sops --from-file=age.agekey=age.agekey");
  });

  it("gives Flux what opens the Secrets: the age key, or a token of Vault where there is no such key", async () => {
    const vault = "vault: {address: https://vault.example.com, keyName: agent, token: {file: t}, ca: {file: ca.pem}}";
    const stepsOf = async (sops: string) =>
      nextSteps(await settingsOf(usual({ secrets: `{mode: sops, sops: {${sops}}}` }), { gitops: "flux" }), null).join(
        "\n",
      );
    const [alone, both] = [await stepsOf(vault), await stepsOf(`age: [${RECIPIENT}], ${vault}`)];

    expect(alone).toContain("may decrypt with the transit key agent");
    expect(alone).toContain("create secret generic runtime-agent-sops --from-file=sops.vault-token=vault-token");
    expect(alone).toContain("let Flux's kustomize-controller trust that authority");
    expect(alone).not.toContain("age.agekey");
    expect(both).toContain("--from-file=age.agekey=age.agekey");
    expect(both).not.toContain("sops.vault-token");
  });

  it("ends the Go agent in the order in which it is not started again, and keeps the module", async () => {
    const steps = nextSteps(await settingsOf(usual(), { takeOver: true }), null).join("\n");

    const places = ["copied", "delete secret compass-agent-configuration", "--replicas=0", "keep the module itself"];
    const found = places.map((word) => steps.indexOf(word));
    expect(found).toEqual([...found].sort((one, other) => one - other));
    expect(found).not.toContain(-1);
    expect(steps).not.toContain("TOKEN=");
  });

  it("tells how commands here get at the state in the cluster, where they would not", async () => {
    const told = "export RUNTIME_AGENT_STATE_KUBERNETES_NAMESPACE=kyma-system";
    const there = usual({ state: "{kubernetes: {namespace: kyma-system}}" });

    expect(nextSteps(await settingsOf(usual()), null).at(-1)).toContain(told);
    expect(nextSteps(await settingsOf(there), null).join("\n")).not.toContain(told);
  });

  it("takes the authorities of the Git host along to who reads it", async () => {
    const git = "{url: https://git.example.com:8443/a.git, path: agent, ca: {file: git-authorities.pem}";
    const plain = { secrets: "{mode: plain, acknowledgePlain: true}" };
    const open = usual({ ...plain, git: `${git}}` });
    const closed = usual({ ...plain, git: `${git}, auth: {token: {env: GIT_TOKEN}}}` });
    const stepsOf = async (text: string, gitops: "flux" | "argocd") =>
      nextSteps(await settingsOf(text, { gitops }), null).join("\n");

    expect(await stepsOf(closed, "flux")).toMatch(
      /secret generic runtime-agent-git --from-literal=username=git --from-file=password=\S+ --from-file=ca\.crt=\S+\/git-authorities\.pem /,
    );
    expect(await stepsOf(open, "flux")).toMatch(/secret generic runtime-agent-git --from-file=ca\.crt=/);
    expect(find(await manifestsOf(open, { gitops: "flux" }), "GitRepository").spec.secretRef).toEqual({
      name: "runtime-agent-git",
    });
    expect(await stepsOf(open, "argocd")).toMatch(
      /create configmap argocd-tls-certs-cm --from-file=git\.example\.com=\S+\/git-authorities\.pem /,
    );
    expect(await stepsOf(usual(plain), "argocd")).not.toContain("argocd-tls-certs-cm");
  });

  it("takes a text with a quote for one word of the shell", async () => {
    const steps = nextSteps(await settingsOf(usual({ runtime: `{tenant: "it's"}` })), null).join("\n");

    expect(steps).toContain(`--from-literal=TENANT='it'\\''s'`);
  });
});
