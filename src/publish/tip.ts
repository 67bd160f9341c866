/** How a push ends: whether one was done whose answer did not come back, and what is said of one that was not sent. */

import type { Repository } from "../adapters/git/index.js";
import { Failure } from "../common/failure.js";

/** An answer that was lost on the way back leaves it open whether the push was done: the branch knows. */
export async function wasDone(
  thrown: unknown,
  { repository, branch, commit }: { readonly repository: Repository; readonly branch: string; readonly commit: string },
): Promise<boolean> {
  const isOpen = thrown instanceof Failure && thrown.retryable && thrown.code !== "PushRejected";
  return isOpen && (await readTip(repository, branch)) === commit;
}

export const stoppedBeforePush = () =>
  new Failure("stopped before the push; nothing was sent", {
    code: "Aborted",
    stage: "publish",
    hint: "Run again to go on.",
  });

/** The branch's tip as the server shows it, null without one, undefined when the server cannot be asked. */
export async function readTip(repository: Repository, branch: string): Promise<string | null | undefined> {
  try {
    const { tips } = await repository.remote();
    return tips.get(branch) ?? null;
  } catch {
    return undefined;
  }
}
