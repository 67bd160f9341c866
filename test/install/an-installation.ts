/** Installations for tests: settings off a configuration file, and their manifests. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseYaml } from "../../src/adapters/yaml/index.js";
import { type LoadedConfig, loadConfig } from "../../src/config/index.js";
import {
  type InstallManifest,
  type InstallOptions,
  type InstallSettings,
  installFiles,
  installSettings,
} from "../../src/install/index.js";
import { aFolder } from "../e2e/world.js";

export const RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

/** A configuration as a person has it on a machine of theirs. */
export const USUAL = `version: 1
runtime: {id: 0e4d3f5a-8c1b-4f2e-9a57-2b6c1d7e8f90, tenant: tenant-1}
compass: {connectorURL: https://compass.example.com/connector/graphql, token: {file: token}, ca: {file: ca.pem}}
state: {directory: ./state}
git:
  url: https://git.example.com/platform/clusters.git
  path: clusters/prod/runtime-agent
  auth: {token: {env: GIT_TOKEN}}
secrets: {mode: sops, sops: {age: [${RECIPIENT}]}}
`;

/** The same with other parts, each a section in YAML, or without one. */
export function usual(parts: Readonly<Record<string, string | null>> = {}): string {
  const sections = new Map(
    USUAL.split(/\n(?=\w)/).map((section) => [section.slice(0, section.indexOf(":")), section.trimEnd()] as const),
  );
  for (const [name, text] of Object.entries(parts)) {
    if (text === null) sections.delete(name);
    else sections.set(name, `${name}: ${text}`);
  }
  return `${[...sections.values()].join("\n")}\n`;
}

export async function loaded(text: string | null): Promise<LoadedConfig> {
  const cwd = await aFolder();
  if (text !== null) await writeFile(join(cwd, "agent.yaml"), text);
  return loadConfig({ env: {}, cwd });
}

const OPTIONS: InstallOptions = { as: "cronjob", gitops: "none", takeOver: false, image: "registry.example.com/a:1" };

export async function settingsOf(text: string | null, options: Partial<InstallOptions> = {}): Promise<InstallSettings> {
  return installSettings(await loaded(text), { ...OPTIONS, ...options });
}

/** As tests look into it. */
// biome-ignore lint/suspicious/noExplicitAny: manifests, read by tests that know their shape
export type Read = InstallManifest & { readonly [field: string]: any };

export async function manifestsOf(text: string | null, options: Partial<InstallOptions> = {}): Promise<Read[]> {
  const files = await installFiles(await settingsOf(text, options));
  return files.flatMap(({ manifests }) => manifests) as Read[];
}

export function find(manifests: readonly Read[], kind: string, name = "runtime-agent"): Read {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

/** The configuration that a pod is given. */
export const agentYaml = (manifests: readonly Read[]) =>
  parseYaml(find(manifests, "ConfigMap").data?.["agent.yaml"] ?? "", {
    file: "agent.yaml",
    stage: "config",
    code: "Internal",
    // biome-ignore lint/suspicious/noExplicitAny: read by tests that know its shape
  }) as any;
