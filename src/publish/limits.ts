/** The time that a Git host wants to be left alone, over as many cycles as it takes. */

import { LONGEST_LIMIT, waitUntil } from "../adapters/hosts/index.js";
import { Failure } from "../common/failure.js";
import type { Proposal } from "../state/index.js";
import type { ProposeOptions } from "./options.js";

/** Throws `RateLimited` before that time; what the host asks for meanwhile is kept, with what `work` keeps. */
export async function withinLimits<T>(
  { memory, keep, clock }: Pick<ProposeOptions, "memory" | "keep" | "clock">,
  work: (keep: ProposeOptions["keep"]) => Promise<T>,
): Promise<T> {
  const { notBefore } = memory;
  // Never for longer than a host may ask for, whatever happened to the clock since.
  const wait = notBefore === null ? 0 : Date.parse(notBefore) - clock.now().getTime();
  if (notBefore !== null && wait > 0 && wait <= LONGEST_LIMIT) throw tooEarly(notBefore);
  // What was pushed before the host refused stays known.
  let latest = memory;
  const keeping = async (next: Proposal) => {
    await keep(next);
    latest = next;
  };
  try {
    return await work(keeping);
  } catch (thrown) {
    const until = waitUntil(thrown);
    if (until !== null) await keep({ ...latest, notBefore: until.toISOString() });
    throw thrown;
  }
}

const tooEarly = (until: string) =>
  new Failure(`the Git host asked the agent to wait until ${until}`, {
    code: "RateLimited",
    stage: "publish",
    hint: "A cycle after that goes on by itself.",
    retryable: true,
  });
