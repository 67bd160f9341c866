/** What `doctor` says of one precondition. */

/** `failed` has to be mended before a sync can work; `warning` works, but not as it should; `skipped` could not be tried. */
export type Verdict = "ok" | "warning" | "failed" | "skipped";

export interface Finding {
  readonly verdict: Verdict;
  readonly message: string;
  /** Null where there is nothing to mend. */
  readonly mend: string | null;
}

export const ok = (message: string): Finding => ({ verdict: "ok", message, mend: null });
export const skipped = (message: string): Finding => ({ verdict: "skipped", message, mend: null });
export const warning = (message: string, mend: string): Finding => ({ verdict: "warning", message, mend });
export const failed = (message: string, mend: string): Finding => ({ verdict: "failed", message, mend });
