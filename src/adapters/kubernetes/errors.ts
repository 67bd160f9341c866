/** What the Kubernetes client throws, told as failures; its own text holds bodies and headers and is left out. */

import { Failure, type FailureOptions, type Stage } from "../../common/failure.js";

export interface Call {
  readonly stage: Stage;
  /** As rights name it: get, create, update. */
  readonly verb: string;
  /** As rights name it: secrets, leases. */
  readonly resource: string;
  /** As messages name it: `Secret kyma-system/runtime-agent-state`. */
  readonly object: string;
  /** What to apply where the right is missing. @default deploy/rbac.yaml */
  readonly mend?: string;
}

interface ClusterFailureOptions extends FailureOptions {
  readonly status: number | null;
  readonly mayBeOurs?: boolean;
}

/** A failure of a call of the API server. */
export class ClusterFailure extends Failure {
  /** HTTP status of the answer; null when there was none. */
  readonly status: number | null;
  /** A conflict that an earlier attempt of the same call may have made, whose answer was lost. */
  readonly mayBeOurs: boolean;

  constructor(message: string, { status, mayBeOurs = false, ...options }: ClusterFailureOptions) {
    super(message, options);
    this.status = status;
    this.mayBeOurs = mayBeOurs;
  }
}

/** Another wrote first, or removed it: read again before the next attempt. */
export const isConflict = (thrown: unknown): thrown is ClusterFailure =>
  thrown instanceof ClusterFailure && thrown.code === "ClusterConflict";

/** For a write to what may be gone: rejects with anything but that it is. */
export function unlessGone(thrown: unknown): void {
  if (!(thrown instanceof ClusterFailure) || thrown.status !== 404) throw thrown;
}

interface Circumstances extends Call {
  readonly host: string;
  /** Of this attempt, in milliseconds. */
  readonly timeout: number;
  readonly timedOut: boolean;
  readonly stopped: AbortSignal;
  readonly hasTokenFile: boolean;
  /** An earlier attempt of this call got no answer, or one that says nothing of what was done. */
  readonly isAnswerLost: boolean;
}

export function translateError(thrown: unknown, circumstances: Circumstances): ClusterFailure {
  if (thrown instanceof ClusterFailure) return thrown;
  const { stage, verb, object, host, timeout, timedOut, stopped } = circumstances;
  const status = statusOf(thrown);
  if (status !== null) return refusedByPolicy(thrown, status, circumstances) ?? translateStatus(status, circumstances);
  // Without the cause: it may hold what was sent.
  const fail = (message: string, options: Omit<FailureOptions, "stage">) =>
    new ClusterFailure(`the agent cannot ${verb} ${object}: ${message}`, { ...options, stage, status: null });
  if (stopped.aborted) return fail("it was stopped", { code: "Aborted", hint: "The agent was asked to stop." });
  if (timedOut) {
    return fail(`the API server at ${host} did not answer within ${timeout / 1000} s`, {
      code: "TimedOut",
      retryable: true,
      hint: "Try again; when it stays, look at the API server and the network.",
    });
  }
  const code = codeOf(thrown);
  if (thrown instanceof SyntaxError) {
    return fail(`what answers at ${host} is no API server`, {
      code: "AnswerMalformed",
      hint: "Check the address of the API server; look for a proxy or login page that answers instead.",
    });
  }
  if (code !== null && /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS/.test(code)) {
    return fail(`the certificate of the API server at ${host} is not trusted (${code})`, {
      code: "TlsUntrusted",
      hint: "Check certificate-authority in the KUBECONFIG file, or the ca.crt of the pod's service account.",
    });
  }
  if (code === "ENOENT" || code === "EACCES") {
    return fail(`a file of the access to the cluster cannot be read (${code})`, {
      code: "ClusterAuthentication",
      hint: "Check the files that the KUBECONFIG file names, or that the pod's service account is mounted.",
    });
  }
  return fail(`no answer from the API server at ${host}${code === null ? "" : ` (${code})`}`, {
    code: "NetworkUnreachable",
    retryable: true,
    hint: "Check that the API server can be reached; then try again.",
  });
}

/** Admission's own sentences, of which nothing but the name of who refuses is taken. */
const REFUSERS: readonly (readonly [kind: string, sentence: RegExp])[] = [
  ["ValidatingAdmissionPolicy", /ValidatingAdmissionPolicy '([a-z0-9.-]{1,253})'/],
  ["admission webhook", /^admission webhook "([a-z0-9.-]{1,253})" denied the request/],
];

