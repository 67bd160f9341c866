/** Puts the configuration together: options over environment over file over the Go agent's variables over defaults. */

import { readFile } from "node:fs/promises";
import { devNull } from "node:os";
import { dirname, resolve } from "node:path";
import { type ParsedYaml, parseYamlDocument } from "../adapters/yaml/index.js";
import { Failure } from "../common/failure.js";
import { forTerminal } from "../common/quote.js";
import { explain, originOf } from "./explain.js";
import { goAgentLayer } from "./go-agent.js";
import {
  type Environment,
  environmentLayer,
  FILE_VARIABLE,
  fileLayer,
  type Layer,
  optionLayer,
  type Reading,
} from "./layers.js";
import { ConfigurationError, type Origin } from "./problems.js";
import { rowsOf } from "./rows.js";
import { replacesConfigurationSecret, violations } from "./rules.js";
import { type Config, schema } from "./schema.js";
import { isTree, nodeOf, overlay, type Tree, valueAt } from "./tree.js";

export interface LoadOptions {
  /** The configuration file. @default RUNTIME_AGENT_CONFIG, else agent.yaml in the working folder, if there is one */
  readonly file?: string | undefined;
  readonly env: Environment;
  /** Values by dotted path, from the command line. @default none */
  readonly options?: Readonly<Record<string, string | boolean>>;
  /** The working folder, for relative paths that are not in the file. */
  readonly cwd: string;
  /** Whether a file that says nothing stands for the defaults, as /dev/null always does. @default not for one that is named */
  readonly mayBeEmpty?: boolean;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Where each value comes from, by the dotted paths that `config view` lists. */
  readonly origins: ReadonlyMap<string, Origin>;
  /** The file that was read, absolute; null when there was none. */
  readonly file: string | null;
  /** What the user may want to know, one sentence each: what is ignored, what is risky. */
  readonly notes: readonly string[];
}

const DEFAULT_FILE = "agent.yaml";

/**
 * Loads and checks the configuration. Throws ConfigurationError with everything that is wrong, and a Failure
 * ConfigurationUnreadable for a file that was named and cannot be read, ConfigurationInvalid for one that is not YAML.
 */
export async function loadConfig({ file: given, env, options = {}, cwd, ...rest }: LoadOptions): Promise<LoadedConfig> {
  const root = nodeOf(schema);
  const named = given ?? (env[FILE_VARIABLE] || undefined);
  const { mayBeEmpty = named === undefined } = rest;
  const file = await readConfiguration(named, cwd);
  if (file !== null && !mayBeEmpty && file.path !== devNull && saysNothing(file.parsed)) throw empty(file.name);
  const folder = file === null ? cwd : dirname(file.path);

  const fromOptions = optionLayer(root, options, cwd);
  const fromEnvironment = environmentLayer(root, env, cwd);
  const fromFile: Reading[] = file === null ? [] : [fileLayer(root, file.parsed, file.name, folder)];
  const readings = [fromOptions, fromEnvironment, ...fromFile];
  const explicit = readings.map(({ layer }) => layer);
  const goAgent = goAgentLayer(env);
  const notes = [...goAgent.notes];

  const layers = [...explicit, withoutNeedlessSecret(goAgent.layer, explicit, notes), placeDefaults(env, folder)];
  const tree = layers.reduceRight<Tree>((lower, { tree: upper }) => overlay(lower, upper, root), {});
  const result = schema.safeParse(tree);
  const problems = [
    ...readings.flatMap((reading) => reading.problems),
    ...explain(result.success ? [] : result.error.issues, violations(tree), { root, tree, layers }),
  ];
  if (!result.success || problems.length > 0) throw new ConfigurationError(problems);

  const config = freeze(result.data);
  const origins = new Map(rowsOf(config).map(({ path }) => [path, originOf(path.split("."), layers)]));
  if (config.git === null && explicit.some((layer) => isTree(valueAt(layer.tree, ["git"])))) {
    notes.push("keys under git have no effect without git.url");
  }
  if (config.compass.insecureSkipVerify) {
    notes.push(
      `${origins.get("compass.insecureSkipVerify")?.name} turns off the check of Compass's server certificate`,
    );
  }
  return { config, origins, file: file?.path ?? null, notes };
}

