/** Mode `cluster` on a real API server: what stands there, under the rights that are shipped for it and no others. */

import { randomBytes } from "node:crypto";
import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, inject, it, onTestFinished } from "vitest";
import { parseYaml } from "../../src/adapters/yaml/index.js";
import { aWorld, GIT_PATH, RECIPIENT, type World } from "../e2e/world.js";
import { commitAs, git } from "../fakes/git-server.js";
import { call, create, createAccount, createNamespace, requestsOf, tokenOf, writeKubeconfig } from "./api-server.js";
import { credentials } from "./landscape-credentials.js";

const server = inject("cluster");
const ROLE = join(import.meta.dirname, "..", "..", "deploy", "rbac-cluster-secrets.yaml");

interface SecretObject {
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly data: Readonly<Record<string, string>>;
}

async function aClusterWorld(settings: object = {}) {
  const namespace = `secrets-${randomBytes(4).toString("hex")}`;
  await createNamespace(server, namespace);
  const [, role = ""] = (await readFile(ROLE, "utf8")).split("---\n");
  const { rules } = parseYaml(role, { file: ROLE, stage: "base", code: "Internal" }) as { rules: unknown[] };
  await createAccount(server, { namespace, name: "agent", rights: [{ namespace, rules }] });
  const env = { KUBECONFIG: await writeKubeconfig(server, { token: await tokenOf(server, namespace, "agent") }) };
  const world = await aWorld({
    sandbox: { applications: 5 },
    settings: {
      secrets: { mode: "cluster" },
      applications: { namespace },
      deletion: { observations: 1, over: "0s", limit: "100%", credentials: { observations: 1 } },
      ...settings,
    },
  });
  await world.pair();
  const sync = async (...args: string[]) => {
    const { code, stdout, stderr } = await world.run(["sync", "-o", "json", ...args], { env });
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout);
  };
  const path = `/api/v1/namespaces/${namespace}/secrets`;
  const secrets = async () => {
    const { body } = await call(server, "GET", path);
    return new Map((body as { items: SecretObject[] }).items.map((each) => [each.metadata.name, each]));
  };
  const asked = () => requestsOf(server, `system:serviceaccount:${namespace}:agent`);
  return { namespace, world, env, sync, path, secrets, asked };
}

/** A policy that refuses this one Secret, as it refuses with that reason, until the test ends. */
async function refuse({ namespace, name, reason }: Readonly<Record<"namespace" | "name" | "reason", string>>) {
  const policy = `test-${randomBytes(4).toString("hex")}`;
  const paths = ["validatingadmissionpolicies", "validatingadmissionpolicybindings"].map(
    (kind) => `/apis/admissionregistration.k8s.io/v1/${kind}`,
  );
  const [policies = "", bindings = ""] = paths;
  const rule = { apiGroups: [""], apiVersions: ["*"], resources: ["secrets"], operations: ["CREATE", "UPDATE"] };
  const expression = `!(object.metadata.namespace == "${namespace}" && object.metadata.name in ["${name}", "probe"])`;
  const validations = [{ expression, message: "this one is not wanted", reason }];
  const spec = { matchConstraints: { resourceRules: [rule] }, validations };
  await create(server, policies, { metadata: { name: policy }, spec });
  await create(server, bindings, {
    metadata: { name: policy },
    spec: { policyName: policy, validationActions: ["Deny"] },
  });
  onTestFinished(async () => {
    for (const path of paths) await call(server, "DELETE", `${path}/${policy}`);
  });
  const probe = { body: { metadata: { name: "probe" } } };
  for (let waited = 0; waited < 300; waited++) {
    const { status } = await call(server, "POST", `/api/v1/namespaces/${namespace}/secrets?dryRun=All`, probe);
    if (status >= 400) return;
    await delay(100);
  }
  throw new Error("it was not at work within 30 s");
}

const valuesOf = (secret: SecretObject | undefined) =>
  Object.fromEntries(
    Object.entries(secret?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]),
  );

const secretOf = ({ metadata }: { metadata: { namespace: string; name: string } }) =>
  `${metadata.namespace}/${metadata.name}`;

