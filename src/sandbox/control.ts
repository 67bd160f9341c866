/** The sandbox's control: plain HTTP on loopback, for tests; hands out tokens, sets faults, moves the clock. */

import type { IncomingMessage } from "node:http";
import { z } from "zod";
import { type Faults, faultList } from "./faults.js";
import type { Registry } from "./registry.js";
import type { RequestLog } from "./request-log.js";
import { parseDuration, type SandboxClock } from "./sandbox-clock.js";

export interface ControlOptions {
  readonly registry: Registry;
  readonly faults: Faults;
  readonly clock: SandboxClock;
  readonly log: RequestLog;
  /** Ends connections that are open and idle. */
  readonly dropIdle: () => void;
}

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

const ok = (body: unknown): Reply => ({ status: 200, body });
const bad = (error: string): Reply => ({ status: 400, body: { error } });

function json(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

const clockForm = z.strictObject({ offset: z.string() });

/** Makes the function that answers one control request. */
export function createControl({ registry, faults, clock, log, dropIdle }: ControlOptions) {
  const routes: Readonly<Record<string, (body: string) => Reply>> = {
    "GET /healthz": () => ok({ status: "ok" }),
    "GET /requests": () => ok(log.entries()),

    "POST /token": () => ok({ token: registry.issueToken(clock.now()).raw }),

    "POST /faults": (body) => {
      const parsed = faultList.safeParse(json(body));
      if (!parsed.success) return bad(z.prettifyError(parsed.error));
      faults.replace(parsed.data);
      // A connection that is open already would escape this one.
      if (faults.includes("tls-untrusted")) dropIdle();
      return ok({ faults: parsed.data.length });
    },

    "POST /revoke": () => ok({ revoked: registry.revokeAll() }),

    "POST /clock": (body) => {
      const offset = parseDuration(clockForm.safeParse(json(body)).data?.offset ?? "");
      if (offset === null)
        return bad('expected {"offset": "P80D"}: an ISO 8601 duration of days, hours, minutes, seconds');
      registry.setClockOffset(offset);
      clock.move(offset);
      return ok({ now: clock.now().toISOString() });
    },
  };

  return ({ method, url = "/" }: IncomingMessage, body: string): Reply => {
    const route = routes[`${method} ${url.split("?", 1)[0]}`];
    return route ? route(body) : { status: 404, body: { error: `there is ${Object.keys(routes).join(", ")}` } };
  };
}
