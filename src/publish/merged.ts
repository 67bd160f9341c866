/** Whether what the agent pushed was merged, as its host knows: by whichever button, and whatever came to the target since. */

import { withinLimits } from "./limits.js";
import type { ProposeOptions } from "./options.js";

type Options = Pick<ProposeOptions, "host" | "base" | "own" | "memory" | "keep" | "clock">;

/** Null where the target's history has to tell: the host knows no merge, or nothing of this commit. */
export async function wasMerged(options: Options, commit: string): Promise<boolean | null> {
  const { host, base, own, memory } = options;
  const { request, written, pending } = memory;
  const pushed = [written, ...pending].find((each) => each?.commit === commit);
  // Nothing came to the target since the request was seen open.
  if (pushed != null && (base.tip === pushed.base || base.tip === pushed.seen)) return false;
  if (pushed == null || request === null) return null;
  const found = await withinLimits(options, () => host.get(request.number));
  const isIt = found !== null && found.state === "merged" && found.branch === own.branch && found.base === base.branch;
  // It was that request's, whatever people put on top; of a later push only what the request had last can tell.
  const isOfRequest = request.state === "open" && pushed === written;
  return isIt && (isOfRequest || found.head === commit) ? true : null;
}
