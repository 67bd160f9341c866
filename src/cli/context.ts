/** What every command is given: the world, the global options, and the ways to answer. */

import type { Readable, Writable } from "node:stream";
import { formatDocument } from "../adapters/yaml/index.js";
import type { Clock } from "../common/clock.js";
import { asFailure, type Failure } from "../common/failure.js";
import { createLogger, type Logger, type LogLevel } from "../common/logger.js";
import { forJSON, forTerminal } from "../common/quote.js";
import {
  type Config,
  type LoadedConfig,
  type LoadOptions,
  loadConfig,
  PLAIN_WARNING,
  resolveConfiguration,
} from "../config/index.js";
import type { TextOptions } from "../report/index.js";
import { beforeTakeOver, takeOverConfiguration } from "../take-over.js";

/** What the process has; tests give their own. */
export interface World {
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly stdin: Readable;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Calls back whenever the process is sent SIGHUP. */
  readonly onHangup: (listener: () => void) => void;
}

/** The global options as commander gives them. */
export interface GlobalOptions {
  readonly config?: string;
  readonly output: "text" | "json" | "yaml";
  readonly logLevel?: LogLevel;
  readonly logFormat: "text" | "json";
  readonly color: boolean;
  readonly quiet?: boolean;
}

/** A configuration, as it is written where what it refers to cannot be had; null for why when it could. */
export interface WhatCanBe {
  readonly config: Config;
  readonly failure: Failure | null;
}

export interface Context extends World {
  readonly options: GlobalOptions;
  readonly log: Logger;
  /** What every answer must carry, once the configuration is loaded. */
  readonly warnings: readonly string[];
  /** How text for stdout is written. */
  readonly text: TextOptions;
  /** The configuration as it is written, with `overrides` as the options of the command. Its notes go to the log. */
  load(
    overrides?: Readonly<Record<string, string | boolean>>,
    reading?: Pick<LoadOptions, "file" | "mayBeEmpty">,
  ): Promise<LoadedConfig>;
  /** The same, with what `runtime.configuration` refers to. */
  resolve(overrides?: Readonly<Record<string, string | boolean>>): Promise<Config>;
  /** The same for a command that says what is wrong: as far as it can be resolved, and why it goes no further. */
  resolveWhatCanBe(): Promise<WhatCanBe>;
  /** The same for a command that writes: what the Go agent was configured by is taken over first, where it is time. */
  resolveToWrite(overrides?: Readonly<Record<string, string | boolean>>): Promise<Config>;
  /** The same for what must not wait for the Secret of `runtime.configuration`: without it, and why, where that cannot be used. */
  resolveToWriteWhatCanBe(): Promise<WhatCanBe>;
  /** The same for one that is loaded already. */
  prepareWhatCanBe(config: Config): Promise<WhatCanBe>;
  /** The command's one result on stdout: the data in the format asked for, or the text. */
  answer(data: unknown, text: string): void;
  /** A line for people on stderr, unless they asked for quiet. */
  tell(line: string): void;
  /** The warnings on stderr, also for who asked for quiet: for an answer that cannot carry them. */
  tellWarnings(): void;
}

const UNVERIFIED =
  "compass.insecureSkipVerify is on: whoever stands between can read tokens and credentials; give the authority as compass.ca instead";

export function createContext(world: World, options: GlobalOptions): Context {
  const { stdout, stderr, env, cwd } = world;
  const colored = (stream: { readonly isTTY?: boolean }) =>
    options.color && !env.NO_COLOR && (stream.isTTY === true || Boolean(env.FORCE_COLOR && env.FORCE_COLOR !== "0"));
  const quiet = options.quiet === true;
  // On a terminal people see the result; the log is for what is wrong. Elsewhere the log is the record.
  const usual: LogLevel = quiet ? "error" : stderr.isTTY === true && options.logFormat === "text" ? "warn" : "info";
  const log = createLogger({
    level: options.logLevel ?? usual,
    format: options.logFormat,
    write: (text) => stderr.write(text),
    terminal: stderr.isTTY === true && !quiet,
  });
  // Of the configuration that was loaded: what every answer must carry.
  const warnings: string[] = [];
  let noted: readonly string[] = [];
  const load: Context["load"] = async (overrides = {}, reading = {}) => {
    const loaded = await loadConfig({ env, cwd, options: overrides, file: options.config, ...reading });
    // Whoever loads it again and again says it once.
    for (const note of loaded.notes) if (!noted.includes(note)) log.warn(note);
    noted = loaded.notes;
    const { compass, secrets } = loaded.config;
    const found = [
      ...(compass.insecureSkipVerify ? [UNVERIFIED] : []),
      ...(secrets.mode === "plain" ? [PLAIN_WARNING] : []),
    ];
    warnings.push(...found.filter((warning) => !warnings.includes(warning)));
    return loaded;
  };
  const resolveReferences = async (config: Config) => {
    const resolved = await resolveConfiguration(await beforeTakeOver(config, env, world.signal), env, world.signal);
    return { ...resolved, runtime: { ...resolved.runtime, configuration: config.runtime.configuration } };
  };
  const prepareToWrite = async (config: Config) => {
    const note = await takeOverConfiguration(config, env, world.signal);
    if (note !== null) log.warn(note);
    return resolveConfiguration(config, env, world.signal);
  };
  const whatCanBe = async (config: Config, by: (config: Config) => Promise<Config>): Promise<WhatCanBe> => {
    try {
      return { config: await by(config), failure: null };
    } catch (thrown) {
      const failure = asFailure(thrown, "config");
      if (failure.code === "Aborted" || failure.code === "Internal") throw thrown;
      return { config, failure };
    }
  };
  const prepareWhatCanBe = (config: Config) => whatCanBe(config, prepareToWrite);
  return {
    ...world,
    options,
    log,
    warnings,
    text: { color: colored(stdout) },
    load,
    resolve: async (overrides) => {
      const { config } = await load(overrides);
      return resolveReferences(config);
    },
    resolveWhatCanBe: async () => whatCanBe((await load()).config, resolveReferences),
    resolveToWrite: async (overrides) => prepareToWrite((await load(overrides)).config),
    resolveToWriteWhatCanBe: async () => prepareWhatCanBe((await load()).config),
    prepareWhatCanBe,
    answer: (given, words) => {
      log.endProgress();
      const isObject = typeof given === "object" && given !== null && !Array.isArray(given);
      const data = warnings.length > 0 && isObject ? { ...given, warnings } : given;
      const untold = warnings.filter((warning) => !words.includes(warning));
      const text = words + untold.map((warning) => `Warning: ${warning}\n`).join("");
      if (options.output === "json") stdout.write(`${forJSON(JSON.stringify(data, null, 2))}\n`);
      else stdout.write(options.output === "yaml" ? formatDocument(data) : text);
    },
    tell: (line) => {
      if (!quiet) stderr.write(`${forTerminal(line)}\n`);
    },
    tellWarnings: () => {
      for (const warning of warnings) stderr.write(`Warning: ${warning}\n`);
    },
  };
}
