/** What the agent tells while it works: static messages, data in fields, never a secret. */

import { pino } from "pino";
import { forJSON, forTerminal } from "./quote.js";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

type Fields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** A warning that every output carries, also where only errors are told. */
  insist(message: string): void;
  /** How far long work has come: one line that replaces the last on a terminal, nothing elsewhere. */
  progress(stage: string, text: string): void;
  /** Takes the progress line away, before anything else is written to the terminal. */
  endProgress(): void;
  /** The same log, with these fields on every line. */
  with(fields: Fields): Logger;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: "text" | "json";
  /** Takes whole lines, and what steers the cursor. */
  readonly write: (text: string) => void;
  /** True when `write` reaches a terminal: progress is shown. */
  readonly terminal: boolean;
}

/** Values of fields by these names are left out, whatever they are: a second net behind the type `Secret`. */
const REDACTED = ["token", "password", "clientSecret", "secret", "key", "authorization"];

const kindOf = (thrown: unknown) => (thrown instanceof Error ? thrown.name : typeof thrown);

const CLEAR_LINE = "\r\u001b[2K";

export function createLogger({ level, format, write, terminal }: LoggerOptions): Logger {
  let progressShown = false;
  const endProgress = () => {
    if (progressShown) write(CLEAR_LINE);
    progressShown = false;
  };
  const line = (text: string) => {
    endProgress();
    write(text);
  };
  const stream = { write: (json: string) => line(format === "json" ? forJSON(json) : textLine(json)) };
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: REDACTED.flatMap((name) => [name, `*.${name}`]), censor: "[secret]" },
    // Of an error only what is ours to tell: a third party's message may hold anything.
    serializers: { cause: kindOf, err: kindOf },
  };
  const by = (log: ReturnType<typeof pino>): Logger => {
    const at =
      (name: "debug" | "info" | "warn" | "error") =>
      (message: string, fields: Fields = {}) =>
        log[name](fields, message);
    const levels = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
    const atLeastWarnings = level === "error" ? log.child({}, { level: "warn" }) : log;
    const insist = (message: string) => atLeastWarnings.warn(message);
    return { ...levels, insist, progress, endProgress, with: (fields) => by(log.child(fields)) };
  };
  const progress: Logger["progress"] = (stage, text) => {
    if (!terminal || format === "json" || level === "silent" || level === "error") return;
    progressShown = true;
    write(`${CLEAR_LINE}${stage}: ${forTerminal(text, 100)}`);
  };
  return by(pino(options, stream));
}

/** `12:01:02 warn  asking Director again (code ServerError, attempt 1)` */
function textLine(json: string): string {
  // The id of the cycle is for those who search many lines.
  const { level, time, msg, cycle: _, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const shown = Object.entries(fields).map(([name, value]) => `${name} ${forTerminal(String(value), 200)}`);
  const data = shown.length === 0 ? "" : ` (${shown.join(", ")})`;
  return `${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${forTerminal(String(msg))}${data}\n`;
}

/** Says nothing, for tests and for callers that show progress in their own way. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  insist: () => undefined,
  progress: () => undefined,
  endProgress: () => undefined,
  with: () => silentLogger,
};
