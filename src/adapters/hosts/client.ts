/** Calls of one Git host: parsed at the door, writes one after the other and a second apart, waiting when it is asked to. */

import type { z } from "zod";
import type { Clock } from "../../common/clock.js";
import { Failure } from "../../common/failure.js";
import { retry } from "../../common/retry.js";
import type { Secret } from "../../common/secret.js";
import type { HTTPClient } from "../http/index.js";
import { hostFailure, malformed, refusalFailure, statusOf, waitUntil } from "./errors.js";

export interface HostClientOptions {
  readonly http: HTTPClient;
  /** `GitHub` */
  readonly name: string;
  readonly api: string;
  readonly token: Secret;
  /** The setting that the token comes from, for messages. */
  readonly setting: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface HostCall<T> {
  /** @default "GET" */
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below the API's address, beginning with a slash; or a whole address of the same host. */
  readonly path: string;
  readonly body?: unknown;
  readonly schema: z.ZodType<T>;
}

export interface HostClient {
  readonly requests: number;
  call<T>(call: HostCall<T>): Promise<T>;
  /** Null for 404. */
  find<T>(call: HostCall<T>): Promise<T | null>;
  end(): Promise<void>;
}

/** Between two writes, in milliseconds: what GitHub asks of those that create content. */
export const WRITE_PAUSE = 1_000;

/** The longest wait within a cycle, in milliseconds; a longer one is left to the next. */
export const LONGEST_WAIT = 30_000;

/** Attempts at a reading call. */
const READ_ATTEMPTS = 3;

/** Attempts at a call that the host wants to have later. */
const LIMITED_ATTEMPTS = 3;

export function createHostClient({
  http,
  name,
  api,
  token,
  setting,
  headers,
  clock,
  signal,
}: HostClientOptions): HostClient {
  const peer = `${name} at ${new URL(api).host}`;
  let writing: Promise<unknown> = Promise.resolve();
  let lastWrite: number | null = null;

  const once = async <T>({ method = "GET", path, body, schema }: HostCall<T>): Promise<T> => {
    const answer = await http
      .fetch(path.startsWith("/") ? `${api}${path}` : path, {
        method,
        headers: {
          ...headers,
          accept: headers.accept ?? "application/json",
          authorization: `Bearer ${token.reveal()}`,
          "user-agent": "runtime-agent",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      .catch((thrown: unknown) => {
        throw hostFailure(thrown);
      });
    const text = await answer.text();
    if (!answer.ok) {
      const refusal = {
        status: answer.status,
        headers: answer.headers,
        text,
        peer,
        setting,
        forbidden: token.reveal(),
      };
      throw refusalFailure({ ...refusal, now: clock.now() });
    }
    return parsed(text, schema, peer);
  };

  /** A host that asks for a short wait gets it; a longer one ends the cycle. */
  const patiently = async <T>(call: HostCall<T>): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await once(call);
      } catch (thrown) {
        const wait = (waitUntil(thrown)?.getTime() ?? Number.NaN) - clock.now().getTime();
        if (!(wait <= LONGEST_WAIT) || attempt >= LIMITED_ATTEMPTS) throw thrown;
        await clock.sleep(Math.max(wait, 0), signal).catch(() => {
          throw thrown;
        });
      }
    }
  };

  const write = async <T>(call: HostCall<T>): Promise<T> => {
    const wait = lastWrite === null ? 0 : lastWrite + WRITE_PAUSE - clock.now().getTime();
    if (wait > 0) {
      await clock.sleep(wait, signal).catch(() => {
        throw stopped();
      });
    }
    try {
      return await patiently(call);
    } finally {
      lastWrite = clock.now().getTime();
    }
  };

  const call = <T>(given: HostCall<T>): Promise<T> => {
    if ((given.method ?? "GET") === "GET") {
      const when = ({ retryable, code }: Failure) => retryable && code !== "RateLimited";
      return retry(() => patiently(given), { clock, signal, attempts: READ_ATTEMPTS, when });
    }
    // What was written twice would be seen twice: no second attempt, but for what the host did not take.
    const next = writing.then(() => write(given));
    writing = next.catch(() => undefined);
    return next;
  };

  return {
    get requests() {
      return http.requests;
    },
    call,
    find: (given) =>
      call(given).catch((thrown: unknown) => {
        if (statusOf(thrown) === 404) return null;
        throw thrown;
      }),
    end: () => http.close(),
  };
}

function parsed<T>(text: string, schema: z.ZodType<T>, peer: string): T {
  let value: unknown = null;
  try {
    if (text !== "") value = JSON.parse(text);
  } catch {
    throw malformed(peer);
  }
  const result = schema.safeParse(value);
  if (!result.success) throw malformed(peer);
  return result.data;
}

const stopped = () =>
  new Failure("stopped before the Git host was written to", {
    code: "Aborted",
    stage: "publish",
    hint: "Run again to go on.",
  });
