/** A plan of which the cluster has the Secrets: made anew while the API server refuses any, with their Applications set aside. */

import type { Admit } from "./admission.js";
import { withReferredSecrets } from "./base/index.js";
import type { ClusterSecrets } from "./cluster-secrets.js";
import type { SetAside } from "./model/index.js";
import { type Planned, type Planning, planOn } from "./plan-cycle.js";

/**
 * `refused` by id: what it holds is set aside from the beginning, and what the API server refuses is added. Without
 * `clusterSecrets` nothing is to be written anywhere: gives the plan as it is made.
 */
export async function planBrought(
  planning: Planning,
  clusterSecrets: ClusterSecrets | null,
  refused: Map<string, SetAside>,
): Promise<Planned> {
  const marked = await markedNamespaces(planning);
  for (;;) {
    const planned = await planOn({ ...planning, admit: without(refused, planning.admit) });
    if (clusterSecrets === null || planned.isSuspended) return planned;
    const { plan, notes } = planned;
    const brought = await planning.watch.time("publish", () =>
      clusterSecrets.bring(plan, planning.looks.first, marked),
    );
    if (brought.refused.length === 0) return { ...planned, notes: [...notes, ...brought.notes] };
    // As often as others are refused: each time there are fewer left.
    for (const each of brought.refused) refused.set(each.id, each);
  }
}

/** Where the agent remembers to have applied Secrets, or where Applications of an inventory that does not verify refer to some. */
async function markedNamespaces({ base, memory: { marked }, config }: Planning): Promise<readonly string[]> {
  if (base.inventory.state !== "unverified" || (await withReferredSecrets(base)).inCluster.size === 0) return marked;
  return [...new Set([...marked, config.applications.namespace])];
}

const without =
  (refused: ReadonlyMap<string, SetAside>, admit: Admit): Admit =>
  async ({ sealed, ...submission }) => {
    const admitted = await admit({
      ...submission,
      sealed: sealed.filter(({ application }) => !refused.has(application.id)),
    });
    const aside = sealed.flatMap(({ application }) => refused.get(application.id) ?? []);
    return { ...admitted, setAside: [...admitted.setAside, ...aside] };
  };
