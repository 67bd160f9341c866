/** The one error class of the agent: what failed, where, whether it may pass, and the mend. */

/** The stages of a cycle, in the order of the data. */
export type Stage =
  | "config"
  | "connect"
  | "fetch"
  | "base"
  | "model"
  | "render"
  | "seal"
  | "plan"
  | "publish"
  | "report";

/** Why something failed. Documented in docs/reference/failures.md; never renamed. */
export type FailureCode =
  // config
  | "ConfigurationInvalid"
  | "ConfigurationUnreadable"
  | "SecretUnreadable"
  // state
  | "StateUnreadable"
  | "StateUnwritable"
  | "StateLocked"
  | "StateConflict"
  // the cluster
  | "ClusterAuthentication"
  | "ClusterForbidden"
  | "ClusterConflict"
  | "ClusterRefused"
  | "GoAgentRunning"
  // connect
  | "TokenNeeded"
  | "TokenRejected"
  | "TokenMalformed"
  | "ConnectorRejected"
  | "CertificateUnusable"
  | "UrlNotAllowed"
  | "RevocationUnconfirmed"
  // every remote call
  | "NetworkUnreachable"
  | "TlsUntrusted"
  | "ProxyFailed"
  | "TimedOut"
  | "RateLimited"
  | "ServerError"
  | "Redirected"
  | "AnswerMalformed"
  | "AnswerCut"
  | "AnswerTooLarge"
  // fetch
  | "CredentialsRejected"
  | "DirectorRefused"
  | "DirectorUnprocessable"
  | "DirectorTimedOut"
  | "PageSizeRefused"
  | "RuntimeUnknown"
  | "FetchIncomplete"
  // base and publish
  | "RepositoryNotFound"
  | "RepositoryAuthentication"
  | "HostKeyUntrusted"
  | "RepositoryRefused"
  | "BranchNotFound"
  | "BaseUnusable"
  | "InventoryUnusable"
  | "TwoAgents"
  | "PushRejected"
  | "SigningImpossible"
  | "GitFailed"
  // the Git host
  | "HostAuthentication"
  | "HostForbidden"
  | "HostRefused"
  // render, seal, plan
  | "TemplateBroken"
  | "Drifted"
  | "SealingImpossible"
  // sync --wait
  | "NotApplied"
  // approve, suspend, resume
  | "NothingHeld"
  // anything else
  | "Usage"
  | "Aborted"
  | "Internal";

export interface FailureOptions {
  readonly code: FailureCode;
  readonly stage: Stage;
  /** What the user can do about it, one sentence. */
  readonly hint: string;
  /** True when the same call may succeed later without anybody's help. @default false */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/**
 * A failure that is told to the user. The message says what is wrong and where; it never holds a value that was
 * fetched, nor the text of a third party's error: those are translated where they are caught.
 */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly code: FailureCode;
  readonly stage: Stage;
  readonly hint: string;
  readonly retryable: boolean;

  constructor(message: string, { code, stage, hint, retryable = false, cause }: FailureOptions) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.stage = stage;
    this.hint = hint;
    this.retryable = retryable;
  }
}

/** Gives the failure itself, or wraps what was thrown unexpectedly without repeating its text. */
export function asFailure(thrown: unknown, stage: Stage): Failure {
  if (thrown instanceof Failure) return thrown;
  const kind = thrown instanceof Error ? thrown.name : typeof thrown;
  return new Failure(`unexpected ${kind} in stage ${stage}`, {
    code: "Internal",
    stage,
    hint: "This is a defect of the agent: run again with --log-level debug and report it.",
    cause: thrown,
  });
}

/** The same failure where more is known of it than where it was met. */
export const inOtherWords = (failure: Failure, message: string, hint: string): Failure => {
  const { code, stage, retryable } = failure;
  return new Failure(message, { code, stage, retryable, hint, cause: failure });
};
