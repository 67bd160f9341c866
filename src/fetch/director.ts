/** Asks Director one operation: the success rule of contract 1.7, each way of failing told apart, retries. */

import { randomUUID } from "node:crypto";
import type { z } from "zod";
import { callGraphQL } from "../adapters/graphql/index.js";
import type { HTTPFetch } from "../adapters/http/index.js";
import type { Clock } from "../common/clock.js";
import { asFailure, Failure, type FailureCode } from "../common/failure.js";
import { retry } from "../common/retry.js";
import { isAmbiguous, refusal } from "./refusals.js";

/** One request as it ended. */
export interface Asking {
  readonly operation: string;
  /** `ok`, or the code of the failure that it was. */
  readonly code: "ok" | FailureCode;
  readonly milliseconds: number;
}

export interface DirectorOptions {
  readonly url: string;
  readonly fetch: HTTPFetch;
  readonly runtimeID: string;
  /** External tenant, sent as the header `Tenant`; null sends none (contract 2.2). */
  readonly tenant: string | null;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** No retry waits beyond this moment. @default no deadline */
  readonly deadline?: Date;
  readonly onRetry?: ((failure: Failure, attempt: number) => void) | undefined;
  /** Told of every request, those that are tried again included. @default nobody */
  readonly onAsked?: (asking: Asking) => void;
}

export interface Director {
  /** Gives the checked data. Throws a `Failure`; those that may pass were retried before. */
  ask<T>(operation: string, document: string, variables: Record<string, unknown>, answer: z.ZodType<T>): Promise<T>;
  /** The same Director, whose retries end by then. */
  until(deadline: Date): Director;
}

/** How often an answer is asked for that may be a refusal or an outage (contract 12.2). */
const AMBIGUOUS_ATTEMPTS = 3;

/** Asks with the tenant and a fresh request id each time. */
export function createDirector(options: DirectorOptions): Director {
  const { url, fetch, runtimeID, tenant, clock, signal, deadline, onRetry, onAsked } = options;
  return {
    ask: (operation, document, variables, schema) => {
      let ambiguous = false;
      const once = async () => {
        const headers = {
          "x-request-id": `${runtimeID}_${randomUUID()}`,
          ...(tenant === null ? {} : { Tenant: tenant }),
        };
        // Of the attempt before, if this one gets no answer at all.
        ambiguous = false;
        const answer = await callGraphQL({ url, fetch, document, variables, headers });
        ambiguous = isAmbiguous(answer);
        if (answer.kind !== "data") throw refusal(operation, answer);
        const parsed = schema.safeParse(answer.data);
        if (parsed.success) return parsed.data;
        const where = parsed.error.issues[0]?.path.map(String).join(".") || "data";
        throw new Failure(`Director's answer to ${operation} has not the agreed shape, at ${where}`, {
          code: "AnswerMalformed",
          stage: "fetch",
          hint: "Something between the agent and Director answers instead, or Director is of an unknown version.",
        });
      };
      const timed = async () => {
        const started = clock.now().getTime();
        const told = (code: Asking["code"]) =>
          onAsked?.({ operation, code, milliseconds: clock.now().getTime() - started });
        try {
          const data = await once();
          told("ok");
          return data;
        } catch (thrown) {
          told(asFailure(thrown, "fetch").code);
          throw thrown;
        }
      };
      return retry(timed, {
        clock,
        signal,
        // The same question again would not help against a change: who asked begins anew.
        when: ({ code, retryable }, attempt) =>
          ambiguous ? attempt < AMBIGUOUS_ATTEMPTS : retryable && code !== "FetchIncomplete",
        ...(deadline === undefined ? {} : { deadline }),
        ...(onRetry === undefined ? {} : { onRetry }),
      });
    },
    until: (moment) => createDirector({ ...options, deadline: moment }),
  };
}
