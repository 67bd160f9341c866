/** Changes of the mode: what is told of them before, and what becomes of Secrets that the agent applied itself. */

import { chmod, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type APIRequest, type Fault, startFakeAPIServer } from "../fakes/api-server.js";
import { commitAs } from "../fakes/git-server.js";
import { aSealingPair } from "../seal/sealing-pair.js";
import { aWorld, GIT_PATH, RECIPIENT } from "./world.js";

const GAP = /^with each SealedSecret that leaves Git .* by way of secrets\.mode cluster/;
const NOT_TAKEN = /^the Sealed Secrets controller takes no Secret over .* by way of secrets\.mode cluster/;
const SOPS = { RUNTIME_AGENT_SECRETS_MODE: "sops", RUNTIME_AGENT_SECRETS_SOPS_AGE: RECIPIENT };

describe("a change of the mode", () => {
  it.each([
    ["from SOPS to Sealed Secrets", false, NOT_TAKEN],
    ["from Sealed Secrets to SOPS", true, GAP],
  ])(
    "%s is told with what it does to the cluster, in the plan and by who makes it, and not after",
    async (_, back, said) => {
      const world = await aWorld({ sandbox: { applications: 4 } });
      await world.pair();
      const file = join(world.folder, "sealing.pem");
      await writeFile(file, (await aSealingPair()).certificate);
      const sealed = {
        RUNTIME_AGENT_SECRETS_MODE: "sealed-secrets",
        RUNTIME_AGENT_SECRETS_SEALED_SECRETS_CERTIFICATE_FILE: file,
      };
      const [from, to] = back ? [sealed, SOPS] : [SOPS, sealed];
      const notes = async (command: string, env: Record<string, string>) => {
        const { code, stdout, stderr } = await world.run([command, "-o", "json"], { env });
        if (stdout === "") throw new Error(`${code}: ${stderr}`);
        return JSON.parse(stdout).notes.filter((note: string) => /by way of/.test(note));
      };

      expect(await notes("sync", from)).toEqual([]);
      expect(await notes("plan", to)).toEqual([expect.stringMatching(said)]);
      expect(await notes("sync", to)).toEqual([expect.stringMatching(said)]);
      expect(await notes("sync", to)).toEqual([]);
    },
  );
});

it("says no more of a change once a person's file alone is left of the former mode", async () => {
  const world = await aWorld({ sandbox: { applications: 4 }, settings: { drift: "preserve" } });
  await world.pair();
  await world.run(["sync"], { env: SOPS });
  const [path = "", text = ""] = [...(await world.files())].find(([each]) => each.includes("/secrets/")) ?? [];
  await commitAs(world.repository, { files: { [`${GIT_PATH}/${path}`]: `# by hand\n${text}` } });
  const file = join(world.folder, "sealing.pem");
  await writeFile(file, (await aSealingPair()).certificate);
  const sealed = {
    RUNTIME_AGENT_SECRETS_MODE: "sealed-secrets",
    RUNTIME_AGENT_SECRETS_SEALED_SECRETS_CERTIFICATE_FILE: file,
  };
  const sync = async () => {
    const { stdout } = await world.run(["sync", "-o", "json"], { env: sealed });
    return JSON.parse(stdout).notes.some((note: string) => NOT_TAKEN.test(note));
  };

  const told = [await sync(), await sync(), await sync()];

  expect([told[0], told[2]]).toEqual([true, false]);
  expect((await world.files()).get(path)).toBe(`# by hand\n${text}`);
});

const LABEL = "runtime-agent.kyma-project.io/runtime";
const INVENTORY = `${GIT_PATH}/.runtime-agent/inventory.json`;

interface StoredSecret {
  readonly metadata: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly managedFields?: readonly { readonly manager: string }[];
    readonly [name: string]: unknown;
  };
  readonly [name: string]: unknown;
}

