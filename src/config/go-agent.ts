/** The variables of the Go agent (contract 3.4) that have a counterpart, so that its Deployment's environment can stay. */

import { type Environment, type Layer, layerOf } from "./layers.js";
import type { Path } from "./tree.js";
import { formatDuration } from "./values.js";

const PREFIX = "APP_";

interface Counterpart {
  readonly path: Path;
  /** The value in our notation; undefined when it says nothing. @default as it is */
  readonly convert?: (value: string) => unknown;
}

/** As Go's strconv.ParseBool. */
const flag = (value: string): unknown => {
  if (/^(?:1|t|T|true|TRUE|True)$/.test(value)) return true;
  return /^(?:0|f|F|false|FALSE|False)$/.test(value) ? false : value;
};

const number = (value: string): unknown => (/^\d+$/.test(value) ? Number(value) : value);

const GO_UNITS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  µs: 1e-3,
  μs: 1e-3,
  us: 1e-3,
  ns: 1e-6,
};

/** As Go's time.ParseDuration, to the millisecond: `1.5m`, `1h2m3.5s`. What it would not take stays as it is. */
const duration = (value: string): unknown => {
  if (!/^\+?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(value)) return value;
  const parts = [...value.matchAll(/([\d.]+)(\D+?)(?=[\d.]|$)/g)];
  const milliseconds = parts.reduce((sum, [, count, unit = ""]) => sum + Number(count) * (GO_UNITS[unit] ?? 0), 0);
  return formatDuration(Math.round(milliseconds));
};

/** It names the share that is left; ours the share that has passed. */
const elapsed = (value: string): unknown => {
  const left = Number(value);
  if (value.trim() !== "" && NEITHER.has(left)) return undefined;
  return value.trim() === "" || Number.isNaN(left) ? value : Number((1 - left).toFixed(6));
};

/** Never and always are no shares of a life. */
const NEITHER: ReadonlySet<number> = new Set([0, 1]);
const THRESHOLD = "CERT_VALIDITY_RENEWAL_THRESHOLD";

/** The Go agent's own default is a placeholder that must not reach Compass. */
const unless = (placeholder: string) => (value: string) => (value === placeholder ? undefined : value);

/** A bare name, or an empty part, means namespace `default`. */
const namespacedName = (value: string) => {
  const [first = "", second = "", ...more] = value.split("/");
  if (more.length > 0) return value;
  return first === "" || second === "" ? `default/${first || second}` : value;
};

const COUNTERPARTS: Readonly<Record<string, Counterpart>> = {
  AGENT_CONFIGURATION_SECRET: { path: ["runtime", "configuration", "secret"], convert: namespacedName },
  CONTROLLER_SYNC_PERIOD: { path: ["schedule", "every"], convert: duration },
  SKIP_COMPASS_TLS_VERIFY: { path: ["compass", "insecureSkipVerify"], convert: flag },
  SKIP_APPS_TLS_VERIFY: { path: ["applications", "skipVerify"], convert: flag },
  CENTRAL_GATEWAY_SERVICE_URL: { path: ["applications", "gatewayURL"] },
  INTEGRATION_NAMESPACE: { path: ["applications", "namespace"] },
  RUNTIME_EVENTS_URL: { path: ["runtime", "eventsURL"], convert: unless("https://gateway.kyma.local") },
  RUNTIME_CONSOLE_URL: { path: ["runtime", "consoleURL"], convert: unless("https://console.kyma.local") },
  HEALTH_PORT: { path: ["server", "health"], convert: number },
  CERT_VALIDITY_RENEWAL_THRESHOLD: { path: ["certificate", "renewAt"], convert: elapsed },
  CLUSTER_CERTIFICATES_SECRET: { path: ["certificate", "secret"], convert: namespacedName },
  CA_CERTIFICATES_SECRET: { path: ["certificate", "caSecret"], convert: namespacedName },
};

/** Accepted, and why each has no effect. */
const IGNORED: Readonly<Record<string, string>> = {
  MINIMAL_COMPASS_SYNC_TIME: "no write of this agent starts a cycle",
  GATEWAY_PORT: "nothing reads it, in the Go agent either",
  QUERY_LOGGING: "requests and answers hold credentials and are never logged",
  METRICS_LOGGING_TIME_INTERVAL: "metrics of nodes and volumes are not this agent's",
  UPLOAD_SERVICE_URL: "nothing reads it, in the Go agent either",
};

/** Reads `APP_*`; the notes name those that are accepted and have no effect. */
export function goAgentLayer(environment: Environment): { readonly layer: Layer; readonly notes: readonly string[] } {
  const said = Object.entries(COUNTERPARTS).flatMap(([name, { path, convert = (value: string): unknown => value }]) => {
    const given = environment[PREFIX + name] ?? "";
    const value = given === "" ? undefined : convert(given);
    return value === undefined ? [] : [{ name: PREFIX + name, path, value }];
  });
  const threshold = environment[PREFIX + THRESHOLD] ?? "";
  const isNeither = threshold.trim() !== "" && NEITHER.has(Number(threshold));
  const ignored = Object.entries(IGNORED).filter(([name]) => (environment[PREFIX + name] ?? "") !== "");
  return {
    layer: layerOf("go-agent", said),
    notes: [
      ...ignored.map(([name, why]) => `${PREFIX}${name} is ignored: ${why}`),
      ...(isNeither
        ? [`${PREFIX}${THRESHOLD} is ignored: 0 means never, 1 always; certificate.renewAt says when to renew`]
        : []),
    ],
  };
}
