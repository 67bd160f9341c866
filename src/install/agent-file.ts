/** The agent.yaml of a pod: what the configuration here says, with its secrets read from a mounted Secret. Pure. */

import { CONFIGURATION_SECRET, CREDENTIALS_FOLDER } from "../../templates/install/index.js";
import { formatDocument } from "../adapters/yaml/index.js";
import type { ExplicitSetting } from "../config/index.js";

/** One key of the Secret that people fill. */
export interface Credential {
  readonly key: string;
  /** The setting that it is for, dotted. */
  readonly setting: string;
  /** The file that it is read from here; null when it is somewhere else. */
  readonly file: string | null;
}

export interface AgentFile {
  readonly text: string;
  readonly credentials: readonly Credential[];
  /** Settings that name a file or folder of this machine, which the pod must have at the same place. */
  readonly local: readonly string[];
}

export interface AgentFileOptions {
  readonly settings: readonly ExplicitSetting[];
  readonly namespace: string;
}

/** They come from the Secrets of the cluster there. */
const ELSEWHERE = ["version", "runtime.id", "runtime.tenant", "runtime.configuration", "compass.connectorURL", "state"];

const TOKEN = "compass.token";

/** A PEM file, which no reference is to. */
const SEALING = "secrets.sealedSecrets.certificate.file";

/** Files and folders that stay named as they are. */
const LOCAL = new Set(["applications.templates", "metrics.textfile"]);

/** Stands in for a configuration that says nothing of the repository: to be replaced. */
export const EXAMPLE: readonly ExplicitSetting[] = [
  { path: ["git", "url"], value: "https://git.example.com/platform/clusters.git", isReference: false },
  { path: ["git", "path"], value: "clusters/prod/runtime-agent", isReference: false },
  { path: ["git", "auth", "token"], value: { file: "git-token" }, isReference: true },
];

export function agentFile({ settings, namespace }: AgentFileOptions): AgentFile {
  const credentials: Credential[] = [];
  const local: string[] = [];
  const said = settings.flatMap(({ path, value, isReference }): [readonly string[], unknown][] => {
    const setting = path.join(".");
    if (setting === TOKEN || ELSEWHERE.some((each) => setting === each || setting.startsWith(`${each}.`))) return [];
    if (!isReference && setting !== SEALING) {
      if (LOCAL.has(setting)) local.push(setting);
      return [[path, value]];
    }
    const place = isReference ? setting : setting.replace(/\.file$/, "");
    const key = place.replaceAll(".", "-").replaceAll(/[A-Z]+/g, (letters) => `-${letters.toLowerCase()}`);
    const file = typeof value === "string" ? value : ((value as { file?: string }).file ?? null);
    credentials.push({ key, setting: place, file });
    return [[place.split("."), { file: `${CREDENTIALS_FOLDER}/${key}` }]];
  });
  const document = {
    version: 1,
    runtime: { configuration: { secret: `${namespace}/${CONFIGURATION_SECRET}` } },
    state: { kubernetes: { namespace } },
  };
  return { text: formatDocument(merged(document, said)), credentials, local };
}

/** Adds values by path; the document's own keys stand first and stay. */
function merged(document: object, said: readonly (readonly [readonly string[], unknown])[]): object {
  const root = structuredClone(document) as Record<string, unknown>;
  for (const [path, value] of said) {
    let level = root;
    for (const key of path.slice(0, -1)) {
      const next = level[key];
      const child = typeof next === "object" && next !== null ? next : {};
      level[key] = child;
      level = child as Record<string, unknown>;
    }
    const last = path.at(-1);
    if (last !== undefined) level[last] = value;
  }
  return root;
}
