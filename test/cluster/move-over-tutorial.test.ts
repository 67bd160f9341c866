/** docs/tutorials/move-over.md, word by word, with the real kubectl and sops against a real API server; only `age-keygen` is played. */

import { chmod, mkdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { expect, inject, it, onTestFinished } from "vitest";
import { faultsOf, read } from "../e2e/tutorial.js";
import { aRuntime } from "./a-runtime.js";
import { binaries, call, create, kubectl, writeKubeconfig } from "./api-server.js";
import { clearLandscape, GOLDEN, makeLandscape } from "./go-agent/landscape.js";
import { leaveBehind } from "./go-agent/leave-behind.js";

const server = inject("cluster");
const ROOT = join(import.meta.dirname, "..", "..");

/** Where scripts/get-tools.sh puts sops. */
const TOOLS =
  process.env.RUNTIME_AGENT_TOOLS ||
  join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "runtime-agent-tools");

const NAME = "compass-runtime-agent";
const DEPLOYMENTS = "/apis/apps/v1/namespaces/kyma-system/deployments";

/** A cluster as the Go agent leaves it, that runs still. */
async function aClusterWithGoAgent() {
  const namespaces = ["kyma-system", "istio-system"] as const;
  const runtime = await aRuntime(server, { isBySecret: true, namespaces, snapshot: join(GOLDEN, "snapshot.json") });
  const clear = async () => {
    await clearLandscape(server);
    await kubectl(server, "delete", "--ignore-not-found", "-f", join(ROOT, "deploy", "rbac.yaml"));
    await kubectl(server, "delete", "--ignore-not-found", "-n", "kyma-system", "secret", "compass-agent-configuration");
    await call(server, "DELETE", `${DEPLOYMENTS}/${NAME}`);
  };
  await clear();
  onTestFinished(clear);
  await leaveBehind(runtime);
  await makeLandscape(server);
  const labels = { app: NAME };
  const template = { metadata: { labels }, spec: { containers: [{ name: NAME, image: "none" }] } };
  const spec = { replicas: 1, selector: { matchLabels: labels }, template };
  await create(server, DEPLOYMENTS, { metadata: { name: NAME }, spec });
  return runtime;
}

/** `age-keygen -o FILE`, as far as the tutorial calls it. */
async function playAgeKeygen(folder: string): Promise<string> {
  const identity = await generateIdentity();
  const programs = join(folder, "programs");
  await mkdir(programs);
  const lines = `# public key: ${await identityToRecipient(identity)}\n${identity}\n`;
  await writeFile(join(programs, "age-keygen"), `#!/bin/sh\nprintf '%s' '${lines}' > "$2"\n`);
  await chmod(join(programs, "age-keygen"), 0o755);
  return programs;
}

it("the tutorial for moving over works word by word, and so does going back", async () => {
  const { world } = await aClusterWithGoAgent();
  const steps = await read("move-over.md");

  const faults = await faultsOf(steps, {
    bin: [await playAgeKeygen(world.folder), binaries(), TOOLS].join(":"),
    kubeconfig: await writeKubeconfig(server),
    variables: {
      RUNTIME_AGENT_COMPASS_CA_FILE: world.sandbox.ca,
      PACKAGE: ROOT,
    },
  });

  expect(faults).toEqual([]);
  expect(steps.length).toBeGreaterThan(10);
}, 300_000);