describe("mode cluster", () => {
  it("says nothing of the API server where there is no credential Secret at all", async () => {
    const { world, sync, secrets } = await aClusterWorld();
    await world.edit(({ applications }) => {
      for (const application of applications) {
        Object.assign(application, { auths: [] });
        for (const bundle of application.bundles) Object.assign(bundle, { defaultInstanceAuth: null });
      }
    });

    const { applications, notes } = await sync();

    expect([[...(await secrets()).keys()], applications.created.length]).toEqual([[], 5]);
    expect(notes.join()).not.toMatch(/API server|left behind/);
  });

  it("is purged to the end: what a killed removal left in the cluster is named, and nothing is done while nobody can look", async () => {
    const { world, env, sync, secrets, namespace } = await aClusterWorld();
    await sync();
    const before = [...(await secrets()).keys()].sort();
    const purge = async (others: object = {}) => {
      const { stdout } = await world.run(["uninstall", "--purge", "-o", "json"], { env, ...others });
      return stdout === "" ? null : JSON.parse(stdout);
    };
    const { approval } = await purge();
    await world.run(["approve", approval.hash, "--yes"], { env });
    await purge({ signalAfter: { text: "published", signal: "SIGKILL" } });
    const left = [...(await secrets()).keys()].sort();

    const unseen = await purge({ env: { KUBECONFIG: join(world.folder, "nowhere") } });
    const rest = await purge();

    // Else the kill came too late to leave anything.
    expect([before.length > 0, left]).toEqual([true, before]);
    expect([unseen.removal, unseen.manifests]).toEqual(["held", []]);
    expect(unseen.next.join()).toContain("whether its Secrets are gone from the cluster cannot be told");
    const named = rest.manifests.filter(({ kind }: { kind: string }) => kind === "Secret").map(secretOf);
    expect(rest.removal).toBe("done");
    expect(named).toEqual(expect.arrayContaining(left.map((name) => `${namespace}/${name}`)));
    expect(rest.next.join()).toContain(`${namespace}/${left[0]}`);
  });

  it("leaves commits that verify accepts, where a Secret in Git is refused", async () => {
    const { world, sync } = await aClusterWorld();
    const base = await commitAs(world.repository, { files: { "README.md": "ours\n" } });
    await sync();
    const verify = async (from: string) => {
      const { stdout } = await world.run(["verify", "--base", from, "--head", "main", "-o", "json"]);
      return JSON.parse(stdout);
    };

    const verified = await verify(base);
    const tip = await git(world.repository, "rev-parse", "main");
    const message = await git(world.repository, "log", "-1", "--format=%B", "main");
    const secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: mp-x}\nstringData: {password: hunter2}\n";
    const path = `${GIT_PATH}/applications/mp-x/secrets/mp-x.yaml`;
    await commitAs(world.repository, { files: { [path]: secret } });
    await commitAs(world.repository, { message, files: { [path]: `${secret}# again\n` } });
    const refused = await verify(tip);

    expect(verified).toMatchObject({ findings: [], commits: { total: 1, agent: 1 } });
    expect(refused.findings.map(({ code }: { code: string }) => code)).toEqual([
      "ClearSecret",
      "ClearSecret",
      "NotInInventory",
    ]);
  });

  it("brings the credentials to the cluster and the Applications to Git, with these rights alone", async () => {
    const { world, sync, secrets, asked } = await aClusterWorld();

    const first = await sync();
    const there = await secrets();
    const second = await sync();
    const again = await secrets();

    expect([first.result, second.result]).toEqual(["published", "unchanged"]);
    const files = await world.files();
    expect([...files.keys()].filter((path) => path.includes("/secrets/"))).toEqual([]);
    const given = await credentials(world.sandbox.snapshotFile);
    const own = [...there.values()].filter(({ metadata: { name } }) => !name.startsWith("params-"));
    expect(own.length).toBeGreaterThan(2);
    for (const secret of own) expect(valuesOf(secret)).toEqual(given.get(secret.metadata.labels.bundleId ?? ""));
    const text = await git(world.repository, "log", "-p", "--all");
    for (const value of [...given.values()].flatMap((each) => Object.values(each))) {
      if (value.length >= 12) expect(text.includes(value) || text.includes(btoa(value))).toBe(false);
    }
    // Applied again it is no change.
    expect([...again.values()].map(({ metadata }) => metadata.resourceVersion)).toEqual(
      [...there.values()].map(({ metadata }) => metadata.resourceVersion),
    );
    const requests = await asked();
    expect(new Set(requests.map(({ verb, resource, code }) => [verb, resource, code < 300].join(" ")))).toEqual(
      new Set(["patch secrets true", "list secrets true"]),
    );
  });

  it("puts back what somebody changed or removed there, takes away keys that it does not have, and leaves other marks", async () => {
    const { sync, secrets, path } = await aClusterWorld();
    await sync();
    const [changed, removed] = [...(await secrets()).keys()];
    const before = await secrets();
    const type = "application/merge-patch+json";
    const key = Object.keys(before.get(changed ?? "")?.data ?? {})[0] ?? "";
    const data = { [key]: "d3Jvbmc=", added: "YnkgaGFuZA==" };
    const patch = { metadata: { labels: { theirs: "stays" } }, data };
    await call(server, "PATCH", `${path}/${changed}?fieldManager=kubectl-edit`, { body: patch, type });
    const theirs = { data: { "of-another": "eA==" } };
    await call(server, "PATCH", `${path}/${changed}?fieldManager=another-operator`, { body: theirs, type });
    await call(server, "DELETE", `${path}/${removed}`);

    await sync();

    const after = await secrets();
    expect(valuesOf(after.get(changed ?? ""))).toEqual({ ...valuesOf(before.get(changed ?? "")), "of-another": "x" });
    expect(after.get(changed ?? "")?.metadata.labels).toMatchObject({ theirs: "stays" });
    expect(valuesOf(after.get(removed ?? ""))).toEqual(valuesOf(before.get(removed ?? "")));
  });

  it("removes the Secrets of what is gone, those that the inventory knows and no other", async () => {
    const { world, sync, secrets, path, asked } = await aClusterWorld();
    await sync();
    await call(server, "POST", path, { body: { metadata: { name: "somebody-elses" }, data: {} } });
    const before = await secrets();
    let staying: unknown;
    await world.edit(({ applications }) => {
      staying = applications[0]?.id;
      applications.splice(1);
    });
    const [shared = ""] = [...before].flatMap(([name, { metadata }]) => {
      const owner = metadata.annotations?.["runtime-agent.kyma-project.io/application"];
      return owner === undefined || owner === staying ? [] : [name];
    });
    await call(server, "PATCH", `${path}/${shared}?fieldManager=another-operator`, {
      body: { data: { "of-another": "eA==" } },
      type: "application/merge-patch+json",
    });

    const { applications } = await sync();

    const left = await secrets();
    const kept = [...left.keys()];
    expect(applications.deleted).toHaveLength(4);
    expect(kept).toContain("somebody-elses");
    expect(kept.length).toBeLessThan(before.size);
    const deletes = (await asked()).filter(({ verb }) => verb === "delete");
    expect(deletes.map(({ name }) => name).sort()).toEqual(
      [...before.keys()].filter((name) => !kept.includes(name)).sort(),
    );
    expect(valuesOf(left.get(shared))).toEqual({ "of-another": "x" });
    expect(left.get(shared)?.metadata.labels).not.toHaveProperty(["runtime-agent.kyma-project.io/runtime"]);
  });

  it("says what is missing where a right is, and commits nothing that refers to what is not there", async () => {
    const { world, namespace, env } = await aClusterWorld();
    const role = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles/${namespace}.agent`;
    await call(server, "DELETE", role);

    const { code, stderr } = await world.run(["sync"], { env });

    expect([code, await world.commits()]).toEqual([1, 0]);
    expect(stderr).toContain("the agent may not patch Secret");
    expect(stderr).toContain("[ClusterForbidden]");
  });

  it("sets aside the Application of a Secret that cannot be changed, in the API server's words", async () => {
    const { sync, secrets, path } = await aClusterWorld();
    await sync();
    const [first] = [...(await secrets()).values()];
    const name = first?.metadata.name ?? "";
    await call(server, "DELETE", `${path}/${name}`);
    const data = { other: "eA==" };
    await call(server, "POST", path, { body: { metadata: { name }, immutable: true, data } });

    const { applications, result } = await sync();

    expect(result).toBe("unchanged");
    expect(applications.setAside).toMatchObject([
      { reason: "RefusedByAdmission", message: expect.stringMatching(/field is immutable .*; delete it/) },
    ]);
  });

  it.each(["Forbidden", "Invalid"])("keeps the file of a Secret that a policy refuses (%s)", async (reason) => {
    const { world, namespace, env, sync, secrets } = await aClusterWorld();
    const sops = { RUNTIME_AGENT_SECRETS_MODE: "sops", RUNTIME_AGENT_SECRETS_SOPS_AGE: RECIPIENT, ...env };
    await world.run(["sync"], { env: sops });
    const before = await world.files();
    const sealed = [...before.keys()].filter((path) => path.includes("/secrets/"));
    const [kept = ""] = sealed;
    const [, application, name = ""] = /^applications\/(.*)\/secrets\/(.*)\.yaml$/.exec(kept) ?? [];
    await refuse({ namespace, name, reason });

    const { applications, result } = await sync();
    const again = await sync();

    const after = await world.files();
    expect([result, again.result]).toEqual(["published", "unchanged"]);
    expect(applications.setAside).toMatchObject([{ name: application, reason: "RefusedByAdmission" }]);
    const [{ message }] = applications.setAside;
    expect(message).toContain("this one is not wanted");
    expect(message).not.toMatch(/immutable|MiB/);
    expect(after.get(kept)).toBe(before.get(kept));
    expect(after.get("kustomization.yaml")).toContain(kept);
    // Of the Application that is set aside everything stays, and of the others nothing.
    const folder = `applications/${application}/`;
    const staying = [...after.keys()].filter((path) => path.includes("/secrets/"));
    expect(staying).toEqual(sealed.filter((path) => path.startsWith(folder)));
    expect([...(await secrets()).keys()]).not.toContain(name);
  });

  it("removes nothing before the commit was taken, and then what it lets go", async () => {
    const { world, env, secrets, sync } = await aClusterWorld();
    await sync();
    const before = await secrets();
    const hook = join(world.repository, "hooks", "pre-receive");
    await writeFile(hook, "#!/bin/sh\nexit 1\n");
    await chmod(hook, 0o755);
    await world.edit(({ applications }) => {
      applications.splice(1);
    });

    const { code } = await world.run(["sync"], { env });

    expect(code).not.toBe(0);
    expect([...(await secrets()).keys()]).toEqual([...before.keys()]);
    await rm(hook);
    expect((await sync()).applications.deleted).toHaveLength(4);
    expect((await secrets()).size).toBeLessThan(before.size);
  });

  it("finds what an agent left behind that was killed after its commit, and nobody else's", async () => {
    const { sync, secrets, path } = await aClusterWorld();
    await sync();
    const before = [...(await secrets()).keys()];
    const label = "runtime-agent.kyma-project.io/runtime";
    const [mine = ""] = [...(await secrets()).values()].map(({ metadata }) => metadata.labels[label]);
    const annotations = { "runtime-agent.kyma-project.io/application": "of one that is gone" };
    for (const [name, runtime] of Object.entries({ "left-behind": mine, "of-another": "another" }))
      await call(server, "POST", path, { body: { metadata: { name, labels: { [label]: runtime }, annotations } } });

    const [first, second] = [await sync(), await sync()];

    expect([first.notes, second.notes]).toEqual([[], [expect.stringContaining("left-behind")]]);
    expect([...(await secrets()).keys()].sort()).toEqual([...before, "of-another"].sort());
  });

  it("takes the Secrets out of the namespace that they were in before, or names them where it may not", async () => {
    const { world, namespace, sync, secrets } = await aClusterWorld();
    await sync();
    const before = await secrets();
    const moveTo = async (rights: boolean) => {
      const other = `other-${randomBytes(4).toString("hex")}`;
      await createNamespace(server, other);
      const subjects = [{ kind: "ServiceAccount", name: "agent", namespace }];
      const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${other}`;
      const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "agent" };
      const verbs = ["create", "patch", "list", ...(rights ? ["delete"] : [])];
      const rules = [{ apiGroups: [""], resources: ["secrets"], verbs }];
      await create(server, `${path}/roles`, { metadata: { name: "agent" }, rules });
      await create(server, `${path}/rolebindings`, { metadata: { name: "agent" }, subjects, roleRef });
      const text = await readFile(world.config, "utf8");
      await writeFile(world.config, text.replace(/^ {2}namespace: .*/m, `  namespace: ${other}`));
      return other;
    };

    const other = await moveTo(false);
    const { result } = await sync();
    const left = await secrets();
    await moveTo(true);
    const { notes } = await sync();

    expect([result, left.size]).toEqual(["published", 0]);
    const { body } = await call(server, "GET", `/api/v1/namespaces/${other}/secrets`);
    expect((body as { items: unknown[] }).items).toHaveLength(before.size);
    const [name = ""] = before.keys();
    expect(notes.filter((note: string) => note.includes(`${other}/${name}`))).toEqual([
      expect.stringMatching(/^still in the cluster.*may not delete Secret/),
    ]);
  });

  it("keeps a Secret whose credentials vanish while the inventory cannot be trusted", async () => {
    const { world, sync, secrets } = await aClusterWorld();
    await sync();
    const before = await secrets();
    const references = (files: ReadonlyMap<string, string>) =>
      [...files].flatMap(([path, text]) =>
        path.endsWith("application.yaml") ? (text.match(/ecretName: \S+/g) ?? []) : [],
      );
    const published = await world.files();
    const inventory = published.get(".runtime-agent/inventory.json") ?? "";
    const forged = inventory.replace(/"serial": \d+/, '"serial": 99');
    await commitAs(world.repository, { files: { [`${GIT_PATH}/.runtime-agent/inventory.json`]: forged } });
    await world.edit(({ applications }) => {
      for (const { bundles } of applications) for (const bundle of bundles) bundle.defaultInstanceAuth = null;
    });

    const { applications } = await sync();

    expect(new Set(applications.held.map(({ reason }: { reason: string }) => reason))).toEqual(
      new Set(["InventoryRebuilt"]),
    );
    expect([...(await secrets()).keys()]).toEqual([...before.keys()]);
    expect(references(await world.files())).toEqual(references(published));
  });

  it("takes over from a mode in which the Secrets stood in Git", async () => {
    const { world, env, sync, secrets } = await aClusterWorld();
    const before = { RUNTIME_AGENT_SECRETS_MODE: "sops", RUNTIME_AGENT_SECRETS_SOPS_AGE: RECIPIENT, ...env };
    await world.run(["sync"], { env: before });
    const sealed = [...(await world.files()).keys()].filter((path) => path.includes("/secrets/"));

    const { reencryption } = await sync();

    expect(reencryption).toEqual({ done: sealed.length, waiting: 0, notReencrypted: [] });
    expect([...(await world.files()).keys()].filter((path) => path.includes("/secrets/"))).toEqual([]);
    expect((await secrets()).size).toBe(sealed.length);
    expect(await git(world.repository, "log", "-1", "--format=%s%n%(trailers:key=Reencryption)")).toMatch(
      /^Seal \d+ Secrets anew for the mode and recipients configured\nReencryption: \d+ done, 0 waiting, 0 not possible/,
    );
  });

  it.each([
    ["Flux", `?fieldManager=kustomize-controller&force=true`, "application/apply-patch+yaml"],
    ["the Go agent", "?fieldManager=compass-runtime-agent", "application/merge-patch+json"],
  ])("leaves no credentials of a former kind that %s had written", async (_, query, type) => {
    const { world, sync, secrets, path } = await aClusterWorld();
    await sync();
    const written = await secrets();
    for (const [name, { data }] of written) {
      await call(server, "DELETE", `${path}/${name}`);
      const body = { apiVersion: "v1", kind: "Secret", metadata: { name }, data };
      if (type.includes("merge")) await call(server, "POST", path, { body: { metadata: { name } } });
      await call(server, "PATCH", `${path}/${name}${query}`, { body, type });
    }
    await sync();
    const id = await toOAuth(world);

    await sync();

    const now = [...(await secrets())].find(([name]) => name.endsWith(id) && !name.startsWith("params-"));
    expect(Object.keys(written.get(now?.[0] ?? "")?.data ?? {}).sort()).toEqual(["password", "username"]);
    expect(valuesOf(now?.[1])).toEqual({ clientId: "client", clientSecret: "secret of the client" });
  });

  it.each([false, true])(
    "hands its fields on to Flux, which removes then what Git no longer has (%s)",
    async (again) => {
      const { world, env, sync, secrets, path } = await aClusterWorld();
      const sops = { RUNTIME_AGENT_SECRETS_MODE: "sops", RUNTIME_AGENT_SECRETS_SOPS_AGE: RECIPIENT, ...env };
      await sync();
      const byFlux = async (name: string, data: object) => {
        const body = { apiVersion: "v1", kind: "Secret", metadata: { name }, data };
        const type = "application/apply-patch+yaml";
        await call(server, "PATCH", `${path}/${name}?fieldManager=kustomize-controller&force=true`, { body, type });
      };
      const [name = "", secret] = [...(await secrets())].find(([, { data }]) => "password" in data) ?? [];
      if (again) await byFlux(name, { ...secret?.data });

      const { code } = await world.run(["sync"], { env: sops });
      const between = await secrets();
      await byFlux(name, { clientId: "eA==" });

      expect(code).toBe(0);
      expect(between.get(name)?.data).toEqual(secret?.data);
      expect((await secrets()).get(name)?.data).toEqual({ clientId: "eA==" });
    },
  );
});

/** Gives one bundle another kind of credentials; its id. */
async function toOAuth(world: World): Promise<string> {
  let id = "";
  await world.edit(({ applications }) => {
    for (const bundle of applications.flatMap(({ bundles }) => bundles)) {
      const auth = bundle.defaultInstanceAuth as { credential?: { __typename: string; [name: string]: string } } | null;
      if (id !== "" || auth?.credential?.__typename !== "BasicCredentialData") continue;
      if (bundle.apiDefinitions.length === 0) continue;
      id = bundle.id;
      auth.credential = {
        __typename: "OAuthCredentialData",
        clientId: "client",
        clientSecret: "secret of the client",
        url: "https://token.example.com",
      };
    }
  });
  return id;
}
