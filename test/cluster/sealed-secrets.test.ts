/** What the agent seals, unsealed by the real controller on the real API server, with the certificate that it is asked for. */

import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { formatDocument } from "../../src/adapters/yaml/index.js";
import { aWorld, parseObject, type World } from "../e2e/world.js";
import { tools } from "../interop/tools.js";
import { call, createNamespace, writeKubeconfig } from "./api-server.js";
import { credentials } from "./landscape-credentials.js";
import { type Controller, ownAddress, startController } from "./sealed-secrets-controller.js";

const server = inject("cluster");
const address = ownAddress();
/** Null where a mount namespace may not be made: then there is nothing to try it with. */
const namespaces = await promisify(execFile)("unshare", ["-m", "true"]).catch(() => null);

interface SealedObject {
  readonly metadata: { readonly name: string };
}

const encryptedIn = (object: object | undefined) =>
  (object as { readonly spec?: { readonly encryptedData: Readonly<Record<string, string>> } } | undefined)?.spec
    ?.encryptedData;

/** The password or client secret behind a Secret becomes another one. */
const rotate = (world: World, name: string, value: string) =>
  world.edit(({ applications }) => {
    for (const { bundles } of applications) {
      for (const { id, defaultInstanceAuth } of bundles) {
        const { credential } = (defaultInstanceAuth ?? {}) as { credential?: Record<string, string> };
        const key = credential?.password === undefined ? "clientSecret" : "password";
        if (name.endsWith(id) && credential !== undefined) credential[key] = value;
      }
    }
  });