const withoutNull = (texts: Readonly<Record<string, string | null>>) =>
  Object.fromEntries(Object.entries(texts).flatMap(([name, text]) => (text === null ? [] : [[name, text]])));

/** An API server that knows of Secrets what the agent asks of them: to apply, to mark and to list by label. */
async function aClusterOfSecrets() {
  const api = await startFakeAPIServer();
  onTestFinished(() => api.close());
  const secrets = new Map<string, StoredSecret>();
  let isAllowed = true;
  const merged = (name: string, { path, contentType, body }: APIRequest): StoredSecret => {
    const [before, { metadata, ...rest }] = [secrets.get(name), JSON.parse(body)];
    const mine = { manager: "runtime-agent", operation: "Apply", apiVersion: "v1", fieldsV1: {} };
    const isApplied = contentType.startsWith("application/apply-patch");
    return {
      ...before,
      ...rest,
      metadata: {
        ...before?.metadata,
        ...metadata,
        labels: withoutNull({ ...before?.metadata.labels, ...metadata.labels }),
        annotations: withoutNull({ ...before?.metadata.annotations, ...metadata.annotations }),
        ownerReferences: [],
        ...(isApplied ? { uid: name, resourceVersion: path, managedFields: [mine] } : {}),
      },
    };
  };
  api.fault = (request): Fault | null => {
    const { pathname, searchParams } = new URL(request.path, "http://server");
    const [, name] = /^\/api\/v1\/namespaces\/kyma-system\/secrets\/?(.*)$/.exec(pathname) ?? [];
    if (name === undefined) return null;
    if (!isAllowed) return { status: 403, message: `secrets "${name}" is forbidden: User "u" cannot do that` };
    if (request.method === "GET") {
      const [label = "", value] = (searchParams.get("labelSelector") ?? "").split("=");
      const items = [...secrets.values()].filter(({ metadata }) => metadata.labels?.[label] === value);
      return {
        answer: { metadata: {}, items: items.map(({ metadata }) => ({ metadata: { ...metadata, labels: {} } })) },
      };
    }
    if (request.method === "DELETE") secrets.delete(name);
    else if (!request.contentType.startsWith("application/apply-patch") && !secrets.has(name)) return 404;
    else secrets.set(name, merged(name, request));
    return { answer: secrets.get(name) ?? { metadata: {} } };
  };
  return {
    api,
    secrets,
    env: { KUBECONFIG: await api.kubeconfig() },
    allow: (allowed: boolean) => {
      isAllowed = allowed;
    },
    /** Names of those with the agent's label. */
    marked: () => [...secrets].flatMap(([name, { metadata }]) => (metadata.labels?.[LABEL] ? [name] : [])),
    managers: () => new Set([...secrets.values()].map(({ metadata }) => metadata.managedFields?.[0]?.manager)),
  };
}

