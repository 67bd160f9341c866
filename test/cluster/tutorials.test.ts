/** The tutorials that need a cluster, word by word, on a real API server that has nothing but Flux's and Argo CD's definitions. */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { faultsOf, read, whole } from "../e2e/tutorial.js";
import { binaries, createNamespace, kubectl, startAPIServer, writeKubeconfig } from "./api-server.js";

const definitions = join(import.meta.dirname, "..", "install", "crds");

describe("each tutorial with kubectl in it", () => {
  it.each(["enable.md", "flux.md", "argocd.md"])("%s works word by word", { timeout: 300_000 }, async (name) => {
    const server = await startAPIServer({ isEmpty: true });
    onTestFinished(() => server.stop());
    for (const file of await readdir(definitions)) await kubectl(server, "apply", "-f", join(definitions, file));
    for (const namespace of ["flux-system", "argocd"]) await createNamespace(server, namespace);
    const access = { bin: binaries(), kubeconfig: await writeKubeconfig(server) };

    expect((await read(name)).filter(({ needsCluster }) => needsCluster).length).toBeGreaterThan(2);
    expect(await faultsOf(await whole(name), access)).toEqual([]);
  });
});
