/** What undici and TLS throw, told as failures; the only file that knows their codes. */

import { Failure, type FailureOptions, type Stage } from "../../common/failure.js";

interface Context {
  readonly stage: Stage;
  readonly peer: string;
  readonly target: URL;
  readonly timeout: number;
  readonly timedOut: boolean;
  /** Status and headers had come: what failed is the body. */
  readonly begun: boolean;
  readonly signal: AbortSignal;
}

const UNTRUSTED = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "CERT_REJECTED",
  "CERT_REVOKED",
  "CERT_CHAIN_TOO_LONG",
  "PATH_LENGTH_EXCEEDED",
  "INVALID_CA",
  "INVALID_PURPOSE",
]);

const TIMEOUTS = new Set(["UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT", "ETIMEDOUT"]);

interface Cause {
  readonly code: string;
  readonly message: string;
  /** What a socket was to be opened to, as far as the error says. */
  readonly port: unknown;
  readonly hostname: unknown;
}

/** An error and everything that caused it. */
function* causes(thrown: unknown): Generator<Cause> {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 8; error = error.cause, depth++) {
    const { code, port, hostname } = error as Partial<Record<keyof Cause, unknown>>;
    yield { code: typeof code === "string" ? code : "", message: error.message, port, hostname };
    if (error instanceof AggregateError) for (const inner of error.errors) yield* causes(inner);
  }
}

export function translateNetworkError(thrown: unknown, context: Context): Failure {
  const { stage, peer, target, timeout, timedOut, begun, signal } = context;
  const { host } = target;
  const chain = [...causes(thrown)];
  const has = (test: (code: string) => boolean) => chain.find(({ code }) => test(code))?.code;
  const fail = (message: string, options: Omit<FailureOptions, "stage" | "cause">) =>
    new Failure(message, { ...options, stage, cause: thrown });

  if (signal.aborted) {
    const late = signal.reason instanceof DOMException && signal.reason.name === "TimeoutError";
    return late
      ? fail(`the call of ${peer} was stopped by --timeout`, {
          code: "TimedOut",
          retryable: true,
          hint: "Try again, with more time.",
        })
      : fail(`the call of ${peer} was stopped`, { code: "Aborted", hint: "The agent was asked to stop." });
  }
  if (timedOut || has((code) => TIMEOUTS.has(code))) {
    return fail(`${peer} at ${host} did not answer within ${timeout / 1000} s`, {
      code: "TimedOut",
      retryable: true,
      hint: "Try again; when it stays, look at the network or raise compass.timeout.",
    });
  }
  if (begun) {
    const code = has((code) => code !== "") ?? "connection closed";
    return fail(`the answer of ${peer} at ${host} was cut short or damaged on the way (${code})`, {
      code: "AnswerCut",
      retryable: true,
      hint: "Try again; when it stays, look for a proxy or load balancer that ends connections too early.",
    });
  }
  if (
    chain.some(({ code, message }) => code.startsWith("UND_ERR_PRX") || /proxy (response|connection)/i.test(message))
  ) {
    return fail(`the proxy refused to connect to ${host}`, {
      code: "ProxyFailed",
      retryable: true,
      hint: "Check proxy.https (HTTPS_PROXY), or name the host in proxy.no (NO_PROXY).",
    });
  }
  // Through a proxy no socket is opened to anything else than the proxy.
  const elsewhere = chain.find(
    ({ port, hostname }) =>
      (typeof port === "number" && port !== Number(target.port || 443)) ||
      (typeof hostname === "string" && hostname !== target.hostname),
  );
  if (elsewhere !== undefined) {
    return fail(`no connection to the proxy on the way to ${host} (${elsewhere.code})`, {
      code: "ProxyFailed",
      retryable: true,
      hint: "Check proxy.https (HTTPS_PROXY), or name the host in proxy.no (NO_PROXY).",
    });
  }
  const untrusted = has((code) => UNTRUSTED.has(code));
  if (untrusted !== undefined) {
    return fail(`the certificate of ${peer} at ${host} is not trusted (${untrusted})`, {
      code: "TlsUntrusted",
      hint: "Give the authority that signed it as compass.ca, a PEM file.",
    });
  }
  if (has((code) => code === "ERR_TLS_CERT_ALTNAME_INVALID")) {
    return fail(`the certificate of ${peer} is not made out to ${host}`, {
      code: "TlsUntrusted",
      hint: "Check the host name of the address in the configuration.",
    });
  }
  const expired = has((code) => code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID");
  if (expired !== undefined) {
    return fail(`the certificate of ${peer} at ${host} is not valid today (${expired})`, {
      code: "TlsUntrusted",
      hint: "Check the clock of this machine; else the owner of the server must renew it.",
    });
  }
  const name = has((code) => code === "ENOTFOUND" || code === "EAI_AGAIN");
  if (name !== undefined) {
    return fail(`the host name of ${peer}, ${host}, cannot be resolved (${name})`, {
      code: "NetworkUnreachable",
      retryable: true,
      hint: "Check the address in the configuration and this machine's DNS.",
    });
  }
  const code = has((code) => code !== "") ?? "connection closed";
  return fail(`no connection to ${peer} at ${host} (${code})`, {
    code: "NetworkUnreachable",
    retryable: true,
    hint: "Check the address, the network, and whether a proxy is needed (proxy.https).",
  });
}
