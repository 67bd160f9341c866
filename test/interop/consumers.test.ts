/** What the agent commits, opened by the real sops and built by the real kustomize (scripts/get-tools.sh gets them). */

import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { describe, expect, it } from "vitest";
import { createSopsSealer } from "../../src/seal/sops.js";
import { aFolder, aWorld, type Landscape, parseObject } from "../e2e/world.js";
import { tools } from "./tools.js";

const execute = promisify(execFile);

async function sops(file: string, key: string): Promise<{ data: Record<string, string> }> {
  const { stdout } = await execute(join(tools, "sops"), ["decrypt", "--output-type", "json", file], {
    env: { SOPS_AGE_KEY: key, HOME: "/nonexistent" },
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse(stdout) as { data: Record<string, string> };
}

const decoded = ({ data }: { data: Record<string, string> }) =>
  Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]));

/** Writes what was committed to a folder. */
async function checkOut(files: ReadonlyMap<string, string>, folder: string): Promise<void> {
  for (const [path, text] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

describe("the committed files", () => {
  it("open with sops and its check of the MAC, with the values that Compass has, and build with kustomize", async () => {
    const identity = await generateX25519Identity();
    const secrets = { mode: "sops", sops: { age: [await identityToRecipient(identity)] } };
    const world = await aWorld({ sandbox: { applications: 30 }, settings: { secrets } });
    await world.pair();
    expect((await world.run(["sync"])).code).toBe(0);
    const files = await world.files();
    await checkOut(files, join(world.folder, "checkout"));

    const sealed = [...files.keys()].filter((path) => path.includes("/secrets/"));
    const opened = new Map<string, Record<string, string>>();
    for (const path of sealed) opened.set(path, decoded(await sops(join(world.folder, "checkout", path), identity)));
    const { stdout } = await execute(join(tools, "kustomize"), ["build", join(world.folder, "checkout")], {
      maxBuffer: 64 * 1024 * 1024,
    });

    expect(sealed.length).toBeGreaterThan(20);
    const { applications } = JSON.parse(await readFile(world.sandbox.snapshotFile, "utf8")) as Landscape;
    const bundles = new Map(applications.flatMap(({ bundles }) => bundles ?? []).map((bundle) => [bundle.id, bundle]));
    for (const [path, data] of opened) {
      const id = /([0-9a-f-]{36})\.yaml$/.exec(path)?.[1] ?? "";
      const auth = bundles.get(id)?.defaultInstanceAuth as {
        credential: Record<string, string> | null;
        additionalHeaders: unknown;
        additionalQueryParams: unknown;
      };
      const { url: _url, __typename: _name, ...credential } = auth.credential ?? {};
      if (path.includes("/params-")) {
        if (data.headers !== undefined) expect(JSON.parse(data.headers)).toEqual(auth.additionalHeaders);
        if (data.queryParameters !== undefined) {
          expect(JSON.parse(data.queryParameters)).toEqual(auth.additionalQueryParams);
        }
      } else expect(data).toEqual(credential);
    }
    expect(stdout.match(/^kind: Application$/gm)).toHaveLength(30);
    expect(stdout.match(/^kind: Secret$/gm)).toHaveLength(sealed.length);
  });

  it("are refused by sops when a value was tampered with", async () => {
    const folder = await aFolder();
    const identity = await generateX25519Identity();
    const file = join(folder, "secret.yaml");
    const sealed = await seal({ password: "dmFsdWU=" }, [await identityToRecipient(identity)]);
    await writeFile(file, sealed.replace("password: ENC", "passwords: ENC"));

    await expect(sops(file, identity)).rejects.toThrow();
  });
});

const object = { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "n" }, type: "Opaque" };
const seal = (data: Record<string, string>, recipients: readonly string[]) =>
  createSopsSealer(recipients).seal(object, data, new Date("2026-01-02T03:04:05.678Z"));

describe("the kustomize base that is shipped", () => {
  it("is built by kustomize, each object once, with its place", async () => {
    const base = join(import.meta.dirname, "..", "..", "deploy");

    const { stdout } = await execute(join(tools, "kustomize"), ["build", base]);

    const built = stdout.split(/^---\n/m).map(parseObject);
    const names = built.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ""}/${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain("CronJob kyma-system/runtime-agent");
    expect(names).toContain("NetworkPolicy kyma-system/runtime-agent");
    expect(built.filter(({ kind }) => kind === "CustomResourceDefinition")).toHaveLength(2);
  });
});

describe("a sealed value", () => {
  it("of any kind opens with sops, for each of two recipients", async () => {
    const folder = await aFolder();
    const identities = [await generateX25519Identity(), await generateX25519Identity()];
    const recipients = await Promise.all(identities.map((identity) => identityToRecipient(identity)));
    const values = {
      empty: "",
      unicode: "pä$$wörd 😀\n second line",
      variable: `\${FOO} $\${BAR} \${`,
      number: "0123456789012345678901234567890",
      boolean: "yes",
      date: "2026-01-02T03:04:05Z",
      nothing: "null",
      one: "x",
      large: "k".repeat(100_000),
      zebra: "last",
      Upper: "first",
    };
    const data = Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString("base64")] as const);
    const file = join(folder, "secret.yaml");
    const text = await seal(Object.fromEntries(data), recipients);
    await writeFile(file, text);

    const opened = await Promise.all(identities.map(async (identity) => decoded(await sops(file, identity))));

    expect(opened).toEqual([values, values]);
    expect(parseObject(text).data?.empty).toBe("");
  });
});
