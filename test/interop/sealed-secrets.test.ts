/** What the agent seals for the Sealed Secrets controller, opened by the real kubeseal with the controller's key, in all scopes. */

import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { createSealer, readSealingCertificate } from "../../src/seal/index.js";
import { aFolder } from "../e2e/world.js";
import { aSealingPair } from "../seal/sealing-pair.js";
import { tools } from "./tools.js";

const pair = await aSealingPair();
const certificate = readSealingCertificate(pair.certificate, "the test", new Date());

async function unseal(sealed: string, key: string): Promise<Record<string, string>> {
  const file = join(await aFolder(), "key.pem");
  await writeFile(file, key);
  const args = ["--recovery-unseal", "--recovery-private-key", file, "-o", "json"];
  const child = spawn(join(tools, "kubeseal"), args, { stdio: "pipe", env: { HOME: "/nonexistent" } });
  child.stdin.end(sealed);
  const [out, error, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise((resolve) => child.on("close", resolve)),
  ]);
  if (code !== 0) throw new Error(error);
  // Go has no value for what is empty.
  const { data } = JSON.parse(out) as { data: Record<string, string | null> };
  return Object.fromEntries(
    Object.entries(data).map(([name, value]) => [name, Buffer.from(value ?? "", "base64").toString()]),
  );
}

const values = {
  empty: "",
  unicode: "pä$$wörd 😀\n second line",
  template: "{{ .Values.x }} $".concat("{FOO}"),
  boolean: "true",
  nothing: "null",
  one: "x",
  large: "k".repeat(900_000),
};
const data = Object.fromEntries(
  Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
);
const object = { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "n" }, type: "Opaque" };

describe("a SealedSecret", () => {
  it.each(["strict", "namespace-wide", "cluster-wide"] as const)("of scope %s opens with kubeseal", async (scope) => {
    const sealer = createSealer({ mode: "sealed-secrets", certificate, scope, managed: false });

    const sealed = await sealer.seal(object, data, new Date());

    expect(await unseal(sealed, pair.key)).toEqual(values);
  });

  it("opens elsewhere exactly where its scope says so", async () => {
    const opened: string[] = [];
    for (const scope of ["strict", "namespace-wide", "cluster-wide"] as const) {
      const sealer = createSealer({ mode: "sealed-secrets", certificate, scope, managed: false });
      const sealed = await sealer.seal(object, { a: "eA==" }, new Date());
      const renamed = sealed.replaceAll("name: s\n", "name: t\n");
      const moved = renamed.replaceAll(/namespace: "?n"?\n/g, "namespace: m\n");
      for (const [where, copy] of Object.entries({ renamed, moved })) {
        await unseal(copy, pair.key).then(
          () => opened.push(`${scope} ${where}`),
          () => undefined,
        );
      }
    }

    expect(opened).toEqual(["namespace-wide renamed", "cluster-wide renamed", "cluster-wide moved"]);
  });

  it("does not open with another controller's key", async () => {
    const sealer = createSealer({ mode: "sealed-secrets", certificate, scope: "strict", managed: false });
    const sealed = await sealer.seal(object, data, new Date());

    await expect(unseal(sealed, (await aSealingPair()).key)).rejects.toThrow();
  });
});
