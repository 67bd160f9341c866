/** What a change between Sealed Secrets and files that are applied as Secrets does in a cluster, told before it is made. Pure. */

import { type InventoryFile, isSecretPath } from "./base/index.js";
import type { Plan } from "./plan/index.js";
import type { SealMode } from "./seal/index.js";

const WAY =
  "go by way of secrets.mode cluster, with deploy/rbac-cluster-secrets.yaml, and let each of the two be applied: see docs/tutorials/secrets.md, section 4";

/** Shown as long as Git holds files of the former mode; in modes with files the agent may not touch a Secret, so nobody hands them over. */
export function betweenModes(
  owned: readonly InventoryFile[],
  { reencryption }: Pick<Plan, "reencryption">,
  mode: SealMode["mode"],
  sealing: string,
): readonly string[] {
  if (reencryption === null || mode === "cluster") return [];
  const isNow = mode === "sealed-secrets";
  // The one kind of file of which it is known for which key each value is sealed.
  const isOfTheOther = ({ path, cluster, written, sealing: former, certificates }: InventoryFile) =>
    isSecretPath(path) &&
    cluster === undefined &&
    // A person's file may stay for ever.
    written === undefined &&
    former !== undefined &&
    former !== sealing &&
    (certificates !== undefined) !== isNow;
  if (!owned.some(isOfTheOther)) return [];
  return [
    isNow
      ? `the Sealed Secrets controller takes no Secret over that is there already, and the former ones are removed as their files leave Git: credentials can be missing in the cluster for a while; ${WAY}`
      : `with each SealedSecret that leaves Git the cluster removes the Secret that it owns: credentials are missing until the files of now are applied once more; ${WAY}`,
  ];
}
