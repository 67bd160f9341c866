/** What becomes of the request that was open when the agent's branch was given another place: name or repository. */

import type { HostRequest } from "../adapters/hosts/index.js";
import { Failure } from "../common/failure.js";
import { forTerminal } from "../common/quote.js";
import type { Proposal } from "../state/index.js";
import { BLOCKED_LABEL } from "./look-up.js";
import { markedRuntime, readMarker } from "./marker.js";
import type { Keep, ProposeOptions } from "./options.js";
import { movedTo, withdraw } from "./request.js";

/** Closes it where nothing on it is a person's, and gives what the user should know: once. */
export async function leaveFormer(options: ProposeOptions, memory: Proposal, keep: Keep): Promise<readonly string[]> {
  const { host, own } = options;
  if (memory.former === null) return [];
  const { request, commits } = memory.former;
  const shown = `request ${request.number} (${forTerminal(request.url, 200)})`;
  const left = [`the agent's branch has another place now: ${shown} is left open, close it if nobody needs it`];
  let notes: readonly string[] = left;
  let refused: Proposal["request"] = null;
  try {
    const found = await host.get(request.number);
    // Of another repository the same number is another request.
    const isIt = found?.url === request.url;
    const isClosed = found !== null && isIt && found.state !== "open";
    if (isClosed) notes = [];
    // Closed by a cycle that came no further, or merged since: nobody needs its branch any more.
    const isOver = isClosed && (found.state === "merged" || memory.withdrawn.includes(found.number));
    if (isOver && isUntouched(options, found, commits) && (await removeFormer(options, found, commits)) === false) {
      notes = [
        `the agent's branch has another place now: the branch of ${shown} is left, delete it if nobody needs it`,
      ];
    }
    // A person said no to it there.
    if (found !== null && isIt && found.state === "closed") refused = { ...request, state: "closed" };
    if (found !== null && isIt && found.state === "open" && isUntouched(options, found, commits)) {
      await withdraw(options, found, memory, keep, movedTo(own.branch));
      const isRemoved = await removeFormer(options, found, commits);
      const rest = isRemoved === true ? "" : ", its branch is left";
      notes = [`the agent's branch has another place now: ${shown} is closed${rest}`];
    }
  } catch (thrown) {
    if (!(thrown instanceof Failure) || thrown.code === "Aborted" || thrown.retryable) throw thrown;
  }
  await keep({ former: null, ...(refused === null ? {} : { request: refused }) });
  return notes;
}

const isUntouched = ({ runtimeID }: ProposeOptions, { body, head, labels }: HostRequest, commits: readonly string[]) =>
  readMarker(body)?.runtime === markedRuntime(runtimeID) &&
  head !== null &&
  commits.includes(head) &&
  !labels.includes(BLOCKED_LABEL);

/** Where it is in the repository of the present one: null where that has no such branch, false where it is left. */
async function removeFormer(
  { repository, own }: ProposeOptions,
  { branch, head }: HostRequest,
  commits: readonly string[],
): Promise<boolean | null> {
  const { tips } = await repository.remote();
  const tip = tips.get(branch);
  if (tip === undefined) return null;
  if (branch === own.branch || tip !== head || !commits.includes(tip)) return false;
  return repository.remove({ branch, expected: tip }).then(
    () => true,
    (thrown: unknown) => {
      if (thrown instanceof Failure && thrown.code !== "Aborted") return false;
      throw thrown;
    },
  );
}
