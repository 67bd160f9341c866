/** A plan of which the cluster has the Secrets: made anew while the API server refuses any, with their Applications set aside. */

import type { Admit } from "./admission.js";
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
  for (;;) {
    const planned = await planOn({ ...planning, admit: without(refused, planning.admit) });
    if (clusterSecrets === null || planned.isSuspended) return planned;
    const { plan } = planned;
    const more = await planning.watch.time("publish", () => clusterSecrets.bring(plan, planning.looks.first));
    if (more.length === 0) return planned;
    // As often as others are refused: each time there are fewer left.
    for (const each of more) refused.set(each.id, each);
  }
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
