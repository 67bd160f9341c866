/** Mode `cluster` on a real API server: what stands there, under the rights that are shipped for it and no others. */

import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, inject, it } from "vitest";
import { parseYaml } from "../../src/adapters/yaml/index.js";
import { aWorld } from "../e2e/world.js";
import { git } from "../fakes/git-server.js";
import { call, createAccount, createNamespace, requestsOf, tokenOf, writeKubeconfig } from "./api-server.js";
import { credentials } from "./landscape-credentials.js";

const server = inject("cluster");
const ROLE = join(import.meta.dirname, "..", "..", "deploy", "rbac-cluster-secrets.yaml");

interface SecretObject {
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
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

const valuesOf = (secret: SecretObject | undefined) =>
  Object.fromEntries(
    Object.entries(secret?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]),
  );

describe("mode cluster", () => {
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
      new Set(["patch secrets true"]),
    );
  });

  it("puts back what somebody changed or removed there, and leaves what stands beside it", async () => {
    const { sync, secrets, path } = await aClusterWorld();
    await sync();
    const [changed, removed] = [...(await secrets()).keys()];
    const before = await secrets();
    const type = "application/merge-patch+json";
    const key = Object.keys(before.get(changed ?? "")?.data ?? {})[0] ?? "";
    const patch = { data: { [key]: "d3Jvbmc=", added: "YnkgaGFuZA==" } };
    await call(server, "PATCH", `${path}/${changed}`, { body: patch, type });
    await call(server, "DELETE", `${path}/${removed}`);

    await sync();

    const after = await secrets();
    expect(valuesOf(after.get(changed ?? ""))).toEqual({
      ...valuesOf(before.get(changed ?? "")),
      added: "by hand",
    });
    expect(valuesOf(after.get(removed ?? ""))).toEqual(valuesOf(before.get(removed ?? "")));
  });

  it("removes the Secrets of what is gone, those that the inventory knows and no other", async () => {
    const { world, sync, secrets, path, asked } = await aClusterWorld();
    await sync();
    await call(server, "POST", path, { body: { metadata: { name: "somebody-elses" }, data: {} } });
    const before = await secrets();
    await world.edit(({ applications }) => {
      applications.splice(1);
    });

    const { applications } = await sync();

    const kept = [...(await secrets()).keys()];
    expect(applications.deleted).toHaveLength(4);
    expect(kept).toContain("somebody-elses");
    expect(kept.length).toBeLessThan(before.size);
    const deletes = (await asked()).filter(({ verb }) => verb === "delete");
    expect(deletes.map(({ name }) => name).sort()).toEqual(
      [...before.keys()].filter((name) => !kept.includes(name)).sort(),
    );
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

  it("goes on without the one Secret that the API server refuses, and says so", async () => {
    const { sync, secrets, path } = await aClusterWorld();
    await sync();
    const [first] = [...(await secrets()).values()];
    const name = first?.metadata.name ?? "";
    await call(server, "DELETE", `${path}/${name}`);
    const data = { other: "eA==" };
    await call(server, "POST", path, { body: { metadata: { name }, immutable: true, data } });

    const { notes, result } = await sync();

    expect(result).toBe("unchanged");
    expect(notes.filter((note: string) => note.includes(name))).toEqual([expect.stringContaining("immutable")]);
  });

  it("takes over from a mode in which the Secrets stood in Git", async () => {
    const recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    const { world, env, sync, secrets } = await aClusterWorld();
    const before = { RUNTIME_AGENT_SECRETS_MODE: "sops", RUNTIME_AGENT_SECRETS_SOPS_AGE: recipient, ...env };
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
});
