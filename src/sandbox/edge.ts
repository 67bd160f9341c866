/** What stands before Connector and Director: token and certificate look-up, gateway, and most of the faults. */

import type { X509Certificate } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Clock } from "../common/clock.js";
import { unprocessable } from "./answer-faults.js";
import type { ConnectorContext } from "./connector.js";
import { type DirectorContext, freshMarks } from "./director.js";
import { type DirectorError, tenantNotFound } from "./director-error.js";
import { delayOf, type FaultName, type Faults } from "./faults.js";
import { type Answer, type EndpointRequest, jsonAnswer } from "./graphql-endpoint.js";
import type { Registry } from "./registry.js";
import { type LogEntry, type Operation, operationsOf, type RequestLog, shownArguments } from "./request-log.js";
import type { SnapshotFile } from "./snapshot-file.js";

/** A tenant that Compass knows and that is not the runtime's, for tests of the header `Tenant`. */
export const otherTenant = "6b7e1f0a-92c4-4d3e-8a55-0c1d2e3f4a5b";

export type EndpointName = "connector" | "secure-connector" | "director";

export interface EdgeRequest {
  readonly endpoint: EndpointName;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Null when it is larger than the gateway takes. */
  readonly body: string | null;
  /** On the mTLS listener: a certificate of our own that is in its time. */
  readonly certificate: X509Certificate | null;
}

/** An answer; cut short, or none at all and the connection reset. */
export type EdgeAnswer = Answer & { readonly cut?: boolean };
export type EdgeOutcome = EdgeAnswer | "reset";

export interface EdgeOptions {
  readonly registry: Registry;
  readonly faults: Faults;
  readonly clock: Clock;
  readonly log: RequestLog;
  readonly snapshot: SnapshotFile;
  readonly connector: (request: EndpointRequest<ConnectorContext>) => Promise<Answer>;
  readonly director: (request: EndpointRequest<DirectorContext>) => Promise<Answer>;
  /** Ends waiting when the sandbox closes. */
  readonly signal: AbortSignal;
}

const plain = (status: number, body: string, headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { "content-type": "text/plain", ...headers },
  body,
});

const empty = (status: number): Answer => ({ status, headers: {}, body: "" });

/** No identity at the Connector: no body, yet a type (contract 12.1, O1 and O2). */
const refused: Answer = { status: 400, headers: { "Content-Type": "application/json;charset=UTF-8" }, body: "" };

/** Faults before anything is looked at: a token is not spent by them (contract 12.2). */
const outages: readonly (readonly [FaultName, Answer | "reset"])[] = [
  ["reset", "reset"],
  ["http-500", plain(500, "Internal Server Error")],
  [
    "http-503",
    { status: 503, headers: { "content-type": "application/json" }, body: '{"Message":"operation has timed out"}' },
  ],
  ["http-401", plain(401, "Unauthorized")],
  ["http-403", plain(403, "RBAC: access denied")],
  ["rate-limited", plain(429, "local_rate_limited", { "x-local-rate-limit": "gateway" })],
  ["redirect", { status: 302, headers: { location: "/redirected" }, body: "" }],
  ["not-json", { status: 200, headers: { "content-type": "text/html" }, body: "<html><body>Sign in</body></html>" }],
  ["bad-request-empty", refused],
];

const object = (body: string): Readonly<Record<string, unknown>> | null => {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
};

const header = (value: string | string[] | undefined): string => (Array.isArray(value) ? value[0] : value) ?? "";

/** How Compass reads the header `Tenant` (contract 2.2; 12.1, O4 and O5). */
function tenantOf(headers: IncomingHttpHeaders, registry: Registry): "own" | "foreign" | "unknown" {
  const tenant = header(headers.tenant);
  if (tenant === "" || tenant === registry.tenant) return "own";
  return tenant === otherTenant ? "foreign" : "unknown";
}

const middlewareError = (status: number, { message, extensions }: DirectorError): Answer =>
  jsonAnswer(status, { errors: [{ message, extensions }], data: null });

/** Makes the function that takes a request through the chain and writes it to the log. */
export function createEdge({ registry, faults, clock, log, snapshot, connector, director, signal }: EdgeOptions) {
  async function viaConnector(request: EdgeRequest, operations: readonly string[]): Promise<Answer> {
    const { endpoint, headers, certificate } = request;
    const raw = header(headers["connector-token"]);
    // Spent here, before anybody looks at the query (contract 0.3).
    const spent = endpoint === "connector" ? registry.spendToken(raw, clock.now()) : null;
    const body = object(request.body ?? "");
    if (body === null) return empty(502);
    if (endpoint === "connector" && faults.take("token-spent", operations)) return refused;
    // gqlgen's answer to what it cannot take; a fault that names no operation means Director's pages.
    if (operations.some((each) => faults.takeNamed("unprocessable", each) !== null)) return unprocessable();
    if (operations.includes("signCertificateSigningRequest") && faults.take("sign-fails-after-token", operations)) {
      return empty(502);
    }
    const clientID = certificate === null ? spent : registry.identify(certificate);
    // Only the certificate's resolver reads the header.
    const tenant = certificate === null ? "own" : tenantOf(headers, registry);
    if (clientID === null || tenant === "unknown") return refused;
    const context = { clientID, certificate, foreignTenant: tenant === "foreign", operations };
    return connector({ ...request, body, context });
  }

  async function viaDirector(request: EdgeRequest, operations: readonly string[]): Promise<Answer> {
    const { headers, certificate } = request;
    const body = object(request.body ?? "");
    if (body === null) return empty(502);
    const tenant = tenantOf(headers, registry);
    const known = certificate !== null && registry.identify(certificate) !== null;
    if (known && tenant === "foreign") return middlewareError(400, tenantNotFound(header(headers.tenant)));
    const identified = known && tenant === "own";
    if (identified) {
      registry.connect();
      if (/bundle/i.test(request.body ?? "")) registry.setLabel("useBundles", "true");
    }
    const context = { identified, operations, snapshot: await snapshot.current(), ...freshMarks() };
    return director({ ...request, body, context });
  }

  async function outcome(request: EdgeRequest, operations: readonly string[]): Promise<EdgeOutcome> {
    const slow = faults.take("slow", operations);
    if (slow) await clock.sleep(delayOf(slow), signal);
    for (const [name, answer] of outages) if (faults.take(name, operations)) return answer;
    if (request.body === null) return plain(413, "Payload Too Large");
    const answer = await (request.endpoint === "director" ? viaDirector : viaConnector)(request, operations);
    if (answer.body === "") return answer;
    if (faults.take("truncated-json", operations)) return { ...answer, body: answer.body.slice(0, -2) };
    return faults.take("cut-body", operations) ? { ...answer, cut: true } : answer;
  }

  return async (request: EdgeRequest): Promise<EdgeOutcome> => {
    const operations = operationsOf(object(request.body ?? ""));
    const answer = await outcome(
      request,
      operations.map(({ field }) => field),
    );
    log.add(entry(request, operations, answer));
    return answer;
  };
}

function entry({ endpoint, headers }: EdgeRequest, operations: readonly Operation[], answer: EdgeOutcome): LogEntry {
  return {
    operation: operations.map(({ field }) => field).join(",") || "(none)",
    arguments: shownArguments(operations),
    endpoint,
    status: answer === "reset" ? null : answer.status,
    bytes: answer === "reset" ? 0 : Buffer.byteLength(answer.body),
    requestID: header(headers["x-request-id"]) || undefined,
    note: answer !== "reset" && answer.cut ? "cut" : undefined,
  };
}
