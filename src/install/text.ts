/** Manifests as text: one stream for kubectl, or files with a kustomization. Pure. */

import { formatYaml } from "../adapters/yaml/index.js";
import type { InstallManifest, ManifestFile } from "./chart-file.js";

/** Marks a file as one that may be written again. */
export const HEAD = "# Written by runtime-agent install; written again by the next one.\n";

/** One stream of documents, as `kubectl apply -f -` reads it. */
export const streamText = (manifests: readonly InstallManifest[]): string =>
  manifests.map((manifest) => `---\n${documentText(manifest)}`).join("");

const STAND_IN = "agent-yaml-stands-here";

/** The configuration stands as a block, since people read and change it there; a canonical text would be one long line. */
function documentText(manifest: InstallManifest): string {
  const text = manifest.data?.["agent.yaml"];
  if (text === undefined) return formatYaml(manifest);
  const lines = text.replace(/\n$/, "").split("\n");
  const block = lines.map((line) => (line === "" ? "" : `    ${line}`)).join("\n");
  return formatYaml({ ...manifest, data: { ...manifest.data, "agent.yaml": STAND_IN } }).replace(
    STAND_IN,
    () => `|\n${block}`,
  );
}

/** Text by file name, with a kustomization.yaml over all of them. */
export function fileTexts(files: readonly ManifestFile[], head = HEAD): Map<string, string> {
  const kustomization = {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    resources: files.map(({ name }) => name),
  };
  return new Map([
    ...files.map(({ name, about, manifests }) => [name, `# ${about}\n${head}${streamText(manifests)}`] as const),
    ["kustomization.yaml", `${head}${formatYaml(kustomization)}`],
  ]);
}