/** Throws where Node.js would trust any server, Git host included, whatever the configuration says. */
export function requireVerification(env: Environment): void {
  if (env.NODE_TLS_REJECT_UNAUTHORIZED !== "0") return;
  throw new Failure("NODE_TLS_REJECT_UNAUTHORIZED=0 turns off every check of server certificates", {
    code: "ConfigurationInvalid",
    stage: "config",
    hint: "Unset it, and give the authority as compass.ca or git.ca; for a test alone there is compass.insecureSkipVerify.",
  });
}

interface ConfigurationFile {
  /** As the user named it. */
  readonly name: string;
  readonly path: string;
  readonly parsed: ParsedYaml;
}

async function readConfiguration(named: string | undefined, cwd: string): Promise<ConfigurationFile | null> {
  const name = named ?? DEFAULT_FILE;
  const path = resolve(cwd, name);
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (named === undefined && cause.code === "ENOENT") return null;
    const [reason, hint] = REASONS[cause.code ?? ""] ?? ["cannot be read", "Check the file and the disk it is on."];
    throw unreadable(name, reason, hint, cause);
  });
  if (bytes === null) return null;
  let content: string;
  try {
    content = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw unreadable(name, "is not UTF-8 text", "Save it as UTF-8.", cause);
  }
  const parsed = parseYamlDocument(content, { file: name, stage: "config", code: "ConfigurationInvalid" });
  return { name, path, parsed };
}

/** As a mount that is not filled yet leaves it, or an editor that was cut. */
const saysNothing = ({ value }: ParsedYaml) =>
  value === null || value === undefined || (isTree(value) && Object.keys(value).length === 0);

const empty = (name: string) =>
  new Failure(`the configuration file ${forTerminal(name)} is empty`, {
    code: "ConfigurationInvalid",
    stage: "config",
    hint: "Write into it what is to be configured, `version: 1` at least.",
  });

const REASONS: Readonly<Record<string, readonly [reason: string, hint: string]>> = {
  ENOENT: ["does not exist", "Name an existing file with --config or RUNTIME_AGENT_CONFIG."],
  EACCES: ["may not be read", "Give the agent's user the right to read it."],
  EPERM: ["may not be read", "Give the agent's user the right to read it."],
  EISDIR: ["is a folder", "Name the file within it."],
  ENOTDIR: ["does not exist", "Name an existing file with --config or RUNTIME_AGENT_CONFIG."],
};

function unreadable(name: string, reason: string, hint: string, cause: unknown): Failure {
  const message = `the configuration file ${forTerminal(name)} ${reason}`;
  return new Failure(message, { code: "ConfigurationUnreadable", stage: "config", hint, cause });
}

/** What is default depends on where the agent runs. */
function placeDefaults(env: Environment, folder: string): Layer {
  const inPod = (env.KUBERNETES_SERVICE_HOST ?? "") !== "";
  const state = inPod ? { kubernetes: { namespace: "kyma-system" } } : { directory: resolve(folder, "state") };
  return { kind: "default", tree: { state }, nameOf: () => "default" };
}

/** The Go agent's Secret steps back when the configuration says what would be in it. */
function withoutNeedlessSecret(goAgent: Layer, explicit: readonly Layer[], notes: string[]): Layer {
  const secret = ["runtime", "configuration"];
  const needless = explicit.some(({ tree }) => replacesConfigurationSecret(tree));
  if (!needless || valueAt(goAgent.tree, secret) === undefined) return goAgent;
  notes.push(`${goAgent.nameOf(secret)} is ignored, because what its Secret holds is configured`);
  const { configuration: _, ...runtime } = valueAt(goAgent.tree, ["runtime"]) as Tree;
  return { ...goAgent, tree: { ...goAgent.tree, runtime } };
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(freeze);
  return value;
}