describe.skipIf(address === null || namespaces === null)("the real controller", () => {
  let controller: Controller;
  beforeAll(async () => {
    controller = await startController(server, address ?? "");
  }, 120_000);
  afterAll(() => controller?.stop());

  async function aSealedWorld(sealedSecrets: object = {}) {
    const namespace = `sealed-${randomBytes(4).toString("hex")}`;
    await createNamespace(server, namespace);
    const env = { KUBECONFIG: await writeKubeconfig(server) };
    const certificate = { controller: controller.service };
    const world = await aWorld({
      sandbox: { applications: 4 },
      settings: {
        secrets: { mode: "sealed-secrets", sealedSecrets: { certificate, ...sealedSecrets } },
        applications: { namespace },
      },
    });
    await world.pair();
    const sync = async () => {
      const { code, stdout, stderr } = await world.run(["sync", "-o", "json"], { env });
      if (code !== 0) throw new Error(stderr);
      return JSON.parse(stdout);
    };
    const sealed = async () =>
      new Map(
        [...(await world.files())]
          .filter(([path]) => path.includes("/secrets/"))
          .map(([, text]) => {
            const object = parseObject(text);
            return [object.metadata.name, { text, object }] as const;
          }),
      );
    const path = `/apis/bitnami.com/v1alpha1/namespaces/${namespace}/sealedsecrets`;
    /** As a GitOps tool does it. */
    const apply = async ({ metadata, ...object }: SealedObject & object) => {
      const type = "application/apply-patch+yaml";
      const body = { ...object, metadata };
      const { status } = await call(server, "PATCH", `${path}/${metadata.name}?fieldManager=gitops&force=true`, {
        body,
        type,
      });
      if (status >= 300) throw new Error(`HTTP ${status}`);
    };
    const configure = async (more: object) => {
      const given = parseObject(await readFile(world.config, "utf8"));
      const secrets = { mode: "sealed-secrets", sealedSecrets: { certificate, ...sealedSecrets, ...more } };
      await writeFile(world.config, formatDocument({ ...given, secrets }));
    };
    return { namespace, env, world, sync, sealed, apply, path, configure };
  }

  /** Null when the controller has not made it within a while. */
  async function secretOf(namespace: string, name: string, isThere = (_data: Record<string, string>) => true) {
    for (let waited = 0; waited < 100; waited++) {
      const { status, body } = await call(server, "GET", `/api/v1/namespaces/${namespace}/secrets/${name}`);
      if (status === 200) {
        const data = Object.fromEntries(
          Object.entries((body.data ?? {}) as Record<string, string>).map(([key, value]) => [
            key,
            Buffer.from(value, "base64").toString(),
          ]),
        );
        if (isThere(data)) return { data, metadata: body.metadata };
      }
      await delay(100);
    }
    return null;
  }

  it.each(["strict", "namespace-wide", "cluster-wide"])("unseals scope %s, and kubeseal agrees", async (scope) => {
    const { namespace, env, world, sync, sealed, apply } = await aSealedWorld({ scope });

    expect((await sync()).result).toBe("published");
    const files = await sealed();
    for (const { object } of files.values()) await apply(object as unknown as SealedObject);

    expect(files.size).toBeGreaterThan(2);
    const given = await credentials(world.sandbox.snapshotFile);
    for (const [name, { text }] of files) {
      const secret = await secretOf(namespace, name);
      const bundle = /([0-9a-f-]{36})$/.exec(name)?.[1] ?? "";
      if (!name.startsWith("params-")) expect(secret?.data).toEqual(given.get(bundle));
      expect(secret?.metadata.labels).toMatchObject({ bundleId: bundle });
      expect(await validate(text, env)).toBe(0);
    }
    const [first = ""] = [...files.values()].map(({ text }) => text);
    const elsewhere = first.replaceAll(/name: "?(mp-|params-)/g, "name: other-$1");
    expect(await validate(elsewhere, env)).toBe(scope === "strict" ? 1 : 0);
  });

  it("unseals a value that was sealed anew beside those that kept their bytes", async () => {
    const { namespace, world, sync, sealed, apply } = await aSealedWorld();
    await sync();
    const before = await sealed();
    const name = [...before.keys()].find((each) => !each.startsWith("params-")) ?? "";
    await apply(before.get(name)?.object as unknown as SealedObject);
    const old = await secretOf(namespace, name);
    await rotate(world, name, "rotated at the source");

    expect((await sync()).applications.updated).toHaveLength(1);
    const after = await sealed();
    await apply(after.get(name)?.object as unknown as SealedObject);

    const isRotated = (data: Record<string, string>) => Object.values(data).includes("rotated at the source");
    const now = await secretOf(namespace, name, isRotated);
    const kept = Object.keys(old?.data ?? {}).filter((key) => /username|clientId/.test(key));
    expect(kept).toHaveLength(1);
    for (const key of kept) expect(now?.data[key]).toBe(old?.data[key]);
    // The Secret, the revision and the inventory.
    expect(await world.touched()).toHaveLength(3);
  });

  it("renews its key: nothing is written, then a value that changes alone, and all of it when that is asked for", async () => {
    const { namespace, world, sync, sealed, apply, configure } = await aSealedWorld();
    await sync();
    const before = await sealed();
    await controller.renew();

    const idle = await sync();
    const name = [...before.keys()].find((each) => !each.startsWith("params-")) ?? "";
    await rotate(world, name, "rotated after the renewal");
    const mixed = await sync();
    const half = await sealed();
    await configure({ resealAfter: "0s" });
    const anew = await sync();
    const after = await sealed();
    const rest = await sync();

    expect([idle, mixed, anew, rest].map(({ result }) => result)).toEqual([
      "unchanged",
      "published",
      "published",
      "unchanged",
    ]);
    const texts = (files: typeof before) => new Map([...files].map(([each, { text }]) => [each, text]));
    const isSame = (each: string) => texts(half).get(each) === texts(before).get(each);
    expect([...before.keys()].filter((each) => !isSame(each))).toEqual([name]);
    const [was, is, last] = [before, half, after].map((files) => encryptedIn(files.get(name)?.object));
    const kept = Object.keys(was ?? {}).filter((key) => was?.[key] === is?.[key]);
    expect([Object.keys(was ?? {}).length, kept.length]).toEqual([2, 1]);
    expect(Object.keys(last ?? {}).filter((key) => last?.[key] === is?.[key])).toEqual([]);
    expect([...before.keys()].filter((each) => texts(after).get(each) === texts(before).get(each))).toEqual([]);
    // The file of two keys, then all files of the new one: the controller opens both.
    const isRotated = (data: Record<string, string>) => Object.values(data).includes("rotated after the renewal");
    await apply(half.get(name)?.object as unknown as SealedObject);
    expect(Object.keys((await secretOf(namespace, name, isRotated))?.data ?? {})).toHaveLength(2);
    const given = await credentials(world.sandbox.snapshotFile);
    for (const [each, { object }] of after) {
      await apply(object as unknown as SealedObject);
      const secret = await secretOf(namespace, each);
      const bundle = /([0-9a-f-]{36})$/.exec(each)?.[1] ?? "";
      if (!each.startsWith("params-")) expect(secret?.data).toEqual(given.get(bundle));
    }
  });

  it("takes an unmanaged Secret over once it is annotated and the SealedSecret is made anew, as the tutorial says", async () => {
    const { namespace, sync, sealed, apply, path } = await aSealedWorld({ managed: true });
    await sync();
    const [[name = "", { object } = { object: undefined }] = []] = [...(await sealed())];
    const secrets = `/api/v1/namespaces/${namespace}/secrets`;
    const data = { old: "b2xk" };
    await call(server, "POST", secrets, { body: { metadata: { name }, data } });
    await apply(object as unknown as SealedObject);
    await delay(2_000);

    const blocked = await secretOf(namespace, name);
    const annotations = { "sealedsecrets.bitnami.com/managed": "true" };
    const type = "application/merge-patch+json";
    await call(server, "PATCH", `${secrets}/${name}`, { body: { metadata: { annotations } }, type });
    await call(server, "DELETE", `${path}/${name}`);
    await apply(object as unknown as SealedObject);
    const taken = await secretOf(namespace, name, (each) => each.old === undefined);

    expect(blocked?.data).toEqual({ old: "old" });
    expect(Object.keys(taken?.data ?? {})).toHaveLength(2);
    expect(taken?.metadata.annotations).toMatchObject(annotations);
  });

  it("gives its Secrets to mode cluster, where they stay without their SealedSecret, and takes them back", async () => {
    const { namespace, env, world, sync, sealed, apply, path } = await aSealedWorld();
    await sync();
    const files = await sealed();
    for (const { object } of files.values()) await apply(object as unknown as SealedObject);
    const owners = async () =>
      Promise.all([...files.keys()].map(async (name) => (await secretOf(namespace, name))?.metadata.ownerReferences));
    const owned = await owners();

    const moved = await world.run(["sync"], { env: { ...env, RUNTIME_AGENT_SECRETS_MODE: "cluster" } });
    const free = await owners();
    // As the tool removes what Git has no more.
    for (const name of files.keys()) await call(server, "DELETE", `${path}/${name}`);
    await sync();
    const again = await sealed();
    for (const { object } of again.values()) await apply(object as unknown as SealedObject);
    let back = await owners();
    for (let waited = 0; waited < 50 && back.some((each) => each === undefined); waited++) {
      await delay(200);
      back = await owners();
    }

    expect(moved.code).toBe(0);
    expect(owned.every((each) => each?.[0]?.kind === "SealedSecret")).toBe(true);
    expect(free).toEqual([...files.keys()].map(() => undefined));
    expect(back.every((each) => each?.[0]?.kind === "SealedSecret")).toBe(true);
  });

  /** The exit code of `kubeseal --validate`, which asks the controller. */
  async function validate(text: string, env: Record<string, string>): Promise<number | null> {
    // The controller takes two of these a second.
    await delay(600);
    const args = ["--validate", "--controller-namespace", controller.namespace];
    const child = spawn(join(tools, "kubeseal"), args, { stdio: ["pipe", "ignore", "ignore"], env });
    child.stdin.end(text);
    return new Promise((resolve) => child.on("close", resolve));
  }
});
