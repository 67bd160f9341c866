/** Stages render, seal and plan over one decision; a second time where files are to be sealed anew by themselves. */

import { nextBatch, type Plan } from "./plan/index.js";
import type { Rendering } from "./render/index.js";
import type { Sealing } from "./seal/index.js";

export interface FileStages {
  /** `again`: ids of Applications that are rendered in any case. */
  readonly render: (again: ReadonlySet<string>) => Promise<Rendering>;
  /** `reseal`: paths of Secrets that are sealed anew in any case. */
  readonly seal: (rendering: Rendering, reseal: ReadonlySet<string>) => Promise<Sealing>;
  readonly plan: (rendering: Rendering, sealing: Sealing, batch: ReadonlySet<string>) => Promise<Plan>;
}

export interface PlannedFiles {
  readonly rendering: Rendering;
  readonly sealing: Sealing;
  readonly plan: Plan;
}

const NONE: ReadonlySet<string> = new Set();

/**
 * What changed in Compass comes first, in a commit of its own. Only when there is nothing else to do are Secrets sealed anew
 * that are still for another mode or other recipients, a batch at a time. Those that cannot be written (their Application is
 * set aside as soon as it is looked at) give their room to the next ones: else the first fifty of them stopped all others.
 */
export async function planFiles({ render, seal, plan }: FileStages): Promise<PlannedFiles> {
  const run = async (again: ReadonlySet<string>, reseal: ReadonlySet<string>): Promise<PlannedFiles> => {
    const rendering = await render(again);
    const sealing = await seal(rendering, reseal);
    return { rendering, sealing, plan: await plan(rendering, sealing, reseal) };
  };
  const first = await run(NONE, NONE);
  const { writes, deletes } = first.plan;
  if (writes.size + deletes.length > 0) return first;
  const stuck = new Set<string>();
  let last = first;
  for (;;) {
    const batch = nextBatch(first.sealing.waiting, stuck);
    // Where none can be written, nothing that goes with the first of them is either.
    if (batch.length === 0) return (last.plan.reencryption?.done.length ?? 0) > 0 ? last : first;
    last = await run(new Set(batch.map(({ id }) => id)), new Set(batch.map(({ path }) => path)));
    const done = new Set(last.plan.reencryption?.done);
    const undone = batch.filter(({ path }) => !done.has(path));
    if (undone.length <= done.size) return last;
    for (const { path } of undone) stuck.add(path);
  }
}