describe("mode cluster, given up", () => {
  const CLUSTER = { RUNTIME_AGENT_SECRETS_MODE: "cluster" };

  const aRefusedFirstCommit = async (before: Record<string, string> | null) => {
    const world = await aWorld({ sandbox: { applications: 4 } });
    const cluster = await aClusterOfSecrets();
    const sync = async (env: Record<string, string>) => {
      const { code, stdout, stderr } = await world.run(["sync", "-o", "json"], { env: { ...env, ...cluster.env } });
      return { code, stderr, notes: stdout === "" ? [] : (JSON.parse(stdout).notes as string[]) };
    };
    await world.pair();
    if (before !== null) await sync(before);
    const hook = join(world.repository, "hooks", "pre-receive");
    await writeFile(hook, "#!/bin/sh\nexit 1\n");
    await chmod(hook, 0o755);
    const { code } = await sync(CLUSTER);
    await rm(hook);
    if (code === 0) throw new Error("the push was to be refused");
    return { world, cluster, sync };
  };

  it.each([
    ["on a new repository", null],
    ["beside files", SOPS],
  ])("before its first commit leaves Secrets that Flux may change and remove (%s)", async (_, before) => {
    const { cluster, sync } = await aRefusedFirstCommit(before);
    const [applied, marked] = [cluster.secrets.size, cluster.marked().length];

    const { code, notes } = await sync(SOPS);
    const left = cluster.marked().length;
    const asked = cluster.api.requests.length;
    await sync(SOPS);

    expect([applied > 2, marked, code, notes]).toEqual([true, applied, 0, []]);
    expect([left, cluster.managers()]).toEqual([0, new Set(["kustomize-controller"])]);
    for (const { metadata } of cluster.secrets.values()) {
      expect(metadata.annotations).not.toHaveProperty(["kustomize.toolkit.fluxcd.io/prune"]);
    }
    // Nothing is left to look for.
    expect(cluster.api.requests.slice(asked).filter(({ path }) => path.includes("/secrets"))).toEqual([]);
  });

  it("leaves Secrets that the Sealed Secrets controller may take back", async () => {
    const file = join((await aWorld()).folder, "sealing.pem");
    await writeFile(file, (await aSealingPair()).certificate);
    const sealed = {
      RUNTIME_AGENT_SECRETS_MODE: "sealed-secrets",
      RUNTIME_AGENT_SECRETS_SEALED_SECRETS_CERTIFICATE_FILE: file,
    };
    const { cluster, sync } = await aRefusedFirstCommit(sealed);

    const { code } = await sync(sealed);

    expect([code, cluster.marked()]).toEqual([0, []]);
    const marks = [...cluster.secrets.values()].map(({ metadata }) => metadata.annotations);
    expect(new Set(marks.map((each) => each?.["sealedsecrets.bitnami.com/managed"]))).toEqual(new Set(["true"]));
  });

  it.each([
    ["where somebody changed it", false],
    ["where the state is lost, too", true],
  ])("with an inventory that does not verify lets go of all Secrets that come to Git (%s)", async (_, isLost) => {
    const world = await aWorld({ sandbox: { applications: 4 } });
    const cluster = await aClusterOfSecrets();
    await world.pair();
    await world.run(["sync"], { env: { ...CLUSTER, ...cluster.env } });
    const marked = cluster.marked().length;
    const inventory = (await world.files()).get(".runtime-agent/inventory.json") ?? "";
    await commitAs(world.repository, { files: { [INVENTORY]: inventory.replace(/"serial": \d+/, '"serial": 99') } });
    if (isLost) for (const lost of ["memory.json", "seal.key"]) await rm(join(world.folder, "state", lost));

    const { code } = await world.run(["sync"], { env: { ...SOPS, ...cluster.env } });

    expect([code, marked > 2, cluster.marked()]).toEqual([0, true, []]);
  });

  it("where nothing could be applied asks nothing of the cluster", async () => {
    const world = await aWorld({ sandbox: { applications: 4 } });
    const cluster = await aClusterOfSecrets();
    await world.pair();
    cluster.allow(false);
    const { code: refused } = await world.run(["sync"], { env: { ...CLUSTER, ...cluster.env } });
    const asked = cluster.api.requests.length;

    const { code, stderr } = await world.run(["sync"], { env: { ...SOPS, ...cluster.env } });

    expect([refused, code, stderr.includes("Secrets")]).toEqual([1, 0, false]);
    expect(cluster.api.requests.slice(asked)).toEqual([]);
  });

  it("says that marks may be left where it may not look for them, and takes them off once it may", async () => {
    const { cluster, sync } = await aRefusedFirstCommit(null);
    cluster.allow(false);

    const { code, notes } = await sync(SOPS);
    const kept = cluster.marked().length;
    cluster.allow(true);
    const after = await sync(SOPS);

    expect([code, kept > 2, after.notes, cluster.marked()]).toEqual([0, true, [], []]);
    expect(notes).toEqual([
      expect.stringMatching(/^Secrets in kyma-system may still carry .*may not list Secrets.*rbac-cluster-secrets/),
    ]);
  });
});
