/** What the doctor says of who applies, of rights and of what is applied, on a fake API server. */

import { describe, expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../src/config/index.js";
import { examineAdmission, examineApplied, examineApplier, examineGitOps } from "../src/doctor-cluster.js";
import { aClock } from "./common/clock.js";
import { APPLICATIONS, ARGO, KUSTOMIZATION, REPOSITORY, REVISION, SEALED } from "./fakes/api-paths.js";
import { type APIObject, startFakeAPIServer } from "./fakes/api-server.js";

const REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const APPLIER = "system:serviceaccount:flux-system:applier";

const FLUX = {
  GITOPS_KIND: "flux",
  GIT_URL: "/repository.git",
  GIT_PATH: "clusters/prod/agent",
  SECRETS_SOPS_AGE: "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
};
const ARGOCD = { ...FLUX, GITOPS_KIND: "argocd" };

interface Reviewed {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
}

/** A cluster where all is allowed, until `denies` says otherwise. */
async function aCluster(settings: Readonly<Record<string, string>>) {
  const api = await startFakeAPIServer();
  onTestFinished(() => api.close());
  const reviewed: (Reviewed & { readonly as: string })[] = [];
  const rules = { denies: (_right: Reviewed) => false, forbids: (_path: string, _as: string) => false };
  api.fault = ({ path, body, impersonated: as }) => {
    if (rules.forbids(path, as)) return 403;
    if (path !== REVIEWS) return null;
    const right = JSON.parse(body).spec.resourceAttributes as Reviewed;
    reviewed.push({ ...right, as });
    return { answer: { metadata: {}, status: { allowed: !rules.denies(right) } } };
  };
  const variables = Object.entries(settings).map(([name, value]) => [`RUNTIME_AGENT_${name}`, value]);
  const { config } = await loadConfig({ env: Object.fromEntries(variables), cwd: "/nowhere" });
  const options = { config, env: { KUBECONFIG: await api.kubeconfig() }, clock: aClock() };
  const put = (path: string, object: object) =>
    api.objects.set(path, { ...object, metadata: { name: path.split("/").at(-1) ?? "" } } as APIObject);
  return { api, options, put, rules, reviewed };
}

const WIRED = {
  path: "./clusters/prod/agent",
  serviceAccountName: "applier",
  decryption: { provider: "sops" },
  sourceRef: { kind: "GitRepository", name: "clusters" },
};

/** Flux as `install` wires it, but for what is given. */
async function aFluxCluster(spec: object = {}, settings: Readonly<Record<string, string>> = {}) {
  const cluster = await aCluster({ ...FLUX, ...settings });
  cluster.put(KUSTOMIZATION, { spec: { ...WIRED, ...spec } });
  cluster.put(REPOSITORY, {});
  return cluster;
}

const text = ({ verdict, message, mend }: { verdict: string; message: string; mend: string | null }) =>
  `${verdict}: ${message} / ${mend}`;

describe("the doctor's gitops", () => {
  it("finds a Kustomization well that reads our folder, decrypts, and may be asked", async () => {
    const { options, reviewed } = await aFluxCluster();

    expect(text(await examineGitOps(options))).toMatch(/^ok: Kustomization flux-system\/runtime-agent applies it/);
    expect(reviewed.map(({ verb, resource, namespace, name }) => [verb, resource, namespace, name])).toEqual([
      ["patch", "kustomizations", "flux-system", "runtime-agent"],
      ["patch", "gitrepositories", "flux-system", "clusters"],
    ]);
  });

  it.each<[string, object, RegExp]>([
    [
      "reads another folder",
      { path: "./clusters/test" },
      /applies \.\/clusters\/test, and git\.path is clusters\/prod\/agent/,
    ],
    [
      "does not decrypt",
      { decryption: undefined },
      /does not decrypt, and secrets\.mode is sops \/ .*decryption\.provider/,
    ],
    ["is suspended", { suspend: true }, /says Suspended \/ .*kubectl -n flux-system get kustomization /],
  ])("warns of a Kustomization that %s", async (_, spec, words) => {
    const { options } = await aFluxCluster(spec);

    const found = text(await examineGitOps(options));

    expect(found).toMatch(/^warning: /);
    expect(found).toMatch(words);
  });

  it("repeats no words of who applies, which may hold a secret value, but where all of them are", async () => {
    const said = (message: string) => ({ conditions: [{ type: "Ready", status: "False", reason: "Failed", message }] });
    const flux = await aFluxCluster();
    flux.put(KUSTOMIZATION, { spec: WIRED, status: said("mp-a: the password hunter2 is too weak") });
    flux.put(REPOSITORY, { status: said("authentication \u001b[2Jrequired") });
    const argo = await aCluster({ ...ARGOCD, SECRETS_MODE: "cluster" });
    const conditions = [{ type: "SyncError", message: "the password hunter2 is too weak" }];
    argo.put(ARGO, { spec: { source: { path: "clusters/prod/agent" } }, status: { conditions } });

    const found = [text(await examineGitOps(flux.options)), text(await examineGitOps(argo.options))];

    expect(found.join()).not.toContain("hunter2");
    expect(found[0]).toMatch(/Kustomization flux-system\/runtime-agent says Failed;/);
    // It never saw what a Secret holds.
    expect(found[0]).toContain("GitRepository flux-system/clusters says Failed: authentication \\u001b[2Jrequired");
    expect(found[1]).toMatch(/Argo CD Application argocd\/runtime-agent says SyncError \/ .*-o yaml` has all of it/);
  });

  it.each([["clusters/prod"], ["./"], [undefined]])("takes %j for a folder above ours", async (path) => {
    const { options } = await aFluxCluster({ path });

    expect((await examineGitOps(options)).verdict).toBe("ok");
  });

  it("warns where nobody applies, where it may not be read, and where it may not be asked to look", async () => {
    const nobody = await aCluster(FLUX);
    const unreadable = await aFluxCluster();
    unreadable.rules.forbids = (path) => path === KUSTOMIZATION;
    const deaf = await aFluxCluster();
    deaf.rules.denies = ({ resource }) => resource === "gitrepositories";

    const none = await examineGitOps(nobody.options);
    const hidden = await examineGitOps(unreadable.options);
    const unasked = await examineGitOps(deaf.options);

    expect(text(none)).toMatch(/^warning: there is no Kustomization flux-system\/runtime-agent.*install --gitops flux/);
    expect(text(hidden)).toMatch(/^warning: .*may not get Kustomization.*rbac-flux\.yaml/);
    expect(text(unasked)).toMatch(
      /^warning: the agent may not ask.*\(patch gitrepositories in flux-system\).*rbac-flux\.yaml/,
    );
  });

  const URL = "https://git.example.com/platform/clusters.git";

  it.each([
    ["another repository", { url: "https://git.example.com/platform/others.git" }, "git.url is"],
    ["another host", { url: "https://git.example.org/platform/clusters.git" }, "git.url is"],
    ["another port of the host", { url: "https://git.example.com:8443/platform/clusters.git" }, "git.url is"],
    ["another branch", { url: URL, ref: { branch: "not-main" } }, "reads not-main, and git.branch is main"],
    ["a tag", { url: URL, ref: { branch: "main", tag: "v1" } }, "reads v1, and git.branch is main"],
    ["Flux's own default branch", { url: URL, ref: undefined }, "reads master, and git.branch is main"],
  ])("warns of a Kustomization that reads %s", async (_, spec, problem) => {
    const { options, put } = await aFluxCluster({}, { GIT_URL: URL });
    put(REPOSITORY, { spec: { ref: { branch: "main" }, ...spec } });

    const found = text(await examineGitOps(options));

    expect(found).toMatch(/^warning: Kustomization flux-system\/runtime-agent reads /);
    expect(found).toContain(problem);
  });

  it.each([
    URL,
    "https://git.example.com/platform/clusters",
    "https://user@GIT.example.com/platform/clusters.git/",
    "ssh://git@git.example.com:22/platform/clusters.git",
    "http://git.example.com/Platform/clusters",
  ])("takes an address for the same that is written otherwise: %s", async (url) => {
    const { options, put } = await aFluxCluster({}, { GIT_URL: URL });
    const short = await aFluxCluster({}, { GIT_URL: "git@git.example.com:platform/clusters.git" });
    for (const ref of [{ branch: "main" }, { name: "refs/heads/main" }]) {
      put(REPOSITORY, { spec: { url, ref } });
      short.put(REPOSITORY, { spec: { url, ref } });

      expect([(await examineGitOps(options)).verdict, (await examineGitOps(short.options)).verdict]).toEqual([
        "ok",
        "ok",
      ]);
    }
  });

  it.each(["OCIRepository", "Bucket"])(
    "says that it does not look at what a Kustomization reads from a %s",
    async (kind) => {
      const { options } = await aFluxCluster({ sourceRef: { kind, name: "clusters" } });

      expect(text(await examineGitOps(options))).toMatch(
        `warning: Kustomization flux-system/runtime-agent reads ${kind} flux-system/clusters, no GitRepository: whether`,
      );
    },
  );

  it("warns of a GitRepository that is not there", async () => {
    const { options, api } = await aFluxCluster();
    api.objects.delete(REPOSITORY);

    expect(text(await examineGitOps(options))).toMatch(
      "warning: Kustomization flux-system/runtime-agent reads GitRepository flux-system/clusters, which is not there",
    );
  });

  it("shows no password that stands in the address", async () => {
    const { options, put } = await aFluxCluster({}, { GIT_URL: URL });
    put(REPOSITORY, { spec: { url: "https://me:s3cret-word@git.example.com/else.git", ref: { branch: "main" } } });

    const found = text(await examineGitOps(options));

    expect(found).toContain("reads https://git.example.com/else.git");
    expect(found).not.toContain("s3cret-word");
  });

  it("warns of an Application of Argo CD that reads another repository or branch, unless one of its sources is ours", async () => {
    const { options, put } = await aCluster({ ...ARGOCD, GIT_URL: URL, SECRETS_MODE: "cluster" });
    const ours = { path: "clusters/prod/agent", repoURL: URL, targetRevision: "main" };
    const verdictOf = async (...sources: object[]) => {
      put(ARGO, { spec: { sources } });
      return text(await examineGitOps(options));
    };

    expect(await verdictOf({ ...ours, repoURL: "https://git.example.com/platform/others" })).toMatch(
      /^warning: .*others, and git\.url is/,
    );
    expect(await verdictOf({ ...ours, targetRevision: "v1" })).toMatch(/^warning: .*reads v1, and git\.branch is main/);
    expect(await verdictOf({ ...ours, repoURL: "https://git.example.com/x" }, ours)).toMatch(/^ok/);
    expect(await verdictOf({ ...ours, targetRevision: "HEAD" })).toMatch(/^ok/);
  });

  it.each([{ ref: "values" }, { chart: "agent" }])(
    "takes no source of Argo CD for the repository's root that applies no folder: %j",
    async (source) => {
      const { options, put } = await aCluster({ ...ARGOCD, GIT_URL: URL, SECRETS_MODE: "cluster" });
      put(ARGO, { spec: { sources: [{ repoURL: URL, targetRevision: "main", ...source }] } });

      expect(text(await examineGitOps(options))).toMatch(/^warning: .* applies no folder, and git\.path is/);
    },
  );

  it("warns of Argo CD with SOPS, unless a plugin decrypts it", async () => {
    const { options, put } = await aCluster(ARGOCD);
    const source = { path: "clusters/prod/agent" };
    put(ARGO, { spec: { source } });
    expect(text(await examineGitOps(options))).toMatch(/^warning: .*does not decrypt without a plugin.*sealed-secrets/);

    put(ARGO, { spec: { sources: [{ path: "else" }, { ...source, plugin: { name: "ksops" } }] } });

    expect((await examineGitOps(options)).verdict).toBe("ok");
  });

  it("says nothing where gitops names nobody", async () => {
    const { options, api } = await aCluster({ GITOPS_KIND: "none" });

    expect([(await examineGitOps(options)).verdict, (await examineApplier(options)).verdict]).toEqual([
      "skipped",
      "skipped",
    ]);
    expect(api.requests).toEqual([]);
  });
});

describe("the doctor's applier", () => {
  it("is asked in its own name what it may do with what is committed", async () => {
    const { options, reviewed } = await aFluxCluster();

    expect(text(await examineApplier(options))).toBe(`ok: ${APPLIER} may apply what is committed / null`);
    expect(new Set(reviewed.map(({ as }) => as))).toEqual(new Set([APPLIER]));
    expect(new Set(reviewed.map(({ resource, namespace }) => `${resource} ${namespace}`))).toEqual(
      new Set(["applications undefined", "configmaps kyma-system", "secrets kyma-system"]),
    );
  });

  it("that lacks the ClusterRole is a warning that names what it may not", async () => {
    const { options, rules } = await aFluxCluster();
    rules.denies = ({ resource, verb }) => resource === "applications" && verb !== "get";

    expect(text(await examineApplier(options))).toMatch(
      /^warning: .*applier may not create applications, patch applications, delete applications: .* \/ apply the ClusterRole/,
    );
  });

  it("that the agent may not stand for is not looked at, and who may is told how", async () => {
    const { options, rules } = await aFluxCluster();
    rules.forbids = (_, as) => as !== "";

    expect(text(await examineApplier(options))).toMatch(/^skipped: .*kubectl auth can-i patch .* --as=system:service/);
  });

  it("is Flux itself where the Kustomization names none", async () => {
    const { options, reviewed } = await aFluxCluster({ serviceAccountName: undefined });

    expect((await examineApplier(options)).verdict).toBe("ok");
    expect(reviewed).toEqual([]);
  });
});

describe("the doctor's applied", () => {
  it("is well where the revision and the Applications can be read, also before the first commit", async () => {
    const { options, put } = await aCluster({ GITOPS_OBSERVE: "true" });
    put(APPLICATIONS, { items: [] });
    expect(text(await examineApplied(options))).toBe("ok: what is applied can be told; nothing is applied yet / null");

    put(REVISION, { data: {} });

    expect(text(await examineApplied(options))).toBe("ok: what is applied can be told / null");
  });

  it("names each thing that may not be read with the file that allows it", async () => {
    const { options, rules } = await aCluster({
      GITOPS_OBSERVE: "true",
      APPLICATIONS_CANARY: "true",
      SECRETS_MODE: "sealed-secrets",
      SECRETS_SEALED_SECRETS_CERTIFICATE_FILE: "/sealing.pem",
    });
    rules.forbids = (path) => path !== SEALED && path !== APPLICATIONS;

    const found = text(await examineApplied(options));

    expect(found).toMatch(
      /^warning: .*ConfigMap kyma-system\/runtime-agent-revision.*knows no Applications.*canary.*knows no SealedSecrets/,
    );
    expect(found).toMatch(/rbac\.yaml.*crds\.yaml.*rbac-canary\.yaml.*install Sealed Secrets/);
  });

  it("that cannot be asked at all is a warning with the mend of that", async () => {
    const { options, api } = await aCluster({ GITOPS_OBSERVE: "true" });
    api.fault = () => 401;

    expect(text(await examineApplied(options))).toMatch(/^warning: .*\(ClusterAuthentication\)/);
  });
});

describe("the doctor's admission", () => {
  const DRY_RUN = { APPLICATIONS_ADMISSION: "dry-run" };

  it("asks whether the agent may try, and fails where it may not, since a cycle would", async () => {
    const { options, rules, reviewed } = await aCluster(DRY_RUN);
    expect(text(await examineAdmission(options))).toBe("ok: the agent may try what would be written / null");
    expect(reviewed.map(({ verb, resource, as }) => `${verb} ${resource}${as}`)).toEqual([
      "create applications",
      "patch applications",
      "create secrets",
      "patch secrets",
    ]);

    rules.denies = ({ resource }) => resource === "secrets";

    expect(text(await examineAdmission(options))).toMatch(
      /^failed: the agent may not create secrets in kyma-system, patch secrets in kyma-system.*admission\.yaml/,
    );
  });

  it("warns of a ConfigMap of a template of one's own that may not be tried, as of a kind that it cannot ask about", async () => {
    const own = { ...DRY_RUN, APPLICATIONS_TEMPLATES: "/charts" };
    const { options, rules } = await aCluster(own);
    expect((await examineAdmission(options)).verdict).toBe("ok");
    rules.denies = ({ resource }) => resource === "configmaps";

    expect(text(await examineAdmission(options))).toMatch(
      /^warning: the agent may not create configmaps in kyma-system, patch configmaps in kyma-system: .* set aside \/ give/,
    );
  });

  it("asks in the name of admissionAs, and fails where the agent may not stand for that", async () => {
    const { options, rules, reviewed } = await aCluster({
      ...DRY_RUN,
      APPLICATIONS_ADMISSION_AS: "flux-system/applier",
    });
    expect((await examineAdmission(options)).verdict).toBe("ok");
    expect(new Set(reviewed.map(({ as }) => as))).toEqual(new Set([APPLIER]));

    rules.forbids = (_, as) => as !== "";

    expect(text(await examineAdmission(options))).toMatch(
      /^failed: .* \/ give the agent's account the verb impersonate/,
    );
  });
});
