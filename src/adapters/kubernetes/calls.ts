/** One call of the API server: its deadline, the signal that ends it, and what is tried again. */

import type { Configuration } from "@kubernetes/client-node";
import { type Clock, systemClock } from "../../common/clock.js";
import type { Stage } from "../../common/failure.js";
import { retry } from "../../common/retry.js";
import { type Access, type Environment, findAccess } from "./access.js";
import { type Call, ClusterFailure, translateError } from "./errors.js";

export interface ClusterOptions {
  readonly env: Environment;
  readonly stage: Stage;
  /** Milliseconds, for a call with all its attempts. @default 30_000 */
  readonly timeout?: number;
  /** @default one that is never aborted */
  readonly signal?: AbortSignal;
  /** @default the system's */
  readonly clock?: Clock;
  /** A number in [0, 1), for the waits between attempts. @default Math.random */
  readonly random?: () => number;
  /** Where a pod finds its service account. @default Kubernetes's own place */
  readonly accountFolder?: string;
  /** The user that every call is made as, where the agent's account may do that. @default the agent's account */
  readonly asUser?: string;
}

/** Sends one call, again where that may help; rejects with a `ClusterFailure`. */
export type SendCall = <T>(call: Omit<Call, "stage">, send: (configuration: Configuration) => Promise<T>) => Promise<T>;

// What a connection that hangs may cost before another one is tried.
const ATTEMPTS_WITHIN_TIMEOUT = 3;

/** Opens nothing yet: the access is looked up by the first call. */
export function createCalls(options: ClusterOptions): SendCall {
  const { env, stage, timeout = 30_000, clock = systemClock, random = Math.random, accountFolder, asUser } = options;
  const { signal = new AbortController().signal } = options;
  const ofAttempt = Math.ceil(timeout / ATTEMPTS_WITHIN_TIMEOUT);
  let found: Promise<Access> | undefined;
  const access = () => {
    found ??= findAccess(env, accountFolder).catch((cause: unknown) => {
      // Looked for again by the next call: what is missing may come.
      found = undefined;
      throw unusable(stage, cause);
    });
    return found;
  };

  return async (call, send) => {
    const { server, host, authentication, hasTokenFile, reconnect } = await access();
    const { createConfiguration, ServerConfiguration } = await import("@kubernetes/client-node");
    const isRead = call.verb === "get";
    let isAnswerLost = false;
    const attempt = async () => {
      const limit = AbortSignal.timeout(ofAttempt);
      const ends = AbortSignal.any([limit, signal]);
      const configuration = createConfiguration({
        baseServer: new ServerConfiguration(server, {}),
        authMethods: { default: authentication },
        // The client ignores a signal among its options; a middleware is the way.
        promiseMiddleware: [
          {
            pre: async (context) => {
              context.setSignal(ends);
              if (asUser !== undefined) context.setHeaderParam("Impersonate-User", asUser);
              return context;
            },
            post: async (context) => context,
          },
        ],
      });
      try {
        ends.throwIfAborted();
        const answer = await send(configuration);
        // A page for people is given by the client as the text that it is, or as an object without anything.
        if (!isObject(answer)) throw new SyntaxError("no object of the API");
        return answer;
      } catch (thrown) {
        const failure = translateError(thrown, {
          ...call,
          stage,
          host,
          timeout: ofAttempt,
          timedOut: limit.aborted,
          stopped: signal,
          hasTokenFile,
          isAnswerLost,
        });
        if (failure.status === null) reconnect();
        isAnswerLost ||= failure.status === null || failure.status >= 500;
        throw failure;
      }
    };
    return retry(attempt, {
      clock,
      signal,
      random,
      attempts: 5,
      base: 500,
      deadline: new Date(clock.now().getTime() + timeout),
      // A conflict is not mended by sending the same again.
      when: ({ retryable, code }) => retryable && (isRead || code !== "ClusterConflict"),
    });
  };
}

const isObject = (answer: unknown) => (answer as { metadata?: unknown } | null)?.metadata !== undefined;

// Without the cause: a parser's message quotes the file, and with it perhaps a token.
const unusable = (stage: Stage, cause: unknown) => {
  const code = cause instanceof Error && "code" in cause && typeof cause.code === "string" ? ` (${cause.code})` : "";
  return new ClusterFailure(`there is no usable access to a cluster${code}`, {
    status: null,
    code: "ClusterAuthentication",
    stage,
    hint: "Run in a pod with a service account, or set KUBECONFIG to a readable file with a selected context.",
  });
};
