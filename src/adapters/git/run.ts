/** Runs git through simple-git: one factory, one way to call it, bytes in and bytes out. */

import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import { type SimpleGitOptions, simpleGit } from "simple-git";
import { CALL, endDescendants } from "./descendants.js";

export interface RunOptions {
  /** Written to the child's stdin. */
  readonly input?: Buffer;
  /** Milliseconds until the child is stopped. @default none */
  readonly timeout?: number;
  /** Has git tell on stderr what it exchanges with the server. @default false */
  readonly trace?: boolean;
}

export interface RunResult {
  readonly stdout: Buffer;
  /** Git's notes. In English by the locale; never shown. */
  readonly stderr: string;
}

/** Why a call failed, with git's own words: errors.ts alone reads them. */
export class GitError extends Error {
  override readonly name = "GitError";

  constructor(
    readonly reason: "exit" | "timeout" | "aborted" | "spawn",
    readonly stdout: string,
    readonly stderr: string,
  ) {
    super(`git failed (${reason})`);
  }
}

export type Run = (commands: readonly string[], options?: RunOptions) => Promise<RunResult>;

export interface RunnerOptions {
  /** Working folder of the children; exists. */
  readonly directory: string;
  /** Their whole environment. */
  readonly environment: Record<string, string>;
  readonly signal: AbortSignal;
}

/** After a stop, how long a grandchild (git's HTTP helper) may hold the pipes open, in milliseconds. */
const GRACE = 500;

/**
 * simple-git guards arguments and environment against injection. Here both are built by this folder, and the guard reads
 * configuration keys loosely: a host called `alias.example.com` in `http.<origin>/.extraHeader` is taken for an alias.
 */
const UNSAFE: NonNullable<SimpleGitOptions["unsafe"]> = {
  allowUnsafeAlias: true,
  allowUnsafeAskPass: true,
  allowUnsafeCommandBinaries: true,
  allowUnsafeConfigEnvCount: true,
  allowUnsafeConfigPaths: true,
  allowUnsafeCredentialHelper: true,
  allowUnsafeDiffExternal: true,
  allowUnsafeDiffTextConv: true,
  allowUnsafeEditor: true,
  allowUnsafeFilter: true,
  allowUnsafeFsMonitor: true,
  allowUnsafeGitProxy: true,
  allowUnsafeGpgProgram: true,
  allowUnsafeHooksPath: true,
  allowUnsafeInclude: true,
  allowUnsafeMergeDriver: true,
  allowUnsafePack: true,
  allowUnsafePager: true,
  allowUnsafeProtocolOverride: true,
  allowUnsafeSshCommand: true,
  allowUnsafeSubmodule: true,
  allowUnsafeTemplateDir: true,
  allowUnsafeUrlRewrite: true,
};

/** Gives the function that runs git. It throws GitError and nothing else. */
export function createRunner({ directory, environment, signal }: RunnerOptions): Run {
  return async (commands, { input, timeout, trace = false } = {}) => {
    const mark = randomUUID();
    const variables = { ...environment, [CALL]: mark, ...(trace ? { GIT_TRACE_PACKET: "1" } : {}) };
    const deadline = timeout === undefined ? null : AbortSignal.timeout(timeout);
    const stop = deadline === null ? signal : AbortSignal.any([signal, deadline]);
    let stdout: Buffer = Buffer.alloc(0);
    let stderr = "";
    const streams: Readable[] = [];
    let grace: NodeJS.Timeout | undefined;
    const release = () => {
      void endDescendants(mark);
      grace = setTimeout(() => {
        for (const stream of streams) stream.destroy();
      }, GRACE);
    };
    // One instance per call: stdin and deadline belong to the instance.
    const git = simpleGit({
      baseDir: directory,
      abort: stop,
      allowEnvironment: Object.keys(variables),
      unsafe: UNSAFE,
      // Only "close" says that all output was read; "exit" comes while bytes are still in the pipe.
      completion: { onClose: true, onExit: false },
      ...(input === undefined ? {} : { input: () => input }),
      // Sees every result. Taken here because `raw` decodes stdout as UTF-8, which destroys other bytes, and because
      // simple-git counts a failure without a word on stderr as a success.
      errors: (error, result) => {
        stdout = Buffer.concat(result.stdOut);
        stderr = Buffer.concat(result.stdErr).toString("utf8");
        return error ?? (result.exitCode === 0 ? undefined : new Error("exit code"));
      },
    }).env(variables);
    git.outputHandler((_command, out, err) => {
      streams.push(out as Readable, err as Readable);
    });
    stop.addEventListener("abort", release, { once: true });
    try {
      await git.raw([...commands]);
      return { stdout, stderr };
    } catch {
      const reason = signal.aborted
        ? "aborted"
        : deadline?.aborted
          ? "timeout"
          : /^Error: spawn \S+ [A-Z]+/m.test(stderr)
            ? "spawn"
            : "exit";
      throw new GitError(reason, stdout.toString("utf8"), stderr);
    } finally {
      stop.removeEventListener("abort", release);
      clearTimeout(grace);
    }
  };
}