/** Null for what admission does not say: a missing right is mended elsewhere than a policy. */
function refusedByPolicy(
  thrown: unknown,
  status: number,
  { stage, verb, object }: Circumstances,
): ClusterFailure | null {
  if (status < 400 || status >= 500) return null;
  const words = wordsOf(thrown);
  for (const [kind, sentence] of REFUSERS) {
    const [, name] = sentence.exec(words) ?? [];
    if (name === undefined) continue;
    return new ClusterFailure(`the agent cannot ${verb} ${object}: the ${kind} ${name} refuses it (HTTP ${status})`, {
      code: "ClusterRefused",
      stage,
      status,
      hint: `Let the ${kind} ${name} pass what the agent's account stores there. A dry run may not show it: it may let those through.`,
    });
  }
  return null;
}

/** Of a Status in the answer; empty for anything else. */
function wordsOf(thrown: unknown): string {
  const body = thrown instanceof Error && "body" in thrown ? thrown.body : null;
  try {
    const status: unknown = typeof body === "string" ? JSON.parse(body) : body;
    const message = typeof status === "object" && status !== null && "message" in status ? status.message : null;
    return typeof message === "string" ? message : "";
  } catch {
    return "";
  }
}

function translateStatus(status: number, circumstances: Circumstances): ClusterFailure {
  const { stage, verb, resource, object, hasTokenFile, isAnswerLost, mend } = circumstances;
  const fail = (message: string, options: Omit<ClusterFailureOptions, "stage" | "status">) =>
    new ClusterFailure(message, { ...options, stage, status });
  const cannot = `the agent cannot ${verb} ${object}`;
  switch (status) {
    case 401:
      return fail(`${cannot}: the API server does not accept its credentials (HTTP 401)`, {
        code: "ClusterAuthentication",
        // The file is renewed by others; the next attempt reads it again.
        retryable: hasTokenFile,
        hint: "Check that the service account exists and its token has not expired, or log in anew.",
      });
    case 403:
      return fail(`the agent may not ${verb} ${object}`, {
        code: "ClusterForbidden",
        hint:
          mend ??
          (verb === "create"
            ? `Apply deploy/rbac.yaml, which makes what can be made before, or give its account the verb create on ${resource} there: it cannot be limited to one name.`
            : verb === "list"
              ? `Give its account the verb list on ${resource}, as the files deploy/rbac*.yaml do.`
              : `Give its account the verb ${verb} on ${resource} for exactly this object, as deploy/rbac.yaml does.`),
      });
    case 409:
    case 410:
      return fail(`${cannot}: it was changed meanwhile (HTTP ${status})`, {
        code: "ClusterConflict",
        retryable: true,
        mayBeOurs: isAnswerLost,
        hint: "Try again: it is then read anew.",
      });
    case 429:
      return fail(`${cannot}: the API server asks for patience (HTTP 429)`, {
        code: "RateLimited",
        retryable: true,
        hint: "Try again later.",
      });
  }
  if (status >= 500) {
    return fail(`${cannot}: the API server failed (HTTP ${status})`, {
      code: "ServerError",
      retryable: true,
      hint: "Try again; when it stays, look at the API server.",
    });
  }
  return fail(`${cannot}: the API server refuses it (HTTP ${status})`, {
    code: "ClusterRefused",
    hint: REFUSALS[status] ?? "Look at the API server's audit log.",
  });
}

const REFUSALS: Readonly<Record<number, string>> = {
  404: "Check that the namespace exists, and that the cluster knows this kind of object.",
  413: "It is too large for a Secret, which holds at most 1 MiB.",
  422: "Validation or a policy does not take it as it is: it may be immutable, or larger than the 1 MiB that a Secret holds; the API server's audit log has its words.",
};

/** Of an exception of the client; a DOMException has a number, too, and no headers. */
function statusOf(thrown: unknown): number | null {
  if (!(thrown instanceof Error) || !("code" in thrown) || !("headers" in thrown)) return null;
  return typeof thrown.code === "number" ? thrown.code : null;
}

/** Of an error of the system or of TLS, however deep. */
function codeOf(thrown: unknown): string | null {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 8; error = error.cause, depth++) {
    if (error instanceof AggregateError) return codeOf(error.errors[0]);
    if ("code" in error && typeof error.code === "string") return error.code;
  }
  return null;
}
