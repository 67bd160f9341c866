/** The commands of docs/tutorials/secrets.md that stand apart, those of kubectl, on a real API server: what needs no controller. */

import { execFile } from "node:child_process";
import { readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import { folder } from "../e2e/tutorial.js";
import { aFolder } from "../e2e/world.js";
import { binaries, createNamespace, define, kubectl, startAPIServer, writeKubeconfig } from "./api-server.js";

const NAME = "mp-name";

/** Of one fence of indented lines, without comments; each `NAME` is one that is there. */
async function commands(): Promise<string[]> {
  const text = await readFile(join(folder, "secrets.md"), "utf8");
  return (
    text
      .split("\n")
      .filter((line) => line.startsWith("    kubectl "))
      .map((line) => line.trim().replaceAll(/NAME(?:\.\.\.)?/g, NAME))
      // Nothing here lets dependents go, for which it would wait.
      .map((line) => line.replace("--cascade=orphan", "--cascade=orphan --wait=false"))
  );
}

it("are taken by kubectl and the API server, in their order", { timeout: 120_000 }, async () => {
  const server = await startAPIServer({ isEmpty: true });
  onTestFinished(() => server.stop());
  await define(server, "kustomizations", "sealedsecrets");
  for (const namespace of ["flux-system", "kyma-system"]) await createNamespace(server, namespace);
  const place = await aFolder();
  await symlink(join(import.meta.dirname, "..", "..", "deploy"), join(place, "deploy"));
  for (const key of ["age.agekey", "new.agekey"]) await writeFile(join(place, key), `AGE-SECRET-KEY of ${key}\n`);
  const env = { PATH: `${binaries()}:${process.env.PATH}`, KUBECONFIG: await writeKubeconfig(server), HOME: place };
  const objects = join(place, "objects.yaml");
  await writeFile(
    objects,
    [
      `apiVersion: v1\nkind: Secret\nmetadata: {name: ${NAME}, namespace: kyma-system}\n`,
      `apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: ${NAME}, namespace: kyma-system}\nspec: {encryptedData: {}}\n`,
      `apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: ${NAME}, namespace: flux-system}\n` +
        "spec: {interval: 1h, prune: true, path: ./, sourceRef: {kind: GitRepository, name: x}}\n",
    ].join("---\n"),
  );
  const all = await commands();
  const said: string[] = [];

  for (const command of all) {
    // What one of them removed, Flux or Argo CD would have brought back.
    if (/ delete sealedsecret /.test(command) || said.length === 0) await kubectl(server, "apply", "-f", objects);
    const { stdout } = await promisify(execFile)("bash", ["-c", command], { cwd: place, env });
    said.push(stdout);
  }

  expect(all.length).toBeGreaterThan(9);
  const secret = JSON.parse(await kubectl(server, "-n", "kyma-system", "get", "secret", NAME, "-o", "json"));
  expect(secret.metadata.annotations).toMatchObject({
    "sealedsecrets.bitnami.com/managed": "true",
    "kustomize.toolkit.fluxcd.io/prune": "disabled",
  });
  const keys = JSON.parse(await kubectl(server, "-n", "flux-system", "get", "secret", "sops-age", "-o", "json"));
  expect(Object.keys(keys.data)).toEqual(["new.agekey"]);
  const flux = JSON.parse(await kubectl(server, "-n", "flux-system", "get", "kustomization", NAME, "-o", "json"));
  expect(flux.spec.suspend).toBe(false);
  expect(await kubectl(server, "-n", "kyma-system", "get", "roles", "-o", "name")).toContain("runtime-agent-secrets");
});
